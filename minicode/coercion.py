"""Values as a schema wants them: numbers from text, lists from one, objects from JSON; with a word for each change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from minicode.aliases import VALUE_ROWS, fold
from minicode.model.arguments import python_literal

Schema = Mapping[str, Any]
Named = Callable[[dict[str, Any], Schema, list[str], str], dict[str, Any]]
_TRUE, _FALSE = ("true", "1", "yes", "on", "y"), ("false", "0", "no", "off", "n")
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


class _MisfitError(Exception):
    """A value that cannot be read as what its schema asks for; the message completes "must be …"."""


def word(schema: Schema) -> str:
    """What a value must be, in words: `text`, `[a whole number, …]`, `"a" | "b"`."""
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    kind = _kind(schema)
    if kind == "array" and "items" in schema:
        return f"[{word(schema['items'])}, …]"
    if kind == "object" and "properties" in schema:
        return "{" + ", ".join(f'"{k}": {word(v)}' for k, v in schema["properties"].items()) + "}"
    return _WORDS.get(kind, "any value")


def coerced(
    given: Mapping[str, Any], schema: Schema, repairs: list[str], named: Named
) -> tuple[dict[str, Any], list[str]]:
    """Every value as its schema wants it, in the order of the schema; and what is missing or cannot be.

    named: puts the keys of an inner object under the names its schema has for them.
    """
    required = schema.get("required", ())
    properties = schema.get("properties")
    if properties is None:
        return dict(given), []
    final, problems = {}, []
    for name, expected in properties.items():
        if name in given and not (_is_null(given[name], expected) and name not in required):
            try:
                value, mended = _coerce(given[name], expected, repairs, f"{name}.", named)
            except _MisfitError as misfit:
                problems.append(f"`{name}` must be {misfit}")
                continue
            except (ValueError, TypeError, OverflowError, RecursionError):
                problems.append(f"`{name}` must be {word(expected)}, not {short(repr(type(given[name]).__name__))}")
                continue
            final[name] = value
            if mended:
                repairs.append(f"`{name}` was read as {word(expected)}")
        elif name in required:
            problems.append(f"`{name}` is missing")
    return final, problems


def from_json(text: str) -> Any:
    """The value of JSON or of a Python literal; None for anything else."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    return python_literal(text)


def short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def _kind(schema: Schema) -> str:
    """Its type; of several the only one that is not null, "" if any will do."""
    kind = schema.get("type")
    if isinstance(kind, list):
        rest = [one for one in kind if one != "null"]
        kind = rest[0] if len(rest) == 1 else ""
    return str(kind or "")


def _is_null(value: Any, schema: Schema) -> bool:
    """M2's own parser makes null of the word, and some servers the word of null; `none` may be a real text."""
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    words = ("null",) if _kind(schema) == "string" else ("null", "none", "undefined", "")
    return value.strip().lower() in words


def _coerce(value: Any, schema: Schema, repairs: list[str], where: str, named: Named) -> tuple[Any, bool]:
    """The value as the schema wants it, and whether it had to be changed."""
    if "enum" in schema:
        return _choice(value, schema["enum"])
    match _kind(schema):
        case "string":
            return (value, False) if isinstance(value, str) else (_as_text(value), True)
        case "integer":
            return _as_integer(value)
        case "number":
            return _as_number(value)
        case "boolean":
            return _as_boolean(value)
        case "array":
            items, mended = _as_list(value)
            return _items(items, schema, mended, repairs, where, named)
        case "object":
            return _as_object(value, schema, repairs, where, named)
    return value, False


def _items(
    items: list[Any], schema: Schema, mended: bool, repairs: list[str], where: str, named: Named
) -> tuple[list[Any], bool]:
    if "items" not in schema:
        return items, mended
    final = []
    for item in items:
        value, changed = _coerce(item, schema["items"], repairs, where, named)
        final.append(value)
        mended = mended or changed
    return final, mended


def _as_object(value: Any, schema: Schema, repairs: list[str], where: str, named: Named) -> tuple[dict[str, Any], bool]:
    mended = isinstance(value, str)
    if isinstance(value, str):
        value = from_json(value)
    if not isinstance(value, Mapping):
        raise _MisfitError(f"{word(schema)}, not {short(repr(value))}")
    inner: list[str] = []
    found = named({str(k): v for k, v in value.items()}, schema, inner, where)
    final, problems = coerced(found, schema, inner, named)
    if problems:
        raise _MisfitError(f"{word(schema)}, but {'; '.join(problems)}")
    repairs.extend(phrase for phrase in inner if phrase not in repairs)
    return final, mended


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if value is None:
        raise _MisfitError("text, not null")
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return "".join(value) if all(item.endswith("\n") for item in value[:-1]) else "\n".join(value)
    return json.dumps(value, indent=2, ensure_ascii=False)


def _as_integer(value: Any) -> tuple[int, bool]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, False
    if isinstance(value, str) or (isinstance(value, float) and value.is_integer()):
        try:
            return int(value), True
        except ValueError:
            number = float(value)
            if number.is_integer():
                return int(number), True
    raise _MisfitError(f"a whole number, not {short(repr(value))}")


def _as_number(value: Any) -> tuple[float, bool]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value, False
    if isinstance(value, str):
        number = float(value)
        return (int(number) if number.is_integer() else number), True
    raise _MisfitError(f"a number, not {short(repr(value))}")


def _as_boolean(value: Any) -> tuple[bool, bool]:
    if isinstance(value, bool):
        return value, False
    said = str(value).strip().lower()
    if said in _TRUE or said in _FALSE:
        return said in _TRUE, True
    raise _MisfitError(f"true or false, not {short(repr(value))}")


def _as_list(value: Any) -> tuple[list[Any], bool]:
    if isinstance(value, list | tuple):
        return list(value), False
    if isinstance(value, str):
        parsed = from_json(value)
        if isinstance(parsed, list | tuple):
            return list(parsed), True
    return [value], True


def _choice(value: Any, choices: list[Any]) -> tuple[Any, bool]:
    for choice in choices:
        if choice == value and type(choice) is type(value):
            return choice, False
    said = fold(str(value))
    for choice in choices:
        if fold(str(choice)) == said:
            return choice, True
    for row in VALUE_ROWS:
        if said in row:
            for choice in choices:
                if fold(str(choice)) in row:
                    return choice, True
    raise _MisfitError(f"{' or '.join(json.dumps(choice) for choice in choices)}, not {short(repr(value))}")
