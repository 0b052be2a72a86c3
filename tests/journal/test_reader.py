from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicode.errors import SessionError
from minicode.journal.entry import Entry, to_line
from minicode.journal.reader import HEAD, TAIL, load, summaries, summarise
from minicode.journal.writer import RESTATE, Journal

HEADER = {"folder": "/home/me/here", "minicode": "0.1.0", "name": None}


@pytest.fixture
def file(session: Journal) -> Path:
    """The file of a closed session: header, system, user, and three more."""
    session.append("reply", {"content": [{"type": "thinking", "thinking": "so"}]})
    session.append("note", {"level": "info", "text": "caf\u00e9 \U0001f600"})
    session.append("end", {"reason": "done"})
    session.close()
    assert session.path
    return session.path


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_cut_at_every_byte_of_the_last_three_records_all_before_is_there_and_work_goes_on(file: Path) -> None:
    whole = file.read_bytes()
    entries = load(file).entries
    ends = [0]
    for line in lines_of(file):
        ends.append(ends[-1] + len(line))
    for cut in range(ends[-4], ends[-1]):
        file.write_bytes(whole[:cut])
        # A record that only lacks its newline is whole.
        expected = entries[: sum(end - 1 <= cut for end in ends[2:])]
        torn = cut not in ends
        short = int(torn and cut + 1 not in ends)
        loaded = load(file)
        assert (loaded.entries, loaded.damaged, loaded.cut, loaded.torn) == (expected, 0, short, torn)

        journal = Journal.open(file)
        added = journal.append("user", {"text": "go on"})
        journal.close()
        assert file.read_bytes().startswith(whole[:cut]), "torn bytes stay"
        again = load(file)
        assert again.entries[: len(expected) + 1] == [*expected, added]
        assert (again.damaged, again.cut, again.torn) == (0, short, False)


@pytest.mark.parametrize("garbage", [b"garbage\n", b"\x00" * 500 + b"\n", b"\xff\xfe{}\n", b"{" * 5000 + b"\n"])
def test_a_damaged_middle_line_costs_only_itself(file: Path, garbage: bytes) -> None:
    before = load(file).entries
    lines = lines_of(file)
    lines[3] = garbage
    file.write_bytes(b"".join(lines))
    loaded = load(file)
    assert [e.id for e in loaded.entries] == ["e1", "e2", "e4", "e5"]
    assert [e.data for e in loaded.entries] == [e.data for e in before if e.id != "e3"]
    assert loaded.damaged == 1


def test_a_lost_parent_does_not_cut_off_what_was_before(file: Path) -> None:
    lines = lines_of(file)
    del lines[3]
    file.write_bytes(b"".join(lines))
    journal = Journal.open(file)
    assert [e.id for e in journal.branch] == ["e1", "e2", "e4", "e5"]
    journal.close()


@pytest.mark.parametrize("half", [5, 40, -10])
def test_a_half_line_glued_to_a_whole_one_loses_only_the_half(file: Path, half: int) -> None:
    lines = lines_of(file)
    lines[3] = lines[3][:half]
    file.write_bytes(b"".join(lines))
    loaded = load(file)
    assert [e.id for e in loaded.entries] == ["e1", "e2", "e4", "e5"]
    assert loaded.damaged == 1


def test_two_whole_records_on_one_line_are_both_read(file: Path) -> None:
    before = load(file).entries
    lines = lines_of(file)
    file.write_bytes(b"".join([*lines[:3], lines[3].rstrip(), *lines[4:]]))
    loaded = load(file)
    assert loaded.entries == before
    assert loaded.damaged == 1


def test_a_second_entry_with_the_same_id_is_damage(file: Path) -> None:
    before = load(file).entries
    file.write_bytes(file.read_bytes() + lines_of(file)[2] + to_line(Entry("e2", "e1", "", "user", {"text": "other"})))
    loaded = load(file)
    assert loaded.entries == before
    assert loaded.damaged == 2


def test_a_parent_that_comes_later_makes_no_circle(file: Path) -> None:
    circle = [Entry("x1", "x2", "", "note", {}), Entry("x2", "x1", "", "note", {}), Entry("x3", "x3", "", "note", {})]
    file.write_bytes(file.read_bytes() + b"".join(map(to_line, circle)))
    journal = Journal.open(file)
    assert [e.id for e in journal.branch] == ["e1", "e2", "e3", "e4", "e5", "x1", "x2", "x3"]
    journal.close()


def test_unknown_kinds_are_kept(session: Journal) -> None:
    entry = session.append("hologram", {"depth": 3})
    assert session.path
    assert load(session.path).entries[-1] == entry


def test_a_lost_header_is_replaced(file: Path) -> None:
    lines = lines_of(file)
    file.write_bytes(b"".join([b"\x00" * 99 + b"\n", *lines[1:]]))
    loaded = load(file)
    assert loaded.header.id == file.stem
    assert (len(loaded.entries), loaded.damaged) == (5, 1)
    summary = summarise(file)
    assert summary
    assert summary.gist.last == "hello"


