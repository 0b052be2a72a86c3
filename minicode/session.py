"""One conversation: journal, model, tools and gate held together. Send, steer, answer, cancel; events come out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator

from minicode import folding, records, rewinding
from minicode.context.history import History
from minicode.errors import SessionError, StorageError, UsageError
from minicode.events import Answer, Event, Picked, TurnEnded
from minicode.gate import Gate
from minicode.journal import store, tree
from minicode.journal.repair import sound
from minicode.journal.writer import Journal
from minicode.model.base import Model
from minicode.parts import Parts
from minicode.replay import replay
from minicode.rewinding import FilesMoved, Moved
from minicode.running import Running
from minicode.sending import Sending


class Session:
    """Not safe for two turns at a time; `send` says so."""

    def __init__(self, parts: Parts, first: tuple[records.Record, ...] = ()) -> None:
        """first: what is put on record before the first turn of this process."""
        self.parts = parts
        self._first = list(first)
        self._task: asyncio.Task[None] | None = None
        self._moving: asyncio.Task[Moved] | asyncio.Task[None] | None = None  # a rewind, or a fold
        self._overheard = records.unheard(parts.journal.branch)
        self._sending = Sending(parts, Running(parts, lambda event: None), self._first, self._overheard)
        self.jobs = parts.background
        self.jobs.tell = lambda event: self._sending.running.tell(event)

    @property
    def journal(self) -> Journal:
        return self.parts.journal

    @property
    def model(self) -> Model:
        return self.parts.model

    @property
    def history(self) -> History:
        return self.parts.history

    @property
    def gate(self) -> Gate:
        return self.parts.gate

    @property
    def running(self) -> bool:
        return any(task is not None and not task.done() for task in (self._task, self._moving))

    @property
    def meter(self) -> tuple[int, int]:
        """(thoughts the next request gives back, thoughts M2 gave on this branch)."""
        return self.history.given, self.history.issued

    async def send(self, text: str) -> AsyncGenerator[Event, None]:
        """One turn; the last event is a TurnEnded. Closing the iterator early cancels the turn."""
        text = self._hide(text)
        await self._arrived()
        if self.running:
            raise RuntimeError("a turn is running: steer it or cancel it")
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._sending = Sending(self.parts, Running(self.parts, queue.put_nowait), self._first, self._overheard)
        self._task = asyncio.create_task(self._sending.run(text))
        try:
            while True:
                event = await queue.get()
                yield event
                if isinstance(event, TurnEnded):
                    break
        finally:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _hide(self, text: str) -> str:
        redactor = self.parts.toolbox.redactor
        return text if redactor is None else redactor.own(text)

    def steer(self, text: str) -> None:
        """Say something to the running turn. It reaches the model inside its next tool result, where it does not
        push the running thoughts out of the model's view; or as the next message, if no tool is called any more."""
        self.parts.steers.append(self._hide(text))

    def steer_now(self, text: str) -> bool:
        """The same at once: a stream is stopped; what came of it is put on record and given up. False if none was."""
        self.steer(text)
        return self._sending.interrupt()

    def unheard(self) -> list[str]:
        """Take back what was said to a turn that ended before the model heard it."""
        left, self.parts.steers = self.parts.steers, []
        return left

    def overhear(self, command: str, code: int, output: str | None) -> None:
        """A command of the user's, of which the model learns with the user's next words, in whatever process those are
        said: it is on disk when this returns. output: None for a private one. The model never hears of that; its
        command and code are on record, for the user, and are no reason to make a file. Raises StorageError."""
        kind, data = records.shell(self._hide(command), code, output and self._hide(output))
        self.journal.append(kind, data)
        if data["text"]:
            self._overheard.append(data["text"])
            self.journal.save()
            self.journal.sync()

    def set_mode(self, mode: str) -> None:
        """The permission mode from now on. It is on record, for who comes back to the session."""
        if mode == self.gate.standing.mode:
            return
        self.gate.become(mode)
        # What the first turn is to record of its mode was true when the session was opened.
        self._first[:] = [(kind, data | ({"mode": mode} if "mode" in data else {})) for kind, data in self._first]
        with contextlib.suppress(StorageError):  # what is in force counts; what is said next meets the same disk
            self.journal.append("mode", {"mode": mode})

    def past(self) -> Iterator[Event]:
        """What is on record of the live branch, as the events it was."""
        return replay(self.journal.id, self.journal.branch)

    def answer(self, call_id: str, answer: Answer) -> None:
        """Answer an Asked. Harmless if that call does not wait any more."""
        self.gate.answer(call_id, answer)

    def reply(self, call_id: str, picked: Picked) -> None:
        """Answer a Questioned. Harmless if that call does not wait any more."""
        self.parts.questions.reply(call_id, picked._replace(words=self._hide(picked.words)))

    def background(self, call_id: str) -> bool:
        """Let the command that a call waits for go on as a job. False if it waits for none."""
        return self.jobs.send_away(call_id)

    def cancel(self) -> None:
        """Stop the running turn, whatever it does. Harmless if none runs."""
        if self._task is not None and self._sending.begun:
            self._task.cancel()
        elif self._task is not None:  # in its first step: a task that never began could not tell its end
            self._task.get_loop().call_soon(self._task.cancel)

    async def fold(self, tell: Callable[[Event], None], guidance: str = "") -> None:
        """Fold what is old, between turns. guidance: what the summary should care for. Raises UsageError, with the
        history as it was, if it cannot be done. `cancel` stops it."""
        await self._still("fold")
        self._task = self._moving = asyncio.create_task(self._fold(tell, self._hide(guidance)))
        await self._task

    async def _fold(self, tell: Callable[[Event], None], guidance: str) -> None:
        if not self.history.messages():
            raise UsageError("This session is empty: there is nothing to fold.")
        await self.model.ready()
        done = await folding.fold(self.parts, tell, "asked", guidance, running=False)
        if done.reason:
            raise UsageError(done.reason)
        self.journal.sync()

    def unfold(self) -> str:
        """Undo the last fold in force; what it did, in a sentence. Raises UsageError if there is none."""
        if self.running:
            raise UsageError("A turn is running: unfold when it has ended.")
        return folding.unfold(self.parts)

    async def rewind(
        self, message: str, *, conversation: bool = True, files: bool = False, force: bool = False
    ) -> Moved:
        """Go back before a message of the user's on the live branch; with the files, to what they were then.

        force: over what the user changed since. Raises UsageError while a turn runs, SessionError if there is no such
        message or its files were not kept, and what `Snapshots.restore` raises, with everything as it was.
        """
        await self._still("rewind")
        target = tree.find(tree.said(self.journal.branch), message, self.journal.entries)
        to = rewinding.files_before(target) if files else ""
        return await self._move(
            "rewind", to, target.id, force, lambda f: rewinding.rewind(self.journal, target, f, conversation)
        )

    async def redo(self, *, force: bool = False) -> Moved:
        """Go back to where the last rewind or switch came from, files too if they were rewound. Raises as `rewind`,
        SessionError if there was none since something was said."""
        await self._still("redo")
        back = rewinding.redoable(self.journal.entries)
        to = back.files[0] if back.files else ""
        return await self._move("redo", to, "", force, lambda f: rewinding.redo(self.journal, back, f))

    async def switch(self, key: str) -> Moved:
        """Go on at the end of a branch that was left, on which the entry with this id or label lies; `redo` comes back.
        Files stay. Raises UsageError while a turn runs, SessionError if there is no such branch."""
        await self._still("switch")
        return await self._move("switch", "", "", False, lambda _: rewinding.switch(self.journal, key))

    def rename(self, name: str) -> None:
        """Raises UsageError if that is no name, or another session of the project has it."""
        if self.journal.path:
            store.check_name(self.journal.path, name)
        self.journal.append("name", {"name": name})

    def label(self, entry: str, text: str) -> None:
        """Raises SessionError if there is no such entry."""
        rewinding.label(self.journal, entry, text)

    async def _arrived(self) -> None:
        """What is said meanwhile waits. A rewind goes on to its end though whoever asked for it was stopped."""
        if self._moving is not None:
            await asyncio.wait([self._moving])

    async def _still(self, what: str) -> None:
        await self._arrived()
        if self.running:
            raise UsageError(f"A turn is running: {what} when it has ended, or stop it first.")

    async def _move(
        self, by: str, to: str, since: str, force: bool, record: Callable[[FilesMoved | None], Moved]
    ) -> Moved:
        """to, since: as `rewinding.restore` wants them; no snapshot, no files. Who waits may be cancelled; the work is
        not, for files that have moved must be on record."""
        snapshots = self.parts.checkpoints.snapshots

        async def work() -> Moved:
            files = None
            if to and snapshots is None:
                raise SessionError("No snapshots of files are kept in this session.")
            if to and snapshots:
                entries = self.journal.entries
                files = await asyncio.to_thread(rewinding.restore, snapshots, entries, to, by, force, since)
            moved = record(files)
            if moved.conversation:
                self.parts.history = History(sound(self.journal.branch))
                self.parts.fold_after = 0
                self._overheard[:] = records.unheard(self.journal.branch)
            return moved

        self._moving = moving = asyncio.create_task(work())
        return await asyncio.shield(moving)

    async def close(self, reason: str = "exit") -> None:
        """The end of the session in this process."""
        await self._arrived()
        await self.jobs.close()
        await self.gate.hooks.run("SessionEnd", reason=reason)
        await self.model.close()
        self.parts.checkpoints.close()
        self.journal.close()
