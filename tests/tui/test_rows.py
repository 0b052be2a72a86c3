"""Lines become rows: nothing is lost, nothing is wider than the screen, gutters are told apart from text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from minicode.tui.rows import LONGEST, Line, Row, Span, lay, plain

LETTERS = ("a", "b", ".", " ", "  ", "漢", "字", "e\u0301", "❤\ufe0f", "👨\u200d👩\u200d👧", "한", "\u0301")
TEXT = st.lists(st.sampled_from(LETTERS), max_size=40).map("".join)
SPANS = st.lists(st.builds(Span, TEXT, st.sampled_from(["", "dim", "bad"])), max_size=6)


def joined(rows: list[Row]) -> str:
    return "".join(row.text + " " * max(row.goes_on, 0) for row in rows)


@given(SPANS, st.integers(2, 30), st.integers(0, 1))
def test_wrapping_loses_nothing_and_is_never_too_wide(spans: list[Span], width: int, gutter: int) -> None:
    margin = (Span(" " * gutter, "gutter"),)
    line = Line(tuple(spans), margin, margin)
    rows = lay([line], width + gutter)
    text = "".join(span.text for span in spans)
    assert joined(rows).rstrip(" ") == text.rstrip(" ")
    for row in rows:
        assert sum(cell_len(span.text) for span in row.spans) <= width + gutter
        assert row.gutter == gutter
    assert [row.goes_on >= 0 for row in rows] == [True] * (len(rows) - 1) + [False]


@given(SPANS, st.integers(1, 30))
def test_styles_stay_with_their_letters(spans: list[Span], width: int) -> None:
    before = [(letter, span.style) for span in spans for letter in span.text if letter != " "]
    rows = lay([Line(tuple(spans))], width)
    assert [(letter, s.style) for row in rows for s in row.spans for letter in s.text if letter != " "] == before


@given(SPANS, st.integers(1, 30))
def test_a_line_that_is_not_wrapped_is_cut_at_the_edge(spans: list[Span], width: int) -> None:
    [row] = lay([Line(tuple(spans), wrap=False)], width)
    assert "".join(span.text for span in spans).startswith(row.text.removesuffix("…"))
    assert cell_len(row.text) <= width


def test_words_stay_whole_where_they_can() -> None:
    assert [row.text for row in lay([plain("one two  three fourteen")], 9)] == ["one two", "three", "fourteen"]
    assert [row.goes_on for row in lay([plain("one two  three fourteen")], 9)] == [2, 1, -1]
    assert [row.text for row in lay([plain("unbreakable")], 4)] == ["unbr", "eaka", "ble"]


def test_the_rows_a_line_goes_on_in_have_their_own_gutter() -> None:
    rows = lay([Line((Span("aa bb"),), (Span("- "),), (Span("    "),))], 6)
    assert [(row.gutter, row.text) for row in rows] == [(2, "aa"), (4, "bb")]


def test_marks_stay_on_the_letter_they_belong_to() -> None:
    assert [row.text for row in lay([plain("abcde\u0301fg")], 5)] == ["abcde\u0301", "fg"]
    assert [row.text for row in lay([plain("abc❤\ufe0fde")], 4)] == ["abc", "❤\ufe0fde"]


def test_tabs_are_blanks_to_the_next_stop_also_after_wide_letters() -> None:
    assert [row.text for row in lay([plain("a\tb\tc")], 40)] == ["a   b   c"]
    assert [row.text for row in lay([plain("漢\tb")], 40)] == ["漢  b"]
    assert [row.text for row in lay([Line((Span("a\t", "x"), Span("\tb")))], 40)] == ["a       b"]


def test_a_line_without_an_end_gets_one() -> None:
    rows = lay([plain("x" * (LONGEST + 1_000_000))], 100)
    assert len(rows) <= LONGEST // 100 + 1
    assert rows[-1].text == "… 1,000,000 more characters"


def test_a_room_of_one_cell_ends_too() -> None:
    assert joined(lay([Line((Span("漢字 ab"),), (Span("      "),))], 3)) == "漢字 ab"
