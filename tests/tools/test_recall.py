"""recall, called as a model calls it: by its own name or another, in one form or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from minicode.messages import Call
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope

Asked = tuple[str, tuple[str, ...], str, str, int]


@pytest.fixture
def asked(toolbox: Toolbox, scope: Scope) -> Any:
    """asked(name, arguments) → what reached the session, and the result."""

    async def asked(name: str, arguments: dict[str, Any]) -> tuple[Asked | None, Result]:
        seen: list[Asked] = []

        async def recall(query: str, ids: Sequence[str], around: str, kind: str, limit: int) -> Result:
            seen.append((query, tuple(ids), around, kind, limit))
            return Result("quoted")

        prepared = toolbox.prepare(Call("c", name, arguments))
        result = await toolbox.run(prepared, replace(scope, recall=recall))
        return (seen[0] if seen else None), result

    return asked


@pytest.mark.parametrize(
    ("name", "arguments", "reached"),
    [
        ("recall", {"query": "port"}, ("port", (), "", "any", 8)),
        ("recall", {"ids": ["e1", "e4-e9"], "kind": "thinking"}, ("", ("e1", "e4-e9"), "", "thinking", 8)),
        ("recall", {"ids": "e12"}, ("", ("e12",), "", "any", 8)),
        ("recall", {"ids": '["e1", "e2"]'}, ("", ("e1", "e2"), "", "any", 8)),
        ("recall", {"around": "e12", "limit": "4"}, ("", (), "e12", "any", 4)),
        ("recall", {}, ("", (), "", "any", 8)),
        ("search_history", {"pattern": "port"}, ("port", (), "", "any", 8)),
        ("memory_search", {"query": "port", "max_results": 3}, ("port", (), "", "any", 3)),
        ("lookBack", {"text": "port", "type": "user"}, ("port", (), "", "user", 8)),
        ("recall", {"query": "port", "ids": None, "around": None}, ("port", (), "", "any", 8)),
    ],
)
async def test_what_models_write_reaches_the_session(
    asked: Any, name: str, arguments: dict[str, Any], reached: Asked
) -> None:
    got, result = await asked(name, arguments)
    assert got == reached and not result.failed


async def test_an_unknown_kind_is_answered_with_those_there_are(asked: Any) -> None:
    got, result = await asked("recall", {"query": "port", "kind": "memory"})
    assert got is None and result.failed and '"tool_output"' in result.text


async def test_it_touches_nothing(toolbox: Toolbox) -> None:
    assert toolbox.prepare(Call("c", "recall", {"query": "x"})).effect == "state"


async def test_without_a_session_it_says_so(run: Any) -> None:
    result = await run("recall", query="x")
    assert result.failed and "no session" in result.text
