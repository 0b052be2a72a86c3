"""The slash words, `!` and `!!` on the screen; each at least once."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Say, Step, Think, steps
from minicode.tui.help import Help
from minicode.tui.picker import Picker
from minicode.tui.themes import palette_of
from minicode.tui.tree import Branches

HANGS = Step((Think("I think and think. " * 200),), fault=Fault(stall=2000))

# What is written, and what is told then.
SIMPLE = {
    "/model": "MiniMax-M2",
    "/model MiniMax-M2.1": "MiniMax-M2.1",
    "/mode plan": "mode plan",
    "/plan": "mode plan",
    "/permissions": "mode default",
    "/recall words": "",
    "/context": "tokens",
    "/usage": "tokens",
    "/cost": "tokens",
    "/status": "MiniMax-M2",
    "/diff": "",
    "/tasks": "",
    "/tools": "read",
    "/mcp": "",
    "/config": "base_url",
    "/copy": "",
    "/unfold": "",
    "/compact": "",
    "/label": "",
    "/rename a better name": "a better name",
    "/export": "",
    "/trace": "",
    "/redo": "redo",
    "/verify true": "",
    "/modle": "Did you mean /mode",
    "/mode nonsense": "There is no mode",
    "/resume no-such-session": "no-such-session",
    "/thinking nonsense": "folded, live, full",
    "/switch nowhere": "nowhere",
}


async def test_each_word_answers(drive: Any) -> None:
    async with drive(steps(Say("The answer.")), size=(110, 40)) as d:
        await d.say("some words")
        await d.still()
        for line, answer in SIMPLE.items():
            before = len(d.main.transcript.blocks)
            await d.runs(line)
            told = "\n".join(block.words() for block in d.main.transcript.blocks[before:])
            assert told.strip(), line
            assert answer in told and "internal error" not in told, (line, told)
            assert d.app.screen is d.main and d.main.prompt.has_focus_within, line
            d.main.prompt.clear()
            await d.runs("/mode default")
        assert d.app.is_running and d.app.trouble is None
        await d.shows("mode default")


async def test_words_in_upper_case_are_the_same_words(drive: Any) -> None:
    async with drive() as d:
        await d.runs("/STATUS")
        assert "MiniMax" in d.told
        await d.runs("/Thinking full")
        assert d.main.transcript.look.thinking == "full"


@pytest.mark.parametrize("line", ["/quit", "/exit", "/q"])
async def test_quit(drive: Any, line: str) -> None:
    async with drive() as d:
        await d.say(line)
        await d.until(lambda: not d.app.is_running)
        assert d.app.return_value == 0


async def test_help_gives_the_word_that_is_chosen(drive: Any) -> None:
    async with drive() as d:
        await d.say("/help")
        await d.until(lambda: isinstance(d.app.screen, Help))
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.main)


async def test_doctor(drive: Any) -> None:
    async with drive() as d:
        await d.runs("/doctor")
        assert "sandbox" in d.told.lower()


async def test_what_the_user_runs_is_told_once_with_the_next_message(drive: Any) -> None:
    async with drive(steps(Say("One."), Say("Two.")), files={"a.py": "x\n"}) as d:
        await d.say("! echo pub''lic; ls")
        await d.shows("a.py")
        await d.until(lambda: "shell" in [entry.kind for entry in d.session.journal.entries])
        await d.say("!!echo pri''vate; false")
        await d.shows("private")
        await d.until(lambda: len(d.entries("shell")) == 2)
        assert d.server.requests == []
        await d.say("first")
        await d.still()
        assert d.body(1).count("public") == 1 and "a.py" in d.body(1) and "private" not in d.body(1)
        await d.say("second")
        await d.still()
        assert d.body(2).count("public") == 1 and "pri''vate" not in d.body(2)


async def test_a_command_that_fails_or_hangs(drive: Any) -> None:
    async with drive() as d:
        await d.say("!no-such-command")
        await d.shows("exit code 127")
        await d.say("! echo it ru''ns; sleep 100")
        await d.shows("it runs")
        await d.press("escape")
        await d.shows("stopped")
        assert "it runs" in d.text and d.app.is_running


async def test_a_progress_bar_of_the_users_is_one_line_and_coloured(drive: Any) -> None:
    async with drive() as d:
        wait = "until test -e {0}; do sleep 0.02; done"
        states = (rf"printf '\r\033[3{n}m{n}0 per'; {wait.format(n)}; printf 'cent\033[0m'" for n in (1, 2))
        await d.say(f"! {'; '.join(states)}; {wait.format('end')}; echo; echo ''finished")
        for number in (1, 2):
            await d.shows(f"    {number}0 per\n")  # a line that has no end yet is seen
            (d.folder / str(number)).touch()
        await d.shows("    20 percent\n")
        assert "    10 per" not in d.text, "the line was written over"
        (d.folder / "end").touch()
        await d.shows("exit code 0")
        assert "    20 percent\n     finished" in d.text and "    10 per" not in d.text
        styles = {
            segment.text: segment.style for strip in d.app.screen._compositor.render_strips() for segment in strip
        }
        green = palette_of(d.app).style("out.green").color
        assert green and styles["20 percent"].color == green != styles["finished"].color


async def test_a_command_is_not_told_to_another_session(drive: Any) -> None:
    async with drive(steps(Say("One."))) as d:
        old = d.session
        await d.say("! echo be''gun; until test -e go; do sleep 0.05; done; echo pri''vate")
        await d.shows("begun")
        await d.say("/clear")
        await d.until(lambda: d.main.turns and d.session is not old)
        (d.folder / "go").touch()
        await d.tells("begun in another session, ended: exit code 0")
        await d.say("hello")
        await d.still()
        assert "private" not in d.body() and d.entries("shell") == []


async def test_clear_keeps_the_old_session_and_resume_finds_it(drive: Any) -> None:
    async with drive(steps(Say("One."), Say("Two."))) as d:
        await d.say("first words")
        await d.still()
        old = d.session.journal.id
        await d.runs("/clear")
        assert d.session.journal.id != old and "first words" not in d.told
        await d.say("/resume")
        await d.until(lambda: isinstance(d.app.screen, Picker))
        await d.shows("first words")
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.main)
        await d.runs(f"/resume {old}")
        assert d.session.journal.id == old
        assert "first words" in d.told and "One." in d.told
        await d.say("second words")
        await d.still()
        assert "first words" in d.body() and "thought" in d.told


async def test_fork_goes_on_in_a_copy(drive: Any) -> None:
    async with drive(steps(Say("One."), Say("Two."))) as d:
        await d.say("first words")
        await d.still()
        old = d.session.journal.id
        await d.runs("/fork a copy")
        assert d.session.journal.id != old and "One." in d.told
        await d.say("second words")
        await d.still()
        assert "first words" in d.body()


async def test_rewind_redo_and_tree(drive: Any) -> None:
    async with drive(steps(Say("One."), Say("Two."))) as d:
        for words in ("first words", "second words"):
            await d.say(words)
            await d.still()
        await d.say("/rewind")
        await d.until(lambda: type(d.app.screen).__name__ == "Rewind")
        await d.shows("second words")
        await d.press("enter")
        await d.until(lambda: d.app.screen is d.main and d.main.prompt.value == "second words")
        assert "Two." not in d.told and "/redo" in d.told
        d.main.prompt.clear()
        await d.runs("/redo")
        assert "Two." in d.told
        await d.say("/tree")
        await d.until(lambda: isinstance(d.app.screen, Branches))
        await d.shows("first words")
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.main)


async def test_words_that_need_a_quiet_session_say_so(drive: Any) -> None:
    async with drive(steps(HANGS)) as d:
        await d.say("go on")
        await d.tells("I think")
        for line in ("/clear", "/fork", "/rewind", "/resume x", "/compact", "/unfold", "/redo"):
            before = len(d.main.transcript.blocks)
            await d.runs(line)
            told = "\n".join(block.words() for block in d.main.transcript.blocks[before:])
            assert "turn is running" in told, line
            assert d.running, line
        await d.runs("/status")
        await d.press("escape")
        await d.still()


async def test_thinking_in_a_pane(drive: Any) -> None:
    async with drive(
        steps((Think("First I look."), Do("read", {"path": "a.py"})), Say("Yes.")), files={"a.py": ""}
    ) as d:
        await d.say("go")
        await d.still()
        assert not d.main.pane.display
        await d.runs("/thinking pane")
        assert d.main.pane.display
        await d.shows("First I look.")
        await d.runs("/thinking pane")
        assert not d.main.pane.display


async def test_init_and_review_are_said(drive: Any) -> None:
    async with drive(steps(Say("One."), Say("Two."))) as d:
        await d.runs("/init")
        await d.tells("One.")
        await d.still()
        assert "AGENTS.md" in d.body(1)
        await d.runs("/review a.py")
        await d.tells("Two.")
        await d.still()


async def test_the_users_own_command(drive: Any, home: Any) -> None:
    folder = home / ".minicode/commands"
    folder.mkdir(parents=True)
    (folder / "greet.md").write_text("Say hello to $ARGUMENTS.\n")
    async with drive(steps(Say("Hello."))) as d:
        await d.press("slash", "g", "r")
        await d.shows("Say hello to")
        await d.press("escape")
        await d.runs("/greet Ann")
        await d.tells("Hello.")
        await d.still()
        assert "Say hello to Ann." in d.body(1)


async def test_a_fold_is_told(drive: Any) -> None:
    replies = [(Think("Hm."), Say(f"Answer {n}. " + "word " * 3000)) for n in range(4)]
    async with drive(steps(*replies, Say("A summary of it."), Say("Yes."))) as d:
        for n in range(4):
            await d.say(f"turn {n}")
            await d.still()
        await d.runs("/compact")
        await d.until(lambda: "fold" in d.kinds)
        await d.tells("olded")
        await d.say("and now")
        await d.still()
        assert "folded" in d.text
        await d.runs("/unfold")
        assert "unfold" in d.kinds
