"""Find files by name."""

from typing import Annotated

from minicode.toolkit import Line, Result, Scope, count, list_files, tool


@tool(effect="reads")
async def glob(
    scope: Scope,
    pattern: Annotated[str, "Such as *.py (any folder), src/**/*.ts, * (all)"],
    path: Annotated[str, "Folder to look in"] = ".",
    limit: Annotated[int, "How many files"] = 200,
) -> Result:
    """List files by name, newest first; what .gitignore hides is left out."""
    folder = scope.workspace.folder
    under = folder.resolve(path)
    # Models also give the whole path as the pattern.
    found = await list_files(scope.workspace, under, pattern.removeprefix(f"{under}/"))
    files, more = found.files, f"\n[{found.note}]" if found.note else ""
    if not files:
        return Result(f"No file matches {pattern}.{more}", (Line(f"{pattern}: no files"),))
    limit = max(limit, 1)
    lines = [folder.show(file) for file in files[:limit]]
    if len(files) > limit:
        lines.append(f"[{limit} of {len(files):,} files; narrow the pattern or raise limit]")
    return Result("\n".join(lines) + more, (Line(f"{pattern}: {count(len(files), 'file')}"),))
