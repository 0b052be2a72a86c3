"""What a command prints, in a real terminal: a progress bar in its line, colours as they were meant."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Say, Think, steps

WAIT = "until test -e {0}; do sleep 0.02; done"


def looks(screen: Any, text: str) -> tuple[str, bool]:
    """The colour of a text on the screen, and whether it is bold."""
    lines = screen.lines()
    (y,) = (y for y, line in enumerate(lines) if line.strip() == text)
    cell = screen._screen.buffer[y][lines[y].index(text)]
    return cell.fg, cell.bold


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}], ids=["colours", "none"])
def test_a_running_command(program: Any, rehearse: Any, tui: Any, env: dict[str, str]) -> None:
    command = (
        rf"printf 'words\n\r10%%\r\033[1;31m20%%\033[0m\r'; {WAIT.format('one')}; "
        rf"printf '\r\033[1;32m30%%\033[0m\r'; {WAIT.format('two')}; printf '\r\n\033[30mend of it\033[0m\n'"
    )
    script = steps((Think("Run it."), Do("shell", {"command": command})), Say("Done."))
    screen = tui(server=rehearse(script), size=(100, 30), env=env)
    screen.waits_for("minicode")
    screen.type("go on then\r")
    screen.waits_for("    20%")
    red, bold = looks(screen, "20%")
    assert bold and (red != looks(screen, "words")[0]) is not bool(env)
    (program.workspace / "one").touch()
    text = screen.waits_for("    30%")
    assert "    20%" not in text and "    words\n     30%" in text
    (program.workspace / "two").touch()
    screen.waits_for("Done.")
    screen.type("\x0f")  # the whole output
    assert "    words\n     30%\n     end of it" in screen.waits_for("     end of it")
    green, bold = looks(screen, "30%")
    assert bold and (green not in (red, looks(screen, "end of it")[0])) is not bool(env)
    screen.type("\x04")
    assert screen.exits() == 0
    screen.is_as_before()
