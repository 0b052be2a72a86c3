"""Drafts: what was written is there again after any end, and gone once it was sent."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from minicode.tui.chips import ChipArea
from minicode.tui.drafts import Draft, write_private
from minicode.tui.memory import Memory
from minicode.tui.prompt import Prompt


class Desk(App[None]):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.prompt = Prompt(history=folder / "history.jsonl", draft=folder / "draft.txt")

    def compose(self) -> ComposeResult:
        yield self.prompt

    def on_mount(self) -> None:
        self.prompt.focus()


async def loaded(pilot: Pilot[None]) -> None:
    while pilot.app.workers:
        await pilot.pause()


async def write(pilot: Pilot[None], text: str) -> None:
    pilot.app.query_one(ChipArea).insert(text, maintain_selection_offset=False)
    await pilot.pause()


async def test_a_draft_is_there_again_with_what_its_chips_stand_for(tmp_path: Path) -> None:
    long = "line\n" * 300
    app = Desk(tmp_path / "state")
    async with app.run_test() as pilot:
        await loaded(pilot)
        await write(pilot, "so 日本\n")
        app.query_one(ChipArea).paste(long)
    path = tmp_path / "state" / "draft.txt"
    assert path.read_text("utf-8") == f"so 日本\n{long}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["draft.txt"]
    app = Desk(tmp_path / "state")
    async with app.run_test() as pilot:
        await loaded(pilot)
        assert app.prompt.value == f"so 日本\n{long}"


@pytest.mark.parametrize("how", ["sent", "cleared", "deleted"])
async def test_a_draft_ends_with_what_was_written(tmp_path: Path, how: str) -> None:
    (tmp_path / "draft.txt").write_text("go on")
    app = Desk(tmp_path)
    async with app.run_test() as pilot:
        await loaded(pilot)
        assert app.prompt.value == "go on"
        if how == "sent":
            await pilot.press("enter")
        elif how == "cleared":
            app.prompt.clear()
        else:
            await pilot.press("ctrl+u")
        assert app.prompt.value == ""
    assert not (tmp_path / "draft.txt").exists()


async def test_who_writes_before_the_draft_is_read_loses_neither(tmp_path: Path) -> None:
    (tmp_path / "draft.txt").write_text("old")
    app = Desk(tmp_path)
    app.prompt._area.put("quick")
    async with app.run_test() as pilot:
        await loaded(pilot)
        assert app.prompt.value == "quick"
        await pilot.press("up")
        assert app.prompt.value == "old"


async def test_an_end_before_the_draft_is_shown_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "draft.txt").write_text("old")
    memory = Memory(None, tmp_path / "draft.txt", print)
    loading = asyncio.create_task(memory.load())
    await asyncio.sleep(0)  # it is being read
    memory.draft("")
    await memory.close()
    assert await loading == "old"
    assert (tmp_path / "draft.txt").read_text() == "old"


def test_a_draft_outlives_a_kill(tmp_path: Path) -> None:
    """A real process, killed as soon as its draft is on the disk."""
    program = f"""
import asyncio, sys
from pathlib import Path
from minicode.tui.chips import ChipArea
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_drafts import Desk, loaded, write

async def main():
    async with Desk(Path(sys.argv[1])).run_test() as pilot:
        await loaded(pilot)
        await write(pilot, "do not lose me")
        while not Path(sys.argv[1], "draft.txt").exists():
            await pilot.pause()
        print("kept", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"kept\n"
        process.send_signal(signal.SIGKILL)
    assert Draft(tmp_path / "draft.txt").read() == "do not lose me"


def test_a_draft_of_another_is_not_removed(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "draft.txt")
    assert draft.read() == ""
    (tmp_path / "draft.txt").write_text("of another one")
    draft.write("")
    assert (tmp_path / "draft.txt").read_text() == "of another one"


def test_nothing_is_kept_where_nothing_is_wanted() -> None:
    draft = Draft(None)
    draft.write("text")
    assert draft.read() == ""


def test_a_draft_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "draft.txt").mkdir()
    with pytest.raises(OSError, match="draft"):
        write_private(tmp_path / "draft.txt", "new")
    assert [file.name for file in tmp_path.iterdir()] == ["draft.txt"]
