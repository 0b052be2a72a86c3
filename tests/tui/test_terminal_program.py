"""The real program in a real terminal: it comes up, streams, is stopped, resized, suspended and left."""

from __future__ import annotations

import re
import signal
import time
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Say, Shape, Step, Think, steps

UNHELD = {"MINICODE_SANDBOX_BACKENDS": "none"}  # so that each command is asked for
SLOW = Shape(pause=0.02, piece=12)
QUIT = "\x04"
LINES = [f"line {n} of the answer" for n in range(300)]


def sent(screen: Any, text: str = "go on then") -> None:
    """Wait for the prompt, type, send."""
    screen.waits_for("Ask M2")
    screen.type(text)
    screen.waits_for(text)
    screen.type("\r")


def leaves(screen: Any, code: int = 0) -> None:
    screen.type(QUIT)
    assert screen.exits() == code, screen.text
    screen.is_as_before()


def test_from_the_first_frame_to_the_last(program: Any, rehearse: Any, tui: Any) -> None:
    server = rehearse(
        steps(
            (Think("First I look around."), Do("shell", {"command": "echo from the to''ol"})),
            (Think("That was it."), Say("The answer is **42**, as `code` says.")),
        )
    )
    screen = tui(server=server)
    sent(screen, "what is it?")
    shown = screen.waits_for("The answer is 42, as code says.")
    assert "what is it?" in shown and "from the tool" not in shown
    screen.type("\x0f")
    screen.waits_for("from the tool")
    leaves(screen)
    assert program.kinds().count("reply") == 2
    assert "Traceback" not in screen.text


def test_typing_is_answered_while_it_loads(rehearse: Any, tui: Any) -> None:
    """Keys typed before the first frame are not lost."""
    screen = tui(server=rehearse(steps(Say("Answered."))))
    screen.waits_for_bytes(b"\x1b[?1049h")
    screen.type("typed early\r")
    screen.waits_for("Answered.")
    leaves(screen)


def states() -> dict[str, tuple[Step, str]]:
    """What M2 does, and what the screen says when it is in that state."""
    return {
        "stream": (Step((Think("Hm."), Say("\n".join(LINES))), shape=SLOW), "line 2 of"),
        "thought": (Step((Think("\n".join(LINES)), Say("x")), shape=SLOW), "line 2 of"),
        "first byte": (Step((Say("x"),), delay=60), "asking"),
        "tool": (Step((Do("shell", {"command": "echo it ru''ns; sleep 100"}),)), "it runs"),
        "retry wait": (Step(fault=Fault(status=529, headers={"retry-after": "60"}, body="{}")), "try 1 of"),
        "approval": (Step((Do("shell", {"command": "touch made"}),)), "touch made"),
    }


@pytest.mark.parametrize("state", list(states()))
def test_escape_stops_it(program: Any, rehearse: Any, tui: Any, state: str, damaged: list[str]) -> None:
    damaged.append("server")  # an answer that is broken off is no failure of ours
    step, seen = states()[state]
    screen = tui(server=rehearse(steps(step, Say("And on it goes."))), env=UNHELD if state == "approval" else None)
    sent(screen)
    screen.waits_for(seen)
    begin = time.monotonic()
    screen.type("\x1b")
    screen.waits_for("stopped")
    assert time.monotonic() - begin < 1  # 0.15 s on a quiet machine; tests/bench/tui.py has the figures
    assert not (program.workspace / "made").exists()
    if state != "first byte":  # whose answer the server still owes
        screen.type("once more\r")
        screen.waits_for("And on it goes.")
    leaves(screen)


def seen(screen: Any) -> list[str]:
    return re.findall(r"line \d+ of the answer", screen.text)


def test_resized_while_it_streams(rehearse: Any, tui: Any) -> None:
    """Nothing is lost: every line can be scrolled to."""
    screen = tui(
        server=rehearse(steps(Step((Say("\n".join(f"- {line}" for line in LINES)),), shape=Shape(pause=0.01)))),
        size=(200, 50),
    )
    sent(screen)
    screen.waits_for("line 20 of")
    screen.resize(20, 5)
    mark = len(screen.raw)
    screen.waits_for_bytes(b"line", mark)
    screen.resize(200, 50)
    screen.waits_for("line 299 of the answer")
    found = set(LINES) & set(seen(screen))
    while "line 0 of the answer" not in found:
        mark = len(screen.raw)
        screen.type("\x1b[5~")
        screen.waits_for_bytes(b"\x1b[?2026l", mark)
        found |= set(seen(screen))
    assert set(LINES) <= found, sorted(set(LINES) - found)
    leaves(screen)


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 5), (400, 120)])
def test_any_size(rehearse: Any, tui: Any, size: tuple[int, int]) -> None:
    screen = tui(server=rehearse(steps((Think("Hm."), Say("word " * 50)))), size=size)
    screen.waits_for_bytes(b"\x1b[?2004h")
    screen.type("hello")
    screen.type("\r")
    screen.resize(100, 30)
    screen.waits_for("word word")
    leaves(screen)


def test_suspended_while_it_streams(program: Any, rehearse: Any, terminal: Any, tui: Any) -> None:
    server = rehearse(steps(Step((Say("\n".join(f"- {line}" for line in LINES)),), shape=Shape(pause=0.005))))
    env = program.environment | {"PS1": "sh> ", "MINIMAX_BASE_URL": f"{server.url}/anthropic"}
    shell = terminal("bash", "--norc", "--noprofile", "-i", cwd=program.workspace, env=env)
    shell.waits_for("sh>")
    before = shell.modes
    shell.type(" ".join(program.command) + "\n")
    sent(shell)
    shell.waits_for(" of the answer")
    shell.type("\x1a")
    shell.waits_for(lambda text: "Stopped" in text and shell.modes - {"title"} == before)
    shell.type("clear; echo in the sh''ell\n")
    shell.waits_for("in the shell")
    shell.type("fg\n")
    assert "in the shell" not in shell.waits_for("line 299 of")
    shell.type(QUIT)
    shell.waits_for(lambda text: "in the shell" in text and shell.modes - {"title"} == before)


@pytest.mark.parametrize("state", ["idle", "stream", "tool", "approval"])
@pytest.mark.parametrize(
    ("way", "code"), [("ctrl+c", 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), ("closed", 129)], ids=str
)
def test_left_in_any_state(
    program: Any, rehearse: Any, tui: Any, state: str, way: Any, code: int, damaged: list[str]
) -> None:
    """The terminal is as before, no process is left, and the session is whole and can be gone on with."""
    damaged.append("server")
    step, seen = states().get(state, (Step((Say("said"),)), "said"))
    screen = tui(server=rehearse(steps(step)), env=UNHELD if state == "approval" else None)
    sent(screen)
    screen.waits_for(seen)
    if way == "ctrl+c":
        if state != "idle":
            screen.type("\x03")
            screen.waits_for("stopped")
        screen.type("\x03\x03")
    elif way == "closed":
        screen.hang_up()
    else:
        screen.kill(way)
    assert screen.exits() == code
    if way != "closed":
        screen.is_as_before()
        assert "Traceback" not in screen.text
    assert program("sessions", "verify", program.journals[0].stem).code == 0
    again = rehearse(steps(Say("Going on.")))
    assert program("run", "-c", "and?", server=again).out == "Going on.\n"


def test_a_session_that_cannot_be_opened(program: Any, tui: Any) -> None:
    screen = tui("-r", "no-such-session")
    assert screen.exits() != 0
    screen.is_as_before()
    assert "no-such-session" in screen.text and "Traceback" not in screen.text
