"""The branch and the number of changed files for the status line, asked of git so that nothing there can run."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from minicode.errors import MinicodeError
from minicode.text import clean
from minicode.workspace.git import run_git
from minicode.workspace.processes import Finished
from minicode.workspace.workspace import Workspace

_SECONDS = 2.0  # then there is no answer: a repository that is so big must not cost more than that
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal")
_KEEP = 2**20  # bytes of what git lists
_CHANGED = ("1 ", "2 ", "u ", "? ")


class ScreenRepo(NamedTuple):
    """`minicode.tui.status.Repo` of a workspace."""

    workspace: Workspace
    seconds: float = _SECONDS

    async def look(self) -> tuple[str, int] | None:
        try:
            async with asyncio.timeout(self.seconds):
                found = await run_git(self.workspace, _STATUS, seconds=self.seconds, keep=_KEEP)
        except (MinicodeError, OSError, TimeoutError):
            return None
        return _read(found)


def _read(found: Finished) -> tuple[str, int] | None:
    if found.code or found.ended:
        return None
    lines = found.output.decode("utf-8", "replace").split("\n")  # a name may hold what else ends a line
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    branch = heads.get("branch.head", "")
    if branch == "(detached)":
        branch = heads.get("branch.oid", "")[:7]
    return clean(branch), sum(line.startswith(_CHANGED) for line in lines)
