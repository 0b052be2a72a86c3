"""One turn while it runs: the doors of the loop and the policy behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from minicode import folding, guards, planning, records, turn
from minicode.checkpoints import Outlet
from minicode.context.facts import Instructions
from minicode.errors import MinicodeError, UsageError
from minicode.events import (
    Alarm,
    CallDone,
    CallSaid,
    Denied,
    Event,
    Noted,
    ReplyDone,
    Retrying,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    Verified,
    Withdrawn,
)
from minicode.guards import STOPPED, TOLD, Guards
from minicode.messages import Call, Reply, Request, Usage, reply_to_json
from minicode.model import catalogue
from minicode.parts import Employer, Parts
from minicode.sandbox.policy import Grant
from minicode.toolbox import Prepared

STOP_HOOKS = 5  # times in a turn that a hook may send the model back to work


@dataclass(slots=True)
class Running:
    """The state of a turn. One each; `emit` must not raise."""

    parts: Parts
    emit: Callable[[Event], None]
    guards: Guards = field(default_factory=Guards)
    usage: Usage = field(default_factory=Usage)
    steps: int = 0
    thinking: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    answer: str = ""
    stop: str = ""
    verified: Verified | None = None  # what the user's check said last
    streaming: bool = False  # a request is on its way, and no reply is kept yet
    _asides: list[str] = field(default_factory=list)
    _prepared: dict[str, Prepared] = field(default_factory=dict)
    _grants: dict[str, Grant] = field(default_factory=dict)
    _intended: set[str] = field(default_factory=set)
    _asked: Request | None = None
    _sent: str = ""
    _fresh: bool = False  # the files were not kept yet in this step
    _held: int = 0
    _sent_back: int = 0  # times that the user's check failed, and the model was told
    _heard: int = 0  # of background jobs

    @property
    def doors(self) -> turn.Doors:
        return turn.Doors(
            emit=self.tell,
            prepare=self._prepare,
            keep=self._keep,
            gate=self._gate,
            run=self._call,
            settle=self._settle,
            alone=self._risky,
            more=self._more,
        )

    def tell(self, event: Event) -> None:
        """Pass an event on, and remember what was streamed, for the record should the stream be cut."""
        match event:
            case ThinkingDelta(text):
                self.thinking.append(text)
            case TextDelta(text):
                self.text.append(text)
            case Withdrawn():
                self.thinking.clear()
                self.text.clear()
            case Retrying():
                self._record_request()  # it may be sent in another form, without signatures
        self.emit(event)

    async def _prepare(self) -> Request:
        if self.stop:
            raise MinicodeError(
                f"Stopped: the model made the same move {STOPPED} times in a row. Say what to try instead."
            )
        if self.parts.gate.stop:
            raise MinicodeError(f"A hook ended the turn: {self.parts.gate.stop}")
        self.parts.limits.check(self.steps, self.usage, self.parts.request.model)
        self._let_in()
        self._asked, spent = await folding.make_room(self.parts, self.emit)
        self.usage += spent
        self.parts.limits.check(self.steps, self.usage, self.parts.request.model)  # folding costs, too
        size = self._record_request()
        await asyncio.to_thread(self.parts.journal.sync)  # the results are durable before the model hears of them
        self.steps += 1
        self.tell(StepStarted(self.steps, self.parts.history.given, self.parts.history.issued, size))
        self.streaming = True
        return self._asked

    def interjected(self) -> bool:
        """The stream was stopped for what the user has to say now: what came is put on record, and the words go in.
        False if there are none."""
        if not self.parts.steers:
            return False
        self.streaming = False
        partial = {"thinking": "".join(self.thinking), "text": "".join(self.text), "why": "steered"}
        if self.thinking or self.text:
            self.parts.write([("partial", partial)])
        self.tell(Withdrawn())
        if not self.parts.history.hears:
            self.parts.write([("user", {"text": "\n\n".join(self.parts.steers)})])
            self.parts.steers.clear()
        return True

    async def overflowed(self, error: str) -> bool:
        """The server says that the request is too long, whatever was counted here. False if nothing could be folded."""
        assert self._asked is not None  # what was refused
        self.streaming = False
        size = self.parts.history.gauge.tokens(len(self.parts.model.encode(self._asked).body))
        known = self.parts.budget.whole(self._asked.model)
        self.parts.budget = self.parts.budget._replace(window=min(known, size))  # for the rest of this session
        self.parts.fold_after = 0
        clipped = folding.clip(self.parts, self.emit, "overflow", newest=1)
        done = await folding.fold(self.parts, self.emit, "overflow", running=True)
        self.usage += done.usage
        if not (clipped or done.entry or folding.clip(self.parts, self.emit, "overflow", newest=0)):
            return False
        self.tell(Noted("warning", f"{error} It is shorter now; asking once more."))
        return True

    def _record_request(self) -> int:
        """Journal what is about to be sent, unless it is what was recorded last; returns its size in bytes."""
        asked = self._asked
        assert asked is not None  # set by _prepare, before anything can be sent
        encoded = self.parts.model.encode(asked)
        record = records.request(asked, encoded, self.parts.history.given, self.parts.history.issued)
        if record[1]["sha256"] != self._sent:
            self._sent = record[1]["sha256"]
            self.parts.write([record])
        return len(encoded.body)

    def _let_in(self) -> None:
        """Steers, remarks and changed instructions enter inside the last tool result, if there is one."""
        if not self.parts.history.hears:
            return
        said = [("minicode", text) for text in self._asides]
        if news := self.parts.briefing.news(self.parts.history.facts.get("instructions", {})):
            said.append(("minicode", f"instruction files have changed.\n{news.text}"))
            self.parts.write([self.learned(news)])
        if mode := planning.news(self.parts):
            said.append(("minicode", mode[0]))
            self.parts.write([mode[1]])
        said += [("minicode", text) for text in self.parts.background.news()]
        said += [("user", text) for text in self.parts.steers]
        self._asides.clear()
        self.parts.steers.clear()
        self.parts.write([("aside", {"by": by, "text": text}) for by, text in said])

    def learned(self, news: Instructions) -> records.Record:
        for note in news.notes:
            self.tell(Noted("warning", note))
        return "told", {"instructions": dict(news.digests)}

    def _keep(self, reply: Reply) -> Coroutine[Any, Any, None]:
        self.streaming = False  # at once, not when the work begins: a whole reply is not stopped any more
        return self._kept(reply)

    async def _kept(self, reply: Reply) -> None:
        now: list[records.Record] = [("reply", reply_to_json(reply))]
        self._intended.clear()  # some servers use their ids again
        self._fresh = True
        self._prepared = {call.id: self.parts.toolbox.prepare(call) for call in reply.calls}
        # What starts at once needs no second fsync: its intent goes with the reply.
        first = next(iter(turn.batches(reply.calls, self._risky)), [])
        if reply.stop != "max_tokens":
            now += [self._intent(call) for call in first if self._risky(call)]
        self.parts.write(now)
        await asyncio.to_thread(self.parts.journal.sync)
        self.usage += reply.usage
        self.answer = reply.text.strip() or self.answer
        self.thinking.clear()
        self.text.clear()
        self.tell(ReplyDone(reply))
        heard, self._heard = self._heard, self.parts.background.heard
        alike = self.guards.see(reply, news=self._heard > heard)
        if alike == TOLD:
            self._asides.append(guards.same_thought(alike))
        elif alike >= STOPPED:
            self.stop = "loop"

    async def _gate(self, call: Call) -> Denied | None:
        times = self.guards.repeated(call)
        if times >= STOPPED:
            self.stop = "loop"
            return Denied(call, f"not run: you made this very call {times} times with nothing new", "guard")
        if times >= TOLD:
            self._asides = [*dict.fromkeys([*self._asides, guards.same_call(times)])]  # once a reply
        verdict = await self.parts.gate.admit(self._prepared[call.id], self.tell, self.parts.write)
        if verdict.refusal:
            return Denied(call, verdict.refusal, verdict.by)
        self._grants[call.id] = verdict.grant
        return None

    async def _call(self, call: Call) -> turn.Outcome:
        if self._fresh and self._risky(call):
            self._fresh = False
            await self.parts.checkpoints.before(Outlet(self.parts.write, self.emit))
        if self._risky(call) and self.parts.check:
            self.parts.check.due = True
        if self._risky(call) and call.id not in self._intended:
            self.parts.write([self._intent(call)])
            await asyncio.to_thread(self.parts.journal.sync)
        prepared = self._prepared[call.id]
        scope = self.parts.scope(
            call.id,
            self._grants.pop(call.id, Grant()),
            lambda text: self.tell(CallSaid(call.id, text)),
            lambda text: self._alarm(call.id, text),
        )
        scope = replace(
            scope,
            ask=partial(self.parts.questions.ask, call.id, self.tell),
            propose=partial(planning.propose, self.parts, call.id, self.tell),
            delegate=partial(self.parts.delegate, Employer(call.id, self.tell, self._book, self._check)),
        )
        result = await self.parts.toolbox.run(prepared, scope, self.tell)
        if self._risky(call) and not result.failed:
            self.parts.gate.found_a_way(prepared)
        self._asides += await self.parts.gate.after(prepared, result, self.tell)
        return turn.Outcome(result.text, result.failed, tuple(result.show))

    def _book(self, usage: Usage) -> None:
        self.usage += usage

    def _check(self) -> None:
        """Of what a task takes, the turn's money and tokens are a limit, too."""
        self.parts.limits.check(0, self.usage, self.parts.request.model)

    async def keep_files(self) -> None:
        """At the end of the turn."""
        await self.parts.checkpoints.after(Outlet(self.parts.write, self.emit))

    def _alarm(self, call_id: str, text: str) -> None:
        self.parts.write([("alarm", {"call_id": call_id, "text": text})])
        self.tell(Alarm(call_id, text))

    def _settle(self, done: CallDone) -> None:
        if self.parts.history.waiting:  # else its reply could not be stored, and there is nothing that it would answer
            self.parts.write([records.result(done)])

    def _risky(self, call: Call) -> bool:
        prepared = self._prepared[call.id]
        return prepared.error is None and prepared.effect in ("writes", "runs")

    def _intent(self, call: Call) -> records.Record:
        prepared = self._prepared[call.id]
        self._intended.add(call.id)
        return "intent", {"call_id": call.id, "name": call.name, "effect": prepared.effect}

    async def _more(self, reply: Reply) -> bool:
        if self.parts.steers:
            words = "\n\n".join(self.parts.steers)
            self.parts.steers.clear()
            self.parts.write([("user", {"text": words})])
            return True
        why, words = self.guards.nudge(reply, self.parts.history.todos)
        if not why and self._held < STOP_HOOKS:
            said = await self.parts.gate.hooks.run("Stop", stop_hook_active=self._held > 0)
            why, words = ("hook" if said.blocked else ""), said.blocked
            self._held += 1
        if not why:
            return await self._unverified(reply)
        if why == "cut":
            most = catalogue.look_up(self.parts.request.model).output
            self.parts.request = self.parts.request._replace(max_tokens=min(self.parts.request.max_tokens * 2, most))
        self.parts.write([("user", {"text": words, "by": "minicode", "why": why})])
        self.tell(Noted("info", f"Asked the model to go on ({why})."))
        return True

    async def _unverified(self, reply: Reply) -> bool:
        """The model says that it is done. True if the user's check says otherwise, and the model was told."""
        check = self.parts.check
        if check is None or not check.due or Guards.unfinished(reply):
            return False
        from minicode import verifying  # for those who want a check

        self.tell(Noted("info", f"Checking with {verifying.named(check.command)} …"))
        await self.parts.checkpoints.before(Outlet(self.parts.write, self.emit))
        try:
            found = await verifying.gather(self.parts, check.command, lambda text: self._alarm("", text))
        except UsageError as error:
            self._verdict(Verified(reply.text, verifying.named(check.command), str(error), "", "not run"))
            return False
        check.due = found.failed
        back = found.failed and self._sent_back < check.tries
        verdict = "failed" if found.failed else "passed"
        self._verdict(Verified(reply.text, found.command, found.outcome, found.text, verdict, back))
        if back:
            self._sent_back += 1
            self.parts.write([("user", {"text": found.complaint, "by": "minicode", "why": "verify"})])
        return back

    def _verdict(self, said: Verified) -> None:
        self.verified = said
        self.parts.write([records.verified(said)])
        self.tell(said)
