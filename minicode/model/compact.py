"""JSON as bytes for the wire: compact, the same in every process, free of what no server accepts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

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
