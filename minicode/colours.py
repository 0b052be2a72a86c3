"""What a program coloured: its codes become marks on the lines of its clean text, in plain words. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from minicode.text import ESCAPES, PIECE, clean

Mark = tuple[int, int, int, str]  # line from 0; start and end in characters of it; style: words, a blank between them
Range = tuple[int, int, str]  # start, end, style
MOST = 1_000  # marks of a text; of more, those of its middle are left out
ATTRIBUTES = ("bold", "dim", "italic", "underline", "strike", "reverse")
_EIGHT = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
NAMES = (*_EIGHT, *(f"bright_{name}" for name in _EIGHT))
_HEX = re.compile(r"#[0-9a-f]{6}")
_PAINTS = re.compile(r"(?:\x1b\[|\x9b)([0-9:;]*)m")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike", 21: "underline"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}
_NUMBERS = {"5": 1, "2": 3}  # that tell a colour of 256, and one of all
_STEPS = (0, 95, 135, 175, 215, 255)
# What xterm makes of the names.
_XTERM = (
    *(0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD, 0x00CDCD, 0xE5E5E5),
    *(0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00, 0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF),
)
Piece = tuple[str, str]  # text, style


class _Pen(NamedTuple):
    """What is written next looks so."""

    attributes: frozenset[str] = frozenset()
    colour: str = ""


@lru_cache(1_000)
def _style(pen: _Pen) -> str:
    colour = "bright_black" if pen.colour == "black" else pen.colour  # on black nobody could read it
    return " ".join(filter(None, (*(word for word in ATTRIBUTES if word in pen.attributes), colour)))


def coloured(data: bytes, text: str) -> tuple[Mark, ...]:
    """The marks of a text, in order, apart from each other. data: what was printed. text: `clean_output` of it, or its
    beginning and its end: a line that says anything else than what was printed there has no marks. Colours behind the
    text, and what would hide it, are left out. Of much data only the ends are looked at."""
    if b"\x1b[" not in data and b"\xc2\x9b" not in data:
        return ()
    lines = text.rstrip("\n").split("\n")
    short = len(data) <= 2 * PIECE
    front = list(_printed(data if short else data[:PIECE]))
    back = front if short else list(_printed(data[-PIECE:]))
    while back and not any(said for said, _ in back[-1]):
        back.pop()
    found: list[Mark] = []
    for place, line in enumerate(lines):
        for at, printed in ((place, front), (place + len(back) - len(lines), back)):
            if 0 <= at < len(printed) and "".join(said for said, _ in printed[at]) == line:
                found += _marks(place, printed[at])
                break
    return tuple(found if len(found) <= MOST else found[: MOST * 2 // 3] + found[-MOST // 3 :])


def carried(marks: Sequence[Mark], before: str, after: str) -> tuple[Mark, ...]:
    """The marks of a text that was changed, or cut in its middle: of those lines that are as they were."""
    if before == after or not marks:
        return tuple(marks)
    old, new, of_line = before.split("\n"), after.split("\n"), by_line(marks)
    found: list[Mark] = []
    for place, line in enumerate(new):
        for at in (place, place + len(old) - len(new)):
            if 0 <= at < len(old) and old[at] == line:
                found += [(place, *mark) for mark in of_line.get(at, ())]
                break
    return tuple(found)


def by_line(marks: Iterable[Mark]) -> dict[int, list[Range]]:
    found: defaultdict[int, list[Range]] = defaultdict(list)
    for line, start, end, style in marks:
        found[line].append((start, end, style))
    return dict(found)


def pieces(line: str, marks: Iterable[Range]) -> Iterator[Piece]:
    """A line, cut where its style changes; "" is the style of what is not marked."""
    at = 0
    for start, end, style in marks:
        yield from ((said, how) for said, how in ((line[at:start], ""), (line[start:end], style)) if said)
        at = end
    if line[at:] or not at:
        yield line[at:], ""


def sound(marks: Any, text: str) -> bool:
    """Could `coloured` have made these marks of that text?"""
    if not isinstance(marks, tuple) or len(marks) > MOST:
        return False
    lines = text.split("\n") if marks else []
    before = (0, 0)
    for mark in marks:
        if not (isinstance(mark, tuple) and list(map(type, mark)) == [int, int, int, str]):
            return False
        line, start, end, style = mark
        if not (before <= (line, start) and line < len(lines) and 0 <= start < end <= len(lines[line])):
            return False
        if len(style) > 80 or not all(map(_known, style.split(" "))):
            return False
        before = (line, end)
    return True


@lru_cache(1_000)
def basic(style: str) -> tuple[str, ...]:
    """The words of a style in those that a terminal of sixteen colours has, and of those none that could be the colour
    behind the text."""
    words = (NAMES[_nearest(int(word[1:], 16))] if word.startswith("#") else word for word in style.split(" "))
    unseen = {"black": "dim", "bright_black": "dim", "white": "", "bright_white": ""}
    return tuple(dict.fromkeys(filter(None, (unseen.get(word, word) for word in words))))


def _known(word: str) -> bool:
    return word in ATTRIBUTES or word in NAMES or _HEX.fullmatch(word) is not None


def _nearest(colour: int) -> int:
    def far(other: int) -> int:
        return sum(((colour >> shift & 0xFF) - (other >> shift & 0xFF)) ** 2 for shift in (0, 8, 16))

    return min(range(len(_XTERM)), key=lambda number: far(_XTERM[number]))


def _printed(data: bytes) -> Iterator[list[Piece]]:
    """The lines as `clean_output` leaves them, in pieces. Where a letter was struck over another they are not the same,
    which does no harm: such a line has no marks."""
    pen = _Pen()
    for raw in data.decode("utf-8", "replace").split("\n"):
        line: list[Piece] = []
        at, over, style = 0, False, _style(pen)
        for match in (*ESCAPES.finditer(raw), None):
            end = match.start() if match else len(raw)
            for number, said in enumerate(raw[at:end].replace("\x07", "").split("\r")) if end > at else ():
                over = over or number > 0
                if said:  # else what was written before is still there
                    line = [] if over else line
                    line.append((clean(said), style))
                    over = False
            if match:
                at, pen = match.end(), _dipped(pen, match[0])
                style = _style(pen)
        yield line


def _marks(place: int, line: Iterable[Piece]) -> list[Mark]:
    found: list[Mark] = []
    at = 0
    for said, style in line:
        if style and found and found[-1][2:] == (at, style):
            found[-1] = (place, found[-1][1], at + len(said), style)
        elif style:
            found.append((place, at, at + len(said), style))
        at += len(said)
    return found


@lru_cache(1_000)
def _dipped(pen: _Pen, code: str) -> _Pen:
    """The pen after an escape code."""
    match = _PAINTS.fullmatch(code)
    numbers = iter(match[1].split(";") if match else ())
    for number in numbers:
        first, *more = number.split(":")
        what = _int(first)
        if what == 0:
            pen = _Pen()
        elif what in (38, 48, 58):  # of the text, behind it, of its underline
            if not more and (kind := next(numbers, "")):
                more = [kind, *islice(numbers, _NUMBERS.get(kind, 0))]
            pen = pen._replace(colour=_colour(more) or pen.colour) if what == 38 else pen
        elif what in _ON and more[:1] != ["0"]:
            pen = pen._replace(attributes=pen.attributes | {_ON[what]})
        elif what in _OFF or what in _ON:
            pen = pen._replace(attributes=pen.attributes - {*_OFF.get(what, ("underline",))})
        elif 30 <= what <= 37 or 90 <= what <= 97:
            pen = pen._replace(colour=NAMES[what - 30 if what < 90 else what - 82])
        elif what == 39:
            pen = pen._replace(colour="")
    return pen


def _colour(numbers: list[str]) -> str:
    """Of `5:n` or `2:r:g:b`, between which others may stand; "" if it is none."""
    kind, values = numbers[:1], [min(_int(number), 255) for number in numbers[1:] if number]
    if kind == ["5"] and values:
        number = values[0]
        if number < 16:
            return NAMES[number]
        rest = number - 16
        cube = [_STEPS[rest // 36], _STEPS[rest // 6 % 6], _STEPS[rest % 6]] if number < 232 else []
        return "#{:02x}{:02x}{:02x}".format(*(cube or [8 + 10 * (number - 232)] * 3))
    if kind == ["2"] and len(values) >= 3:
        return "#{:02x}{:02x}{:02x}".format(*values[-3:])
    return ""


def _int(number: str) -> int:
    return int(number) if number.isdecimal() else 0
