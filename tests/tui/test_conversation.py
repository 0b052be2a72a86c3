"""A session on the screen: opened, asked for permission, left; and what goes wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import MinicodeError
from minicode.lab.rehearsal import Do, Fault, Say, Step, Think, steps
from minicode.tui.approval import Approval

MAKES = (Think("Make it."), Do("shell", {"command": "touch made"}))


@pytest.fixture
def unheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command is asked for."""
    monkeypatch.setenv("MINICODE_SANDBOX_BACKENDS", "none")


async def test_a_turn_from_the_first_word_to_the_last(drive: Any) -> None:
    script = steps((Think("First I look."), Do("read", {"path": "a.py"})), (Think("So."), Say("It is **42**.")))
    async with drive(script, files={"a.py": "x = 42\n"}) as d:
        await d.say("what is it?")
        await d.still()
        await d.shows("It is 42.")
        assert "what is it?" in d.text
        assert d.kinds.count("reply") == 2


async def test_words_before_the_session_is_open_wait_for_it(drive: Any) -> None:
    async with drive(steps(Say("Yes."), Say("And yes.")), first="from the command line", wait=False) as d:
        assert d.main.turns is None
        await d.pilot.press(*"early", "enter")
        assert d.main.prompt.value == ""
        await d.until(lambda: d.main.turns and not d.running and len(d.server.requests) == 2)
        assert "from the command line" in d.body(1)
        assert d.body(2).count("early") == 1


@pytest.mark.parametrize(
    ("keys", "asked_again", "rules"),
    [(("y",), True, 0), (("s",), False, 1), (("p",), False, 1), (("down", "enter"), True, 0)],
    ids=["once", "session", "project", "by arrows"],
)
async def test_allowed(drive: Any, unheld: None, keys: tuple[str, ...], asked_again: bool, rules: int) -> None:
    async with drive(steps(MAKES, MAKES, Say("Made."))) as d:
        await d.say("make it")
        await d.asks()
        assert not (d.folder / "made").exists() and "touch made" in d.text
        assert not d.main.prompt.display
        await d.press(*keys)
        if asked_again:
            await d.until(lambda: len(d.server.requests) == 2)
            await d.asks()
            await d.press("y")
        await d.tells("Made.")
        await d.still()
        assert (d.folder / "made").exists()
        assert len(d.session.gate.standing.rules.allow) == rules
        assert d.main.prompt.display and d.main.prompt.has_focus_within
    if "p" in keys:
        async with drive(steps(MAKES, Say("Made."))) as d:
            await d.say("make it")
            await d.tells("Made.")


async def test_refused_with_words(drive: Any, unheld: None) -> None:
    async with drive(steps(MAKES, (Think("Well."), Say("Another way.")))) as d:
        await d.say("make it")
        await d.asks()
        await d.press("n", *"use cp", "enter")
        await d.tells("Another way.")
        await d.still()
        assert "the user said no: use cp" in d.body(2)
        assert not (d.folder / "made").exists() and d.main.prompt.has_focus_within


async def test_enter_alone_is_no(drive: Any, unheld: None) -> None:
    async with drive(steps(MAKES, Say("Another way."))) as d:
        await d.say("make it")
        await d.asks()
        await d.press("enter")
        await d.press("enter")
        await d.tells("Another way.")
        assert "the user said no" in d.body(2) and not (d.folder / "made").exists()


async def test_answered_with_the_mouse(drive: Any, unheld: None) -> None:
    async with drive(steps(MAKES, Say("Made."))) as d:
        await d.say("make it")
        await d.asks()
        panel = d.main.approval
        row = next(n for n, line in enumerate(d.text.splitlines()) if "yes, once" in line.lower())
        await d.pilot.click(Approval, offset=(8, row - panel.region.y))
        await d.tells("Made.")
        assert (d.folder / "made").exists()


async def test_two_at_once_are_answered_one_after_the_other(drive: Any) -> None:
    """Calls that read run side by side."""
    both = [Do("read", {"path": "a.py"}), Do("read", {"path": "b.py"})]
    ask = {"flags": {"permissions_ask": ("read",)}, "files": {"a.py": "x\n", "b.py": "y\n"}}
    async with drive(steps((Think("Two."), *both), Say("Read.")), **ask) as d:
        await d.say("read them")
        await d.asks(2)
        await d.shows("1 of 2")
        await d.press("y")
        await d.asks(1)
        await d.press("n", "enter")
        await d.tells("Read.")
        await d.still()
        assert sorted(entry["failed"] for entry in d.entries("result")) == [False, True]


async def test_stopped_while_it_asks(drive: Any, unheld: None) -> None:
    async with drive(steps(MAKES, Say("Yes."))) as d:
        await d.say("make it")
        await d.asks()
        await d.press("escape")
        await d.still()
        assert not d.main.approval.display and d.main.prompt.has_focus_within
        await d.say("go on")
        await d.tells("Yes.")
        assert not (d.folder / "made").exists()


async def test_what_was_meant_for_the_prompt_is_no_answer_and_not_lost(drive: Any, unheld: None) -> None:
    async with drive(steps(MAKES, Say("Made."))) as d:
        await d.say("make it")
        await d.until(lambda: d.main.approval.waiting)
        await d.pilot.press("y", "e", "s")
        assert d.main.approval.waiting
        await d.asks()
        assert d.main.prompt.value == "yes" and d.main.approval.has_focus
        await d.press("y")
        await d.tells("Made.")
        await d.still()
        assert d.main.prompt.value == "yes" and d.main.prompt.has_focus_within


