"""Every case of the protocol's list has a test of its number."""

from __future__ import annotations

import re
from pathlib import Path


def test_all_sixty_cases_are_here() -> None:
    found = [
        int(number)
        for path in Path(__file__).parent.glob("test_*.py")
        for number in re.findall(r"^(?:async )?def test_case_(\d\d)_", path.read_text(), re.MULTILINE)
    ]
    assert sorted(set(found)) == list(range(1, 61))
