"""What minicode does when M2 goes in circles, stops half-way or is cut; and when its commands misbehave."""

from __future__ import annotations

import os
import resource
from typing import Any

import pytest

from minicode.lab.rehearsal import Call, Do, Expect, Say, Script, Step, Think, steps

ANSWER = (Think("That is all."), Say("Done."))


def results(program: Any) -> list[dict[str, Any]]:
    return [entry for entry in program.journal() if entry["kind"] == "result"]


def test_the_very_same_call_again_and_again(program: Any, rehearse: Any) -> None:
    again = Step((Think("Once more."), Do("shell", {"command": "echo x >>ran; false"})))
    told = Step(again.blocks, expect=Expect(results="3 times with nothing new"))
    server = rehearse(Script((again, again, again, told, again, again), after="repeat"))
    ran = program("run", "--json", "go", server=server)
    assert (ran.code, ran.result["subtype"]) == (1, "error_loop")
    assert (program.workspace / "ran").read_text() == "x\n" * 4, "the fifth is not run"
    assert len(server.requests) == 5 and "5 times with nothing new" in results(program)[4]["text"]
    assert ran.of("permission")[0]["denied"] in results(program)[4]["text"]
    session = program.journals[0].stem
    assert program("sessions", "verify", session).code == 0
    assert program("run", "-c", "another way", server=rehearse(steps(ANSWER))).code == 0


def test_something_new_in_between_is_no_loop(program: Any, rehearse: Any) -> None:
    same = Do("shell", {"command": "true"})
    rounds = [(Think(f"Look {n}"), same if n % 3 else Do("shell", {"command": f"echo {n}"})) for n in range(9)]
    assert program("run", "go", server=rehearse(steps(*rounds, ANSWER))).code == 0


def test_a_plan_without_an_act_is_nudged_once(program: Any, rehearse: Any) -> None:
    plan = Do("todo", {"items": [("find it", "in_progress"), "mend it"]})
    script = steps(
        (Think("Plan."), plan),
        (Think("Tell."), Say("Now I will mend it.")),
        Step((Think("Oh."), Say("Next I'll really do it.")), expect=Expect(said=("todo list still has", "mend it"))),
    )
    server = rehearse(script)
    ran = program("run", "--json", "go", server=server)
    assert (ran.code, ran.result["result"], len(server.requests)) == (0, "Next I'll really do it.", 3)


def test_a_reply_cut_at_the_output_limit(program: Any, rehearse: Any) -> None:
    """Cut while thinking: asked to go on, with room. Cut inside a call: not run, said so. Never done, never lost."""
    server = rehearse(
        steps(
            Step((Think("So much to think about. The culprit is in line 7, I am sure of"),), stop="max_tokens"),
            Step(
                (Think("Write it."), Call("bash", raw='{"command": "touch cut; echo ')),
                stop="max_tokens",
                expect=Expect(said="The culprit is in line 7", thoughts=1),
            ),
            Step(ANSWER, expect=Expect(results=("did not run", "output limit"), thoughts=2)),
        )
    )
    ran = program("run", "--json", "go", server=server)
    assert (ran.code, ran.result["thinking"]) == (0, {"issued": 3, "returned": 3})
    assert not (program.workspace / "cut").exists()
    first, second, _ = (e.body["max_tokens"] for e in server.requests)
    assert second > first
    assert program("sessions", "verify", program.journals[0].stem).code == 0

    cut = Step((Think("Hm."), Say("The answer begins")), stop="max_tokens")
    ran = program("run", "--json", "go", server=rehearse(steps(cut, cut)))
    assert ran.code == 1 and "cut at the output limit" in ran.result["error"]


COMMANDS = {
    "forever": ("yes", 1),
    "a long line": ("head -c 20000000 /dev/zero | tr '\\0' x", 20),
    "bytes": (r"printf '\xff\xfe\x00\xed\xa0\x80 \x1b[2J\x07 caf\xc3\xa9\n'", 9),
    "background": ("sleep 300 & echo hi", 9),
    "hidden": ("setsid -f sleep 300 >/dev/null 2>&1; (setsid sleep 300 &) ; echo hi", 9),
    "stubborn": ("echo begun; (trap '' TERM; (trap '' TERM INT HUP; while :; do sleep 1; done)) & wait", 1),
    "stdin": (
        "cat; read x; echo got=[$x]; python3 -c 'import sys; print(sys.stdin.read() or \"EOF\")'; tty </dev/tty",
        9,
    ),
    "environment": ("env", 9),
}


