"""Tasks: work that M2 hands to sessions of their own, each with its own journal, history, tools and limits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minicode import __version__, safety
from minicode.background import Background
from minicode.context.history import History
from minicode.errors import SessionError
from minicode.events import CallSaid
from minicode.ground import Ground
from minicode.journal import store
from minicode.journal.blobs import Blobs
from minicode.journal.entry import Entry, task_id, task_of
from minicode.journal.reader import SUFFIX, branch_to, leaf_of, load
from minicode.journal.repair import closing, sound
from minicode.journal.writer import Journal
from minicode.limits import Limits
from minicode.messages import Json, usage_to_json
from minicode.model.base import Model
from minicode.outfit import briefing, scopes
from minicode.overseeing import Overseen, TaskGate, offered
from minicode.parts import Employer, Parts
from minicode.records import Record
from minicode.safety import Contained
from minicode.session import Session
from minicode.text import clean
from minicode.toolkit import Report
from minicode.workspace.files import Files
from minicode.workspace.interpreter import Interpreter
from minicode.workspace.jobs import Jobs
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:
    from minicode.web.web import Web

AT_ONCE = 4  # tasks that run; more wait
TURNS = 50  # model calls of a task, each time it is asked


class Means(NamedTuple):
    """What tasks are made with. blobs: where their session keeps long outputs, and kept them before it was forked.
    connect: makes a connection. memory, web: as in Scope."""

    base: Ground
    contained: Contained
    workspace: Workspace
    blobs: Sequence[Path]
    connect: Callable[[], Model]
    memory: Path | None
    web: Web | None = None


class Tasks:
    """Those of one session. parts: the session's."""

    def __init__(self, parts: Parts, means: Means) -> None:
        self._parts, self._means = parts, means
        self._room = asyncio.Semaphore(AT_ONCE)
        self._running: set[str] = set()
        self._unkept: dict[str, Journal] = {}  # of a session that is not on disk

    async def run(self, employer: Employer, prompt: str, description: str, access: str, resume: str) -> Report:
        """As `parts.Delegate`. Raises SessionError, and its children, for a task that cannot be gone on with. Cancelled
        while it works, it reports all the same: how far it came, and how to go on."""
        if not prompt.strip():
            return Report("", "There is nothing to do in `prompt`. Say in it all that the task must know.", failed=True)
        if self._room.locked():
            employer.tell(CallSaid(employer.call_id, f"waits: {AT_ONCE} tasks are running\n"))
        async with self._room:
            header = self._header(employer.call_id, access)
            journal = self._again(resume.strip(), header) if resume.strip() else self._new(header)
            self._running.add(journal.id)
            try:
                return await self._work(journal, employer, prompt, clean(" ".join(description.split())), access)
            finally:
                self._running.discard(journal.id)
                journal.close()
                if journal.path is None:
                    self._unkept[journal.id] = journal

    async def _work(self, journal: Journal, employer: Employer, prompt: str, description: str, access: str) -> Report:
        about = {"call_id": employer.call_id, "task": journal.id, "access": access, "description": description}
        self._parts.write([("task", about)])
        first: list[Record] = []
        if not journal.entries:
            mode = self._parts.gate.standing.mode
            first = [("sandbox", {"mode": mode, **self._means.contained.summary()})]
            first += [("title", {"title": description, "by": "model"})] if description else []
        shared, web = self._means.workspace, self._means.web
        jobs = Jobs(promotes=shared.jobs.promotes, passing=True)
        # What this session has seen of the files, its jobs and its variables are not the other's.
        workspace = replace(shared, files=Files(shared.folder), jobs=jobs, interpreter=Interpreter())
        gate = TaskGate(
            self._parts.gate,
            journal.id,
            lambda prepared: safety.look(workspace.folder, prepared, jobs, web.domain if web else None),
            partial(self._parts.toolbox.preview, workspace=workspace),
            looks_only=access == "read",
        )
        work = Overseen(Session(self._fitted(journal, employer, gate, workspace), tuple(first)), employer, gate)
        try:
            ended = await work.run(prompt)
        finally:
            await workspace.interpreter.close()
        if ended.reason == "denied":  # what the task lacked its session lacks, until that finds another way
            self._parts.gate.unmet += gate.unmet
        self._parts.gate.stop = self._parts.gate.stop or gate.stop
        spent = {"reason": ended.reason, "steps": ended.steps, "usage": usage_to_json(ended.usage)}
        self._parts.write([("task", {**about, **spent})])
        return work.report(ended)

    def _fitted(self, journal: Journal, employer: Employer, gate: TaskGate, workspace: Workspace) -> Parts:
        whole, means = self._parts, self._means
        toolbox = offered(whole.toolbox, gate.looks_only)
        return Parts(
            journal,
            means.connect(),
            toolbox,
            scopes(workspace, [Blobs(folder) for folder in means.blobs], journal, means.memory, means.web),
            whole.request._replace(system="", tools=(), messages=()),
            briefing(means.base, toolbox, means.contained.policy.hidden, "task"),
            Limits(turns=min(TURNS, whole.limits.turns or TURNS), beyond=employer.check),
            gate,
            History(sound(journal.branch)),
            whole.budget,
            whole.fold_prompt,
            Background(workspace.jobs, journal),
        )

    def _header(self, call_id: str, access: str) -> Json:
        above = self._parts.journal
        return {
            "folder": above.header.data.get("folder", ""),
            "minicode": __version__,
            "name": None,
            "spilled": [str(folder) for folder in self._means.blobs],
            "task": {"session": above.id, "call": call_id, "access": access},
        }

    def _new(self, header: Json, entries: Sequence[Entry] = ()) -> Journal:
        """entries: what it takes over, and goes its own way from there."""
        above = self._parts.journal
        known = {*self._unkept, *self._running, *(str(e.data.get("task")) for e in above.entries if e.kind == "task")}
        if above.path is not None:
            known.update(path.stem for path in store.tasks(above.path))
        id_ = task_id(above.id, 1 + max((task_of(one)[1] for one in known), default=0))
        if above.path is None:
            return Journal.ephemeral(header, entries, id_)
        return Journal.create(above.path.parent, header, entries, id_)

    def _again(self, key: str, header: Json) -> Journal:
        """The task to go on with; of the session that this one was forked from, a copy."""
        above = self._parts.journal
        owner, number = task_of(key)
        if short := re.fullmatch(r"t?([1-9]\d{0,5})", key):
            owner, number = "", int(short[1])
        family = [above.id, *(Path(str(name)).stem for name in reversed(above.header.data.get("spilled", ())))]
        for id_ in [task_id(session, number) for session in family if number and owner in ("", session)]:
            if id_ in self._running:
                raise SessionError(f"The task {key} is still running. Wait for its report, then ask it more.")
            path = self._file(id_)
            if path is None and id_ not in self._unkept:
                continue
            found = self._unkept[id_].header if path is None else load(path).header
            self._same_access(found.data.get("task"), header["task"]["access"], key)
            return self._opened(id_, path, header)
        names = sorted({str(e.data.get("task")) for e in above.entries if e.kind == "task"})
        there = f"It had {', '.join(names)}." if names else "It had none."
        raise SessionError(f"There is no task {key!r} in this session. {there} Without `resume` a new one begins.")

    def _opened(self, id_: str, path: Path | None, header: Json) -> Journal:
        if path is None:
            before = self._unkept[id_]
            journal = Journal.ephemeral(before.header.data, before.entries, id_)
        elif task_of(id_)[0] == self._parts.journal.id:
            journal = Journal.open(path)
        else:
            loaded = load(path)
            journal = self._new({**header, "from": id_}, branch_to(loaded.entries, leaf_of(loaded.entries)))
        if mending := closing(journal.branch):
            journal.append_many(mending)
        return journal

    def _file(self, id_: str) -> Path | None:
        beside = self._parts.journal.path or next(iter(self._means.blobs[1:]), None)  # or where it was forked from
        path = beside.with_name(f"{id_}{SUFFIX}") if beside else None
        return path if path and path.is_file() else None

    @staticmethod
    def _same_access(about: object, access: str, key: str) -> None:
        had = about.get("access") if isinstance(about, dict) else "read"
        if had != access:
            raise SessionError(f'The task {key} was begun with access="{had}", and goes on with that only.')
