"""Many real paths at once are those that one gets one by one."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from minicode.sandbox.places import real_paths

NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_leads_where(tmp_path: Path, seed: int) -> None:
    """No link leads in a circle, and nothing is made through one."""
    chance = random.Random(seed)
    folders = [tmp_path, *(tmp_path / one / two for one in NAMES for two in NAMES)]
    for folder in folders[1:]:
        folder.mkdir(parents=True)
    for folder in folders:
        for name in chance.sample(("x", "y", "z"), 2):
            (folder / name).symlink_to(chance.choice(("..", "../..", ".", "a", "nowhere/x", tmp_path / "a" / "b")))
    names = (*NAMES, "x", "y", "z", "..")
    paths = [tmp_path.joinpath(*chance.choices(names, k=chance.randint(1, 6))) for _ in range(200)]
    found = real_paths(paths)
    assert real_paths(f"{path.parent}//./{path.name}" for path in paths) == found
    assert list(found) == list(dict.fromkeys(Path(os.path.realpath(path)) for path in paths))


def test_the_top_is_itself() -> None:
    assert real_paths([Path("/"), Path("/..")]) == (Path("/"),)
