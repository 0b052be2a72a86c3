"""What people of other agents type."""

from __future__ import annotations

import pytest
from typer.main import get_command

from minicode.__main__ import COMMANDS, in_our_words
from minicode.cli.app import app, call


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ""),
        ("run x", "run x"),
        ("exec x", "run x"),
        ("session list", "sessions list"),
        ("-p x", "run x"),
        ("--print x --json", "run x --json"),
        ("-m M2 -p x", "run -m M2 x"),
        ("--help", "--help"),
        ("run -p", "run -p"),
        ("hello", "chat hello"),
        ("hello -m M2", "chat hello -m M2"),
        ("hello there", "hello there"),
        ("sesions", "sesions"),
        ("Sessions", "Sessions"),
        ("exce", "exce"),
        ("chat", "chat"),
        ("sessions list", "sessions list"),
        ("serve", "serve"),
    ],
)
def test_words(typed: str, meant: str) -> None:
    assert in_our_words(typed.split()) == meant.split()


def test_no_command_is_taken_for_a_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--version"]) == 0  # which adds those that are loaded late
    commands = getattr(get_command(app), "commands")  # noqa: B009 (typer does not say that it is a group)
    assert sorted(commands) == list(COMMANDS)
