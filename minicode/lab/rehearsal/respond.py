"""From a step and a request to the bytes of an answer. Pure: same step, same request, same bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import string
from collections.abc import Iterable

from minicode.lab.rehearsal import anthropic, openai
from minicode.lab.rehearsal.conversation import Asked, Json, Reply, whole
from minicode.lab.rehearsal.http import EVENT_STREAM, Answer
from minicode.lab.rehearsal.script import AUTO, Block, Call, Do, Expect, Fault, Say, Shape, Step, Think, texts
from minicode.lab.rehearsal.tools import call_for
from minicode.messages import Usage

# What each event with a part of such a block has, on both surfaces.
AMID = {
    "thinking": rb'"thinking_delta"|"reasoning_content"|"reasoning_details"|"reasoning"|<think>',
    "call": rb'"input_json_delta"|"arguments"',
}
ALPHABET = string.ascii_lowercase + string.digits


def unmet(expect: Expect, asked: Asked) -> str:
    """A sentence about the first thing the request lacks, "" if it is as expected."""
    for word, there in (("results", asked.results), ("said", asked.said), ("system", asked.system)):
        for text in texts(getattr(expect, word)):
            if text not in there:
                where = {"results": "the tool results", "said": "the user's words", "system": "the system prompt"}
                return f"expected {text!r} in {where[word]}, found {_short(there)}"
    for pattern in texts(expect.matches):
        if not re.search(pattern, asked.results):
            return f"expected the tool results to match {pattern!r}, found {_short(asked.results)}"
    for text in texts(expect.absent):
        if text in asked.results:
            return f"did not expect {text!r} in the tool results, found {_short(asked.results)}"
    offered = [tool.name for tool in asked.tools]
    for name in texts(expect.tools):
        if name not in offered:
            return f"expected a tool {name!r}, found {', '.join(offered) or 'none'}"
    if expect.thoughts is not None and asked.thoughts != expect.thoughts:
        return f"expected {expect.thoughts} thoughts to come back, found {asked.thoughts}"
    return ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 300 else f"{text[:150]} … {text[-150:]}")


def settle(step: Step, asked: Asked, seed: bytes, count: tuple[int, int, int]) -> Reply:
    """Give every block its id, signature and arguments. count: as `Memory.count`. Raises LookupError."""
    blocks: list[Think | Say | Call] = []
    for block in step.blocks:
        number = sum(isinstance(b, Call) for b in blocks) + 1
        blocks.append(_settled(block, asked, seed, len(blocks), number))
    stop = step.stop or ("tool_use" if any(isinstance(b, Call) for b in blocks) else "end_turn")
    if step.usage is not None:
        usage = step.usage
    else:
        total, read, marked = count
        written = max(marked - read, 0)
        said = sum(len(json.dumps(dataclasses.asdict(b), ensure_ascii=False).encode()) for b in blocks)
        usage = Usage(total - read - written, -(-said // 4), read, written)
    return Reply(_hex(seed, "reply")[:32], step.model or asked.model, tuple(blocks), stop, usage)


def _settled(block: Block, asked: Asked, seed: bytes, index: int, number: int) -> Think | Say | Call:
    if isinstance(block, Do):
        name, arguments = call_for(block.action, block.arguments, asked.tools)
        block = Call(name, arguments)
    if isinstance(block, Call) and not block.id:
        digest = hashlib.sha256(seed).digest()
        letters = "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:12])
        return dataclasses.replace(block, id=f"call_function_{letters}_{number}")
    if isinstance(block, Think) and block.signature == AUTO:
        # The OpenAI surface signs nothing.
        sign = None if asked.surface == "openai" else _hex(whole(block.text).encode(), f"signature {index}")
        return dataclasses.replace(block, signature=sign)
    return block


def _hex(seed: bytes, what: str) -> str:
    return hashlib.sha256(what.encode() + b"\0" + seed).hexdigest()


def replay_form(reply: Reply, asked: Asked, shape: Shape) -> tuple[Json, str]:
    """(the message as it must come back, the place of its thoughts in it)."""
    if asked.surface == "anthropic":
        return {"role": "assistant", "content": anthropic.message(reply)["content"]}, "content"
    way = openai.settle(shape, asked)
    return openai.message(reply, way), openai.place(way)


def refusal(surface: str, status: int, message: str, request_id: str, extra: Fault | None = None) -> Answer:
    """An error in the envelope of the surface."""
    envelope = anthropic.envelope if surface == "anthropic" else openai.envelope
    return _plain(status, envelope(status, message, request_id), dict(extra.headers) if extra else {})


def _plain(status: int, body: str | bytes | Json | None, headers: dict[str, str]) -> Answer:
    if isinstance(body, dict | list):
        data, kind = json.dumps(body, ensure_ascii=False).encode(), "application/json"
    else:
        data = body.encode() if isinstance(body, str) else body or b""
        kind = "text/html" if data.lstrip().startswith(b"<") else "text/plain; charset=utf-8"
    return Answer(status, {"Content-Type": kind} | headers, (data,) if data else ())


def render(step: Step, reply: Reply, asked: Asked, shape: Shape) -> Answer:
    """The answer as bytes, with the step's faults in it."""
    fault = step.fault or Fault()
    if fault.raw is not None:
        raw = fault.raw.encode() if isinstance(fault.raw, str) else fault.raw
        return Answer(raw=raw, delay=step.delay)
    if fault.body is not None:
        answer = _plain(fault.status, fault.body, dict(fault.headers))
    elif fault.status != 200:
        answer = refusal(asked.surface, fault.status, _error_text(fault), reply.id, fault)
    elif asked.stream and not fault.json:
        answer = _streamed(reply, asked, shape, fault)
    else:
        way = openai.settle(shape, asked)
        whole_reply = anthropic.message(reply) if asked.surface == "anthropic" else openai.completion(reply, way)
        answer = _plain(200, {**shape.extra, **whole_reply}, dict(fault.headers))
    headers = {**answer.headers, "minimax-request-id": reply.id}
    if fault.content_type:
        headers["Content-Type"] = fault.content_type
    pieces = answer.pieces
    if shape.chunk:
        data = b"".join(pieces)
        pieces = tuple(data[at : at + shape.chunk] for at in range(0, len(data), shape.chunk))
    end, stop_at = None, 0
    if fault.stall is not None:
        end, stop_at = "silence", fault.stall
    elif fault.cut is not None or fault.cut_in:
        cut = _amid(pieces, fault.cut_in) if fault.cut is None else fault.cut
        end, stop_at = "rst" if fault.reset else "fin", cut
    return dataclasses.replace(
        answer,
        headers=headers,
        pieces=pieces,
        end=end,
        stop_at=stop_at,
        mute=fault.mute,
        delay=step.delay,
        pause=shape.pause,
    )


