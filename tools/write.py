"""Write a whole file."""

from pathlib import Path
from typing import Annotated, NamedTuple

from minicode.toolkit import (
    WIDEST,
    Content,
    Diff,
    Line,
    Refused,
    Result,
    Scope,
    Workspace,
    count,
    decode,
    foresee,
    new_errors,
    tool,
    unified,
)


class Plan(NamedTuple):
    """found: the file as it is, None if there is none. before, after: its text; data: its bytes afterwards. note: what
    the user and M2 should know of it."""

    path: Path
    name: str
    found: Content | None
    before: str
    after: str
    data: bytes
    note: str = ""

    @property
    def same(self) -> bool:
        return self.found is not None and self.found.data == self.data


def plan(workspace: Workspace, file_path: str, content: str) -> Plan:
    path = workspace.folder.resolve(file_path, write=True)
    files, name = workspace.files, workspace.folder.show(path)
    found = files.read_if_there(path)
    if found is None or found.data == _encoded(content):
        return Plan(path, name, found, "", content, _encoded(content))
    old = decode(found.data, name)  # what cannot be read must not be told to be read first
    match files.seen(found):
        case None:
            raise Refused(
                f"{name} exists and you have not read it; nothing was written. Read it first, then edit or write."
            )
        case False:
            raise Refused(f"{name} has changed since you read it; nothing was written. Read it again.")
    if old.crlf and "\r\n" not in content:
        content = content.replace("\n", "\r\n")
    recoded = old.codec == "latin-1" and not content.isascii()
    data = _encoded(content) if recoded else old.encode(content)
    return Plan(path, name, found, old.text, content, data, "Its encoding is now UTF-8." if recoded else "")


def preview(scope: Scope, file_path: str, content: str) -> list[Diff | Line]:
    made = plan(scope.workspace, file_path, content)
    if made.same:
        return [Line(f"{made.name} has this content already; nothing would be written.")]
    scope.workspace.files.check(made.path, made.found)
    note = [Line("Its encoding will be UTF-8.")] if made.note else []
    return [foresee(made.name if made.found else "", made.name, made.before, made.after), *note]


@tool(effect="writes", preview=preview)
async def write(
    scope: Scope,
    file_path: Annotated[str, "File to make or to overwrite"],
    content: Annotated[str, "The whole content"],
) -> Result:
    """Write a whole file; missing folders are made. A file that exists must have been read before; prefer edit."""
    made = plan(scope.workspace, file_path, content)
    files, (path, name, found, before, after, data, note) = scope.workspace.files, made
    if found and made.same:
        files.remember(found)
        return Result(f"{name} has this content already; nothing was written.", (Line(f"{name}: unchanged"),))
    files.write(path, data, found)
    if found is None:
        lines = len(after.removesuffix("\n").split("\n")) if after else 0
        text = f"Made {name} ({count(lines, 'line')}, {count(len(data), 'byte')})."
    else:
        text = f"Overwrote {name} ({count(len(data), 'byte')}, before {len(found.data):,}). {note}".rstrip()
    diff = Diff(name, unified(name, before, after, WIDEST))
    wrong = await new_errors(scope.workspace, name, before, after)
    return Result(f"{text}\n{wrong}", (diff, Line(wrong))) if wrong else Result(text, (diff,))


def _encoded(content: str) -> bytes:
    try:
        return content.encode()
    except UnicodeEncodeError:
        raise Refused("content holds a lone surrogate, which no file can hold; nothing was written.") from None
