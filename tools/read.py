"""Read a text file, or a slice of it."""

from typing import Annotated

from minicode.toolkit import CAP, Line, Result, Scope, count, decode, tool

LONGEST = 2000  # characters of one line


@tool(effect="reads")
async def read(
    scope: Scope,
    file_path: Annotated[str, "File, relative to the workspace or absolute"],
    offset: Annotated[int, "First line, from 1"] = 1,
    limit: Annotated[int, "How many lines"] = 2000,
) -> Result:
    """Read a text file. Each line comes as its number, a tab, its text; the number and the tab are not in the file."""
    path = scope.workspace.folder.resolve(file_path)
    content = scope.workspace.files.read(path)
    name = scope.workspace.folder.show(path)
    decoded = decode(content.data, name)
    scope.workspace.files.remember(content)
    lines = decoded.text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    total = len(lines) if decoded.text else 0
    if not total:
        return Result(f"[{name} is empty]", (Line(f"{name}: empty"),))
    first = max(offset, 1) if offset >= 0 else max(total + offset + 1, 1)
    if first > total:
        return Result(f"{name} has only {count(total, 'line')}; offset {offset} is beyond its end.", failed=True)
    shown, size = [], 0
    for number, line in enumerate(lines[first - 1 : first - 1 + max(limit, 1)], first):
        cut = f"{line[:LONGEST]} [… {len(line) - LONGEST:,} more characters]" if len(line) > LONGEST else line
        size += len(cut.encode("utf-8", "replace")) + len(str(number)) + 2
        if size > CAP - 1000:
            break
        shown.append(f"{number}\t{cut}")
    last = first + len(shown) - 1
    notes = []
    if last < total:
        notes.append(f"lines {first}-{last} of {total}; go on with offset {last + 1}")
    elif first > 1:
        notes.append(f"lines {first}-{last}, the end of the file")
    if "\r\n" in decoded.text:
        notes.append("CRLF line ends, kept by edit" if decoded.crlf else "mixed line ends, kept by edit")
    if decoded.codec != "utf-8":
        notes.append(f"encoding {decoded.codec}")
    text = "\n".join(shown) + (f"\n[{'; '.join(notes)}]" if notes else "")
    return Result(text, (Line(f"{name}: {count(len(shown), 'line')}"),))
