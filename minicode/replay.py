"""What is on record of a session, told as the events it was made of, so that a face has one way to show both. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from minicode.events import (
    Alarm,
    CallDone,
    CallStarted,
    Event,
    Folded,
    Noted,
    ReplyDone,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    Withdrawn,
)
from minicode.journal.entry import Entry
from minicode.journal.tree import is_said, typed
from minicode.messages import Call, Reply, ToolResult, Usage, reply_from_json
from minicode.show import Show, show_from_json


def replay(session_id: str, branch: Iterable[Entry]) -> Iterator[Event]:
    """The turns of a branch. What was streamed comes whole, as a ReplyDone; a cut stream as deltas, then Withdrawn."""
    past = _Past(session_id)
    for entry in branch:
        yield from past.tell(entry)


class _Past:
    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.calls: dict[str, Call] = {}
        self.usage = Usage()
        self.steps = self.given = self.issued = 0
        self.text = ""

    def tell(self, entry: Entry) -> Iterator[Event]:
        data = entry.data
        match entry.kind:
            case "user" if is_said(entry):
                self.usage, self.steps, self.text = Usage(), 0, ""
                yield TurnStarted(self.session_id, typed(entry))
            case "request":
                self.steps += 1
                self.given, self.issued = int(data.get("thinking", 0)), int(data.get("issued", 0))
                yield StepStarted(self.steps, self.given, self.issued, int(data.get("bytes", 0)))
            case "reply":
                yield from self._reply(reply_from_json(data))
            case "result":
                yield from self._result(data)
            case "partial":
                yield ThinkingDelta(str(data.get("thinking", "")))
                yield TextDelta(str(data.get("text", "")))
                yield Withdrawn()
            case "aside" if data.get("by") == "user":
                yield Noted("info", f"you, while it ran: {data.get('text', '')}")
            case "fold":
                before, after, thoughts = (int(data.get(name) or 0) for name in ("before", "after", "thoughts"))
                clipped = len(data.get("clipped") or ())
                yield Folded(entry.id, str(data.get("why", "")), before, after, thoughts, clipped)
            case "alarm":
                yield Alarm(str(data.get("call_id", "")), str(data.get("text", "")))
            case "end":
                reason, error = str(data.get("reason", "done")), str(data.get("error", ""))
                yield TurnEnded(reason, self.text, self.usage, self.steps, self.given, self.issued, error)

    def _reply(self, reply: Reply) -> Iterator[Event]:
        self.usage += reply.usage
        self.text = reply.text.strip() or self.text
        self.calls = {call.id: call for call in reply.calls}
        yield ReplyDone(reply)

    def _result(self, data: Any) -> Iterator[Event]:
        call = self.calls.get(data["call_id"]) or Call(data["call_id"], data["name"], {})
        shown = tuple(block for raw in data.get("show", ()) if (block := _shown(raw)) is not None)
        yield CallStarted(call)
        result = ToolResult(call.id, call.name, str(data["text"]), bool(data.get("failed")))
        yield CallDone(call, result, shown, float(data.get("seconds", 0.0)))


def _shown(raw: Any) -> Show | None:
    try:
        return show_from_json(raw)
    except (TypeError, AttributeError, ValueError):  # of a newer version, or not whole
        return None
