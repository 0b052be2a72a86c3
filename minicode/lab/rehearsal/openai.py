"""The OpenAI surface of the rehearsal: read a request, write a reply as chunks or as one completion."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from minicode.lab.rehearsal.anthropic import argument_pieces, blocks
from minicode.lab.rehearsal.conversation import Asked, Json, Refusal, Reply, Tool, Turn, pieces, whole
from minicode.lab.rehearsal.script import Call, Say, Shape, Think

STOPS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


def read(body: Mapping[str, Any]) -> Asked:
    """The request's parts. Raises Refusal for what has not even the right form."""
    turns = tuple(turn_of(m) for m in body["messages"])
    parts = [body.get("tools") or [], *body["messages"]]
    return Asked(
        surface="openai",
        body=body,
        model=str(body.get("model", "")),
        stream=body.get("stream") is True,
        system="".join(turn.text for turn in turns if turn.role == "system"),
        tools=tuple(_tool(t) for t in body.get("tools") or ()),
        turns=turns,
        units=tuple(json.dumps(part, ensure_ascii=False).encode() for part in parts),
        marked=0,
    )


def _tool(tool: Any) -> Tool:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        raise Refusal(f"invalid tool type: {tool.get('type', '') if isinstance(tool, dict) else ''}")
    function = tool.get("function")
    if not isinstance(function, dict):
        raise Refusal("function name or parameters is empty")
    schema = function.get("parameters")
    told = str(function.get("description") or "")
    return Tool(str(function.get("name") or ""), schema if isinstance(schema, dict) else {}, told)


def turn_of(message: Any) -> Turn:
    if not isinstance(message, dict):
        raise Refusal("invalid params", "a message is not an object")
    text = "".join(str(b.get("text", "")) for b in blocks(message.get("content") or ""))
    role = str(message.get("role"))
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(c, dict) for c in calls):
        raise Refusal("invalid params", "tool_calls is not a list of objects")
    return Turn(
        role=role,
        text="" if role == "tool" else text,
        raw=message,
        calls=tuple(str(c.get("id", "")) for c in calls),
        results=((str(message.get("tool_call_id", "")), text),) if role == "tool" else (),
        thoughts=_thoughts(message, text) if role == "assistant" else (),
    )


def _thoughts(message: Mapping[str, Any], content: str) -> tuple[str, ...]:
    if details := message.get("reasoning_details"):
        return tuple(str(d.get("text", "")) for d in details if isinstance(d, dict))
    for name in ("reasoning_content", "reasoning"):
        if isinstance(text := message.get(name), str) and text:
            return (text,)
    *thoughts, _ = content.split("</think>")
    return tuple(t.rpartition("<think>")[2].strip("\n") for t in thoughts)


def evidence(message: Mapping[str, Any], kind: str, signatures: bool) -> Any:
    """What must come back unchanged, in the place it was sent in: `kind` is `place(…)` of then."""
    if kind == "content":
        return message.get("content")
    if kind != "reasoning_details":
        return message.get(kind)
    details = message.get(kind) or []
    if signatures or not isinstance(details, list):
        return details
    return [{k: v for k, v in d.items() if k != "signature"} if isinstance(d, dict) else d for d in details]


def settle(shape: Shape, asked: Asked) -> str:
    """Which way thoughts are sent: as the script says, else as the request asks."""
    if shape.reasoning != "auto":
        return shape.reasoning
    return "both" if asked.body.get("reasoning_split") is True else "tags"


def place(way: str) -> str:
    """The field of a message in which thoughts sent that way live."""
    if way in ("details", "cumulative", "both"):
        return "reasoning_details"
    return "content" if way in ("tags", "untagged") else way


def _detail(index: int, text: str) -> Json:
    name = f"reasoning-text-{index + 1}"
    return {"type": "reasoning.text", "id": name, "format": "MiniMax-response-v1", "index": index, "text": text}


def _tagged(text: str, way: str) -> str:
    return f"{'' if way == 'untagged' else '<think>'}\n{text}\n</think>\n\n"


def message(reply: Reply, way: str) -> Json:
    """The reply as a message: also the form in which it must come back."""
    thoughts = [b for b in reply.blocks if isinstance(b, Think)]
    told = "".join(whole(t.text) for t in thoughts)
    content = "".join(
        whole(b.text) if isinstance(b, Say) else _tagged(whole(b.text), way) if place(way) == "content" else ""
        for b in reply.blocks
        if not isinstance(b, Call)
    )
    data: Json = {"role": "assistant", "content": content or None}
    if place(way) == "reasoning_details" and thoughts:
        data["reasoning_details"] = [
            _detail(i, whole(t.text)) | ({"signature": t.signature} if t.signature is not None else {})
            for i, t in enumerate(thoughts)
        ]
    for name in ("reasoning_content", "reasoning"):
        if told and (way == name or (way == "both" and name == "reasoning_content")):
            data[name] = told
    calls = [b for b in reply.blocks if isinstance(b, Call)]
    if calls:
        data["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": _text(c)}} for c in calls
        ]
    return data


def _text(call: Call) -> str:
    return json.dumps(dict(call.arguments), ensure_ascii=False) if call.raw is None else call.raw


