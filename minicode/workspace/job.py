"""One command that may outlive its call: what it prints, what is said to it, how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from minicode.sandbox.policy import Grant
from minicode.workspace.folder import Refused
from minicode.workspace.output import Kept
from minicode.workspace.processes import Finished, Signal

if TYPE_CHECKING:
    from minicode.workspace.terminal import Terminal

_GRACE = 2.0  # seconds between INT and TERM
_SILENCE = 1.0  # seconds after which a line that has no end is taken for a prompt
_PAUSE = 0.1  # seconds between two looks for a pattern
_LINE, _SHORT = 500, 150  # characters of a line in which a pattern is looked for; one with two repetitions
_LINES = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_LOOKED = 0.02  # seconds after which others get their turn
# What vi says before it waits for keys from wherever, for ever, unless it was told to end.
_KEYLESS, _PATIENCE = b"Vim: Warning: Input is not from a terminal", 3.0
_PIECE = 2**11  # bytes that are drawn at a time

Launch = Callable[..., Awaitable[Finished]]  # `Processes.run` with the program and the folder


class View(NamedTuple):
    """A job as it is now. seconds: how long it ran, or runs. fate: how it ended, "" while it runs."""

    id: int
    command: str
    seconds: float
    fate: str = ""
    call_id: str = ""


class Job:
    """One command. id: counted from 1; 0 as long as a call waits for its end. alarms: what it changed that only the
    user may change. told: the model knows that it ended. beat: after so many seconds the model is told that it runs.
    tty: it has a terminal."""

    def __init__(self, command: str, call_id: str, grant: Grant, *, tty: bool = False) -> None:
        self.id = 0
        self.command, self.call_id, self.grant = command, call_id, grant
        self.kept = Kept()
        self.alarms: list[str] = []
        self.told = False
        self.beat = 0.0
        self.tty = tty
        self.listeners: set[Callable[[bytes], None]] = set()
        self.away = asyncio.Event()  # somebody wants it in the background
        self._begun, self._ended, self._spoke = time.monotonic(), 0.0, 0.0
        self._read = 0
        self._grew = asyncio.Event()
        self._signal: Signal | None = None
        self._stopped = False
        self._input = -1
        self._terminal: Terminal | None = None
        self._drawn = 0
        self._drawing = asyncio.Lock()

    def start(self, launch: Launch, seconds: float | None, *, talks: bool = False) -> None:
        """talks: its stdin is a pipe for `send`, else it is empty; a terminal can always be typed into."""
        self.task = asyncio.create_task(self._live(launch, seconds, talks and not self.tty))

    async def _live(self, launch: Launch, seconds: float | None, talks: bool) -> Finished:
        stdin: bytes | int = b""
        more = {"on_terminal": self._has_terminal} if self.tty else {}
        if talks:
            stdin, self._input = os.pipe()
            os.set_blocking(self._input, False)
        try:
            return await launch(
                seconds=seconds, stdin=stdin, kept=self.kept, on_output=self._heard, on_start=self._has_started, **more
            )
        finally:
            if isinstance(stdin, int):
                os.close(stdin)
            self._close_input()
            self._ended = time.monotonic()
            self._grew.set()

    def _has_started(self, how: Signal) -> None:
        self._signal = how

    def _has_terminal(self, fd: int) -> None:
        from minicode.workspace.terminal import Terminal  # few jobs have one

        self._close_input()
        self._input, self._terminal, self._drawn = os.dup(fd), Terminal(), 0

    def _heard(self, data: bytes) -> None:
        self._spoke = time.monotonic()
        if _KEYLESS in data and not self.tty:
            asyncio.get_running_loop().call_later(_PATIENCE, self._give_up)
        for listener in self.listeners:
            listener(data)
        self._grew.set()
        self._grew = asyncio.Event()

    def _give_up(self) -> None:
        if self.running and self._signal is not None:
            self._signal(signal.SIGTERM)

    @property
    def running(self) -> bool:
        return not self.task.done()

    @property
    def seconds(self) -> float:
        return (self._ended or time.monotonic()) - self._begun

    @property
    def finished(self) -> Finished | None:
        """None while it runs, and if it was stopped. Raises what kept it from starting."""
        return None if self.running or self.task.cancelled() else self.task.result()

    @property
    def fate(self) -> str:
        """How it ended, "" while it runs."""
        if self.running:
            return ""
        if self.task.cancelled() or self._stopped:
            return "stopped"
        if error := self.task.exception():
            return f"did not start: {error}"
        return fate_of(self.task.result())

    @property
    def unread(self) -> int:
        return self.kept.total - self._read

    def read(self, *, torn: bool = False) -> bytes:
        """What it printed since the last time. A line that goes on is left for the next unless it is a prompt, or
        `torn` is wanted. Of a terminal: what it shows, as far as `draw` has drawn it."""
        self.told |= not self.running
        if self._terminal is not None:
            self._read = self._drawn
            return self._terminal.take().encode()
        data, end = self.kept.since(self._read), self.kept.total
        if self.running and not torn and time.monotonic() - self._spoke < _SILENCE:
            # What is torn could be half a letter, or half a secret.
            whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            data, end = data[:whole], end - (len(data) - whole)
        self._read = end
        return data

    async def draw(self) -> None:
        """Bring the terminal up to date, if there is one."""
        async with self._drawing:
            if self._terminal is None:
                return
            data, end = self._terminal.due(self.kept.since(self._drawn)), self.kept.total
            for at in range(0, len(data), _PIECE):
                self._terminal.feed(data[at : at + _PIECE])
                self._drawn = end - max(len(data) - at - _PIECE, 0)
                await asyncio.sleep(0)

    async def wait(self, pattern: str, seconds: float) -> bool:
        """Until it ends, or a line since the last `read` holds the pattern: a text, or a simple regular expression; of
        a terminal, a line of the screen, once something was written to it. False if neither happened in time. Raises
        Refused for a pattern that could take for ever."""
        found = _finder(pattern)
        at, end = self._read, time.monotonic() + seconds
        while self.running:
            grew, data, end_of_data = self._grew, self.kept.since(at), self.kept.total
            if pattern and data and await _any(found, await self._lines(data), end):
                return True
            at = end_of_data - (len(data) - data.rfind(b"\n") - 1)
            if (left := end - time.monotonic()) <= 0:
                return False
            with suppress(TimeoutError):
                await asyncio.wait_for(grew.wait(), left)
            if self.running:
                await asyncio.sleep(min(_PAUSE, left))  # it may print more than could be looked at each time
        return True

    async def _lines(self, data: bytes) -> Iterator[bytes]:
        if self._terminal is None:
            return (line[0].rstrip(b"\r\n") for line in _LINES.finditer(data))
        await self.draw()
        return (line.encode() for line in self._terminal.lines())

    async def typed(self, text: str | None, keys: str) -> str | None:
        """What `send` is to be given: of keys what they send, as the program wants them now; of a text a line, unless
        it ends in a code of its own. Raises Refused for keys that there are not, or that nothing can be typed into."""
        line = text if not text or text[-1] < " " else f"{text}\n"
        if not self.tty:
            if keys:
                raise Refused(f"Job {self.id} has no terminal, so it knows no keys: send text, or stop it.")
            return line if line is None or line.endswith("\n") else f"{line}\n"
        from minicode.workspace.keyboard import typed

        await self.draw()
        keypad = self._terminal is not None and self._terminal.keypad
        if keys:
            return (text or "") + typed(keys, keypad)
        return "\x04" if line is None else line.replace("\n", "\r")

    def send(self, text: str | None, grant: Grant) -> int:
        """Into its stdin; None closes that. Gives how many bytes did not fit, as the program does not read them.

        grant: what may be done by what is said. Raises Refused if the job may do more: that was given for its command
        and not for whatever it can be told.
        """
        if self._input < 0:
            raise Refused(f"Job {self.id} reads no input: its stdin is empty or was closed.")
        if text is None:
            self._close_input()
            return 0
        if _wider(self.grant, grant):
            raise Refused(f"Job {self.id} may do more than this call: only its stdin can be closed, or it be stopped.")
        data = text.encode("utf-8", "replace")
        try:
            return len(data) - os.write(self._input, data)
        except BlockingIOError:
            return len(data)
        except OSError:  # nobody has the other end any more
            raise Refused(f"Job {self.id} reads no more input.") from None

    def _close_input(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    async def stop(self) -> None:
        """INT, then TERM, then KILL, to all of its processes; instead of INT, HUP where a terminal is closed."""
        if self.running and self._signal is not None:
            self._stopped = True
            self._signal(signal.SIGHUP if self.tty else signal.SIGINT)
            await asyncio.wait({self.task}, timeout=_GRACE)
        self.task.cancel()
        await asyncio.wait({self.task})


def line_in(folder: str, command: str) -> str:
    """The command line that does in the root what the command does in this folder of it."""
    return command if folder == "." else f"cd {shlex.quote(folder)} && {command}"


def fate_of(finished: Finished) -> str:
    """How a program ended, in a few words."""
    if finished.ended:
        return f"stopped: it printed more than {finished.total // 2**20} MB" if finished.ended == "flood" else "stopped"
    fate = f"exit code {finished.code}" if finished.code >= 0 else f"ended by signal {-finished.code}"
    return f"{fate}; stopped in the background: {', '.join(finished.left[:5])}" if finished.left else fate


def _wider(grant: Grant, than: Grant) -> bool:
    more = (grant.host, than.host), (grant.network, than.network), (grant.write, than.write), (grant.git, than.git)
    return any(has and not may for has, may in more) or not set(than.unread) <= set(grant.unread)


async def _any(found: Callable[[bytes], object], lines: Iterator[bytes], end: float) -> bool:
    """Is it in one of them, as far as one comes until then? There may be a million."""
    pause = time.monotonic() + _LOOKED
    for line in lines:
        if found(line):
            return True
        if (now := time.monotonic()) > pause:
            if now > end:
                return False
            await asyncio.sleep(0)
            pause = time.monotonic() + _LOOKED
    return False


def _finder(pattern: str) -> Callable[[bytes], object]:
    """Looks for it in a line. Python's engine goes back without end on some patterns, and nothing could stop it: in a
    short line, two repetitions and none of a group are harmless."""
    bare = re.sub(r"\\.", "x", pattern, flags=re.DOTALL)
    repeated = len(re.findall(r"(?<!\()[*+?{][?+]?", bare))
    if repeated > 2 or re.search(r"\)[*+?{]", bare):
        raise Refused("That pattern is too involved: at most two repetitions (* + ? {}) and none of a group.")
    try:
        look = re.compile(pattern).search
    except re.error:
        look = re.compile(re.escape(pattern)).search
    most = _SHORT if repeated > 1 else _LINE
    return lambda line: look(line[: most * 4].decode("utf-8", "replace")[:most])
