"""Ctrl+G in a real terminal: the editor has it meanwhile, and what is written comes back."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Say, steps


@pytest.mark.parametrize(("ending", "told"), [("exit 0", ""), ("exit 3", "3")], ids=["saved", "failed"])
def test_the_editor_has_the_terminal(tmp_path: Path, rehearse: Any, tui: Any, ending: str, told: str) -> None:
    script = tmp_path / "editor.sh"
    script.write_text(f"#!/bin/sh\nstty -a | grep -q ' icanon' && printf ', with an ed''itor' >>\"$1\"\n{ending}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    screen = tui(server=rehearse(steps(Say("So be it."))), env={"EDITOR": str(script), "VISUAL": str(script)})
    screen.waits_for("minicode")
    screen.type("written")
    screen.waits_for("written")
    screen.type("\x07")
    if told:
        screen.waits_for(told)
        assert "with an editor" not in screen.text
    else:
        screen.waits_for("written, with an editor")
    screen.type("\r")
    screen.waits_for("So be it.")
    screen.type("\x04")
    assert screen.exits() == 0
    screen.is_as_before()
