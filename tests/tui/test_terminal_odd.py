"""Terminals that can little, no terminal at all, and more than any terminal can hold."""

from __future__ import annotations

import re
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Say, Think, steps

ANSWER = (Think("Hm."), Say("# Head\n\nThe **answer** is `42`.\n\n```python\nx = 1\n```\n\nEnd."))


def runs(screen: Any) -> bytes:
    """A turn from begin to end; all bytes it wrote."""
    screen.waits_for("minicode")
    screen.type("go\r")
    screen.waits_for("End.")
    screen.type("\x04")
    assert screen.exits() == 0
    screen.is_as_before()
    return bytes(screen.raw)


def colours(raw: bytes) -> set[str]:
    """Kinds of colour among the SGR codes: "rgb", "256", "16"."""
    found = set()
    for codes in re.findall(rb"\x1b\[([0-9;]*)m", raw):
        numbers = [int(code or 0) for code in codes.split(b";")]
        while numbers:
            number = numbers.pop(0)
            if number in (38, 48) and numbers:
                rgb = numbers[0] == 2
                found.add("rgb" if rgb else "256")
                del numbers[: 4 if rgb else 2]
            elif 30 <= number <= 37 or 40 <= number <= 47 or 90 <= number <= 107:
                found.add("16")
    return found


@pytest.mark.parametrize(
    ("env", "allowed"),
    [
        ({}, {"rgb", "256", "16"}),
        ({"NO_COLOR": "1"}, set()),
        ({"TERM": "xterm", "COLORTERM": ""}, {"16"}),
        ({"TERM": "xterm-256color", "COLORTERM": ""}, {"256", "16"}),
    ],
    ids=["all", "none", "16", "256"],
)
def test_as_many_colours_as_there_are(rehearse: Any, tui: Any, env: dict[str, str], allowed: set[str]) -> None:
    found = colours(runs(tui(server=rehearse(steps(ANSWER)), env=env)))
    assert found <= allowed
    assert bool(found) == bool(allowed)


def test_a_dumb_terminal_gets_the_plain_face(rehearse: Any, tui: Any) -> None:
    screen = tui(server=rehearse(steps(ANSWER)), env={"TERM": "dumb"})
    screen.waits_for("\n>")
    assert "TERM=dumb" in screen.text
    screen.type("go\n")
    screen.waits_for("End.")
    screen.type("/quit\n")
    assert screen.exits() == 0
    assert b"\x1b" not in screen.raw


def test_no_terminal(program: Any, terminal: Any) -> None:
    ran = program("chat", "do it")
    assert ran.code == 2 and "minicode run" in ran.err and ran.out == ""
    ran = program()
    assert ran.code == 2 and "minicode run" in ran.err


@pytest.mark.parametrize(
    ("redirection", "lacking"),
    [("</dev/null", "input is"), (">/dev/null", "output is"), ("2>/dev/null", "error is"), ("</dev/null 2>&0", "")],
)
def test_half_a_terminal(program: Any, terminal: Any, redirection: str, lacking: str) -> None:
    """Nothing is drawn where nobody sees it, and no mode is left behind; which stream it is about is seen, once."""
    line = f"{' '.join(program.command)} chat {redirection}; echo code $?"
    screen = terminal("sh", "-c", line, cwd=program.workspace, env=program.environment)
    screen.waits_for("code 2")
    assert " ".join(screen.text.split()).count(f"standard {lacking or 'input and error are'} none.") == 1
    screen.is_as_before()


def test_much_output(program: Any, rehearse: Any, tui: Any) -> None:
    """20 MB, and a line of 1 MB; a turn later the screen answers as before."""
    server = rehearse(
        steps(
            (Think("x"), Do("shell", {"command": "yes 'a line of output' | head -c 20000000"})),
            (Think("x"), Do("shell", {"command": "head -c 1000000 /dev/zero | tr '\\0' x; printf '\\377\\376'"})),
            (Think("x"), Say("\n\n".join(("word " * 200_000, "x" * 100_000, "End.")))),
        )
    )
    screen = tui(server=server)
    screen.waits_for("minicode")
    screen.type("go\r")
    screen.waits_for("End.", 90)
    screen.type("\x0f")  # the whole output
    screen.type("still here")
    screen.waits_for("still here")
    screen.type("\x03\x03\x03")
    assert screen.exits() == 0
    screen.is_as_before()


def test_wide_and_combining(rehearse: Any, tui: Any) -> None:
    words = "日本語のテキスト e\u0301clair 👍🏽 👩\u200d👩\u200d👧 กำ हिन्दी עברית"
    screen = tui(
        server=rehearse(steps((Think(words), Say(f"{words * 5}\n\n| 列 | b |\n|---|---|\n| 日本 | x |\n\nEnd."))))
    )
    screen.waits_for("minicode")
    screen.type("日本語 👍")
    screen.waits_for("日本語")
    screen.type("\r")
    screen.waits_for("End.")
    assert "日本語のテキスト" in screen.text
    screen.resize(17, 12)
    screen.resize(100, 30)
    screen.waits_for("End.")
    screen.type("\x04")
    assert screen.exits() == 0
    screen.is_as_before()
