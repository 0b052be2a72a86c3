"""One task while it runs: what it may do, what the human sees of it, and what is reported in the end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from minicode.events import (
    Alarm,
    Asked,
    CallDone,
    CallSaid,
    CallStarted,
    Denied,
    Event,
    Noted,
    ReplyDone,
    Retrying,
    StepStarted,
    TurnEnded,
    TurnStarted,
)
from minicode.gate import Gate, Verdict
from minicode.hooks import Hooks, Said
from minicode.journal.entry import task_of
from minicode.messages import Call, Usage
from minicode.parts import Employer
from minicode.permission.values import Standing, Wish
from minicode.plain import brief
from minicode.records import Record
from minicode.session import Session
from minicode.show import Line, Output, Show
from minicode.text import clean, count
from minicode.toolbox import Prepared, Tool, Toolbox
from minicode.toolkit import Report

_NOT_THEIRS = ("task", "ask_user", "exit_plan_mode")  # one deep; and with the user M2 talks itself
_LOOKS = ("reads", "state", "web")
_SHOWN = 200  # lines of what it did
# Moments of a session that have another name in a task's, and those that it has not.
_MOMENTS = {"UserPromptSubmit": "SubagentStart", "Stop": "SubagentStop", "SessionStart": "", "SessionEnd": ""}
_WHY = {
    "cancelled": "interrupted: it was stopped",
    "turns": "it used up its model calls ({calls})",
    "time": "time is up",
    "loop": "it went in circles",
}


def offered(toolbox: Toolbox, looks_only: bool) -> Toolbox:
    """The tools that a task gets: of those that can do more than look only the ones that can also just look."""

    def fits(tool: Tool) -> bool:
        looks = tool.effect in _LOOKS or (tool.toolfile.harmless is not None and tool.name != "jobs")
        return tool.name not in _NOT_THEIRS and (looks or not looks_only)

    return Toolbox({name: tool for name, tool in toolbox.tools.items() if fits(tool)}, redactor=toolbox.redactor)


class TaskHooks(Hooks):
    """The session's hooks, told that it is a task which they hear of."""

    def __init__(self, outer: Hooks, id_: str, kind: str) -> None:
        self._outer, self._about = outer, {"agent_id": id_, "agent_type": kind}

    async def run(self, event: str, tool: str = "", **payload: Any) -> Said:
        event = _MOMENTS.get(event, event)
        return await self._outer.run(event, tool, **payload, **self._about) if event else Said()


class TaskGate(Gate):
    """The gate of a task. What is in force is the session's own at every moment, and what is allowed here holds there.

    looks_only: nothing but looking is let through.
    """

    def __init__(
        self,
        outer: Gate,
        id_: str,
        look: Callable[[Prepared], Wish],
        preview: Callable[[Prepared], tuple[Show, ...]],
        *,
        looks_only: bool,
    ) -> None:
        self._outer = outer
        self.id, self.looks_only = id_, looks_only
        hooks = TaskHooks(outer.hooks, id_, "read" if looks_only else "full")
        super().__init__(outer.standing, hooks, look, outer.save, preview)

    @property
    def standing(self) -> Standing:
        return self._outer.standing

    @standing.setter
    def standing(self, standing: Standing) -> None:
        self._outer.standing = standing

    async def admit(
        self, prepared: Prepared, tell: Callable[[Event], None], write: Callable[[list[Record]], None]
    ) -> Verdict:
        if self.looks_only and prepared.error is None and prepared.effect not in _LOOKS:
            return Verdict("not run: this task only looks. Say in your report what would have to be done.")
        return await super().admit(prepared, tell, write)

    def pass_on(self, call_id: str, name: str) -> None:
        """Who answers the session's question of that name answers this call."""
        if waiting := self._waiting.get(call_id):
            others = self._outer._waiting
            others[name] = waiting
            waiting.add_done_callback(lambda _: others.pop(name, None))


