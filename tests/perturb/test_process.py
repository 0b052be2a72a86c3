"""A sample of the catalogue by the program itself: `minicode run` as a process, then `sessions verify`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minicode.lab.rehearsal import Rehearsal
from minicode.lab.rehearsal.policy import Policy
from tests.perturb.catalogue import ROWS
from tests.perturb.play import WIRES, Row
from tests.perturb.stage import contents, prepare, surroundings
from tests.perturb.tasks import OFF_BY_ONE, RESOLVE, TWO_FILES, Task

ROOT = Path(__file__).resolve().parents[2]
BY_ID = {row.id: row for row in reversed(ROWS)}  # the first of each id


@pytest.mark.parametrize(
    ("row", "task", "wire"),
    [
        (BY_ID["T4"], OFF_BY_ONE, "openai"),
        (BY_ID["T12"], RESOLVE, "anthropic"),
        (BY_ID["R8"], TWO_FILES, "openai"),
    ],
    ids=lambda value: getattr(value, "id", None),
)
async def test_the_program_ends_alike(row: Row, task: Task, wire: str, tmp_path: Path, measured: Path) -> None:
    stage = prepare(task, tmp_path / "run", wire, measured)
    row.scene(stage)
    policy = Policy(task.moves, task.answer, row.drift(stage))
    async with Rehearsal(policy.script(row.shape)) as server:
        variables = {
            **os.environ,
            **surroundings(stage),
            "MINIMAX_BASE_URL": server.url + WIRES[wire],
            "PYTHONPATH": str(ROOT),
        }

        async def minicode(*words: str) -> subprocess.CompletedProcess[str]:
            return await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "minicode", *words],
                cwd=stage.folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )

        ran = await minicode("run", "--json", "--set", "snapshots=off", task.prompt)
        result = json.loads(ran.stdout.splitlines()[-1])
        verified = await minicode("sessions", "verify", result["session_id"])
    assert server.failures == [] and policy.done
    assert (ran.returncode, result["result"]) == (0, task.answer), ran.stderr
    assert contents(stage.top) == task.wanted
    assert verified.returncode == 0 and "sound" in verified.stdout
    thoughts = result["thinking"]
    assert thoughts["issued"] > 0 and thoughts["returned"] == thoughts["issued"]
