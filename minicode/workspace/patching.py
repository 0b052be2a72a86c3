"""Apply a patch to the workspace: every file of it is worked out before the first is written."""

from __future__ import annotations

from typing import NamedTuple

from minicode.workspace.drafts import open_draft
from minicode.workspace.folder import Refused
from minicode.workspace.patch_text import FilePatch, parse_patch
from minicode.workspace.patches import apply_hunks, new_text
from minicode.workspace.together import Step, change_together
from minicode.workspace.workspace import Workspace


class Patched(NamedTuple):
    """What became of a file. told: a phrase. name: as it is called now. notes: what was not as the patch says. was: as
    it was called, "" if it is new. gone: it is there no more."""

    told: str
    name: str
    before: str
    after: str
    notes: tuple[str, ...] = ()
    was: str = ""
    gone: bool = False


class _Planned(NamedTuple):
    steps: tuple[Step, ...]
    patched: Patched


def patch_files(workspace: Workspace, patch: str) -> list[Patched]:
    """All of it or nothing. Raises Refused, with what does not fit."""
    plans, steps = _planned(workspace, patch)
    change_together(workspace.files, steps)
    return [plan.patched for plan in plans]


def foresee_patch(workspace: Workspace, patch: str) -> list[Patched]:
    """What `patch_files` would do. Raises Refused as far as that would, if nothing changes meanwhile."""
    plans, steps = _planned(workspace, patch)
    for step in steps:
        workspace.files.check(step.path, step.before)
    return [plan.patched for plan in plans]


def _planned(workspace: Workspace, patch: str) -> tuple[list[_Planned], list[Step]]:
    plans = [_plan(workspace, file) for file in parse_patch(patch)]
    steps = [step for plan in plans for step in plan.steps]
    if len({step.path for step in steps}) < len(steps):
        raise Refused("The patch names the same file twice by different names; nothing was changed.")
    return plans, steps


def paths_named(patch: str) -> list[str]:
    """Every path that the patch would change, as it is written; none if it cannot be applied at all."""
    try:
        return [path for file in parse_patch(patch) for path in (file.path, file.moved) if path]
    except Refused:
        return []


def _plan(workspace: Workspace, file: FilePatch) -> _Planned:
    folder, files = workspace.folder, workspace.files
    if file.kind == "add":
        path = folder.resolve(file.path, write=True)
        name, text = folder.show(path), new_text(file.hunks)
        if files.read_if_there(path) is not None:
            raise Refused(f"{name} exists already, so the patch cannot add it; nothing was changed.")
        return _Planned((Step(path, _encoded(text, name)),), Patched(f"Added {name}", name, "", text))
    draft = open_draft(workspace, file.path)
    name, text = draft.name, draft.text
    if file.kind == "delete":
        if file.hunks:
            if apply_hunks(text, file.hunks, name).text:
                raise Refused(f"The patch deletes {name}, but more is in it than the patch says; nothing was changed.")
        elif files.seen(draft.content) is None:
            raise Refused(f"You have not read {name}, so it is not deleted; nothing was changed. Read it first.")
        return _Planned(
            (Step(draft.path, None, draft.content),), Patched(f"Deleted {name}", name, text, "", (), name, gone=True)
        )
    applied = apply_hunks(text, file.hunks, name)
    data = draft.encode(applied.text)
    if not file.moved:
        if applied.text == text:
            raise Refused(f"{name} already reads as the patch wants it; nothing was changed.")
        patched = Patched(f"Changed {name}", name, text, applied.text, applied.notes, name)
        return _Planned((Step(draft.path, data, draft.content),), patched)
    path = folder.resolve(file.moved, write=True)
    target = folder.show(path)
    if files.read_if_there(path) is not None:
        raise Refused(f"{target} exists already, so {name} cannot be moved there; nothing was changed.")
    steps = (Step(path, data, None, draft.path), Step(draft.path, None, draft.content))
    told = f"Moved {name} to {target}" + (" and changed it" if applied.text != text else "")
    return _Planned(steps, Patched(told, target, text, applied.text, applied.notes, name))


def _encoded(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused(f"{name} would hold a lone surrogate, which no file can hold; nothing was written.") from None
