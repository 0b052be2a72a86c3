"""Work that M2 hands to sessions of their own: side by side, held, counted, stopped, asked again, and all on record."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from minicode.events import Answer, Asked, CallDone, CallSaid, CallStarted, Denied, Event, Noted, ReplyDone
from minicode.journal.reader import load
from minicode.lab.rehearsal import Asked as Question
from minicode.lab.rehearsal import Call, Fault, Say, Step
from minicode.messages import Call as ToolCall
from minicode.messages import Usage, usage_from_json
from minicode.plain import Progress
from minicode.replay import replay
from minicode.show import Diff, Line, Output
from minicode.toolbox import Toolbox
from minicode.tui.blocks import Block, Look
from minicode.tui.doings import Doing
from minicode.tui.story import Story
from tests.tasks.conftest import Begin, cast, entries, step


def hand(prompt: str, **more: Any) -> Call:
    return Call("task", {"prompt": prompt, **more})


def replies(path: Path) -> Usage:
    return sum((usage_from_json(e.data["usage"]) for e in entries(path, "reply")), Usage())


@pytest.mark.parametrize("surface", ["anthropic", "openai"])
async def test_two_tasks_of_one_reply_run_side_by_side(talk: Begin, tmp_path: Path, surface: str) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    play = cast(
        both=[step(hand("first"), hand("second", description="the other one")), step(Say("Both are done."))],
        first=[step(Call("meet", {"pipe": pipe, "role": "wait"})), step(Say("I met somebody."))],
        second=[step(Call("meet", {"pipe": pipe, "role": "come"})), step(Say("I came."))],
    )
    one = await talk(play, surface=surface)
    ended = await one.say("both")
    assert (ended.reason, ended.text) == ("done", "Both are done.")
    first, second = one.tasks
    session = one.session.journal.id
    assert [path.stem for path in one.tasks] == [f"{session}-t1", f"{session}-t2"]
    assert [text.split("\n")[0] for text in one.results()] == ["I met somebody.", "I came."]
    assert one.results()[0].split("\n")[1].startswith(f"[task {first.stem}, 2 steps, ")
    assert one.results()[0].endswith('; to ask it more: resume="t1"]')
    # Its session says whose it is, and began with nothing but its own prompt.
    call = entries(one.session.journal.path, "task")[1].data["call_id"]
    assert load(second).header.data["task"] == {"session": session, "call": call, "access": "read"}
    assert {e.data["title"] for e in entries(second, "title")} == {"the other one"}
    assert one.sound()
    # Thoughts are counted apart, tokens together.
    assert (ended.returned, ended.issued, ended.steps) == (2, 2, 2)
    own = sum((event.reply.usage for event in one.of(ReplyDone)), Usage())
    used = [replies(path) for path in one.tasks]
    assert ended.usage == own + used[0] + used[1] and used[0].context > 0 < used[1].context
    past = list(replay(session, one.session.journal.branch))
    assert past[-1].usage == ended.usage
    # What is seen of it while it runs, and in the end.
    done = next(event for event in one.of(CallDone) if "I met" in event.result.text)
    told = [event.text for event in one.of(CallSaid) if event.call_id == done.call.id]
    assert told == ["step 1 · 0 thoughts\n", f"● meet {pipe} wait\n", "step 2 · 1 thought\n"]
    line, output = done.show
    assert isinstance(line, Line) and line.text.startswith("2 steps, 1 call, 2 thoughts, ")
    assert isinstance(output, Output) and output.text == f"● meet {pipe} wait\n\nI met somebody."


async def test_a_read_task_cannot_change_anything(talk: Begin) -> None:
    play = cast(
        go=[step(hand("look")), step(Say("ok"))],
        look=[
            step(Call("write", {"file_path": "a", "content": "x"}), Call("git", {"args": ["init"]}), hand("deeper")),
            step(Say("It was not possible.")),
        ],
    )
    one = await talk(play)
    await one.say("go")
    mine, theirs = one.asked[0], one.asked[1]
    names = {tool.name for tool in theirs.tools}
    assert {"read", "grep", "glob", "todo", "recall", "git"} <= names < {tool.name for tool in mine.tools}
    assert not names & {"write", "edit", "apply_patch", "bash", "jobs", "python", "run_tests", "task", "ask_user"}
    assert "sub-agent" in theirs.system and "sub-agent" not in mine.system
    refused = [text for _, text in one.asked[2].turns[-1].results]
    assert "There is no tool `write`" in refused[0] and "There are no subagents here" in refused[2]
    assert refused[1].startswith("not run: this task only looks.")
    assert list(one.folder.iterdir()) == []
    assert one.sound()


async def test_a_full_task_edits_and_the_other_is_told_to_read_again(talk: Begin) -> None:
    edit = {"file_path": "a.txt", "old_string": "old", "new_string": "new"}
    play = cast(
        go=[
            step(Call("read", {"file_path": "a.txt"})),
            step(hand("mend", access="full")),
            step(Call("write", {"file_path": "a.txt", "content": "mine\n"})),
            step(Say("ok")),
        ],
        mend=[step(Call("read", {"file_path": "a.txt"})), step(Call("edit", edit)), step(Say("Mended."))],
    )
    one = await talk(play)
    (one.folder / "a.txt").write_text("old\n")
    await one.say("go")
    assert (one.folder / "a.txt").read_text() == "new\n"
    assert one.results()[1].startswith("Mended.")
    assert "changed" in one.results()[2]  # what it had read is no more what is there
    assert entries(one.session.journal.path, "intent")[0].data["name"] == "task"
    # A rewind brings back what was there before the task.
    message = next(e.id for e in entries(one.session.journal.path, "user"))
    await one.session.rewind(message, files=True)
    assert (one.folder / "a.txt").read_text() == "old\n"


async def test_a_budget_holds_for_the_tasks_too(talk: Begin) -> None:
    look = step(Call("glob", {"pattern": "*"}))
    play = cast(go=[step(hand("look")), step(Say("never"))], look=[look, look, look, look])
    one = await talk(play, max_tokens=9000)
    ended = await one.say("go")
    assert ended.reason == "tokens" and ended.usage.context > 9000
    [result] = entries(one.session.journal.path, "result")
    assert result.data["failed"] and "[The task was not finished: Stopped at " in result.data["text"]
    assert 1 < len(entries(one.tasks[0], "reply")) < 4
    assert one.sound()


async def test_a_task_that_makes_too_many_calls_can_be_gone_on_with(talk: Begin) -> None:
    look = [step(Call("glob", {"pattern": pattern})) for pattern in ("*", "*.py")]
    play = cast(
        go=[step(hand("look")), step(hand("and?", resume="t1")), step(Say("ok"))], look=[*look, step(Say("Nothing."))]
    )
    one = await talk(play, max_turns=3)
    one.session.parts.limits = one.session.parts.limits.__class__(turns=2)
    ended = await one.say("go")
    assert ended.reason == "turns"
    first, second = (e.data["text"] for e in entries(one.session.journal.path, "result"))
    assert first.startswith("[The task was not finished: it used up its model calls (2). task ")
    assert second.startswith("Nothing.\n[task ")
    assert len(one.tasks) == 1 and one.sound()


async def test_a_task_that_has_to_wait_says_so(talk: Begin) -> None:
    tries = [Fault(status=529, headers={"Retry-After": "0"})]

    def look(_: Question) -> Step:
        return Step((Say("Nothing."),), fault=tries.pop()) if tries else step(Say("Nothing."))

    one = await talk(cast(go=[step(hand("look")), step(Say("ok"))], look=[look]))
    said: list[str] = []
    progress = Progress(said.append, colour=False)
    await one.say("go", progress.show)
    [note] = [event for event in one.of(Noted) if event.text.startswith("Task t1: ")]
    assert re.fullmatch(r"Task t1: try 1 of \d+ failed: .+ Waiting \d s\.", note.text) and note.level == "warning"
    assert f"  {note.text}\n" in "".join(said)


async def test_stopping_the_turn_stops_its_tasks_and_tells_how_to_go_on(talk: Begin, tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    play = cast(
        go=[step(hand("wait")), step(hand("and now?", resume="t1")), step(Say("ok"))],
        wait=[step(Call("meet", {"pipe": pipe, "role": "wait"})), step(Say("Now I am done."))],
    )
    one = await talk(play)

    def stop(event: Event) -> None:
        if isinstance(event, CallSaid) and "● meet" in event.text:
            one.session.cancel()

    ended = await one.say("go", stop)
    assert ended.reason == "cancelled"
    [result] = entries(one.session.journal.path, "result")
    assert "[The task was not finished: interrupted: it was stopped. task " in result.data["text"]
    assert entries(one.tasks[0], "end")[-1].data["reason"] == "cancelled"
    assert one.sound()
    ended = await one.say("go on")
    assert ended.reason == "done" and one.results()[-1].startswith("Now I am done.")
    # It goes on where it was: the call that was stopped has its result, and its thoughts are all there.
    again = next(asked for asked in one.asked if asked.turns[-1].text == "and now?")
    assert "interrupted" in again.turns[2].results[0][1]
    assert one.sound() and len(one.tasks) == 1


async def test_what_a_task_may_is_asked_of_the_user(talk: Begin) -> None:
    write = {"file_path": "a.txt", "content": "x\n"}
    same = [Step((Say("I write."), Call("write", write, id="call_0"))), step(Say("Written."))]
    play = cast(
        go=[
            Step((Say("I hand it over."), Call("task", {"prompt": "one", "access": "full"}, id="call_0"))),
            step(Call("write", {"file_path": "b.txt", "content": "y\n"})),
            step(Say("ok")),
        ],
        one=same,
    )
    one = await talk(play, asks=True, permission_mode="default")
    asked: list[Asked] = []

    def allow(event: Event) -> None:
        if isinstance(event, Asked):
            asked.append(event)
            one.session.answer(event.call.id, Answer(True, "session"))

    ended = await one.say("go", allow)
    assert ended.reason == "done" and (one.folder / "a.txt").exists() and (one.folder / "b.txt").exists()
    [question] = asked  # the rule that it gave holds for the session too
    assert re.fullmatch(r"call_0/t1/[0-9a-f]{8}/call_0", question.call.id) and question.call.name == "write"
    assert question.reason == "The task t1 asks. It changes `a.txt`."  # nobody described it
    assert question.show == (Diff("a.txt", "--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1 @@\n+x"),)
    # A call that was asked about is seen to its end, under the same id.
    of_it = [type(e) for e in one.events if getattr(getattr(e, "call", None), "id", "") == question.call.id]
    assert of_it == [Asked, CallStarted, CallDone]
    assert entries(one.tasks[0], "permission")[0].data["call_id"] == "call_0"
    assert one.session.gate.standing.rules.allow == ("edit",)


async def test_a_no_to_a_task_is_a_no_and_stopping_while_it_asks_works(talk: Begin) -> None:
    write = Call("write", {"file_path": "a.txt", "content": "x\n"})
    play = cast(
        go=[step(hand("one", access="full")), step(Say("ok")), step(hand("two", access="full"))],
        one=[step(write), step(Say("I may not."))],
        two=[step(write)],
    )
    one = await talk(play, asks=True, permission_mode="default")

    def refuse(event: Event) -> None:
        if isinstance(event, Asked):
            one.session.answer(event.call.id, Answer(False, say="not there"))

    await one.say("go", refuse)
    assert [event.by for event in one.of(Denied)] == ["user"]
    assert one.results()[0].startswith("I may not.")
    ended = await one.say("again", lambda event: one.session.cancel() if isinstance(event, Asked) else None)
    assert ended.reason == "cancelled" and not (one.folder / "a.txt").exists()
    assert one.sound()


async def test_a_permission_that_a_task_lacked_is_missed_by_its_session(talk: Begin) -> None:
    need = Call("bash", {"command": "curl http://127.0.0.1:9/", "needs": "network"})
    play = cast(
        go=[step(hand("fetch", access="full")), step(Say("It cannot be done."))],
        fetch=[step(need), step(Say("I may not."))],
    )
    one = await talk(play, permission_mode="default")
    ended = await one.say("go")
    assert (ended.reason, ended.exit_code) == ("denied", 58)
    assert [(event.call.name, event.by) for event in one.of(Denied)] == [("bash", "nobody")]
    assert "[The task was not finished: A permission that was needed could not be asked for (bash)" in one.results()[0]


async def test_a_task_is_gone_on_with_in_another_process_and_in_a_fork(talk: Begin) -> None:
    play = cast(
        go=[step(hand("look")), step(Say("ok")), step(hand("more", resume="t1")), step(Say("ok"))],
        look=[step(Say("One.")), step(Say("Two.")), step(Say("Three."))],
    )
    one = await talk(play)
    await one.say("go")
    id_ = one.session.journal.id
    await one.started.close()
    fork = await talk(play, resume=id_, fork=True)
    await fork.say("on")
    assert fork.results()[-1].startswith("Two.\n[task " + fork.session.journal.id + "-t2,")
    assert len(entries(one.tasks[0], "user")) == 1  # the one that it was forked from is as it was
    await fork.started.close()
    again = await talk(play, resume=id_)
    await again.say("on")
    assert again.results()[-1].startswith(f"Two.\n[task {id_}-t1,")
    assert [turn.text for turn in again.asked[1].turns] == ["look", "One.", "more"]
    assert len(again.tasks) == 1 and again.sound() and fork.sound()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"resume": "t7"}, "There is no task 't7' in this session. It had "),
        ({"resume": "20260101-000000-abcdef-t1"}, "There is no task '20260101-000000-abcdef-t1'"),
        ({"resume": "../../x"}, "There is no task '../../x'"),
        ({"resume": "t1", "access": "full"}, 'The task t1 was begun with access="read", and goes on with that only.'),
        ({"prompt": "  "}, "There is nothing to do in `prompt`."),
    ],
)
async def test_what_cannot_be_gone_on_with_is_said(talk: Begin, more: dict[str, Any], words: str) -> None:
    play = cast(
        go=[step(hand("look")), step(Call("task", {"prompt": "on", **more})), step(Say("ok"))],
        look=[step(Say("One."))],
    )
    one = await talk(play)
    assert (await one.say("go")).reason == "done"
    assert words in one.results()[1] and len(one.tasks) == 1
    assert entries(one.session.journal.path, "result")[1].data["failed"]


async def test_a_task_runs_once_at_a_time(talk: Begin) -> None:
    play = cast(
        go=[step(hand("look")), step(hand("x", resume="t1"), hand("y", resume="1")), step(Say("ok"))],
        look=[step(Say("One.")), step(Say("Two."))],
    )
    one = await talk(play)
    await one.say("go")
    assert one.results()[1].startswith("Two.") and "is still running" in one.results()[2]


async def test_more_tasks_than_may_run_wait_for_their_turn(talk: Begin, tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    wait = Call("meet", {"pipe": pipe, "role": "wait"})
    play = cast(
        go=[step(*(hand(f"wait {n}") for n in range(4)), hand("last")), step(Say("ok"))],
        wait=[step(wait), step(Say("Met."))],
        last=[step(Say("Last."))],
    )
    one = await talk(play)
    waiting: set[str] = set()

    def release(event: Event) -> None:
        if isinstance(event, CallSaid) and "● meet" in event.text:
            waiting.add(event.call_id)
            if len(waiting) == 4:
                assert len(one.asked) == 5  # its own, and four tasks': the fifth has not begun
                Path(pipe).write_text("you")  # there are readers

    await one.say("go", release)
    assert [text.split("\n")[0] for text in one.results()] == ["Met."] * 4 + ["Last."]
    assert [event.text for event in one.of(CallSaid) if "waits" in event.text] == ["waits: 4 tasks are running\n"]


async def test_the_tasks_of_a_session_that_is_not_kept_are_not_kept(talk: Begin, home: Path) -> None:
    play = cast(
        go=[step(hand("look")), step(hand("more", resume="t1")), step(Say("ok"))],
        look=[step(Say("One.")), step(Say("Two."))],
    )
    one = await talk(play, ephemeral=True)
    await one.say("go")
    assert [text.split("\n")[0] for text in one.results()] == ["One.", "Two."]
    assert not list(home.rglob("*.jsonl"))


async def test_a_task_whose_m2_fails_or_says_nothing_has_failed(talk: Begin) -> None:
    play = cast(
        go=[step(hand("broken"), hand("silent")), step(Say("ok"))],
        broken=[Step(fault=Fault(status=400, code=2013, message="invalid params"))],
        silent=[Step(())] * 9,
    )
    one = await talk(play)
    await one.say("go")
    assert all(text.startswith("[The task was not finished: ") for text in one.results())
    assert all(e.data["failed"] for e in entries(one.session.journal.path, "result"))
    assert one.sound()


async def test_hooks_hear_of_tasks(talk: Begin, home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    hook = "[[hooks]]\nevent = \"{0}\"\nsandbox = false\ncommand = 'cat >> {1}; echo >> {1}; {2}'\n"
    begun = hook.format("SubagentStart", log, "echo heed the rule")
    rest = "".join(hook.format(e, log, "true") for e in ("SubagentStop", "Stop", "UserPromptSubmit", "PreToolUse"))
    (home / ".minicode" / "config.toml").write_text(begun + rest)
    play = cast(
        go=[step(hand("look")), step(Say("ok"))], look=[step(Call("glob", {"pattern": "*"})), step(Say("One."))]
    )
    one = await talk(play)
    await one.say("go")
    told = [json.loads(line) for line in log.read_text().splitlines() if line]
    heard = [(t["hook_event_name"], t.get("tool_name", ""), t.get("agent_type", "")) for t in told]
    assert heard == [
        ("UserPromptSubmit", "", ""),
        ("PreToolUse", "Task", ""),
        ("SubagentStart", "", "read"),
        ("PreToolUse", "Glob", "read"),
        ("SubagentStop", "", "read"),
        ("Stop", "", ""),
    ]
    assert one.asked[1].turns[0].text == "look\n\n[SubagentStart hook: heed the rule]"


async def test_a_task_that_is_stopped_as_it_begins_does_not_go_on(talk: Begin) -> None:
    play = cast(go=[step(hand("look"), hand("look")), step(Say("ok"))], look=[step(Say("One."))] * 9)
    one = await talk(play)
    ended = await one.say("go", lambda event: one.session.cancel() if isinstance(event, CallStarted) else None)
    assert ended.reason == "cancelled"
    assert len(one.asked) == 1 and all(not entries(path, "request") for path in one.tasks)
    assert all("interrupted" in e.data["text"] for e in entries(one.session.journal.path, "result"))


async def test_what_a_task_does_is_seen_on_the_screen(talk: Begin) -> None:
    write = Call("write", {"file_path": "a.txt", "content": "x\n"})
    play = cast(
        go=[step(hand("one", access="full", description="write it")), step(Say("ok"))],
        one=[step(Call("glob", {"pattern": "*"})), step(write), step(Say("Written."))],
    )
    one = await talk(play, asks=True, permission_mode="default")
    paper = Paper()
    story = Story(paper)

    def show(event: Event) -> None:
        story.show(event)
        if isinstance(event, CallDone) and event.call.name == "write":
            live.append(paper.doings[0].live.text)
        if isinstance(event, Asked):
            assert event.reason == "The task t1 (write it) asks. It changes `a.txt`."
            assert [doing.state for doing in paper.doings] == ["run", "wait"]
            one.session.answer(event.call.id, Answer(True))

    live: list[str] = []
    await one.say("go", show)
    task, asked = paper.doings
    assert live == ["step 1 · 0 thoughts\n● glob *\nstep 2 · 1 thought\n● write a.txt\n"]
    assert (task.state, asked.state, asked.name) == ("good", "good", "write")
    assert task.summary.startswith("3 steps, 2 calls, 3 thoughts, ")
    task.open = True
    rows = "\n".join("".join(span.text for span in line.spans) for line in task.lines(100, Look()))
    assert "● glob *\n● write a.txt\n" in rows and "Written." in rows


class Paper:
    """Where a story's blocks go."""

    def __init__(self) -> None:
        self.doings: list[Doing] = []

    def add(self, *blocks: Block) -> None:
        self.doings += [block for block in blocks if isinstance(block, Doing)]

    def touch(self, block: Block) -> None:
        pass