@pytest.mark.parametrize("proven", [True, False])
def test_a_newer_version_is_refused_and_left_untouched(file: Path, proven: bool) -> None:
    header = to_line(Entry(file.stem, None, "", "session", {"version": 2, "folder": "/home/me/here"}))
    if not proven:
        header = header.replace(b'"crc":"', b'"checksum":"9')
    file.write_bytes(header + b"".join(lines_of(file)[1:]))
    before = file.read_bytes()
    for opener in (load, Journal.open):
        with pytest.raises(SessionError, match=r"format 2; this one reads format 1.*left as it is"):
            opener(file)
    assert file.read_bytes() == before
    assert not file.with_suffix(".lock").exists()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"not a session", b"\x00" * 500])
def test_what_holds_no_session_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(SessionError, match="holds no session"):
        load(path)
    assert summarise(path) is None


def test_links_pipes_and_folders_are_not_read(file: Path) -> None:
    link, pipe, folder = (file.with_name(f"{name}.jsonl") for name in ("link", "pipe", "folder"))
    link.symlink_to(file)
    os.mkfifo(pipe)
    folder.mkdir()
    for path in (link, pipe, folder):
        with pytest.raises(SessionError):
            load(path)
    assert [s.path for s in summaries(file.parent.parent)] == [file]


records = st.lists(
    st.tuples(
        st.sampled_from(["partial", "name", "title", "leaf", "listing", "novel"]),
        st.dictionaries(st.sampled_from(["text", "name", "to", "first"]), st.text(), max_size=2),
    ),
    max_size=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(records, st.data())
def test_any_records_round_trip_and_any_prefix_loads(
    tmp_path: Path, items: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    journal = Journal.create(tmp_path / "sessions", HEADER)
    journal.append_many([("user", {"text": "go"}), *items])
    path = journal.path
    assert path
    live, leaf = journal.entries, journal.leaf
    journal.close()
    assert load(path).entries == live

    again = Journal.open(path)
    assert (again.leaf, again.branch, again.gist) == (leaf, journal.branch, journal.gist)
    again.close()

    whole = path.read_bytes()
    shortest = whole.index(b"\n")
    path.write_bytes(whole[: data.draw(st.integers(shortest, len(whole)), label="cut")])
    part = load(path)
    assert part.entries == live[: len(part.entries)]
    assert summarise(path)
    path.unlink()


def test_a_listing_says_what_the_session_is_about(session: Journal, folder: Path) -> None:
    session.append("title", {"title": "A greeting"})
    session.append("user", {"text": "and\n now  the \U0001f600 rest"})
    [summary] = summaries(folder.parent)
    assert (summary.id, summary.folder, summary.path) == (session.id, "/home/me/here", session.path)
    assert (summary.gist.first, summary.gist.last, summary.gist.turns) == ("hello", "and now the \U0001f600 rest", 2)
    assert summary.label == "A greeting"
    assert summary.updated == session.entries[-1].at
    session.append("name", {"name": "greet"})
    assert summaries(folder.parent)[0].label == "greet"
    assert summaries(folder.parent, "elsewhere-0") == []
    assert summaries(folder.parent / "nowhere") == []


def test_a_listing_shows_what_was_typed_not_what_was_added(session: Journal, folder: Path) -> None:
    session.append("user", {"text": "mend it\n\n<output of make>", "typed": "mend it"})
    [summary] = summaries(folder.parent)
    assert (summary.gist.last, session.gist.last) == ("mend it", "mend it")


@pytest.mark.parametrize("size", [700, RESTATE - 800, RESTATE, HEAD + TAIL, 400_000])
def test_name_and_last_words_are_near_the_end_however_much_follows(session: Journal, size: int) -> None:
    session.append("name", {"name": "\U0001f600" * 150})
    session.append("user", {"text": "\U0001f600" * 5000})
    for _ in range(5):
        session.append("result", {"call_id": "c", "name": "bash", "text": "x" * size})
        assert session.path
        summary = summarise(session.path)
        assert summary
        assert summary.gist == session.gist
    assert session.entries == load(session.path).entries


def test_a_listing_reads_only_head_and_tail(session: Journal) -> None:
    assert session.path
    with session.path.open("ab") as file:
        file.truncate(1 << 40)  # a hole of a terabyte
        file.write(b"\n")
    session.append("title", {"title": "the end"})
    summary = summarise(session.path)
    assert summary
    assert (summary.label, summary.folder) == ("the end", "/home/me/here")


def test_a_record_that_was_built_on_is_damaged_not_cut(file: Path) -> None:
    """Its end is gone, as after a crash; but what came later says that it was there."""
    lines = lines_of(file)
    file.write_bytes(b"".join([*lines[:2], lines[2][:20] + b"\n", *lines[3:]]))
    loaded = load(file)
    assert (loaded.damaged, loaded.cut) == (1, 0)
