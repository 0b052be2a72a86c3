"""The panel that asks: all of the call can be read, nothing but a meant key answers, and no is the default."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Static

from minicode.events import Answer, Asked
from minicode.lab.rehearsal import Do, Say, Think, steps
from minicode.messages import Call
from minicode.show import Diff, Line, Show
from minicode.tui.approval import Approval
from minicode.tui.asking import MOST_LINES, is_change, told
from minicode.tui.calm import CALM, SEEN
from minicode.tui.rows import lay
from minicode.tui.themes import palette_of
from minicode.workspace.foreseen import foresee

RULE = "bash(git push:*)"


class Clock:
    """Stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Face(App[None]):
    CSS = "Screen { overflow: hidden; } #transcript { height: 1fr; } #prompt, #status { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.answers: list[tuple[str, Answer]] = []
        self.typed = ""

    def compose(self) -> ComposeResult:
        yield Static("transcript", id="transcript")
        yield Approval(palette_of(self), alone=0, clock=self.clock)
        yield Static("prompt", id="prompt")
        yield Static("status", id="status")

    def on_approval_answered(self, message: Approval.Answered) -> None:
        self.answers.append((message.call_id, message.answer))

    def on_panel_typed(self, message: Approval.Typed) -> None:
        self.typed += message.text

    @property
    def panel(self) -> Approval:
        return self.query_one(Approval)

    def shown(self) -> list[str]:
        """The rows of the panel."""
        region = self.panel.content_region
        lines = [self.panel.render_line(y).text for y in range(region.height)]
        return [line.rstrip() for line in lines]


def bash(command: str = "git push", wants: str = "", always: str = RULE, id: str = "c1") -> Asked:
    return Asked(Call(id, "bash", {"command": command}), "It leaves the folder.", wants, always)


@asynccontextmanager
async def asking(*asked: Asked, size: tuple[int, int] = (100, 30)) -> AsyncIterator[tuple[Face, Pilot[None]]]:
    """Asked, on the screen, and long enough for a key to count."""
    app = Face()
    async with app.run_test(size=size) as pilot:
        for one in asked:
            app.panel.ask(one)
        await pilot.pause()
        app.clock.now += SEEN
        assert app.panel.ready
        yield app, pilot


async def click(app: Face, pilot: Pilot[None], words: str) -> None:
    row = next(n for n, line in enumerate(app.shown()) if words in line)
    region = app.panel.content_region
    assert await pilot.click(offset=(region.x + app.shown()[row].index(words), region.y + row))
    await pilot.pause()


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["enter"], Answer(False)),
        (["y"], Answer(True, "once")),
        (["s"], Answer(True, "session")),
        (["p"], Answer(True, "project")),
        (["down", "enter"], Answer(True, "once")),
        (["down", "down", "enter"], Answer(True, "session")),
        (["n", "enter"], Answer(False)),
        (["n", *"use y", "enter"], Answer(False, say="use y")),
        (["up", "enter", "n", "o", "enter"], Answer(False, say="no")),
        (["n", "x", "up", "up", "enter"], Answer(True, "project")),
    ],
)
async def test_keys_answer(keys: list[str], answer: Answer) -> None:
    async with asking(bash()) as (app, pilot):
        await pilot.press(*(key if key != " " else "space" for key in keys))
        await pilot.pause()
        assert app.answers == [("c1", answer)]
        assert not app.panel.display and app.panel.waiting == 0


@pytest.mark.parametrize("others", [[], [bash("rm -rf .", id="c2")]])
async def test_enter_twice_is_one_answer(others: list[Asked]) -> None:
    """Both are there before the line of words is gone."""
    async with asking(bash(), *others) as (app, pilot):
        await pilot.press("n", *"why")
        for _ in range(2):
            app.post_message(events.Key("enter", "\r"))
        await pilot.pause()
        assert app.answers == [("c1", Answer(False, say="why"))] and app.panel.waiting == len(others)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("Yes, once", Answer(True, "once")),
        ("Yes, for this session", Answer(True, "session")),
        ("Yes, for this project", Answer(True, "project")),
    ],
)
async def test_clicks_answer(words: str, answer: Answer) -> None:
    async with asking(bash()) as (app, pilot):
        await click(app, pilot, words)
        assert app.answers == [("c1", answer)]


