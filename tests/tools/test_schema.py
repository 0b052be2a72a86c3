"""Signatures become schemas: the same bytes always, no shape that M2's servers choke on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pydantic
import pytest

from minicode.messages import spec_to_json
from minicode.schema import UnfitError, signature_of
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope

PRINT = """
import json, sys
from pathlib import Path
from minicode.messages import spec_to_json
from minicode.toolbox import Toolbox
print(json.dumps([spec_to_json(spec) for spec in Toolbox.load([("shipped", Path(sys.argv[1]))]).specs]))
"""


class Point(TypedDict, total=False):
    x: int
    label: Annotated[str, "Its name"]


class Inner(pydantic.BaseModel):
    title: str
    size: int | None = None


class Order(pydantic.BaseModel):
    inner: Inner
    many: list[Inner] = []


class Tree(pydantic.BaseModel):
    children: list[Tree]


async def every(
    scope: Scope,
    a: Annotated[str, "A text"],
    b: int,
    c: list[str],
    d: Literal["x", "y"] = "x",
    e: float | None = None,
    f: bool = False,
    g: dict[str, Any] | None = None,
    h: Annotated[list[Point] | None, "Points"] = None,
    i: Order | None = None,
) -> Result:
    """All kinds.

    And a second paragraph."""
    return Result("")


def test_every_kind() -> None:
    signature = signature_of(every)
    assert signature.description == "All kinds.\n\nAnd a second paragraph."
    assert signature.scope == "scope" and list(signature.models) == ["i"]
    inner = {
        "properties": {"title": {"type": "string"}, "size": {"type": "integer"}},
        "required": ["title"],
        "type": "object",
    }
    schema = signature.schema
    order = schema["properties"].pop("i")
    assert order["properties"]["inner"] == inner and order["properties"]["many"]["items"] == inner
    assert schema == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "description": "A text"},
            "b": {"type": "integer"},
            "c": {"type": "array", "items": {"type": "string"}},
            "d": {"type": "string", "enum": ["x", "y"]},
            "e": {"type": "number"},
            "f": {"type": "boolean"},
            "g": {"type": "object"},
            "h": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"x": {"type": "integer"}, "label": {"type": "string", "description": "Its name"}},
                },
                "description": "Points",
            },
        },
        "required": ["a", "b", "c"],
    }


async def union(a: int | str) -> Result:
    "x"
    return Result("")


async def untyped(a) -> Result:  # type: ignore[no-untyped-def]
    "x"
    return Result("")


async def path(a: Path) -> Result:
    "x"
    return Result("")


async def stars(*a: int) -> Result:
    "x"
    return Result("")


async def silent(a: int) -> Result:
    return Result("")


async def nullable(a: int | None = 3) -> Result:
    "x"
    return Result("")


async def recursive(a: Tree) -> Result:
    "x"
    return Result("")


async def lost(a: NoSuchName) -> Result:  # type: ignore[name-defined]  # noqa: F821
    "x"
    return Result("")


def not_async(a: int) -> Result:
    "x"
    return Result("")


@pytest.mark.parametrize(
    "function", [union, untyped, path, stars, silent, nullable, recursive, lost, not_async], ids=lambda f: f.__name__
)
def test_what_cannot_be_a_tool_says_why(function: Any) -> None:
    with pytest.raises(UnfitError, match="`") as unfit:
        signature_of(function)
    assert str(unfit.value).endswith(".")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(item)


def test_the_shipped_tools(toolbox: Toolbox) -> None:
    assert toolbox.broken == ()
    assert " ".join(toolbox.tools) == (
        "apply_patch ask_user bash edit exit_plan_mode git glob grep jobs map outline python read recall run_tests "
        "task todo web_fetch web_search write"
    )
    told = [spec_to_json(spec) for spec in toolbox.specs]
    assert len(json.dumps(told, ensure_ascii=False).encode()) <= 10_100
    for node in nodes(told):
        assert not {"$ref", "$defs", "anyOf", "oneOf"} & node.keys()
        assert not isinstance(node.get("type"), list) and "null" not in node.get("enum", [])


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    shipped = Path(__file__).parents[2] / "tools"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PRINT, str(shipped)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(shipped.parent)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1
