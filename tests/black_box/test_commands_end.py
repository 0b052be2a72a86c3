"""R20, R22 to R27: whatever holds the commands, they end, and so does the program, whatever was done to it."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Call, Say, Think, steps

ANSWER = (Think("Now I know."), Say("Done."))
# Becomes the program, and writes down the most memory that it or a process of it had, in KiB.
MEASURED = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[2:]); "
    "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)); sys.exit(code)"
)


@pytest.fixture(params=["bwrap", "landlock", "off"])
def box(request: pytest.FixtureRequest) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What holds the commands: changes to the environment, and flags."""
    if request.param == "off":
        return {}, ("--sandbox", "off")
    if request.param == "bwrap" and not Path("/usr/bin/bwrap").exists():
        pytest.skip("bubblewrap is not installed")
    return {"MINICODE_SANDBOX_BACKENDS": request.param}, ("--sandbox", "workspace-write")


def bash(command: str, **more: Any) -> Call:
    return Call("bash", {"command": command, **more})


def told(program: Any, rehearse: Any, box: Any, *calls: Call, **more: Any) -> list[tuple[str, float]]:
    """Text and seconds of the calls' results, each in a reply of its own."""
    env, flags = box
    server = rehearse(steps(*((Think(f"Call {number}."), call) for number, call in enumerate(calls)), ANSWER))
    ran = program.start("run", "--json", *flags, "go", server=server, env=env, **more).end(within=90)
    assert ran.code == 0, ran.err
    return [(entry["text"], entry["seconds"]) for entry in program.journal() if entry["kind"] == "result"]


@pytest.mark.parametrize("box", ["bwrap", "off"], indirect=True)
def test_r20_output_without_end(program: Any, rehearse: Any, box: Any, tmp_path: Path) -> None:
    most = tmp_path / "most"
    before = (sys.executable, "-c", MEASURED, str(most))
    calls = bash("echo first; yes | head -c 100000000; echo last"), bash("yes $$; echo never")
    (much, _), (endless, seconds) = told(program, rehearse, box, *calls, before=before)
    assert much.startswith("first\ny\n") and much.endswith("\nlast\n[exit code 0]") and "bytes" in much
    assert endless.endswith("[stopped: it printed more than 500 MB]") and seconds < 60
    assert int(most.read_text()) < 200_000


def test_r22_what_is_left_in_the_background(program: Any, rehearse: Any, box: Any) -> None:
    starts = ["sleep 300 &", "sleep 300 >&- 2>&- <&- &", "setsid sleep 300 &", "nohup setsid sh -c 'sleep 300; echo' &"]
    for text, seconds in told(program, rehearse, box, *(bash(f"{start} sleep 0.1; echo hi") for start in starts)):
        assert text.split("\n")[-2].endswith("hi") and "[exit code 0" in text and seconds < 5


def test_r23_a_deaf_tree_ends_in_time(program: Any, rehearse: Any, box: Any, bell: Any) -> None:
    deaf = "trap '' TERM INT HUP; echo level {}; {} sleep 300; sleep 300\n"
    for level, below in enumerate(("setsid bash second &", "bash third &", ""), 1):
        name = ("first", "second", "third")[level - 1]
        (program.workspace / name).write_text(deaf.format(level, below))
    env, flags = box
    call = bash("bash first", timeout=1)
    [(text, seconds)] = told(program, rehearse, (env, (*flags, "--disallowed-tools", "jobs")), call)
    assert all(f"level {level}\n" in text for level in (1, 2, 3)) and seconds < 1 + 6
    assert text.endswith("\n[stopped after 1 s (timeout); the output so far is above]")


def test_r24_nobody_is_waited_for(program: Any, rehearse: Any, box: Any) -> None:
    """What asks a person ends at once, and does not get at the terminal from which the program was started."""
    (program.workspace / "f").write_text("text\n")
    lines = {
        "cat": "[exit code 0]",
        "read x; echo read $?": "read 1",
        "python3 -c 'input()' 2>&1 | tail -1": "EOFError",
        "less f": "text",
        "vi f": "call again with tty",
        "sudo -S true": "[exit code",
        "ssh -o ConnectTimeout=2 127.0.0.1": "[exit code",
        "git clone -q https://user@127.0.0.1:1/x": "[exit code",
        "(echo typed >/dev/tty; read x </dev/tty) 2>&1 || echo none": "none",
    }
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    # stdin is its terminal, whose input nobody else may take; stdout tells in JSON.
    results = told(program, rehearse, box, *map(bash, lines), stdin=slave, before=("setsid", "--ctty"))
    assert termios.tcgetattr(slave) == before and not select.select([master], [], [], 0)[0]
    os.close(slave)
    os.close(master)
    for (line, wanted), (text, seconds) in zip(lines.items(), results, strict=True):
        assert wanted in text and seconds < 10, (line, text)


def test_r25_thrice_is_at_once(program: Any, rehearse: Any, box: Any, bell: Any, left: Any) -> None:
    """Without a grace for anybody; what was running is ended all the same, and the session goes on."""
    env, flags = box
    deaf = f"trap '' INT TERM HUP; (setsid sleep 300 &); {bell.ring}; sleep 300; sleep 300"
    server = rehearse(steps((Think("Run."), bash(deaf)), ANSWER))
    running = program.start("run", *flags, "go", server=server, env=env)
    bell.wait()
    for _ in range(3):
        running.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):  # two that come at once are one
            running.process.wait(0.05)
    assert running.end(within=2).code == 130
    assert left(within=3) == []
    ran = program("run", "-c", "go on", server=server, env=env)
    assert (ran.code, ran.out) == (0, "Done.\n")


@pytest.mark.parametrize(
    ("form", "closed"), [("text", "<&-"), ("stream-json", ">&-"), ("text", "2>&-"), ("text", "<&- >&- 2>&-")]
)
def test_r27_a_stream_is_closed_from_the_start(program: Any, rehearse: Any, form: str, closed: str) -> None:
    """What the kernel then gives the numbers 0 to 2 to must not be taken for a stream."""
    server = rehearse(steps((Think("Look."), bash("echo one; echo two >&2")), ANSWER))
    line = ("sh", "-c", f'exec "$@" {closed}', "sh")
    ran = program("run", "--output-format", form, "go", server=server, before=line)
    assert ran.code == 0, ran.err
    [result] = [entry["text"] for entry in program.journal() if entry["kind"] == "result"]
    assert result == "one\ntwo\n[exit code 0]" and program.journal()[-1]["kind"] == "end"
    assert bool(ran.out) == (">&-" not in closed.replace("2>&-", ""))
    assert program("sessions", "verify", program.journals[0].stem).code == 0


def test_r27_head(program: Any, rehearse: Any) -> None:
    """Its reader goes after one line."""
    server = rehearse(steps((Think("Look."), bash("echo one")), (Think("On."), bash("echo two")), ANSWER))
    line = ("sh", "-c", '{ "$@"; echo $? >code; } | head -1', "sh")
    ran = program("run", "--json", "go", server=server, before=line)
    assert [event["type"] for event in ran.events] == ["init"] and ran.err == ""
    assert (program.workspace / "code").read_text() == "141\n"
    assert program.journal()[-1]["kind"] == "end"
