"""From the text of a call's arguments to an object: a ladder of mendings, each told, none of them a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from minicode.messages import Json
from minicode.model.compact import too_deep

_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
_ANY_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_REPAIRED = "the JSON was not well-formed and was repaired"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUOTES = "\"'`“”„‘’"
_REPAIRABLE = 32_768  # characters; json_repair takes some ten microseconds for each, and everything waits
_AFTER = re.compile(r"(?:\s|</?[\w:.-]+>|<\|[\w-]*\|>|\x00)+\Z")
_NO_VALUE = re.compile(r"[:=]\s*[,}\]]")
_FENCE = re.compile(r"\A\s*```\w*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


def read(text: str, *, cut: bool = False) -> tuple[Json | None, tuple[str, ...]]:
    """The arguments and what was mended in them, one phrase each; (None, …) if no object can be read for sure.

    cut: the reply was ended by the token limit. Then only text that is already whole is taken: mending would turn a
    torn value into a wrong one.
    """
    repairs: tuple[str, ...] = ()
    found = _strict(text, cut=cut)
    if found is None and not cut:
        found, repairs = _mended(text)
    return (None, ()) if too_deep(found) else (found, repairs)


def breaks_off(text: str) -> bool:
    """Does it end in the middle of a string or an object, as if the rest had been lost?"""
    rest = _STRING.sub("", text)
    return '"' in rest or sum(map(rest.count, "{[")) > sum(map(rest.count, "}]"))


def _mended(text: str) -> tuple[Json | None, tuple[str, ...]]:
    for rung in (
        *(_control_characters, _encoded_twice, _several, _backslashes, _framed, _single, _python, _unclosed),
        _guarded_repair,
    ):
        mended = rung(text)
        if mended is not None:
            return mended[0], (mended[1],)
    return None, ()


def _strict(text: str, *, cut: bool) -> Json | None:
    if not text.strip():
        return None if cut else {}
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _load(text: str) -> Any:
    """None for what is no JSON even with raw control characters allowed."""
    try:
        return json.loads(text, strict=False, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _control_characters(text: str) -> tuple[Json, str] | None:
    value = _load(text)
    return (value, "raw line breaks or tabs inside a string were escaped") if isinstance(value, dict) else None


def _encoded_twice(text: str) -> tuple[Json, str] | None:
    value = _load(text)
    inner = _load(value) if isinstance(value, str) else None
    return (inner, "the object came wrapped in a string and was unwrapped") if isinstance(inner, dict) else None


def _several(text: str) -> tuple[Json, str] | None:
    decoder = json.JSONDecoder(strict=False, parse_constant=_no_constant)
    objects: list[Json] = []
    at, end = 0, len(text)
    while at < end:
        if text[at] in " \t\r\n,":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        objects.append(value)
    if len(objects) < 2:
        return None
    last = next((o for o in reversed(objects) if o), objects[-1])
    return last, f"{len(objects)} objects came in a row; the last was taken"


def _framed(text: str) -> tuple[Json, str] | None:
    """A whole object in a code fence, or with closing tags of the call behind it."""
    fenced = _FENCE.match(text)
    value = _load(fenced.group(1)) if fenced else _load(_AFTER.sub("", text).lstrip("\ufeff"))
    what = "the code fence around the JSON" if fenced else "what stood around the JSON"
    return (value, f"{what} was taken off") if isinstance(value, dict) else None


def _single(text: str) -> tuple[Json, str] | None:
    value = _load(text)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return value[0], "the object came in a list of one and was taken out"
    return None


def _python(text: str) -> tuple[Json, str] | None:
    fenced = _FENCE.match(text)
    value = python_literal(fenced.group(1) if fenced else text)
    if not isinstance(value, dict) or not value or not all(isinstance(key, str) for key in value):
        return None
    return json.loads(json.dumps(value)), _REPAIRED


def python_literal(text: str) -> Any:
    """The value of a list, dict or tuple as Python writes it; None for anything else, and what JSON cannot hold.

    Strings side by side, which Python joins, are refused: they may be one string with quotes in it.
    """
    text = text.strip()
    if text[:1] not in ("[", "{", "(") or len(text) > _REPAIRABLE:
        return None
    import ast
    import io
    import tokenize
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an escape that Python does not know
            value = ast.literal_eval(text)
        json.dumps(value, allow_nan=False)
        before = 0
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == before == tokenize.STRING:
                return None
            before = token.type if token.type != tokenize.NL else before
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError):
        return None
    return value


def _backslashes(text: str) -> tuple[Json, str] | None:
    doubled = _ESCAPE.sub(lambda m: m.group() if len(m.group()) > 1 else r"\\", text)
    value = _load(doubled) if doubled != text else None
    return (value, "single backslashes were doubled") if isinstance(value, dict) else None


def _unclosed(text: str) -> tuple[Json, str] | None:
    """Only brackets are missing at the end: a server counted those inside strings."""
    if not _ends_after_value(text):
        return None
    closing: list[str] = []
    for mark in _STRING.sub("", text):
        if mark in "{[":
            closing.append("}" if mark == "{" else "]")
        elif mark in "}]" and (not closing or closing.pop() != mark):
            return None
    value = _load(text + "".join(reversed(closing)))
    return (value, "closing brackets were missing and were added") if isinstance(value, dict) else None


def _guarded_repair(text: str) -> tuple[Json, str] | None:
    """json_repair, believed only if it neither lost nor made up a letter or a digit, nothing was left open, and every
    value stands in the text as it came out.

    It reads the two halves of an escaped character as two: text with such escapes is not given to it.
    """
    fenced = _FENCE.match(text)
    bare = fenced.group(1) if fenced else text
    if len(bare) > _REPAIRABLE or "{" not in bare or "\\u" in bare or not _ends_after_value(bare):
        return None
    if '"""' in bare or "'''" in bare or _NO_VALUE.search(_STRING.sub("s", bare)):
        return None  # it would make an empty text of them
    import json_repair

    try:
        value = json_repair.loads(bare, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not value or _letters(bare) != _letters(json.dumps(value)):
        return None
    leaves, keys = list(_leaves(value)), list(_keys(value))
    if not all(_stands_in(bare, leaf) for leaf in leaves):
        return None
    # Each quotation mark must be one around a string, or be in it: else it is not known which is which.
    quoted = [leaf for leaf in leaves if isinstance(leaf, str)] + [key for key in keys if _stands_in(bare, key)]
    return (value, _REPAIRED) if _marks(bare) == sum(2 + _marks(one) for one in quoted) else None


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)


def _marks(text: str) -> int:
    return sum(map(text.count, _QUOTES))


def _stands_in(text: str, leaf: Any) -> bool:
    """Is a value written in the text just so: a string in quotes, a number by itself?"""
    if leaf is None or isinstance(leaf, bool):
        return True
    if isinstance(leaf, str):
        written = "|".join(re.escape(form) for form in {leaf, json.dumps(leaf)[1:-1], _plain(leaf)[1:-1]})
        return re.search(f"[{_QUOTES}](?:{written})[{_QUOTES}]", text) is not None
    return re.search(rf"(?<![\w.+-]){re.escape(json.dumps(leaf))}(?![\w.])", text) is not None


def _plain(leaf: str) -> str:
    return json.dumps(leaf, ensure_ascii=False)


def _ends_after_value(text: str) -> bool:
    """Not inside a string, nor after a number or a comma that may have been torn off."""
    return text.rstrip()[-1:] in ('"', "}", "]") and _ANY_ESCAPE.sub("", text).count('"') % 2 == 0


def _letters(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", _ANY_ESCAPE.sub("", text).lower())
    return plain.replace("none", "null")
