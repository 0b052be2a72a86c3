"""Looking back across processes: what a later one asks is found where an earlier one left it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from minicode.lab.rehearsal import Call, Do, Expect, Say, Step, Think, steps

LOG = "".join(f"{n}\n" for n in range(60_000)).replace("30001\n", "the harbour master is q4711\n30001\n")
SCRIPT = steps(
    (Think("The tide tables rule out Tuesday."), Do("shell", {"command": "cat port.log"})),
    (Think("Long."), Say("I looked.")),
    (
        Think("I look back."),
        Call("recall", {"query": "harbour master"}),
        Call("recall", {"query": "/tide\\b.*tuesday/i"}),
    ),
    Step(
        (Think("Both are there."), Say("Found.")),
        expect=Expect(
            results=(
                "30000\nthe harbour master is q4711\n30001",
                "The tide tables rule out Tuesday.",
                "material and not",
            ),
        ),
    ),
    (Think("And again."), Call("search_history", {"query": "harbour master"})),
    # Not what was asked and answered in between.
    Step((Think("No more than that."), Say("Found no more.")), expect=Expect(results="1 hit for harbour master")),
)


def test_what_one_process_left_another_finds(program: Any, rehearse: Any) -> None:
    (program.workspace / "port.log").write_text(LOG)
    with_server = {"server": rehearse(SCRIPT)}
    assert program("run", "look at the log", **with_server).code == 0
    ran = program("run", "-c", "who was it?", **with_server)
    assert ran.code == 0 and "Found." in ran.out
    ran = program("run", "-c", "who?", **with_server)
    assert ran.code == 0 and "Found no more." in ran.out
    [session] = [path.stem for path in program.journals]
    assert program("sessions", "verify", session).code == 0

    told = program("sessions", "recall", session, "harbour", "master", "--kind", "tool_output")
    assert told.code == 0 and "the harbour master is q4711" in told.out
    assert "look at the log" in program("sessions", "recall", session, "--kind", "user").out
    wrong = [
        ([], "Say what to look for"),
        (["/(/"], "broken at character 1"),
        (["--id", "e9999"], "the nearest are"),
        (["x", "--kind", "dream"], "there are any, thinking"),
    ]
    for arguments, said in wrong:
        ran = program("sessions", "recall", session, *arguments)
        assert ran.code == 2 and said in ran.err and ran.out == ""


@pytest.fixture
def bench() -> ModuleType:
    path = Path(__file__).parents[1] / "bench" / "recall.py"
    spec = importlib.util.spec_from_file_location("bench_recall", path)
    assert spec and spec.loader
    module = sys.modules["bench_recall"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_every_fact_of_a_folded_session_is_found(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "sk-canary-4f1d8a2b6c")
    monkeypatch.setenv("MINIMAX_BASE_URL", "")  # so that what the bench sets is undone
    monkeypatch.setenv("MINICODE_PROTOCOL", "anthropic")
    figures = await bench.measure(tmp_path, 12)
    assert figures.missed == [] and figures.failures == []
    assert figures.found == {"thinking": 4, "tool output": 4, "user": 4}
    assert max(figures.sizes) < 30_000
