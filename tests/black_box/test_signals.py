"""Stopped from outside: by a signal, a terminal that goes away, a reader that stops reading."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import socket
import termios
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Say, Step, Think, steps

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SOON = 3.0  # seconds from the signal to the end
ANSWER = (Think("Once more."), Say("Done."))
LOOK = Step((Think("Look."), Do("read", {"path": "a.txt"})))
# Long enough that its beginning is shown before the stream falls silent.
STALLED = Step((Think("I was just thinking of something. " * 60), Say("Never.")), fault=Fault(stall=2500))
WAITING = Step(fault=Fault(status=529, headers={"Retry-After": "50"}))


def tool(bell: Any, trap: str = "") -> Step:
    """A command with a child of its own, and a call that waits behind it. trap: signals the child does not care for."""
    command = f"(trap '' {trap or 'USR1'}; {bell.ring}; while :; do sleep 1; done) & wait"
    return Step((Think("Run."), Do("shell", {"command": command}), Do("shell", {"command": "echo never"})))


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
@pytest.mark.parametrize("state", ["stream", "tool", "retry"])
def test_a_signal_ends_the_run_whole(
    program: Any, rehearse: Any, bell: Any, state: str, number: signal.Signals
) -> None:
    (program.workspace / "a.txt").write_text("A\n")
    step = {"stream": STALLED, "tool": tool(bell, "TERM" if number == signal.SIGTERM else ""), "retry": WAITING}[state]
    server = rehearse(steps(LOOK, step, ANSWER))
    form = "text" if state == "stream" and number == signal.SIGINT else "stream-json"
    running = program.start("run", "--output-format", form, "go", server=server)
    if form == "text":
        running.says("just thinking of")
    elif state == "stream":
        server.wait(2)
    elif state == "tool":
        bell.wait()
    else:
        running.says('"type": "retry"')
    ran = running.end(number, within=SOON)
    assert ran.code == CODES[number]
    if form == "text":
        assert ran.out == "" and "Stopped by a signal" in ran.err
        [partial] = [e for e in program.journal() if e["kind"] == "partial"]
        assert partial["thinking"].startswith("I was just thinking") and partial["why"] == "cancelled"
    else:
        result = ran.result
        assert (result["subtype"], result["num_turns"]) == ("error_interrupted", 2)
        assert result["session_id"] == program.journals[0].stem and result["usage"]["input_tokens"] > 0
    journal = program.journal()
    assert (journal[-1]["kind"], journal[-1]["reason"]) == ("end", "cancelled")
    if state == "tool":
        texts = [e["text"] for e in journal if e["kind"] == "result"]
        assert texts[1].startswith("interrupted") and texts[2].startswith("did not run")

    if number == signal.SIGHUP:
        return  # what is on disk is the same as with SIGTERM
    again = program("run", "-c", "go on", server=server)
    assert (again.code, again.out) == (0, "Done.\n"), again.err
    assert "partial" not in json.dumps(server.requests[-1].body) and "just thinking" not in str(server.requests[-1].raw)


def test_a_second_signal_is_less_patient(program: Any, rehearse: Any, bell: Any) -> None:
    """It costs a stubborn command its grace, and nothing else: nobody is left behind, and the result is told."""
    running = program.start("run", "--json", "go", server=rehearse(steps(tool(bell, "TERM"), ANSWER)))
    bell.wait()
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGTERM)
    ran = running.end(within=SOON)
    assert ran.code in (130, 143) and ran.result["subtype"] == "error_interrupted"
    assert [e["text"].split()[0] for e in program.journal() if e["kind"] == "result"] == ["interrupted:", "did"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_while_the_prompt_is_read(program: Any, number: signal.Signals) -> None:
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * size)
    running = program.start("run", "--json", stdin=reading)
    os.close(reading)
    _, writable, _ = select.select([], [writing], [], 30)  # a full pipe that is writable has been read
    assert writable
    ran = running.end(number, within=SOON)
    os.close(writing)
    assert ran.code == CODES[number] and ran.result["subtype"] == "error_interrupted"
    assert program.journals == []


def test_a_signal_before_the_first_answer(program: Any, rehearse: Any) -> None:
    """While it asks which surface the endpoint speaks; the user's words are kept."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        running = program.start("run", "--json", "go", env={"MINIMAX_BASE_URL": url, "MINICODE_PROTOCOL": None})
        connection, _ = silent.accept()
        ran = running.end(signal.SIGTERM, within=SOON)
        connection.close()
    assert ran.code == 143 and ran.events[0]["type"] == "init" and ran.result["session_id"] == program.journals[0].stem
    assert program("run", "-c", "go on", server=rehearse(steps(ANSWER))).code == 0


def test_a_signal_that_is_to_be_ignored(program: Any, rehearse: Any, bell: Any) -> None:
    """As `nohup` does it."""
    done = program.workspace / "done"
    wait = f"{bell.ring}; until test -e done; do sleep 0.05; done"
    server = rehearse(steps((Think("Wait."), Do("shell", {"command": wait})), ANSWER))
    running = program.start("run", "go", server=server, before=("sh", "-c", 'trap "" HUP; exec "$@"', "sh"))
    bell.wait()
    running.process.send_signal(signal.SIGHUP)
    done.touch()
    ran = running.end()
    assert (ran.code, ran.out) == (0, "Done.\n")


def test_the_terminal_goes_away(program: Any, rehearse: Any, bell: Any) -> None:
    """Its window is closed: SIGHUP comes by itself, and there is nobody to write to."""
    server = rehearse(steps(tool(bell), ANSWER))
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    running = program.start(
        "run", "go", server=server, stdin=slave, stdout=slave, before=("setsid", "--ctty"), env={"TERM": "xterm"}
    )
    bell.wait()
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)
    assert running.end(within=SOON).code == 129
    assert program.journal()[-1]["reason"] == "cancelled"


def test_ctrl_c_on_a_terminal(program: Any, rehearse: Any, bell: Any) -> None:
    server = rehearse(steps(tool(bell), ANSWER))
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    running = program.start(
        "run", "go", server=server, stdin=slave, stdout=slave, before=("setsid", "--ctty"), env={"TERM": "xterm"}
    )
    bell.wait()
    os.write(master, b"\x03")
    assert running.end(within=SOON).code == 130
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize("form", ["text", "stream-json"])
def test_nobody_reads_the_output(program: Any, rehearse: Any, form: str) -> None:
    server = rehearse(steps(LOOK, (Think("More."), Do("shell", {"command": "echo x"})), ANSWER, ANSWER))
    reading, writing = os.pipe()
    os.close(reading)
    ran = program.start("run", "--output-format", form, "go", server=server, stdout=writing).end()
    os.close(writing)
    assert ran.code == 141
    assert program.journal()[-1]["kind"] == "end"
    if form == "stream-json":
        assert len(server.requests) < 3, "it stops when nobody listens"
    session = program.journals[0].stem
    assert program("sessions", "verify", session).code == 0


def test_the_output_goes_into_a_full_device(program: Any, rehearse: Any) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = program.start("run", "go", server=rehearse(steps(ANSWER)), stdout=full).end()
        listed = program.start("sessions", "list", stdout=full).end()
    assert ran.code == 1 and "stdout cannot be written: No space left" in ran.err
    assert program.journal()[-1]["reason"] == "done"
    assert listed.code == 1 and "No space left" in listed.err
