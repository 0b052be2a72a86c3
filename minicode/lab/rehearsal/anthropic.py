"""The Anthropic surface of the rehearsal: read a request, write a reply as events or as one message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from minicode.lab.rehearsal.conversation import Asked, Json, Refusal, Reply, Tool, Turn, pieces, whole
from minicode.lab.rehearsal.script import Call, Say, Shape, Think
from minicode.messages import usage_to_json


def read(body: Mapping[str, Any]) -> Asked:
    """The request's parts. Raises Refusal for what has not even the right form."""
    system = body.get("system") or ""
    messages = body["messages"]
    tools = tuple(_tool(t) for t in body.get("tools") or ())
    parts: list[Any] = [body.get("tools") or [], blocks(system), *messages]
    units = tuple(_unit(part) for part in parts)
    marks = [number for number, (_, marked) in enumerate(units, 1) if marked]
    return Asked(
        surface="anthropic",
        body=body,
        model=str(body.get("model", "")),
        stream=body.get("stream") is True,
        system="".join(str(b.get("text", "")) for b in blocks(system)),
        tools=tools,
        turns=tuple(turn_of(m) for m in messages),
        units=tuple(unit for unit, _ in units),
        marked=max(marks, default=0),
    )


def blocks(content: Any) -> list[Json]:
    """Content as a list of blocks. Raises Refusal if it is neither text nor such a list."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list) or not all(isinstance(b, dict) for b in content):
        raise Refusal("invalid params", "content is neither text nor a list of blocks")
    return content


def _tool(tool: Any) -> Tool:
    if not isinstance(tool, dict):
        raise Refusal("invalid params", "a tool is not an object")
    schema = tool.get("input_schema")
    told = str(tool.get("description") or "")
    return Tool(str(tool.get("name") or ""), schema if isinstance(schema, dict) else {}, told)


def turn_of(message: Any) -> Turn:
    if not isinstance(message, dict):
        raise Refusal("invalid params", "a message is not an object")
    found = blocks(message.get("content") or [])
    kinds = [b.get("type") for b in found]
    results = tuple(
        (str(b.get("tool_use_id", "")), "".join(str(c.get("text", "")) for c in blocks(b.get("content") or [])))
        for b in found
        if b.get("type") == "tool_result"
    )
    return Turn(
        role=str(message.get("role")),
        text="".join(str(b.get("text", "")) for b in found if b.get("type") == "text"),
        raw=message,
        calls=tuple(str(b.get("id", "")) for b in found if b.get("type") == "tool_use"),
        results=results,
        thoughts=tuple(str(b.get("thinking", "")) for b in found if b.get("type") == "thinking"),
        before=all(kind == "tool_result" for kind in kinds[: len(results)]),
    )


def _unit(part: Any) -> tuple[bytes, bool]:
    """(what the cache keeps of it: without marks, and with text always as a block; whether it bears a mark)."""
    if isinstance(part, dict) and isinstance(part.get("content"), str):
        part = {**part, "content": blocks(part["content"])}
    text = json.dumps(part, ensure_ascii=False)
    if marked := '"cache_control"' in text:
        text = json.dumps(_unmarked(part), ensure_ascii=False)
    return text.encode(), marked


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _unmarked(v) for k, v in value.items() if k != "cache_control"}
    return [_unmarked(v) for v in value] if isinstance(value, list) else value


def evidence(message: Mapping[str, Any], kind: str, signatures: bool) -> Any:
    """What must come back unchanged: each thought with its signature, and how many calls stand before it."""
    found: list[Any] = []
    calls = 0
    for block in blocks(message.get("content") or []):
        if block.get("type") == "tool_use":
            calls += 1
        elif block.get("type") == "thinking":
            found.append([block.get("thinking"), block.get("signature") if signatures else None, calls])
    return found


def _block(block: Think | Say | Call) -> Json:
    match block:
        case Think(text, signature):
            data: Json = {"type": "thinking", "thinking": whole(text)}
            return data if signature is None else {**data, "signature": signature}
        case Say(text):
            return {"type": "text", "text": whole(text)}
        case Call(name, arguments, raw, id_):
            return {"type": "tool_use", "id": id_, "name": name, "input": _input(arguments, raw)}


def _input(arguments: Mapping[str, Any], raw: str | None) -> Any:
    if raw is None:
        return dict(arguments)
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def message(reply: Reply) -> Json:
    """The whole reply as one message: also the form in which it must come back."""
    return {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [_block(b) for b in reply.blocks],
        "stop_reason": reply.stop,
        "stop_sequence": None,
        "usage": {**usage_to_json(reply.usage), "service_tier": "standard"},
    }


def events(reply: Reply, shape: Shape, error: tuple[int, Json] | None) -> Iterator[tuple[str, Json]]:
    """(event, data) in M2's order. error: (after so many blocks, the envelope that ends the stream)."""
    # As the real one does: the usage of the start is a guess, only message_delta tells the truth.
    guess = {**usage_to_json(reply.usage), "input_tokens": reply.usage.context // 3, "output_tokens": 0}
    guess |= {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    start = message(reply) | {"content": [], "stop_reason": None, "usage": {**guess, "service_tier": "standard"}}
    yield "message_start", {"type": "message_start", "message": start}
    for _ in range(shape.pings):
        yield "ping", {"type": "ping"}
    for index, block in enumerate(reply.blocks):
        if error and error[0] == index:
            break
        yield from _block_events(index, block, shape)
    if error:
        yield "error", error[1]
        return
    delta = {"stop_reason": reply.stop}
    yield "message_delta", {"type": "message_delta", "delta": delta, "usage": usage_to_json(reply.usage)}
    yield "message_stop", {"type": "message_stop"}


def _block_events(index: int, block: Think | Say | Call, shape: Shape) -> Iterator[tuple[str, Json]]:
    start = _block(block)
    deltas: list[Json] = []
    match block:
        case Think(text, signature):
            start = {"type": "thinking", "thinking": ""}
            deltas = [{"type": "thinking_delta", "thinking": p} for p in pieces(text, shape.piece)]
            if signature is not None:
                deltas.append({"type": "signature_delta", "signature": signature})
        case Say(text):
            start["text"] = ""
            deltas = [{"type": "text_delta", "text": p} for p in pieces(text, shape.piece)]
        case Call(_, arguments, raw, _):
            start["input"] = {}
            parts = argument_pieces(arguments, raw, shape) if arguments or raw else []
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in parts]
    yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": index}


def argument_pieces(arguments: Mapping[str, Any], raw: str | None, shape: Shape) -> list[str]:
    text = json.dumps(dict(arguments), ensure_ascii=False) if raw is None else raw
    first = [""] if shape.empty_first else []
    return first + pieces(text, shape.argument_piece or len(text))


def envelope(status: int, message: str, request_id: str) -> Json:
    names = {400: "invalid_request_error", 401: "authorized_error", 429: "rate_limit_error", 529: "overloaded_error"}
    error = {"type": names.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": request_id}
