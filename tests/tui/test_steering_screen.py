"""Words while M2 works: at its next step, in mid-thought, afterwards; and what stops it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Say, Script, Shape, Step, Think, steps
from minicode.tui.drafts import Draft
from minicode.tui.panels import Queue

LONG = "I think and think. " * 200
HANGS = Fault(stall=2000)
WAITS = {"command": "while [ ! -e go ]; do sleep 0.02; done; echo went"}
THOUGHT = Step((Think(LONG),), fault=HANGS)


async def test_enter_steers_at_the_next_step(drive: Any) -> None:
    async with drive(steps((Think("Wait."), Do("shell", WAITS)), (Think("Ah."), Say("Yes.")))) as d:
        await d.say("go on")
        await d.shows("while [")
        await d.say("and be quick")
        await d.shows("↳ and be quick")
        await d.tells("M2 hears it with its next step")
        (d.folder / "go").touch()
        await d.still()
        [*_, last] = json.loads(d.body(2))["messages"]
        assert [block["type"] for block in last["content"]] == ["tool_result"]
        assert "and be quick" in json.dumps(last)
        assert d.main.prompt.value == ""


async def test_ctrl_s_stops_a_thought_at_once(drive: Any) -> None:
    script = steps((Think("Look."), Do("read", {"path": "a.py"})), THOUGHT, (Think("Ah."), Say("Yes.")))
    async with drive(script, files={"a.py": "x = 1\n"}) as d:
        await d.say("go on")
        await d.tells("I think and")
        await d.say("the other one", "ctrl+s")
        await d.still()
        assert "tool_result" in d.body(3) and "the other one" in d.body(3) and "I think" not in d.body(3)
        assert [partial["why"] for partial in d.entries("partial")] == ["steered"]
        await d.shows("cut off, does not count")
        assert "↳ the other one" in d.text and "M2 hears it with its next step" not in d.told
        assert "thought 2/2" in d.text
        assert d.text.index("does not count") < d.text.index("↳") < d.text.index("Yes.")


async def test_ctrl_s_with_nothing_running_just_sends(drive: Any) -> None:
    async with drive(steps(Say("Yes."))) as d:
        await d.say("hello", "ctrl+s")
        await d.still()
        await d.shows("❯ hello")
        assert d.body(1).count("hello") == 1


async def test_the_queue_is_shown_taken_back_and_sent_one_turn_each(drive: Any) -> None:
    script = steps((Think("Wait."), Do("shell", WAITS)), Say("One."), Say("Two."), Say("Three."))
    async with drive(script) as d:
        await d.say("first")
        await d.shows("while [")
        for words in ("second", "third", "fourth"):
            await d.say(words, "tab")
            await d.until(lambda words=words: words in d.queued)
        assert "❯ second" not in d.text
        await d.pilot.click(Queue, offset=(4, 2))
        await d.pilot.pause()
        assert d.main.prompt.value == "third" and d.turns.queue == ["second", "fourth"]
        d.main.prompt.clear()
        (d.folder / "go").touch()
        await d.tells("Three.")
        await d.still()
        said = [entry["text"] for entry in d.entries("user")]
        assert said == ["first", "second", "fourth"]
        assert [line for line in d.told.splitlines() if line in said] == said
        assert not d.main.query_one(Queue).display


async def test_what_is_queued_stays_when_the_turn_is_stopped(drive: Any) -> None:
    async with drive(steps(THOUGHT, Say("Yes."), Say("And yes."))) as d:
        await d.say("first")
        await d.tells("I think")
        await d.say("second", "tab")
        await d.press("escape")
        await d.still()
        assert d.turns.queue == ["second"] and "second" in d.text
        await d.say("other")
        await d.tells("And yes.")
        await d.still()
        assert [entry["text"] for entry in d.entries("user")] == ["first", "other", "second"]


async def test_words_that_a_stopped_turn_never_heard_wait_in_the_queue(drive: Any) -> None:
    async with drive(steps((Think("Wait."), Do("shell", WAITS)), Say("Yes."), Say("And yes."))) as d:
        await d.say("first")
        await d.shows("while [")
        await d.say("unheard")
        await d.press("escape")
        await d.still()
        await d.until(lambda: d.queued == ["unheard"])
        await d.say("second")
        await d.tells("And yes.")
        await d.still()
        assert [entry["text"] for entry in d.entries("user")] == ["first", "second", "unheard"]


async def test_words_that_nobody_heard_are_in_the_draft_after_quit(drive: Any) -> None:
    async with drive(steps((Think("Wait."), Do("shell", WAITS)))) as d:
        await d.say("first")
        await d.shows("while [")
        await d.say("steered")
        await d.say("queued", "tab")
        await d.until(lambda: d.queued == ["queued"])
        await d.write("begun")
        d.app.exit(0)  # as a signal ends it too
    assert Draft(d.app.desk.places.drafts).read() == "steered\n\nqueued\n\nbegun"


STATES: dict[str, tuple[Step, str]] = {
    "first byte": (Step((Say("x"),), delay=60), "go on"),
    "thought": (THOUGHT, "I think"),
    "text": (Step((Say(LONG),), fault=HANGS), "I think"),
    "forming call": (
        Step((Do("write", {"path": "b", "content": LONG}),), fault=HANGS, shape=Shape(argument_piece=20)),
        "write",
    ),
    "tool": (Step((Do("shell", {"command": "sleep 100"}),)), "sleep 100"),
    "retry wait": (Step(fault=Fault(status=529, headers={"retry-after": "60"}, body="{}")), "try 1 of"),
}


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
@pytest.mark.parametrize("state", list(STATES))
async def test_stopped_in_any_state(drive: Any, state: str, key: str) -> None:
    step, seen = STATES[state]
    async with drive(steps(step, Say("And on it goes."))) as d:
        await d.say("go on")
        await d.until(lambda: seen in d.told and d.server.requests)
        await d.press(key)
        await d.still()
        assert "stopped" in d.told
        if state != "first byte":  # whose answer the server still owes
            await d.say("once more")
            await d.tells("And on it goes.")
            await d.still()
            assert "go on" in d.body() and "once more" in d.body()
        assert d.main.prompt.has_focus_within


async def test_escape_closes_what_is_open_before_it_stops_anything(drive: Any) -> None:
    async with drive(steps(THOUGHT)) as d:
        await d.say("go on")
        await d.tells("I think")
        await d.press("slash", "t")
        assert d.main.prompt._popup.open
        await d.press("escape")
        assert not d.main.prompt._popup.open and d.running
        await d.press("ctrl+f", "x")
        await d.press("escape")
        assert d.running and "search" not in d.text.splitlines()[-5:]
        await d.press("escape")
        await d.still()
        assert d.main.prompt.value == "/t"  # what is written stays


async def test_escape_while_a_word_asks(drive: Any) -> None:
    async with drive(steps(Say("Yes."))) as d:
        asked = d.app.run_worker(d.main.talking.ask("Which one?"))
        await d.shows("Which one?")
        await d.press("a", "b")
        await d.press("escape")
        assert await asked.wait() == ""
        assert "Which one?" not in d.text and d.main.prompt.has_focus_within


async def test_escape_while_it_folds(drive: Any) -> None:
    slow = Step((Say("A summary."),), delay=60)
    replies = [Say(f"Answer {n}. " + "word " * 3000) for n in range(4)]
    async with drive(steps(*replies, slow)) as d:
        for n in range(4):
            await d.say(f"turn {n}")
            await d.still()
        await d.say("/compact")
        await d.until(lambda: len(d.server.requests) == 5)
        await d.press("escape")
        await d.until(lambda: not d.session.running)
        await d.pilot.pause()
        assert "fold" not in d.kinds and d.app.trouble is None
        assert d.main.prompt.has_focus_within


async def test_escape_twice_goes_back_in_time(drive: Any) -> None:
    async with drive(steps(Say("Yes."), Say("No."))) as d:
        await d.say("first words")
        await d.still()
        await d.say("second words")
        await d.still()
        await d.press("escape", "escape")
        await d.until(lambda: type(d.app.screen).__name__ == "Rewind")
        await d.shows("second words")
        await d.press("enter")
        await d.until(lambda: d.app.screen is d.main)
        await d.until(lambda: d.main.prompt.value == "second words")
        assert "second words" not in d.told and "first words" in d.told


async def test_a_turn_that_fails_says_why_and_the_next_one_works(drive: Any) -> None:
    wrong = Step(
        fault=Fault(status=400, body={"error": {"type": "invalid_request_error", "message": "no [b]such[/b]"}})
    )
    async with drive(Script((wrong, Step((Say("Yes."),))))) as d:
        await d.say("first")
        await d.still()
        assert "no [b]such[/b]" in d.told
        await d.say("second")
        await d.still()
        assert "Yes." in d.told


async def test_a_key_that_is_refused_says_so(drive: Any) -> None:
    refused = Step(fault=Fault(status=401, body={"error": {"type": "authentication_error", "message": "bad key"}}))
    async with drive(Script((refused,), after="repeat")) as d:
        await d.say("first")
        await d.still()
        assert "key" in d.told and d.main.turns is not None


async def test_going_in_circles_is_stopped(drive: Any) -> None:
    same = Step((Think("Again."), Do("read", {"path": "a.py"})))
    async with drive(Script((same,), after="repeat"), files={"a.py": "x = 1\n"}) as d:
        await d.say("first")
        await d.still()
        await d.tells("same move")
