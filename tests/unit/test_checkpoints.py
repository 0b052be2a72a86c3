"""Snapshots around steps: one before each, told if it takes long, stopped with the turn, and never in the way."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from minicode.checkpoints import Checkpoints, Outlet
from minicode.events import Noted
from minicode.workspace.snapshots.snapshots import Snapshots


class Told:
    def __init__(self) -> None:
        self.records: list[Any] = []
        self.events: list[Any] = []
        self.something = asyncio.Event()

    @property
    def outlet(self) -> Outlet:
        return Outlet(self.records.extend, self._hear)

    def _hear(self, event: Any) -> None:
        self.events.append(event)
        self.something.set()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").write_text("a")
    return tmp_path / "root"


async def test_before_each_step_and_after_a_turn_that_had_one(root: Path, tmp_path: Path) -> None:
    told, kept = Told(), Checkpoints(lambda: Snapshots(tmp_path / "store", [root]))
    await kept.after(told.outlet)
    assert told.records == []
    await kept.before(told.outlet)
    (root / "a").write_text("b")
    await kept.after(told.outlet)
    await kept.after(told.outlet)
    (_, first), (_, last) = told.records
    assert first["tree"] != last["tree"]
    assert await kept.changed(first["tree"], last["tree"]) == (str(root / "a"),)
    (root / "new").write_text("by hand")
    assert await kept.changed(last["tree"], "") == (str(root / "new"),)
    assert await kept.changed("0" * 40, "") == ()


async def test_what_cannot_be_kept_is_told_once_and_stops_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    told, kept = Told(), Checkpoints(lambda: Snapshots(tmp_path / "store", [root]))
    await kept.before(told.outlet)
    await kept.before(told.outlet)
    assert [kind for kind, _ in told.records] == ["note"]
    assert [type(event) for event in told.events] == [Noted]
    assert "A rewind cannot bring back" in told.events[0].text


async def test_a_long_one_is_told_and_stops_with_the_turn(root: Path, tmp_path: Path) -> None:
    for number in range(20):
        (root / f"big{number}").write_bytes(os.urandom(3 << 20))
    told, kept = Told(), Checkpoints(lambda: Snapshots(tmp_path / "store", [root]), slow=0.01)
    task = asyncio.create_task(kept.before(told.outlet))
    await told.something.wait()
    assert "Keeping the files" in told.events[0].text
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await kept.after(told.outlet)
    assert told.records == [], "nothing ran, so there is nothing to keep"
