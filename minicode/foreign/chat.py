"""Records that are chat messages: role, content, tool_calls, and thoughts beside the content or in it."""

from __future__ import annotations

from collections.abc import Iterator

from minicode.foreign.items import (
    OWN,
    TOLD,
    UNKNOWN,
    Answered,
    Called,
    Item,
    Left,
    Said,
    Spoke,
    Summed,
    Thought,
    obj,
    objects,
    string,
    words,
)
from minicode.messages import Json

_COMPACTED = "Previous context has been compacted."


def message(record: Json, left: Left) -> Iterator[Item]:
    """What one message says."""
    match string(record.get("role")):
        case "user":
            yield from _user(record, left)
        case "assistant":
            yield from _assistant(record, left)
        case "tool":
            failed = record.get("outcome", "success") != "success"
            yield Answered(string(record.get("tool_call_id")), words(record.get("content") or "", left), failed)
        case "system" | "_system_prompt":
            left[TOLD] += 1
        case role:
            left[OWN if role.startswith("_") else UNKNOWN] += 1


def _user(record: Json, left: Left) -> Iterator[Item]:
    text = words(record.get("content") or "", left)
    for _ in objects(record.get("images")):
        text += f"\n{words({'type': 'image'}, left)}"
    if record.get("context_boundary") == "compaction" or _COMPACTED in text[:200]:
        yield Summed(text)
    elif record.get("injected"):
        left[TOLD] += 1
    else:
        yield Said(text)


def _assistant(record: Json, left: Left) -> Iterator[Item]:
    if thought := words(record.get("reasoning_content") or "", left):
        yield Thought(thought)
    content = record.get("content")
    for part in [{"text": content}] if isinstance(content, str) else objects(content):
        match part:
            case {"type": "think"}:
                yield Thought(string(part.get("think")))
            case {"type": "reasoning"}:
                yield Thought(words(part.get("content") or "", left))
            case {"type": "tool_call"}:
                given = obj(part.get("arguments"))
                arguments = given["value"] if isinstance(given.get("value"), dict) else string(given.get("raw"))
                yield Called(
                    string(part.get("id")), string(part.get("name")), string(part.get("arguments_json")) or arguments
                )
            case _:
                yield Spoke(words(part, left))
    for call in objects(record.get("tool_calls")):
        function = obj(call.get("function"))
        yield Called(string(call.get("id")), string(function.get("name")), string(function.get("arguments")))