def usage(reply: Reply) -> Json:
    used = reply.usage
    return {
        "prompt_tokens": used.context,
        "completion_tokens": used.output,
        "total_tokens": used.context + used.output,
        "total_characters": 0,
        "prompt_tokens_details": {"cached_tokens": used.cache_read},
    }


def completion(reply: Reply, way: str) -> Json:
    choice = {"index": 0, "finish_reason": STOPS.get(reply.stop, reply.stop), "message": message(reply, way)}
    return {
        "id": reply.id,
        "object": "chat.completion",
        "model": reply.model,
        "choices": [choice],
        "usage": usage(reply),
        "input_sensitive": False,
        "output_sensitive": False,
        "base_resp": {"status_code": 0, "status_msg": ""},
    }


def chunks(reply: Reply, shape: Shape, way: str, error: tuple[int, Json] | None) -> Iterator[tuple[str, Json]]:
    """(name, data) of each chunk; only "[DONE]" and "finish" have a name. error: as in `anthropic.events`."""
    reply_blocks = reply.blocks[: error[0]] if error else reply.blocks
    deltas = list(_deltas(reply_blocks, shape, way))
    finish = STOPS.get(reply.stop, reply.stop)
    first: Json = {"content": ""} if shape.role is None else {"role": shape.role, "content": ""}
    for delta in (first, *deltas[:-1]):
        yield "", _chunk(reply, delta, None, shape)
    last = deltas[-1] if deltas else {}
    if error:
        if last:
            yield "", _chunk(reply, last, None, shape)
        yield "error", error[1]
        return
    if shape.finish == "same":
        yield "finish", _chunk(reply, last, finish, shape)
    else:
        if last:
            yield "", _chunk(reply, last, None, shape)
        for _ in range(2 if shape.finish == "twice" else 1):
            yield "finish", _chunk(reply, {}, finish, shape)
    if shape.usage != "none":
        yield "usage", _chunk(reply, None, None, shape) | {"usage": usage(reply)}
    yield "[DONE]", {}


def _chunk(reply: Reply, delta: Json | None, finish: str | None, shape: Shape) -> Json:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    data: Json = {"id": reply.id, "object": "chat.completion.chunk", "model": reply.model, "choices": choices}
    if shape.usage in ("null", "zero"):
        data["usage"] = None if shape.usage == "null" else {"total_tokens": 0}
    return data


def _deltas(reply_blocks: tuple[Think | Say | Call, ...], shape: Shape, way: str) -> Iterator[Json]:
    content = ""
    thought = 0
    for block in reply_blocks:
        if isinstance(block, Call):
            continue
        if isinstance(block, Think) and place(way) != "content":
            yield from _thought_deltas(thought, block, shape, way)
            thought += 1
            continue
        text = block.text if isinstance(block, Say) else _tagged(whole(block.text), way)
        for piece in pieces(text, shape.piece):
            content += piece
            yield {"content": content if shape.cumulative_content else piece}
    calls = [b for b in reply_blocks if isinstance(b, Call)]
    yield from _call_deltas(calls, shape)


def _thought_deltas(index: int, block: Think, shape: Shape, way: str) -> Iterator[Json]:
    sign = {} if block.signature is None else {"signature": block.signature}
    told = ""
    parts = pieces(block.text, shape.piece) or [""]
    for number, piece in enumerate(parts, 1):
        told += piece
        delta: Json = {}
        if place(way) == "reasoning_details":
            detail = _detail(index, told if way == "cumulative" else piece)
            last = number == len(parts) and not shape.split_signature
            delta["reasoning_details"] = [detail | sign if last else detail]
        if way != "details" and way != "cumulative":
            delta["reasoning" if way == "reasoning" else "reasoning_content"] = piece
        yield delta
    if sign and shape.split_signature and place(way) == "reasoning_details":
        detail = {k: v for k, v in _detail(index, "").items() if k != "text"}
        yield {"reasoning_details": [detail | sign]}


def _call_deltas(calls: list[Call], shape: Shape) -> Iterator[Json]:
    rows = [list(_one_call(number, call, shape)) for number, call in enumerate(calls, shape.index_from)]
    if shape.interleave:
        entries = [e for turn in itertools.zip_longest(*rows) for e in turn if e is not None]
    else:
        entries = list(itertools.chain.from_iterable(rows))
    for entry in entries:
        yield {"tool_calls": [entry]}


def _one_call(index: int, call: Call, shape: Shape) -> Iterator[Json]:
    head: Json = {"index": index, "id": call.id, "type": "function"}
    if shape.object_arguments:
        yield head | {"function": {"name": call.name, "arguments": dict(call.arguments)}}
        return
    first, *rest = argument_pieces(call.arguments, call.raw, shape) or [""]
    yield head | {"function": {"name": call.name, "arguments": first}}
    for piece in rest:
        yield {"index": index, "function": {"arguments": piece}}
    if shape.null_entry:
        yield {"index": index, "id": None, "type": "function", "function": {"name": None, "arguments": ""}}


def envelope(status: int, message: str, request_id: str) -> Json:
    names = {400: "bad_request_error", 401: "authorized_error", 429: "rate_limit_error", 529: "overloaded_error"}
    error = {"type": names.get(status, "api_error"), "message": message, "http_code": str(status)}
    return {"type": "error", "error": error, "request_id": request_id}
