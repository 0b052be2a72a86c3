"""README shows the table of just these rows, with every run in the same end state and no harm."""

from __future__ import annotations

import re
from pathlib import Path

from tests.perturb.table import HEAD, lines

README = Path(__file__).resolve().parents[2] / "README.md"
# Of the catalogue, what can be checked without a model.
CHECKED = (
    *("T1", "T2", "T3", "T4", "T5", "T9", "T10", "T11", "T12", "S4", "S5", "S8", "U5", "U6", "U7"),
    *("E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "R1", "R2", "R3", "R4", "R5", "R6", "R8", "R9"),
)


def test_no_row_is_missing() -> None:
    assert tuple(line.id for line in lines()) == CHECKED


def test_readme_has_the_table_of_the_catalogue() -> None:
    text = README.read_text("utf-8")
    assert HEAD in text
    assert re.findall(r"^\| [TSUER]\d+ \| .*", text, re.MULTILINE) == [str(line) for line in lines()]
