"""Killed at any moment, a session goes on: each call has one result, each thought comes back, nothing is guessed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Say, Step, Think, steps

ANSWER = (Think("Now I see."), Say("Done."))
LOOK = (Think("Look — 看."), Say("Reading."), Do("read", {"path": "a.txt"}))


@pytest.fixture(autouse=True)
def _file(program: Any) -> None:
    (program.workspace / "a.txt").write_text("A\n")


def results(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(call id, text) of each tool result in a request, in order."""
    blocks = [b for m in body["messages"] if m["role"] == "user" for b in m["content"]]
    return [(b["tool_use_id"], str(b["content"])) for b in blocks if b["type"] == "tool_result"]


def test_killed_while_it_streams(program: Any, rehearse: Any, grows: Any) -> None:
    cut = Step((Think("The bug may be in " * 100), Do("shell", {"command": "touch ran"})), fault=Fault(stall=2500))
    server = rehearse(steps(LOOK, cut, ANSWER))
    running = program.start("run", "go", server=server)
    running.says("The bug may be")
    running.end(signal.SIGKILL)
    # The same process's lock is free at once, and what was streamed and never finished is not told as said.
    ran = program("run", "--json", "-c", "go on", server=server)
    assert ran.result["thinking"] == {"issued": 2, "returned": 2}
    assert not (program.workspace / "ran").exists()
    last = server.requests[-1].body
    assert len(results(last)) == 1 and "The bug may be" not in json.dumps(last)
    grows([e.raw for e in server.requests])
    assert program("sessions", "verify", program.journals[0].stem).code == 0


@pytest.mark.parametrize("flags", [(), ("--sandbox", "off")], ids=["held", "free"])
def test_killed_while_a_tool_runs(
    program: Any, rehearse: Any, grows: Any, bell: Any, left: Any, flags: tuple[str, ...]
) -> None:
    """The first call was done, the second ran, the third waited. Each is told as what it was."""
    run = f"(setsid sleep 300 &); {bell.ring}; sleep 300"
    calls = (*(Do("shell", {"command": c}) for c in ("echo first", run, "touch third")),)
    server = rehearse(steps(LOOK, (Think("Three things."), *calls), ANSWER, ANSWER))
    running = program.start("run", *flags, "go", server=server)
    bell.wait()
    running.end(signal.SIGKILL)
    assert left() == []
    ran = program("run", "-c", "go on", server=server)
    assert (ran.code, ran.out) == (0, "Done.\n")
    assert "Cut short when minicode last stopped: 2 tool calls;" in ran.err
    told = results(server.requests[-1].body)
    assert [text.split()[0] for _, text in told[1:]] == ["first", "interrupted:", "did"]
    assert "may have taken effect" in told[2][1] and "did not run" in told[3][1]
    assert len({id_ for id_, _ in told}) == 4, "each completed call has one result"
    assert not (program.workspace / "third").exists(), "nothing is run again by itself"
    # And once more: a resume of the resume tells the same, once.
    assert program("run", "-c", "again", server=server).code == 0
    assert results(server.requests[-1].body) == told
    grows([e.raw for e in server.requests])


def test_killed_again_and_again(program: Any, rehearse: Any, grows: Any) -> None:
    """A thought a process, and a kill after each: the last request holds them all, unchanged."""
    script = []
    for number in range(3):
        stall = Step((Think("x" * 3000), Say("no")), fault=Fault(stall=1500))
        script += [Step((Think(f"Thought {number} — “{number}”\u2028."), Do("read", {"path": "a.txt"}))), stall]
    server = rehearse(steps(*script, ANSWER))
    for number in range(3):
        flags = ("-c",) if number else ()
        running = program.start("run", *flags, f"part {number}", server=server)
        running.says("xxxxxxxx")
        running.end(signal.SIGKILL)
    ran = program("run", "--json", "-c", "and?", server=server)
    assert ran.result["thinking"] == {"issued": 4, "returned": 4}
    grows([e.raw for e in server.requests])
    for number in range(3):
        assert f"Thought {number} — “{number}”\u2028." in json.dumps(server.requests[-1].body, ensure_ascii=False)
    assert program("sessions", "verify", program.journals[0].stem).code == 0


