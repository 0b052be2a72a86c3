from __future__ import annotations

import os
from pathlib import Path

import pytest

from minicode.errors import SessionError, SessionInUse, UsageError
from minicode.journal.blobs import Blobs
from minicode.journal.check import verify
from minicode.journal.store import TRASH, delete, find, latest, move, rename
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


def test_the_latest_is_the_one_written_to_last(folder: Path) -> None:
    assert latest(folder.parent, folder.name) is None
    old, new = make(folder, "old", when=2000), make(folder, "new", when=1000)
    (folder / "link.jsonl").symlink_to(new)
    make(folder.with_name("other"), "elsewhere", when=3000)
    assert latest(folder.parent, folder.name) == old


@pytest.mark.parametrize("damage", [b"", b"no session\n", b'{"kind":"session","version":99}\n'])
def test_if_the_latest_cannot_be_read_no_other_is_taken_for_it(folder: Path, damage: bytes) -> None:
    broken = folder / "29990101-000000-broken.jsonl"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(damage)
    with pytest.raises(SessionError, match=r"Start a new one without -c\."):
        latest(folder.parent, folder.name)
    old = make(folder, "old", when=2000)
    with pytest.raises(SessionError) as failure:
        latest(folder.parent, folder.name)
    told = str(failure.value)
    assert str(broken) in told and told.endswith(f"-r {old.stem}")


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
    with pytest.raises(SessionError, match=r"another user \(uid 12345\)"):
        latest(folder.parent, folder.name)


def test_a_name_is_given_taken_away_and_never_twice_in_a_project(folder: Path) -> None:
    first, second = make(folder, "one", name="Walrus"), make(folder, "two")
    elsewhere = make(folder.with_name("other"), "three")
    with pytest.raises(UsageError, match=r"taken already") as failure:
        rename(second, "WALRUS")
    assert first.stem in str(failure.value)
    with pytest.raises(UsageError, match="taken already"):
        rename(second, first.stem)
    rename(first, "walrus")
    rename(elsewhere, "walrus")
    assert find(folder.parent, "Walrus", folder.name) == first
    rename(first, "")
    rename(second, "walrus")
    assert find(folder.parent, "walrus", folder.name) == second
    assert verify(first).ok and verify(second).ok


@pytest.mark.parametrize(
    "name", ["two\nlines", "tab\tbed", " blank", "blank ", "x" * 101, "\x1b[31m", "\u202ex", "\ud800"]
)
def test_what_is_no_name_is_a_sentence(folder: Path, name: str) -> None:
    path = make(folder, "one")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="one line of at most 100"):
        rename(path, name)
    assert path.read_bytes() == before


def test_a_session_in_use_is_neither_renamed_nor_moved(session: Journal, tmp_path: Path) -> None:
    assert session.path
    with pytest.raises(SessionInUse, match=f"process {os.getpid()}"):
        rename(session.path, "new")
    with pytest.raises(SessionInUse, match=f"process {os.getpid()}"):
        move(session.path, tmp_path / TRASH)
    assert session.path.exists()


def test_a_session_moves_with_its_blobs_and_comes_back(session: Journal, folder: Path, tmp_path: Path) -> None:
    assert session.path
    id_ = Blobs.beside(session.path).put(b"data")
    session.close()
    trash = tmp_path / TRASH
    moved = move(session.path, trash)
    assert moved == trash / folder.name / session.path.name
    assert Blobs.beside(moved).get(id_) == b"data"
    assert list(folder.iterdir()) == [], "no lock is left behind"
    assert find(trash, session.id) == moved
    assert trash.stat().st_mode & 0o777 == 0o700
    with pytest.raises(SessionError, match="has gone"):
        move(session.path, trash)
    assert move(moved, folder.parent) == session.path
    assert Blobs.beside(session.path).get(id_) == b"data"
    assert list(moved.parent.iterdir()) == []


def test_what_was_cut_short_between_blobs_and_session_is_done_again(session: Journal, tmp_path: Path) -> None:
    assert session.path
    id_ = Blobs.beside(session.path).put(b"data")
    session.close()
    there = tmp_path / TRASH / session.path.parent.name
    there.mkdir(parents=True)
    session.path.with_suffix(".blobs").rename(there / f"{session.id}.blobs")
    assert Blobs.beside(move(session.path, tmp_path / TRASH)).get(id_) == b"data"


def test_a_move_never_overwrites(session: Journal, tmp_path: Path) -> None:
    assert session.path
    session.close()
    there = tmp_path / TRASH / session.path.parent.name
    there.mkdir(parents=True)
    (there / session.path.name).write_bytes(b"precious")
    with pytest.raises(SessionError, match="already"):
        move(session.path, tmp_path / TRASH)
    assert (there / session.path.name).read_bytes() == b"precious" and session.path.exists()
