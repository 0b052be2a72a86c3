"""The toolbox: every file is loaded, replaced or reported; every call ends in one result."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from minicode import show
from minicode.messages import Call
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope

HEAD = """
import asyncio
from typing import Annotated
from minicode.toolkit import Line, Refused, Result, Scope, Tests, Todos, tool

@tool(effect="reads")
"""


def put(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(HEAD + body)
    return folder


async def call(toolbox: Toolbox, scope: Scope, name: str, **arguments: object):
    return await toolbox.run(toolbox.prepare(Call("c", name, arguments)), scope)


async def test_the_last_place_wins_and_the_win_is_known(tmp_path: Path, scope: Scope) -> None:
    first = put(tmp_path / "first", "hello", 'async def hello() -> Result:\n    "Greet."\n    return Result("first")\n')
    put(first, "other", 'async def other() -> Result:\n    "Other."\n    return Result("other")\n')
    second = put(
        tmp_path / "second", "hello", 'async def hello() -> Result:\n    "Greet."\n    return Result("second")\n'
    )
    toolbox = Toolbox.load([("shipped", first), ("user", second), ("project", tmp_path / "none")])
    assert [spec.name for spec in toolbox.specs] == ["hello", "other"]
    assert (await call(toolbox, scope, "hello")).text == "second"
    assert toolbox.tools["hello"].origin == "user" and toolbox.tools["hello"].replaces == ("shipped",)
    assert list(Toolbox.load([("shipped", first)], allowed=["other"]).tools) == ["other"]
    assert list(Toolbox.load([("shipped", first)], disallowed=["other"]).tools) == ["hello"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("def (", "line 1"),
        ("1 / 0", "ZeroDivisionError"),
        ("import no_such_thing", "no_such_thing"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = 1", "a tool is named as its file"),
        (HEAD + "async def broken(a) -> Result:\n    'x'\n", "`a` needs a type"),
        ("\0", "null byte"),
    ],
)
async def test_a_broken_file_is_reported_and_harms_nobody(
    tmp_path: Path, scope: Scope, content: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    place = put(tmp_path / "place", "good", 'async def good() -> Result:\n    "Good."\n    return Result("fine")\n')
    (place / "broken.py").write_text(content)
    (place / "_private.py").write_text("1 / 0")
    toolbox = Toolbox.load([("user", place)])
    assert (await call(toolbox, scope, "good")).text == "fine"
    (broken,) = toolbox.broken
    assert broken.path == place / "broken.py" and reason in broken.reason
    assert capfd.readouterr() == ("", "")


async def test_a_broken_replacement_leaves_the_old_one(tmp_path: Path, scope: Scope) -> None:
    old = put(tmp_path / "old", "hello", 'async def hello() -> Result:\n    "Greet."\n    return Result("old")\n')
    new = tmp_path / "new"
    new.mkdir()
    (new / "hello.py").write_text("half written (")
    toolbox = Toolbox.load([("shipped", old), ("user", new)])
    assert (await call(toolbox, scope, "hello")).text == "old" and len(toolbox.broken) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise Refused('That is not possible.')", "That is not possible."),
        ("raise KeyError('x')", "odd failed: KeyError: 'x'"),
        ("return 'text'", "odd failed: TypeError: it returned str, not a Result"),
        ("return Result('', failed=True)", "(no output)"),
        ("raise asyncio.TimeoutError", "odd failed: TimeoutError:"),
    ],
)
async def test_a_failure_is_a_result(tmp_path: Path, scope: Scope, body: str, told: str) -> None:
    place = put(tmp_path / "place", "odd", f'async def odd() -> Result:\n    "Odd."\n    {body}\n')
    result = await call(Toolbox.load([("user", place)]), scope, "odd")
    assert result.failed and result.text == told


async def test_only_a_cancellation_is_raised(tmp_path: Path, scope: Scope) -> None:
    body = 'async def slow(scope: Scope) -> Result:\n    "Slow."\n    scope.say("on")\n    await asyncio.sleep(1000)\n'
    toolbox = Toolbox.load([("user", put(tmp_path / "place", "slow", body))])
    begun = asyncio.Event()
    running = Scope(scope.workspace, say=lambda text: begun.set())
    task = asyncio.create_task(toolbox.run(toolbox.prepare(Call("c", "slow", {})), running))
    await asyncio.wait_for(begun.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_results_are_clean_and_bounded(tmp_path: Path, scope: Scope, spilled: Path) -> None:
    body = (
        'async def loud() -> Result:\n    "Loud."\n'
        '    evil = "\\x1b]0;t\\x07"\n'
        '    tests, todos = Tests(0, 1, 0, ((evil + "t", evil + "why"),)), Todos(((evil + "a", "pending"),))\n'
        '    return Result("\\x1b[2J\\ud800" + "x\\n" * 100_000, (Line(evil + "shown"), tests, todos))\n'
    )
    result = await call(Toolbox.load([("user", put(tmp_path / "place", "loud", body))]), scope, "loud")
    result.text.encode("utf-8")
    assert len(result.text.encode()) <= 30_000 and "\x1b" not in result.text
    assert result.show == (
        show.Line("shown"),
        show.Tests(0, 1, 0, (("t", "why"),)),
        show.Todos((("a", "pending"),)),
    )
    (kept,) = spilled.iterdir()
    assert str(kept) in result.text and kept.stat().st_size > 200_000


async def test_a_pydantic_parameter_arrives_as_a_model(tmp_path: Path, scope: Scope) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "order.py").write_text(
        "from pydantic import BaseModel\nfrom minicode.toolkit import Result, tool\n"
        "class Item(BaseModel):\n    name: str\n    count: int = 1\n"
        "@tool(effect='reads')\nasync def order(item: Item) -> Result:\n"
        "    'Order.'\n    return Result(f'{item.count} {item.name}')\n"
    )
    toolbox = Toolbox.load([("user", place)])
    assert (await call(toolbox, scope, "order", item='{"name": "pen", "count": "2"}')).text.startswith("2 pen")


async def test_broken_arguments_are_quoted_and_nothing_runs(toolbox: Toolbox, scope: Scope) -> None:
    prepared = toolbox.prepare(Call("c", "bash", {}, broken='{"command": "touch x'))
    assert prepared.effect == ""
    result = await toolbox.run(prepared, scope)
    assert result.failed
    assert '{"command": "touch x' in result.text and 'bash({"command": text' in result.text
    assert toolbox.prepare(Call("c", "nosuch", {}, broken="x")).error.startswith("There is no tool")  # type: ignore[union-attr]


async def test_repairs_are_told_in_one_line(toolbox: Toolbox, scope: Scope) -> None:
    prepared = toolbox.prepare(Call("c", "Bash", {"cmd": "echo hi"}, repairs=("a missing brace was added",)))
    assert prepared.effect == "runs" and prepared.arguments == {"command": "echo hi"}
    text = (await toolbox.run(prepared, scope)).text
    assert text.endswith(
        "\n[note: a missing brace was added; `Bash` was read as the tool `bash`; read `cmd` as `command`]"
    )


async def test_dispatch_costs_little(tmp_path: Path, scope: Scope) -> None:
    body = 'async def noop(text: Annotated[str, "Any"]) -> Result:\n    "Nothing."\n    return Result(text)\n'
    toolbox = Toolbox.load([("user", put(tmp_path / "place", "noop", body))])
    costs = []
    for _ in range(10):
        begun = time.perf_counter()
        await call(toolbox, scope, "noop", text="x")
        costs.append(time.perf_counter() - begun)
    assert min(costs) < 0.005
