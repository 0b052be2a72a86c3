"""Rewind and tree over a real session, with real snapshots of real files."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from minicode.cli.screen_sessions import SessionPast
from minicode.plan import Plan
from minicode.session import Session
from minicode.start import start
from minicode.tui.listing import Listing
from minicode.tui.rewind import Back, Rewind
from minicode.tui.sheet import Enquiry, Sure
from minicode.tui.tree import Branches, Way

NOTHING = "never dismissed"


class Worked:
    """A session in which three messages were sent; the first two changed files."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.past = SessionPast(lambda: session)
        (folder / "a.py").write_text("one\n")
        self.first = self.say("write a", {"a.py": "one\ntwo\n"})
        self.second = self.say("write b", {"b.py": "new\n", "a.py": "one\n2\n"})
        self.third = self.say("only talk", {})

    def say(self, text: str, files: dict[str, str]) -> str:
        journal = self.session.journal
        id_ = journal.append("user", {"text": text}).id
        if files:
            self.keep()
            for name, content in files.items():
                (self.folder / name).write_text(content)
            self.keep()
        journal.append("reply", {"content": [{"type": "text", "text": "done"}], "stop": "end"})
        journal.append("end", {"reason": "done"})
        return id_

    def keep(self) -> None:
        snapshots = self.session.parts.checkpoints.snapshots
        assert snapshots is not None
        self.session.journal.append("snapshot", {"tree": snapshots.take().tree})


@pytest.fixture
async def worked(home: Path) -> AsyncIterator[Worked]:
    folder = home / "work"
    folder.mkdir()
    started = start(Plan(folder=folder, flags={"base_url": "http://127.0.0.1:9"}))
    yield Worked(started.session, folder)
    await started.close()


class Screens(App[Any]):
    def __init__(self, sheet: Screen[Any]) -> None:
        super().__init__()
        self.sheet = sheet
        self.took: Any = NOTHING

    def on_mount(self) -> None:
        self.push_screen(self.sheet, self.take)

    def take(self, took: Any) -> None:
        self.took = took


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to be"
        await pilot.pause()


def screen(app: App[Any]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


# --- rewind -----------------------------------------------------------------------------------------------------------


async def test_the_newest_is_marked_and_the_conversation_goes_back(worked: Worked) -> None:
    app = Screens(Rewind(worked.past))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "No file has to change" in screen(app))
        assert "● conversation" in screen(app)
        await pilot.press("b")  # there are no files to go back
        assert "● conversation" in screen(app)
        await pilot.press("enter")
    assert app.took == Back(worked.third, True, False, False)


async def test_what_would_change_is_shown_and_the_files_go_back_with_it(worked: Worked) -> None:
    app = Screens(Rewind(worked.past, worked.second))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "2 paths would go back" in screen(app))
        shown = screen(app)
        assert "a.py  changed  +1 −1" in shown and "b.py  removed  −1" in shown
        await pilot.press("d")
        await until(pilot, lambda: "  -2 " in screen(app))
        assert "+two" in screen(app)
        await pilot.press("tab")
        assert "● files" in screen(app)
        await pilot.press("tab")
        assert "● both" in screen(app)
        await pilot.press("enter")
    assert app.took == Back(worked.second, True, True, False)
    moved = await worked.session.rewind(worked.second, conversation=True, files=True)
    assert moved.text == "write b" and (worked.folder / "a.py").read_text() == "one\ntwo\n"


async def test_what_the_user_changed_since_is_overwritten_only_after_a_yes(worked: Worked) -> None:
    (worked.folder / "a.py").write_text("mine\n")
    (worked.folder / "other.py").write_text("no part of this\n")
    app = Screens(Rewind(worked.past, worked.first))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(
            pilot,
            lambda: "You, or another program, changed since: a.py" in screen(app),
        )
        assert "2 paths would go back" in screen(app) and "other.py" not in screen(app)
        await pilot.press("f", "enter")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is app.sheet)
        assert app.took == NOTHING
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        await pilot.press("y")
        await until(pilot, lambda: app.took != NOTHING)
    assert app.took == Back(worked.first, False, True, True)


async def test_files_that_were_not_kept_are_told_of(worked: Worked) -> None:
    journal = worked.session.journal
    lost = journal.append("user", {"text": "do it unseen"}).id
    journal.append("intent", {"call_id": "c", "name": "bash", "arguments": {}, "effect": "any"})
    journal.append("result", {"call_id": "c", "name": "bash", "text": "ok", "failed": False})
    app = Screens(Rewind(worked.past))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "The files of that turn were not kept" in screen(app))
        await pilot.press("f", "enter")
    assert app.took == Back(lost, True, False, False)


async def test_moving_through_the_messages_looks_at_each(worked: Worked) -> None:
    app = Screens(Rewind(worked.past))
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("up")
        await until(pilot, lambda: "2 paths would go back" in screen(app))
        await pilot.press("f", "down")
        await until(pilot, lambda: "No file has to change" in screen(app))
        assert "● conversation" in screen(app)
        await pilot.press("escape")
    assert app.took is None


async def test_a_click_takes_another_way(worked: Worked) -> None:
    app = Screens(Rewind(worked.past, worked.first))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "would go back" in screen(app))
        await pilot.click("#ways")
        assert "● files" in screen(app)


@pytest.mark.parametrize(
    ("screen_of", "words"), [(Rewind, "there is nothing to go back to"), (Branches, "Nothing has been said")]
)
async def test_nothing_said_yet(home: Path, screen_of: Callable[[Any], Screen[Any]], words: str) -> None:
    (home / "empty").mkdir()
    started = start(Plan(folder=home / "empty", flags={"base_url": "http://127.0.0.1:9"}))
    app = Screens(screen_of(SessionPast(lambda: started.session)))
    async with app.run_test() as pilot:
        await until(pilot, lambda: words in screen(app))
        await pilot.press("enter", "l", "d", "escape")
    assert app.took is None
    await started.close()


# --- the tree ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def branched(worked: Worked) -> Worked:
    await worked.session.rewind(worked.second)
    worked.say("another way", {})
    worked.session.label(worked.second, "dead end")
    return worked


async def test_a_left_branch_is_switched_to_and_the_live_one_rewound(branched: Worked) -> None:
    app = Screens(Branches(branched.past))
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.pause()
        shown = screen(app)
        assert "├─ · write b  [dead end]" in shown and "│  · only talk" in shown
        assert "○ write a" in shown and "❯ ● another way" in shown and "go back before it" in shown
        await pilot.press("up")
        await until(pilot, lambda: "go on there" in screen(app))
        await pilot.press("enter")
    assert app.took == Way("switch", branched.third)
    await branched.session.switch(branched.third)
    app = Screens(Branches(branched.past))
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.pause()
        assert "❯ ● only talk" in screen(app)
        await pilot.press("home", "enter")
    assert app.took == Way("rewind", branched.first)


async def test_a_label_is_put_and_taken_away(branched: Worked) -> None:
    app = Screens(Branches(branched.past))
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.pause()
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        await pilot.press(*"good", "enter")
        await until(pilot, lambda: "another way  [good]" in screen(app))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        await pilot.press("ctrl+u", "enter")
        await until(pilot, lambda: app.screen is app.sheet and "[good]" not in screen(app))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        app.screen.query_one(Input).value = "x" * 101
        await pilot.press("enter")
        await until(pilot, lambda: "at most 100 characters" in screen(app))
        assert app.sheet.query_one(Listing).item.text == "another way"
