"""Read a text file, or a slice of it."""

from typing import Annotated

from minicode.toolkit import (
    CAP,
    Line,
    Nested,
    Result,
    Scope,
    clean,
    code_of,
    count,
    decode,
    find_symbols,
    no_grammar,
    tool,
)

LONGEST = 2000  # characters of one line


@tool(effect="reads")
async def read(
    scope: Scope,
    file_path: Annotated[str, "File, relative to the workspace or absolute"],
    offset: Annotated[int, "First line, from 1"] = 1,
    limit: Annotated[int, "How many lines"] = 2000,
    symbol: Annotated[str, "Only this function or class, such as A.run"] = "",
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
    notes = []
    if symbol:
        found, problem = await find_in(scope, str(path), symbol)
        if problem:
            return Result(f"{name} was not read: {problem}", failed=True)
        offset, limit = found[0].symbol.first, found[0].symbol.last - found[0].symbol.first + 1
        others = ", ".join(f"{one.path} at {one.symbol.first}-{one.symbol.last}" for one in found[1:6])
        notes += [f"also {others}"] if others else []
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
    if symbol and last == offset + limit - 1:
        notes.insert(0, f"{found[0].path}, lines {first}-{last} of {total}")
    elif last < total:
        notes.append(f"lines {first}-{last} of {total}; go on with offset {last + 1}")
    elif first > 1:
        notes.append(f"lines {first}-{last}, the end of the file")
    if "\r\n" in decoded.text:
        notes.append("CRLF line ends, kept by edit" if decoded.crlf else "mixed line ends, kept by edit")
    if decoded.codec != "utf-8":
        notes.append(f"encoding {decoded.codec}")
    notes += unlike(lines[first - 1 : last])
    text = "\n".join(shown) + (f"\n[{'; '.join(notes)}]" if notes else "")
    return Result(text, (Line(f"{name}: {count(len(shown), 'line')}"),))


def unlike(lines: list[str]) -> list[str]:
    """Why these lines are not in the file as they are shown."""
    found = []
    if any(len(line) > LONGEST for line in lines):
        found.append("lines are cut; bash with `cut -c` shows all of one")
    if any(clean(line) != line for line in lines):
        found.append("escape codes and hidden signs are not shown as they are: change such lines by bash, not edit")
    return found


async def find_in(scope: Scope, path: str, symbol: str) -> tuple[list[Nested], str]:
    """What a file calls so, or why there is nothing."""
    code, notes = await code_of(scope, [path])
    if path not in code:
        why = "; ".join(notes) or no_grammar([path]) or "it is not in a language whose symbols are seen"
        return [], f"{why}. Ask without a symbol."
    found = find_symbols(code[path].symbols, symbol)
    if found:
        return found, ""
    from difflib import get_close_matches

    names = [one.name for one in code[path].symbols]
    near = get_close_matches(symbol.rpartition(".")[2], names, n=3) or names[:8]
    return (
        [],
        f"it defines no {symbol}. It defines {', '.join(near)}." if near else f"it defines no {symbol}, nor others.",
    )
