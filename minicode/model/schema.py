"""Tools in the form every M2 server takes: plain schemas, safe names."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any

from minicode.messages import Json

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64
_DROPPED = frozenset({"$schema", "$id", "$defs", "definitions", "nullable", "$ref"})
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SINGLE = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"})
# What other templates put before a tool's name.
NAMESPACE = re.compile(
    r"^(?:functions?|tools?|default_api|minicode|repo_browser|container|builtins?|mcp__\w+?_|api|assistant)[.:/_]+",
    re.IGNORECASE,
)


def wire_name(name: str) -> str:
    """The tool's name as servers accept it. A changed name carries a checksum, so that two never become one."""
    if not name:
        return "nameless"  # a call without a name has its result, and must go back with it
    safe = _UNSAFE.sub("_", name)[:_LONGEST_NAME]
    if safe == name:
        return name
    mark = f"_{zlib.crc32(name.encode('utf-8', 'replace')):08x}"
    return safe[: _LONGEST_NAME - len(mark)] + mark


def plain_schema(schema: Mapping[str, Any]) -> Json:
    """`schema` as an object schema without references and nullable types, keys in the order given.

    SGLang turns every value of a nullable parameter into null, and templates render no `$ref`. A reference into
    itself is cut to an unconstrained value.
    """
    definitions = {
        f"#/{place}/{name}": value
        for place in ("$defs", "definitions")
        for name, value in (schema.get(place) or {}).items()
    }
    plain = _plain(schema, definitions, ())
    if not isinstance(plain, dict):
        plain = {}
    properties = plain.get("properties")
    rest = {k: v for k, v in plain.items() if k not in ("type", "properties")}
    return {"type": "object", "properties": properties if isinstance(properties, dict) else {}, **rest}


def _plain(schema: Any, definitions: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        rest = {k: v for k, v in schema.items() if k != "$ref"}
        target = definitions.get(reference)
        if reference in inside or not isinstance(target, Mapping):
            return _plain(rest, definitions, inside)
        return _plain({**target, **rest}, definitions, (*inside, reference))
    out: Json = {}
    for key, value in schema.items():
        if key in _DROPPED or (key == "default" and value is None):
            continue
        if key in _MAPS and isinstance(value, Mapping):
            out[key] = {name: _plain(v, definitions, inside) for name, v in value.items()}
        elif key in _LISTS and isinstance(value, list):
            out[key] = [_plain(v, definitions, inside) for v in value if not _is_null(v)]
        elif key in _SINGLE:
            out[key] = _plain(value, definitions, inside)
        elif key == "type" and isinstance(value, list):
            kinds = [v for v in value if v != "null"]
            out[key] = kinds[0] if len(kinds) == 1 else kinds
        elif key == "enum" and isinstance(value, list):
            out[key] = [v for v in value if v is not None]
        else:
            out[key] = value
    return _unwrapped(out)


def _unwrapped(schema: Json) -> Json:
    """A choice of one is that one."""
    for key in ("anyOf", "oneOf"):
        choice = schema.get(key)
        if isinstance(choice, list) and len(choice) == 1 and isinstance(choice[0], dict):
            rest = {k: v for k, v in schema.items() if k != key}
            return {**choice[0], **rest}
    return schema


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"
