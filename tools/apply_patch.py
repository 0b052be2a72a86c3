"""Change several files by a patch."""

from typing import Annotated

from minicode.toolkit import (
    WIDEST,
    Diff,
    Line,
    Result,
    Scope,
    Show,
    foresee,
    foresee_patch,
    new_errors,
    patch_files,
    tool,
    unified,
)


def preview(scope: Scope, patch: str) -> list[Show]:
    found: list[Show] = []
    for file in foresee_patch(scope.workspace, patch):
        found += [Line(f"{file.name}: {note}") for note in file.notes]
        found.append(foresee(file.was, "" if file.gone else file.name, file.before, file.after))
    return found


@tool(effect="writes", preview=preview)
async def apply_patch(
    scope: Scope,
    patch: Annotated[str, "Unified diff, or *** Begin Patch with Add, Update, Delete File, Move to"],
) -> Result:
    """Change, add, move, delete several files at once: all or none. Line numbers may be wrong, context not."""
    told: list[str] = []
    show: list[Show] = []
    for file in patch_files(scope.workspace, patch):
        diff = unified(file.name, file.before, file.after, WIDEST)
        told.append("; ".join((file.told, *file.notes)) + ".")
        show.append(Diff(file.name, diff) if diff else Line(file.told))
        if any("ignoring" in note for note in file.notes):
            told.append(f"This was done:\n{diff}")
        wrong = await new_errors(scope.workspace, file.name, file.before, file.after) if file.after else ""
        if wrong:
            told.append(wrong)
            show.append(Line(wrong))
    return Result("\n".join(told), tuple(show))
