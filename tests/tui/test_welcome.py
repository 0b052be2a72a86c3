"""The start screen over real sessions, and the help made from the keys in force."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from minicode import paths
from minicode.cli.screen_sessions import DiskSessions
from minicode.journal.writer import Journal
from minicode.tui.cards import Card, Sessions
from minicode.tui.help import Help
from minicode.tui.keyline import named
from minicode.tui.keymap import ACTIONS
from minicode.tui.listing import Listing
from minicode.tui.welcome import About, Welcome

ABOUT = About("1.2.3", "MiniMax-M2", "~/work", "kernel: writes only in this folder, no network", "default")
NOTHING = "never dismissed"


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to be"
        await pilot.pause()


def screen(app: App[Any]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


class Start(App[None]):
    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self.sessions = sessions
        self.chosen = ""

    def compose(self) -> ComposeResult:
        yield Welcome(self.sessions)

    def on_welcome_chosen(self, event: Welcome.Chosen) -> None:
        self.chosen = event.id


@pytest.fixture
def made(home: Path) -> tuple[DiskSessions, list[str]]:
    """Three sessions, the ids in the order they were made."""
    places, folder = paths.Places(home / ".minicode", home / ".minicode"), home / "work"
    folder.mkdir()
    ids = []
    for title, *said in (("First", "a"), ("Second\x1b[2J [/]", "b", "what was said last"), ("Third", "c")):
        with closing(Journal.create(places.sessions_of(folder), {"folder": str(folder), "minicode": "0"})) as journal:
            for text in said:
                journal.append("user", {"text": text})
            journal.append("title", {"title": title, "by": "local"})
            ids.append(journal.id)
    return DiskSessions(places, folder), ids


async def test_the_facts_and_the_sessions_and_a_click_on_one(made: tuple[DiskSessions, list[str]]) -> None:
    sessions, ids = made
    app = Start(sessions)
    async with app.run_test(size=(90, 24)) as pilot:
        await until(pilot, lambda: "First" in screen(app))
        welcome = app.query_one(Welcome)
        assert "Third" in screen(app) and "MiniMax" not in screen(app)
        welcome.describe(ABOUT, ids[2])
        await until(pilot, lambda: "MiniMax-M2 in ~/work" in screen(app))
        shown = screen(app)
        assert "1.2.3" in shown and "writes only in this folder" in shown and "mode default" in shown
        assert "Third" not in shown  # it is the open one
        assert "Second [/]" in shown and "what was said last" in shown and "2 turns · just now" in shown
        row = next(y for y, line in enumerate(shown.splitlines()) if "Second" in line)
        await pilot.click(welcome, offset=(10, row + 1 - welcome.region.y))  # its last words
        await until(pilot, lambda: app.chosen)
        assert app.chosen == ids[1]
        app.chosen = ""
        await pilot.click(welcome, offset=(10, 1))
        await pilot.pause()
        assert app.chosen == ""


async def test_the_sandbox_is_told_whole_in_a_narrow_terminal(made: tuple[DiskSessions, list[str]]) -> None:
    app = Start(made[0])
    async with app.run_test(size=(28, 24)) as pilot:
        app.query_one(Welcome).describe(ABOUT)
        await until(pilot, lambda: "First" in screen(app) and "1.2.3" in screen(app))
        assert "sandbox kernel: writes only in this folder, no network" in " ".join(screen(app).split())
        assert "? keys" in screen(app) and "shell" not in screen(app)
        await pilot.resize_terminal(1, 1)
        await pilot.pause()


async def test_the_first_frame_waits_for_no_session() -> None:
    class Broken:
        async def listed(self, everywhere: bool, most: int = 0) -> list[Card]:
            assert "minicode" in screen(app), "asked before anything was drawn"
            raise ValueError("The folder\x1b[2J cannot be read.")

    app = Start(Broken())  # type: ignore[arg-type]
    async with app.run_test(size=(60, 12)) as pilot:
        await until(pilot, lambda: "The folder cannot be read." in screen(app))


# --- help -------------------------------------------------------------------------------------------------------------


class Word(NamedTuple):
    name: str
    takes: str
    help: str
    aliases: tuple[str, ...] = ()


WORDS = (Word("/help", "", "this list"), Word("/clear", "[NAME]", "begin anew", ("/new", "/reset")))


class Screens(App[Any]):
    def __init__(self, keymap: dict[str, str]) -> None:
        super().__init__()
        self.keymap = keymap
        self.took: Any = NOTHING

    def on_mount(self) -> None:
        self.push_screen(Help(WORDS, self.keymap), self.take)

    def take(self, took: Any) -> None:
        self.took = took


async def test_every_key_in_force_and_every_word_is_there() -> None:
    app = Screens({"thinking": "ctrl+y", "todos": ""})
    async with app.run_test(size=(110, 70)) as pilot:
        await pilot.pause()
        shown = screen(app)
        for action in ACTIONS:
            if action.where in ("app", "prompt", "transcript", "approval", "search"):
                assert (action.help in shown) == (action.id != "todos"), action
        assert "Ctrl+Y" in shown and "Alt+T" not in shown and "/clear [NAME], /new, /reset" in shown


async def test_typing_looks_and_enter_takes_a_word() -> None:
    app = Screens({})
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.press(*"nothing like it")
        assert "Nothing is called so." in screen(app)
        app.screen.query_one(Input).value = ""
        await pilot.press(*"reset")
        assert [entry.does for entry in app.screen.query_one(Listing).items] == ["begin anew"]
        await pilot.press("enter")
        await until(pilot, lambda: app.took != NOTHING)
    assert app.took == "/clear"


async def test_enter_on_a_key_stays() -> None:
    app = Screens({})
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press("enter")
        assert app.took == NOTHING
        await pilot.press("escape")
    assert app.took is None


def test_names_of_keys() -> None:
    assert named("ctrl+j,shift+enter, pageup") == "Ctrl+J, Shift+Enter, PgUp"
    assert named("G,g,escape,question_mark") == "G, g, Esc, ?"
