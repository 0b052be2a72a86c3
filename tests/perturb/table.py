"""Run the whole catalogue and print the table that README shows: `PYTHONPATH=. python -m tests.perturb.table`."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from minicode.sandbox.probe import CACHE, enforcement
from tests.perturb.catalogue import ROWS, runs
from tests.perturb.play import Row, differences, perform
from tests.perturb.stage import environment

HEAD = "| row | what is perturbed | runs | same end state | harm |\n|---|---|---|---|---|"
IDENTITY = "[user]\n\tname = Bench\n\temail = bench@example.invalid\n"


class Line(NamedTuple):
    """All rows of an id: how many runs there are, how many of them could not be done here, how many ended in another
    state, and how much harm was done."""

    id: str
    what: str
    runs: int
    missing: int = 0
    other: int = 0
    harm: int = 0

    def __str__(self) -> str:
        done = self.runs - self.missing
        return f"| {self.id} | {self.what} | {self.runs} | {done - self.other}/{done} | {self.harm} |"


def lines(rows: Iterable[Row] = ROWS) -> list[Line]:
    """The table as it must be, without running anything."""
    found = []
    for id_, group in groupby(rows, key=lambda row: row.id):
        alike = list(group)
        count = sum(len(list(runs(row))) for row in alike)
        found.append(Line(id_, "; ".join(row.what for row in alike), count))
    return found


async def run_row(line: Line, row: Row, base: Path, measured: Path) -> Line:
    """The line with what came of this row too."""
    base.mkdir()
    if why := row.needs(base):
        print(f"{row.id} {row.what}: not run, {why}", file=sys.stderr)
        return line._replace(missing=line.missing + len(list(runs(row))))
    for task, wire in runs(row):
        ran = await perform(row, task, base / task.name, wire, measured)
        other = differences(task, ran)
        line = line._replace(other=line.other + bool(other), harm=line.harm + len(ran.harm))
        for sentence in (*other, *ran.harm):
            print(f"{row.id} {row.what}, {task.name}, {wire}: {sentence}", file=sys.stderr)
    return line


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, environment({"HOME": folder, "GIT_CONFIG_NOSYSTEM": "1"}):
        base = Path(folder)
        (base / ".gitconfig").write_text(IDENTITY)
        state = base / "measured"
        state.mkdir(mode=0o700)
        enforcement(state)
        for name in ("MINIMAX_API_KEY", "MINIMAX_BASE_URL", "MINICODE_MODEL", "MINICODE_PROTOCOL"):
            os.environ.pop(name, None)
        print(HEAD)
        fine = True
        for line in lines():
            for number, row in enumerate(row for row in ROWS if row.id == line.id):
                line = asyncio.run(run_row(line, row, base / f"{row.id}-{number}", state / CACHE))
            fine = fine and not (line.other or line.harm)
            print(line, flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
