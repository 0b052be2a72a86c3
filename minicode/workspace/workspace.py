"""The workspace as one value: its folder, its files, its processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minicode.workspace.files import Files
from minicode.workspace.folder import Folder
from minicode.workspace.processes import Finished, Processes, Wrap


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything a tool may touch. One per session: it remembers which files the model has seen."""

    folder: Folder
    files: Files
    processes: Processes

    @classmethod
    def at(
        cls,
        root: Path,
        extra: Sequence[Path] = (),
        readable: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        wrap: Wrap | None = None,
    ) -> Workspace:
        """extra: folders as free as the root. readable: folders that may only be read, such as where outputs are kept.

        environment: of the processes; by default made from ours without secrets. wrap: see `Processes`. Raises
        Refused if a folder is not there.
        """
        folder = Folder.at(root, extra, readable)
        return cls(folder, Files(folder), Processes(environment, wrap))

    @property
    def root(self) -> Path:
        return self.folder.root

    async def shell(
        self, command: str, *, seconds: float | None = None, on_output: Callable[[bytes], None] | None = None
    ) -> Finished:
        """Run a command line in the root, as `Processes.run`."""
        shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        return await self.processes.run([shell, "-c", command], self.root, seconds=seconds, on_output=on_output)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private empty folder outside the root that programs may use too; it is gone at the end."""
        import tempfile

        with tempfile.TemporaryDirectory(prefix="minicode-") as name:
            yield Path(name)
