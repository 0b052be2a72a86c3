"""Search file contents."""

from pathlib import Path
from typing import Annotated, Literal

from minicode.toolkit import (
    Line,
    Parsed,
    Query,
    Result,
    Row,
    Scope,
    clean,
    code_of,
    count,
    enclosing,
    search_text,
    tool,
)

LONGEST = 400  # characters of one row
MOST_FILES = 100  # in which is looked for what is around a row


@tool(effect="reads")
async def grep(
    scope: Scope,
    pattern: Annotated[str, "Regular expression, matched within lines"],
    path: Annotated[str, "File or folder to search"] = ".",
    glob: Annotated[str, "Only files like this: *.py, src/**/*.ts"] = "",
    output_mode: Annotated[
        Literal["content", "files_with_matches", "count"], "content gives path:line:text"
    ] = "content",
    ignore_case: bool = False,
    limit: Annotated[int, "How many rows"] = 200,
    symbols: Annotated[bool, "Add the function each row is in"] = False,
) -> Result:
    """Search file contents with ripgrep; what .gitignore hides is left out."""
    folder = scope.workspace.folder
    mode: Literal["content", "files", "count"] = "files" if output_mode == "files_with_matches" else output_mode
    under = folder.resolve(path)
    found = await search_text(scope.workspace, Query(pattern, under, glob, mode, ignore_case))
    rows = found.rows
    if not rows:
        note = " in the time there was; search a smaller part" if found.partial else ""
        more = f"\n[{found.note}]" if found.note else ""
        where = f" in {folder.show(under)}" if folder.show(under) != "." else ""
        like = f", in files like {glob}" if glob else ""
        return Result(f"No matches{where}{like}{note}.{more}", (Line(f"{pattern!r}: no matches"),))

    limit = max(limit, 1)
    code: dict[str, Parsed] = {}
    if symbols and mode == "content":
        files = list(dict.fromkeys(row.path for row in rows[:limit]))
        code, _ = await code_of(scope, files[:MOST_FILES])

    def told(row: Row) -> str:
        name = folder.show(Path(row.path))
        match mode:
            case "files":
                return name
            case "count":
                return f"{name}:{row.number}"
        text = scope.hide(clean(row.text.rstrip()))  # before the cut: half a secret would be known no more
        around = enclosing(code[row.path].symbols, row.number) if row.path in code else ""
        return (
            f"{name}:{row.number}:{text[:LONGEST]}{'…' * (len(text) > LONGEST)}{f'  [in {around}]' if around else ''}"
        )

    lines = [clean(told(row)) for row in rows[:limit]]
    total = f"{'more than ' if found.partial else ''}{count(len(rows), 'row')}"
    if len(rows) > limit or found.partial:
        lines.append(f"[{min(limit, len(rows))} of {total}; narrow the search or raise limit]")
    if found.note:
        lines.append(f"[{found.note}]")
    return Result("\n".join(lines), (Line(f"{pattern!r}: {total}"),))
