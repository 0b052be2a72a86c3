"""`minicode completion`, pressed Tab by bash; what zsh and fish would evaluate is only read."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from minicode.lab.rehearsal import Say, steps

TAB = """
eval "$(minicode completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_minicode_completion minicode
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def shell(program: Any) -> dict[str, Any]:
    """How to run something that calls `minicode` by its name."""
    folder = program.home / "bin"
    folder.mkdir()
    script = folder / "minicode"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m minicode "$@"\n')
    script.chmod(0o755)
    env = {**program.environment, "PATH": f"{folder}:{program.environment['PATH']}"}
    return {"cwd": program.workspace, "env": env, "capture_output": True, "text": True, "timeout": 60}


def offered(shell: dict[str, Any], line: str) -> list[str]:
    done: subprocess.CompletedProcess[str] = subprocess.run(["bash", "-c", TAB, "_", *line.split(" ")], **shell)
    assert not done.stderr, done.stderr
    return done.stdout.split()


def test_words_and_values(shell: dict[str, Any]) -> None:
    assert offered(shell, "minicode ser") == ["serve"]
    assert offered(shell, "minicode sessions sh") == ["show"]
    assert offered(shell, "minicode run --sandbox ") == ["read-only", "workspace-write", "off"]
    assert offered(shell, "minicode -c --permission-mode p") == ["plan"]  # a flag of the talk
    assert "MiniMax-M2" in offered(shell, "minicode -m M")


def test_sessions(program: Any, rehearse: Any, shell: dict[str, Any]) -> None:
    server = rehearse(steps((Say("Done."),), (Say("Done."),)))
    assert program("run", "$(touch owned) \\$(touch owned) `touch owned` \"';:", server=server).code == 0
    assert program("run", "another one", server=server).code == 0
    ids = [line.split()[0] for line in program("sessions", "list").out.splitlines()]
    assert len(ids) == 2
    assert offered(shell, "minicode -r ") == offered(shell, "minicode sessions show ") == ids
    assert offered(shell, f"minicode run -r {ids[0][:-2]}") == ids[:1]

    env = shell["env"] | {"_MINICODE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "minicode run -r "}
    told = subprocess.run(["minicode"], **{**shell, "env": env}).stdout
    assert "touch owned" in told and not set("$`\\") & set(told)  # zsh evaluates it


def test_a_shell_that_nobody_knows(program: Any) -> None:
    ran = program("completion", "tcsh")
    assert ran.code == 2 and "bash, zsh, fish" in ran.err
