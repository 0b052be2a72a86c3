"""Replace pieces of text in a file."""

from typing import Annotated, NamedTuple, NotRequired, TypedDict

from minicode.toolkit import (
    WIDEST,
    Diff,
    Draft,
    Line,
    Refused,
    Result,
    Scope,
    Workspace,
    count,
    find_edit,
    foresee,
    new_errors,
    open_draft,
    tool,
    unified,
)


class Replacement(TypedDict):
    old_string: str
    new_string: str
    replace_all: NotRequired[bool]


class Plan(NamedTuple):
    """text: the whole file afterwards. places: lines. loose: what old_string was found ignoring, "" if nothing."""

    draft: Draft
    text: str
    places: list[int]
    loose: str


def plan(workspace: Workspace, file_path: str, wanted: list[Replacement]) -> Plan:
    draft = open_draft(workspace, file_path)
    name, text = draft.name, draft.text
    places: list[int] = []
    loose: dict[str, None] = {}
    for number, piece in enumerate(wanted, 1):
        everywhere = piece.get("replace_all", False)
        try:
            change = find_edit(text, piece["old_string"], piece["new_string"], everywhere=everywhere, name=name)
        except Refused as error:
            if len(wanted) == 1:
                raise
            raise Refused(f"Edit {number} of {len(wanted)}, and with it the others: {error}") from None
        text = change.text
        places += change.lines
        if change.how:
            loose[change.how] = None
    if text == draft.text:
        raise Refused("The edits undo one another; nothing was changed.")
    return Plan(draft, text, places, " and ".join(loose))


def pieces(old_string: str, new_string: str, replace_all: bool, edits: list[Replacement] | None) -> list[Replacement]:
    return [{"old_string": old_string, "new_string": new_string, "replace_all": replace_all}, *(edits or ())]


def preview(
    scope: Scope,
    file_path: str,
    old_string: str,
    new_string: str,
    replace_all: bool = False,
    edits: list[Replacement] | None = None,
) -> list[Diff | Line]:
    wanted = pieces(old_string, new_string, replace_all, edits)
    draft, text, _, loose = plan(scope.workspace, file_path, wanted)
    draft.encode(text)
    scope.workspace.files.check(draft.path, draft.content)
    found = [Line(f"old_string is found only ignoring {loose}: this is what would be done")] if loose else []
    return [*found, foresee(draft.name, draft.name, draft.text, text)]


@tool(effect="writes", preview=preview)
async def edit(
    scope: Scope,
    file_path: Annotated[str, "File to change"],
    old_string: Annotated[str, "Exact text to replace, with enough lines to be unique; no line numbers"],
    new_string: Annotated[str, "Text to put there"],
    replace_all: Annotated[bool, "Replace every occurrence"] = False,
    edits: Annotated[list[Replacement] | None, "More of them for this file, done in order, all or none"] = None,
) -> Result:
    """Replace old_string by new_string in a file. Line ends, encoding and mode of the file are kept."""
    wanted = pieces(old_string, new_string, replace_all, edits)
    draft, text, places, loose = plan(scope.workspace, file_path, wanted)
    name = draft.name
    scope.workspace.files.write(draft.path, draft.encode(text), draft.content)
    diff = unified(name, draft.text, text, WIDEST)
    where = f"at line {places[0]}" if len(places) == 1 else f"in {count(len(places), 'place')}"
    told = f"Changed {name} {where}."
    if loose:
        told += f" old_string was found only ignoring {loose}; this was done:\n{diff}"
    wrong = await new_errors(scope.workspace, name, draft.text, text)
    return Result(f"{told}\n{wrong}" if wrong else told, (Diff(name, diff), *([Line(wrong)] if wrong else [])))
