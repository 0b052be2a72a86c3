"""What the keys do in the whole program, wherever the focus is, and that the user's own file moves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Say, Step, Think, steps
from minicode.tui.help import Help
from minicode.tui.keymap import ACTIONS
from minicode.tui.panels import SearchBar, TodoPanel

HANGS = Step((Think("I think and think. " * 200),), fault=Fault(stall=2000))
SLEEPS = {"command": "echo it ru''ns; while [ ! -e go ]; do sleep 0.02; done; echo went"}
TOOLS = ((Think("First I look."), Do("read", {"path": "a.py"})), (Think("So."), Say("It is here.")))
FILES = {"a.py": "secret_word = 1\n"}


async def test_ctrl_c_copies_then_clears_then_stops_then_quits(drive: Any) -> None:
    async with drive(steps(Say("An answer to copy."), HANGS)) as d:
        await d.say("one")
        await d.still()
        await d.write("written")
        await d.pilot.mouse_down(d.main.transcript, offset=(1, 0))
        await d.pilot.hover(d.main.transcript, offset=(30, 3))
        await d.pilot.mouse_up(d.main.transcript, offset=(30, 3))
        await d.pilot.pause()
        assert d.main.get_selected_text()
        await d.press("ctrl+c")
        assert "one" in d.app.clipboard and not d.main.get_selected_text()
        assert d.main.prompt.value == "written"
        await d.press("ctrl+c")
        assert d.main.prompt.value == ""
        await d.say("two")
        await d.tells("I think")
        await d.press("ctrl+c")
        await d.still()
        assert "stopped" in d.told
        await d.press("ctrl+c")
        await d.until(lambda: not d.app.is_running)
        assert d.app.return_value == 0


async def test_ctrl_c_twice_quits(drive: Any) -> None:
    async with drive() as d:
        await d.press("ctrl+c")
        await d.shows("Once more")
        assert d.app.is_running
        await d.press("ctrl+c")
        await d.until(lambda: not d.app.is_running)
        assert d.app.return_value == 0


async def test_ctrl_d_quits_only_if_nothing_is_written(drive: Any) -> None:
    async with drive() as d:
        await d.write("x")
        await d.press("ctrl+d")
        assert d.app.is_running and d.main.prompt.value == "x"
        await d.press("backspace", "ctrl+d")
        await d.until(lambda: not d.app.is_running)


async def test_shift_tab_goes_through_the_modes(drive: Any) -> None:
    async with drive() as d:
        for mode in ("acceptEdits", "auto", "plan", "default"):
            await d.press("shift+tab")
            assert d.session.gate.standing.mode == mode
            await d.shows(f" {mode}")
        assert d.main.prompt.has_focus_within


async def test_how_thoughts_and_tools_are_shown(drive: Any) -> None:
    async with drive(steps(*TOOLS), files=FILES) as d:
        await d.say("where?")
        await d.still()
        seen = set()
        for _ in range(3):
            await d.press("alt+t")
            seen.add(d.main.transcript.look.thinking)
            assert ("First I look." in d.text) == (d.main.transcript.look.thinking == "full")
        assert seen == {"folded", "live", "full"}
        assert "secret_word" not in d.text
        await d.press("ctrl+o")
        await d.shows("secret_word")
        await d.press("ctrl+o")
        await d.until(lambda: "secret_word" not in d.text)
        assert d.main.prompt.has_focus_within


async def test_ctrl_t_shows_the_todos(drive: Any) -> None:
    async with drive() as d:
        await d.press("ctrl+t")
        await d.shows("no todos")
        await d.press("ctrl+t")
        assert not d.main.query_one(TodoPanel).display


async def test_ctrl_b_sends_the_command_away_and_the_turn_goes_on(drive: Any) -> None:
    async with drive(steps((Think("Wait."), Do("shell", SLEEPS)), (Think("Ah."), Say("Meanwhile.")))) as d:
        await d.press("ctrl+b")
        await d.shows("No command runs")
        await d.say("go on")
        await d.shows("it runs")
        await d.press("ctrl+b")
        await d.tells("Meanwhile.")
        await d.still()
        assert not (d.folder / "go").exists()
        assert "background" in d.body(2)
        (d.folder / "go").touch()


async def test_ctrl_f_finds_in_folded_thoughts_and_tools(drive: Any) -> None:
    async with drive(steps(*TOOLS), files=FILES) as d:
        await d.say("where?")
        await d.still()
        await d.press("ctrl+f", *"secret_word")
        await d.shows("secret_word = 1")
        await d.press("escape")
        assert not d.main.query_one(SearchBar).display and d.main.prompt.has_focus_within
        await d.press("ctrl+f", *"look")
        await d.shows("First I look.")
        await d.press("enter", "down", "escape")
        assert d.main.prompt.value == ""


async def test_ctrl_r_takes_from_the_history(drive: Any) -> None:
    async with drive(steps(Say("Yes."))) as d:
        await d.say("some words of before")
        await d.still()
        await d.press("ctrl+r", "b", "e", "f")
        await d.shows("some words of before")
        await d.press("enter")
        assert d.main.prompt.value == "some words of before"
        assert len(d.server.requests) == 1


async def test_ctrl_p_and_question_mark_open_and_escape_closes(drive: Any) -> None:
    async with drive() as d:
        await d.press("question_mark")
        await d.until(lambda: isinstance(d.app.screen, Help))
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.main)
        await d.press("ctrl+p")
        await d.until(lambda: d.app.screen is not d.main)
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.main)
        assert d.main.prompt.value == "" and d.main.prompt.has_focus_within


async def test_ctrl_g_without_a_terminal_says_so_and_keeps_the_words(drive: Any) -> None:
    async with drive() as d:
        await d.write("kept")
        await d.press("ctrl+g")
        await d.tells("no terminal")
        assert d.main.prompt.value == "kept"


async def test_keys_of_the_screen_do_nothing_to_what_is_behind_a_sheet(drive: Any) -> None:
    async with drive(steps(HANGS)) as d:
        await d.say("go on")
        await d.tells("I think")
        mode = d.session.gate.standing.mode
        await d.write("")
        await d.press("question_mark")
        await d.until(lambda: isinstance(d.app.screen, Help))
        await d.press("shift+tab", "tab", "ctrl+f", "ctrl+t", "alt+t", "ctrl+o")
        assert isinstance(d.app.screen, Help)
        assert d.session.gate.standing.mode == mode and not d.main.query_one(SearchBar).display
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.main)
        assert d.running  # the key was the sheet's
        await d.press("escape")
        await d.still()


async def test_every_key_in_every_place_leaves_no_trace_in_the_prompt(drive: Any) -> None:
    """No key leaks: what is written is what was typed."""
    leaves = {"send", "interrupt", "clear-or-quit", "quit", "editor", "suspend", "history-search", "palette", "search"}
    async with drive(steps(*TOOLS), files=FILES) as d:
        await d.say("where?")
        await d.still()
        await d.write("written")
        for action in ACTIONS:
            if action.where == "app" and action.id not in leaves:
                for key in action.keys.split(","):
                    await d.press(key)
        assert d.main.prompt.value == "written"
        assert d.app.screen is d.main and d.app.trouble is None


async def test_marks_are_walked_and_escape_comes_back(drive: Any) -> None:
    async with drive(steps(*TOOLS), files=FILES) as d:
        await d.say("where?")
        await d.still()
        await d.press("ctrl+up", "ctrl+up", "ctrl+up")
        assert d.main.transcript.has_focus and d.main.transcript.marked is not None
        await d.press("y")
        assert d.app.clipboard
        await d.press("escape")
        assert d.main.prompt.has_focus_within and d.main.transcript.marked is None
        await d.press("z")
        assert d.main.prompt.value == "z"


async def test_what_is_typed_over_the_transcript_is_written(drive: Any) -> None:
    """Nobody types into nothing."""
    async with drive(steps(*TOOLS), files=FILES) as d:
        await d.say("where?")
        await d.still()
        await d.pilot.click(d.main.transcript, offset=(10, 3))
        await d.press("w", "h", "o")
        assert d.main.prompt.value == "who"


async def test_the_users_own_keys(drive: Any, home: Path) -> None:
    file = home / ".minicode/keybindings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"mode": "f6", "todos": "ctrl+n", "nonsense": "f1", "thinking": "qqqq"}')
    async with drive() as d:
        await d.tells("no action `nonsense`")
        await d.tells("keybindings.json")
        await d.press("f6")
        assert d.session.gate.standing.mode == "acceptEdits"
        await d.press("shift+tab")
        assert d.session.gate.standing.mode == "acceptEdits"
        before = d.main.transcript.look.thinking
        await d.press("alt+t")
        assert d.main.transcript.look.thinking != before  # the default holds where the file is wrong


async def test_a_theme_that_is_wrong_is_named(drive: Any, home: Path) -> None:
    folder = home / ".minicode/themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('name = "mine"\nprimary = "no colour"\n')
    async with drive() as d:
        await d.tells("mine.toml")


@pytest.mark.parametrize("name", ["textual-light", "dracula"])
async def test_a_theme_that_is_chosen_holds_the_next_time(drive: Any, name: str) -> None:
    async with drive() as d:
        await d.runs(f"/theme {name}")
        assert d.app.theme == name
        await d.runs("/theme nothing-like-it")
        await d.tells("There is no theme")
    async with drive() as d:
        assert d.app.theme == name
