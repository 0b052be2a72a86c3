"""Read a call as it was meant: pure, total, and with a word for everything that was mended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from minicode.aliases import PARAMETER_ROWS, TOOL_ALIASES, fold, rewrite
from minicode.messages import ToolSpec

Schema = Mapping[str, Any]
_PREFIXES = ("functions.", "functions:", "function.", "tools.", "tool.", "default_api.", "default_api:", "minicode.")
_WRAPPERS = ("arguments", "args", "input", "parameters", "params", "kwargs", "tool_input")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


class Mended(NamedTuple):
    """name: of the tool, "" if there is none. repairs: a phrase each. error: why it cannot run, and what would."""

    name: str
    arguments: dict[str, Any]
    repairs: tuple[str, ...] = ()
    error: str | None = None


class _MisfitError(Exception):
    """A value that cannot be read as what its schema asks for; the message completes "must be …"."""


def mend(name: str, arguments: Any, schemas: Mapping[str, Schema]) -> Mended:
    """The tool and the arguments that were meant. Never raises, whatever it is given.

    schemas: of the tools there are, by name.
    """
    if not isinstance(arguments, Mapping):
        arguments = {}
    arguments = {str(key): value for key, value in arguments.items()}
    found, given = _find(name, arguments, schemas)
    if found is None:
        return Mended("", given, (), _unknown(name, schemas))
    repairs = [f"`{_short(name)}` was read as the tool `{found}`"] if found != name else []
    schema = schemas[found]
    given = _named(_unwrapped(given, schema, repairs), schema, repairs)
    final, problems = _coerced(given, schema, repairs)
    error = None
    if problems:
        error = f"{found} was not run: {'; '.join(problems)}. Right would be: {shape(ToolSpec(found, '', schema))}"
    return Mended(found, final, tuple(repairs), error)


def shape(spec: ToolSpec) -> str:
    """How a call looks: `read({"file_path": text, "offset"?: a whole number})`."""
    required = spec.schema.get("required", ())
    parts = [
        f'"{name}"{"" if name in required else "?"}: {_word(schema)}'
        for name, schema in spec.schema.get("properties", {}).items()
    ]
    return f"{spec.name}({{{', '.join(parts)}}})"


def _word(schema: Schema) -> str:
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if schema.get("type") == "array" and "items" in schema:
        return f"[{_word(schema['items'])}, …]"
    if schema.get("type") == "object" and "properties" in schema:
        return "{" + ", ".join(f'"{k}": {_word(v)}' for k, v in schema["properties"].items()) + "}"
    return _WORDS.get(str(schema.get("type")), "any value")


def _find(name: str, arguments: dict[str, Any], schemas: Mapping[str, Schema]) -> tuple[str | None, dict[str, Any]]:
    """The tool that is meant, by its name, else by how others call it; and the arguments in its manner."""
    bare = name.strip().strip("`\"'")
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    folded = {fold(known): known for known in schemas}
    direct = bare if bare in schemas else folded.get(fold(bare))
    if direct is not None and fold(direct) not in TOOL_ALIASES.values():
        return direct, arguments  # a tool of the user's own: its parameters are nobody else's
    renamed, rewritten = rewrite(bare, arguments)
    if direct is not None:
        return direct, rewritten
    for candidate in (renamed, TOOL_ALIASES.get(fold(renamed), "")):
        if candidate in schemas:
            return candidate, rewritten
    return None, arguments


def _unknown(name: str, schemas: Mapping[str, Schema]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(fold(name), [fold(known) for known in schemas], n=3, cutoff=0.6)
    names = sorted((known for known in schemas if fold(known) in near), key=lambda known: near.index(fold(known)))
    meant = f" Did you mean {' or '.join(names)}?" if names else ""
    return f"There is no tool `{_short(name)}`.{meant} The tools are: {', '.join(schemas) or '(none)'}."


def _unwrapped(given: dict[str, Any], schema: Schema, repairs: list[str]) -> dict[str, Any]:
    """`{"arguments": {…}}` is what is in it, unless the tool has such a parameter."""
    if len(given) == 1:
        (key, value), *_ = given.items()
        if key in _WRAPPERS and key not in schema.get("properties", {}):
            inner = _from_json(value) if isinstance(value, str) else value
            if isinstance(inner, Mapping):
                repairs.append(f"`{key}` was unwrapped")
                return {str(k): v for k, v in inner.items()}
    return given


def _named(given: dict[str, Any], schema: Schema, repairs: list[str], where: str = "") -> dict[str, Any]:
    """Every key under the name the schema has for it; what has none is left out."""
    known = schema.get("properties")
    if known is None:
        return given  # an object of any keys
    named = {key: value for key, value in given.items() if key in known}
    for key, value in given.items():
        if key in known:
            continue
        meant = _parameter(key, [p for p in known if p not in named])
        if meant is None:
            repairs.append(f"unknown parameter `{where}{_short(key)}` was ignored")
        else:
            named[meant] = value
            repairs.append(f"read `{where}{_short(key)}` as `{where}{meant}`")
    return named


def _parameter(key: str, free: list[str]) -> str | None:
    folded = {fold(p): p for p in free}
    name = fold(key)
    if name in folded:
        return folded[name]
    for row in PARAMETER_ROWS:
        if name in row:
            for other in row:
                if other in folded:
                    return folded[other]
    from difflib import get_close_matches

    near = get_close_matches(name, folded, n=1, cutoff=0.8)
    return folded[near[0]] if near else None


def _coerced(given: Mapping[str, Any], schema: Schema, repairs: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Every value as its schema wants it, in the order of the schema; and what is missing or cannot be."""
    required = schema.get("required", ())
    properties = schema.get("properties")
    if properties is None:
        return dict(given), []
    final, problems = {}, []
    for name, expected in properties.items():
        if name in given and not (_is_null(given[name], expected) and name not in required):
            try:
                value, mended = _coerce(given[name], expected, repairs, f"{name}.")
            except _MisfitError as misfit:
                problems.append(f"`{name}` must be {misfit}")
                continue
            except (ValueError, TypeError, OverflowError, RecursionError):
                problems.append(f"`{name}` must be {_word(expected)}, not {_short(repr(type(given[name]).__name__))}")
                continue
            final[name] = value
            if mended:
                repairs.append(f"`{name}` was read as {_word(expected)}")
        elif name in required:
            problems.append(f"`{name}` is missing")
    return final, problems


