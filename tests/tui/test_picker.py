"""The picker over real session files: listing, finding, looking into one, renaming, trash, and what it ends with."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input

from minicode import paths
from minicode.cli.screen_sessions import DiskSessions
from minicode.journal.reader import summaries
from minicode.journal.writer import Journal
from minicode.tui import themes
from minicode.tui.cards import ago, marked
from minicode.tui.listing import Drawn, Listing
from minicode.tui.picker import Picked, Picker
from minicode.tui.preview import Preview
from minicode.tui.sheet import Enquiry, Sure

NOTHING = "never dismissed"


class Home:
    """Where sessions are, and the picker over them."""

    def __init__(self, root: Path) -> None:
        self.places = paths.Places(root / ".minicode", root / ".minicode")
        self.work, self.elsewhere = root / "work", root / "elsewhere"
        self.work.mkdir()
        self.elsewhere.mkdir()
        self.port = DiskSessions(self.places, self.work)

    def make(self, title: str, *said: str, thought: str = "", folder: Path | None = None, answer: str = "Done.") -> str:
        where = folder or self.work
        header = {"folder": str(where), "minicode": "0", "name": None}
        with closing(Journal.create(self.places.sessions_of(where), header)) as journal:
            for text in said or ("hello",):
                journal.append("user", {"text": text})
                blocks = [{"type": "thinking", "thinking": thought}, {"type": "text", "text": answer}]
                journal.append("reply", {"content": blocks, "stop": "end"})
                journal.append("end", {"reason": "done"})
            journal.append("title", {"title": title, "by": "local"})
            return journal.id


@pytest.fixture
def sessions(home: Path) -> Home:
    return Home(home)


class Screens(App[Any]):
    def __init__(self, picker: Picker) -> None:
        super().__init__()
        self.picker = picker
        self.picked: Any = NOTHING

    def on_mount(self) -> None:
        self.push_screen(self.picker, self.took)

    def took(self, picked: Picked | None) -> None:
        self.picked = picked


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to be"
        await pilot.pause()


def titles(app: Screens) -> list[str]:
    return [hit.card.title for hit in app.picker.query_one(Listing).items]


def screen(app: App[Any]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def opened(
    home: Home,
    does: Callable[[Screens, Pilot[Any]], Awaitable[None]],
    current: str = "",
    size: tuple[int, int] = (110, 24),
) -> Screens:
    """Run with the sessions listed."""
    app = Screens(Picker(home.port, current))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.picker._loaded)
        await pilot.pause()
        await does(app, pilot)
    return app


async def test_the_latest_is_first_and_enter_goes_on_in_it(sessions: Home) -> None:
    sessions.make("Old one")
    late = sessions.make("New one", "first words", "last words")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        assert titles(app) == ["New one", "Old one"]
        assert "last words" in screen(app) and "2 turns" in screen(app) and "just now" in screen(app)
        await pilot.press("enter")

    assert (await opened(sessions, does)).picked == Picked(late, False)


async def test_a_fork_and_none(sessions: Home) -> None:
    old = sessions.make("Old one")
    sessions.make("New one")

    async def forks(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "ctrl+f")

    async def leaves(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press("escape")

    assert (await opened(sessions, forks)).picked == Picked(old, True)
    assert (await opened(sessions, leaves)).picked is None


async def test_typing_narrows_and_words_said_or_thought_are_found(sessions: Home) -> None:
    sessions.make("Mend the parser")
    sessions.make("Write the manual", thought="a zebra crossed my mind")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press(*"PARS")
        assert titles(app) == ["Mend the parser"]
        app.picker.query_one(Input).value = ""
        await pilot.pause()
        assert len(titles(app)) == 2
        await pilot.press(*"zebra")
        assert titles(app) == []
        await until(pilot, lambda: titles(app))
        assert titles(app) == ["Write the manual"] and "a zebra crossed my mind" in screen(app)

    await opened(sessions, does)


async def test_enter_searches_at_once_where_no_title_has_it(sessions: Home) -> None:
    sessions.make("One", thought="ox")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press(*"ox", "enter")  # too short to be searched for while it is typed
        await until(pilot, lambda: titles(app))
        assert app.picked == NOTHING

    await opened(sessions, does)


async def test_nothing_found_is_said(sessions: Home) -> None:
    sessions.make("One")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press(*"unheard", "enter")
        await until(pilot, lambda: "Nothing in these sessions" in screen(app))

    await opened(sessions, does)


async def test_all_folders(sessions: Home) -> None:
    sessions.make("Here")
    sessions.make("There", folder=sessions.elsewhere)

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        assert titles(app) == ["Here"]
        await pilot.press("tab")
        await until(pilot, lambda: len(titles(app)) == 2)
        assert "~/elsewhere" in screen(app) and "all folders" in screen(app)

    await opened(sessions, does)


async def test_the_preview_tells_what_is_in_it(sessions: Home) -> None:
    id_ = sessions.make("One", "do this", "and that", thought="hm", answer="It is done\nand well.")
    path = next(s.path for s in summaries(sessions.places.sessions))
    with closing(Journal.open(path)) as journal:
        items = [["Read it", "completed"], ["Mend it", "in_progress"]]
        journal.append(
            "result", {"call_id": "c", "name": "todo", "text": "", "show": [{"show": "todos", "items": items}]}
        )

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "It is done and well." in screen(app))
        shown = screen(app)
        assert "2 turns · 2 steps · thought 2/2" in shown and id_ in shown
        assert "1 of 2 todos done" in shown and "▸ Mend it" in shown and "› do this" in shown

    await opened(sessions, does)


async def test_who_has_it_open_is_told(sessions: Home) -> None:
    sessions.make("One")
    path = next(s.path for s in summaries(sessions.places.sessions))
    with closing(Journal.open(path)):
        assert (await sessions.port.look(path.stem)).in_use == "this process"
        other = json.dumps({"pid": os.getppid(), "host": os.uname().nodename})
        path.with_suffix(".lock").write_text(other)
        assert (await sessions.port.look(path.stem)).in_use == f"process {os.getppid()}"
    assert (await sessions.port.look(path.stem)).in_use == ""


async def test_a_narrow_terminal_has_no_preview_and_a_tiny_one_holds(sessions: Home) -> None:
    sessions.make("A title that is long enough to be cut in a terminal that narrow")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        assert not app.picker.query_one(Preview).display
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        assert "A title" in screen(app)
        await pilot.resize_terminal(120, 30)
        await until(pilot, lambda: app.picker.query_one(Preview).display)

    await opened(sessions, does, size=(60, 20))


async def test_rename_and_a_name_that_is_taken(sessions: Home) -> None:
    sessions.make("One")
    sessions.make("Two")
    await sessions.port.rename((await sessions.port.listed(False))[1].id, "taken")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        listing = app.picker.query_one(Listing)
        assert titles(app) == ["taken", "Two"]
        await pilot.press("down", "f2")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        await pilot.press(*"taken", "enter")
        await until(pilot, lambda: "is taken already" in screen(app))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        await pilot.press(*"free", "enter")
        await until(pilot, lambda: "free" in titles(app))
        assert listing.items

    await opened(sessions, does)


async def test_words_it_was_opened_with_are_looked_for(sessions: Home) -> None:
    sessions.make("One", thought="a zebra crossed my mind")
    sessions.make("Two")
    app = Screens(Picker(sessions.port, words="zebra"))
    async with app.run_test(size=(110, 24)) as pilot:
        await until(pilot, lambda: titles(app) == ["One"])


async def test_the_trash_only_after_a_yes_and_not_for_the_open_one(sessions: Home) -> None:
    old, late = sessions.make("Old"), sessions.make("Late")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press("f2")
        await until(pilot, lambda: "/rename" in screen(app))
        await pilot.press("delete")
        await until(pilot, lambda: "begin another one first" in screen(app))
        await pilot.press("down", "delete")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.picker)
        assert titles(app) == ["Late", "Old"]
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, Sure))
        await pilot.press("y")
        await until(pilot, lambda: titles(app) == ["Late"])

    await opened(sessions, does, current=late)
    assert [s.id for s in summaries(sessions.places.state / "trash")] == [old]


async def test_delete_in_the_middle_of_the_words_is_the_filters(sessions: Home) -> None:
    sessions.make("One")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press(*"one", "home", "delete")
        assert app.picker.query_one(Input).value == "ne" and app.screen is app.picker

    await opened(sessions, does)


async def test_a_click_marks_and_another_one_goes_on(sessions: Home) -> None:
    old = sessions.make("Old")
    sessions.make("Late")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        listing = app.picker.query_one(Listing)
        await pilot.click(listing, offset=(5, 2))
        assert listing.item.card.id == old and app.picked == NOTHING
        await pilot.click(listing, offset=(5, 3))
        await until(pilot, lambda: app.picked != NOTHING)

    assert (await opened(sessions, does)).picked == Picked(old, False)


async def test_nothing_from_a_session_reaches_the_terminal_as_it_is(sessions: Home) -> None:
    sessions.make("[@click=app.exit('x')]evil[/] \x1b]52;c;QQ\x07\u202e", "\x1b[2Jgone [/]", thought="[bold")

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "gone [/]" in screen(app))
        shown = screen(app)
        assert "[@click=app.exit('x')]evil[/]" in shown
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)

    await opened(sessions, does)


async def test_a_file_that_went_away_is_said_and_does_no_harm(sessions: Home) -> None:
    sessions.make("One")
    path = next(s.path for s in summaries(sessions.places.sessions))

    async def does(app: Screens, pilot: Pilot[Any]) -> None:
        await pilot.press("down")
        path.unlink()
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        await pilot.press("x", "enter")
        await until(pilot, lambda: "No session is called" in screen(app))

    await opened(sessions, does)


async def test_of_a_thousand_items_only_those_are_drawn_that_are_seen() -> None:
    drawn: list[int] = []

    def draw(item: int) -> Drawn:
        drawn.append(item)
        return [(Content(f"item {item}"), Content("right")), (Content("below"), Content(""))]

    class Listed(App[None]):
        def compose(self) -> ComposeResult:
            yield Listing(draw, rows=2)

    app = Listed()
    async with app.run_test(size=(60, 20)) as pilot:
        listing = app.query_one(Listing)
        listing.show(list(range(1000)))
        await pilot.press("end")
        await pilot.pause()
        assert listing.item == 999 and "❯ item 999" in screen(app) and "item 990" in screen(app)
        await pilot.press("pageup")
        await pilot.pause()
        assert listing.item == 990 and 0 < len(set(drawn)) < 50


async def test_what_is_marked_is_seen_where_there_are_no_shades() -> None:
    class Listed(App[None]):
        def compose(self) -> ComposeResult:
            yield Listing(lambda item: [(Content.styled(item, "dim"), Content(""))])

    app = Listed()
    app.register_theme(next(theme for theme in themes.own() if theme.name == themes.MONO))
    app.theme = themes.MONO
    async with app.run_test(size=(20, 5)) as pilot:
        app.query_one(Listing).show(["one", "two"])
        await pilot.pause()
        styles = [segment.style for segment in app.query_one(Listing).render_line(0)]
        assert styles and all(style and style.reverse for style in styles)
        assert not any(s.style and s.style.reverse for s in app.query_one(Listing).render_line(1))


def test_ago() -> None:
    now = time.mktime((2026, 11, 22, 12, 0, 0, 0, 0, -1))
    cases = {0: "just now", 120: "2 min ago", 3 * 3600: "3 h ago", 20 * 3600: "yesterday", 10 * 86400: "12 Nov"}
    assert {gone: ago(now - gone, now) for gone in cases} == cases
    assert ago(now - 400 * 86400, now) == "18 Oct 2025" and ago(0, now) == "unknown time"


def test_marked_keeps_brackets_that_mark_nothing() -> None:
    assert marked("a [b] c [d").plain == "a b c [d"


async def test_ports_speak_in_sentences(sessions: Home) -> None:
    with pytest.raises(ValueError, match="No session is called"):
        await sessions.port.look("nowhere")
    assert await asyncio.gather(sessions.port.listed(False), sessions.port.listed(True, 3)) == [[], []]