def _amid(pieces: tuple[bytes, ...], kind: str) -> int:
    """Where the middle one of the events is that carry a part of such a block. Raises LookupError if there is none."""
    data = b"".join(pieces)
    places = [at.start() for at in re.finditer(AMID[kind], data)]
    if not places:
        raise LookupError(f"there is no {kind} to be cut in")
    return places[len(places) // 2]


def _error_text(fault: Fault) -> str:
    text = fault.message or {1002: "rate limit exceeded", 1004: "login fail", 1008: "insufficient balance"}.get(
        fault.code, "High traffic detected, please try again later"
    )
    return f"{text} ({fault.code})" if fault.code else text


def _streamed(reply: Reply, asked: Asked, shape: Shape, fault: Fault) -> Answer:
    error: tuple[int, Json] | None = None
    envelope = anthropic.envelope if asked.surface == "anthropic" else openai.envelope
    if fault.error_after is not None:
        error = (fault.error_after, envelope(500, _error_text(fault), reply.id))
    if asked.surface == "anthropic":
        frames = _frames(anthropic.events(reply, shape, error), shape, named=True)
    else:
        chunks = openai.chunks(reply, shape, openai.settle(shape, asked), error)
        frames = _frames(chunks, shape, named=False)
    return Answer(200, {"Content-Type": EVENT_STREAM, **fault.headers}, frames, stream=True)


def _frames(events: Iterable[tuple[str, Json]], shape: Shape, *, named: bool) -> tuple[bytes, ...]:
    end = shape.line_end
    colon = ": " if shape.space else ":"
    frames: list[bytes] = []
    if not named:
        frames += [f": ping{end}{end}".encode()] * (shape.pings - 1)
    for name, data in events:
        if name in shape.without:
            continue
        lines = [": a comment"] if shape.comments else []
        if named:
            lines.append(f"event{colon}{name}")
        text = "[DONE]" if name == "[DONE]" else json.dumps({**shape.extra, **data}, ensure_ascii=False)
        lines.append(f"data{colon}{text}")
        frames.append((end.join(lines) + end * 2).encode())
    return tuple(frames)


def models(names: Iterable[str]) -> Answer:
    """The list of models, in words both surfaces know."""
    rows = [{"id": n, "object": "model", "type": "model", "display_name": n, "owned_by": "minimax"} for n in names]
    return _plain(200, {"object": "list", "data": rows, "has_more": False}, {})
