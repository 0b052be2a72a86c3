"""The catalogue: a row, or some, for each perturbation that can be checked without a model, and the runs of each."""

from __future__ import annotations

from collections.abc import Iterator

from tests.perturb.answer_rows import ANSWER_ROWS
from tests.perturb.play import Row
from tests.perturb.scene_rows import SCENE_ROWS
from tests.perturb.tasks import TASKS, Task
from tests.perturb.tool_rows import TOOL_ROWS
from tests.perturb.word_rows import WORD_ROWS

ROWS: tuple[Row, ...] = (*TOOL_ROWS, *WORD_ROWS, *SCENE_ROWS, *ANSWER_ROWS)


def runs(row: Row) -> Iterator[tuple[Task, str]]:
    """The tasks of a row, by turns on one surface and the other."""
    wanted = [task for task in TASKS if not row.tasks or task.name in row.tasks]
    assert len(wanted) == len(row.tasks or TASKS), f"{row.id}: one of {row.tasks} is no task"
    for number, task in enumerate(wanted, ROWS.index(row)):
        yield task, ("anthropic", "openai")[number % 2]
