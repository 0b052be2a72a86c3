"""The transcript on a screen: where it stays, what it lays out, what is marked, selected and copied, who is let in."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from minicode import show as shown
from minicode.messages import Call, ToolResult
from minicode.tui.blocks import Block, Look, Note, Said, Thought
from minicode.tui.doings import Answer, Doing
from minicode.tui.rows import Line, Row, Span
from minicode.tui.sidepane import Paper, SidePane
from minicode.tui.themes import own, palette_of
from minicode.tui.transcript import Transcript

Driver = Pilot[None]
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\u200b]")
EVIL = (
    "[@click=app.quit]x[/] [/foo] [bold red]y \x1b[31mred\x1b]0;title\x07 \x1b]8;;http://a.example\x1b\\l \x9b2J"
    " \u202egnp.exe \u2066 nul\x00 bell\x07 \ud800 \u200b\r back\x08\x7f tab\tend"
)


class Screen(App[None]):
    """A transcript and the pane beside it."""

    CSS = "Screen { layout: horizontal; } Transcript { height: 1fr; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        for theme in own():
            self.register_theme(theme)
        self.theme = own()[0].name

    def compose(self) -> ComposeResult:
        self.transcript = Transcript(palette_of(self))
        self.pane = SidePane(self.transcript)
        self.paper = Paper(self.transcript, self.pane)
        yield self.transcript
        yield self.pane

    def lines(self) -> list[str]:
        height = self.transcript.scrollable_content_region.height
        return [self.transcript.render_line(y).text.rstrip(" ") for y in range(height)]

    def seen(self) -> list[str]:
        """Without the margin."""
        return [line[1:] for line in self.lines()]


class Tower(Block):
    """Numbered rows; it guesses another height."""

    def __init__(self, name: str, high: int, guessed: int = 3) -> None:
        super().__init__(gap=0)
        self.name, self.high, self.guessed = name, high, guessed
        self.laid = 0

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        self.laid += 1
        return [Line((Span(f"{self.name}.{number}"),)) for number in range(self.high)]

    def guess(self, width: int, look: Look) -> int:
        return self.guessed

    def words(self) -> str:
        return self.name


async def settle(pilot: Driver) -> None:
    app = pilot.app
    assert isinstance(app, Screen)
    app.transcript.flush()
    await pilot.pause()


def screen(pilot: Driver) -> Screen:
    assert isinstance(pilot.app, Screen)
    return pilot.app


async def test_it_follows_its_end_and_stays_where_its_reader_is() -> None:
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        answer = Answer(1, running=True)
        app.transcript.add(*(Tower(f"t{n}", 5) for n in range(20)), answer)
        await settle(pilot)
        for number in range(30):
            answer.append(f"line {number}\n\n")
            app.transcript.touch(answer)
            await settle(pilot)
            assert f"line {number}" in app.seen()[-2:]
        app.transcript.scroll_to(y=40, animate=False)
        await settle(pilot)
        before = app.seen()
        assert not app.transcript.following
        answer.append("more\n\n" * 30)
        app.transcript.touch(answer)
        app.transcript.add(Note("late"))
        await settle(pilot)
        assert app.seen() == before
        app.transcript.focus()
        await pilot.press("G")
        assert app.transcript.following
        assert app.seen()[-1].strip() == "late"
        app.transcript.add(Note("later"))
        await settle(pilot)
        assert app.seen()[-1].strip() == "later"


@pytest.mark.parametrize("by", ["wheel", "page", "line"])
async def test_all_is_passed_on_the_way_up_however_wrong_its_height_was_guessed(by: str) -> None:
    """What is below the top of the screen does not move, so that nothing is jumped over."""
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        towers = 40 if by == "page" else 12  # with steps so small each height comes to be seen sooner
        app.transcript.add(*(Tower(f"t{n}", 1 + n * 7 % 31, guessed=n * 5 % 23) for n in range(towers)))
        await settle(pilot)
        wanted = [f"t{n}.{row}" for n in range(towers) for row in range(1 + n * 7 % 31)]
        lowest = len(wanted) - 10
        while app.transcript.scroll_offset.y:
            match by:
                case "wheel":
                    app.transcript.scroll_relative(y=-3, animate=False)
                case "page":
                    app.transcript.scroll_page_up(animate=False)
                case _:
                    app.transcript.scroll_relative(y=-1, animate=False)
            await pilot.pause()
            seen = app.seen()
            at = wanted.index(seen[0])
            assert wanted[at : at + 10] == seen
            assert lowest - 10 <= at < lowest
            lowest = at
        assert lowest == 0


async def test_what_changes_above_does_not_move_what_is_read() -> None:
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        towers = [Tower(f"t{n}", 8) for n in range(20)]
        app.transcript.add(*towers)
        await settle(pilot)
        app.transcript.show_block(towers[12])
        await settle(pilot)
        before = app.seen()
        assert "t12.0" in before
        for number, high in ((3, 30), (11, 8), (5, 1), (19, 50)):
            towers[number].high = high
            app.transcript.touch(towers[number])
        await settle(pilot)
        assert app.seen() == before


async def test_two_changes_that_outweigh_each_other_are_seen() -> None:
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        towers = [Tower("a", 3), Tower("b", 3), Tower("c", 2)]
        app.transcript.add(*towers)
        await settle(pilot)
        towers[0].high, towers[2].high = 2, 3
        app.transcript.touch(towers[0])
        app.transcript.touch(towers[2])
        await settle(pilot)
        svg = app.export_screenshot()
        assert re.findall(r"[abc]\.\d", svg) == ["a.0", "a.1", "b.0", "b.1", "b.2", "c.0", "c.1", "c.2"]


async def test_it_follows_again_when_what_was_opened_is_folded() -> None:
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        thought = Thought(1, "\n".join(f"line {n}" for n in range(40)))
        app.transcript.add(thought)
        await settle(pilot)
        app.transcript.toggle(thought)
        await pilot.pause()
        assert "line 0" in app.seen()[2]
        assert not app.transcript.following
        app.transcript.toggle(thought)
        await pilot.pause()
        assert app.transcript.following
        app.transcript.add(*(Note(f"n{n}") for n in range(30)))
        await settle(pilot)
        assert app.seen()[-1].strip() == "n29"


async def test_a_stream_survives_every_size() -> None:
    async with Screen().run_test(size=(200, 50)) as pilot:
        app = screen(pilot)
        app.transcript.add(*(Said(f"question {n} " + "word " * 60) for n in range(30)))
        answer, thought = Answer(1, running=True), Thought(1, running=True)
        app.transcript.add(thought, answer)
        for step, size in enumerate([(200, 50), (20, 5), (1, 1), (3, 2), (200, 50), (20, 5), (200, 50)]):
            await pilot.resize_terminal(*size)
            thought.append(f"thinking of {step} " + "deeply " * 20)
            answer.append(f"said {step} " + "loudly " * 20 + "\n\n")
            app.transcript.touch(thought)
            app.transcript.touch(answer)
            await settle(pilot)
            assert app.transcript.following
            if size[0] > 1:  # else the scrollbar has it all
                assert app.transcript.scroll_offset.y == max(app.transcript.pile.total - size[1], 0)
        for step in range(7):
            assert f"said {step}" in answer.words()
            assert any(f"said {step}" in row.text for row in app.transcript.rows(answer))
        assert (
            answer.words().count("loudly")
            == 140
            == "".join(r.text + " " for r in app.transcript.rows(answer)).count("loudly")
        )


async def test_resizing_keeps_what_is_at_the_top() -> None:
    async with Screen().run_test(size=(200, 50)) as pilot:
        app = screen(pilot)
        saids = [Said(f"question {n} " + "word " * 100) for n in range(200)]
        app.transcript.add(*saids)
        await settle(pilot)
        app.transcript.show_block(saids[77])
        await settle(pilot)
        top = app.transcript.block_at(0)
        for size in ((20, 5), (200, 50), (60, 20), (200, 50)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert app.transcript.block_at(0) is top
            app.transcript.add(Note("meanwhile"))
        app.transcript.set_look(Look(thinking="full"))
        await settle(pilot)
        assert app.transcript.block_at(0) is top


async def test_of_ten_thousand_blocks_only_what_is_seen_is_laid_out() -> None:
    async with Screen().run_test(size=(80, 24)) as pilot:
        app = screen(pilot)
        towers = [Tower(f"t{n}", 4, guessed=3) for n in range(10_000)]
        app.transcript.add(*towers)
        await settle(pilot)
        assert sum(tower.laid for tower in towers) <= 30
        app.transcript.scroll_to(y=15_000, animate=False)
        await settle(pilot)
        assert sum(tower.laid for tower in towers) <= 80
        await pilot.resize_terminal(60, 24)
        await settle(pilot)
        assert sum(tower.laid for tower in towers) <= 120


async def test_what_is_shown_is_brought_into_view_wherever_it_was_guessed_to_be() -> None:
    async with Screen().run_test(size=(40, 12)) as pilot:
        app = screen(pilot)
        towers = [Tower(f"t{n}", 1 + n * 7 % 31, guessed=n * 5 % 23) for n in range(300)]
        app.transcript.add(*towers)
        await settle(pilot)
        for number in (150, 20, 299, 0, 75, 76, 200):
            app.transcript.show_block(towers[number], towers[number].high - 1)
            await settle(pilot)
            assert f"t{number}.{towers[number].high - 1}" in app.seen()


# Marks and toggles


def step_of(number: int, name: str = "read") -> tuple[Thought, Doing]:
    call = Call(f"c{number}", name, {"path": f"file{number}.py"})
    thought, doing = Thought(number, f"thinking {number}\n" + "more\n" * 9), Doing(number, name, call)
    doing.gap = 0
    doing.done(ToolResult(call.id, name, f"result {number}"), (shown.Output(f"out {number}"),), 0.2)
    return thought, doing


def barred(app: Screen) -> list[str]:
    return [line for line in app.lines() if line.startswith("▎")]


@pytest.mark.parametrize("thinking", ["folded", "full"])
async def test_a_thought_marks_the_call_it_led_to_and_the_reverse(thinking: str) -> None:
    async with Screen().run_test(size=(60, 40)) as pilot:
        app = screen(pilot)
        app.transcript.set_look(Look(thinking=thinking))
        steps = [step_of(1), step_of(2)]
        app.transcript.add(*(block for step in steps for block in step))
        await settle(pilot)
        for one in steps[0]:
            app.transcript.mark(one)
            await pilot.pause()
            marked = "\n".join(barred(app))
            assert "file1.py" in marked
            assert "thought" in marked
            assert "file2.py" not in marked
        app.transcript.mark(None)
        assert barred(app) == []


async def test_a_click_on_a_head_opens_and_folds_and_elsewhere_only_marks() -> None:
    async with Screen().run_test(size=(60, 30)) as pilot:
        app = screen(pilot)
        thought, doing = step_of(1)
        app.transcript.add(thought, doing)
        await settle(pilot)
        head = next(y for y, line in enumerate(app.seen()) if "thought" in line)
        await pilot.click(Transcript, offset=(4, head))
        await settle(pilot)
        assert app.transcript.marked is thought
        assert any("thinking 1" in line for line in app.seen())
        body = next(y for y, line in enumerate(app.seen()) if "thinking 1" in line)
        await pilot.click(Transcript, offset=(4, body))
        await settle(pilot)
        assert thought.open
        await pilot.click(Transcript, offset=(4, 0))
        await settle(pilot)
        assert thought.open
        await pilot.click(Transcript, offset=(4, head))
        await settle(pilot)
        assert not thought.open


async def test_keys_mark_open_and_copy() -> None:
    async with Screen().run_test(size=(60, 20)) as pilot:
        app = screen(pilot)
        blocks = [*step_of(1), Note("a remark"), *step_of(2)]
        app.transcript.add(*blocks)
        await settle(pilot)
        app.transcript.focus()
        seen = []
        for _ in range(4):
            app.transcript.marked_next(-1)
            seen.append(app.transcript.marked)
        assert seen == [blocks[4], blocks[3], blocks[1], blocks[0]]
        app.transcript.marked_next(-1)
        assert app.transcript.marked is blocks[0]
        await pilot.press("enter")
        await settle(pilot)
        assert any("thinking 1" in line for line in app.seen())
        await pilot.press("y")
        assert app.clipboard.startswith("thinking 1\nmore\n")


async def test_the_pane_shows_the_thoughts_whole_and_marks_go_both_ways() -> None:
    async with Screen().run_test(size=(120, 30)) as pilot:
        app = screen(pilot)
        first, second = step_of(1), step_of(2)
        app.paper.add(Said("old"), *first, Said("new"), second[0])
        app.pane.toggle()
        chain = app.query_one("#chain", Transcript)
        app.paper.add(second[1])
        second[0].open = False
        chain.flush()
        await settle(pilot)
        lines = [chain.render_line(y).text.strip() for y in range(20)]
        assert "thinking 2" in lines
        assert "→ read file2.py" in lines
        assert not any("1" in line and "thinking" in line for line in lines)
        app.pane.mark(second[1])
        await pilot.pause()
        assert chain.marked is chain.blocks[1]
        chain.mark(chain.blocks[0])
        await pilot.pause()
        assert app.transcript.marked is second[0]
        app.paper.add(Said("newest"))
        assert chain.blocks == []


async def test_the_pane_shows_nothing_that_commands_the_terminal() -> None:
    async with Screen().run_test(size=(120, 30)) as pilot:
        app = screen(pilot)
        app.pane.toggle()
        app.paper.add(Doing(1, f"{EVIL}\n{EVIL}", Call("c", EVIL, {"a": EVIL})))
        chain = app.query_one("#chain", Transcript)
        chain.flush()
        await settle(pilot)
        assert not any(CONTROL.search(chain.render_line(y).text) for y in range(20))


# Selection


async def drag(pilot: Driver, start: tuple[int, int], end: tuple[int, int]) -> str:
    await pilot.mouse_down(Transcript, offset=start)
    await pilot.hover(Transcript, offset=end)
    await pilot.mouse_up(Transcript, offset=end)
    await pilot.pause()
    return pilot.app.screen.get_selected_text() or ""


async def test_what_is_dragged_over_is_the_text_as_it_was_written() -> None:
    async with Screen().run_test(size=(40, 30)) as pilot:
        app = screen(pilot)
        said = "a question that is so long that it goes on in another row"
        app.transcript.add(Said(said), Answer(1, "- first\n- second\n\n```python\nx = 1\n```\n漢字 end"))
        await settle(pilot)
        lines = app.seen()
        last = next(y for y, line in enumerate(lines) if "end" in line)
        assert "❯" in lines[1]
        text = await drag(pilot, (0, 1), (10, last))
        assert text.startswith(said + "\n")
        assert "- first\n- second\n" in text
        assert "\nx = 1\n" in text
        assert text.endswith("漢字 end")
        assert "❯" not in text
        assert await drag(pilot, (1, last), (3, last)) == "漢字"
        assert await drag(pilot, (7, 1), (3, 1)) == "a que"


async def test_a_selection_stays_on_its_text_when_it_is_scrolled_and_goes_over_what_is_out_of_view() -> None:
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        app.transcript.add(*(Tower(f"t{n}", 6, guessed=2) for n in range(60)))
        await settle(pilot)
        await pilot.mouse_down(Transcript, offset=(6, 9))
        app.transcript.scroll_to(y=app.transcript.scroll_offset.y - 30, animate=False)
        await pilot.pause()
        await pilot.hover(Transcript, offset=(0, 4))
        await pilot.mouse_up(Transcript, offset=(0, 4))
        top = app.seen()[4]
        text = app.screen.get_selected_text() or ""
        lines = text.split("\n")
        assert lines[0] == top
        assert lines[-1] == "t59.5"
        wanted = [f"t{n}.{row}" for n in range(60) for row in range(6)]
        assert lines == wanted[wanted.index(top) : wanted.index(top) + len(lines)]
        before = app.seen()
        app.transcript.add(Note("new"))
        await settle(pilot)
        assert app.seen() == before
        assert app.screen.get_selected_text() == text


async def test_to_copy_all_moves_nothing() -> None:
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        app.transcript.add(*(Tower(f"t{n}", 6, guessed=2) for n in range(60)))
        await settle(pilot)
        app.transcript.scroll_to(y=60, animate=False)
        await settle(pilot)
        before = app.seen(), app.transcript.scroll_offset
        app.transcript.text_select_all()
        text = app.screen.get_selected_text() or ""
        assert text.split("\n") == [f"t{n}.{row}" for n in range(60) for row in range(6)]
        await settle(pilot)
        assert (app.seen(), app.transcript.scroll_offset) == before


# What comes from outside


async def test_a_selection_ends_with_what_was_selected() -> None:
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        app.paper.add(Said("one"), Said("two"))
        await settle(pilot)
        assert await drag(pilot, (1, 1), (5, 3))
        app.transcript.clear()
        app.paper.add(Said("three"), Said("four"))
        await settle(pilot)
        assert not app.screen.get_selected_text()


async def test_a_row_is_painted_again_only_when_it_says_something_else() -> None:
    """What stands above the end of a paragraph that is being written stays as it was painted."""
    async with Screen().run_test(size=(40, 12)) as pilot:
        app = screen(pilot)
        answer = Answer(1, "word " * 40, running=True)
        app.paper.add(answer)
        await settle(pilot)
        before = [app.transcript.render_line(y) for y in range(1, 4)]
        answer.append("and more " * 3)
        app.paper.touch(answer)
        await settle(pilot)
        assert all(app.transcript.render_line(y) is strip for y, strip in enumerate(before, 1))
        assert "and more" in "\n".join(app.seen())
        app.transcript.mark(answer)
        assert app.transcript.render_line(1) is not before[0]


async def test_the_thumb_follows_all_the_way() -> None:
    """It is drawn only when it looks different, and is never behind."""
    async with Screen().run_test(size=(40, 10)) as pilot:
        app = screen(pilot)
        for number in range(60):
            app.paper.add(Note(f"line {number}"))
            app.transcript.flush()
        await settle(pilot)
        bar = app.transcript.vertical_scrollbar
        assert (bar.window_virtual_size, bar.position) == (app.transcript.pile.total, app.transcript.scroll_offset.y)
        drawn = [strip.text for strip in bar.render_lines(bar.size.region)]
        bar.refresh()
        assert drawn == [strip.text for strip in bar.render_lines(bar.size.region)]


def hostile() -> list[Block]:
    call = Call(
        "c", f"bash {EVIL}\nrm", {f"command {EVIL}\n": EVIL, "list": [EVIL], "long" * 1000: "short"}, repairs=(EVIL,)
    )
    doing = Doing(2, call.name, call)
    doing.alarms.append(EVIL + "\n" + EVIL)
    doing.reason = EVIL + "\n" + EVIL
    doing.open = True
    blocks = (
        shown.Line(EVIL),
        shown.Output(EVIL + "\n" + EVIL),
        shown.Diff(EVIL + "\n", f"--- a\n+++ b\n@@ -1 +1 @@\n-{EVIL}\n+{EVIL}x\n"),
        shown.Tests(1, 1, 0, ((f"a.py::{EVIL}", EVIL),)),
        shown.Todos(((EVIL, "pending"),)),
    )
    doing.done(ToolResult("c", call.name, EVIL), blocks, 1.0)
    live = Doing(3, EVIL)
    live.forming(EVIL)
    live.say(EVIL)
    return [doing, live]


async def test_nothing_from_outside_commands_the_terminal_or_the_program() -> None:
    """Words of the user's and the model's are cleaned by the story; the blocks themselves clean what tools say."""
    async with Screen().run_test(size=(60, 60)) as pilot:
        app = screen(pilot)
        for width in (200, 20, 4):
            await pilot.resize_terminal(width, 60)
            app.transcript.clear()
            app.transcript.add(*hostile())
            await settle(pilot)
            for number in range(len(app.transcript.blocks)):
                for row in app.transcript.pile.rows(number):
                    assert not CONTROL.search("".join(span.text for span in row.spans)), row
            for y in range(60):
                strip = app.transcript.render_line(y)
                assert strip.cell_length == sum(segment.cell_length for segment in strip)
                assert strip.cell_length == app.transcript.scrollable_content_region.width
            if width == 200:
                text = "\n".join(app.seen())
                assert "[@click=app.quit]x[/] [/foo] [bold red]y" in text
                assert "<U+202E>" in text
                for y in range(0, 60, 9):
                    await pilot.click(Transcript, offset=(4 + y, y))
                assert app.is_running
                assert app.return_code is None


async def test_what_has_no_end_is_bounded() -> None:
    async with Screen().run_test(size=(80, 24)) as pilot:
        app = screen(pilot)
        line, output = "x" * 1_000_000, "a line of some output\n" * 900_000
        blocks: list[Block] = [Answer(1, line), Thought(1, "y" * 200_000, running=True)]
        for name, text in (("line", line), ("output", output)):
            doing = Doing(1, name, Call(name, "bash", {"command": line}))
            doing.say(text)
            blocks.append(doing)
            done = Doing(1, name, Call(name, "bash", {"command": line}))
            done.done(ToolResult(name, name, text), (shown.Output(text),), 1.0)
            done.open = True
            blocks.append(done)
        app.transcript.set_look(Look(thinking="full", opened=True))
        app.transcript.add(*blocks)
        await settle(pilot)
        heights = [len(app.transcript.pile.peek(block.number)) for block in blocks]
        assert 12_500 <= heights[0] < 14_000
        assert 200_000 / 78 <= heights[1] < 2_800
        assert max(heights[2:]) < 3_000
        assert app.transcript.pile.total > 10_000


@pytest.mark.parametrize("newline", ["", "\n"])
def test_a_thought_without_line_ends_is_whole_however_it_came(newline: str) -> None:
    text = "".join(f"word{n} " for n in range(30_000)) + newline
    whole, streamed = Thought(1, text), Thought(1, running=True)
    for at in range(0, len(text), 700):
        streamed.append(text[at : at + 700])
        streamed.rows(80, Look("full"))
    streamed.finish()
    look = Look("full")
    body = [row for row in whole.rows(80, look) if row.gutter]
    assert [row for row in streamed.rows(80, look) if row.gutter] == body
    assert " ".join(row.text for row in body).split() == text.split()


def test_a_running_thought_is_laid_out_for_two_widths_at_no_more_cost() -> None:
    """In the transcript and in the pane: each keeps what it has."""
    thought = Thought(1, running=True)
    look = Look("full")
    kept: dict[int, Row] = {}
    for number in range(50):
        thought.append(f"line {number}\n")
        for width in (80, 40):
            rows = thought.rows(width, look)
            assert kept.setdefault(width, rows[2]) is rows[2]
    assert len(thought.rows(80, look)) == 52


def test_words_stand_for_signs() -> None:
    look = Look(signs=False)
    thought, doing = step_of(1)
    for block in (thought, doing, Said("hello")):
        for row in block.rows(60, look):
            assert "".join(span.text for span in row.spans).isascii()


def test_every_block_is_as_high_as_it_guesses_at_least_when_that_is_easy() -> None:
    for block in (Said("one\ntwo"), Note("one"), Answer(1, "one"), *step_of(1)):
        assert block.guess(80, Look()) == len(block.rows(80, Look())) or isinstance(block, Answer | Said)
        for width in range(1, 12):
            assert all(
                sum(cell_len(s.text) for s in row.spans)
                for row in block.rows(width, Look("full", opened=True))
                if row.spans
            )
