from __future__ import annotations

import stat
from pathlib import Path

import pytest

from minicode.errors import SessionError, SessionInUse, StorageError
from minicode.journal.blobs import Blobs
from minicode.journal.reader import load
from minicode.journal.writer import Journal
from minicode.messages import Json

HEADER: Json = {"folder": "/home/me/here", "minicode": "0.1.0", "name": None}


def test_nothing_is_on_disk_before_the_first_words_and_then_all_is(folder: Path) -> None:
    journal = Journal.create(folder, HEADER)
    journal.append("system", {"prompt": "be good", "tools": []})
    journal.sync()
    assert not folder.exists()
    journal.append("user", {"text": "hello"})
    journal.sync()
    assert journal.path
    loaded = load(journal.path)
    assert loaded.header.data == {"version": 1, **HEADER}
    assert (loaded.header.id, [e.kind for e in loaded.entries]) == (journal.id, ["system", "user"])
    assert loaded.entries == journal.entries == journal.branch
    journal.close()


def test_a_session_nobody_spoke_in_leaves_nothing(folder: Path) -> None:
    journal = Journal.create(folder, HEADER)
    journal.append("system", {"prompt": "be good", "tools": []})
    journal.close()
    assert not folder.exists()


def test_files_and_folders_are_private(session: Journal, folder: Path) -> None:
    assert session.path
    for path, mode in ((folder.parent, 0o700), (folder, 0o700), (session.path, 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE(session.path.with_suffix(".lock").stat().st_mode) == 0o600


def test_only_the_session_is_left_behind(session: Journal, folder: Path) -> None:
    session.close()
    session.close()
    assert list(folder.iterdir()) == [session.path]
    with pytest.raises(ValueError, match="closed"):
        session.append("user", {"text": "too late"})


def test_entries_form_a_tree_and_the_leaf_can_be_moved(session: Journal) -> None:
    first = session.append("reply", {"content": []})
    session.append("user", {"text": "wrong way"})
    session.append("leaf", {"to": first.id})
    assert (session.leaf, [e.kind for e in session.branch]) == (first.id, ["system", "user", "reply"])
    second = session.append("user", {"text": "right way"})
    assert second.parent == first.id
    aside = session.append("note", {"level": "info", "text": "elsewhere"}, parent="e2")
    assert [e.id for e in session.branch] == ["e1", "e2", aside.id]
    assert session.path_to(second.id)[-2:] == [first, second]
    session.append("leaf", {"to": None})
    assert (session.leaf, session.branch, session.path_to(None)) == (None, [], [])
    assert session.append("system", {"prompt": "anew", "tools": []}).parent is None
    with pytest.raises(ValueError, match="no entry 'e99'"):
        session.append("note", {}, parent="e99")
    with pytest.raises(KeyError):
        session.path_to("e99")

    assert session.path
    session.close()
    again = Journal.open(session.path)
    assert (again.leaf, again.branch, again.entries) == (session.leaf, session.branch, session.entries)
    again.close()


def test_several_entries_are_a_chain(session: Journal) -> None:
    a, b = session.append_many([("intent", {"call_id": "1"}), ("result", {"call_id": "1", "name": "bash", "text": ""})])
    assert (a.parent, b.parent) == ("e2", a.id)
    assert session.append_many([]) == []


def test_what_cannot_be_a_record_changes_nothing(session: Journal) -> None:
    assert session.path
    before = session.path.read_bytes()
    for bad in ({"text": b"bytes"}, {"id": "mine"}):
        with pytest.raises((TypeError, ValueError)):
            session.append("user", bad)
    assert session.path.read_bytes() == before
    assert session.append("user", {"text": "good"}).id == "e3"


def test_a_second_opener_is_told_who_holds_it_and_the_first_is_unharmed(session: Journal) -> None:
    assert session.path
    with pytest.raises(SessionInUse, match=r"process \d+ \(since .*Wait until it ends"):
        Journal.open(session.path)
    entry = session.append("note", {"level": "info", "text": "still here"})
    assert load(session.path).entries[-1] == entry
    session.close()
    Journal.open(session.path).close()


def test_opening_what_is_not_there_leaves_nothing(folder: Path) -> None:
    with pytest.raises(SessionError, match="sessions list"):
        Journal.open(folder / "x.jsonl")
    assert not folder.exists()


def test_a_deleted_session_is_noticed(session: Journal) -> None:
    assert session.path
    session.path.unlink()
    with pytest.raises(StorageError, match="deleted or moved"):
        session.append("user", {"text": "lost?"})
    assert len(session.entries) == 2


def test_a_fork_goes_on_from_the_leaf_and_leaves_the_other_alone(session: Journal, folder: Path) -> None:
    assert session.path
    blob = Blobs.beside(session.path).put(b"much output")
    session.append("user", {"text": "a dead end"})
    session.append("leaf", {"to": "e2"})
    session.append("name", {"name": "main"})
    before = session.path.read_bytes()

    fork = Journal.fork(folder, HEADER, session.path)
    assert fork.path
    assert not fork.path.exists()
    fork.append("user", {"text": "another way"})
    assert session.path.read_bytes() == before
    assert fork.branch[:2] == session.branch[:2]
    loaded = load(fork.path)
    assert (loaded.entries, loaded.header.data["from"]) == (fork.entries, session.id)
    assert [e.data["text"] for e in loaded.entries if e.kind == "user"] == ["hello", "another way"]
    assert (fork.gist.name, session.gist.name) == ("", "main")
    assert Blobs.beside(fork.path).get(blob) == b"much output"
    fork.close()
    assert Journal.fork(folder, {**HEADER, "name": "branch"}, session.path).gist.name == "branch"


def test_an_ephemeral_session_works_the_same_and_keeps_nothing(tmp_path: Path) -> None:
    journal = Journal.ephemeral(HEADER)
    journal.append("user", {"text": "psst"})
    journal.append("leaf", {"to": None})
    journal.sync()
    assert (journal.path, journal.leaf, len(journal.entries)) == (None, None, 2)
    journal.close()
    assert list(tmp_path.iterdir()) == []
