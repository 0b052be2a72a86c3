"""The Anthropic surface, on which M2 speaks most plainly: requests to bytes, events to a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minicode.messages import Block, Call, Json, Message, Reply, Request, Results, Text, Thinking, User, usage_from_json
from minicode.model import faults
from minicode.model.asked import Asked, RawCall, compose
from minicode.model.base import CallPart, Part, ThinkingPart
from minicode.model.compact import dump, fields, load
from minicode.model.sampling import sampling
from minicode.model.schema import plain_schema, wire_name
from minicode.model.tags import Splitter

WIRE = "anthropic"
EMPTY_RESULT = "(no output)"  # servers refuse an empty one
EMPTY_MESSAGE = "(nothing)"
_MARK = {"type": "ephemeral"}


def head(request: Request, options: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The body up to its list of messages, and what comes first in the list: nothing here.

    The cache's mark on the system prompt covers the tools, which stand before it.
    """
    cached = bool(options.get("cache"))
    tools: list[Json] = [
        {"name": wire_name(t.name), "description": t.description, "input_schema": plain_schema(t.schema)}
        for t in request.tools
        if t.name
    ]
    system: list[Json] = [{"type": "text", "text": request.system}] if request.system else []
    if cached and (system or tools):
        (system or tools)[-1]["cache_control"] = _MARK
    start = fields(
        model=request.model,
        max_tokens=request.max_tokens,
        **sampling(request, options),
        stream=True,
        thinking={"type": "adaptive"} if "m3" in request.model.lower() else None,
        tools=tools or None,
        system=system or None,
    )
    return b"{" + start + b',"messages":[', b""


def message(message: Message, options: Mapping[str, Any], *, marked: bool = False) -> bytes:
    """One message, b"" if nothing of it can be sent. marked: the cache's mark on its last block that is no thought."""
    blocks: list[Json]
    match message:
        case User(text):
            role, blocks = "user", [{"type": "text", "text": text or EMPTY_MESSAGE}]
        case Results(results):
            role, blocks = "user", [_result(r.call_id, r.text, r.failed) for r in results]
        case Reply():
            role, blocks = "assistant", _reply_blocks(message, bool(options.get("signatures", True)))
    if not blocks:
        return b""
    if marked:
        last = next((b for b in reversed(blocks) if b["type"] not in ("thinking", "redacted_thinking")), None)
        if last is not None:
            last["cache_control"] = _MARK
    return dump({"role": role, "content": blocks})


def _result(call_id: str, text: str, failed: bool) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": call_id, "content": text or EMPTY_RESULT}
    if failed:
        block["is_error"] = True
    return block


def _reply_blocks(reply: Reply, signatures: bool) -> list[Json]:
    """The blocks as they came; of a reply that came by another wire only what this one can say."""
    ours = reply.wire == WIRE
    blocks: list[Json] = []
    for block in reply.blocks:
        keep = block.keep if ours else {}
        match block:
            case Thinking(text, signature):
                if "block" in keep:
                    blocks.append(dict(keep["block"]))
                elif keep.get("field") == "content":
                    blocks.append({"type": "text", "text": keep["raw"]})
                else:
                    blocks.append({"type": "thinking", "thinking": text})
                    if ours and signatures and signature is not None:
                        blocks[-1]["signature"] = signature
            case Text(text):
                if raw := keep.get("raw", text):
                    blocks.append({"type": "text", "text": raw})
            case Call(id_, name, arguments):
                blocks.append({"type": "tool_use", "id": id_, "name": wire_name(name), "input": dict(arguments)})
    return blocks


class _Open:
    """A block while it arrives. type: "thinking", "text", "tool_use" or "kept" (sent back as it came)."""

    def __init__(self, type_: str, splitter: Splitter | None) -> None:
        self.type = type_
        self.splitter = splitter
        self.pieces: list[str] = []
        self.signature: str | None = None
        self.id = ""
        self.name = ""
        self.place = 0
        self.input: Json = {}


