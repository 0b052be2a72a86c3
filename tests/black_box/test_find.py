"""Sessions found by their words, renamed, let go and brought back; by the real program, beside others that run."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Say, Think, steps

LOOK = (Think("The walrus hides in the cellar."), Say("I look."), Do("bash", {"command": "echo cellar door"}))
ANSWER = (Think("That is all."), Say("The cellar is empty."))
PATIENCE = 30.0


@pytest.fixture
def session(program: Any, rehearse: Any) -> str:
    """A session of one turn that went through a tool; its id."""
    assert program("run", "find the walrus", server=rehearse(steps(LOOK, ANSWER))).code == 0
    [path] = program.journals
    return str(path.stem)


def asked(program: Any, *arguments: str, answer: bytes) -> tuple[int, str]:
    """Run it on a terminal, and type the answer when it asks."""
    master, slave = os.openpty()
    running = program.start(*arguments, stdin=slave, stdout=slave)
    os.close(slave)
    seen, end, typed = b"", time.monotonic() + PATIENCE, False
    while running.process.poll() is None or select.select([master], [], [], 0)[0]:
        assert time.monotonic() < end, seen
        if select.select([master], [], [], 0.05)[0]:
            try:
                seen += os.read(master, 1 << 16)
            except OSError:  # how Linux says that the other end is closed
                break
        if not typed and b"[y/N] " in seen:
            os.write(master, answer)
            typed = True
    code = running.end().code
    os.close(master)
    return code, seen.decode().replace("\r\n", "\n")


def test_what_was_thought_said_called_and_answered_is_found(program: Any, session: str) -> None:
    found = program("sessions", "search", "walrus")
    assert found.code == 0 and found.err == ""
    head, *hits = found.out.splitlines()
    assert head.startswith(f"{session}  20") and head.endswith("  find the walrus")
    assert [hit.split() for hit in hits] == [
        [*hits[0].split()[:2], "The", "[walrus]", "hides", "in", "the", "cellar."],
        [*hits[1].split()[:2], "find", "the", "[walrus]"],
    ]
    rows = program("sessions", "search", "cellar", "--json").events
    entries = {entry["id"]: entry for entry in program.journal()}
    assert [(entries[row["entry"]]["kind"], row["in"]) for row in rows] == [
        ("reply", "text"),
        ("result", "tools"),
        ("reply", "thinking"),
    ]
    assert {row["session"] for row in rows} == {session} and rows[0]["folder"] == str(program.workspace)
    assert all("[cellar]" in row["snippet"] and row["at"] == entries[row["entry"]]["at"] for row in rows)
    [row] = program("sessions", "search", "cellar", "--in", "tools", "--in", "user", "--limit", "1", "--json").events
    assert row["in"] == "tools"
    [row] = program("sessions", "search", "--regex", "W?alr.s hides", "--json").events
    assert row["snippet"] == "The w[alrus hides] in the cellar."
    few = program("sessions", "search", "cellar", "--limit", "1")
    assert len(few.out.splitlines()) == 2 and "--limit 2" in few.err
    assert (program.home / ".minicode" / "index.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_search_is_of_this_folder_unless_it_is_of_all(program: Any, session: str) -> None:
    elsewhere = {"cwd": program.home}
    nothing = program("sessions", "search", "walrus", **elsewhere)
    assert nothing.code == 0 and "--all" in nothing.out and "walrus" not in nothing.out
    assert program("sessions", "search", "walrus", "--project", "--json", **elsewhere).out == ""
    everywhere = program("sessions", "search", "walrus", "--all", **elsewhere)
    assert session in everywhere.out and str(program.workspace) in everywhere.out
    assert program("sessions", "search", "walrus", "--since", "2d", "--json").events != []
    assert program("sessions", "search", "walrus", "--since", "2999-01-01", "--json").out == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--regex", "a("), "'a(' is not a regular expression: missing ), unterminated subpattern at position 1"),
        (("--in", "dreams", "x"), "none of the kinds of text: user, thinking, text, tools"),
        (("--since", "yesterday", "x"), "--since 'yesterday' is no time"),
        (("--since", "99999999999-01-01", "x"), "is no time"),
        (("--limit", "0", "x"), "--limit"),
        ((" ",), "nothing to search for"),
        ((), "words"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence(program: Any, arguments: tuple[str, ...], sentence: str) -> None:
    ran = program("sessions", "search", *arguments)
    assert ran.code == 2 and sentence in ran.err and ran.out == ""


def test_signs_are_words_and_no_syntax(program: Any, session: str) -> None:
    for word in ('"walrus', "walrus*", "NEAR(walrus", "walrus)", "-walrus", "user:walrus", "wal\udcffrus"):
        ran = program("sessions", "search", "--json", "--", os.fsencode(word))
        assert (ran.code, ran.out, ran.err) == (0, "", ""), word
    assert program("sessions", "search", "cellar.", "--json").events[0]["snippet"].endswith("[cellar.]")


def test_a_python_without_sqlite_searches_all_the_same(program: Any, session: str, tmp_path: Path) -> None:
    lame = tmp_path / "lame"
    lame.mkdir()
    (lame / "sqlite3.py").write_text("raise ImportError('not built')")
    env = {"PYTHONPATH": f"{lame}:{program.environment.get('PYTHONPATH', '')}"}
    ran = program("sessions", "search", "walrus", "--json", env=env)
    assert len(ran.events) == 2 and "no SQLite" in ran.err
    (lame / "sqlite3.py").write_text(
        "from _sqlite3 import *\nfrom _sqlite3 import connect as real\n"
        "def connect(*a, **k):\n"
        "    db = real(*a, **k)\n"
        "    db.set_authorizer(lambda action, *_: SQLITE_DENY if action == SQLITE_CREATE_VTABLE else SQLITE_OK)\n"
        "    return db\n"
    )
    ran = program("sessions", "search", "walrus", "--json", env=env)
    assert len(ran.events) == 2 and "every session is read" in ran.err


def test_a_damaged_index_is_a_word_on_stderr(program: Any, session: str) -> None:
    first = program("sessions", "search", "walrus")
    (program.home / ".minicode" / "index.sqlite").write_bytes(b"SQLite format 3\0" + b"junk" * 3000)
    again = program("sessions", "search", "walrus")
    assert (again.code, again.out) == (0, first.out)
    assert "made anew" in again.err and len(again.err.splitlines()) == 1
    assert program("sessions", "search", "walrus").err == ""


def test_a_session_gets_a_name_and_is_found_by_it(program: Any, session: str, rehearse: Any) -> None:
    assert program("sessions", "rename", session, "Walrus hunt").code == 0
    assert "Walrus hunt" in program("sessions", "list").out
    assert program("sessions", "verify", "walrus HUNT").code == 0
    assert program("run", "-r", "walrus hunt", "go on", server=rehearse(steps(ANSWER))).code == 0
    assert program("run", "another", server=rehearse(steps(ANSWER))).code == 0
    [other] = [path.stem for path in program.journals if path.stem != session]
    taken = program("sessions", "rename", other, "walrus HUNT")
    assert taken.code == 2 and "taken" in taken.err and session in taken.err
    assert program("sessions", "rename", other, session).code == 2
    for name in ("two\nlines", " blank", "x" * 101, "evil\x1b[31m"):
        assert program("sessions", "rename", other, name).code == 2
    assert program("sessions", "rename", session, "").code == 0
    assert program("sessions", "rename", other, "walrus HUNT").code == 0
    assert program("sessions", "show", "walrus hunt").out.splitlines()[0].startswith(f"session {other}")


def test_a_session_in_use_keeps_its_name_and_its_place(program: Any, rehearse: Any, bell: Any) -> None:
    server = rehearse(steps((Think("Wait."), Do("bash", {"command": f"{bell.ring}; sleep 60"})), ANSWER))
    running = program.start("run", "-y", "wait", server=server)
    bell.wait()
    [path] = program.journals
    for command in (("rename", path.stem, "new"), ("delete", path.stem, "--yes")):
        ran = program("sessions", *command)
        assert ran.code == 59 and str(running.pid) in ran.err
    assert program.journals == [path] and "[Wait]." in program("sessions", "search", "wait").out
    running.end(15)


def test_nothing_is_deleted_without_a_yes(program: Any, session: str) -> None:
    refused = program("sessions", "delete", session)
    assert refused.code == 2 and "--yes" in refused.err
    code, seen = asked(program, "sessions", "delete", session, answer=b"n\n")
    assert code == 1 and "find the walrus" in seen and "Nothing was deleted" in seen
    assert [path.stem for path in program.journals] == [session]
    code, seen = asked(program, "sessions", "delete", session, answer=b"y\n")
    assert code == 0 and f"--restore {session}" in seen
    assert program.journals == []
    assert program("sessions", "trash", "--empty").code == 2
    assert asked(program, "sessions", "trash", "--empty", answer=b"\n")[0] == 1
    assert list(program.home.glob("**/trash/*/*.jsonl")) != []


def test_the_trash_gives_back_what_is_in_it_until_it_is_emptied(program: Any, rehearse: Any) -> None:
    long = (Think("Much."), Do("bash", {"command": "seq 1 30000"}))
    assert program("run", "-y", "count", server=rehearse(steps(long, ANSWER))).code == 0
    [path] = program.journals
    before = {p.name: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    assert len(before) == 2, "the session and a blob"
    assert len(program("sessions", "search", "count", "--json").events) == 1

    assert program("sessions", "delete", path.stem[-6:], "--yes").code == 0
    assert list(path.parent.iterdir()) == []
    assert program("sessions", "search", "count", "--json").out == ""
    assert program("sessions", "show", path.stem).code == 1
    listed = program("sessions", "trash")
    assert path.stem in listed.out and "1 session" in listed.out
    unknown = program("sessions", "trash", "--restore", "nothing")
    assert unknown.code == 1 and "trash" in unknown.err

    assert program("sessions", "trash", "--restore", path.stem[:8]).code == 0
    assert {p.name: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before
    assert len(program("sessions", "search", "count", "--json").events) == 1
    assert "empty" in program("sessions", "trash").out

    assert program("sessions", "delete", path.stem, path.stem, "--yes").code == 0
    emptied = program("sessions", "trash", "--empty", "--yes")
    assert emptied.code == 0 and "empty now" in emptied.out
    assert program("sessions", "trash", "--restore", path.stem).code == 1
    assert [p for p in (program.home / ".minicode" / "trash").rglob("*")] == []
    assert not (program.home / ".minicode" / "index.sqlite").exists()


def test_several_are_deleted_only_if_all_are_known(program: Any, session: str) -> None:
    ran = program("sessions", "delete", session, "nothing", "--yes")
    assert ran.code == 1 and "No session is called 'nothing'" in ran.err
    assert len(program.journals) == 1


def test_what_is_found_does_not_command_the_terminal(program: Any, rehearse: Any) -> None:
    evil = "walrus \x1b]0;owned\x07\x1b[2J\u202e end"
    assert program("run", evil, server=rehearse(steps((Think("Evil."), Say(evil))))).code == 0
    for more in ((), ("--json",), ("--regex",), ("--all",)):
        out = program("sessions", "search", "walrus", *more).out
        assert out.count("[walrus]") == 2
        assert not any(sign in out for sign in ("\x1b", "\x07", "\u202e", "owned"))