async def test_a_click_on_no_with_words_asks_for_them() -> None:
    async with asking(bash()) as (app, pilot):
        await click(app, pilot, "No, and say")
        assert app.query_one(Input).has_focus and not app.answers
        await pilot.press("h", "i", "enter")
        assert app.answers == [("c1", Answer(False, say="hi"))]


async def test_a_click_beside_the_choices_is_no_answer() -> None:
    async with asking(bash()) as (app, pilot):
        await click(app, pilot, "It leaves")
        await click(app, pilot, "the rule")
        assert not app.answers


async def test_what_can_be_given_only_once_is_offered_only_once() -> None:
    async with asking(bash(always="")) as (app, pilot):
        assert not any("session" in line or "project" in line for line in app.shown())
        await pilot.press("s", "p")
        assert not app.answers
        await pilot.press("y")
        assert app.answers == [("c1", Answer(True, "once"))]


async def test_escape_is_left_to_the_app() -> None:
    async with asking(bash()) as (app, pilot):
        await pilot.press("escape")
        assert not app.answers and app.panel.waiting == 1


async def test_what_was_typed_ahead_is_no_answer_and_not_lost() -> None:
    app = Face()
    async with app.run_test() as pilot:
        app.panel.ask(bash())
        await pilot.pause()
        await pilot.press("y", "e", "s", "enter")
        assert not app.answers and app.typed == "yes"
        assert any("wait…" in line for line in app.shown())
        app.clock.now += SEEN - 0.01
        await pilot.press("y")
        assert not app.answers and app.typed == "yesy"
        app.clock.now += CALM - 0.01  # seen long enough, but the last key was just now
        await pilot.press("y")
        assert not app.answers
        app.clock.now += CALM + 0.01
        async with asyncio.timeout(10):
            while any("wait…" in line for line in app.shown()):
                await pilot.pause()
        await pilot.press("y")
        assert app.answers == [("c1", Answer(True, "once"))]


async def test_a_word_is_no_answer() -> None:
    app = Face()
    async with app.run_test() as pilot:
        app.panel._alone = 60.0  # as long as nothing else comes
        app.panel.ask(bash())
        await pilot.pause()
        app.clock.now += SEEN
        await pilot.press("s", "o", "r", "r", "y", "enter")
        app.clock.now += CALM + 0.01
        await pilot.press("w", "o", "r", "d", "s", "enter")
        assert not app.answers and app.typed == "sorrywords"
        app.clock.now += CALM + 0.01
        await pilot.press("y")
        assert not app.answers
        await pilot.press("enter")
        assert app.answers == [("c1", Answer(True, "once"))]


async def test_a_letter_alone_is_an_answer() -> None:
    app = Face()
    async with app.run_test() as pilot:
        app.panel._alone = 0.001
        app.panel.ask(bash())
        await pilot.pause()
        app.clock.now += SEEN
        await pilot.press("y")
        async with asyncio.timeout(10):
            while not app.answers:
                await pilot.pause()
        assert app.answers == [("c1", Answer(True, "once"))]


async def test_a_click_ahead_is_no_answer() -> None:
    app = Face()
    async with app.run_test(size=(100, 30)) as pilot:
        app.panel.ask(bash())
        await pilot.pause()
        await click(app, pilot, "Yes, once")
        assert not app.answers
        app.clock.now += SEEN
        await click(app, pilot, "Yes, once")
        assert app.answers


async def test_the_second_question_is_not_answered_by_the_key_of_the_first() -> None:
    async with asking(bash(), bash("rm -rf /", id="c2"), bash("ls", id="c3")) as (app, pilot):
        assert "1 of 3" in app.shown()[0]
        await pilot.press("y", "y", "y")
        assert app.answers == [("c1", Answer(True, "once"))]
        assert "2 of 3" in app.shown()[0] and "rm -rf /" in "".join(app.shown())
        app.clock.now += SEEN + CALM
        await pilot.press("enter")
        assert app.answers[1:] == [("c2", Answer(False))]