def test_calls_of_a_reply_that_was_never_answered(program: Any, rehearse: Any, damaged: list[str]) -> None:
    """As after a kill between the reply and its first call: the records after the reply are taken away."""
    server = rehearse(steps((Think("Write."), Do("shell", {"command": "echo 1 >>ran"})), ANSWER, ANSWER))
    assert program("run", "go", server=server).code == 0
    [path] = program.journals
    lines = path.read_bytes().splitlines(keepends=True)
    kinds = [json.loads(line)["kind"] for line in lines]
    path.write_bytes(b"".join(lines[: kinds.index("reply") + 1]) + lines[kinds.index("reply") + 1][:20])
    damaged.append("journal")
    ran = program("run", "-c", "go on", server=server)
    assert ran.code == 0 and "The last record was cut off" in ran.err
    assert "Cut short when minicode last stopped: 1 tool call;" in ran.err
    [(_, text)] = results(server.requests[-1].body)
    assert "did not run" in text
    assert (program.workspace / "ran").read_text() == "1\n"


def test_a_damaged_middle(program: Any, rehearse: Any, damaged: list[str]) -> None:
    damaged.append("journal")
    server = rehearse(steps(LOOK, ANSWER, ANSWER))
    assert program("run", "go", server=server).code == 0
    [path] = program.journals
    lines = path.read_bytes().splitlines(keepends=True)
    at = [json.loads(line)["kind"] for line in lines].index("result")
    lines[at] = b"\0" * 300 + b"garbage\n"
    path.write_bytes(b"".join(lines))
    ran = program("run", "-c", "go on", server=server)
    assert ran.code == 0 and "1 unreadable lines are skipped" in ran.err
    [(_, text)] = results(server.requests[-1].body)
    assert text.startswith("lost: the record of this result is damaged")
    assert path.read_bytes().startswith(b"".join(lines)), "nothing is deleted"
    verified = program("sessions", "verify", path.stem)
    assert verified.code == 1 and "NOT SOUND" in verified.out and "unreadable lines 1" in verified.out
    assert "1 unreadable lines" in program("sessions", "show", path.stem).out


def test_a_session_that_is_no_session(program: Any, rehearse: Any, damaged: list[str]) -> None:
    damaged.append("journal")
    server = rehearse(steps(ANSWER))
    assert program("run", "go", server=server).code == 0
    [path] = program.journals
    path.write_bytes(b"\x00\xff not a session\n" * 10)
    for arguments in (("run", "-r", path.stem, "go on"), ("sessions", "show", path.stem)):
        ran = program(*arguments, server=server)
        assert ran.code == 1 and path.stem in ran.err, ran
    assert program("sessions", "list").code == 0


def test_two_processes_on_one_session(program: Any, rehearse: Any, bell: Any) -> None:
    wait = Do("shell", {"command": f"{bell.ring}; until test -e go; do sleep 0.05; done"})
    server = rehearse(steps((Think("Wait."), wait), ANSWER, ANSWER))
    first = program.start("run", "go", server=server)
    bell.wait()
    [path] = program.journals
    before = path.read_bytes()
    second = program("run", "--json", "-c", "me too", server=server)
    assert second.code == 59 and str(first.pid) in second.result["error"] and str(first.pid) in second.err
    first.process.send_signal(signal.SIGSTOP)
    assert program("run", "-c", "me too", server=server).code == 59, "a stopped holder still holds"
    assert path.read_bytes() == before
    assert program("sessions", "show", path.stem).code == 0, "reading needs no lock"
    first.process.send_signal(signal.SIGCONT)
    (program.workspace / "go").touch()
    assert first.end().code == 0
    assert program("run", "-c", "and now?", server=server).code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_the_disk_is_full(program: Any, rehearse: Any, damaged: list[str]) -> None:
    """Storage that cannot be written ends the run before another tool has an effect."""
    damaged.append("journal")
    disk = program.workspace.parent / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        calls = [
            (Think("Long thoughts. " * 3000), Do("shell", {"command": f"echo {number} >>ran"})) for number in range(8)
        ]
        server = rehearse(steps(*calls, ANSWER))
        ran = program("run", "--json", "go", server=server, env={"MINICODE_HOME": str(disk / "home")})
        assert ran.code == 60 and str(disk) in ran.result["error"]
        told = len(ran.of("tool_use"))
        assert 0 < told < 8 and (program.workspace / "ran").read_text().count("\n") == told
        [path] = disk.glob("home/sessions/*/*.jsonl")
        lines = path.read_bytes().splitlines()
        entries = [json.loads(line) for line in lines[:-1]]
        done = [e for e in entries if e["kind"] == "result"]
        assert len(done) >= told - 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_files_cannot_grow(program: Any, rehearse: Any, damaged: list[str]) -> None:
    """The same by RLIMIT_FSIZE, which needs no right; and the signal the kernel sends with it."""
    damaged.append("journal")
    server = rehearse(steps((Think("Long. " * 20_000), Do("shell", {"command": "touch ran"})), ANSWER))
    ran = program("run", "go", server=server, before=("prlimit", "--fsize=60000"))
    assert ran.code == 60 and "session" in ran.err
    assert not (program.workspace / "ran").exists()
