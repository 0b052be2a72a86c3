"""Events become blocks: the same way for a turn that runs and for one that is on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, assert_never

from minicode import plain
from minicode.events import (
    Alarm,
    Asked,
    CallDone,
    CallForming,
    CallSaid,
    CallStarted,
    Denied,
    Event,
    Folded,
    Noted,
    Questioned,
    ReplyDone,
    Retrying,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    Verified,
    Withdrawn,
)
from minicode.messages import Call, Reply, Usage
from minicode.show import REPAIRED, Line, Output, Show, Tests, Todos
from minicode.text import clean, count
from minicode.tui.blocks import Block, Checked, Note, Said, Thought
from minicode.tui.doings import Answer, Doing

_REASONS = {
    "cancelled": "stopped",
    "turns": "turn limit",
    "money": "budget",
    "tokens": "token limit",
    "time": "time is up",
}


# How begins what M2 is told of a call that came to no end, and what its reader is told.
_TOLD_M2 = {
    "interrupted: this was stopped": "stopped; it may have taken effect",
    "interrupted: minicode stopped": "cut off with minicode; it may have taken effect",
    "did not run: it was interrupted": "did not run",
    "did not run: minicode stopped": "did not run",
    "lost: the record of this result": "the record of its result is damaged",
}
NEW, STEER = "❯", "↳"  # the marks of what the user said, between turns and to one that runs


class Paper(Protocol):
    """Where blocks go."""

    def add(self, *blocks: Block) -> None: ...
    def touch(self, block: Block) -> None: ...


class Story:
    """One conversation. price: what a turn cost in dollars, None if that is not known. todos: the newest list.

    step: counts over the whole conversation, so that a thought and what it led to are known to belong together.
    """

    def __init__(self, paper: Paper, price: Callable[[Usage], float | None] = lambda usage: None) -> None:
        self._paper = paper
        self._price = price
        self.step = 0
        self.todos: Todos | None = None
        self.cost = 0.0
        self._now: Thought | Answer | None = None  # what the stream goes into
        self._streamed: list[Thought | Answer] = []  # in this step
        self._forming: dict[int, Doing] = {}
        self._calls: list[Doing] = []  # of the last reply
        self._last: Block | None = None
        self._said: Said | None = None  # what the next TurnStarted will say again
        self._in_turn = False

    def said(self, text: str, mark: str = NEW) -> None:
        """Shown at once; the turn's own word of it comes when it is on disk."""
        said = Said(clean(text), mark)
        if mark == NEW:
            self._said = said
        self._add(said)

    def note(self, text: str, style: str = "dim", gap: int = 0) -> None:
        self._add(Note(clean(text).rstrip("\n"), style, gap))

    def put(self, block: Block) -> None:
        """Something that is no event."""
        self._add(block)

    def tell(self, event: Event) -> None:
        """As `show`, and whatever of it cannot be shown is said."""
        try:
            self.show(event)
        except Exception as bug:  # why: one event that breaks must not take the others with it
            self.note(f"internal error: {type(event).__name__} cannot be shown: {type(bug).__name__}: {bug}.", "bad")

    def show(self, event: Event) -> None:  # noqa: C901 - a case for each kind of event
        match event:
            case TurnStarted(_, text):
                self._turn_started(clean(text))
            case StepStarted():
                self.step += 1
                self._end_stream()
                self._streamed.clear()
                self._forming.clear()
            case ThinkingDelta(text):
                self._stream(Thought, text)
            case TextDelta(text):
                self._stream(Answer, text)
            case CallForming(number, name, fragment):
                self._form(number, name, fragment)
            case Withdrawn():
                self._withdraw()
            case Retrying(attempt, tries, wait, reason):
                self.note(f"try {attempt} of {tries} failed: {reason} Waiting {wait:.0f} s.", "warning")
            case ReplyDone(reply):
                self._reply(reply)
            case CallStarted(call):
                self._doing(call)
            case CallSaid(call_id, text, over, colours):
                if doing := self._find(call_id):
                    doing.say(text, over, colours)
                    self._paper.touch(doing)
            case Asked(call):
                doing = self._doing(call)
                doing.state = "wait"
                self._paper.touch(doing)
            case Questioned(call_id):
                if doing := self._find(call_id):
                    doing.state = "wait"
                    self._paper.touch(doing)
            case Denied(call, reason, by):
                doing = self._doing(call)
                doing.state, doing.reason = "no", clean(f"{by}: {reason}")
                self._paper.touch(doing)
            case CallDone():
                self._done(event)
            case Alarm(call_id, text):
                if doing := self._find(call_id):
                    doing.alarms.append(clean(text))
                    self._paper.touch(doing)
                else:
                    self.note(text, "bad")
            case Folded(_, _, before, after, thoughts, clipped):
                self.note(plain.folded(before, after, thoughts, clipped), gap=1)
            case Verified():
                self._add(Checked(plain.verified(event), "good" if event.verdict == "passed" else "bad"))
            case Noted(level, text):
                self.note(text, {"info": "dim", "error": "bad"}.get(level, "warning"))
            case TurnEnded():
                self._turn_ended(event)
            case _:
                assert_never(event)

    def _add(self, block: Block) -> None:
        """What a thought led to stands right below it, and calls of one step below each other."""
        before, self._last = self._last, block
        if isinstance(block, Doing) and isinstance(before, Thought | Doing) and before.step == block.step:
            block.gap = 0
        self._paper.add(block)

    def _turn_started(self, text: str) -> None:
        """Said at once, it is on the screen already: now as it is on record, with keys hidden."""
        if self._said is None:
            self._add(Said(text, STEER if self._in_turn else NEW))
        elif self._said.text != text:
            self._said.text = text
            self._paper.touch(self._said)
        self._said, self._in_turn = None, True

    def _stream(self, kind: type[Thought] | type[Answer], text: str) -> None:
        text = _read(text)
        if not isinstance(self._now, kind):
            if not text.strip():
                return
            self._end_stream()
            self._now = kind(self.step, running=True)
            self._streamed.append(self._now)
            self._now.append(text.lstrip("\n"))
            self._add(self._now)
            return
        self._now.append(text)
        self._paper.touch(self._now)

    def _end_stream(self) -> None:
        if self._now is not None:
            self._now.finish()
            self._paper.touch(self._now)
        self._now = None

    def _form(self, number: int, name: str, fragment: str) -> None:
        self._end_stream()
        doing = self._forming.get(number)
        if doing is None:
            doing = self._forming[number] = Doing(self.step, name)
            self._add(doing)
        doing.name = name or doing.name
        doing.forming(fragment)
        self._paper.touch(doing)

    def _withdraw(self) -> None:
        self._end_stream()
        for block in self._streamed:
            if isinstance(block, Thought):
                block.void = "cut off, does not count"
            else:
                block.void = True
            self._paper.touch(block)
        self._streamed.clear()
        self._cut_off(self._forming.values(), "cut off, does not count")
        self._forming.clear()

    def _cut_off(self, doings: Iterable[Doing], why: str) -> None:
        for doing in doings:
            doing.state, doing.reason, doing.running = "bad", why, False
            self._paper.touch(doing)

    def _reply(self, reply: Reply) -> None:
        """What was not streamed is shown now, and the calls are known."""
        self._end_stream()
        if not self._streamed:
            for thought in reply.thinking:
                if thought.text.strip():
                    self._keep(Thought(self.step, _read(thought.text).strip("\n")))
            if reply.text.strip():
                self._keep(Answer(self.step, _read(reply.text)))
        led = next((Doing(0, call.name, call).title() for call in reply.calls), "")
        for block in self._streamed:
            if isinstance(block, Thought):
                block.led = led
                self._paper.touch(block)
        self._calls.clear()
        for number, call in enumerate(reply.calls):
            doing = self._forming.get(number) or Doing(self.step, call.name)
            doing.call, doing.name, doing.repairs = call, call.name, tuple(call.repairs)
            doing.state = "run"
            if number in self._forming:
                self._paper.touch(doing)
            else:
                self._add(doing)
            self._calls.append(doing)
        for number, doing in self._forming.items():
            if number >= len(reply.calls):
                self._cut_off([doing], "came to nothing")
        self._streamed.clear()
        self._forming.clear()

    def _keep(self, block: Thought | Answer) -> None:
        block.finish()
        self._streamed.append(block)
        self._add(block)

    def _find(self, call_id: str) -> Doing | None:
        """A model may use an id twice in a reply: then it is the first one that is not done."""
        found = [doing for doing in self._calls if doing.call and doing.call.id == call_id]
        return next((doing for doing in found if doing.result is None), found[-1] if found else None)

    def _doing(self, call: Call) -> Doing:
        doing = self._find(call.id)
        if doing is None or doing.result is not None:
            doing = Doing(0, call.name, call)
            self._calls.append(doing)
            self._add(doing)
        elif doing.state == "wait":
            doing.state = "run"
            self._paper.touch(doing)
        return doing

    def _done(self, event: CallDone) -> None:
        doing = self._doing(event.call)
        mended = [block.text for block in event.show if isinstance(block, Line) and block.text.startswith(REPAIRED)]
        show = tuple(block for block in event.show if not (isinstance(block, Line) and block.text in mended))
        doing.repairs += tuple(text.removeprefix(REPAIRED) for text in mended)
        doing.done(event.result, show, event.seconds)
        if doing.state != "no":
            said = clean(summary(show, event.result.text, event.result.failed))
            doing.summary = said.removeprefix(f"{clean(plain.brief(dict(event.call.arguments)))}: ")
        self.todos = next((block for block in event.show if isinstance(block, Todos)), self.todos)
        self._paper.touch(doing)

    def _turn_ended(self, event: TurnEnded) -> None:
        self._said, self._in_turn = None, False
        self._withdraw()  # what was streamed and is no reply
        self._cut_off([doing for doing in self._calls if doing.result is None], "cut off")
        self._calls.clear()
        cost = self._price(event.usage)
        self.cost += cost or 0.0
        if event.error:
            self.note(event.error, "bad", gap=1)
        ended = _REASONS.get(event.reason, "")
        self.note(plain.footer(event, ended, cost).removesuffix(" · "), gap=0 if event.error else 1)


def _read(text: str) -> str:
    """What the model said, in lines that end as ours do."""
    return clean(text.replace("\r\n", "\n"))


def summary(show: tuple[Show, ...], text: str, failed: bool) -> str:
    """What a call came to, in a few words."""
    first = next((line for line in text.split("\n") if line.strip()), "").strip()
    if failed and (short := next((short for told, short in _TOLD_M2.items() if first.startswith(told)), "")):
        return short
    for block in show:
        match block:
            case Tests(passed, bad, skipped, _, flaky):
                kinds = ((bad, "failed"), (flaky, "flaky"), (passed, "passed"), (skipped, "skipped"))
                return ", ".join(f"{number:,} {word}" for number, word in kinds if number) or "no test ran"
            case Output(said):
                last = text.rstrip().rpartition("\n")[2]
                return last.strip("[]") if last.startswith("[") else count(said.count("\n") + 1, "line")
            case Line(words) if not failed:
                return words.strip().split("\n")[0][:120]
    return first[:120] if failed or not show else ""