def test_commands_that_misbehave(program: Any, rehearse: Any, grows: Any) -> None:
    calls = tuple(Do("shell", {"command": command, "timeout": limit}) for command, limit in COMMANDS.values())
    server = rehearse(steps((Think("All."), *calls), ANSWER))
    running = program.start("run", "--json", "go", server=server, env={"AWS_SECRET_ACCESS_KEY": "canary-two"})
    _, status, used = os.wait4(running.pid, 0)
    running.process.returncode = os.waitstatus_to_exitcode(status)
    ran = running.end()
    assert ran.code == 0, ran
    assert used.ru_maxrss < 300 * 1024, "output without end is not kept"
    told = dict(zip(COMMANDS, ran.of("tool_result"), strict=True))
    assert "[stopped" in told["forever"]["text"] and len(told["forever"]["text"]) < 40_000
    assert told["forever"]["duration_ms"] < 6000
    assert len(told["a long line"]["text"]) < 40_000
    assert "café" in told["bytes"]["text"] and not {"\x1b", "\0", "\x07"} & set(told["bytes"]["text"])
    for name in ("background", "hidden"):
        assert told[name]["text"].startswith("hi\n") and told[name]["duration_ms"] < 5000
    if ran.of("init")[0]["sandbox"]["backend"] != "bwrap":  # there the kernel ends it before it can be seen
        assert "sleep 300" in told["background"]["text"], "what was stopped is told"
    assert told["stubborn"]["text"].startswith("begun") and told["stubborn"]["duration_ms"] < 7000
    assert "got=[]" in told["stdin"]["text"] and "EOF" in told["stdin"]["text"]
    assert "canary-two" not in ran.out and "MINIMAX" not in told["environment"]["text"]
    grows([e.raw for e in server.requests])


def test_calls_that_are_no_calls(program: Any, rehearse: Any) -> None:
    """Broken JSON, an unknown tool, wrong types, ids twice: each gets its one result, and M2 goes on."""
    (program.workspace / "a.txt").write_text("A\n")
    big = "x" * 2_000_000
    write = Call("write", {"file_path": "b", "content": big})
    server = rehearse(
        steps(
            (Think("1"), Call("bash", raw='{"command": "echo one", '), Call("Bash", {"command": "echo two"})),
            (Think("2"), Call("raed", {"file_path": "a.txt"}), Call("read", {"path": "a.txt", "limit": "1"})),
            (Think("3"), Call("read", {}), Call("bash", {"command": ["a"]}), write),
            ANSWER,
        )
    )  # fmt: skip
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0, ran.err
    texts = [entry["text"] for entry in results(program)]
    assert len(texts) == 7
    assert "two" in texts[1] and "1\tA" in texts[3]
    assert (program.workspace / "b").read_text() == big
    assert "file_path" in texts[4]
    assert program("sessions", "verify", program.journals[0].stem).code == 0


def test_a_tool_of_the_user_that_breaks(program: Any, rehearse: Any) -> None:
    """Whatever it raises while it runs, its call has one result and the run goes on."""
    tools = program.home / ".minicode" / "tools"
    tools.mkdir(parents=True)
    head = (
        "from minicode.toolkit import Result, tool\n\n@tool(effect='reads')\nasync def {0}() -> Result:\n    'Do it.'\n"
    )
    bodies = {"divide": "    1 / 0\n", "leave": "    raise SystemExit(3)\n", "nothing": "    return None\n"}
    for name, body in bodies.items():
        (tools / f"{name}.py").write_text(head.format(name) + body)
    server = rehearse(steps((Think("All."), *(Call(name) for name in bodies)), ANSWER))
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0, ran
    told = {e["name"]: e for e in ran.of("tool_result")}
    assert all(told[name]["is_error"] for name in bodies) and "ZeroDivisionError" in told["divide"]["text"]


def test_nothing_is_left_open(program: Any, rehearse: Any) -> None:
    """Many calls in a process that may open few files."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 64:
        pytest.skip("fewer are allowed already")
    rounds = [
        (Think(f"{n}"), *(Do("shell", {"command": f"echo {n}"}), Do("glob", {"pattern": "*"}))) for n in range(30)
    ]
    ran = program("run", "go", server=rehearse(steps(*rounds, ANSWER)), before=("prlimit", "--nofile=40"))
    assert (ran.code, ran.out) == (0, "Done.\n")
    assert program.journals[0].stat().st_size < 100_000
