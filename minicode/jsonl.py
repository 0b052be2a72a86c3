"""What a turn tells as JSON, for scripts: a line for each event, and the one result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, assert_never

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
from minicode.messages import Usage, usage_to_json
from minicode.show import show_to_json

FORMATS = ("text", "json", "stream-json")
_BREAKS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}  # lines to some readers, and JSON lets them stand
_SUBTYPES = {
    "done": "success",
    "turns": "error_max_turns",
    "money": "error_max_budget_usd",
    "tokens": "error_max_tokens",
    "time": "error_timeout",
    "cancelled": "error_interrupted",
    "loop": "error_loop",
    "denied": "error_permission_denied",
    "unverified": "error_verification",
}


class Stream:
    """Events as flat JSON objects, a line each; the last is always the result."""

    def __init__(self, write: Callable[[str], None], session_id: str) -> None:
        self._write = write
        self._session = session_id
        self._seq = 0

    @property
    def begun(self) -> bool:
        return self._seq > 0

    def put(self, type_: str, **data: Any) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"type": type_, "session_id": self._session, "seq": self._seq, "timestamp": stamp, **data}
        self._seq += 1
        self._write(json.dumps(line, ensure_ascii=False, default=str).translate(_BREAKS) + "\n")

    def show(self, event: Event) -> None:  # noqa: C901 - a case for each kind of event
        match event:
            case StepStarted(step, returned, issued, size):
                self.put("notice", text=f"step {step}", step=step, bytes=size, thinking=_meter(returned, issued))
            case ReplyDone(reply):
                for thought in reply.thinking:
                    self.put("thinking", text=thought.text)
                if reply.text:
                    self.put("message", role="assistant", text=reply.text, model=reply.model)
            case CallStarted(call):
                self.put("tool_use", id=call.id, name=call.name, input=dict(call.arguments))
            case CallDone(call, result, show, seconds):
                self.put(
                    "tool_result",
                    id=call.id,
                    name=call.name,
                    text=result.text,
                    is_error=result.failed,
                    duration_ms=round(seconds * 1000),
                    show=[show_to_json(block) for block in show],
                )
            case Asked(call, reason, wants, always):
                said = {"asked": reason, "wants": wants, "always": always}
                self.put("permission", id=call.id, name=call.name, input=dict(call.arguments), **said)
            case Denied(call, reason, by):
                self.put("permission", id=call.id, name=call.name, input=dict(call.arguments), denied=reason, by=by)
            case Alarm(call_id, text):
                self.put("notice", text=text, level="warning", id=call_id)
            case Folded():
                self.put("fold", **event._asdict())
            case Retrying(attempt, tries, wait, reason):
                self.put("retry", attempt=attempt, tries=tries, wait_seconds=round(wait, 3), reason=reason)
            case Verified(claim, command, outcome, evidence, verdict, back):
                checked: dict[str, Any] = {"verdict": verdict, "command": command, "outcome": outcome, "back": back}
                text, level = f"{command}: {outcome}", "info" if verdict == "passed" else "warning"
                self.put("notice", text=text, level=level, claim=claim, evidence=evidence, **checked)
            case Noted(level, text):
                self.put("error" if level == "error" else "notice", text=text, level=level)
            case TurnStarted() | ThinkingDelta() | TextDelta() | CallForming() | CallSaid() | Withdrawn() | TurnEnded():
                return  # whole blocks only; the end is the result line
            case Questioned():
                return  # the call and its result are there; where this is read, nobody can be asked
            case _:
                assert_never(event)


def result(ended: TurnEnded, session_id: str, begin: float, cost: float | None, **more: Any) -> dict[str, Any]:
    """The one object a script may build on. begin: time.monotonic() at the start."""
    return {
        "subtype": _SUBTYPES.get(ended.reason, "error_during_execution"),
        "is_error": ended.reason != "done",
        "result": ended.text,
        "session_id": session_id,
        "num_turns": ended.steps,
        "duration_ms": round((time.monotonic() - begin) * 1000),
        "usage": usage_to_json(ended.usage),
        "total_cost_usd": cost,
        "thinking": _meter(ended.returned, ended.issued, ended.folded),
        "permission_denials": [],
        "exit_code": ended.exit_code,
        **({"verified": ended.verified} if ended.verified else {}),
        **({"error": ended.error} if ended.error else {}),
        **more,
    }


def failed(error: str, exit_code: int) -> TurnEnded:
    """The end of a run that could not even begin."""
    return TurnEnded("failed", "", Usage(), 0, 0, 0, error, exit_code)


def _meter(returned: int, issued: int, folded: int = 0) -> dict[str, int]:
    return {"issued": issued, "returned": returned, **({"folded": folded} if folded else {})}
