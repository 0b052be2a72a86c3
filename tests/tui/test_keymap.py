"""The keys: one table, the user's file over it, and Textual doing what both say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import TextArea

from minicode.tui.keymap import ACTIONS, bindings, conflicts, keymap, load, shown


def test_the_table_is_sound() -> None:
    assert conflicts({}) == {}
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    assert all(action.help and action.does for action in ACTIONS)


def written(folder: Path, keys: object) -> Path:
    file = folder / "keybindings.json"
    file.write_text(keys if isinstance(keys, str) else json.dumps(keys))
    return file


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert load(tmp_path / "keybindings.json") == ({}, [])


@pytest.mark.parametrize(
    ("said", "keys", "on_the_keyboard"),
    [
        ("alt+t, f2", "alt+t,f2", "Alt+T, F2"),
        (["Ctrl+X", "f2"], "ctrl+x,f2", "Ctrl+X, F2"),
        ("Shift + Esc", "shift+escape", "Shift+Esc"),
        ("control+PgUp", "ctrl+pageup", "Ctrl+Page Up"),
        ("shift+ctrl+up", "ctrl+shift+up", "Ctrl+Shift+Up"),
        ("ctrl+,", "ctrl+comma", "Ctrl+,"),
        ("ctrl+,,f2", "ctrl+comma,f2", "Ctrl+,, F2"),
        ("alt++", "alt+plus", "Alt++"),
        ("ctrl+space", "ctrl+space,ctrl+@", "Ctrl+Space, Ctrl+@"),
        ("ctrl+i", "tab", "Tab"),
        (None, "", ""),
    ],
)
def test_keys_as_people_write_them(tmp_path: Path, said: object, keys: str, on_the_keyboard: str) -> None:
    assert load(written(tmp_path, {"thinking": said, "queue": None})) == ({"thinking": keys, "queue": ""}, [])
    assert shown(keys) == on_the_keyboard


def test_letters_where_nothing_is_written(tmp_path: Path) -> None:
    keys, problems = load(written(tmp_path, {"top": "shift+t", "bottom": "?", "next-hit": "+", "copy-block": ","}))
    assert (keys, problems) == ({"top": "T", "bottom": "question_mark", "next-hit": "plus", "copy-block": "comma"}, [])
    assert [shown(key) for key in keys.values()] == ["Shift+T", "?", "+", ","]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '{"thinking": "f2",\n "queue" "f3"}',
            ":2:10: it is not JSON: Expecting ':' delimiter; the default keys are used.",
        ),
        ('["f2"]', ': it must be one object such as {"thinking": "alt+t"}; the default keys are used.'),
        ('{"thinkin": "f2"}', ": there is no action `thinkin`. Did you mean `thinking`?"),
        ('{"x\\u001b]0;": "f2"}', ": there is no action `x`. The help screen names them all."),
        (
            '{"thinking": "strg+t"}',
            ': `thinking`: there is no key "strg+t". Write it as ctrl+t, alt+enter, shift+f5, pageup or G.',
        ),
        (
            '{"thinking": "f2,,f3"}',
            ': `thinking`: there is no key "". Write it as ctrl+t, alt+enter, shift+f5, pageup or G.',
        ),
        ('{"thinking": 3}', ': `thinking` must be a text such as "alt+t, f2", or null for none, not 3.'),
        ('{"thinking": []}', ': `thinking` must be a text such as "alt+t, f2", or null for none, not [].'),
        (
            '{"thinking": "t"}',
            ": `thinking`: T alone is for writing. Put ctrl or alt before it, or take a function key.",
        ),
        (
            '{"queue": "space"}',
            ": `queue`: Space alone is for writing. Put ctrl or alt before it, or take a function key.",
        ),
        (
            '{"thinking": "ctrl+o"}',
            ": `thinking` and `expand` are both on Ctrl+O; the default keys are used.",
        ),
        (
            '{"todos": "f2", "queue": "f2"}',
            ": `queue` and `todos` are both on F2; the default keys are used.",
        ),
        (
            '{"todos": "f2", "todos": "f3"}',
            ": `todos` stands there twice; the last one is used.",
        ),
        ("[" * 50_000, ": it is not JSON in UTF-8; the default keys are used."),
        ('"' + "x" * 70_000, ": it has more than 65,536 bytes, so it is something else; the default keys are used."),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_is_used(tmp_path: Path, text: str, problem: str) -> None:
    file = written(tmp_path, text)
    keys, problems = load(file)
    assert problems == [f"{file}{problem}"]
    assert keys == ({"todos": "f3"} if "twice" in problem else {})
    if text.startswith("{") and "JSON" not in problem and "twice" not in problem:
        keys, problems = load(written(tmp_path, {**json.loads(text), "search": "f9"}))
        assert keys == {"search": "f9"}
        assert len(problems) == 1


def test_bytes_that_are_no_text_and_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "keybindings.json"
    file.write_bytes(b'{"thinking": "\xff"}')
    assert load(file) == ({}, [f"{file}: it is not JSON in UTF-8; the default keys are used."])
    file.unlink()
    file.mkdir()
    assert load(file) == ({}, [f"{file}: it cannot be read: Is a directory; the default keys are used."])


def test_two_may_change_places(tmp_path: Path) -> None:
    keys, problems = load(written(tmp_path, {"expand": "ctrl+t", "todos": "ctrl+o"}))
    assert (keys, problems) == ({"expand": "ctrl+t", "todos": "ctrl+o"}, [])


def test_a_key_taken_back_by_a_default_is_seen_too(tmp_path: Path) -> None:
    """`expand` gives ctrl+o up for a key that does not exist: it keeps it, so `todos` cannot have it."""
    keys, problems = load(written(tmp_path, {"expand": "f99", "todos": "ctrl+o"}))
    assert keys == {}
    assert [problem.partition(": ")[2][:8] for problem in problems] == ["`expand`", "`expand`"]


class Place(Widget, can_focus=True):
    def action_scroll_home(self) -> None:
        self.app.did.append("top")  # type: ignore[attr-defined]

    def action_answer(self, answer: str) -> None:
        self.app.did.append(answer)  # type: ignore[attr-defined]


class Transcript(Place):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("transcript")]


class Approval(Place):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("approval")]


class Prompt(TextArea):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("prompt")]

    def action_send(self) -> None:
        self.app.did.append("send")  # type: ignore[attr-defined]

    def action_newline(self) -> None:
        self.app.did.append("newline")  # type: ignore[attr-defined]

    def action_queue(self) -> None:
        self.app.did.append("queue")  # type: ignore[attr-defined]


class Keys(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]

    def __init__(self) -> None:
        super().__init__()
        self.did: list[str] = []

    def compose(self) -> ComposeResult:
        yield Prompt()
        yield Transcript()
        yield Approval()

    def action_next_thinking(self) -> None:
        self.did.append("thinking")

    def action_expand(self) -> None:
        self.did.append("expand")

    def action_todos(self) -> None:
        self.did.append("todos")


async def test_textual_does_it_everywhere(tmp_path: Path) -> None:
    said = {
        "thinking": "f2, alt+x",
        "expand": "ctrl+t",
        "todos": "ctrl+o",
        "newline": "f5",
        "queue": None,
        "send": "ctrl+k",  # which a TextArea has a use of its own for
        "top": "t",
        "deny": "x",
    }
    keys, problems = load(written(tmp_path, said))
    assert problems == []
    app = Keys()
    async with app.run_test() as pilot:
        app.set_keymap(keymap(keys))
        app.query_one(Prompt).focus()
        await pilot.press("f2", "alt+x", "ctrl+t", "ctrl+o", "f5", "ctrl+k")
        assert app.did == ["thinking", "thinking", "expand", "todos", "newline", "send"]
        app.did.clear()
        app.query_one(Prompt).focus()
        await pilot.press("alt+t", "ctrl+j", "tab")
        assert app.did == [], "the old keys do nothing"
        app.query_one(Transcript).focus()
        await pilot.press("g", "home", "t")
        app.query_one(Approval).focus()
        await pilot.press("n", "x", "y")
        assert app.did == ["top", "no", "once"]
        app.set_keymap({})
        app.query_one(Prompt).focus()
        await pilot.press("alt+t", "tab")
        assert app.did[3:] == ["thinking", "queue"], "as they were"