class Overseen:
    """A task's session at work for a call of another."""

    def __init__(self, session: Session, employer: Employer, gate: TaskGate) -> None:
        self._session, self._employer, self._gate = session, employer, gate
        self._name = f"t{task_of(gate.id)[1]}"
        self._mark = secrets.token_hex(4)  # M2 chooses ids: no other call may be given the answer to one of these
        self._asked: set[str] = set()  # calls that are seen as calls, since the user has a say in them
        self._lines: list[str] = []
        self._begun = self._stopped = False
        self._calls = self._thoughts = 0
        self._booked = Usage()
        redactor = session.parts.toolbox.redactor
        self._hide: Callable[[str], str] = redactor.text if redactor else str

    async def run(self, prompt: str) -> TurnEnded:
        """To its end, which after a cancellation comes soon. Cancelled twice, it is cut off."""
        work = asyncio.create_task(self._turn(prompt))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self._stopped = True
            if self._begun:  # else its words go on record first
                self._session.cancel()
            return await work

    def report(self, ended: TurnEnded) -> Report:
        tokens = f"{ended.usage.context + ended.usage.output:,} tokens"
        steps = count(ended.steps, "step")
        note = f'task {self._gate.id}, {steps}, {tokens}; to ask it more: resume="{self._name}"'
        text = ended.text.strip()
        why = _WHY.get(ended.reason, ended.error) if ended.reason != "done" else "" if text else "it said nothing"
        why = why.replace("{calls}", str(ended.steps))
        if why:
            note = f"The task was not finished: {why.rstrip('.')}. {note}"
        done = "\n".join([*self._lines[-_SHOWN:], *(["", text] if text else [])])
        line = f"{steps}, {count(self._calls, 'call')}, {count(self._thoughts, 'thought')}, {tokens}"
        return Report(text, note, (Line(line), Output(done)), failed=bool(why))

    async def _turn(self, prompt: str) -> TurnEnded:
        ended: TurnEnded | None = None
        try:
            async with aclosing(self._session.send(prompt)) as turn:
                async for event in turn:
                    self._hear(event)
                    ended = event if isinstance(event, TurnEnded) else None
        finally:
            await self._session.close()
        assert ended is not None  # the session's promise
        return ended

    def _hear(self, event: Event) -> None:
        match event:
            case TurnStarted():
                self._begun = True
                if self._stopped:
                    self._session.cancel()
            case StepStarted(step):
                self._say(f"step {step} · {count(self._thoughts, 'thought')}")
            case ReplyDone(reply):
                self._thoughts += len(reply.thinking)
                self._book(self._booked + reply.usage)
            case CallStarted(call):
                self._calls += 1
                self._say(f"● {_title(call)}", kept=True)
            case Denied(call):
                self._say(f"⊘ {_title(call)}", kept=True)
            case CallDone(call, result) if result.failed:
                self._say(f"  ✗ {result.text.strip()[:200]}".split("\n")[0], kept=True)
            case TurnEnded():
                self._book(event.usage)
        self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        """What the human must see of it, or decide."""
        match event:
            case Asked(call, reason):
                own = self._own(call)
                title = self._session.journal.gist.title
                self._asked.add(call.id)
                self._gate.pass_on(call.id, own.id)
                who = f"The task {self._name}{f' ({title})' if title else ''} asks."
                self._employer.tell(event._replace(call=own, reason=f"{who} {reason}"))
            case CallStarted(call) if call.id in self._asked:
                self._employer.tell(event._replace(call=self._own(call)))
            case Denied(call, _, by) if by != "guard":
                self._asked.add(call.id)
                self._employer.tell(event._replace(call=self._own(call)))
            case CallDone(call, result) if call.id in self._asked:
                own = self._own(call)
                self._asked.discard(call.id)
                self._employer.tell(event._replace(call=own, result=result._replace(call_id=own.id)))
            case Alarm(_, text):
                self._employer.tell(Alarm(self._employer.call_id, text))
            case Retrying(attempt, tries, wait, reason):
                words = f"try {attempt} of {tries} failed: {reason} Waiting {wait:.0f} s."
                self._employer.tell(Noted("warning", f"Task {self._name}: {words}"))
            case Noted(level, text) if level != "info":
                self._employer.tell(Noted(level, f"Task {self._name}: {text}"))

    def _own(self, call: Call) -> Call:
        """Under an id that no other call has."""
        return call._replace(id=f"{self._employer.call_id}/{self._name}/{self._mark}/{call.id}")

    def _say(self, text: str, *, kept: bool = False) -> None:
        line = self._hide(clean(" ".join(text.split("\n"))))
        if kept:
            self._lines.append(line)
        self._employer.tell(CallSaid(self._employer.call_id, f"{line}\n"))

    def _book(self, usage: Usage) -> None:
        """usage: of the whole task by now."""
        before, self._booked = self._booked, usage
        self._employer.book(Usage(*(now - then for now, then in zip(_counts(usage), _counts(before), strict=True))))


def _title(call: Call) -> str:
    return f"{call.name} {brief(dict(call.arguments))}"


def _counts(usage: Usage) -> tuple[int, int, int, int]:
    return usage.input, usage.output, usage.cache_read, usage.cache_write
