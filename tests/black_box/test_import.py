"""`sessions import` as a process, and M2 going on with what another program began."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Expect, Say, Step, Think, steps

REAL = Path(__file__).parents[1] / "foreign" / "real"
NAMES = sorted(p.name for p in REAL.iterdir())
SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REAL, tmp_path / "theirs"))


def digest(folder: Path) -> str:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return hashlib.sha256(b"".join(bytes(p) + p.read_bytes() for p in files)).hexdigest()


def imported(program: Any, *arguments: str) -> list[str]:
    """The ids of the sessions that it made."""
    ran = program("sessions", "import", *arguments)
    assert ran.code == 0, ran.err
    return [line.split()[0] for line in ran.out.splitlines()]


@pytest.mark.parametrize(
    ("name", "surface"),
    [
        ("claude-2.1", "anthropic"),
        ("claude-2.1", "openai"),
        ("codex-0.169", "openai"),
        ("kimi-2.1", "anthropic"),
        ("vibe-3.0-killed", "openai"),
    ],
)
def test_m2_goes_on(program: Any, rehearse: Any, theirs: Path, name: str, surface: str) -> None:
    [session] = imported(program, str(theirs / name))
    entries = program.journal(session)
    thoughts = sum(b["type"] == "thinking" for e in entries if e["kind"] == "reply" for b in e["content"])
    assert thoughts
    server = rehearse(
        steps(
            Step(
                (Think("They had it."), Say("I go on.")),
                expect=Expect(said="go on", thoughts=thoughts, system="minicode"),
            ),
            Step((Think("Again."), Say("Still here.")), expect=Expect(said="and on", thoughts=thoughts + 1)),
        )
    )
    suffix = "v1" if surface == "openai" else "anthropic"
    env = {"MINICODE_PROTOCOL": surface, "MINIMAX_BASE_URL": f"{server.url}/{suffix}"}
    for words, answer in (("go on", "I go on."), ("and on", "Still here.")):
        ran = program("run", "-r", session, words, env=env)
        assert (ran.code, ran.out.strip()) == (0, answer), ran.err
    [first, _] = server.requests
    assert "c2lnbmF0dXJl" not in json.dumps(first.body)  # the other's signatures stay behind
    assert program("sessions", "verify", session).code == 0


def test_it_is_said_where_it_comes_from(program: Any, theirs: Path) -> None:
    before = digest(theirs)
    ran = program("sessions", "import", str(theirs / "codex-0.169"))
    [header, *entries] = program.journal()
    assert ran.out.split()[0] == header["id"]
    assert header["imported"]["program"] == "codex"
    assert header["imported"]["version"] == "0.169.0"
    assert header["imported"]["left_out"]["instructions of the program"] == 2
    assert header["folder"] == str(program.workspace)  # theirs is not there any more
    [note] = [e for e in entries if e["kind"] == "note"]
    assert note["text"].startswith("Imported from Codex 0.169.0, session ")
    assert note["text"] in ran.err
    assert [e["at"] for e in entries if e["kind"] == "user"] == ["2026-11-22T07:46:54.387Z", "2026-11-22T07:46:54.887Z"]
    assert not any(e["kind"] == "system" for e in entries)
    assert "list the files" in program("sessions", "list").out
    assert "∴ **Thought 4**" in program("sessions", "show", header["id"]).out
    assert digest(theirs) == before


def test_twice_only_if_wanted(program: Any, theirs: Path) -> None:
    file = str(theirs / "claude-2.1" / "session.jsonl")
    [first] = imported(program, file)
    again = program("sessions", "import", file)
    assert again.code == 1
    assert first in again.err
    assert "--again" in again.err
    assert len(program.journals) == 1
    [second] = imported(program, file, "--again")
    assert second != first


def test_a_folder_of_many(program: Any, theirs: Path) -> None:
    (theirs / "notes.jsonl").write_text('{"neither": 1}\n')
    (theirs / "empty.jsonl").write_text("")
    (theirs / "codex-0.169" / "nothing.jsonl").write_text('{"type": "session_meta", "payload": {"id": "n"}}\n')
    # The session that was killed is the same one as another of them.
    ran = program("sessions", "import", str(theirs))
    assert ran.code == 0
    assert len(ran.out.splitlines()) == len(program.journals) == len(NAMES) - 1
    assert "holds no conversation" in ran.err
    assert "was imported before" in ran.err
    assert len(imported(program, str(theirs), "--from", "vibe", "--again")) == 3


def test_no_secret_comes_along(program: Any, theirs: Path) -> None:
    file = theirs / "claude-2.1" / "session.jsonl"
    key = program.environment["MINIMAX_API_KEY"]
    file.write_text(file.read_text().replace("list the files", f"use {SECRET} and {key}"))
    [session] = imported(program, str(file))
    [path] = program.journals
    assert SECRET not in path.read_text()
    assert key not in path.read_text()
    assert program.journal(session)[1]["text"] == "use ‹redacted:github-token› and ‹redacted:secret›"


def test_the_list_of_what_is_there(program: Any, theirs: Path, tmp_path: Path) -> None:
    home, folder = program.home, str(program.workspace)
    for path in theirs.rglob("*.json*"):
        path.write_text(path.read_text().replace("/home/user/project", folder))
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in folder)
    shutil.copytree(theirs / "claude-2.1", home / ".claude" / "projects" / slug)
    shutil.copytree(theirs / "codex-0.169", tmp_path / "codex" / "sessions" / "2026" / "11" / "22")
    shutil.copytree(theirs / "kimi-1.44", home / ".kimi/sessions" / hashlib.md5(folder.encode()).hexdigest() / "k")
    (home / ".kimi" / "kimi.json").write_text(json.dumps({"work_dirs": [{"path": folder}]}))
    shutil.copytree(theirs / "kimi-2.1", home / ".kimi-code" / "sessions" / "wd" / "session_k")
    shutil.copytree(theirs / "vibe-3.0", home / ".vibe" / "logs" / "session" / "unified" / "v")
    env = {"CODEX_HOME": str(tmp_path / "codex")}
    nowhere = {"type": "session_meta", "payload": {"id": "a", "cwd": f"{folder}\0"}}
    (tmp_path / "codex" / "sessions" / "odd.jsonl").write_text(json.dumps(nowhere))
    (tmp_path / "codex" / "sessions" / "loop.jsonl").symlink_to("loop.jsonl")
    ran = program("sessions", "import", "--list", env=env)
    assert sorted(line.split()[0] for line in ran.out.splitlines()) == ["claude", "codex", "kimi", "kimi", "vibe"]
    assert program.journals == []
    [line] = program("sessions", "import", "--list", "--from", "codex", env=env).out.splitlines()
    [session] = imported(program, line.split()[3])
    [line] = program("sessions", "import", "--list", "--from", "codex", env=env).out.splitlines()
    assert line.endswith(f"(imported as {session})")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    assert program("sessions", "import", "--list", "-C", str(elsewhere), env=env).out == ""


def test_bad_input(program: Any, theirs: Path) -> None:
    odd = program.workspace / "odd.jsonl"
    odd.write_text('{"what": "is this"}\n')
    pairs: list[tuple[tuple[str, ...], int, str]] = [
        ((), 2, "--list"),
        (("no.jsonl",), 2, "There is no"),
        ((str(odd),), 1, "not told by its looks"),
        ((str(odd), "--from", "codex"), 1, "holds no conversation"),
        (("~no-such-user/s.jsonl",), 2, "no such user"),
        ((str(odd), "--from", "emacs"), 2, "claude, codex, kimi, vibe"),
        ((str(theirs / "vibe-3.0"), "--list"), 2, "--list"),
        ((str(theirs / "vibe-3.0"), "-C", "no-folder"), 2, "no-folder"),
    ]
    commands: list[tuple[tuple[str, ...], dict[str, str | None]]] = [
        (("sessions", "import", *arguments), {}) for arguments, _, _ in pairs
    ]
    for ran, (_, code, words) in zip(program.each(commands), pairs, strict=True):
        assert (ran.code, ran.out) == (code, ""), ran.err
        assert words in ran.err
    assert program.journals == []
