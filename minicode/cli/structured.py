"""Answers that must be JSON of a given shape. M2 has no switch for that, so it is asked for in words and checked."""

from __future__ import annotations

import json
import re
from typing import Any

from minicode.errors import UsageError


def sound(schema: Any) -> Any:
    """The schema itself. Raises UsageError for one that is none, before a token is spent on it."""
    from jsonschema import SchemaError

    if not isinstance(schema, dict):
        raise UsageError("--json-schema must be a JSON object.")
    try:
        _dialect(schema).check_schema(schema)
    except SchemaError as error:
        raise UsageError(f"--json-schema is not a valid schema: {error.message}.") from None
    return schema


def instruction(schema: Any) -> str:
    return (
        "When you are done, answer with JSON only, no other words and no code fence, that fits this JSON schema:\n"
        + json.dumps(schema, ensure_ascii=False)
    )


def repair(trouble: str) -> str:
    return f"Your answer does not fit the schema: {trouble}\nAnswer again with the JSON only."


def check(text: str, schema: Any) -> tuple[Any, str]:
    """(the value, "") or (None, what is wrong). Raises UsageError if the schema refers to what it does not hold."""
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    fence = re.fullmatch(r"\s*```(?:json)?\s*\n(.*?)\n?```\s*", text, re.DOTALL)
    try:
        value = json.loads(fence[1] if fence else text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return None, f"it is not JSON ({error})."
    nowhere: Registry[Any] = Registry()  # the default one would fetch a $ref from the network
    try:
        misfit = best_match(_dialect(schema)(schema, registry=nowhere).iter_errors(value))
    except Unresolvable as missing:
        raise UsageError(f"--json-schema refers to {missing.ref!r}, which it does not hold.") from None
    except RecursionError:
        raise UsageError("--json-schema refers to itself without end.") from None
    if misfit:
        return None, f"{misfit.json_path}: {misfit.message}."
    return value, ""


def _dialect(schema: Any) -> Any:
    """The validator of the draft that the schema names, the newest if it names none."""
    from jsonschema import Draft202012Validator, validators

    return validators.validator_for(schema, default=Draft202012Validator)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
