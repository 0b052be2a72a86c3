"""JSON to and from the wire: compact, the same in every process, free of what no server accepts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_DEEPEST = 100  # levels; what is deeper can break the recursion of any JSON reader or writer it still has to pass
_SURROGATE = re.compile("[\ud800-\udfff]")
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_spaced = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def dump(value: Any) -> bytes:
    """A lone surrogate becomes U+FFFD, an infinite number null."""
    text = dump_text(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode()


def dump_text(value: Any, *, spaced: bool = False) -> str:
    """spaced: with a blank after each comma and colon, as most models write."""
    encode = _spaced if spaced else _compact
    try:
        return encode(value)
    except ValueError:
        return encode(_finite(value))


def fields(**values: Any) -> bytes:
    """`"name":value` pairs with commas between, in the order given, leaving out what is None."""
    return b",".join(dump(name) + b":" + dump(value) for name, value in values.items() if value is not None)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def load(text: str) -> Any:
    """Raises ValueError, also for what is `too_deep`."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > _DEEPEST and too_deep(value):
        raise ValueError("nested too deeply")
    return value


def too_deep(value: Any) -> bool:
    """Nested so deeply that it may not come back from the disk."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def joined(text: str) -> str:
    """The two halves of a character that came in two pieces put together; otherwise the disk would do it, later."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def well_formed(value: Any) -> Any:
    """JSON in which every string is `joined`, and a half without its other half is U+FFFD: no request can carry it."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", joined(value)) if _SURROGATE.search(value) else value
    if isinstance(value, Mapping):
        return {well_formed(key): well_formed(inner) for key, inner in value.items()}
    return [well_formed(inner) for inner in value] if isinstance(value, (list, tuple)) else value
