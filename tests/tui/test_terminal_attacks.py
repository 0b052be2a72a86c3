"""Nothing from outside commands the terminal: every byte the program writes is one of those it may write."""

from __future__ import annotations

import re
from typing import Any

import pytest

from minicode.lab.rehearsal import Call, Do, Fault, Say, Step, Think, steps

# What a screen is made of. Whatever else has a control character in it came from outside.
OURS = re.compile(
    rb"\x1b\[[0-9;]*m|\x1b\[[0-9;]*H|\x1b\[\?[0-9;]+[hl]|\x1b\[\?[0-9]+\$p|\x1b\[[<>][0-9;]*u|\x1b\[2[23];0t|\x1b7"
    rb"|\x1b\](?:[02];|22;)[^\x00-\x1f\x7f]*\x07|\x1b\]11;\?\x1b\\"
)
PAYLOADS = (
    "\x1b]52;c;UFdORUQ=\x07",
    "\x1b]0;PWNED\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[3J\x1b[38;5;217m",
    "\x1bP1$r0m\x1b\\",
    "\x1b_Gi=1;AAAA\x1b\\",
    "\x9b2J\x9d0;PWNED\x9c\x90q\x9c",
    "\u202eevil\u2066\u200b\u2069",
    "\x07\x08\x7f\x00\x0e\x1bc\x1b(0",
    "\x1b[?1049l" * 3 + "\x1b[6n\x1b[21t",
)
EVIL = "A" + "B".join(PAYLOADS) + "Z"
MARKUP = "[@click=app.quit]quit me[/] [/foo] list[int] [bold red]x[/bold red] [link=http://evil.example]y[/link]"


def foreign(raw: bytes) -> set[bytes]:
    """What the program wrote and may not."""
    left = OURS.sub(b"", raw)
    found = set(re.findall(rb"\x1b.{0,12}|[\x00-\x06\x08-\x09\x0b\x0c\x0e-\x1f\x7f]", left, re.S))
    found |= set(re.findall("[\x80-\x9f\u202a-\u202e\u2066-\u2069\u200b]", left.decode("utf-8", "replace")))
    if raw.count(b"\x1b[?1049l") > 2:
        found.add(b"\x1b[?1049l")
    return found | set(re.findall(rb"\x1b\][02];PWNED|\x1b\[38;5;217m", raw))


def test_this_test_would_see_them() -> None:
    for payload in PAYLOADS:
        assert foreign(payload.encode())
    assert not foreign(b"\x1b[38;2;1;2;3mx\x1b[0m\x1b[?2026h\r\n\x1b]0;minicode\x07")


def asks(screen: Any, text: str = "go on then") -> None:
    screen.waits_for("minicode")
    screen.type(text)
    screen.type("\r")


def ends(screen: Any) -> None:
    screen.type("\x04")
    assert screen.exits() == 0
    screen.is_as_before()
    assert foreign(bytes(screen.raw)) == set()


@pytest.mark.parametrize("words", [EVIL, MARKUP], ids=["escapes", "markup"])
def test_what_m2_says(rehearse: Any, tui: Any, words: str) -> None:
    """Thoughts, text, in code and in tables, arguments, names of tools, the name of the model."""
    said = (
        f"{words}\n\n```python\n{words}\n```\n\n| a | b |\n|---|---|\n| {words} | x |\n\n# {words}\n\n`{words}`\n\nEnd."
    )
    server = rehearse(
        steps(
            Step(
                (Think(words), Do("shell", {"command": f"touch x; echo '{words}'".replace("\0", "")})),
                model=f"M2{words}",
            ),
            (Think("x"), Call(f"read{words[:20]}", {words: words})),
            (Think("x"), Say(said)),
        )
    )
    screen = tui(server=server, size=(120, 60), env={"MINICODE_SANDBOX_BACKENDS": "none"})
    asks(screen)
    screen.waits_for(lambda text: "Yes, once" in text and "wait…" not in text)
    screen.type("y")
    screen.waits_for("End.")
    if words == MARKUP:
        assert "[@click=app.quit]quit me[/] [/foo] list[int]" in screen.text
        screen.click("quit me")
        screen.click("Ask M2")
        screen.type("still here")
        screen.waits_for("still here")
        screen.type("\x03")
        screen.waits_for("Ask M2")
    ends(screen)


@pytest.mark.parametrize("words", [EVIL, MARKUP], ids=["escapes", "markup"])
def test_what_programs_and_files_say(program: Any, rehearse: Any, tui: Any, words: str) -> None:
    """Output, names of files (completed too), what is in a file, in a diff, on the git branch."""
    name = words.replace("/", "∕").replace("\0", "")[:80]
    (program.workspace / name).write_text(words)
    (program.workspace / "plain.txt").write_text(words)
    server = rehearse(
        steps(
            (Think("x"), Do("shell", {"command": "ls; cat plain.txt; cat plain.txt >&2; printf '\\033]0;PWNED\\007'"})),
            (Think("x"), Do("read", {"path": "plain.txt"})),
            (Think("x"), Say("The end.")),
        )
    )
    screen = tui(server=server, size=(120, 60))
    screen.waits_for("minicode")
    screen.type("see @" + words[0])
    screen.waits_for("see @" + words[0])
    screen.type("\x1b")
    screen.type("[27u")  # a whole key again, whatever the first Esc was taken for
    screen.type("\x03")
    screen.waits_for("Ask M2")
    asks(screen)
    screen.waits_for("The end.")
    screen.type("\x0f")  # the whole output
    ends(screen)


def test_what_a_server_says(rehearse: Any, tui: Any, damaged: list[str]) -> None:
    damaged.append("server")
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": f"no{EVIL}yes"}}
    server = rehearse(steps(Step(fault=Fault(status=400, body=body))))
    screen = tui(server=server, size=(120, 60))
    asks(screen)
    screen.waits_for("yes")
    ends(screen)


def test_titles_of_sessions(program: Any, rehearse: Any, tui: Any) -> None:
    """On the first screen, in the list, in the title of the window."""
    server = rehearse(steps(Say("a"), Say("b")))
    assert program("run", "-n", EVIL.replace("\0", ""), f"first {EVIL}".replace("\0", ""), server=server).code == 0
    assert program("run", f"second {MARKUP}", server=server).code == 0
    screen = tui(size=(120, 40))
    screen.waits_for("second [@click=app.quit]")
    screen.type("/resume\r")
    screen.waits_for("type to filter")
    screen.type("\x1b[27u")
    screen.waits_for("Ask M2")
    ends(screen)


def test_what_is_pasted(rehearse: Any, tui: Any) -> None:
    screen = tui(server=rehearse(steps(Say("Fine."))), size=(120, 40))
    screen.waits_for("minicode")
    screen.paste(b"pasted \xff\xfe\x9b2J \xe2\x80\xaeevil and \x1b]0;PWNED\x07 done")
    screen.waits_for("done")
    screen.type("\r")
    screen.waits_for("Fine.")
    ends(screen)
