"""Jobs as a session has them: on record, told to the model and to the user, gone with the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from minicode.context.entry import Entry
from minicode.errors import StorageError
from minicode.events import Alarm, Event, Noted
from minicode.journal.writer import Journal
from minicode.text import clean, count
from minicode.workspace.job import Job, View
from minicode.workspace.jobs import Jobs

_CLOSED, _GONE = "ended with the session", "gone"
_NAMED = 80  # characters of a command


class Background:
    """tell: where events go while a turn runs. changed: told that `views` has changed; a face may put its own here."""

    def __init__(self, jobs: Jobs, journal: Journal) -> None:
        self.tell: Callable[[Event], None] = lambda event: None
        self.changed: Callable[[], None] = lambda: None
        self._jobs, self._journal = jobs, journal
        self._closing = False
        jobs.changed = self._record
        known = (entry.data.get("job") for entry in journal.entries if entry.kind == "job")
        jobs.next_id = 1 + max((id_ for id_ in known if isinstance(id_, int)), default=0)
        self._lost = lost(journal.branch)

    def views(self) -> tuple[View, ...]:
        """All that run, and the last that ended."""
        return self._jobs.views()

    async def stop(self, id_: int) -> None:
        """Raises Refused if there is no such job."""
        await self._jobs.get(id_).stop()

    def send_away(self, call_id: str) -> bool:
        """Let a command that a call waits for go on as a job. False if there is none."""
        return self._jobs.send_away(call_id)

    @property
    def heard(self) -> int:
        """Grows with what the model is given of jobs: to wait for one again and again is no going in circles then."""
        return self._jobs.heard

    def news(self) -> list[str]:
        """What the model should know and was not told yet."""
        news = [f"job {job.id} ({_short(job.command)}) ended: {_fate(job)}" for job in self._jobs.ended()]
        for job in self._jobs.beating():
            unread = f"; {count(job.unread, 'byte')} unread" if job.unread else ""
            news.append(f"job {job.id} ({_short(job.command)}) still runs after {job.seconds:.0f} s{unread}")
        if self._lost:
            names = ", ".join(f"{id_} ({fate})" for id_, fate in self._lost.items())
            news.append(
                f"this is a new process, and these background jobs have ended; start again what you need: {names}."
            )
            self._write(*(("job", {"job": id_, "fate": _GONE}) for id_ in self._lost))
            self._lost = {}
        return news

    async def close(self) -> None:
        """End them all."""
        self._closing = True
        await self._jobs.close()

    def _record(self, job: Job) -> None:
        data = {"job": job.id, "command": job.command, "call_id": job.call_id}
        if job.running:
            self._write(("job", data))
        else:
            fate = _CLOSED if self._closing else job.fate
            self._write(("job", {**data, "fate": fate, "seconds": round(job.seconds, 3)}))
            self.tell(Noted("info", f"Job {job.id} ({_short(job.command)}) ended: {clean(fate)}."))
            for text in job.alarms:
                self._write(("alarm", {"call_id": job.call_id, "text": text}))
                self.tell(Alarm(job.call_id, text))
        self.changed()

    def _write(self, *records: tuple[str, dict[str, Any]]) -> None:
        with suppress(StorageError):  # whatever is done next is told of it, with its result
            self._journal.append_many(list(records))


def lost(branch: Iterable[Entry]) -> dict[int, str]:
    """Of the jobs of another process, those of whose end the model was not told: id and words about it."""
    running: dict[int, str] = {}
    ended: dict[int, str] = {}
    for entry in branch:
        data = entry.data
        if entry.kind == "request":
            ended.clear()
        elif entry.kind == "job" and not isinstance(data.get("job"), int):
            continue  # somebody else wrote it
        elif entry.kind == "job" and data.get("fate") == _GONE:
            running.pop(data["job"], None)
            ended.pop(data["job"], None)
        elif entry.kind == "job":
            name = _short(str(data.get("command", "")))
            if data.get("fate") in (None, _CLOSED):
                running[data["job"]] = name
            else:
                running.pop(data["job"], None)
                ended[data["job"]] = f"{name}, {data['fate']}"
    return dict(sorted((running | ended).items()))


def _fate(job: Job) -> str:
    return f"{clean(job.fate)}; `jobs` reads its output" if job.unread else clean(job.fate)


def _short(command: str) -> str:
    line = " ".join(clean(command).split())
    return f"`{line}`" if len(line) <= _NAMED else f"`{line[:_NAMED]}…`"
