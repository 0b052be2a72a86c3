"""The workspace as one value: its folder, its files, its processes."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from minicode.sandbox.policy import Grant
from minicode.workspace.files import Files
from minicode.workspace.folder import Folder, Refused
from minicode.workspace.interpreter import Interpreter
from minicode.workspace.job import Job, line_in
from minicode.workspace.jobs import Jobs
from minicode.workspace.processes import Box, Finished, Processes
from minicode.workspace.watch import Watch

_BASH = "/bin/bash"
_MOVES = re.compile(r"\b(?:cd|pushd|popd)\b")  # such a command may end elsewhere than it began


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything a tool may touch. One per session: it remembers which files the model has seen."""

    folder: Folder
    files: Files
    processes: Processes
    scratch_folder: Path | None = None
    mends: bool = False
    jobs: Jobs = field(default_factory=Jobs)
    interpreter: Interpreter = field(default_factory=Interpreter)

    @classmethod
    def at(
        cls,
        root: Path,
        extra: Sequence[Path] = (),
        readable: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        box: Box | None = None,
        hidden: Sequence[Path] = (),
        scratch: Path | None = None,
        mends: bool = False,
        promotes: bool = False,
        passing: bool = False,
        session: str = "",
    ) -> Workspace:
        """extra: folders as free as the root. readable: folders that may only be read, such as where outputs are kept.

        environment: of the processes; by default made from ours without secrets. box: see `Processes`. hidden: may be
        neither read nor written, save what is below `readable`. scratch: where `scratch` makes its folders; commands
        see it under the same path. mends: `watched` puts back what it finds changed, since the sandbox cannot protect
        it. promotes, passing: see `Jobs`. session: see `Processes`. Raises Refused if a folder is not there.
        """
        folder = Folder.at(root, extra, readable, hidden)
        processes = Processes(environment, box, session=session)
        return cls(folder, Files(folder), processes, scratch, mends, Jobs(promotes=promotes, passing=passing))

    def granting(self, grant: Grant) -> Workspace:
        """The same workspace, for programs that may do something else."""
        return replace(self, processes=self.processes.granting(grant))

    @property
    def root(self) -> Path:
        return self.folder.root

    async def shell(
        self, command: str, *, seconds: float | None = None, on_output: Callable[[bytes], None] | None = None
    ) -> Finished:
        """Run a command line in the root, as `Processes.run`."""
        return await self._launch(command, self.root)(seconds=seconds, on_output=on_output)

    async def command(
        self,
        command: str,
        *,
        seconds: float,
        call_id: str = "",
        on_output: Callable[[bytes], None] | None = None,
        cwd: str = "",
        tty: bool = False,
    ) -> Job:
        """Run a command line, as `Jobs.foreground`. cwd: where, relative to the root. tty: on a terminal. Raises
        Refused if there is no such folder in the workspace."""
        folder = self._place(cwd)
        job = Job(line_in(self.folder.show(folder), command), call_id, self.processes.grant, tty=tty)
        await self.jobs.foreground(job, self._launch(command, folder), self._unmended, seconds, on_output)
        return job

    async def background(self, command: str, call_id: str = "", *, cwd: str = "", tty: bool = False) -> Job:
        """Start a command line, as `Jobs.background`; cwd, tty: as in `command`."""
        folder = self._place(cwd)
        job = Job(line_in(self.folder.show(folder), command), call_id, self.processes.grant, tty=tty)
        await self.jobs.background(job, self._launch(command, folder), self._unmended)
        return job

    def _place(self, cwd: str) -> Path:
        if not cwd:
            return self.root
        folder = self.folder.resolve(cwd)
        if not folder.is_dir():
            raise Refused(f"{self.folder.show(folder)} is no folder, so nothing can be run in it.")
        return folder

    def _launch(self, command: str, folder: Path) -> Callable[..., Awaitable[Finished]]:
        if _MOVES.search(command) and os.access(_BASH, os.X_OK):
            return partial(self._followed, command, folder)
        shell = _BASH if os.access(_BASH, os.X_OK) else "/bin/sh"
        return partial(self.processes.run, [shell, "-c", command], folder)

    async def _followed(self, command: str, folder: Path, **more: Any) -> Finished:
        from minicode.workspace.whereabouts import whereabouts  # for `cd` alone

        # What runs outside the sandbox writes nothing where others in it could have put a link.
        with whereabouts(None if self.processes.grant.host else self.scratch_folder) as where:
            run = self.processes.run([_BASH, "-c", command], folder, environment=where.environment, **more)
            return (await run)._replace(folder=where.last())

    @property
    def _unmended(self) -> Callable[[Callable[[str], None], str], AbstractContextManager[list[str]]]:
        """A job's watch is long: to put back what was there at its beginning would undo what others did since."""
        return replace(self, mends=False).watched

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private empty folder outside the root that programs may use too; it is gone at the end."""
        import tempfile

        with tempfile.TemporaryDirectory(
            prefix="minicode-", dir=self.scratch_folder, ignore_cleanup_errors=True
        ) as name:
            yield Path(name)

    @contextmanager
    def watched(self, alarm: Callable[[str], None], who: str = "The command") -> Iterator[list[str]]:
        """Around commands: tells of what they changed of git's and agents' settings. What was told is in the list at
        the end. What the user let run outside the sandbox is not put back. who: begins each sentence.
        """
        mends = self.mends and not self.processes.grant.host
        watch = Watch((self.root, *self.folder.extra), keep=mends)
        told: list[str] = []
        watch.before()
        try:
            yield told
        finally:
            if changed := watch.after():
                failed = watch.restore(changed) if mends else changed
                told += self._alarms(who, set(changed) - set(failed), "which was put back as it was")
                told += self._alarms(who, set(failed), "which can start programs later: look at it first")
                for text in told:
                    alarm(text)

    def _alarms(self, who: str, changed: set[Path], fate: str) -> list[str]:
        """A sentence, if anything was changed. What lies in something that is named is not named."""
        paths = sorted(path for path in changed if not changed.intersection(path.parents))
        names = ", ".join(self.folder.show(path) for path in paths[:5])
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        return [f"{who} changed {names}{more}, {fate}."] if paths else []
