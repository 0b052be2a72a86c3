"""Commands that may outlive their call: kept with what they print until they end, or are ended."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple

from minicode.sandbox.policy import Grant
from minicode.workspace.folder import Refused
from minicode.workspace.output import Kept
from minicode.workspace.processes import Finished, Signal

MOST = 16  # that run, and as many that have ended
EARLY = 0.25  # seconds in which a command that cannot work mostly ends
_GRACE = 2.0  # seconds between INT and TERM
_LAST_GRACE = 0.4  # seconds between TERM and KILL at the end of the session, which may not take long
_SILENCE = 1.0  # seconds after which a line that has no end is taken for a prompt
_PAUSE = 0.1  # seconds between two looks for a pattern
_LINE = 500  # characters of a line in which a pattern is looked for

Launch = Callable[..., Awaitable[Finished]]  # `Processes.run` with the program and the folder
Watched = Callable[[Callable[[str], None], str], AbstractContextManager[Any]]  # `Workspace.watched`


class View(NamedTuple):
    """A job as it is now. seconds: how long it ran, or runs. fate: how it ended, "" while it runs."""

    id: int
    command: str
    seconds: float
    fate: str = ""
    call_id: str = ""


class Job:
    """One command. id: counted from 1; 0 as long as a call waits for its end. alarms: what it changed that only the
    user may change. told: the model knows that it ended."""

    def __init__(self, command: str, call_id: str, grant: Grant) -> None:
        self.id = 0
        self.command, self.call_id, self.grant = command, call_id, grant
        self.kept = Kept()
        self.alarms: list[str] = []
        self.told = False
        self.listeners: set[Callable[[bytes], None]] = set()
        self.away = asyncio.Event()  # somebody wants it in the background
        self._begun, self._ended, self._spoke = time.monotonic(), 0.0, 0.0
        self._read = 0
        self._grew = asyncio.Event()
        self._signal: Signal | None = None
        self._stopped = False
        self._input = -1

    def start(self, launch: Launch, seconds: float | None, *, talks: bool = False) -> None:
        """talks: its stdin is a pipe for `send`, else it is empty."""
        self.task = asyncio.create_task(self._live(launch, seconds, talks))

    async def _live(self, launch: Launch, seconds: float | None, talks: bool) -> Finished:
        stdin: bytes | int = b""
        if talks:
            stdin, self._input = os.pipe()
            os.set_blocking(self._input, False)
        try:
            return await launch(
                seconds=seconds, stdin=stdin, kept=self.kept, on_output=self._heard, on_start=self._has_started
            )
        finally:
            if isinstance(stdin, int):
                os.close(stdin)
            self._close_input()
            self._ended = time.monotonic()
            self._grew.set()

    def _has_started(self, how: Signal) -> None:
        self._signal = how

    def _heard(self, data: bytes) -> None:
        self._spoke = time.monotonic()
        for listener in self.listeners:
            listener(data)
        self._grew.set()
        self._grew = asyncio.Event()

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
        `torn` is wanted."""
        data, end = self.kept.since(self._read), self.kept.total
        if self.running and not torn and time.monotonic() - self._spoke < _SILENCE:
            # What is torn could be half a letter, or half a secret.
            whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            data, end = data[:whole], end - (len(data) - whole)
        self._read = end
        self.told |= not self.running
        return data

    async def wait(self, pattern: str, seconds: float) -> bool:
        """Until it ends, or a line since the last `read` holds the pattern: a text, or a simple regular expression.
        False if neither happened in time. Raises Refused for a pattern that could take for ever."""
        found = _finder(pattern)
        at, end = self._read, time.monotonic() + seconds
        while self.running:
            grew, data = self._grew, self.kept.since(at)
            if pattern and any(found(line) for line in data.splitlines()):
                return True
            at = self.kept.total - (len(data) - data.rfind(b"\n") - 1)
            if (left := end - time.monotonic()) <= 0:
                return False
            with suppress(TimeoutError):
                await asyncio.wait_for(grew.wait(), left)
            if self.running:
                await asyncio.sleep(min(_PAUSE, left))  # it may print more than could be looked at each time
        return True

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

    def _close_input(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    async def stop(self) -> None:
        """INT, then TERM, then KILL, to all of its processes."""
        if self.running and self._signal is not None:
            self._stopped = True
            self._signal(signal.SIGINT)
            await asyncio.wait({self.task}, timeout=_GRACE)
        self.task.cancel()
        await asyncio.wait({self.task})


class Jobs:
    """Those of one session. promotes: a command that takes too long goes on as a job instead of being ended. next_id:
    of the next one. changed: told of each job that begins and ends; it must not raise."""

    def __init__(self, *, promotes: bool = False) -> None:
        self.promotes = promotes
        self.next_id = 1
        self.changed: Callable[[Job], None] = lambda job: None
        self.heard = 0  # bytes of output, and ends, that the model was given, and minutes that it waited
        self._all: dict[int, Job] = {}
        self._waited: dict[str, Job] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._all.values()))

    def views(self) -> tuple[View, ...]:
        return tuple(View(job.id, job.command, job.seconds, job.fate, job.call_id) for job in self)

    @property
    def running(self) -> list[Job]:
        return [job for job in self if job.running]

    def get(self, id_: int) -> Job:
        """0: the only one there is. Raises Refused if there is no such job."""
        if not id_ and len(self._all) == 1:
            return next(iter(self))
        if id_ in self._all:
            return self._all[id_]
        known = ", ".join(map(str, self._all))
        raise Refused(f"There is no job {id_}. There are: {known}." if known else "There are no background jobs.")

    def spoken(self, id_: int, text: str) -> str:
        """What is said to a job as a command line that does the same: with a here-document, which no rule overlooks."""
        with suppress(Refused):
            return f"{self.get(id_).command} <<'INPUT'\n{text}\nINPUT"
        return f"cat <<'INPUT'\n{text}\nINPUT"

    async def foreground(
        self,
        job: Job,
        launch: Launch,
        watched: Watched,
        seconds: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> None:
        """Until it ends, or has become a job because of the time or of `send_away`. Where commands do not go on as
        jobs it is ended after that time. A cancellation ends it."""
        promotes = self.promotes and len(self.running) < MOST
        job.listeners.update({on_output} if on_output else ())
        job.start(launch, None if promotes else seconds)
        self._waited.update({job.call_id: job} if promotes else {})
        away = asyncio.create_task(job.away.wait())
        try:
            await asyncio.wait({job.task, away}, timeout=seconds if promotes else None, return_when="FIRST_COMPLETED")
        except asyncio.CancelledError:
            job.task.cancel()
            await asyncio.gather(job.task, return_exceptions=True)  # to which a second cancellation goes through
            raise
        finally:
            away.cancel()
            job.listeners.clear()
            self._waited.pop(job.call_id, None)
        if job.running:
            self._take_in(job, watched)

    async def background(self, job: Job, launch: Launch, watched: Watched) -> None:
        """Start it, and give it a moment to fail. Raises Refused if it cannot be started or too many run."""
        if len(self.running) >= MOST:
            raise Refused(f"{MOST} jobs run already: stop one first.")
        job.start(launch, None, talks=True)
        self._take_in(job, watched)
        await asyncio.wait({job.task}, timeout=EARLY)

    def send_away(self, call_id: str) -> bool:
        """Let the command of a call go on as a job. False if that call waits for none that could."""
        job = self._waited.get(call_id)
        if job is not None:
            job.away.set()
        return job is not None

    def _take_in(self, job: Job, watched: Watched) -> None:
        over = [other.id for other in self if not other.running]
        for old in over[: len(over) - MOST + 1]:
            del self._all[old]
        job.id = self.next_id
        self.next_id += 1
        self._all[job.id] = job
        watch = watched(job.alarms.append, f"Job {job.id}, or somebody while it ran,")
        watch.__enter__()

        def over_now(_: object) -> None:
            watch.__exit__(None, None, None)
            self.changed(job)

        job.task.add_done_callback(over_now)
        self.changed(job)

    def read(self, job: Job, *, torn: bool = False) -> bytes:
        """As `Job.read`; what the model is given counts as news to it."""
        knew = job.told
        data = job.read(torn=torn)
        self.heard += len(data) + (job.told and not knew)
        return data

    async def wait(self, job: Job, pattern: str, seconds: float) -> bool:
        """As `Job.wait`; a minute of patience counts as news too."""
        begin = time.monotonic()
        try:
            return await job.wait(pattern, seconds)
        finally:
            self.heard += int(time.monotonic() - begin) // 60

    def ended(self) -> list[Job]:
        """Those that ended and of which the model was not told; it counts as told now."""
        over = [job for job in self if not job.running and not job.told]
        for job in over:
            job.told = True
        return over

    async def close(self) -> None:
        """End them all, soon."""
        tasks = [job.task for job in self.running]
        for _ in range(2):  # the second time without a grace
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=_LAST_GRACE)
        await asyncio.gather(*tasks, return_exceptions=True)


