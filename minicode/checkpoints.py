"""The files of the workspace kept before each step that may change them, and at the end of a turn that did."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from minicode.errors import MinicodeError
from minicode.events import Event, Noted
from minicode.records import Record

if TYPE_CHECKING:  # loaded with the first step that needs it
    from minicode.workspace.snapshots.snapshots import Snapshot, Snapshots


class Outlet(NamedTuple):
    """Where a turn's records and events go."""

    write: Callable[[list[Record]], None]
    emit: Callable[[Event], None]


@dataclass(slots=True)
class Checkpoints:
    """One session's. open: the snapshots, None if none are kept. slow: seconds until the user is told what is waited
    for. Work never waits for what cannot be kept: the user is told, and the step goes on."""

    open: Callable[[], Snapshots | None] = lambda: None
    slow: float = 2.0
    _snapshots: Snapshots | None = None
    _changing: bool = False
    _told: set[str] = field(default_factory=set)

    async def before(self, outlet: Outlet) -> None:
        """Before the first call of a step that may change files."""
        await self._take(outlet)
        self._changing = True

    async def after(self, outlet: Outlet) -> None:
        """At the end of the turn, so that what the user changes from then on is known as theirs."""
        if self._changing:
            self._changing = False
            await self._take(outlet)

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Absolute paths of what differs between two snapshots, as far as they are kept. after: "" for what is there
        now."""
        if not before or self.snapshots is None:
            return ()
        try:
            after = after or (await asyncio.to_thread(self.snapshots.take)).tree
            found = await asyncio.to_thread(self.snapshots.diff, before, after)
        except (MinicodeError, OSError):  # evicted, or the disk is not well: then nobody can say
            return ()
        return tuple(change.path for change in found)

    @property
    def snapshots(self) -> Snapshots | None:
        if self._snapshots is None:
            self._snapshots = self.open()
        return self._snapshots

    def close(self) -> None:
        if self._snapshots is not None:
            self._snapshots.close()

    async def _take(self, outlet: Outlet) -> None:
        try:
            if self.snapshots is None:
                return
            taken = await self._taken(self.snapshots, outlet)
        except Exception as error:  # why: whatever keeps the files from being kept, the step goes on and the turn ends
            reason = error if isinstance(error, MinicodeError | OSError) else f"{type(error).__name__}: {error}"
            self._tell(f"A rewind cannot bring back the files of this step: {reason}", outlet)
            return
        outlet.write([("snapshot", {"tree": taken.tree})])
        for note in taken.notes:
            self._tell(note, outlet)

    async def _taken(self, snapshots: Snapshots, outlet: Outlet) -> Snapshot:
        """The first one of a large folder takes its time: then the user is told why, and may stop it."""
        stop = threading.Event()
        task = asyncio.create_task(asyncio.to_thread(snapshots.take, stop.is_set))
        try:
            await asyncio.wait([task], timeout=self.slow)
            if not task.done():
                outlet.emit(Noted("info", "Keeping the files of this folder, so that a rewind can bring them back …"))
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.gather(task, return_exceptions=True)  # it ends with the file it is at
            raise

    def _tell(self, note: str, outlet: Outlet) -> None:
        """Once a session."""
        if note not in self._told:
            self._told.add(note)
            outlet.write([("note", {"level": "warning", "text": note})])
            outlet.emit(Noted("warning", note))
