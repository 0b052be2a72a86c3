"""OpenAI's chat surface in all the dialects M2 is served in: requests to bytes, chunks to a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minicode.messages import Block, Call, Json, Message, Reply, Request, Results, Text, Thinking, Usage, User
from minicode.model import faults
from minicode.model.anthropic import EMPTY_MESSAGE, EMPTY_RESULT
from minicode.model.asked import Asked, RawCall, compose
from minicode.model.base import CallPart, Part, TextPart, ThinkingPart
from minicode.model.compact import dump, dump_text, fields, load
from minicode.model.deltas import FormingCalls, Growing
from minicode.model.sampling import sampling
from minicode.model.schema import plain_schema, wire_name
from minicode.model.tags import CLOSE, Splitter

WIRE = "openai"
_STOPS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "sensitive",
}
_THOUGHT_FIELDS = ("reasoning_content", "reasoning")


def head(request: Request, options: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The body up to its list of messages, and the first of the list: the one system prompt."""
    tools = [
        {
            "type": "function",
            "function": {
                "name": wire_name(t.name),
                "description": t.description,
                "parameters": plain_schema(t.schema),
            },
        }
        for t in request.tools
        if t.name
    ]
    start = b"{" + fields(
        model=request.model,
        max_tokens=request.max_tokens,
        **sampling(request, options),
        stream=True,
        stream_options={"include_usage": True},
        reasoning_split=True if options.get("split", True) else None,
        tools=tools or None,
    )
    system = dump({"role": "system", "content": request.system}) if request.system else b""
    return start + b',"messages":[', system


def message(message: Message, options: Mapping[str, Any], *, marked: bool = False) -> bytes:
    """One message, several for results; b"" if nothing of it can be sent. This surface has no marks."""
    match message:
        case User(text):
            return dump({"role": "user", "content": text or EMPTY_MESSAGE})
        case Results(results):
            return b",".join(
                dump({"role": "tool", "tool_call_id": r.call_id, "content": r.text or EMPTY_RESULT}) for r in results
            )
        case Reply():
            return _assistant(message, options)


def _assistant(reply: Reply, options: Mapping[str, Any]) -> bytes:
    """The reply as it came by this wire: same field, same entries. From the other wire, the thoughts' text."""
    ours = reply.wire == WIRE
    out: Json = {"role": "assistant"}
    content: list[str] = []
    calls: list[Json] = []
    for block in reply.blocks:
        keep = block.keep if ours else {}
        match block:
            case Thinking(text):
                if keep.get("field") == "content":
                    content.append(keep["raw"])
                else:
                    field = keep.get("field") or options.get("thoughts", "reasoning_content")
                    _add_thought(out, field, keep, text)
            case Text(text):
                content.append(keep.get("raw", text))
            case Call(id_, name, arguments):
                text = keep.get("arguments") or dump_text(dict(arguments), spaced=bool(keep.get("spaced")))
                calls.append({"id": id_, "type": "function", "function": {"name": wire_name(name), "arguments": text}})
    if words := "".join(content):
        out["content"] = words
    if calls:
        out["tool_calls"] = calls
    return dump(out) if len(out) > 1 else b""


def _add_thought(out: Json, field: str, keep: Mapping[str, Any], text: str) -> None:
    entries = keep.get("details")
    if entries is None and field == "reasoning_details":
        entries = [{"type": "reasoning.text", "index": 0, "text": None}] if text else []
    if entries:
        told = [{**e, "text": text} if e.get("text", "") is None else dict(e) for e in entries]
        out["reasoning_details"] = [*out.get("reasoning_details", ()), *told]
    if field in _THOUGHT_FIELDS:
        before = f"{out[field]}\n\n" if out.get(field) else ""
        out[field] = before + keep.get("raw", text)


class _Details:
    """`reasoning_details` merged to one entry for each (index, id), unknown keys kept."""

    def __init__(self, hinted: bool) -> None:
        self._hinted = hinted
        self._entries: list[tuple[Json, Growing]] = []

    def feed(self, delta: Json) -> str:
        """The text that is new in it."""
        entry, text = self._entry(delta)
        for key, value in delta.items():
            if key == "text":
                entry.setdefault("text", "")
            elif value is not None or key not in entry:
                entry[key] = value
        piece = delta.get("text")
        return text.feed(piece) if isinstance(piece, str) else ""

    def _entry(self, delta: Json) -> tuple[Json, Growing]:
        index, id_ = delta.get("index"), delta.get("id")
        for entry, text in reversed(self._entries):
            same_id = not id_ or not entry.get("id") or entry["id"] == id_
            if same_id and (index is None or entry.get("index", index) == index):
                return entry, text
        self._entries.append(({}, Growing(hinted=self._hinted)))
        return self._entries[-1]

    def close(self) -> str:
        return "".join([text.close() for _, text in self._entries])

    @property
    def snapshots(self) -> bool:
        return any(text.snapshots for _, text in self._entries)

    def entries(self) -> list[Json]:
        return [{**entry, "text": text.text} if "text" in entry else entry for entry, text in self._entries]


