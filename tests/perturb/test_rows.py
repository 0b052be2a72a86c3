"""Every row of the catalogue: each run of it ends as the unperturbed one, and does no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.perturb.catalogue import ROWS, runs
from tests.perturb.play import Row, perform, wrong


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.id} {row.what}" for row in ROWS])
async def test_a_row(row: Row, tmp_path: Path, measured: Path) -> None:
    if why := row.needs(tmp_path):
        pytest.skip(why)
    found = {}
    for task, wire in runs(row):
        found[task.name, wire] = wrong(task, await perform(row, task, tmp_path / task.name, wire, measured))
    assert {run: sentences for run, sentences in found.items() if sentences} == {}
