"""Completion: which files and commands are meant, what taking one does, and that nobody waits for the list."""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.widgets import Static

from minicode.cli.screen_files import ScreenFiles
from minicode.tui.chips import ChipArea
from minicode.tui.completion import ROWS, Popup, WordHelp, asked, words_like
from minicode.tui.fuzzy import Paths, rank
from minicode.tui.prompt import Prompt
from minicode.workspace.workspace import Workspace

WORDS = (
    WordHelp("/clear", "[NAME]", "begin anew", ("/new",)),
    WordHelp("/rename", "NAME", "name this session"),
    WordHelp("/status", "", "session, thoughts, sandbox"),
    WordHelp("/rewind", "[ID]", "go back"),
)
NAMES = (
    "src/app.py",
    "src/parse_tree.py",
    "tests/test_parse.py",
    "README.md",
    "docs/a guide.md",
    "src/deep/down/tree.py",
)


class Files:
    """Real names that are there when the gate is opened."""

    def __init__(self, *names: str) -> None:
        self.all: Sequence[str] = names or NAMES
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def names(self) -> Sequence[str]:
        self.asked += 1
        await self.gate.wait()
        return self.all


class Desk(App[None]):
    CSS = "#transcript { height: 1fr; }"
    BINDINGS: Sequence[BindingType] = [Binding("escape", "stop", priority=True)]

    def __init__(self, files: Files | None = None) -> None:
        super().__init__()
        self.prompt = Prompt(lambda: WORDS, files or Files())
        self.said: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static("", id="transcript")
        yield self.prompt

    def on_mount(self) -> None:
        self.prompt.focus()

    def action_stop(self) -> None:
        self.said.append("stop")

    def on_prompt_sent(self, message: Prompt.Sent) -> None:
        self.said.append(message.text)

    def on_prompt_word(self, message: Prompt.Word) -> None:
        self.said.append(message.line)

    @property
    def popup(self) -> Popup:
        return self.query_one(Popup)

    @property
    def shown(self) -> list[str]:
        """The texts in the list, the chosen one first with a mark."""
        if not self.popup.open:
            return []
        return [("> " if choice is self.popup.chosen else "") + choice.text for choice in self.popup.choices]


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    while not condition():
        await pilot.pause()


def found(names: Sequence[str], letters: str) -> list[str]:
    return [hit.path for hit in Paths(names).find(letters)]


@pytest.mark.parametrize(
    ("before", "first", "wanted"),
    [
        ("/", True, ("word", "", 0)),
        ("/re", True, ("word", "re", 0)),
        ("/re", False, None),
        ("/rename x", True, None),
        ("/etc/ho", True, None),
        ("see @", True, ("file", "", 4)),
        ("@src/a", False, ("file", "src/a", 0)),
        ("(@src", True, ("file", "src", 1)),
        ('see @"a b', True, ("file", "a b", 4)),
        ('see @"a b"', True, None),
        ("me@example", True, None),
        ("@a b", True, None),
        ("", True, None),
    ],
)
def test_what_is_asked_for(before: str, first: bool, wanted: tuple[str, str, int] | None) -> None:
    assert asked(before, first) == wanted


@pytest.mark.parametrize(
    ("letters", "best"),
    [
        ("app", ["src/app.py"]),
        ("APP", ["src/app.py"]),
        ("tree", ["src/deep/down/tree.py", "src/parse_tree.py"]),  # the whole name before a part of it
        ("pt", ["src/parse_tree.py"]),  # the beginnings of its words
        ("parse", ["src/parse_tree.py", "tests/test_parse.py"]),
        ("src/p", ["src/parse_tree.py"]),
        ("sr", ["src/"]),
        ("deep", ["src/deep/", "src/deep/down/", "src/deep/down/tree.py"]),
        ("guide", ["docs/a guide.md"]),
        ("sdt", ["src/deep/down/tree.py"]),
        ("zz", []),
        ("[", []),
    ],
)
def test_the_likeliest_comes_first(letters: str, best: list[str]) -> None:
    assert found(NAMES, letters)[: len(best) or None] == best


