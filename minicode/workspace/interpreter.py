"""A Python that keeps its variables from one call to the next: one process a session, in the sandbox as any other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from minicode.sandbox.places import host_sockets, is_below, protected_places
from minicode.sandbox.policy import Grant, Held
from minicode.text import clean
from minicode.workspace.folder import Folder
from minicode.workspace.processes import Processes
from minicode.workspace.python_process import Performed, PythonProcess
from minicode.workspace.pythons import find_pythons
from minicode.workspace.unread import find_unread
from minicode.workspace.watch import Watch

_SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/run"))  # covered as a whole, whatever comes there later
_GONE = "its variables are gone"


class Ran(NamedTuple):
    """What became of a piece of code.

    done: of the call itself. late: what was printed between the last call and this one, by what that had left running.
    notes: on the interpreter, as that it is a new one. alarms: what changed since the last call of what only the user
    may change. held: by a sandbox.
    """

    done: Performed
    late: bytes
    notes: tuple[str, ...]
    alarms: tuple[str, ...]
    held: Held | None


class _View(NamedTuple):
    """What a process was given to see and to change when it was started; a running one cannot be given another.

    closed: what there was that it must not see or change; None if that could not all be found.
    """

    grant: Grant
    held: Held | None
    closed: frozenset[Path] | None


class Interpreter:
    """That of one session. It is started by the first call, and by the one after its end."""

    def __init__(self) -> None:
        self._process: PythonProcess | None = None
        self._view = _View(Grant(), None, None)
        self._watch: Watch | None = None
        self._calls = 0
        self._turn = asyncio.Lock()

    async def run(
        self,
        processes: Processes,
        folder: Folder,
        code: str,
        *,
        seconds: float,
        restart: bool = False,
        watches: bool = False,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Ran:
        """Run the code, interrupted after so many seconds or by a cancellation.

        A new process is started, and the old one ended, when `processes` may do something else than it could, or when
        there is something new that must not be seen or changed. watches: look for what was changed between the calls,
        as nothing protects it. Raises Refused if Python cannot be started.
        """
        async with self._turn:
            alarms = self._looked_back(folder)
            process, late, notes = await self._ready(processes, folder, restart)
            late += process.unread()
            self._calls += 1
            try:
                done = await process.perform(f"<call {self._calls}>", code, seconds, on_output)
            finally:
                if watches and process.running:
                    self._watch = Watch((folder.root, *folder.extra))
                    self._watch.before()
            return Ran(done, late, tuple(notes), alarms, self._view.held)

    async def _ready(
        self, processes: Processes, folder: Folder, restart: bool
    ) -> tuple[PythonProcess, bytes, list[str]]:
        """One that may do what this call may, what an ended one printed at last, and what there is to say of it."""
        grant, closed = processes.grant, _closed(folder, processes.grant)
        notes, late = [], b""
        if (process := self._process) is not None:
            why = "asked for" if restart else _outdated(self._view, grant, closed)
            if process.running and not why:
                return process, b"", []
            if process.running:
                notes.append(f"the interpreter was restarted, {why}: {_GONE}")
            elif not process.told:
                notes.append(f"the interpreter ended since the last call ({process.fate}): {_GONE}")
            await process.stop()
            late, self._process = process.unread(), None
        python = find_pythons(processes, folder.root)[0]
        self._view = _View(grant, processes.held, closed)
        self._process = await PythonProcess.start(processes, folder.root, python)
        notes.append(f"a new interpreter: Python {clean(self._process.version)} ({folder.show(Path(python))})")
        return self._process, late, notes

    def _looked_back(self, folder: Folder) -> tuple[str, ...]:
        changed = self._watch.after() if self._watch is not None else ()
        self._watch = None
        names = ", ".join(folder.show(path) for path in changed[:5])
        who = "What an earlier call of python left running, or somebody since then,"
        return (f"{who} changed {names}, which can start programs later: look at it first.",) if changed else ()

    async def close(self) -> None:
        """End it, soon."""
        if self._process is not None:
            await self._process.stop()


def _outdated(view: _View, grant: Grant, closed: frozenset[Path] | None) -> str:
    """Why a process of that view may not go on, or cannot do its work; "" if it may."""
    if view.grant != grant:
        return "as what it may do has changed"
    if view.held and (view.closed is None or closed is None or not closed <= view.closed):
        return "as there is something new that it must not see or change"
    return ""


def _closed(folder: Folder, grant: Grant) -> frozenset[Path] | None:
    """As `_View.closed`. A sandbox looks this up for each program that it starts: what comes later is open to those
    that run already."""
    roots = (folder.root, *folder.extra)
    unread = find_unread(roots, grant.unread)
    if unread.trouble:
        return None
    home = Path(os.path.realpath(os.environ.get("HOME") or "/nonexistent"))
    protected = protected_places(roots, home, deep=False)
    hidden = [place for place in folder.hidden if place.exists()]
    sockets = [place for place in host_sockets() if not is_below(place, _SHARED)]
    return frozenset([*protected.git, *protected.others, *hidden, *sockets, *unread.places])