async def test_what_is_settled_elsewhere_is_asked_no_more() -> None:
    async with asking(bash(), bash("ls", id="c2"), bash("pwd", id="c3")) as (app, pilot):
        app.panel.forget("c2")
        assert app.panel.waiting == 2
        app.panel.forget("c1")
        await pilot.pause()
        assert "pwd" in "".join(app.shown()) and not app.panel.ready
        app.panel.forget()
        await pilot.pause()
        assert not app.panel.display and not app.answers


async def test_a_paste_is_no_answer() -> None:
    from textual import events

    async with asking(bash()) as (app, pilot):
        app.panel.post_message(events.Paste("y\n"))
        await pilot.pause()
        assert not app.answers and app.typed == "y\n"


@pytest.mark.parametrize("size", [(100, 30), (40, 12), (20, 5)])
async def test_hostile_words_are_shown_and_do_nothing(size: tuple[int, int]) -> None:
    evil = "[@click=app.quit]x[/]\x1b[2J\x07\u202e\x9b1m"
    asked = Asked(Call("c1", evil, {evil: evil}), "why", "network", evil)
    async with asking(asked, size=size) as (app, pilot):
        seen: list[str] = []
        while seen[-1:] != [rows := "\n".join(app.shown())]:
            seen.append(rows)
            await pilot.press("space")
            await pilot.pause()
        text = "".join(seen)
        assert not set("\x1b\x9b\x07\u202e") & set(text)
        assert "@click" in text and "␛" in text
        for y, line in enumerate(app.shown()):
            if "click" in line:
                await pilot.click(offset=(5, app.panel.content_region.y + y))
        assert app.is_running


@pytest.mark.parametrize("size", [(100, 30), (40, 12), (20, 5)])
async def test_the_choices_are_always_seen(size: tuple[int, int]) -> None:
    async with asking(bash("echo a\n" * 200), size=size) as (app, pilot):
        text = "\n".join(app.shown())
        assert all(word in text.lower() for word in ("no", "yes", "session", "project", "say"))
        assert app.panel.region.bottom <= size[1] and "▾" in text
        if size[1] < 20:
            await click(app, pilot, "Project")
            assert app.answers == [("c1", Answer(True, "project"))]