def fate_of(finished: Finished) -> str:
    """How a program ended, in a few words."""
    if finished.ended:
        return f"stopped: it printed more than {finished.total // 2**20} MB" if finished.ended == "flood" else "stopped"
    fate = f"exit code {finished.code}" if finished.code >= 0 else f"ended by signal {-finished.code}"
    return f"{fate}; stopped in the background: {', '.join(finished.left[:5])}" if finished.left else fate


def _wider(grant: Grant, than: Grant) -> bool:
    more = (grant.host, than.host), (grant.network, than.network), (grant.write, than.write), (grant.git, than.git)
    return any(has and not may for has, may in more) or not set(than.unread) <= set(grant.unread)


def _finder(pattern: str) -> Callable[[bytes], object]:
    """Looks for it in a line. Python's engine goes back without end on some patterns, and nothing could stop it: in a
    short line, two repetitions and none of a group are harmless."""
    bare = re.sub(r"\\.", "x", pattern, flags=re.DOTALL)
    if len(re.findall(r"(?<!\()[*+?{][?+]?", bare)) > 2 or re.search(r"\)[*+?{]", bare):
        raise Refused("That pattern is too involved: at most two repetitions (* + ? {}) and none of a group.")
    try:
        look = re.compile(pattern).search
    except re.error:
        look = re.compile(re.escape(pattern)).search
    return lambda line: look(line[: _LINE * 4].decode("utf-8", "replace")[:_LINE])
