"""Replace one piece of text in a file."""

from typing import Annotated

from minicode.toolkit import Diff, Refused, Result, Scope, count, decode, find_edit, tool, unified


@tool(effect="writes")
async def edit(
    scope: Scope,
    file_path: Annotated[str, "File to change"],
    old_string: Annotated[str, "Exact text to replace, with enough lines to be unique; no line numbers"],
    new_string: Annotated[str, "Text to put there"],
    replace_all: Annotated[bool, "Replace every occurrence"] = False,
) -> Result:
    """Replace old_string by new_string in a file. Line ends, encoding and mode of the file are kept."""
    path = scope.workspace.folder.resolve(file_path, write=True)
    files, name = scope.workspace.files, scope.workspace.folder.show(path)
    content = files.read(path)
    if files.seen(content) is False:
        raise Refused(f"{name} has changed since you read it; nothing was changed. Read it again, then edit.")
    decoded = decode(content.data, name)
    foreign = {c for c in new_string if not c.isascii()} - set(old_string)
    if decoded.codec == "latin-1" and foreign:
        shown = "".join(sorted(foreign))[:20]
        raise Refused(f"{name} is not UTF-8 and its encoding is not known, so {shown!r} cannot be put into it safely.")
    change = find_edit(decoded.text, old_string, new_string, everywhere=replace_all, name=name)
    files.write(path, decoded.encode(change.text), content)
    diff = unified(name, decoded.text, change.text)
    places = f"at line {change.lines[0]}" if len(change.lines) == 1 else f"in {count(len(change.lines), 'place')}"
    text = f"Changed {name} {places}."
    if change.how:
        text += f" old_string was found only ignoring {change.how}; this was done:\n{diff}"
    return Result(text, (Diff(name, diff),))