async def test_it_follows_the_size_of_the_terminal() -> None:
    async with asking(bash("echo a\n" * 200)) as (app, pilot):
        for size in ((20, 5), (200, 50), (1, 1), (40, 12), (100, 30)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "Yes, for this project" in "\n".join(app.shown())


async def test_all_of_a_long_command_can_be_read() -> None:
    command = "\n".join(f"echo line{n}" for n in range(100))
    async with asking(bash(command)) as (app, pilot):
        text = ""
        while "(space)" in (page := "\n".join(app.shown())):
            text += page
            await pilot.press("space")
            await pilot.pause()
        text += page
        assert all(f"echo line{n}\n" in text for n in range(100))
        assert "more row" in text and "the end" in page
        await pilot.press("b")
        assert "(space)" in "\n".join(app.shown())


async def test_the_wheel_scrolls_what_is_asked() -> None:
    async with asking(bash("\n".join(f"line{n}" for n in range(100)))) as (app, pilot):
        assert "line0" in "\n".join(app.shown())
        await pilot._post_mouse_events([_wheel()], app.panel, offset=(5, 3))
        await pilot.pause()
        assert "line0" not in "\n".join(app.shown()) and "line3" in "\n".join(app.shown())


def _wheel() -> Any:
    from textual import events

    return events.MouseScrollDown


async def test_a_megabyte_does_not_stop_the_panel() -> None:
    async with asking(bash("echo " + "\t\u202e" * 500_000 + "END")) as (app, pilot):
        assert "over " in "\n".join(app.shown())  # it is laid out while the user reads
        await pilot.press("y")
        assert app.answers == [("c1", Answer(True, "once"))]


async def test_the_user_s_own_key_is_shown_and_works() -> None:
    app = Face()
    async with app.run_test(size=(100, 30)) as pilot:
        app.set_keymap({"allow-once": "a"})
        app.panel.ask(bash())
        await pilot.pause()
        app.clock.now += SEEN
        await pilot.press("y")
        assert not app.answers
        app.clock.now += CALM + 0.01  # it was no answer, so it may be the beginning of a word
        app.panel.refresh()
        assert any(line.split() == ["a", "Yes,", "once"] for line in app.shown())
        await pilot.press("a")
        assert app.answers


# What is told of a call.


def text_of(asked: Asked, width: int = 100, **how: bool) -> str:
    rows = lay(told(asked, **how), width)
    return "\n".join("".join(span.text for span in row.spans) for row in rows)


def test_what_could_hide_something_is_made_visible() -> None:
    text = text_of(bash("ls" + " " * 300 + "; rm x \t\n\n\n\n\n\n\n\n\nend\u200b \r"))
    assert "ls<␣×300>; rm x ␉" in text and "<8 empty lines>" in text and "end<U+200B> ␍" in text


def test_a_wrapped_row_does_not_look_like_a_new_command() -> None:
    wrapped = text_of(bash("echo aaaaaaaa rm"), 14).split("\n")
    lines = text_of(bash("echo aaaaaaaa\nrm"), 14).split("\n")
    assert wrapped[-2:] == ["│ echo aaaaaaaa"[:14], "╎ rm"] or wrapped[-1].startswith("╎ ")
    assert lines[-1] == "│ rm"


def test_nothing_of_a_long_line_is_left_out() -> None:
    command = "".join(f"{n}," for n in range(20_000))
    rows = lay(told(bash(command)), 80)[1:]
    assert "".join(row.text for row in rows) == command


def test_what_is_too_long_to_be_judged_says_so() -> None:
    lines = [line.spans[0].text for line in told(bash("x\n" * 21_000 + "END"))]
    assert any("NOT SHOWN: 2,003 characters" in line for line in lines) and lines[-1] == "END"
    assert len(lines) == MOST_LINES + 2  # the reason, and that


def changing(*show: Show, **arguments: Any) -> Asked:
    return Asked(Call("1", "edit", arguments), "why", show=show)


def test_a_change_is_a_diff_for_each_file_and_the_call_can_be_had() -> None:
    more = Line("old_string is found only ignoring blanks\u202e")
    diffs = foresee("a.py", "a.py", "x = 1\n", "x = 2\n"), foresee("", "b \n.py", "", "new\n")
    asked = changing(more, *diffs, foresee("c", "", "old", ""), foresee("d", "e", "", ""), file_path="a.py", n=[1])
    assert text_of(asked).split("\n") == [
        *("why", "old_string is found only ignoring blanks<U+202E>", "4 files would change:"),
        *("a.py", "1 - x = 1", "1 + x = 2"),
        *("b ␊.py", "(the file is new)", "1 + new"),
        *("c", "(the file is deleted)", "1 - old", "(no newline at the end of the file)"),
        *("e", "rename from d", "rename to e"),
    ]
    raw = text_of(asked, raw=True)
    assert raw.endswith("file_path: a.py\nn: [1]") and "x = 2" not in raw


def test_what_could_hide_something_in_a_change_is_made_visible() -> None:
    old, new = "if a:\n    b()\n", "if a:\n    b()  \n\tc(\u202e)\n\xa0   d\n" + " " * 90 + "e\x1b[8m\n"
    rows = text_of(changing(foresee("a.py", "a.py", old, new))).split("\n")[2:]
    assert rows == [
        *("1   if a:", "2 -     b()", "2 +     b()␣␣"),
        *("3 +     c(<U+202E>)", "4 + <U+00A0><␣×3>d", "5 + <␣×90>e␛[8m"),
    ]


def test_a_diff_that_is_none_commands_nothing() -> None:
    text = text_of(changing(Diff("\x1b[2J\r", "\u202e+x\n@@ -1 +1 @@\n-\x1b]0;t\x07\n\r\n+++ \u202e\n")))
    assert not {"\x1b", "\u202e", "\x07", "\r"} & set(text) and "<U+202E>+x" in text


@pytest.mark.parametrize("show", [(), (Line("As things are, it would fail."),), (Diff("a", "+" + "y" * 5_000),)])
def test_what_diffs_could_not_show_is_shown_as_it_is(show: tuple[Show, ...]) -> None:
    asked = changing(*show, file_path="a", old_string="x", new_string="y")
    assert not is_change(asked)
    text = text_of(asked)
    assert "old_string: x" in text and ("it would fail" in text) == any(isinstance(block, Line) for block in show)


def test_of_a_huge_change_so_much_is_drawn_as_anybody_reads() -> None:
    one = foresee("", "one", "", "".join(f"line {n}\n" for n in range(1_500)))
    two = foresee("", "two", "", "".join(f"line {n}\n" for n in range(200_000)))
    begin = time.process_time()
    text = text_of(changing(one, two, foresee("", "three", "", "x\n")))
    assert time.process_time() - begin < 2
    lines = text.split("\n")
    assert 2_000 <= len(lines) < 2_020 and "1500 + line 1499" in lines
    assert lines[-3:] == ["… 199,506 more lines of the diff", "three", "… 4 more lines of the diff"]


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        ("a", "", ["1 - a", "(no newline at the end of the file)"]),
        ("a\nb\n", "a\n", ["1   a", "2 - b"]),
        ("a", "a\n", ["1 - a", "(no newline at the end of the file)", "1 + a"]),
        ("a \n", "a\n", ["1 - a␣", "1 + a"]),
        ("a\n", "a\r\n", ["1 - a", "1 + a␍"]),
        ("a\r\n", "b\r\n", ["1 - a", "1 + b"]),
    ],
)
def test_the_smallest_changes_are_seen(old: str, new: str, rows: list[str]) -> None:
    shown = [line.rstrip() for line in text_of(changing(foresee("f.txt", "f.txt", old, new))).split("\n")[2:]]
    assert shown == rows


