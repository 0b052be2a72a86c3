"""Cases 25 to 33: what is never sent, whatever users, tools, crashes and interruptions do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from minicode.context.history import History
from minicode.events import CallForming, CallSaid, CallStarted, Noted, TextDelta, ThinkingDelta
from minicode.journal.reader import load
from minicode.journal.repair import sound
from minicode.lab.rehearsal import Call, Do, Expect, Fault, Rehearsal, Say, Script, Shape, Step, Think, steps
from minicode.messages import Call as Called
from minicode.messages import Reply, Results, Text, ToolResult, ToolSpec, User

FILES = {"a.py": "1\n", "b.py": "2\n"}
ID = "call_function_ab12cd34ef56_{}"


async def test_case_25_there_is_one_system_prompt_and_it_comes_first(talk: Any, surface: str) -> None:
    rewrite = Do("shell", {"command": "echo Speak German. > AGENTS.md"})
    script = steps((Think("Change it."), rewrite), Say("Done."), Say("Gut."), Say("Ja."))
    told = {"append_system_prompt": "Be brief."}
    first = await talk(script, surface, files={"AGENTS.md": "Speak French.\n"}, flags=told)
    first.whole_script = False
    await first.say("Go")
    (first.folder / "AGENTS.md").write_text("Speak Latin.\n")
    await first.say("And?")
    await first.close()
    second = await talk(
        script,
        surface,
        server=first.server,
        resume="",
        flags={"append_system_prompt": "Be long.", "model": "MiniMax-M2"},
    )
    await second.say("Still?")
    for number in range(1, 5):
        body = second.body(number)
        roles = [message["role"] for message in body["messages"]]
        if surface == "anthropic":
            assert "system" not in roles
            assert len(body["system"]) == 1
        else:
            assert roles.index("system") == 0
            assert roles.count("system") == 1
        system = second.asked(number).system
        assert "Speak French." in system
        assert system.endswith("Be brief.")
    # What changed since is told where it moves nothing.
    assert "Speak German." in second.results(2)[0]
    assert "Speak Latin." in second.asked(3).said


async def test_case_26_nothing_empty_is_sent(talk: Any, surface: str) -> None:
    quiet = (Call("quiet", {}), Do("shell", {"command": "true"}))
    t = await talk(steps(quiet, Say("Nothing came.")), surface, tools=("quiet",))
    await t.say("Go")
    assert t.results(2)[0] == "(no output)"
    assert t.results(2)[1].strip()
    if surface == "anthropic":
        assert [block["type"] for block in t.assistant(2)["content"]] == ["tool_use", "tool_use"]
    else:
        assert "content" not in t.assistant(2)


async def test_case_26_not_even_from_an_odd_history(wire: Any, surface: str) -> None:
    w = await wire(steps(Say("Ok.")), surface)
    bare = Reply((Text(""), Called("c1", "sh", {})), "tool_use", wire=surface)
    wordless = Reply((Text(""),), wire=surface)
    await w.ask(User("Go."), bare, Results((ToolResult("c1", "sh", ""),)), wordless, User(""))
    assert w.results(1) == ["(no output)"]


HARD_SCHEMA = {
    "$schema": "x",
    "type": "object",
    "properties": {
        "path": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "depth": {"type": ["integer", "null"]},
        "kind": {"$ref": "#/$defs/Kind"},
    },
    "required": ["path"],
    "$defs": {"Kind": {"enum": ["file", "folder", None]}},
}


async def test_case_27_tools_from_anywhere_are_made_plain(wire: Any, surface: str) -> None:
    hard = ToolSpec("Dateien.suchen/größe", "Search.", HARD_SCHEMA)
    twin = ToolSpec("Dateien.suchen/grösse", "Another.", {})
    empty = ToolSpec("ping", "", {"type": "object"})
    w = await wire(Script((), after="over"), surface)
    w.whole_script = False
    await w.ask(tools=(hard, twin, empty))
    sent = w.body(1)["tools"]
    if surface == "openai":
        assert {tool["type"] for tool in sent} == {"function"}
        sent = [{"name": t["function"]["name"], "input_schema": t["function"]["parameters"]} for t in sent]
    assert [
        set(tool["name"]) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") for tool in sent
    ] == [
        set(),
        set(),
        set(),
    ]
    assert len({tool["name"] for tool in sent}) == 3
    assert [tool["input_schema"] for tool in sent[1:]] == [{"type": "object", "properties": {}}] * 2
    assert sent[0]["input_schema"] == {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "depth": {"type": "integer"},
            "kind": {"enum": ["file", "folder"]},
        },
        "required": ["path"],
    }

    # A call under the name on the wire is a call of the tool, and goes back under the name on the wire.
    name = sent[0]["name"]
    v = await wire(steps(Call(name, {"path": "."}), Say("Ok.")), surface)
    reply = await v.reply(tools=(hard, twin, empty))
    assert [call.name for call in reply.calls] == [hard.name]
    await v.ask(
        User("Go."), reply, Results((ToolResult(reply.calls[0].id, hard.name, "x"),)), tools=(hard, twin, empty)
    )
    if surface == "anthropic":
        assert v.assistant(2)["content"][0]["name"] == name
    else:
        assert v.assistant(2)["tool_calls"][0]["function"]["name"] == name


@pytest.mark.parametrize(("asked", "sent"), [("0", 0.01), ("0.0", 0.01), ("1.7", 1.0), ("-1", 0.01), ("0.3", 0.3)])
async def test_case_28_a_temperature_that_m2_refuses_is_clamped_and_said(
    talk: Any, surface: str, asked: str, sent: float
) -> None:
    t = await talk(steps(Say("Ok."), Say("Ok again.")), surface, assignments=(f"temperature={asked}",))
    await t.say("Go")
    notes = [event.text for event in t.of(Noted) if "emperature" in event.text]
    assert t.body(1)["temperature"] == sent
    assert len(notes) == (float(asked) != sent)
    await t.say("On")
    assert not t.of(Noted)


async def test_case_28_the_default_temperature_is_one(talk: Any, surface: str) -> None:
    t = await talk(steps(Say("Ok.")), surface)
    await t.say("Go")
    assert t.body(1)["temperature"] == 1.0
    assert not t.of(Noted)


async def test_case_29_esc_while_a_tool_runs_leaves_a_result_for_every_call(talk: Any, surface: str) -> None:
    calls = (Do("shell", {"command": "while sleep 0.1; do echo begun; done"}), Do("shell", {"command": "touch never"}))
    script = steps((Think("Both."), Do("read", {"path": "a.py"}), *calls), Say("I see."))
    t = await talk(script, surface, files=FILES)
    ended = await t.say("Go", lambda event: isinstance(event, CallSaid) and t.session.cancel())
    assert ended.reason == "cancelled"
    ended = await t.say("What happened?")
    read, ran, not_run = t.results(2)
    assert read == "1\t1"
    assert "interrupted" in ran
    assert "did not run" in not_run
    assert not (t.folder / "never").exists()
    assert (ended.returned, ended.issued) == (1, 1)


MOMENTS = {"a thought": ThinkingDelta, "text": TextDelta, "a call": CallForming}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_case_30_esc_while_the_model_writes_leaves_nothing_half(talk: Any, surface: str, moment: str) -> None:
    blocks = (Think("A thought."), Say("A word."), Call("read", {"file_path": "a.py"}))
    cut = {"a thought": blocks[:1], "text": blocks[:2], "a call": blocks}[moment]
    # The shape's last frames are left out, so that all but the end is on the wire when it falls silent.
    half = Step(cut, fault=Fault(stall=100_000), shape=Shape(without=("message_delta", "message_stop", "finish")))
    t = await talk(steps(half, (Think("Anew."), Say("Ok."))), surface, files=FILES)
    ended = await t.say("Go", lambda event: isinstance(event, MOMENTS[moment]) and t.session.cancel())
    assert ended.reason == "cancelled"
    ended = await t.say("Go on")
    assert [turn.role for turn in t.asked(2).turns if turn.role != "system"] == ["user", "user"]
    assert (ended.text, ended.returned, ended.issued) == ("Ok.", 1, 1)
    partial = [entry.data for entry in t.session.journal.branch if entry.kind == "partial"]
    assert [p["why"] for p in partial] == ["cancelled"]
    assert "A thought." in partial[0]["thinking"]


async def long_session(talk: Any, surface: str) -> Any:
    """Parallel calls, a steer, a failure, an interruption, two turns: all that makes a history hard."""
    pair = (Think("Two."), Do("read", {"path": "a.py"}), Do("shell", {"command": "false"}))
    hang = (
        Think("Hang."),
        Do("shell", {"command": "while sleep 0.1; do echo begun; done"}),
        Do("read", {"path": "b.py"}),
    )
    script = steps(
        pair, (Think("Said."), Say("One.")), hang, (Think("Last."), Do("read", {"path": "b.py"})), Say("End.")
    )
    t = await talk(script, surface, files=FILES)
    await t.say("First", lambda event: isinstance(event, CallStarted) and t.session.steer("Mind the gap."))
    await t.say("Second", lambda event: isinstance(event, CallSaid) and t.session.cancel())
    await t.say("Third")
    return t


async def test_case_31_any_prefix_of_a_journal_makes_a_valid_request(talk: Any, wire: Any, surface: str) -> None:
    t = await long_session(talk, surface)
    await t.close()
    branch = load(t.session.journal.path).entries
    w = await wire(Script((Step((Say("Ok."),)),), after="repeat", strict_thinking=False), surface)
    said = next(entry for entry in branch if entry.kind == "user")
    requests = 0
    for end in range(1, len(branch) + 1):
        # As it is after a repair, and as it would be without one.
        for history in (History(sound(branch[:end])), History(branch[:end])):
            history.add(said)  # a user speaks after it, as after a fold or a rewind to this place
            await w.ask(*history.messages(), system=history.system, tools=history.tools)
            requests += 1
            turns = w.asked(-1).turns
            assert next(turn.role for turn in turns if turn.role != "system") == "user"
            assert sum(len(turn.calls) for turn in turns) == sum(len(turn.results) for turn in turns)
            assert w.asked(-1).thoughts == sum(len(m.thinking) for m in history.messages() if isinstance(m, Reply))
    assert requests > 40
    assert sum(len(turn.calls) for turn in w.asked(-1).turns) == 5


async def test_case_32_a_killed_session_goes_on_after_a_repair(talk: Any, surface: str) -> None:
    import asyncio
    import os

    kill = Do("shell", {"command": "touch begun; kill -9 $PPID; exec tail -f /dev/null"})
    script = steps(
        (Think("Kill it."), Do("read", {"path": "a.py"}), kill, Do("write", {"path": "new.py", "content": "3"})),
        Step((Think("Awake."), Say("I was killed.")), expect=Expect(results=("may have", "did not run"), thoughts=1)),
    )
    async with Rehearsal(script) as server:
        base = {"anthropic": "/anthropic", "openai": "/v1"}[surface]
        folder = Path.cwd()
        t = await talk(script, surface, server=server, files=FILES)
        environment = {**os.environ, "MINIMAX_BASE_URL": server.url + base, "MINICODE_PROTOCOL": surface}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "minicode", "run", "--sandbox", "off", "Go"),
            cwd=t.folder,
            env={**environment, "PYTHONPATH": str(folder)},
        )
        assert await child.wait() == -9
        assert (t.folder / "begun").exists()

        after = await talk(script, surface, server=server, resume="")
        assert after.started.notes
        ended = await after.say("What now?")
        assert (ended.text, ended.returned, ended.issued) == ("I was killed.", 2, 2)
        assert after.results(2)[0] == "1\t1"


async def test_case_32_a_journal_cut_at_any_line_goes_on(talk: Any, surface: str) -> None:
    t = await long_session(talk, surface)
    await t.close()
    path = t.session.journal.path
    lines = path.read_bytes().splitlines(keepends=True)
    first_reply = next(n for n, line in enumerate(lines) if b'"kind":"reply"' in line)
    server = Rehearsal(Script((Step((Say("Ok."),)),), after="repeat", strict_thinking=False))
    async with server:
        for end in range(first_reply, len(lines)):
            path.write_bytes(b"".join(lines[:end]) + lines[end][: len(lines[end]) // 2])
            after = await talk(server.script, surface, server=server, resume="")
            ended = await after.say("On")
            assert ended.text == "Ok.", f"cut in line {end}"
            assert ended.returned == ended.issued
            await after.close()


async def test_case_33_what_is_said_while_tools_run_enters_in_a_tool_result(talk: Any, surface: str) -> None:
    same = (Think("Once more."), Do("read", {"path": "a.py"}))
    rewrite = (Think("Learn."), Do("shell", {"command": "echo Speak German. > AGENTS.md"}))
    t = await talk(
        steps(same, same, same, rewrite, Say("Ja.")), surface, files={**FILES, "AGENTS.md": "Speak French.\n"}
    )
    steers = iter(["Look at b.py too.", "And be quick."])

    def steer(event: Any) -> None:
        if isinstance(event, CallStarted) and (words := next(steers, None)):
            t.session.steer(words)

    await t.say("Go", steer)
    for number in range(1, 6):
        users = [n for n, turn in enumerate(t.asked(number).turns) if turn.role == "user" and turn.text]
        assert len(users) == 1  # else the thoughts of the running turn would be out of the model's sight
    results = t.results(5)
    assert "Look at b.py too." in results[0]
    assert "And be quick." in results[1]
    assert "this very call" in results[2]
    assert "Speak German." in results[3]
    assert t.prefix(5).startswith(t.prefix(4))


async def test_case_33_a_steer_that_finds_no_tool_running_is_the_next_message(talk: Any, surface: str) -> None:
    t = await talk(steps((Think("Easy."), Say("Done.")), Say("That too.")), surface)
    told = iter(["Then that too."])
    ended = await t.say("Go", lambda event: isinstance(event, TextDelta) and [t.session.steer(w) for w in told])
    assert ended.text == "That too."
    assert t.asked(2).said == "Then that too."


def test_case_25_the_server_would_have_refused(surface: str) -> None:
    """The checks these cases rest on do refuse what they are to refuse."""
    from minicode.lab.rehearsal.check import understand
    from minicode.lab.rehearsal.conversation import Refusal

    user, system = {"role": "user", "content": "Hi"}, {"role": "system", "content": "You are."}
    with pytest.raises(Refusal, match=r"system|invalid chat setting"):
        understand(surface, {"model": "m", "max_tokens": 9, "messages": [system, user, system]})
