"""M2 asks the user, and presents a plan: what is asked, what it hears of the answer, and where nobody answers."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from minicode.cli.trace import steps as replayed
from minicode.events import Answer, Asked, Event, Picked, Questioned, StepStarted
from minicode.journal.check import verify
from minicode.journal.reader import load
from minicode.lab.rehearsal import Call as Sent
from minicode.lab.rehearsal import Do, Say, Think, steps
from minicode.messages import Call
from minicode.toolbox import Toolbox

ASKS = (Think("I cannot know."), Do("ask_user", {"question": "Which one?", "options": ["red", "blue"]}))
PLANS = (Think("It is clear."), Do("exit_plan_mode", {"plan": "# Plan\n1. Write it."}))
WRITES = (Think("Now."), Do("write", {"file_path": "new.txt", "content": "hello\n"}))
DONE = (Think("That is it."), Say("Done."))


async def asked(talk: Any, script: Any, surface: str = "anthropic", mode: str = "default", **more: Any) -> Any:
    """A talk whose user can be asked."""
    t = await talk(script, surface, flags={"permission_mode": mode}, **more)
    t.session.gate.standing = t.session.gate.standing._replace(asks=True)
    return t


def answering(t: Any, *answers: Picked) -> Any:
    left = list(answers)

    def act(event: Event) -> None:
        if isinstance(event, Questioned):
            t.session.reply(event.call_id, left.pop(0))

    return act


def entries(t: Any, kind: str) -> list[dict[str, Any]]:
    return [dict(entry.data) for entry in t.session.journal.entries if entry.kind == kind]


@pytest.mark.parametrize(
    ("picked", "told"),
    [
        (Picked((1,)), "The user chose: blue"),
        (Picked(words="neither: green"), "The user says: neither: green"),
        (Picked(), "The user did not answer: decide by yourself, and say in your answer what you assumed."),
        (Picked((7, -1, 0, 1)), "The user chose: red"),
    ],
    ids=["picked", "in words", "not at all", "what is not there"],
)
async def test_what_is_answered_is_what_m2_hears(talk: Any, surface: str, picked: Picked, told: str) -> None:
    t = await asked(talk, steps(ASKS, DONE), surface)
    ended = await t.say("Paint it.", answering(t, picked))
    assert (ended.reason, t.results(2)) == ("done", [told])
    (question,) = t.of(Questioned)
    assert question[1:] == ("Which one?", ("red", "blue"), False, False)
    assert [entry["text"] for entry in entries(t, "result")] == [told]


async def test_several_of_many_and_words_beside(talk: Any) -> None:
    do = Do("ask_user", {"question": "Which?", "options": ["a", " b ", "", "a", "c"], "several": True})
    t = await asked(talk, steps((Think("Hm."), do), DONE))
    await t.say("Go.", answering(t, Picked((0, 2), "and not b")))
    assert t.of(Questioned)[0].options == ("a", "b", "c")
    assert t.results(2) == ["The user chose: a\nThe user chose: c\nThe user says: and not b"]


async def test_u7_where_nobody_can_be_asked_it_goes_on_and_says_so(talk: Any, surface: str) -> None:
    t = await talk(steps(ASKS, DONE), surface)
    ended = await t.say("Paint it.")
    assert (ended.reason, ended.exit_code, t.of(Questioned)) == ("done", 0, [])
    (result,) = entries(t, "result")
    assert "take the safest reading" in result["text"] and not result["failed"]
    assert t.results(2) == [result["text"]] and t.session.gate.unmet == []


async def test_an_empty_question_is_none(talk: Any) -> None:
    t = await asked(talk, steps((Think("Hm."), Do("ask_user", {"question": " "})), DONE))
    await t.say("Go.")
    assert "There is no question" in t.results(2)[0] and t.of(Questioned) == []


async def test_questions_of_one_reply_come_one_after_the_other(talk: Any) -> None:
    both = [Do("ask_user", {"question": question}) for question in ("first?", "second?")]
    t = await asked(talk, steps((Think("Two."), *both), DONE))

    def act(event: Event) -> None:
        if isinstance(event, Questioned):
            t.session.reply(event.call_id, Picked(words=f"to {event.text}"))

    await t.say("Go.", act)
    assert [question.text for question in t.of(Questioned)] == ["first?", "second?"]
    assert t.results(2) == ["The user says: to first?", "The user says: to second?"]


async def test_while_one_waits_the_next_is_not_asked(talk: Any) -> None:
    both = [Do("ask_user", {"question": question}) for question in ("first?", "second?")]
    t = await asked(talk, steps((Think("Two."), *both)))
    loop = asyncio.get_running_loop()

    def act(event: Event) -> None:
        if isinstance(event, Questioned):
            loop.call_soon(loop.call_soon, t.session.cancel)  # by then a second one would have been asked

    ended = await t.say("Go.", act)
    assert ended.reason == "cancelled" and [q.text for q in t.of(Questioned)] == ["first?"]
    assert all(entry["text"].startswith("interrupted") for entry in entries(t, "result"))


async def test_the_time_limit_ends_the_waiting(talk: Any) -> None:
    t = await asked(talk, steps(ASKS), assignments=("timeout=1",))
    ended = await t.say("Paint it.")
    assert (ended.reason, ended.exit_code) == ("time", 124) and len(t.of(Questioned)) == 1
    assert entries(t, "result")[0]["text"].startswith("interrupted")
    t.session.reply(t.of(Questioned)[0].call_id, Picked((0,)))  # too late, and harmless


async def test_who_waits_for_notices_hears_of_the_question(talk: Any, home: Path) -> None:
    (home / ".minicode").mkdir(exist_ok=True)
    hook = 'event = "Notification"\nmatcher = "permission_prompt"\ncommand = "cat > heard; echo > there"'
    (home / ".minicode/config.toml").write_text(f"[[hooks]]\n{hook}\n")
    t = await asked(talk, steps(ASKS, DONE))
    os.mkfifo(t.folder / "there")
    answer: list[asyncio.Task[None]] = []

    async def heard(call_id: str) -> None:
        await asyncio.to_thread((t.folder / "there").read_text)
        t.session.reply(call_id, Picked((0,)))

    def act(event: Event) -> None:
        if isinstance(event, Questioned):
            answer.append(asyncio.create_task(heard(event.call_id)))

    await t.say("Paint it.", act)
    assert json.loads((t.folder / "heard").read_text())["message"] == "Which one?"


async def test_other_agents_manners_of_asking(talk: Any) -> None:
    question = {
        "question": "Which?",
        "header": "Store",
        "options": [{"label": "SQLite", "description": "one file"}, {"label": "Postgres", "description": ""}],
        "multiSelect": True,
    }
    t = await asked(talk, steps((Think("Ask."), Sent("AskUserQuestion", {"questions": [question]})), DONE))
    await t.say("Go.", answering(t, Picked((0,))))
    assert t.of(Questioned)[0][1:4] == ("Which?", ("SQLite: one file", "Postgres"), True)


@pytest.mark.parametrize(
    ("sent", "options"),
    [
        ({"questions": '[{"question": "q", "options": ["a"]}]'}, ["a"]),
        ({"question": "q", "follow_up": [{"text": "a", "mode": "code"}]}, ["a"]),
        ({"questions": [{"question": "q", "type": "yesno", "header": "h"}]}, ["Yes", "No"]),
        ({"question": "q", "options": '["a", "b"]'}, ["a", "b"]),
        ({"questions": ["q"]}, None),
        ({"message": "q", "choices": [1, 2]}, ["1", "2"]),
    ],
)
def test_more_manners(sent: dict[str, Any], options: list[str] | None) -> None:
    prepared = _prepared("ask_user", sent)
    assert (prepared.error, prepared.arguments.get("question"), prepared.arguments.get("options")) == (
        None,
        "q",
        options,
    )


def test_several_questions_in_one_call_are_sent_back() -> None:
    error = _prepared("AskUserQuestion", {"questions": [{"question": "a"}, {"question": "b"}]}).error
    assert error is not None and "Make a call for each" in error


def test_the_schemas_are_small() -> None:
    for name in ("ask_user", "exit_plan_mode"):
        spec = _shipped().tools[name].spec
        told = {"name": name, "description": spec.description, "input_schema": spec.schema}
        assert len(json.dumps(told, separators=(",", ":"))) <= 300


def _shipped() -> Any:
    return Toolbox.load([("shipped", Path(__file__).parents[2] / "tools")], ["ask_user", "exit_plan_mode"])


def _prepared(name: str, arguments: dict[str, Any]) -> Any:
    return _shipped().prepare(Call("c1", name, arguments))


# --- plan mode --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "mode"), [(1, "default"), (2, "acceptEdits")])
async def test_a_plan_that_is_agreed_to_is_carried_out(talk: Any, surface: str, place: int, mode: str) -> None:
    t = await asked(talk, steps(PLANS, WRITES, DONE), surface, "plan")
    modes: list[str] = []

    def act(event: Event) -> None:
        if isinstance(event, Questioned):
            assert event.plan and event.text.startswith("# Plan") and event.options[0].startswith("No")
            t.session.reply(event.call_id, Picked((place,)))
        elif isinstance(event, Asked):
            t.session.answer(event.call.id, Answer(True))
        elif isinstance(event, StepStarted):
            modes.append(t.session.gate.standing.mode)

    ended = await t.say("Plan it.", act)
    assert ended.reason == "done" and modes == ["plan", mode, mode]
    assert (t.folder / "new.txt").read_text() == "hello\n"
    assert (len(t.of(Asked)) == 0) == (mode == "acceptEdits")
    assert "The user agreed" in t.results(2)[0] and f"From now on you work in {mode} mode." in t.results(2)[0]
    allowed = [entry for entry in entries(t, "permission") if entry["name"] == "exit_plan_mode"]
    assert [(entry["by"], entry["mode"]) for entry in allowed] == [("user", mode)]
    sound(t)


async def test_a_plan_that_is_not_agreed_to_is_mended(talk: Any) -> None:
    t = await asked(talk, steps(PLANS, PLANS, WRITES, DONE), mode="plan")
    ended = await t.say("Plan it.", answering(t, Picked((0,), "smaller steps"), Picked()))
    assert ended.reason == "done" and t.session.gate.standing.mode == "plan"
    assert "did not agree: smaller steps" in t.results(2)[0] and "did not agree." in t.results(3)[1]
    assert "In plan mode nothing is changed" in t.results(4)[2] and not (t.folder / "new.txt").exists()


async def test_where_nobody_can_agree_the_plan_is_the_answer(talk: Any) -> None:
    t = await talk(steps(PLANS, DONE), "anthropic", flags={"permission_mode": "plan"})
    ended = await t.say("Plan it.")
    assert ended.reason == "done" and t.of(Questioned) == []
    assert "give the plan as your final answer" in t.results(2)[0] and not entries(t, "result")[0]["failed"]
    assert "give it as your answer" in json.dumps(t.body(1)["messages"])


async def test_outside_of_plan_mode_there_is_nothing_to_leave(talk: Any) -> None:
    t = await asked(talk, steps(PLANS, DONE))
    await t.say("Do it.")
    assert "not in plan mode" in t.results(2)[0] and t.of(Questioned) == []


async def test_m2_is_told_once_of_each_switch_and_the_prefix_stands(talk: Any, surface: str) -> None:
    look = (Think("Look."), Do("glob", {"pattern": "*"}))
    t = await asked(talk, steps(look, look, DONE, DONE, look, DONE), surface)
    gate = t.session.gate

    def switch(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == 1:
            gate.standing = gate.standing._replace(mode="plan")

    await t.say("Look.", switch)
    text = "plan mode is on."
    assert text not in json.dumps(t.body(1)["messages"])
    assert text in t.results(2)[0] and "exit_plan_mode" in t.results(2)[0] and text not in t.results(3)[1]
    await t.say("And again.")
    gate.standing = gate.standing._replace(mode="acceptEdits")
    await t.say("Now do it.")
    said = [turn.text for turn in t.asked(5).turns if turn.role == "user"]
    assert json.dumps(said).count("plan mode is off") == 1 and "Now do it." in said[-1]
    assert json.dumps(t.body(6)["messages"]).count("plan mode is off") == 1
    assert [entry["mode"] for entry in entries(t, "told")] == ["plan", "acceptEdits"]
    for number in range(2, 7):
        assert t.prefix(number).startswith(t.prefix(number - 1))
    sound(t)


async def test_what_a_fold_takes_away_is_told_again(talk: Any) -> None:
    folds = (Say("## Goal\nA plan."),)
    t = await asked(talk, steps(DONE, DONE, DONE, folds, folds, DONE), mode="plan")
    for words in ("one", "two", "three"):
        await t.say(words)
    assert json.dumps(t.body(3)["messages"]).count("plan mode is on.") == 1
    await t.session.fold(lambda event: None)
    await t.say("four")
    assert "plan mode is on." in json.dumps(t.body(-1)["messages"][-1])


async def test_gone_on_in_another_mode_it_is_told_so(talk: Any) -> None:
    t = await asked(talk, steps(DONE, DONE), mode="plan")
    await t.say("Plan it.")
    assert "plan mode is on." in json.dumps(t.body(1)["messages"])
    await t.close()
    again = await asked(talk, steps(), server=t.server, resume=t.session.journal.id)
    await again.say("Go on.")
    assert "plan mode is off." in json.dumps(t.body(2)["messages"][-1])
    t.whole_script = again.whole_script = False


def sound(t: Any) -> None:
    """Each request can be made again from the journal, to the byte."""
    t.session.journal.sync()
    path = t.session.journal.path
    made = replayed(load(path))
    report = verify(path, lambda entry: next(made).body)
    assert report.ok, report
