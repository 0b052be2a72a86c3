from __future__ import annotations

import os
from pathlib import Path

import pytest

from minicode.errors import SessionError, SessionInUse
from minicode.journal.blobs import Blobs
from minicode.journal.store import delete, find, latest
from minicode.journal.writer import Journal


def make(folder: Path, text: str, name: str | None = None, when: int = 0) -> Path:
    journal = Journal.create(folder, {"folder": f"/home/me/{folder.name}", "minicode": "0", "name": name})
    journal.append("user", {"text": text})
    journal.close()
    assert journal.path
    os.utime(journal.path, (when, when))
    return journal.path


def test_a_session_is_found_by_id_beginning_or_name(folder: Path) -> None:
    sessions = folder.parent
    first, second = make(folder, "one"), make(folder, "two", name="Second try")
    assert find(sessions, first.stem) == first
    assert find(sessions, second.stem[:-1]) == second
    assert find(sessions, second.stem[-6:]) == second
    assert find(sessions, "second TRY") == second


def test_a_name_used_twice_is_taken_from_this_project(folder: Path) -> None:
    other = folder.with_name("other")
    here, _there = make(folder, "here", name="same"), make(other, "there", name="same")
    assert find(folder.parent, "same", folder.name) == here
    with pytest.raises(SessionError, match="may be 2 sessions") as failure:
        find(folder.parent, "same")
    assert here.stem in str(failure.value)
    assert "/home/me/other" in str(failure.value)


@pytest.mark.parametrize("key", ["", "nothing", "../../etc/passwd", "*"])
def test_an_unknown_session_is_a_sentence(folder: Path, key: str) -> None:
    make(folder, "one")
    with pytest.raises(SessionError, match=r"No session is called .*sessions list"):
        find(folder.parent, key)


def test_the_latest_is_the_one_written_to_last_that_can_be_read(folder: Path) -> None:
    assert latest(folder.parent, folder.name) is None
    old, new = make(folder, "old", when=2000), make(folder, "new", when=1000)
    (folder / "29990101-000000-broken.jsonl").write_bytes(b"")
    (folder / "link.jsonl").symlink_to(new)
    make(folder.with_name("other"), "elsewhere", when=3000)
    assert latest(folder.parent, folder.name) == old


def test_a_deleted_session_takes_its_blobs_along_unless_it_is_in_use(session: Journal, folder: Path) -> None:
    assert session.path
    Blobs.beside(session.path).put(b"data")
    with pytest.raises(SessionInUse):
        delete(session.path)
    assert session.path.exists()
    session.close()
    delete(session.path)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that belongs to somebody else")
def test_a_file_of_somebody_else_is_not_a_session_of_ours(folder: Path) -> None:
    os.chown(make(folder, "foreign"), 12345, 12345)
    assert latest(folder.parent, folder.name) is None
