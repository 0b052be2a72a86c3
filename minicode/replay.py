"""What is on record of a session, told as the events it was made of, so that a face has one way to show both. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from minicode import records
from minicode.events import (
    Alarm,
    CallDone,
    CallStarted,
    Denied,
    Event,
    Folded,
    Noted,
    ReplyDone,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    Verified,
    Withdrawn,
)
from minicode.journal.entry import Entry
from minicode.journal.tree import is_said, typed
from minicode.messages import Block, Call, Reply, Text, Thinking, ToolResult, Usage, reply_from_json, usage_from_json
from minicode.show import Output, show_from_json

T = TypeVar("T")
_REFUSED = "not run: "  # how the result of a call begins that was not allowed
_MID_TURN = ("reply", "partial", "request")  # after these the user's words belong to the turn that runs
_CUT = "This turn was cut off: its end is not on record."


def replay(session_id: str, branch: Iterable[Entry]) -> Iterator[Event]:
    """The turns of a branch. What was streamed comes whole, as a ReplyDone; a cut stream as deltas, then Withdrawn.
    Words that steered a turn are a TurnStarted inside it. Never raises: what cannot be read is told in a Noted."""
    past = _Past(session_id)
    for entry in branch:
        try:
            yield from tuple(past.tell(entry))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            yield Noted("warning", f"Entry {entry.id} ({entry.kind}) cannot be read, and is not shown.")
        past.before = entry.kind
    yield from past.cut()


class _Past:
    """before: the kind of the last entry."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.before = ""
        self.calls: dict[str, Call] = {}
        self.denied: set[str] = set()
        self.running = False
        self.usage = Usage()
        self.steps = self.given = self.issued = 0
        self.text = ""

    def tell(self, entry: Entry) -> Iterator[Event]:  # noqa: C901 - a case for each kind of entry
        data = entry.data
        match entry.kind:
            case "user" if is_said(entry):
                yield from self._said(typed(entry))
            case "refused":
                yield from self._said(_text(data, "text"))
            case "request":
                given, issued, size = _count(data, "thinking"), _count(data, "issued"), _count(data, "bytes")
                self.steps += 1
                self.given, self.issued = given, issued
                yield StepStarted(self.steps, given, issued, size)
            case "reply":
                yield from self._reply(_whole(reply_from_json(data)))
            case "permission" if data.get("verdict") == "deny":
                yield self._denied(_text(data, "call_id"), _REFUSED + _text(data, "reason"), _text(data, "by"))
            case "result":
                yield from self._result(data)
            case "partial":
                yield ThinkingDelta(_text(data, "thinking"))
                yield TextDelta(_text(data, "text"))
                yield Withdrawn()
            case "aside" if data.get("by") == "user":
                yield TurnStarted(self.session_id, typed(entry))
            case "shell":
                yield from _shell(data)
            case "fold":
                before, after, thoughts = (_count(data, name) for name in ("before", "after", "thoughts"))
                clipped = len(data.get("clipped") or ())
                yield Folded(entry.id, _text(data, "why"), before, after, thoughts, clipped)
            case "verify":
                command, outcome, shown = (_text(data, name) for name in ("command", "outcome", "evidence"))
                yield Verified(self.text, command, outcome, shown, _text(data, "verdict"), bool(data.get("back")))
            case "task" if "usage" in data:
                self.usage += usage_from_json(data["usage"])
            case "alarm":
                yield Alarm(_text(data, "call_id"), _text(data, "text"))
            case "note":
                yield Noted(_text(data, "level"), _text(data, "text"))
            case "end":
                yield self._ended(_text(data, "reason") or "done", _text(data, "error"))

    def cut(self) -> Iterator[Event]:
        """The end of a turn that has none."""
        if self.running:
            yield self._ended("failed", _CUT)

    def _said(self, text: str) -> Iterator[Event]:
        if not (self.running and self.before in _MID_TURN):
            yield from self.cut()
            self.text, self.running = "", True
        yield TurnStarted(self.session_id, text)

    def _reply(self, reply: Reply) -> Iterator[Event]:
        self.usage += reply.usage
        self.given, self.issued = self.given + len(reply.thinking), self.issued + len(reply.thinking)
        self.text = reply.text.strip() or self.text
        self.calls = {call.id: call for call in reply.calls}
        self.denied.clear()
        yield ReplyDone(reply)

    def _denied(self, call_id: str, reason: str, by: str) -> Event:
        self.denied.add(call_id)
        return Denied(self.calls[call_id], reason, by)

    def _result(self, data: Mapping[str, Any]) -> Iterator[Event]:
        call_id, name, text = _text(data, "call_id"), _text(data, "name"), _text(data, "text")
        failed, seconds = bool(data.get("failed")), float(data.get("seconds", 0.0))
        raw = data.get("show", ())
        shown = tuple(block for one in raw if (block := show_from_json(one)) is not None)
        call = self.calls.get(call_id) or Call(call_id, name, {})
        if failed and text.startswith(_REFUSED) and call_id in self.calls and call_id not in self.denied:
            yield self._denied(call_id, text, "guard")
        elif call_id not in self.denied:
            yield CallStarted(call)
        yield CallDone(call, ToolResult(call_id, name, text, failed), shown, seconds)

    def _ended(self, reason: str, error: str) -> Event:
        ended = TurnEnded(reason, self.text, self.usage, self.steps, self.given, self.issued, error)
        self.usage, self.steps, self.running = Usage(), 0, False
        return ended


def _shell(data: Mapping[str, Any]) -> Iterator[Event]:
    """A command of the user's own, as a call that no model made. Of a private one the output is not on record."""
    command, code, told = _text(data, "command"), _count(data, "code"), _text(data, "text")
    output = records.printed(command, code, told)
    call = Call("", "!" if told else "!!", {"command": command})
    result = ToolResult("", call.name, f"{output}\n[exit code {code}]", code != 0)
    yield CallStarted(call)
    yield CallDone(call, result, (Output(output),))


def _text(data: Mapping[str, Any], name: str) -> str:
    """Raises TypeError if it is none."""
    return _is(data.get(name, ""), str)


def _count(data: Mapping[str, Any], name: str) -> int:
    return _is(data.get(name) or 0, int)


def _is(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} in the place of {kind.__name__}")
    return value


def _whole(reply: Reply) -> Reply:
    """Raises TypeError for what no model says: the line's checksum is right, so somebody made it so."""
    for block in reply.blocks:
        _is_block(block)
    return reply


def _is_block(block: Block) -> None:
    match block:
        case Thinking(text) | Text(text):
            _is(text, str)
        case Call(id_, name, arguments, _, repairs):
            _is(id_, str)
            _is(name, str)
            _is(arguments, dict)
            for words in repairs:
                _is(words, str)
