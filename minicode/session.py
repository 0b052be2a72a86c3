"""One conversation: journal, model and tools held together. Send, steer, cancel; every event on the way out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minicode import guards, records, turn
from minicode.context.facts import Instructions
from minicode.context.history import History
from minicode.errors import LimitReached, MinicodeError, ModelError, StorageError
from minicode.events import (
    CallDone,
    CallSaid,
    Event,
    Noted,
    ReplyDone,
    Retrying,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    Withdrawn,
)
from minicode.guards import STOPPED, TOLD, Guards
from minicode.journal.repair import sound
from minicode.journal.writer import Journal
from minicode.limits import Limits
from minicode.messages import Call, Reply, Request, Usage, reply_to_json
from minicode.model import catalogue
from minicode.model.base import Model
from minicode.toolbox import Prepared, Toolbox
from minicode.toolkit import Scope


@dataclass(frozen=True, slots=True)
class Briefing:
    """What the model is told besides the conversation.

    system: makes the data of the `system` entry, and what the user should know of it; called once a session.
    news: what changed in the instruction files since the digests given; called at every step, so it must be quick.
    """

    system: Callable[[], tuple[dict[str, Any], tuple[str, ...]]]
    news: Callable[[Mapping[str, Any]], Instructions | None]


@dataclass(slots=True)
class Turn:
    """The state of the turn that is running."""

    guards: Guards = field(default_factory=Guards)
    usage: Usage = field(default_factory=Usage)
    steps: int = 0
    thinking: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    answer: str = ""
    asides: list[str] = field(default_factory=list)
    prepared: dict[str, Prepared] = field(default_factory=dict)
    intended: set[str] = field(default_factory=set)
    asked: Request | None = None
    sent: str = ""
    stop: str = ""
    mended: bool = False


class Session:
    """Not safe for two turns at a time; `send` says so."""

    def __init__(
        self,
        journal: Journal,
        model: Model,
        toolbox: Toolbox,
        scope: Callable[[str, Callable[[str], None]], Scope],
        request: Request,
        briefing: Briefing,
        limits: Limits,
    ) -> None:
        """request: the settings of every request; its system, tools and messages are filled in from the journal.
        scope: makes what a tool may use, from a call's id and a place for its progress."""
        self.journal = journal
        self.model = model
        self.toolbox = toolbox
        self.limits = limits
        self.history = History(sound(journal.branch))
        self._scope = scope
        self._request = request
        self._briefing = briefing
        self._steers: list[str] = []
        self._task: asyncio.Task[None] | None = None
        self._turn = Turn()
        self._emit: Callable[[Event], None] = lambda event: None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def meter(self) -> tuple[int, int]:
        """(thoughts the next request gives back, thoughts M2 gave on this branch)."""
        return self.history.given, self.history.issued

    async def send(self, text: str) -> AsyncGenerator[Event, None]:
        """One turn; the last event is a TurnEnded. Closing the iterator early cancels the turn."""
        if self.running:
            raise RuntimeError("a turn is running: steer it or cancel it")
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._emit = queue.put_nowait
        self._turn = Turn()
        self._task = asyncio.create_task(self._run(text))
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

    def steer(self, text: str) -> None:
        """Say something to the running turn. It reaches the model inside its next tool result, where it does not
        push the running thoughts out of the model's view; or as the next message, if no tool is called any more."""
        self._steers.append(text)

    def cancel(self) -> None:
        """Stop the running turn, whatever it does. Harmless if none runs."""
        if self._task is not None:
            self._task.cancel()

    # -- a turn, from the user's words to its end

    async def _run(self, text: str) -> None:
        reason, error, code = "done", "", 0
        try:
            async with asyncio.timeout(self.limits.seconds or None):
                last = await self._converse(text)
            if error := Guards.unfinished(last):
                reason, code = "failed", 1
        except TimeoutError:
            limit = self.limits.out_of_time()
            reason, error, code = limit.limit, str(limit), limit.exit_code
        except LimitReached as limit:
            reason, error, code = limit.limit, str(limit), limit.exit_code
        except asyncio.CancelledError:
            reason = "cancelled"
        except MinicodeError as trouble:
            reason, error, code = self._turn.stop or "failed", str(trouble), trouble.exit_code
        except Exception as bug:  # why: a face waits for the end of the turn, whatever breaks in it
            reason, error, code = "failed", f"internal error: {type(bug).__name__}: {bug} (at {_place_of(bug)}).", 1
        await self._close(reason, error, code)

    async def _converse(self, text: str) -> Reply:
        notes = self._begin(text)
        await self.model.ready()
        for note in notes:
            self._tell(Noted("warning", note))
        doors = turn.Doors(
            emit=self._tell,
            prepare=self._prepare,
            keep=self._keep,
            gate=self._gate,
            run=self._call,
            settle=self._settle,
            alone=self._alone,
            more=self._more,
        )
        while True:
            try:
                return await turn.run_turn(self.model, doors)
            except ModelError as error:
                if error.kind != "pairing" or self._turn.mended:
                    raise
                # The server does not see our pairs as we do: build the history anew from the disk, once.
                self._turn.mended = True
                self.history = History(sound(self.journal.branch))
                self._tell(Noted("warning", f"{error} Asking once more with the history built anew."))

    def _begin(self, text: str) -> tuple[str, ...]:
        first: list[records.Record] = []
        notes: tuple[str, ...] = ()
        if not self.history.system:
            system, notes = self._briefing.system()
            first.append(("system", system))
        elif news := self._briefing.news(self.history.facts.get("instructions", {})):
            text = f"{text}\n\n[minicode: instruction files have changed.\n{news.text}]"
            first.append(self._learned(news))
        self._write([*first, ("user", {"text": text})])
        self.journal.sync()
        self._emit(TurnStarted(self.journal.id, text))
        return notes

    async def _close(self, reason: str, error: str, code: int) -> None:
        done = self._turn
        with contextlib.suppress(StorageError):  # then `error` says so already
            if reason != "done" and (done.thinking or done.text):
                partial = {"thinking": "".join(done.thinking), "text": "".join(done.text), "why": reason}
                self._write([("partial", partial)])
            self._write([records.end(reason, error)])
            self.journal.sync()
        back, issued = self.meter
        self._emit(TurnEnded(reason, done.answer, done.usage, done.steps, back, issued, error, code))

    def _tell(self, event: Event) -> None:
        """Pass an event on, and remember what was streamed, for the record should the stream be cut."""
        match event:
            case ThinkingDelta(text):
                self._turn.thinking.append(text)
            case TextDelta(text):
                self._turn.text.append(text)
            case Withdrawn():
                self._turn.thinking.clear()
                self._turn.text.clear()
            case Retrying():
                self._record_request()  # it may be sent in another form, without signatures
        self._emit(event)

    # -- the doors of the loop

    async def _prepare(self) -> Request:
        if self._turn.stop:
            raise MinicodeError(
                f"Stopped: the model made the same move {STOPPED} times in a row. Say what to try instead."
            )
        self.limits.check(self._turn.steps, self._turn.usage, self._request.model)
        self._let_in()
        history = self.history
        request = self._request._replace(system=history.system, tools=history.tools, messages=history.messages())
        self._turn.asked = request
        size = self._record_request()
        await asyncio.to_thread(self.journal.sync)  # the results are durable before the model hears of them
        self._turn.steps += 1
        self._tell(StepStarted(self._turn.steps, history.given, history.issued, size))
        return request

    def _record_request(self) -> int:
        """Journal what is about to be sent, unless it is what was recorded last; returns its size in bytes."""
        asked = self._turn.asked
        assert asked is not None  # set by _prepare, before anything can be sent
        encoded = self.model.encode(asked)
        record = records.request(asked, encoded, self.history.given, self.history.issued)
        if record[1]["sha256"] != self._turn.sent:
            self._turn.sent = record[1]["sha256"]
            self._write([record])
        return len(encoded.body)

    def _let_in(self) -> None:
        """Steers, remarks and changed instructions enter inside the last tool result, if there is one."""
        if not self.history.waiting:
            return
        said = [("minicode", text) for text in self._turn.asides]
        if news := self._briefing.news(self.history.facts.get("instructions", {})):
            said.append(("minicode", f"instruction files have changed.\n{news.text}"))
            self._write([self._learned(news)])
        said += [("user", text) for text in self._steers]
        self._turn.asides.clear()
        self._steers.clear()
        self._write([("aside", {"by": by, "text": text}) for by, text in said])

    def _learned(self, news: Instructions) -> records.Record:
        for note in news.notes:
            self._tell(Noted("warning", note))
        return "told", {"instructions": dict(news.digests)}

    async def _keep(self, reply: Reply) -> None:
        done = self._turn
        now: list[records.Record] = [("reply", reply_to_json(reply))]
        done.intended.clear()  # some servers use their ids again
        done.prepared = {call.id: self.toolbox.prepare(call) for call in reply.calls}
        # What starts at once needs no second fsync: its intent goes with the reply.
        first = next(iter(turn.batches(reply.calls, self._alone)), [])
        if reply.stop != "max_tokens":
            now += [self._intent(call) for call in first if self._risky(call)]
        self._write(now)
        await asyncio.to_thread(self.journal.sync)
        done.usage += reply.usage
        done.answer = reply.text.strip() or done.answer
        done.thinking.clear()
        done.text.clear()
        self._tell(ReplyDone(reply))
        alike = done.guards.see(reply)
        if alike == TOLD:
            done.asides.append(guards.same_thought(alike))
        elif alike >= STOPPED:
            done.stop = "loop"

    async def _gate(self, call: Call) -> str | None:
        times = self._turn.guards.repeated(call)
        if times >= STOPPED:
            self._turn.stop = "loop"
            return f"not run: you made this very call {times} times with nothing new"
        if times >= TOLD:
            self._turn.asides = [*dict.fromkeys([*self._turn.asides, guards.same_call(times)])]  # once a reply
        return None

    async def _call(self, call: Call) -> turn.Outcome:
        if self._risky(call) and call.id not in self._turn.intended:
            self._write([self._intent(call)])
            await asyncio.to_thread(self.journal.sync)
        scope = self._scope(call.id, lambda text: self._tell(CallSaid(call.id, text)))
        result = await self.toolbox.run(self._turn.prepared[call.id], scope)
        return turn.Outcome(result.text, result.failed, tuple(result.show))

    def _settle(self, done: CallDone) -> None:
        self._write([records.result(done)])

    def _alone(self, call: Call) -> bool:
        return self._risky(call)

    def _risky(self, call: Call) -> bool:
        prepared = self._turn.prepared[call.id]
        return prepared.error is None and prepared.effect in ("writes", "runs")

    def _intent(self, call: Call) -> records.Record:
        prepared = self._turn.prepared[call.id]
        self._turn.intended.add(call.id)
        return "intent", {"call_id": call.id, "name": call.name, "effect": prepared.effect}

    async def _more(self, reply: Reply) -> bool:
        if self._steers:
            words = "\n\n".join(self._steers)
            self._steers.clear()
            self._write([("user", {"text": words})])
            return True
        why, words = self._turn.guards.nudge(reply, self.history.todos)
        if not why:
            return False
        if why == "cut":
            most = catalogue.look_up(self._request.model).output
            self._request = self._request._replace(max_tokens=min(self._request.max_tokens * 2, most))
        self._write([("user", {"text": words, "by": "minicode", "why": why})])
        self._tell(Noted("info", f"Asked the model to go on ({why})."))
        return True

    def _write(self, new: list[records.Record]) -> None:
        for entry in self.journal.append_many(new) if new else ():
            self.history.add(entry)


def _place_of(bug: Exception) -> str:
    from traceback import extract_tb

    frame = extract_tb(bug.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
