"""What a program coloured: the marks fit the clean text whatever was printed, and nothing can be hidden by them."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minicode.colours import MOST, basic, by_line, carried, coloured, pieces, sound
from minicode.show import Output, show_from_json, show_to_json
from minicode.text import clean_output, clip


def seen(data: bytes) -> list[list[tuple[str, str]]]:
    """The lines, in pieces."""
    text = clean_output(data)
    marks = by_line(coloured(data, text))
    return [list(pieces(line, marks.get(place, ()))) for place, line in enumerate(text.split("\n"))]


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (b"plain", [("plain", "")]),
        (b"a\x1b[31mred\x1b[0mb", [("a", ""), ("red", "red"), ("b", "")]),
        (b"\x1b[mx\x1b[1;4;92mgo\x1b[22;39mn", [("x", ""), ("go", "bold underline bright_green"), ("n", "underline")]),
        ("\x9b7mshown\x9b27m.".encode(), [("shown", "reverse"), (".", "")]),
        (b"\x1b[2;3;9;21mall\x1b[22;23;24;29mnone", [("all", "dim italic underline strike"), ("none", "")]),
        (b"\x1b[4:3mcurly\x1b[4:0mnot", [("curly", "underline"), ("not", "")]),
        (b"\x1b[30mhidden\x1b[38;5;0mtoo\x1b[40m!", [("hiddentoo!", "bright_black")]),
        (b"\x1b[8mhidden\x1b[5mblinks\x1b[41mbehind", [("hiddenblinksbehind", "")]),
        (b"\x1b[38;5;9ma\x1b[38;5;208mb\x1b[38;5;240mc", [("a", "bright_red"), ("b", "#ff8700"), ("c", "#585858")]),
        (b"\x1b[38;2;1;2;300ma\x1b[38:2::4:5:6mb\x1b[38:2:7:8:9mc",
         [("a", "#0102ff"), ("b", "#040506"), ("c", "#070809")]),
        (b"\x1b[48;5;1;31mred\x1b[48;2;9;9;1;32mgreen\x1b[58:5:3;1mbold",
         [("red", "red"), ("green", "green"), ("bold", "bold green")]),
        (b"\x1b[38mx\x1b[38;5my\x1b[38;7;1mz\x1b[>4;1mw\x1b[31", [("xy", ""), ("zw", "bold")]),
        (b"\x1b[31m10%\r\x1b[32m90\x1b[1m%\r", [("90", "green"), ("%", "bold green")]),
        (b"\x1b[31m10%\x1b[0m\r\x1b[K\r\n", [("10%", "red")]),
        (b"\x1b[31mbell\x07\x1b]0;title\x07s", [("bells", "red")]),
        (b"\x1b[31mN\x08NA", [("NA", "")]),
        ("\x1b[31m\u202eodd\x01".encode(), [("<U+202E>odd␁", "red")]),
        (b"\x1b[31m\xc3\x1b[32m\xa9", [("\ufffd", "red"), ("\ufffd", "green")]),
    ],
)  # fmt: skip
def test_a_line(printed: bytes, line: list[tuple[str, str]]) -> None:
    assert seen(printed)[0] == line


def test_a_colour_lasts_until_another_comes() -> None:
    assert seen(b"\x1b[31mone\n\ntwo\x1b[0m\nthree") == [
        [("one", "red")], [("", "")], [("two", "red")], [("three", "")]
    ]  # fmt: skip


def test_of_a_long_output_both_ends_are_coloured() -> None:
    data = b"".join(b"%d \x1b[32mok\x1b[0m\n" % number for number in range(100_000))
    text = clip(clean_output(data), 3000).rstrip("\n")
    lines = text.split("\n")
    marks = by_line(coloured(data, text))
    (note,) = (place for place, line in enumerate(lines) if line.startswith("[…"))
    assert 10 < note < len(lines) - 10
    for place, line in enumerate(lines):
        number, _, said = line.partition(" ")
        expected = [(len(number) + 1, len(line), "green")] if said == "ok" else []
        assert marks.get(place, []) == expected, line
    assert len(coloured(data, clean_output(data))) == MOST


CODES = [b"\x1b[", b"31m", b"\x1b[1m", b"\x1b[38;5;", b"\x1b[38:2:", b";", b":", b"7", b"300", b"m", b"\x1b[m", b"\r",
         b"\n", b"\r\n", b"\x08", b"\x07", b"\t", b"ab", b"\xc2\x9b", b"\xc3", b"\xa9", b"\x1b]0;", b"\x1b",
         b"\xe2\x80\xae", b"<U+202E>", b" "]  # fmt: skip
DATA = st.lists(st.sampled_from(CODES) | st.binary(max_size=3), max_size=30).map(b"".join)


@given(DATA)
@example(b"\x1b[31mab\n\xc2")
def test_marks_fit_any_text(data: bytes) -> None:
    text = clean_output(data)
    marks = coloured(data, text)
    assert sound(marks, text)
    assert "\n".join("".join(said for said, _ in line) for line in seen(data)) == text
    block = Output(text, marks)
    assert show_from_json(json.loads(json.dumps(show_to_json(block)))) == block


@given(DATA, DATA, st.integers(0, 40), st.integers(0, 40))
def test_marks_are_carried_only_where_the_line_is_the_same(data: bytes, other: bytes, cut: int, goes_on: int) -> None:
    before = clean_output(data)
    after = before[:cut] + clean_output(other) + before[cut + goes_on :]
    marks = carried(coloured(data, before), before, after)
    assert sound(marks, after)
    lines, of_line = before.split("\n"), by_line(coloured(data, before)).values()
    for place, found in by_line(marks).items():
        assert after.split("\n")[place] in lines and found in list(of_line)


def test_a_line_keeps_its_colours_beside_one_that_lost_them() -> None:
    before, marks = "a\nkey x\nb\nc", ((0, 0, 1, "red"), (1, 4, 5, "red"), (2, 0, 1, "blue"), (3, 0, 1, "bold"))
    assert carried(marks, before, before) == marks
    assert carried(marks, before, "a\nkey ‹x›\nb\nc") == (marks[0], *marks[2:])
    assert carried(marks, before, "a\n…\nc") == (marks[0], (2, 0, 1, "bold"))
    assert carried(marks, before, "") == ()


@pytest.mark.parametrize(
    "bomb",
    [b"\x1b[31m", b"\x1b[31ma", b"\x1b[38;2;1;2;3mx\n", b"\r\x1b[1ma", b"\x1b[3", b"a\x1b[1m\n", b"\x1b[;;;m"],
)  # fmt: skip
def test_a_megabyte_costs_no_more_than_its_ends(bomb: bytes) -> None:
    data = bomb * (1_000_000 // len(bomb))
    text = clip(clean_output(data))
    begun = time.process_time()
    coloured(data, text)
    assert time.process_time() - begun < 2  # a fifth of a second where nobody else works


@pytest.mark.parametrize(
    "marks",
    [
        [[0, 0, 2, "blink"]],
        [[0, 0, 2, "red "]],
        [[0, 0, 2, "on red"]],
        [[0, 0, 2, "#12345g"]],
        [[0, 0, 2, "#12345"]],
        [[0, 0, 2, ""]],
        [[0, 0, 2, "bold " * 90 + "bold"]],
        [[0, 0, 2, ["red"]]],
        [[0, 0, 4, "red"]],
        [[0, 2, 2, "red"]],
        [[0, -1, 2, "red"]],
        [[-1, 0, 2, "red"]],
        [[2, 0, 1, "red"]],
        [[0, False, True, "red"]],
        [[0, 0.0, 2, "red"]],
        [[0, 0, 2]],
        [[1, 0, 1, "red"], [0, 0, 1, "red"]],
        [[0, 0, 2, "red"], [0, 1, 3, "red"]],
        [[0, 0, 1, "red"]] * (MOST + 1),
        "red",
        {"0": 1},
        None,
        7,
        [7],
    ],
)
def test_of_forged_marks_none_are_taken_and_the_words_stay(marks: object) -> None:
    assert show_from_json({"show": "output", "text": "abc\nd", "colours": marks}) == Output("abc\nd")


def test_without_colours_nothing_is_written_of_them() -> None:
    assert show_to_json(Output("x")) == {"show": "output", "text": "x"}
    assert show_from_json({"show": "output", "text": 5, "colours": []}) is None


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("bold red", ("bold", "red")),
        ("black", ("dim",)),
        ("white", ()),
        ("reverse bright_white", ("reverse",)),
        ("#010203", ("dim",)),
        ("#fefefe", ()),
        ("#f00000", ("bright_red",)),
        ("dim bright_black", ("dim",)),
    ],
)
def test_what_any_terminal_can_show(style: str, words: tuple[str, ...]) -> None:
    assert basic(style) == words
