"""M2 asks on the screen: a choice, own words, a plan; and nothing but a meant key is an answer."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events

from minicode.lab.rehearsal import Do, Say, Think, steps
from minicode.tui.question import Question

COLOURS = {"question": "Which *colour*?", "options": ["red", "blue", "green"]}
ASKS = (Think("I cannot know."), Do("ask_user", COLOURS))
SEVERAL = (Think("I cannot know."), Do("ask_user", {**COLOURS, "several": True}))
PLAN = "# The plan\n\n1. Look.\n2. **Write** it.\n"
PLANS = (Think("It is clear."), Do("exit_plan_mode", {"plan": PLAN}))
WRITES = (Think("Now."), Do("write", {"path": "new.txt", "content": "hello\n"}))
DONE = (Think("So be it."), Say("Done."))


async def asked(d: Any, text: str = "paint it") -> Question:
    await d.say(text)
    panel: Question = d.main.questions
    await d.until(lambda: panel.asked and panel.ready, "nothing is asked")
    return panel


def results(d: Any) -> list[str]:
    return [entry["text"] for entry in d.entries("result")]


ONE = [
    (["enter"], "The user chose: red"),
    (["down", "down", "up", "enter"], "The user chose: blue"),
    (["3", "enter"], "The user chose: green"),
    ([*"pink", "enter"], "The user says: pink"),
    (["up", "up", "enter", *"9 of it", "enter"], "The user says: 9 of it"),
    (["x", "up", "1", "enter"], "The user chose: red"),
    (["x", "backspace", "enter", "up", "enter"], "The user chose: green"),
    (["up", "enter"], "The user did not answer: decide by yourself, and say in your answer what you assumed."),
    (["space", "enter"], "The user chose: red"),
]
MANY = [
    (["space", "3", "space", "enter"], "The user chose: red\nThe user chose: green"),
    (["space", "space", "down", "enter"], "The user chose: blue"),
    (["2", "space", *"and pink", "enter"], "The user chose: blue\nThe user says: and pink"),
]


@pytest.mark.parametrize(("several", "answers"), [(False, ONE), (True, MANY)], ids=["one", "several"])
async def test_answered_by_keys(drive: Any, several: bool, answers: list[tuple[list[str], str]]) -> None:
    ask = [{**COLOURS, "question": f"Which *colour*, {n}?", "several": several} for n in range(len(answers))]
    async with drive(steps(*((Think(f"{n}?"), Do("ask_user", asked)) for n, asked in enumerate(ask)), DONE)) as d:
        await d.say("paint it")
        panel = d.main.questions
        for number, (keys, told) in enumerate(answers):
            await d.until(lambda n=number: len(results(d)) == n and panel.asked and panel.ready)
            assert f"Which colour, {number}?" in d.text and not d.main.prompt.display
            await d.pilot.press(*({" ": "space"}.get(key, key) for key in keys))
            await d.until(lambda n=number: len(results(d)) > n)
            assert results(d)[-1] == told
        await d.tells("Done.")
        await d.still()
        assert not panel.display and d.main.prompt.display and d.main.prompt.has_focus_within


async def test_words_that_are_typed_faster_than_the_screen_are_all_there(drive: Any) -> None:
    async with drive(steps(ASKS, DONE)) as d:
        await asked(d)
        for letter in "mind the unicode":
            d.app.post_message(events.Key({" ": "space"}.get(letter, letter), letter))
        for _ in range(2):
            d.app.post_message(events.Key("enter", "\r"))
        await d.tells("Done.")
        assert results(d) == ["The user says: mind the unicode"]


async def test_answered_with_the_mouse(drive: Any) -> None:
    async with drive(steps(SEVERAL, ASKS, DONE)) as d:
        panel = await asked(d)
        for words in ("blue", "green", "Say it"):
            await click(d, words)
        await d.press(*"too", "enter")
        await d.until(lambda: len(results(d)) == 1 and panel.asked and panel.ready)
        await click(d, "green")
        await d.tells("Done.")
        assert results(d) == [
            "The user chose: blue\nThe user chose: green\nThe user says: too",
            "The user chose: green",
        ]


async def click(d: Any, words: str) -> None:
    row = max(n for n, line in enumerate(d.text.splitlines()) if words in line)
    await d.pilot.click(Question, offset=(6, row - d.main.questions.region.y))
    await d.pilot.pause()


async def test_what_was_meant_for_the_prompt_is_no_answer_and_not_lost(drive: Any) -> None:
    async with drive(steps(ASKS, DONE)) as d:
        await d.say("paint it")
        await d.until(lambda: d.main.questions.asked)
        await d.pilot.press("y", "e", "s", "enter")
        panel = d.main.questions
        await d.until(lambda: panel.ready)
        assert panel.asked and d.main.prompt.value == "yes"
        await d.press("enter")
        await d.tells("Done.")
        assert results(d) == ["The user chose: red"] and d.main.prompt.value == "yes"


@pytest.mark.parametrize(("key", "begun"), [("escape", ("p", "i")), ("escape", ()), ("ctrl+c", ())])
async def test_stopped_while_it_asks(drive: Any, key: str, begun: tuple[str, ...]) -> None:
    async with drive(steps(ASKS, DONE)) as d:
        await asked(d)
        await d.press(*begun)
        await d.press(key)
        await d.still()
        assert not d.main.questions.display and d.main.prompt.has_focus_within
        assert results(d)[0].startswith("interrupted")
        await d.say("go on")
        await d.tells("Done.")


async def test_a_question_and_an_approval_come_one_after_the_other(drive: Any) -> None:
    """Whichever is first: both kinds of calls run side by side."""
    ask = {"flags": {"permissions_ask": ("read",)}, "files": {"a.py": "x\n"}}
    read = Do("read", {"path": "a.py"})
    both = (Think("Both."), Do("ask_user", COLOURS), read)
    turned = (Think("Both."), read, Do("ask_user", COLOURS))
    async with drive(steps(both, turned, DONE), **ask) as d:
        panel, approval = await asked(d), d.main.approval
        await d.until(lambda: d.main.showing.later == 1)
        assert not approval.waiting and panel.has_focus
        await d.press("enter")
        await d.asks()
        assert not panel.display and approval.has_focus
        await d.press("y")
        await d.until(lambda: len(d.server.requests) == 2)
        await d.asks()
        await d.until(lambda: d.main.showing.later == 1)
        assert panel.asked is None
        await d.press("y")
        await d.until(lambda: panel.asked and panel.ready)
        await d.press("2", "enter")
        await d.tells("Done.")
        assert sorted(text for text in results(d) if "chose" in text) == [
            "The user chose: blue",
            "The user chose: red",
        ]


@pytest.mark.parametrize(
    ("keys", "mode"),
    [(("enter",), "plan"), (("2", "enter"), "default"), (("3", "enter"), "acceptEdits")],
    ids=["no", "ask as usual", "accept edits"],
)
async def test_a_plan_is_agreed_to_or_not(drive: Any, keys: tuple[str, ...], mode: str) -> None:
    async with drive(steps(PLANS, ASKS, DONE), flags={"permission_mode": "plan"}) as d:
        panel = await asked(d, "plan it")
        assert "M2 has a plan" in d.text and "The plan" in d.text and "Write it." in d.text
        await d.press(*keys)
        await d.until(lambda: len(results(d)) == 1 and panel.asked and panel.ready)
        assert f"{mode} · " in d.text.splitlines()[-1]
        await d.press("enter")
        await d.tells("Done.")
        assert d.session.gate.standing.mode == mode
        assert ("agreed" in results(d)[0]) == (mode != "plan")


async def test_a_plan_is_sent_back_with_words_and_then_carried_out(drive: Any) -> None:
    script = steps(PLANS, PLANS, WRITES, DONE)
    async with drive(script, flags={"permission_mode": "plan"}) as d:
        panel = await asked(d, "plan it")
        await d.press(*"shorter", "enter")
        await d.until(lambda: len(results(d)) == 1 and panel.asked and panel.ready)
        await d.press("3", "enter")
        await d.tells("Done.")
        assert "did not agree: shorter" in results(d)[0]
        assert (d.folder / "new.txt").read_text() == "hello\n"


async def test_a_long_plan_scrolls_and_its_choices_stay(drive: Any) -> None:
    plan = "\n".join(f"- step {number}" for number in range(40))
    script = steps((Think("Long."), Do("exit_plan_mode", {"plan": plan})), DONE)
    async with drive(script, flags={"permission_mode": "plan"}, size=(60, 16)) as d:
        await asked(d, "plan it")
        assert "step 0" in d.text and "more rows" in d.text and "No, keep planning" in d.text
        for _ in range(20):
            await d.press("pagedown")
            if "step 39" in d.text:
                break
        assert "step 39" in d.text and "No, keep planning" in d.text and "step 0\n" not in d.text
        await d.press("pageup")
        assert "step 39" not in d.text


@pytest.mark.parametrize("size", [(20, 5), (200, 50)])
async def test_odd_questions_on_odd_screens(drive: Any, size: tuple[int, int]) -> None:
    options = [f"option {number} " + "very long " * 40 for number in range(30)]
    evil = {"question": "\x1b[31mred\x1b[0m\u202e " + "word " * 3000, "options": [*options, "\x1b]0;evil\x07last"]}
    async with drive(steps((Think("Odd."), Do("ask_user", evil)), DONE), size=size) as d:
        panel = await asked(d)
        await d.press("up", "up", "up")
        assert "last" in d.text and "\x1b" not in d.text and "\u202e" not in d.text
        await d.pilot.resize_terminal(70, 20)
        await d.pilot.pause()
        assert "last" in d.text and panel.size.height <= 16
        await d.press("enter")
        await d.tells("Done.")
        assert results(d) == ["The user chose: last"]


async def test_where_not_all_choices_fit_it_is_said_how_many_there_are(drive: Any) -> None:
    options = ["a choice that is too long for one row of this screen", "two", "three"]
    ask = {"question": "Which? " * 20, "options": options}
    async with drive(steps((Think("Odd."), Do("ask_user", ask)), DONE), size=(40, 12)) as d:
        await asked(d)
        await d.shows("M2 asks  1 of 5 ↑↓")
        assert "row of this screen" in d.text and "three" not in d.text
        await d.press("down", "down")
        assert "M2 asks  3 of 5 ↑↓" in d.text and "three" in d.text
        await d.pilot.resize_terminal(40, 30)
        await d.pilot.pause()
        assert "M2 asks\n" in d.text and all(word in d.text for word in ("a choice", "two", "No answer"))
        await d.pilot.resize_terminal(20, 5)
        await d.press("up", "up")
        assert "M2 asks  1 of 5" in d.text and "❯ 1 a choice tha…" in d.text
        await d.press("enter")
        await d.tells("Done.")


async def test_told_again_it_is_as_it_was(drive: Any) -> None:
    async with drive(steps(ASKS, DONE)) as d:
        await asked(d)
        await d.press("2", "enter")
        await d.tells("Done.")
        await d.still()
        told = d.told
        assert "blue" in d.text
    async with drive(resume=d.session.journal.id) as again:
        assert again.told.startswith(told.rpartition("\n")[0])
