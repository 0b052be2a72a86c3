"""`minicode sessions export`: a real session becomes a file that others may read."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Rehearsal, Say, Script, Step, Think

TOKEN = "ghp_" + "k3JdW9sQ" * 5
FORMATS = {"md": ".md", "html": ".html", "json": ".json", "jsonl": ".jsonl", "atif": ".atif.json"}


@pytest.fixture
def session(program: Any, rehearse: Callable[..., Rehearsal]) -> str:
    """A session in which a secret was met: in the user's words, in a thought and in a file."""
    (program.workspace / "notes.txt").write_text("all is well\n")
    script = Script(
        (
            Step((Think(f"The token {TOKEN} is theirs. I look."), Do("read", {"file_path": "notes.txt"}))),
            Step((Think("All is well."), Say(f"All is well in {program.home}/notes."))),
        )
    )
    ran = program("run", "--output-format", "json", f"use {TOKEN} and look", server=rehearse(script))
    assert ran.code == 0, ran.err
    return str(json.loads(ran.out)["session_id"])


@pytest.mark.parametrize("form", FORMATS)
def test_each_format(program: Any, session: str, form: str) -> None:
    ran = program("sessions", "export", session, "--format", form)
    assert (ran.code, ran.out) == (0, "")
    file = program.workspace / f"{session}{FORMATS[form]}"
    text = file.read_text("utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in program.workspace.iterdir() if path.name.startswith(".")] == []
    assert TOKEN not in text
    assert str(program.home) not in text
    assert "All is well." in text
    assert "2 github-token" in ran.err
    if form in ("json", "atif"):
        json.loads(text)


def test_stdout_and_raw(program: Any, session: str) -> None:
    ran = program("sessions", "export", session, "--format", "json", "-o", "-", "--raw")
    assert ran.code == 0
    assert json.loads(ran.out)["entries"][0]["text"] == f"use {TOKEN} and look"
    assert str(program.home) in ran.out
    assert "nothing was redacted" in ran.err
    assert list(program.workspace.glob("*.json")) == []


def test_without_thoughts(program: Any, session: str) -> None:
    for form in FORMATS:
        out = program("sessions", "export", session, "-f", form, "-o", "-", "--no-thinking").out
        assert "is theirs. I look." not in out
        assert "All is well in" in out


def test_records_are_a_session(program: Any, session: str) -> None:
    out = program("sessions", "export", session, "-f", "jsonl", "-o", "-", "--raw", "--branch", "all").out
    [journal] = program.journals
    assert out == journal.read_text()


def test_nothing_is_overwritten_unless_told(program: Any, session: str) -> None:
    file: Path = program.workspace / "mine.md"
    file.write_text("mine")
    ran = program("sessions", "export", session, "-o", "mine.md")
    assert ran.code == 2
    assert "mine.md is there already" in ran.err
    assert file.read_text() == "mine"
    assert program("sessions", "export", session, "-o", "mine.md", "--force").code == 0
    assert file.read_text().startswith("# ")
    assert sorted(path.name for path in program.workspace.iterdir()) == ["mine.md", "notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--format", "pdf"), 2, "it is one of md, html, json, jsonl, atif"),
        (("--branch", "dead"), 2, "it is live or all"),
        (("--format", "atif", "--branch", "all"), 2, "one line of steps"),
        (("-o", "."), 2, "is a folder"),
        (("-o", "~no-such-user/x.md"), 2, "no such user"),
        (("-o", "no/such/folder/x.md"), 60, "cannot be written"),
        (("-o", "/dev/full/x"), 60, "cannot be written"),
    ],
)
def test_bad_input(program: Any, session: str, arguments: tuple[str, ...], code: int, words: str) -> None:
    ran = program("sessions", "export", session, *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_no_such_session(program: Any) -> None:
    ran = program("sessions", "export", "nowhere")
    assert ran.code == 1
    assert "No session is called 'nowhere'" in ran.err


def test_a_damaged_session_is_exported_with_a_word(program: Any, session: str, damaged: list[str]) -> None:
    damaged.append("journal")
    [journal] = program.journals
    journal.write_bytes(journal.read_bytes() + b'{"id":"e99","parent":')
    ran = program("sessions", "export", session, "-f", "html", "-o", "-")
    assert ran.code == 0
    assert "The session file is not whole" in ran.err
    assert "The session file is not whole" in ran.out


def test_a_session_that_runs(program: Any, rehearse: Callable[..., Rehearsal], bell: Any) -> None:
    script = Script(
        (
            Step((Think("I wait."), Do("bash", {"command": f"{bell.ring}; sleep 60"}))),
            Step((Say("done"),)),
        )
    )
    running = program.start("run", "-y", "--sandbox", "off", "wait", server=rehearse(script))
    bell.wait()
    [journal] = program.journals
    ran = program("sessions", "export", journal.stem, "-f", "json", "-o", "-")
    assert ran.code == 0
    [_, step] = json.loads(ran.out)["entries"]
    assert step["content"][0] == {"thinking": "I wait."}
    assert step["content"][1]["result"] is None
    running.end(15)
