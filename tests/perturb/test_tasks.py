"""The unperturbed runs end as it is written down that they must, on both surfaces; and the bench can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from minicode.events import TurnEnded
from minicode.lab.rehearsal import Do
from minicode.lab.rehearsal.policy import Move
from tests.perturb.play import CLEAN, Row, once, perform, wrong
from tests.perturb.stage import Stage
from tests.perturb.tasks import EDIT_JSON, TASKS, Task
from tests.perturb.tool_rows import some_mended


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
async def test_a_task_is_done(task: Task, tmp_path: Path, measured: Path) -> None:
    wire = ("anthropic", "openai")[TASKS.index(task) % 2]
    assert wrong(task, await perform(CLEAN, task, tmp_path / "run", wire, measured)) == []


async def meddled(stage: Stage) -> TurnEnded:
    ended = await once(stage)
    (stage.outside / "mine.txt").write_text("not the user's any more")
    return ended


async def tampered(stage: Stage) -> TurnEnded:
    """As a harness that edits its own thoughts on disk."""
    ended = await once(stage)
    [journal] = stage.home.glob("sessions/*/*.jsonl")
    journal.write_text(journal.read_text().replace("for the 1. time", "for the 9. time", 1))
    return ended


def other_content(task: Task) -> tuple[Move, ...]:
    return tuple(
        replace(move, do=(Do("write", {"path": "config.json", "content": "{}\n"}),)) if move.mends else move
        for move in task.moves
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Row("", "", moves=other_content), "other files: config.json"),
        (Row("", "", talk=meddled), "outside the workspace were touched"),
        (Row("", "", talk=tampered), "not sound"),
        (Row("", "", limit=0.01), "hung for more than 0.01 s"),
        (Row("", "", moves=lambda task: (Move((Do("glob", {"pattern": "*"}),), ("no such",)),)), "could not come to"),
        (Row("", "", scene=lambda stage: (stage.top / "more.txt").touch()), "other files: more.txt"),
        (Row("", "", remarks=some_mended), "no call had anything to mend"),
    ],
)
async def test_the_bench_can_fail(row: Row, told: str, tmp_path: Path, measured: Path) -> None:
    found = wrong(EDIT_JSON, await perform(row, EDIT_JSON, tmp_path / "run", "anthropic", measured))
    assert any(told in sentence for sentence in found), found
