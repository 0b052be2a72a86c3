"""One Python process that runs pieces of code: spoken to over a socket, interrupted, and ended."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minicode.text import clean_output
from minicode.workspace.folder import Refused
from minicode.workspace.output import Kept
from minicode.workspace.processes import Finished, Processes, Signal

_CHILD = Path(__file__).with_name("interpreter_child.py")
# Its frames in what faulthandler says of a crash, and in `traceback.print_stack()` with the source below.
_OURS = rb'(?m)^  File "%b", line \d+(?: in .*\n|, in .*\n(?:    .*\n)*)' % re.escape(os.fsencode(_CHILD))
_START = 60.0  # seconds until it has to have said that it is there
_GRACE = 3.0  # seconds between INT and the end of it all
_LAST_GRACE = 0.4  # seconds for it to end by itself, and between TERM and KILL
_LONGEST_NAME = 100  # characters of an exception's
_LONGEST = 16 * 2**20  # bytes of an answer: far more than the child makes of its own


class Answer(NamedTuple):
    """value: repr of the last expression, "" for None. error: the traceback, "" if nothing was raised. kind: name of
    the exception. version: of Python, said once at the start."""

    value: str = ""
    error: str = ""
    kind: str = ""
    version: str = ""


class Performed(NamedTuple):
    """answer: None if the process ended without one. output: what was printed. notes: words on what went wrong."""

    answer: Answer | None
    output: bytes
    notes: tuple[str, ...]


class PythonProcess:
    """Made by `start`. told: the model knows that it ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.version = ""
        self.told = False
        self._reader, self._writer = reader, writer
        self._task: asyncio.Task[Finished]
        self._kept = Kept()
        self._signal: Signal | None = None
        self._listener: Callable[[bytes], None] | None = None
        self._fault = ""  # why it was ended

    @classmethod
    async def start(cls, processes: Processes, folder: Path, python: str) -> PythonProcess:
        """Raises Refused if that does not work."""
        ours, theirs = socket.socketpair()
        with theirs:
            self = cls(*await asyncio.open_connection(sock=ours, limit=_LONGEST))
            self._task = asyncio.create_task(
                processes.run(
                    [python, "-u", str(_CHILD)],
                    folder,
                    stdin=theirs.fileno(),
                    kept=self._kept,
                    on_output=self._heard,
                    on_start=self._has_started,
                )
            )
            self._task.add_done_callback(lambda _: self._writer.close())
            try:
                hello = await self._answer(asyncio.create_task(self._read()), _START)
            except BaseException:  # why: whatever came in between, no half-started process may stay
                await self.stop()
                raise
        if hello is None or not hello.version:
            await self.stop()
            said = clean_output(self._kept.whole()[0][-2000:]).strip()
            raise Refused(f"{python} does not work as an interpreter: {self.fate}. {said}".strip())
        self.version = hello.version[:40]
        return self

    @property
    def running(self) -> bool:
        return not self._task.done()

    @property
    def fate(self) -> str:
        """How it ended, in a few words."""
        if self._fault or self.running or self._task.cancelled():
            return self._fault or "stopped"
        return str(self._task.exception() or _fate(self._task.result()))

    def _has_started(self, how: Signal) -> None:
        self._signal = how

    def _heard(self, data: bytes) -> None:
        if self._listener is not None:
            self._listener(data)

    def unread(self) -> bytes:
        """What was printed since the last time, without our own frames."""
        data, _ = self._kept.whole()
        self._kept.clear()
        return re.sub(_OURS, b"", data)

    async def perform(
        self, name: str, code: str, seconds: float, on_output: Callable[[bytes], None] | None
    ) -> Performed:
        """Run it, interrupted after so many seconds or by a cancellation; who does not heed that is ended."""
        notes = []
        self._listener = on_output
        asking = asyncio.create_task(self._ask(name, code))
        try:
            answer = await self._answer(asking, seconds)
            if not asking.done() and self.running:
                answer = await self._interrupt(asking)
                kept = "; the variables are kept" if answer else ""
                notes.append(f"not ended after {seconds:g} s (timeout), so it was interrupted{kept}")
        except asyncio.CancelledError:
            await self._interrupt(asking)
            raise
        finally:
            self._listener = None
            if not asking.done() or asking.result() is None:
                asking.cancel()
                await self._end()
        if answer is None:
            self.told = True
            notes.append(f"the interpreter ended ({self.fate}): its variables are gone; the next call starts a new one")
        # What was in the pipe when the answer came was read in the same round: it holds no more than is read at a time.
        return Performed(answer, self.unread(), tuple(notes))

    async def _ask(self, name: str, code: str) -> Answer | None:
        mark = secrets.token_hex(8)  # else what code wrote there would put every later answer in the wrong place
        with suppress(ConnectionError):  # it has ended
            self._writer.write(json.dumps({"name": name, "code": code, "mark": mark}).encode() + b"\n")
            await self._writer.drain()
        return await self._read(mark)

    async def _read(self, mark: str = "") -> Answer | None:
        """None at the end, and for what the code itself wrote there."""
        try:
            said = json.loads(await self._reader.readline())
            if said.get("mark", "") != mark:
                return None
            answer = Answer(*(str(said.get(name, "")) for name in Answer._fields))
            return answer._replace(kind=answer.kind[:_LONGEST_NAME])
        except (ValueError, AttributeError, RecursionError, ConnectionError):
            return None

    async def _answer(self, asking: asyncio.Task[Answer | None], seconds: float) -> Answer | None:
        """None if it says nothing in that time, or nothing that makes sense, or ends."""
        await asyncio.wait({asking, self._task}, timeout=seconds, return_when="FIRST_COMPLETED")
        if not asking.done() and not self.running:
            await asyncio.wait({asking}, timeout=_LAST_GRACE)  # its last words are still on their way
        if not asking.done():
            return None
        if asking.result() is None:
            if self._reader.at_eof():
                await asyncio.wait({self._task}, timeout=_GRACE)  # it says nothing more, as it is about to end
            if self.running:
                self._fault = "killed, as the code has meddled with its line to minicode"
        return asking.result()

    async def _interrupt(self, asking: asyncio.Task[Answer | None]) -> Answer | None:
        """As Ctrl+C does: the programs that the code waits for are told as well."""
        if self._signal is not None:
            self._signal(signal.SIGINT)
        answer = await self._answer(asking, _GRACE)
        if answer is None and self.running:
            self._fault = self._fault or "killed, as it did not heed an interrupt"
        return answer

    async def stop(self) -> None:
        """Let it end by itself, so that what it has open is written, but not for long."""
        self._writer.close()
        await asyncio.wait({self._task}, timeout=_LAST_GRACE)
        await self._end()

    async def _end(self) -> None:
        for _ in range(2):  # the second time without a grace
            if self.running:
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=_LAST_GRACE)
        await asyncio.wait({self._task})


def _fate(finished: Finished) -> str:
    if finished.ended == "flood":
        return f"stopped: it printed more than {finished.total // 2**20} MB"
    code = 128 - finished.code if finished.held and finished.code > 128 else finished.code
    try:
        name = signal.Signals(-code).name if code < 0 else ""
    except ValueError:
        name = ""
    if not name:
        return f"exit code {finished.code}"
    return f"killed by {name}{', perhaps for want of memory' if name == 'SIGKILL' else ''}"
