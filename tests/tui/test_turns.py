"""One turn after the other: what cannot be shown, and what is said while the session is busy otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from minicode.events import Event, Noted, TextDelta
from minicode.lab.rehearsal import Fault, Say, Step, Think, steps
from minicode.tui.turns import Turns

LONG = Say("word and " * 9_000)
HANGS = Step((Think("I write and write. " * 20),), fault=Fault(stall=2000))


async def test_what_cannot_be_shown_ends_no_turn(drive: Any) -> None:
    shown: list[Event] = []

    def show(event: Event) -> None:
        if isinstance(event, TextDelta):
            raise KeyError("no such colour")
        shown.append(event)

    async with drive(steps(Say("One."), Say("Two."))) as d:
        turns = Turns(d.session, show, lambda: None)
        assert turns.say("first") == "sent"
        await turns.done()
        assert not turns.running and turns.begun == 0.0
        assert any("TextDelta cannot be shown: KeyError" in e.text for e in shown if isinstance(e, Noted))
        assert [end["reason"] for end in d.entries("end")] == ["done"]
        turns.leave()


async def test_a_screen_that_shows_nothing_any_more_ends_no_turn(drive: Any) -> None:
    def show(event: Event) -> None:
        raise KeyError("nothing")

    async with drive(steps(Say("One."))) as d:
        turns = Turns(d.session, show, lambda: None)
        turns.say("first")
        await turns.done()
        assert turns.begun == 0.0 and [end["reason"] for end in d.entries("end")] == ["done"]
        turns.leave()


async def test_words_during_a_fold_are_sent_when_it_is_over(drive: Any) -> None:
    async with drive(steps(LONG, LONG, LONG, HANGS, Say("Here I am."))) as d:
        for words in ("first", "second", "third"):
            await d.say(words)
            await d.still()
        await d.say("/compact")
        await d.until(lambda: len(d.server.requests) == 4)
        await d.say("are you there?")
        assert d.running and not d.entries("fold")
        await d.press("escape")  # the fold; what was said goes on
        await d.tells("Here I am.")
        await d.still()
        assert "are you there?" in d.body()
        assert "Stopped." in d.told and d.main.figuring.figures.doing == ""


class Past:
    """A session with so much behind it that it is told in slices."""

    def __init__(self, what: str) -> None:
        self.what = what

    def past(self) -> Iterator[Event]:
        for number in range(2_000):
            yield Noted("info", f"{self.what} {number}")


async def test_of_two_tellings_at_once_the_later_one_is_told_and_once(drive: Any) -> None:
    async with drive(steps(Say("One."))) as d:
        turns = d.turns
        first = asyncio.create_task(d.main.retell(Past("first")))
        await asyncio.sleep(0)  # a slice of it
        assert "first 1" in d.told
        assert d.main.turns is None  # what is said meanwhile waits
        await asyncio.gather(first, d.main.retell(Past("second")))
        assert [line for line in d.told.splitlines() if line] == [f"second {number}" for number in range(2_000)]
        assert d.main.turns is turns
        await d.say("hello")
        await d.tells("One.")
