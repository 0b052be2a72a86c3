"""The prompt, typed into: what is sent and how, new lines, pastes as chips, history, and the editor."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static

from minicode.tui.chips import CHARACTERS, LINES, ChipArea
from minicode.tui.editor import edit
from minicode.tui.history import MOST, History
from minicode.tui.prompt import Prompt

LONG = "".join(f"line {number}\n" for number in range(120))


class Desk(App[None]):
    """A transcript, a prompt, and a note of all that the prompt says. Esc is the app's before all, as in ours."""

    CSS = "#transcript { height: 1fr; }"
    BINDINGS: Sequence[BindingType] = [Binding("escape", "stop", priority=True)]

    def __init__(self, history: Path | None = None, draft: Path | None = None) -> None:
        super().__init__()
        self.prompt = Prompt(history=history, draft=draft)
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield Static("", id="transcript")
        yield self.prompt

    def on_mount(self) -> None:
        self.prompt.focus()

    def action_stop(self) -> None:
        self.heard.append(Message())

    @on(Prompt.Sent)
    @on(Prompt.Word)
    @on(Prompt.Shell)
    @on(Prompt.Help)
    @on(Prompt.Editor)
    @on(Prompt.Unkept)
    def hear(self, message: Message) -> None:
        self.heard.append(message)

    @property
    def said(self) -> list[tuple[object, ...]]:
        """What was heard, as plain values."""
        fields = ("text", "how", "line", "command", "private")
        return [(type(said).__name__, *(vars(said)[k] for k in fields if k in vars(said))) for said in self.heard]

    @property
    def area(self) -> ChipArea:
        return self.query_one(ChipArea)


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    while not condition():
        await pilot.pause()


async def write(pilot: Pilot[None], text: str) -> None:
    """At once: a key takes a tenth of a second here."""
    area = pilot.app.query_one(ChipArea)
    area.replace(text, *area.selection, maintain_selection_offset=False)
    await pilot.pause()


async def paste(pilot: Pilot[None], text: str) -> None:
    pilot.app.query_one(ChipArea).post_message(events.Paste(text))
    await pilot.pause()


async def key(pilot: Pilot[None], name: str, character: str | None = None) -> None:
    """One that `press` does not know, as the driver sends it."""
    pilot.app.post_message(events.Key(name, character))
    await pilot.pause()


@pytest.mark.parametrize(
    ("text", "busy", "pressed", "said"),
    [
        ("hello there", False, "enter", ("Sent", "hello there", "send")),
        ("hello", True, "enter", ("Sent", "hello", "send")),
        ("hello", True, "tab", ("Sent", "hello", "queue")),
        ("hello", True, "ctrl+s", ("Sent", "hello", "now")),
        ("/mode plan", False, "enter", ("Word", "/mode plan")),
        ("/mode plan", True, "tab", ("Word", "/mode plan")),
        ("/etc/hosts is wrong", False, "enter", ("Sent", "/etc/hosts is wrong", "send")),
        ("// is a comment", False, "enter", ("Sent", "// is a comment", "send")),
        ("!ls -la", False, "enter", ("Shell", "ls -la", False)),
        ("!! env", False, "enter", ("Shell", "env", True)),
        ("日本 👩‍🚀", False, "enter", ("Sent", "日本 👩‍🚀", "send")),
    ],
)
async def test_what_is_sent(text: str, busy: bool, pressed: str, said: tuple[object, ...]) -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.prompt.busy = busy
        await write(pilot, text)
        await pilot.press(pressed)
        assert app.said == [said]
        assert app.prompt.value == ""


async def test_letters_are_typed_one_by_one() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        for letter in "a日👩\u200d🚀é ":
            await key(pilot, letter, letter)
        assert app.prompt.value == "a日👩\u200d🚀é "


@pytest.mark.parametrize("text", ["", "   ", "!", "!! ", "\n\n"])
async def test_nothing_is_sent_of_nothing(text: str) -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await write(pilot, text)
        await pilot.press("enter", "ctrl+s")
        assert app.said == []
        assert app.prompt.value == text


async def test_tab_does_nothing_when_nothing_runs() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await write(pilot, "hello")
        await pilot.press("tab")
        assert app.said == []
        assert app.prompt.value == "hello"
        assert app.area.has_focus


async def test_new_lines() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await write(pilot, "a\\")
        await pilot.press("enter", "b", "ctrl+j", "c", "shift+enter", "d", "alt+enter", "e")
        await key(pilot, "shift+\r")
        await pilot.press("f", "enter")
        assert app.said == [("Sent", "a\nb\nc\nd\ne\nf", "send")]


async def test_keys_can_be_bound_anew() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.set_keymap({"send": "ctrl+enter"})
        await pilot.press("a", "enter", "b")
        assert app.prompt.value == "a\nb"
        await pilot.press("ctrl+enter")
        assert app.said == [("Sent", "a\nb", "send")]


