"""What the window is full of: the next request, by kind."""

from __future__ import annotations

import json
from typing import NamedTuple

from minicode.context.history import History
from minicode.messages import Call, Message, Reply, Results, Text, Thinking, User, spec_to_json

KINDS = ("system", "tools", "folded", "user", "thinking", "text", "calls", "tool output")


class Breakdown(NamedTuple):
    """kinds: tokens by each of KINDS. tokens: of the whole request. room: what it may take before old entries must be
    folded. counted: the server has reported in this session, so these are its own measure and no guess."""

    kinds: dict[str, int]
    tokens: int
    room: int
    counted: bool


def breakdown(history: History, size: int, room: int) -> Breakdown:
    """size: bytes of the next request. What its form takes (names, quotes, brackets) is shared out by size."""
    found = dict.fromkeys(KINDS, 0)
    found["system"] = _bytes(history.system)
    found["tools"] = sum(_bytes(spec_to_json(spec)) for spec in history.tools)
    messages = history.messages()
    if messages[:1] == (User(history.short.text),):
        found["folded"] = _bytes(messages[0])
        messages = messages[1:]
    for message in messages:
        _add(found, message)
    tokens = history.gauge.tokens(size)
    known = sum(found.values()) or 1
    return Breakdown({k: round(tokens * n / known) for k, n in found.items()}, tokens, room, history.gauge.reported)


def _add(found: dict[str, int], message: Message) -> None:
    match message:
        case User(text):
            found["user"] += _bytes(text)
        case Results(results):
            found["tool output"] += sum(_bytes(result.text) for result in results)
        case Reply():
            for block in message.blocks:
                match block:
                    case Thinking(text, signature):
                        found["thinking"] += _bytes(text) + len(signature or "")
                    case Text(text):
                        found["text"] += _bytes(text)
                    case Call():
                        found["calls"] += _bytes(dict(block.arguments)) + len(block.name)


def _bytes(value: object) -> int:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode("utf-8", "replace"))