class _Thought:
    """The thought of one reply, whichever field it comes in."""

    def __init__(self, hinted: bool) -> None:
        self.field = ""
        self._details = _Details(hinted)
        self._plain = Growing(hinted=hinted)
        self._pending = ""

    def feed(self, delta: Json) -> str:
        """What is new in a delta and may be shown. A stray closing tag waits, and is never shown."""
        new = ""
        details = delta.get("reasoning_details")
        for entry in details if isinstance(details, list) else ():
            if isinstance(entry, dict):
                text = self._details.feed(entry)
                if entry.get("text") and not self.field:
                    self.field = "reasoning_details"
                if self.field == "reasoning_details":
                    new += text
        for name in _THOUGHT_FIELDS:
            piece = delta.get(name)
            if isinstance(piece, str) and piece and self.field in ("", name):
                self.field = name
                new += self._plain.feed(piece)
        return self._show(new)

    def _show(self, new: str) -> str:
        shown = (self._pending + new).replace(CLOSE, "")
        at = shown.rfind("<")
        held = shown[at:] if at >= 0 and CLOSE.startswith(shown[at:]) else ""
        self._pending = held
        return shown[: len(shown) - len(held)]

    def close(self) -> str:
        """What was held back and is no tag."""
        last = self._show(self._details.close() if self.field == "reasoning_details" else self._plain.close())
        last, self._pending = last + self._pending, ""
        return last

    @property
    def snapshots(self) -> bool:
        return self._details.snapshots or self._plain.snapshots

    def block(self) -> Thinking | None:
        entries = self._details.entries()
        details = self.field == "reasoning_details" or (not self.field and bool(entries))
        raw = "".join(e.get("text") or "" for e in entries) if details else self._plain.text
        if not raw and not entries:
            return None
        text = raw.replace(CLOSE, "")
        if text != raw:
            text = text.rstrip("\n")
        keep: Json = {"field": "reasoning_details" if details else self.field}
        if not details and raw != text:
            keep["raw"] = raw
        if entries:
            # The text is told once: in the block. None says where it goes back.
            keep["details"] = [{**e, "text": None} if text and e.get("text") == text else e for e in entries]
        return Thinking(text, keep=keep)


class Reader:
    """Chunks of one answer, whole or streamed, to parts and at last the reply. Attributes as in `anthropic.Reader`."""

    def __init__(self, question: Asked) -> None:
        self.complete = False
        self.over = False
        self.moved = 0
        self.model = ""
        self._question = question
        self._id = ""
        self._stop = ""
        self._usage = Usage()
        self._thought = _Thought(question.snapshots)
        self._content = Growing(hinted=question.snapshots)
        self._splitter: Splitter = question.splitter()
        self._calls = FormingCalls()

    def feed(self, event: str, data: str) -> Sequence[Part]:
        if data.strip() == "[DONE]":
            self.complete = self.over = True
            return ()
        try:
            value = load(data)
        except ValueError:
            raise faults.fault("garbled", cause="a chunk that is no JSON") from None
        if not isinstance(value, dict):
            return ()
        if event == "error" or faults.is_fault(value):
            raise faults.from_json(value)
        self.model = value.get("model") or self.model
        self._id = value.get("id") or self._id
        if isinstance(value.get("usage"), dict):
            self._usage = _usage(value["usage"]) or self._usage
        choices = value.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ()
        whole = choice.get("message")
        delta = choice.get("delta") or whole
        parts = self._delta(delta) if isinstance(delta, dict) else []
        reason = choice.get("finish_reason")
        if value.get("output_sensitive") or value.get("input_sensitive"):
            reason = "content_filter"
        if isinstance(reason, str) and reason:
            self._stop = _STOPS.get(reason, reason)
            self.complete = True
            self.moved += 1
        if isinstance(whole, dict) and not choice.get("delta"):
            self.complete = self.over = True
        return parts

    @property
    def snapshots(self) -> bool:
        return self._thought.snapshots or self._content.snapshots

    def _delta(self, delta: Json) -> list[Part]:
        parts: list[Part] = []
        if thought := self._thought.feed(delta):
            parts.append(ThinkingPart(thought))
        if self._thought.field:
            self._splitter.thinks = False
        content = delta.get("content")
        if isinstance(content, list):
            content = "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
        if isinstance(content, str) and content:
            self.moved += 1
            self._content.hinted = self._content.hinted or self._thought.snapshots
            parts.extend(self._splitter.feed(self._content.feed(content)))
        calls = delta.get("tool_calls")
        for entry in calls if isinstance(calls, list) else ():
            if isinstance(entry, dict):
                call, fragment = self._calls.feed(entry)
                self.moved += 1
                if call.name:
                    tool = self._question.tools.get(call.name)
                    parts.append(CallPart(call.place, tool.name if tool else call.name, fragment))
        self.moved += bool(parts)
        return parts

    def close(self) -> tuple[Sequence[Part], Reply]:
        """What was held back, and the reply. Raises ModelError if the answer was empty."""
        parts: list[Part] = []
        if thought := self._thought.close():
            parts.append(ThinkingPart(thought))
        parts.extend(self._splitter.feed(self._content.close()))
        parts.extend(self._splitter.close())
        pieces: list[Block | Splitter | RawCall] = [self._splitter]
        block = self._thought.block()
        if block is not None:
            pieces.insert(0, block)
        pieces.extend(RawCall(call.id, call.name, call.text) for call in self._calls.close())
        reply = compose(
            pieces, self._question, stop=self._stop, usage=self._usage, wire=WIRE, model=self.model, id_=self._id
        )
        return [p for p in parts if not isinstance(p, TextPart) or p.text], reply


def _usage(value: Json) -> Usage | None:
    """None for the placeholders that come in the middle of a stream."""

    def count(data: object, name: str) -> int:
        number = data.get(name) if isinstance(data, dict) else None
        return number if isinstance(number, int) and number > 0 else 0

    prompt, output = count(value, "prompt_tokens"), count(value, "completion_tokens")
    if not prompt and not output:
        return None
    cached = min(prompt, count(value.get("prompt_tokens_details"), "cached_tokens"))
    return Usage(prompt - cached, output, cached)
