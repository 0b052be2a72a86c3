"""Write a whole file."""

from typing import Annotated

from minicode.toolkit import WIDEST, Diff, Line, Refused, Result, Scope, count, decode, new_errors, tool, unified


@tool(effect="writes")
async def write(
    scope: Scope,
    file_path: Annotated[str, "File to make or to overwrite"],
    content: Annotated[str, "The whole content"],
) -> Result:
    """Write a whole file; missing folders are made. A file that exists must have been read before; prefer edit."""
    path = scope.workspace.folder.resolve(file_path, write=True)
    files, name = scope.workspace.files, scope.workspace.folder.show(path)
    before = files.read_if_there(path)
    if before is None:
        files.write(path, _encoded(content), None)
        lines = len(content.removesuffix("\n").split("\n")) if content else 0
        text = f"Made {name} ({count(lines, 'line')}, {len(content.encode()):,} bytes)."
        return await _told(scope, name, "", content, text)
    if before.data == _encoded(content):
        files.remember(before)
        return Result(f"{name} has this content already; nothing was written.", (Line(f"{name}: unchanged"),))
    match files.seen(before):
        case None:
            raise Refused(
                f"{name} exists and you have not read it; nothing was written. Read it first, then edit or write."
            )
        case False:
            raise Refused(f"{name} has changed since you read it; nothing was written. Read it again.")
    old = decode(before.data, name)
    if old.crlf and "\r\n" not in content:
        content = content.replace("\n", "\r\n")
    data = old.encode(content) if old.codec != "latin-1" or content.isascii() else _encoded(content)
    files.write(path, data, before)
    note = " Its encoding is now UTF-8." if old.codec == "latin-1" and not content.isascii() else ""
    text = f"Overwrote {name} ({len(data):,} bytes, before {len(before.data):,}).{note}"
    return await _told(scope, name, old.text, content, text)


async def _told(scope: Scope, name: str, before: str, after: str, text: str) -> Result:
    diff = Diff(name, unified(name, before, after, WIDEST))
    wrong = await new_errors(scope.workspace, name, before, after)
    return Result(f"{text}\n{wrong}", (diff, Line(wrong))) if wrong else Result(text, (diff,))


def _encoded(content: str) -> bytes:
    try:
        return content.encode()
    except UnicodeEncodeError:
        raise Refused("content holds a lone surrogate, which no file can hold; nothing was written.") from None
