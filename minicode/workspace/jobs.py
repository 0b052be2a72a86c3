"""Commands that may outlive their call: kept with what they print until they end, or are ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

from minicode.workspace.folder import Refused
from minicode.workspace.job import Job, Launch, View

MOST = 16  # that run, and as many that have ended
EARLY = 0.25  # seconds in which a command that cannot work mostly ends
_LAST_GRACE = 0.4  # seconds between TERM and KILL at the end of the session, which may not take long

Watched = Callable[[Callable[[str], None], str], AbstractContextManager[Any]]  # `Workspace.watched`


class Jobs:
    """Those of one session. promotes: a command that takes too long goes on as a job instead of being ended. passing:
    nobody is there to go on with the session, so they end with the model's answer. beat: seconds without a word of a
    job after which the model is told that it still runs. next_id: of the next one. changed: told of each job that
    begins and ends; it must not raise."""

    def __init__(self, *, promotes: bool = False, passing: bool = False, beat: float = 60.0) -> None:
        self.promotes, self.passing = promotes, passing
        self._beat = beat
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
        job.id, job.beat = self.next_id, job.seconds + self._beat
        self.next_id += 1
        self._all[job.id] = job
        watch = watched(job.alarms.append, f"Job {job.id}, or somebody while it ran,")
        watch.__enter__()

        def over_now(_: object) -> None:
            watch.__exit__(None, None, None)
            self.changed(job)

        job.task.add_done_callback(over_now)
        self.changed(job)

    async def news(self, job: Job, *, torn: bool = False) -> bytes:
        """What the model is to be given of it, which counts as news: what it printed since the last time, or what its
        terminal shows."""
        await job.draw()
        return self.read(job, torn=torn)

    def read(self, job: Job, *, torn: bool = False) -> bytes:
        """As `Job.read`; what the model is given counts as news to it."""
        knew = job.told
        job.beat = job.seconds + self._beat
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

    def beating(self) -> list[Job]:
        """Those that run and of which nothing was said for long; the next time it takes twice as long."""
        over = [job for job in self if job.running and job.seconds >= job.beat]
        for job in over:
            job.beat = max(2 * job.seconds, job.seconds + self._beat)
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
