"""Script files: JSON or TOML in, a Script out, and for every mistake the file, the place and what would be right."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from minicode.errors import UsageError
from minicode.lab.rehearsal.script import AUTO, Block, Call, Do, Expect, Fault, Say, Script, Shape, Step, Think
from minicode.lab.rehearsal.tools import ACTIONS
from minicode.messages import Usage

Value = TypeVar("Value")
EXAMPLE = Path(__file__).parent.with_name("example.toml")
STEP_KEYS = ("think", "say", "calls", "blocks", *(f.name for f in dataclasses.fields(Step) if f.name != "blocks"))
VALUES: tuple[tuple[str, type[Any]], ...] = (("usage", Usage), ("expect", Expect), ("fault", Fault), ("shape", Shape))


def load(path: Path) -> Script:
    """Read a script file; TOML if its name ends so, else JSON. Raises UsageError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"The script {path} cannot be read: {reason}.") from error
    try:
        data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise UsageError(f"{path} is not valid {kind}: {error}.") from error
    try:
        return script_from_json(data)
    except _Mistake as mistake:
        raise UsageError(f"{path}: {mistake}.") from mistake


class _Mistake(Exception):
    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}" if where else what)


def script_from_json(data: Any) -> Script:
    if isinstance(data, list):
        data = {"steps": data}
    _known(data, [f.name for f in dataclasses.fields(Script)], "")
    rows = data.get("steps")
    if not isinstance(rows, list) or not rows:
        raise _Mistake("steps", "a script needs a list of at least one step")
    steps = tuple(_step(row, f"steps[{number}]") for number, row in enumerate(rows))
    given = {**data, "steps": steps}
    if "shape" in data:
        given["shape"] = _value(Shape, data["shape"], "shape")
    options = {k: v for k, v in given.items() if k not in ("steps", "shape")}
    kinds: dict[str, tuple[Callable[[Any], bool], str]] = {
        "after": (lambda v: v in ("over", "repeat"), '"over" or "repeat"'),
        "strict_thinking": (lambda v: isinstance(v, bool), "true or false"),
        "strict_signatures": (lambda v: isinstance(v, bool), "true or false"),
        "window": (lambda v: v is None or (isinstance(v, int) and v > 0), "a positive number of tokens"),
    }
    for name, value in options.items():
        fine, wanted = kinds[name]
        if not fine(value):
            raise _Mistake(name, f"{value!r} is not {wanted}")
    return Script(**given)


def _known(data: Any, names: list[str] | tuple[str, ...], where: str) -> None:
    if not isinstance(data, dict):
        raise _Mistake(where, f"an object was expected, not {data!r}")
    for name in data:
        if name not in names:
            raise _Mistake(where, f"unknown key {name!r}; there are {', '.join(names)}")


def _value(kind: type[Value], data: Any, where: str) -> Value:
    """A plain value checked against its dataclass."""
    import pydantic  # why: slow to import, and only script files need it

    names = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    _known(data, names, where)
    try:
        return pydantic.TypeAdapter(kind).validate_python(data)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _Mistake(f"{where}.{place}", f"{first['msg']}, not {first['input']!r}") from error


def _step(row: Any, where: str) -> Step:
    if isinstance(row, list):
        row = {"blocks": row}
    _known(row, STEP_KEYS, where)
    given: dict[str, Any] = {k: row[k] for k in ("stop", "model") if k in row}
    for name, value in given.items():
        if not isinstance(value, str):
            raise _Mistake(f"{where}.{name}", f"a text was expected, not {value!r}")
    if "delay" in row:
        if isinstance(row["delay"], bool) or not isinstance(row["delay"], int | float) or row["delay"] < 0:
            raise _Mistake(f"{where}.delay", f"seconds were expected, not {row['delay']!r}")
        given["delay"] = float(row["delay"])
    for name, kind in VALUES:
        if name in row:
            given[name] = _value(kind, row[name], f"{where}.{name}")
    if "otherwise" in row:
        given["otherwise"] = _step(row["otherwise"], f"{where}.otherwise")
    return Step(blocks=tuple(_blocks(row, where)), **given)


def _blocks(row: dict[str, Any], where: str) -> list[Block]:
    """`think`, `say`, `calls` are short for blocks in this order."""
    thoughts = row.get("think", [])
    found: list[tuple[Any, str]] = []
    for number, thought in enumerate(thoughts if isinstance(thoughts, list) else [thoughts]):
        block = thought if isinstance(thought, dict) else {"think": thought}
        found.append(({"think": block.get("text"), **block} if "text" in block else block, f"{where}.think[{number}]"))
    if "say" in row:
        found.append(({"say": row["say"]}, f"{where}.say"))
    for name in ("blocks", "calls"):
        rows = row.get(name, [])
        if not isinstance(rows, list):
            raise _Mistake(f"{where}.{name}", "a list was expected")
        found += [(block, f"{where}.{name}[{number}]") for number, block in enumerate(rows)]
    return [_block(block, place) for block, place in found]


def _block(row: Any, where: str) -> Block:
    if isinstance(row, str):
        return Say(row)
    if not isinstance(row, dict):
        raise _Mistake(where, f"a block was expected, not {row!r}")
    if "think" in row:
        _known(row, ("think", "text", "signature"), where)
        signature = row.get("signature", AUTO)
        if signature is not None and not isinstance(signature, str):
            raise _Mistake(f"{where}.signature", f"a text or null was expected, not {signature!r}")
        # TOML has no null: an empty signature means none.
        return Think(_text(row["think"], where), signature or None)
    if "say" in row:
        _known(row, ("say",), where)
        return Say(_text(row["say"], where))
    if "do" in row:
        if not isinstance(row["do"], str):
            raise _Mistake(f"{where}.do", f"an action was expected: {', '.join(ACTIONS)}, or the name of a tool")
        return Do(row["do"], {k: v for k, v in row.items() if k != "do"})
    if "call" in row:
        _known(row, ("call", "arguments", "raw", "id"), where)
        _typed(row, {"call": str, "arguments": dict, "raw": str, "id": str}, where)
        return Call(row["call"], row.get("arguments", {}), row.get("raw"), row.get("id", ""))
    raise _Mistake(where, "a block has one of the keys think, say, do, call")


def _typed(row: dict[str, Any], kinds: dict[str, type], where: str) -> None:
    for name, value in row.items():
        if not isinstance(value, kinds[name]):
            wanted = "an object" if kinds[name] is dict else "a text"
            raise _Mistake(f"{where}.{name}", f"{wanted} was expected, not {value!r}")


def _text(value: Any, where: str) -> str | tuple[str, ...]:
    """A list is the pieces in which the text is streamed."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(piece, str) for piece in value):
        return tuple(value)
    raise _Mistake(where, f"a text, or a list of its pieces, was expected, not {value!r}")