class Reader:
    """Events of one answer, whole or streamed, to parts and at last the reply. Raises ModelError for error events.

    complete: the reply's end has been said. over: nothing can follow. moved: events so far that carried content.
    snapshots: text came as snapshots of the whole.
    """

    def __init__(self, question: Asked) -> None:
        self.complete = False
        self.over = False
        self.snapshots = False  # this surface never sends them
        self.moved = 0
        self.model = ""
        self._question = question
        self._id = ""
        self._stop = ""
        self._usage: Json = {}
        self._blocks: dict[Any, _Open] = {}
        self._current: Any = None
        self._calls = 0

    def feed(self, event: str, data: str) -> Sequence[Part]:
        if data.strip() == "[DONE]":
            self.over = True
            return ()
        try:
            value = load(data)
        except ValueError:
            raise faults.fault("garbled", cause="an event that is no JSON") from None
        if not isinstance(value, dict):
            return ()
        type_ = value.get("type") or event
        if type_ == "content_block_delta":
            return self._delta(value.get("index"), _object(value.get("delta")))
        if type_ == "content_block_start":
            return self._start(value.get("index"), _object(value.get("content_block")))
        if type_ == "message_start":
            self._message(_object(value.get("message")))
        elif type_ == "message":
            return self._whole(value)
        elif type_ == "message_delta":
            self._message_delta(value)
        elif type_ == "message_stop":
            self.complete = self.over = True
        elif type_ == "error" or faults.is_fault(value):
            raise faults.from_json(value)
        return ()

    def close(self) -> tuple[Sequence[Part], Reply]:
        """What was held back, and the reply. Raises ModelError if the answer was empty."""
        parts: list[Part] = []
        pieces: list[Block | Splitter | RawCall] = []
        for block in self._blocks.values():
            if block.splitter is not None:
                parts.extend(block.splitter.close())
                pieces.append(block.splitter)
            elif block.type == "tool_use":
                text = "".join(block.pieces)
                pieces.append(RawCall(block.id, block.name, text if text.strip() or not block.input else block.input))
            elif block.type == "kept":
                pieces.append(Thinking("", keep={"block": block.input}))
            else:
                pieces.append(Thinking("".join(block.pieces), block.signature))
        usage = usage_from_json(self._usage)
        reply = compose(pieces, self._question, stop=self._stop, usage=usage, wire=WIRE, model=self.model, id_=self._id)
        return parts, reply

    def _message(self, value: Json) -> None:
        self.model = value.get("model") or self.model
        self._id = value.get("id") or self._id
        self._count(value.get("usage"))

    def _message_delta(self, value: Json) -> None:
        self.moved += 1
        self._count(value.get("usage"))
        stop = _object(value.get("delta")).get("stop_reason")
        if isinstance(stop, str) and stop:
            self._stop = stop
            self.complete = True

    def _count(self, usage: object) -> None:
        """The last word counts, unless it is nothing."""
        self._usage.update({k: v for k, v in _object(usage).items() if v or k not in self._usage})

    def _whole(self, value: Json) -> Sequence[Part]:
        self._message(value)
        parts: list[Part] = []
        for index, block in enumerate(value.get("content") or ()):
            parts.extend(self._start(index, _object(block)))
        self._stop = value.get("stop_reason") or ""
        self.complete = self.over = True
        return parts

    def _start(self, index: Any, value: Json) -> Sequence[Part]:
        self.moved += 1
        type_ = value.get("type")
        if type_ not in ("thinking", "text", "tool_use"):
            if type_ == "redacted_thinking":
                self._open(index, "kept").input = value
            return ()
        block = self._open(index, type_)
        if type_ == "tool_use":
            block.id, block.name = value.get("id") or "", value.get("name") or ""
            given = value.get("input")
            block.input = given if isinstance(given, dict) else {}
            if isinstance(given, str):
                block.pieces.append(given)
            return (CallPart(block.place, self._tool(block.name), ""),)
        if isinstance(value.get("signature"), str):
            block.signature = value["signature"]
        return self._add(block, value.get(type_))

    def _open(self, index: Any, type_: str) -> _Open:
        # Some servers give every block the same index: the one before is done then.
        if index in self._blocks or index is None:
            index = ("again", len(self._blocks))
        block = self._blocks[index] = _Open(type_, self._question.splitter() if type_ == "text" else None)
        if block.splitter is not None and any(b.type == "thinking" for b in self._blocks.values()):
            block.splitter.thinks = False
        if type_ == "tool_use":
            block.place = self._calls
            self._calls += 1
        self._current = index
        return block

    def _delta(self, index: Any, delta: Json) -> Sequence[Part]:
        self.moved += 1
        type_ = delta.get("type")
        if type_ == "text_delta":
            return self._add(self._at(index, "text"), delta.get("text"))
        if type_ == "input_json_delta":
            block = self._at(index, "tool_use")
            piece = delta.get("partial_json")
            if isinstance(piece, dict):
                block.input = piece
            elif isinstance(piece, str) and piece:
                block.pieces.append(piece)
                return (CallPart(block.place, self._tool(block.name), piece),)
            return ()
        if type_ == "signature_delta":
            self._sign(index, delta.get("signature"))
            return ()
        thought = delta.get("thinking") if type_ == "thinking_delta" else delta.get("reasoning_content")
        return self._add(self._at(index, "thinking"), thought) if isinstance(thought, str) and thought else ()

    def _at(self, index: Any, type_: str) -> _Open:
        """The open block of that type: at that index, else the current one, else a new one."""
        for place in (self._current, index):
            block = self._blocks.get(place)
            near = place == index or index is None or isinstance(place, tuple)
            if block is not None and block.type == type_ and near:
                return block
        return self._open(index, type_)

    def _add(self, block: _Open, text: object) -> Sequence[Part]:
        if not isinstance(text, str) or not text:
            return ()
        if block.splitter is not None:
            return block.splitter.feed(text)
        block.pieces.append(text)
        return (ThinkingPart(text),)

    def _sign(self, index: Any, signature: object) -> None:
        """A signature may come apart from its thought: then it is that of the last thought without one."""
        if not isinstance(signature, str):
            return
        block = self._blocks.get(index)
        if block is None or block.type != "thinking":
            unsigned = [b for b in self._blocks.values() if b.type == "thinking" and not b.signature]
            block = unsigned[-1] if unsigned else self._open(index, "thinking")
        block.signature = (block.signature or "") + signature

    def _tool(self, name: str) -> str:
        tool = self._question.tools.get(name)
        return tool.name if tool else name


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
