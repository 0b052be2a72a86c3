from __future__ import annotations

import json
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.journal.entry import Entry, entry_count, entry_id, from_line, session_id, to_line

ENTRY = Entry("e1k", "e1j", "2026-11-22T01:30:00.123Z", "user", {"text": "mend it", "note": {"a": [1, None]}})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
names = st.text().filter(lambda name: name not in ("id", "parent", "at", "kind", "crc"))


def test_a_line_is_made_for_reading_with_less() -> None:
    line = to_line(ENTRY).decode("ascii")
    assert line.startswith('{"id":"e1k","parent":"e1j","at":"2026-11-22T01:30:00.123Z","kind":"user","text":"mend it"')
    assert line.endswith('"}\n')
    assert list(json.loads(line)) == ["id", "parent", "at", "kind", "text", "note", "crc"]


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(names, values, max_size=3))
def test_any_data_comes_back_the_same(data: dict[str, Any]) -> None:
    entry = Entry("e1", None, "", "user", data)
    line = to_line(entry)
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert from_line(line) == entry


@pytest.mark.parametrize("text", ["caf\u00e9", "\U0001f600", "\udce9", "a\ud83db", "\u2028\x85\x00\r\n"])
def test_odd_characters_come_back_the_same(text: str) -> None:
    entry = Entry("e1", None, "", "user", {"text": text})
    assert from_line(to_line(entry)) == entry


def test_any_changed_byte_is_noticed() -> None:
    line = to_line(ENTRY).rstrip(b"\n")
    for place in range(len(line)):
        changed = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]
        assert from_line(changed) is None, changed
        assert from_line(line[:place]) is None


@pytest.mark.parametrize("line", [b"", b"{}", b"null", b"[" * 100_000, b"\x00" * 500, b'{"id":"e1"}', b'{"id":"'])
def test_what_is_no_record_is_none(line: bytes) -> None:
    assert from_line(line) is None


def test_data_may_not_use_the_names_of_the_line() -> None:
    with pytest.raises(ValueError, match="must not be called id, crc"):
        to_line(Entry("e1", None, "", "user", {"id": 1, "crc": 2}))


@given(st.integers(1, 10**9))
def test_ids_count(count: int) -> None:
    assert entry_count(entry_id(count)) == count


def test_ids_of_others_count_nothing() -> None:
    assert [entry_count(id_) for id_ in ("", "x1", "e", "e-!", "20261122-013000-k3f9ab")] == [0] * 5


def test_session_ids_do_not_repeat() -> None:
    assert len({session_id() for _ in range(100)}) == 100


@pytest.mark.parametrize("field", ["id", "parent", "at", "kind"])
def test_a_right_checksum_does_not_make_a_record(field: str) -> None:
    def line(**more: Any) -> bytes:
        fields = {"id": "e1", "parent": None, "at": "", "kind": "user", **more}
        text = json.dumps(fields, separators=(",", ":")).encode()
        return b'%b,"crc":"%08x"}\n' % (text[:-1], crc32(text))

    assert from_line(line()) is not None
    assert from_line(line(**{field: ["x"]})) is None
    assert from_line(line(**{field: "e2<b>"})) is None, "it is shown as it is"
    assert from_line(line(**{field: "e2\x1b[2J"})) is None