def test_what_is_found_has_the_letters_in_their_order() -> None:
    rng = random.Random(4)
    names = sorted(
        {
            "/".join("".join(rng.choices("abcDé_.", k=rng.randint(1, 5))) for _ in range(rng.randint(1, 4)))
            for _ in range(120)
        }
    )
    paths = Paths(names)
    parts = [name.split("/") for name in names]
    everything = {*names, *("/".join(part[:end]) + "/" for part in parts for end in range(1, len(part)))}
    for _ in range(300):
        letters = "".join(rng.choices("abcdé_.ABC/", k=rng.randint(1, 4)))
        hits = paths.find(letters, 10_000)
        assert {hit.path for hit in hits} == {path for path in everything if within(letters.lower(), path.lower())}
        for path, marks in hits:
            assert [path[mark].lower() for mark in marks] == list(letters.lower())


def within(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


def test_typing_on_narrows_and_going_back_widens() -> None:
    paths = Paths(NAMES)
    for letters in ("p", "pt", "ptx", "pt", "pte", "s", "sdt"):
        assert paths.find(letters) == Paths(NAMES).find(letters)


def test_before_anything_is_written_the_top_is_shown() -> None:
    assert found(NAMES, "")[:4] == ["src/", "docs/", "tests/", "README.md"]
    assert found((), "") == found((), "x") == []


def test_names_that_cannot_be_written_are_left_out() -> None:
    assert found(("a\nb", "a\x1b[2Jc", "a\udcffd", "a\u202ee", "ok a"), "a") == ["ok a"]


def test_letters_that_grow_in_lower_case() -> None:
    assert found(("İstanbul.md", "x/İx.py"), "tan") == ["İstanbul.md"]


def test_a_keystroke_among_100_000_paths() -> None:
    """Measured 3 to 20 ms; here many times that is let pass, since others work on this machine too."""
    rng = random.Random(3)
    words = ("core", "util", "parser", "session", "prompt", "model", "index", "render", "widget", "journal")
    folders = [
        "/".join(rng.choice(words) + str(rng.randint(1, 40)) for _ in range(rng.randint(1, 6))) for _ in range(8000)
    ]
    paths = Paths(f"{rng.choice(folders)}/{rng.choice(words)}_{rng.choice(words)}{n}.py" for n in range(100_000))
    for whole in ("session_parser77", "sjpy9", "core/ut", "zzz"):
        for end in range(1, len(whole) + 1):
            begin = time.process_time()
            paths.find(whole[:end])
            assert time.process_time() - begin < 0.15, whole[:end]


def test_few_names_are_ranked_too() -> None:
    assert [hit.path for hit in rank(["rename", "tree", "rewind", "clear"], "re")] == ["rename", "rewind", "tree"]


def test_words_are_found_by_their_other_names() -> None:
    assert [choice.text for choice in words_like(WORDS, "")] == [
        "/clear [NAME]",
        "/rename NAME",
        "/status",
        "/rewind [ID]",
    ]
    (choice,) = words_like(WORDS, "new")
    assert (choice.text, choice.takes, choice.done) == ("/new [NAME]", "/clear ", True)


async def test_a_word_is_completed_or_done_at_once() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press("/", "r", "e")
        assert app.shown == ["> /rename NAME", "/rewind [ID]"]
        await pilot.press("tab")
        assert (app.prompt.value, app.shown) == ("/rename ", [])
        app.prompt.clear()
        await pilot.press("/", "s", "t", "enter")  # needs nothing more
        assert app.said == ["/status"]
        await pilot.press("/", "r", "e", "n", "enter")
        assert app.prompt.value == "/rename "
        await pilot.press("x", "enter")
        assert app.said == ["/status", "/rename x"]


async def test_keys_that_come_faster_than_the_list_follows_are_what_counts() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        app.prompt.query_one(ChipArea).insert("/status")
        await until(pilot, lambda: app.popup.open)
        app.prompt.query_one(ChipArea).insert(" all of it")  # the list has not heard of it
        assert app.popup.open and not app.prompt.wants("enter")


async def test_a_file_is_taken() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press(*"see @tre")
        await until(pilot, lambda: app.shown)
        assert app.shown == ["> src/deep/down/tree.py", "src/parse_tree.py", "tests/test_parse.py"]
        await pilot.press("down", "enter")
        assert (app.prompt.value, app.shown, app.said) == ("see @src/parse_tree.py ", [], [])


async def test_a_folder_leads_on_and_blanks_are_quoted() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press(*"@do")
        await until(pilot, lambda: app.shown)
        await pilot.press("tab")
        await until(pilot, lambda: app.shown[:1] == ["> docs/a guide.md"] or app.shown[1:2] == ["docs/a guide.md"])
        assert app.prompt.value == "@docs/"
        await pilot.press("g")
        await until(pilot, lambda: app.shown == ["> docs/a guide.md"])
        await pilot.press("enter")
        assert app.prompt.value == '@"docs/a guide.md" '


async def test_escape_closes_the_list_only() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press("@", "s")
        await until(pilot, lambda: app.shown)
        await pilot.press("escape")
        assert (app.shown, app.said, app.prompt.value) == ([], [], "@s")
        await pilot.press("r", "escape")  # it stays closed for this name, so Esc is the app's again
        assert (app.shown, app.said) == ([], ["stop"])
        await pilot.press("enter")
        assert app.said == ["stop", "@sr"]
        await pilot.press("@")
        await until(pilot, lambda: app.shown)
        app.prompt.clear()
        await pilot.press("/", "r", "escape", "e")
        assert (app.shown, app.prompt.value) == ([], "/re")


async def test_what_is_complete_is_sent() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press(*"@README.md")
        await until(pilot, lambda: app.shown == ["> README.md"])
        await pilot.press("enter")
        assert app.said == ["@README.md"]


async def test_what_comes_from_the_history_opens_no_list() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        for text in ("/re", "one"):
            app.prompt.give(text)
            app.prompt.clear()
        await pilot.press("up", "up")
        assert (app.prompt.value, app.shown) == ("/re", [])
        await pilot.press("down")
        assert app.prompt.value == "one"
        await pilot.press("up", "n")
        assert app.shown == ["> /rename NAME", "/rewind [ID]"]


async def test_nobody_waits_for_the_list() -> None:
    files = Files()
    files.gate.clear()
    app = Desk(files)
    async with app.run_test() as pilot:
        await pilot.press(*"@app")
        assert (app.prompt.value, app.shown) == ("@app", [])
        files.gate.set()
        await until(pilot, lambda: app.shown == ["> src/app.py"])
        assert files.asked == 1
        await pilot.press("backspace", "backspace", "backspace", "R")
        await until(pilot, lambda: app.shown[:1] == ["> README.md"])
        assert files.asked == 1


@pytest.mark.parametrize("size", [(80, 24), (20, 5)])
async def test_the_list_lies_over_the_transcript(size: tuple[int, int]) -> None:
    app = Desk(Files(*(f"folder/with/names/日本{number}.py" for number in range(60))))
    async with app.run_test(size=size) as pilot:
        place = app.prompt.region
        await pilot.press("@", "p")
        await until(pilot, lambda: app.shown)
        await pilot.pause()
        assert app.prompt.region == place
        region = app.popup.region
        assert region.bottom == place.y
        assert region.height == min(ROWS, place.y)
        assert app.screen.region.contains_region(region)
        assert all(app.popup.render_line(y).cell_length == region.width for y in range(region.height))
        await pilot.press("up")
        assert app.popup.here == len(app.popup.choices) - 1
        rows = [app.popup.render_line(y).text for y in range(region.height)]
        assert "›" in rows[-1]
        await pilot.press("down")
        assert "›" in app.popup.render_line(0).text


async def test_a_row_is_clicked() -> None:
    app = Desk()
    async with app.run_test() as pilot:
        await pilot.press("/", "r", "e")
        await pilot.pause()
        await pilot.click(Popup, offset=(8, 1))
        assert app.prompt.value == "/rewind "
        await pilot.press("x")
        assert app.prompt.value == "/rewind x"


def test_the_files_of_a_workspace(tmp_path: Path) -> None:
    for name in ("a.py", "out/b.log", "sub dir/c.md"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    (tmp_path / ".gitignore").write_text("*.log\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    names = asyncio.run(ScreenFiles(Workspace.at(tmp_path)).names())
    assert sorted(names) == [".gitignore", "a.py", "sub dir/c.md"]