def _is_null(value: Any, schema: Schema) -> bool:
    """M2's own parser makes null of the word, and some servers the word of null; `none` may be a real text."""
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    words = ("null",) if schema.get("type") == "string" else ("null", "none", "undefined", "")
    return value.strip().lower() in words


def _coerce(value: Any, schema: Schema, repairs: list[str], where: str) -> tuple[Any, bool]:
    """The value as the schema wants it, and whether it had to be changed."""
    if "enum" in schema:
        return _choice(value, schema["enum"])
    match schema.get("type"):
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
            return _items(items, schema, mended, repairs, where)
        case "object":
            return _as_object(value, schema, repairs, where)
    return value, False


def _items(items: list[Any], schema: Schema, mended: bool, repairs: list[str], where: str) -> tuple[list[Any], bool]:
    if "items" not in schema:
        return items, mended
    final = []
    for item in items:
        value, changed = _coerce(item, schema["items"], repairs, where)
        final.append(value)
        mended = mended or changed
    return final, mended


def _as_object(value: Any, schema: Schema, repairs: list[str], where: str) -> tuple[dict[str, Any], bool]:
    mended = isinstance(value, str)
    if isinstance(value, str):
        value = _from_json(value)
    if not isinstance(value, Mapping):
        raise _MisfitError(f"{_word(schema)}, not {_short(repr(value))}")
    inner: list[str] = []
    named = _named({str(k): v for k, v in value.items()}, schema, inner, where)
    final, problems = _coerced(named, schema, inner)
    if problems:
        raise _MisfitError(f"{_word(schema)}, but {'; '.join(problems)}")
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
        return "\n".join(value)
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
    raise _MisfitError(f"a whole number, not {_short(repr(value))}")


def _as_number(value: Any) -> tuple[float, bool]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value, False
    if isinstance(value, str):
        number = float(value)
        return (int(number) if number.is_integer() else number), True
    raise _MisfitError(f"a number, not {_short(repr(value))}")


def _as_boolean(value: Any) -> tuple[bool, bool]:
    if isinstance(value, bool):
        return value, False
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE, True
    raise _MisfitError(f"true or false, not {_short(repr(value))}")


def _as_list(value: Any) -> tuple[list[Any], bool]:
    if isinstance(value, list | tuple):
        return list(value), False
    if isinstance(value, str):
        parsed = _from_json(value)
        if isinstance(parsed, list):
            return parsed, True
    return [value], True


def _choice(value: Any, choices: list[Any]) -> tuple[Any, bool]:
    for choice in choices:
        if choice == value and type(choice) is type(value):
            return choice, False
    for choice in choices:
        if fold(str(choice)) == fold(str(value)):
            return choice, True
    raise _MisfitError(f"{' or '.join(json.dumps(choice) for choice in choices)}, not {_short(repr(value))}")


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"
