"""The search: the newest hit first, older and newer ones, and what hides a hit is opened."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from minicode.messages import Call, ToolResult
from minicode.show import Output
from minicode.tui.blocks import Note, Said, Thought
from minicode.tui.doings import Answer, Doing
from minicode.tui.finding import Finding
from minicode.tui.painting import found
from minicode.tui.rows import Line, Span, lay
from minicode.tui.themes import own, palette_of
from minicode.tui.transcript import Transcript


class Screen(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in own():
            self.register_theme(theme)
        self.theme = own()[0].name

    def compose(self) -> ComposeResult:
        self.transcript = Transcript(palette_of(self))
        self.finding = Finding(self.transcript)
        yield self.transcript

    def at(self) -> str:
        """The row of the hit."""
        hits = self.transcript.hits
        return self.transcript.rows(self.transcript.blocks[hits.block])[hits.row].text

    def lit(self) -> list[str]:
        """What is drawn as a hit, on the whole screen."""
        palette = self.transcript.palette
        colours = {palette.style(name).bgcolor for name in ("found", "found.here")}
        strips = [self.transcript.render_line(y) for y in range(self.transcript.size.height)]
        return [s.text for strip in strips for s in strip if s.style and s.style.bgcolor in colours]


def doing(command: str, output: str) -> Doing:
    made = Doing(1, "bash", Call("c", "bash", {"command": command}))
    made.done(ToolResult("c", "bash", output), (Output(output),), 1.0)
    return made


async def test_it_goes_from_the_newest_hit_to_older_ones_and_back() -> None:
    app = Screen()
    async with app.run_test(size=(60, 10)) as pilot:
        app.transcript.add(*(Note(f"remark {n}" + (" Needle" if n % 10 == 0 else "")) for n in range(100)))
        app.transcript.add(Said("two needle\nand a NEEDLE"))
        app.transcript.flush()
        await pilot.pause()
        steps = [(0, "and a NEEDLE"), (-1, "two needle"), (-1, "remark 90 Needle"), (-1, "remark 80 Needle")]
        for by, row in [*steps, (1, "remark 90 Needle"), (1, "two needle")]:
            assert app.finding.look("needle ", by) == ""
            assert app.at() == row
            await pilot.pause()
            assert "needle" in [text.lower() for text in app.lit()]
        assert app.finding.look("needle", 1) == ""
        assert app.finding.look("needle", 1) == "no more below"
        assert app.at() == "and a NEEDLE"
        for _ in range(11):
            assert app.finding.look("needle", -1) == ""
        assert app.at() == "remark 0 Needle"
        assert app.finding.look("needle", -1) == "no more above"
        assert app.at() == "remark 0 Needle"
        assert app.finding.look("thread", 0) == "not found"
        assert app.lit() == []
        assert app.finding.look("", 0) == ""


@pytest.mark.parametrize("word", ["hidden", "deep"])
async def test_a_hit_in_a_folded_thought_or_call_opens_it(word: str) -> None:
    app = Screen()
    async with app.run_test(size=(60, 20)) as pilot:
        thought = Thought(1, "at first\n" * 30 + "hidden and deep\n" + "at last\n" * 30)
        closed = doing("ls", "out\n" * 9 + "hidden deep\n" + "out\n" * 9)
        app.transcript.add(thought, closed, *(Note(f"n{n}") for n in range(30)))
        app.transcript.flush()
        await pilot.pause()
        assert app.finding.look(word, 0) == ""
        await pilot.pause()
        assert (closed.open, thought.open) == (True, None)
        assert app.at() == "hidden deep"
        assert word in app.lit()
        assert app.finding.look(word, -1) == ""
        await pilot.pause()
        assert thought.open
        assert app.at() == "hidden and deep"
        assert word in app.lit()
        assert app.transcript.marked is thought


async def test_a_call_whose_title_tells_it_stays_closed() -> None:
    app = Screen()
    async with app.run_test(size=(60, 20)) as pilot:
        closed = doing("cat needle.py", "needle")
        app.transcript.add(closed)
        app.transcript.flush()
        await pilot.pause()
        assert app.finding.look("needle", 0) == ""
        assert closed.open is None
        assert app.at().startswith("● bash cat needle.py")


async def test_words_across_the_end_of_a_row_are_found_and_lit() -> None:
    app = Screen()
    async with app.run_test(size=(25, 10)) as pilot:
        app.transcript.add(Answer(1, "one two three four five six seven"), Note("x" * 40))
        app.transcript.flush()
        await pilot.pause()
        rows = [row.text for row in app.transcript.rows(app.transcript.blocks[0])]
        first, second = rows[1].split()[-1], rows[2].split()[0]
        assert app.finding.look(f"{first} {second}", 0) == ""
        assert app.at() == rows[1]
        assert app.lit() == [first, second]
        assert app.finding.look("x" * 35, 0) == ""
        assert "".join(app.lit()) == "x" * 35


def test_places_of_the_words_in_a_row() -> None:
    rows = lay([Line((Span("ab ab  abab"),), (Span("> "),), (Span("  "),))], 8)
    assert [row.text for row in rows] == ["ab ab", "abab"]
    assert found(rows, 0, "ab") == [(2, 4), (5, 7)]
    assert found(rows, 1, "ab") == [(2, 4), (4, 6)]
    assert found(rows, 0, "ab  ab") == [(5, 11)]
    assert found(rows, 1, "ab  ab") == [(-1, 4)]
    assert found(rows, 0, ">") == []