async def test_ctrl_c_while_it_asks_stops_and_keeps_what_is_written(drive: Any, unheld: None) -> None:
    async with drive(steps(MAKES)) as d:
        await d.say("make it")
        await d.until(lambda: d.main.approval.waiting)
        d.main.prompt.add("a draft")
        await d.asks()
        await d.press("ctrl+c")
        await d.still()
        assert d.main.prompt.value == "a draft"


async def test_resumed_it_tells_what_was(drive: Any) -> None:
    look = (Think("First I look."), Do("read", {"path": "a.py"}))
    async with drive(steps(look, (Think("So."), Say("It is 42."))), files={"a.py": "x = 42\n"}) as d:
        await d.say("what is it?")
        await d.still()
        id_ = d.session.journal.id
    async with drive(steps((Think("Hm."), Say("Still."))), resume=id_) as d:
        assert "what is it?" in d.told and "First I look." in d.told and "It is 42." in d.told
        await d.say("and now?")
        await d.still()
        assert "First I look." in d.body(1) and "thought 3/3" in d.text


async def test_a_session_in_use_ends_it_with_its_code(drive: Any) -> None:
    async with drive(steps(Say("Yes."))) as d:
        await d.say("hello")
        await d.still()
        async with drive(resume=d.session.journal.id, wait=False) as other:
            await other.until(lambda: not other.app.is_running)
            assert isinstance(other.app.trouble, MinicodeError) and other.app.trouble.exit_code == 59


async def test_settings_that_are_wrong_end_it_with_their_code(drive: Any, home: Path) -> None:
    (home / ".minicode").mkdir(parents=True, exist_ok=True)
    (home / ".minicode/config.toml").write_text('modle = "x"\n')
    async with drive(wait=False) as d:
        await d.until(lambda: not d.app.is_running)
        assert isinstance(d.app.trouble, MinicodeError) and d.app.trouble.exit_code == 52
        assert "modle" in str(d.app.trouble)


async def test_without_a_key_one_is_asked_for_and_the_session_opens(drive: Any) -> None:
    async with drive(wait=False, flags={"base_url": "https://api.minimax.io"}) as d:
        await d.shows("Paste a MiniMax key")
        await d.press("enter")
        await d.shows("The key")
        await d.pilot.press(*"sk-test-0123456789", "enter")
        await d.until(lambda: d.main.turns is not None)
        assert "sk-test-0123456789" not in d.text + d.told
        assert d.app.screen is d.main


async def test_without_a_key_one_can_leave(drive: Any) -> None:
    async with drive(wait=False, flags={"base_url": "https://api.minimax.io"}) as d:
        await d.shows("Paste a MiniMax key")
        await d.press("escape")
        await d.until(lambda: not d.app.is_running)
        assert d.app.return_value == 0 and d.app.trouble is None


@pytest.mark.parametrize("state", ["idle", "streaming", "tool", "asking"])
async def test_however_it_is_left_the_session_is_closed(
    drive: Any, home: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    if state == "asking":
        monkeypatch.setenv("MINICODE_SANDBOX_BACKENDS", "none")
    (home / ".minicode").mkdir(parents=True, exist_ok=True)
    (home / ".minicode/config.toml").write_text(
        f'[[hooks]]\nevent = "SessionEnd"\nsandbox = false\ncommand = "cat >> {home}/ended"\n'
    )
    step = {
        "idle": Step((Say("Yes."),)),
        "streaming": Step((Think("I think. " * 200),), fault=Fault(stall=2000)),
        "tool": Step((Do("shell", {"command": "sleep 100"}),)),
        "asking": Step(MAKES),
    }[state]
    async with drive(steps(step)) as d:
        await d.say("go on")
        seen = {"idle": "Yes.", "streaming": "I think.", "tool": "sleep 100", "asking": "touch made"}[state]
        await d.tells(seen)
        if state == "idle":
            await d.still()
        id_, journal = d.session.journal.id, d.session.journal
        d.main.prompt.clear()
        await d.press("ctrl+d")
        await d.until(lambda: not d.app.is_running)
    assert json.loads((home / "ended").read_text())["hook_event_name"] == "SessionEnd"
    assert [entry.kind for entry in journal.entries][-1] in ("end", "title", "job")
    async with drive(steps(Say("Again.")), resume=id_) as d:  # nobody holds it any more
        await d.say("and again")
        await d.tells("Again.")


async def test_left_before_it_is_open(drive: Any, home: Path) -> None:
    """What the opening session made is gone with it."""
    async with drive(wait=False) as d:
        await d.until(lambda: d.app.desk._opening)
        await d.press("ctrl+d")
        await d.until(lambda: not d.app.is_running)
    assert d.app.trouble is None and d.app.return_value == 0
    assert not list((home / ".minicode/tmp").iterdir())


async def test_hooks_hear_of_nobody_while_words_come(drive: Any) -> None:
    """What waits for the user is cancelled by the user's next words, and there is one of it."""
    async with drive(steps(Say("One."), Say("Two."))) as d:
        for words in ("first", "second"):
            waiting = d.turns._waiting
            await d.say(words)
            assert waiting.cancelled() or waiting.cancelling()
            await d.still()
        waiting = d.turns._waiting
        await d.runs("/clear")
        await d.until(waiting.cancelled)


async def test_what_waits_in_the_queue_comes_along_into_another_session(drive: Any) -> None:
    hangs = Step((Think("I think. " * 200),), fault=Fault(stall=2000))
    async with drive(steps(hangs)) as d:
        await d.say("first")
        await d.tells("I think.")
        await d.say("second", "tab")
        await d.press("escape")
        await d.still()
        await d.runs("/clear")
        assert d.turns.queue == ["second"] and d.queued == ["second"]