async def test_the_time_of_a_turn_is_that_of_its_tasks(talk: Begin, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    wait = Call("meet", {"pipe": str(tmp_path / "pipe"), "role": "wait"})
    one = await talk(cast(go=[step(hand("wait"))], wait=[step(wait)]), timeout=0.5)
    ended = await one.say("go")
    assert ended.reason == "time"
    [result] = entries(one.session.journal.path, "result")
    assert "interrupted: it was stopped" in result.data["text"] and one.sound()


async def test_a_rule_may_forbid_tasks_and_only_ours_go_unasked(talk: Begin, home: Path) -> None:
    play = cast(go=[step(hand("look"), hand("mend", access="full")), step(Say("ok"))])
    one = await talk(play, asks=True, permission_mode="default")
    gate = one.session.gate
    gate.standing = gate.standing._replace(rules=gate.standing.rules._replace(deny=("task",)))
    await one.say("go")
    assert one.results() == ["not run: The rule `task` forbids it."] * 2 and one.tasks == []
    prepared = one.session.parts.toolbox.prepare(hand_over := ToolCall("c1", "task", {"prompt": "x", "access": "full"}))
    assert gate.look(prepared).effect == "state"  # what it does is looked at call by call
    (home / ".minicode" / "tools" / "task.py").write_text(THEIRS)
    guest = Toolbox.load([("user", home / ".minicode" / "tools")]).prepare(hand_over)
    assert gate.look(guest).effect == "runs"


THEIRS = '''
from minicode.toolkit import Result, tool

@tool(effect="runs")
async def task(prompt: str) -> Result:
    """Do something else."""
    return Result(prompt)
'''
