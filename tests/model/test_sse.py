from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.errors import TemporaryError
from minicode.model.sse import Decoder

TABLE = [
    ("lf", b"event: a\ndata: 1\n\n", [("a", "1")]),
    ("crlf", b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [("a", "1"), ("", "2")]),
    ("cr", b"event: a\rdata: 1\r\rdata: 2\r\r", [("a", "1"), ("", "2")]),
    ("mixed", b"data: 1\r\n\ndata: 2\n\r\n", [("", "1"), ("", "2")]),
    ("bom", b"\xef\xbb\xbfdata: 1\n\n", [("", "1")]),
    ("comment", b": hello\n\ndata: 1\n: in between\n\n", [("", "1")]),
    ("no space", b"data:1\n\n", [("", "1")]),
    ("one space only", b"data:  1\n\n", [("", " 1")]),
    ("many lines", b"data: {\ndata: }\n\n", [("", "{\n}")]),
    ("empty data", b"data:\n\n", [("", "")]),
    ("no colon", b"data\n\n", [("", "")]),
    ("event without data", b"event: a\n\ndata: 1\n\n", [("", "1")]),
    ("other fields", b"id: 7\nretry: 1\nfoo: bar\ndata: 1\n\n", [("", "1")]),
    ("odd separators", "data: a\u2028b\u0085c\x0bd\x0ce\n\n".encode(), [("", "a\u2028b\u0085c\x0bd\x0ce")]),
    ("emoji", "data: 🦊漢字\n\n".encode(), [("", "🦊漢字")]),
    ("unended", b"data: 1\n\ndata: 2", [("", "1"), ("", "2")]),
    ("nothing", b"\n\n\n", []),
]


def decoded(data: bytes, cuts: list[int]) -> list[tuple[str, str]]:
    decoder = Decoder()
    events: list[tuple[str, str]] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        events += decoder.feed(data[start:end])
    return events + decoder.close()


@pytest.mark.parametrize(("data", "events"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table_at_every_chunk_size(data: bytes, events: list[tuple[str, str]]) -> None:
    for size in range(1, len(data) + 1):
        assert decoded(data, list(range(size, len(data), size))) == events, size


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), min_size=1),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 400)),
)
def test_any_text_comes_through_any_cut(texts: list[str], end: str, cuts: list[int]) -> None:
    data = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    assert decoded(data, sorted(c for c in cuts if c <= len(data))) == [("", text) for text in texts]


def test_an_event_without_end_is_given_up() -> None:
    decoder = Decoder(largest=100)
    with pytest.raises(TemporaryError, match="100 bytes"):
        for _ in range(20):
            decoder.feed(b"data: " + b"x" * 20 + b"\n")
    with pytest.raises(TemporaryError):
        Decoder(largest=100).feed(b"x" * 101)
