"""What the fields of each kind of entry are. Pure.

A line's checksum says that it was not damaged, not who made it: a file can say anything. It is judged here, once, so
that whoever reads an entry may take a field that is there for what it should be. Fields that are not named are not
looked at, and kinds neither: a newer minicode may have more of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Judge = Callable[[Any], bool]
_MOST = 2**53  # more is no count, and no number of seconds


def fits(kind: str, data: Mapping[str, Any]) -> bool:
    """Is every field of the entry what this kind's field of that name should be?"""
    return _is(data, _SHAPES.get(kind, {}), _NEEDED.get(kind, ()))


def _is(value: Any, shape: Mapping[str, Judge], needed: tuple[str, ...] = ()) -> bool:
    if not isinstance(value, dict):
        return False
    for name in needed:
        if name not in value:
            return False
    return all(name not in shape or shape[name](field) for name, field in value.items())


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and -_MOST < value < _MOST


def _count(value: Any) -> bool:
    return isinstance(value, int) and -_MOST < value < _MOST


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _table(value: Any) -> bool:
    return isinstance(value, dict)


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _maybe(judge: Judge) -> Judge:
    return lambda value: value is None or judge(value)


def _of(shape: Mapping[str, Judge], *needed: str) -> Judge:
    return lambda value: _is(value, shape, needed)


def _each(judge: Judge) -> Judge:
    return lambda value: isinstance(value, list) and all(map(judge, value))


def _digests(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _block(value: Any) -> bool:
    """Of a reply."""
    shape, needed = _BLOCKS.get(value.get("type"), ({}, ("",))) if _is(value, {"type": _text}) else ({}, ("",))
    return _is(value, shape, needed)


def _texts_of(*names: str) -> dict[str, Judge]:
    return dict.fromkeys(names, _text)


_KEEP = _of({"block": _table, "details": _each(_of({"text": _maybe(_text)})), **_texts_of("field", "raw", "arguments")})
_BLOCKS: dict[str, tuple[Mapping[str, Judge], tuple[str, ...]]] = {
    "thinking": ({"thinking": _text, "signature": _maybe(_text), "keep": _KEEP}, ("thinking",)),
    "text": ({"text": _text, "keep": _KEEP}, ("text",)),
    "tool_use": (
        {**_texts_of("id", "name"), "input": _table, "broken": _maybe(_text), "repairs": _texts, "keep": _KEEP},
        ("id", "name", "input"),
    ),
}
_REPLY: dict[str, Judge] = {
    "content": _each(_block),
    "usage": _table,  # whose counts are read with care
    **_texts_of("stop", "wire", "model", "reply_id", "flaw"),
}
_PARAMS: dict[str, Judge] = {
    "model": _text,
    "max_tokens": _count,
    "temperature": _number,
    "top_p": _maybe(_number),
    "top_k": _maybe(_count),
}
_TOLD: dict[str, Judge] = {"instructions": _digests, **_texts_of("mode", "mark")}
_TOOL: dict[str, Judge] = {**_texts_of("name", "description"), "input_schema": _table}
_COUNTS = dict.fromkeys(("bytes", "thinking", "issued"), _count)
_FOLDED = dict.fromkeys(("before", "after", "thoughts", "entries", "head", "tail"), _count)

_SHAPES: dict[str, Mapping[str, Judge]] = {
    "session": {
        **_texts_of("folder", "minicode", "from"),
        "name": _maybe(_text),
        "spilled": _texts,
        "task": _of(_texts_of("session", "call", "access")),
    },
    "system": {"prompt": _text, "tools": _each(_of(_TOOL, *_TOOL)), "facts": _of(_TOLD)},
    "told": _TOLD,
    "user": _texts_of("text", "typed", "added", "kept", "by", "why", "note"),
    "reply": _REPLY,
    "partial": _texts_of("thinking", "text", "why"),
    "intent": {**_texts_of("call_id", "name", "effect"), "arguments": _table},
    "result": {
        **_texts_of("call_id", "name", "text", "blob"),
        "failed": _truth,
        "show": _list,  # of blocks that are judged where they are read
        "seconds": _number,
    },
    "request": {
        **_texts_of("wire", "sha256"),
        **_COUNTS,
        "options": _of(_texts_of("thoughts")),
        "params": _of(_PARAMS, *_PARAMS),
    },
    "usage": {},
    "end": _texts_of("reason", "error"),
    "note": _texts_of("level", "text"),
    "snapshot": _texts_of("tree"),
    "fold": {
        **_texts_of("text", "why", "guidance", "mark"),
        **_FOLDED,
        "upto": _maybe(_text),
        "clipped": _texts,
        "reply": _of(_REPLY),
    },
    "unfold": _texts_of("fold"),
    "files": {**_texts_of("from", "to", "by"), "paths": _texts, "both": _truth, "count": _count},
    "title": {**_texts_of("title", "by"), "usage": _table},
    "name": {"name": _maybe(_text)},
    "label": _texts_of("entry", "text"),
    "aside": _texts_of("by", "text", "typed", "added", "kept"),
    "task": {
        **_texts_of("call_id", "task", "access", "description", "reason"),
        "steps": _count,
        "usage": _table,
    },
    "leaf": {"to": _maybe(_text), "from": _maybe(_text), "by": _text},
    "listing": {**_texts_of("name", "title", "first", "last", "ran"), "turns": _count},
    "verify": {**_texts_of("command", "outcome", "evidence", "verdict"), "back": _truth},
    "permission": _texts_of("call_id", "name", "verdict", "by", "reason", "rule", "mode"),
    "refused": _texts_of("text", "by", "reason"),
    "alarm": _texts_of("call_id", "text"),
    "job": {**_texts_of("command", "call_id", "fate"), "job": _count, "seconds": _number},
    "shell": {**_texts_of("text", "command"), "code": _count},
    "mode": _texts_of("mode"),
    "sandbox": _texts_of("mode"),
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "system": ("prompt", "tools"),
    "user": ("text",),
    "reply": ("content",),
    "result": ("call_id", "name", "text"),
    "request": ("wire", "options", "sha256", "params"),
    "snapshot": ("tree",),
    "fold": ("text",),
    "files": ("from", "to"),
    "label": ("entry", "text"),
    "aside": ("by", "text"),
    "task": ("task", "access", "description"),
    "verify": ("command", "verdict", "outcome"),
    "end": ("reason",),
}
