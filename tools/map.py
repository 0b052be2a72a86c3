"""The definitions that count most in the workspace."""

from typing import Annotated

from minicode.toolkit import CAP, Line, Result, Scope, code_map, count, tool

MOST = (CAP - 1000) // 3  # tokens: what is longer would be cut


@tool(effect="reads")
async def map(
    scope: Scope,
    tokens: Annotated[int, "How long it may be"] = 2000,
    focus: Annotated[str, "Paths or names to centre it on"] = "",
) -> Result:
    """Map the repository: its most used definitions, by file, with line numbers."""
    made = await code_map(scope, min(max(tokens, 100), MOST), focus)
    notes = [f"{made.shown} of {count(made.files, 'source file')}; outline tells all that a file defines", *made.notes]
    if not made.text:
        return Result(f"No definitions are seen here.\n[{'; '.join(made.notes)}]" if made.notes else "No code is here.")
    return Result(f"{made.text}\n[{'; '.join(notes)}]", (Line(f"{made.shown} of {count(made.files, 'file')}"),))