async def test_a_question_mark_asks_for_help_only_where_nothing_is_written() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press("?", "a", "?", "ctrl+g")
        assert app.said == [("Help",), ("Editor",)]
        assert app.prompt.value == "a?"


async def test_it_grows_to_a_third_of_the_screen_and_no_further() -> None:
    app = Desk()
    async with app.run_test(size=(60, 24)) as pilot:
        heights = [app.area.size.height]
        for _ in range(12):
            await write(pilot, "x\n")
            heights.append(app.area.size.height)
        assert heights == [1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8]
        assert app.prompt.region.height == 10
        app.prompt.clear()
        await pilot.pause()
        assert app.area.size.height == 1


async def test_the_mark_shows_whose_it_will_be() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        mark = app.query_one("#mark", Static)
        seen = []
        for letter in ("a", "backspace", "!", "!"):
            await pilot.press(letter)
            seen.append((str(mark.render()), app.prompt.has_class("-shell")))
        assert seen == [("›", False), ("›", False), ("!", True), ("!!", True)]


async def test_a_tiny_terminal() -> None:
    app = Desk()
    async with app.run_test(size=(20, 5)) as pilot:
        await write(pilot, "m" + "wide 日本語 " * 6)
        await paste(pilot, LONG)
        await pilot.resize_terminal(200, 50)
        await pilot.resize_terminal(1, 1)
        await pilot.resize_terminal(20, 5)
        await pilot.press("enter")
        assert app.said == [("Sent", "m" + "wide 日本語 " * 6 + LONG.rstrip(), "send")]


async def test_a_large_paste_is_a_chip_until_it_is_sent() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await write(pilot, "see ")
        await paste(pilot, LONG.replace("\n", "\r\n"))
        await write(pilot, "and ")
        await paste(pilot, "x" * (CHARACTERS + 1))
        assert app.area.text == "see [pasted #1: 120 lines]and [pasted #2: 1,001 characters]"
        assert app.said == []
        assert app.prompt.value == f"see {LONG}and {'x' * 1001}"
        await pilot.press("enter")
        assert app.said == [("Sent", f"see {LONG}and {'x' * 1001}", "send")]


@pytest.mark.parametrize("text", ["one\r\ntwo\rthree", "".join("x\n" * LINES), "y" * CHARACTERS])
async def test_a_small_paste_is_text(text: str) -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await paste(pilot, text)
        assert app.area.text == text.replace("\r\n", "\n").replace("\r", "\n")


async def test_what_is_pasted_commands_nothing() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await paste(pilot, "a\x1b]52;c;aGk=\x07b\x1b[2Jc\x00\u202ed\udcff[@click=app.pwn]e[/]")
        assert app.prompt.value == "abc␀<U+202E>d\ufffd[@click=app.pwn]e[/]"


async def test_a_megabyte_in_one_line() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        begin = time.process_time()
        await paste(pilot, "word " * 200_000)
        await pilot.press("a")
        assert time.process_time() - begin < 2
        assert app.area.text == "[pasted #1: 1,000,000 characters]a"
        app.prompt.give("word " * 200_000)  # back from a rewind
        assert app.area.text == "[pasted #1: 1,000,000 characters]"
        assert app.prompt.value == "word " * 200_000


@pytest.mark.parametrize(
    "keys", [("backspace",), ("home", "delete"), ("ctrl+w",), ("left", "left", "backspace"), ("ctrl+u",)]
)
async def test_a_chip_is_deleted_as_a_whole_and_comes_back(keys: tuple[str, ...]) -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press(*keys)
        assert app.prompt.value == ""
        await pilot.press("ctrl+z")
        assert app.prompt.value == LONG


async def test_a_chip_is_not_written_into() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press("left", "left", "x")
        assert app.prompt.value == f"{LONG}x"
        await paste(pilot, LONG)
        await pilot.press("home", *["right"] * 3, *["shift+right"] * 40, "backspace")  # from one into the other
        assert app.prompt.value == ""


async def test_a_chip_is_opened() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await write(pilot, "a ")
        await paste(pilot, LONG)
        await pilot.press("home", "ctrl+e")
        assert app.area.text == "a [pasted #1: 120 lines]"
        await pilot.press("ctrl+e")
        assert app.area.text == app.prompt.value == f"a {LONG}"


async def test_give_and_clear() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.screen.set_focus(None)
        app.prompt.give("one\ntwo")
        await pilot.press("!")
        assert app.prompt.value == "one\ntwo!"
        assert app.prompt.clear()
        assert not app.prompt.clear()
        await pilot.press("up")
        assert app.prompt.value == "one\ntwo!"  # nothing is lost