# In the program.


PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-x = 1\n+x = 2  \n*** Delete File: b.py\n*** End Patch"
EDIT = {"file_path": "a.py", "old_string": "x = 1", "new_string": "x = 2"}


async def test_a_patch_is_asked_for_as_diffs(drive: Any) -> None:
    reads = (Think("Look."), Do("read", {"file_path": "b.py"}))
    patches = (Think("Both."), Do("apply_patch", {"patch": PATCH}))
    files = {"a.py": "x = 1\n", "b.py": "y = 1\n"}
    async with drive(steps(reads, patches, Say("Done.")), files=files) as d:
        await d.say("do it")
        await d.asks()
        rows = [row.strip("▌ ") for row in d.text.split("\n")]
        assert {"1 - x = 1", "1 + x = 2␣␣", "(the file is deleted)", "1 - y = 1"} < set(rows)
        assert "*** Update File" not in d.main.approval.render_line(2).text
        await d.press("r")
        assert "│ *** Update File: a.py" in d.text and "the change (r)" in d.text
        await d.press("r", "y")
        await d.tells("Done.")
        assert (d.folder / "a.py").read_text() == "x = 2  \n" and not (d.folder / "b.py").exists()


async def test_what_would_fail_is_said_and_a_file_that_changes_meanwhile_is_not_lost(drive: Any) -> None:
    fails = (Think("So."), Do("edit", {**EDIT, "old_string": "nowhere"}))
    reads = (Think("Look."), Do("read", {"file_path": "a.py"}))
    async with drive(
        steps(fails, reads, (Think("So!"), Do("edit", EDIT)), Say("Done.")), files={"a.py": "x = 1\n"}
    ) as d:
        await d.say("do it")
        await d.asks()
        assert "As things are, it would fail: old_string is not in a.py" in d.text and "old_string: nowhere" in d.text
        await d.press("y")
        await d.until(lambda: len(d.entries("result")) == 2)
        await d.asks()
        assert "1 + x = 2" in d.text
        (d.folder / "a.py").write_text("x = 1\nby hand\n")
        await d.press("y")
        await d.tells("Done.")
        assert "a.py has changed since you read it" in d.entries("result")[-1]["text"]
        assert (d.folder / "a.py").read_text() == "x = 1\nby hand\n"
