"""The files of the workspace for the prompt's `@`: the port of `minicode.tui.completion.FileNames`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress

from minicode.errors import MinicodeError
from minicode.workspace.folder import Refused
from minicode.workspace.git import run_git
from minicode.workspace.search import list_files
from minicode.workspace.workspace import Workspace

_SECONDS = 30.0
_BYTES = 64 * 2**20  # the names of about a million files


class ScreenFiles:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def names(self) -> Sequence[str]:
        """By git where it can: that is quicker than to look at each file. None where they cannot be listed, since one
        can do without."""
        root = self._workspace.root
        try:
            with suppress(Refused):  # there is no git
                words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
                finished = await run_git(self._workspace, words, folder=root, seconds=_SECONDS, keep=_BYTES)
                if finished.code == 0:
                    output = os.fsdecode(finished.output[: finished.beginning])
                    return output.split("\0")[:-1]
            listing = await list_files(self._workspace, root)
        except (MinicodeError, OSError):
            return ()
        skipped = len(os.path.join(root, ""))  # noqa: PTH118 - that of / has no second slash
        return await asyncio.to_thread(lambda: [str(file)[skipped:] for file in listing.files])