async def test_walking_through_the_history() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        for text in ("first", "second\nof two", "third", "third"):
            await write(pilot, text)
            await pilot.press("enter")
        await write(pilot, "new")
        seen = []
        for name in ("up", "up", "up", "up", "down", "down", "down", "down"):
            await pilot.press(name)
            seen.append(app.prompt.value)
        two = "second\nof two"
        assert seen == ["third", two, "first", "first", two, "third", "new", "new"]


async def test_what_was_edited_on_the_walk_is_new() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        for text in ("first", "second"):
            await write(pilot, text)
            await pilot.press("enter")
        await pilot.press("up", "up", "!", "up")
        assert app.prompt.value == "second"
        await pilot.press("down")
        assert app.prompt.value == "first!"


async def test_the_arrows_move_in_what_is_written_first() -> None:
    app = Desk()
    async with app.run_test(size=(40, 24)) as pilot:
        await write(pilot, "old")
        await pilot.press("enter")
        await write(pilot, "one\ntwo " + "x" * 60)  # in four rows
        for _ in range(3):
            await pilot.press("up")
            assert app.prompt.value.startswith("one")
        await pilot.press("up")
        assert app.prompt.value == "old"


async def test_searching_the_history(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history.jsonl"
    old = History(path)
    for text in ("fix the Parser", "add tests", "parse\nmore", "add tests"):
        old.keep(text)
    app = Desk(path)
    async with app.run_test() as pilot:
        await until(pilot, lambda: not app.workers)
        await write(pilot, "mine")
        await pilot.press("ctrl+r", *"parx", "backspace", "ctrl+r", "escape")
        assert app.prompt.value == "mine"
        await pilot.press("ctrl+r", *"par", "ctrl+r", "enter")
        assert app.prompt.value == "fix the Parser"
        await pilot.press("ctrl+r", *"par", "enter")
        assert app.prompt.value == "parse\nmore"
        assert app.said == []  # neither Esc nor Enter was for anybody else


async def test_the_history_is_kept_for_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history.jsonl"
    for text in ("one", "two", "two"):
        app = Desk(path)
        async with app.run_test() as pilot:
            await until(pilot, lambda app=app: not app.workers)  # type: ignore[misc]
            await write(pilot, text)
            await pilot.press("enter")
    assert [json.loads(line)["text"] for line in path.read_text().splitlines()] == ["one", "two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_broken_history_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(
        b'{"text": "one"}\nnonsense\n\xff\xfe\n{"text": 3}\n[]\n{"text": "two"}\n{"text": "two"}\n{"text": "ha'
    )
    history = History(path)
    assert history.read() == ["one", "two"]
    history.keep("three")
    assert History(path).read() == ["one", "two", "three"]


def test_a_long_history_is_cut_down(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps({"text": f"prompt {number}"}) + "\n" for number in range(2 * MOST + 10)))
    texts = History(path).read()
    assert texts == [f"prompt {number}" for number in range(MOST + 10, 2 * MOST + 10)]
    assert len(path.read_text().splitlines()) == MOST
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_disk_that_keeps_nothing_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")
    app = Desk(tmp_path / "state" / "history.jsonl", tmp_path / "state" / "draft")
    async with app.run_test() as pilot:
        for text in ("one", "two"):
            await write(pilot, text)
            await pilot.press("enter")
        await until(pilot, lambda: "Unkept" in [said[0] for said in app.said])
        await pilot.press("up", "up")
        assert app.prompt.value == "one"
    told = [message for message in app.heard if isinstance(message, Prompt.Unkept)]
    assert len(told) == 1
    assert "What you write here is not kept" in told[0].reason
    assert "state" in told[0].reason


def editor(folder: Path, script: str) -> dict[str, str]:
    program = folder / "my editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {
        "VISUAL": f"'{program}' --wait",
        "EDITOR": "/nowhere",
        "PATH": os.environ["PATH"],
        "SEEN": str(folder / "seen"),
    }


def test_the_editor(tmp_path: Path) -> None:
    environment = editor(
        tmp_path, 'stat -c "%a $1" "$2" >"$SEEN"; printf "more\\r\\n\\033[2J日\\n" >>"$2"; echo "$2" >>"$SEEN"'
    )
    assert edit("text\n", environment) == "text\nmore\n日"
    mode, name = (tmp_path / "seen").read_text().splitlines()
    assert mode == "600 --wait"
    assert not Path(name).exists()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"EDITOR": "/nowhere/vim", "PATH": "/bin"}, "/nowhere/vim is not found"),
        ({"EDITOR": "vim 'x", "PATH": "/bin"}, "EDITOR cannot be read"),
        ({"EDITOR": "", "PATH": "/nowhere"}, "Set EDITOR"),
        ({"EDITOR": "false", "PATH": "/usr/bin:/bin"}, "ended with code 1"),
    ],
)
def test_an_editor_that_does_not_work(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        edit("text", environment)
