"""From lines with named styles to the rows of a terminal: wrapped by words, with gutters that are never copied. Pure.

A renderer (Markdown, a diff, a test tree) makes `Line`s and knows nothing of colours or of the terminal; `lay` wraps
them to a width; the palette says what a style's name looks like in the theme of the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import cell_len

TAB = 4
_JOINS, _WIDENS = "\u200d", "\ufe0f"
LONGEST = 100_000  # characters of a line that are laid out; who has longer ones breaks or cuts them before


class Span(NamedTuple):
    """style: names the palette knows, a blank between them, the later the stronger: "added keyword". "" is plain."""

    text: str
    style: str = ""


class Line(NamedTuple):
    """One line before it is wrapped; its text is clean (`minicode.text`) and has no newline.

    first, rest: the gutter before its first row, and before the rows it goes on in (() for the same). fill: the style
    of the gutter's and the text's whole background to the right edge. wrap: by words; else it is cut at the edge.
    """

    spans: tuple[Span, ...]
    first: tuple[Span, ...] = ()
    rest: tuple[Span, ...] = ()
    fill: str = ""
    wrap: bool = True


class Row(NamedTuple):
    """One row of the terminal. gutter: cells at its left that are no text. goes_on: the text continues in the next row,
    after this many blanks that the wrapping took away; -1 if the line ends here."""

    spans: tuple[Span, ...]
    gutter: int = 0
    fill: str = ""
    goes_on: int = -1

    @property
    def text(self) -> str:
        """Without the gutter."""
        left, parts = self.gutter, []
        for span in self.spans:
            if left > 0:
                left -= cell_len(span.text)
            else:
                parts.append(span.text)
        return "".join(parts)


def plain(text: str, style: str = "") -> Line:
    return Line((Span(text, style),))


def lay(lines: Iterable[Line], width: int) -> list[Row]:
    """The rows of the lines in a terminal of this width."""
    return [row for line in lines for row in _rows(line, width)]


def _rows(line: Line, width: int) -> Iterator[Row]:
    first, rest = line.first, line.rest or line.first
    before, later = _cells(first), _cells(rest)
    spans = _bounded(line.spans)
    room = max(width - before, 1)
    pieces = _wrapped(spans, room, max(width - later, 1)) if line.wrap else [(_cut(spans, room), -1)]
    for number, (piece, goes_on) in enumerate(pieces):
        gutter, size = (rest, later) if number else (first, before)
        yield Row((*gutter, *piece), size, line.fill, goes_on)


def _cells(spans: tuple[Span, ...]) -> int:
    return sum(cell_len(span.text) for span in spans)


def _bounded(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """With tabs as blanks, and an end to a line that has none."""
    if sum(len(span.text) for span in spans) <= LONGEST and not any("\t" in span.text for span in spans):
        return spans
    kept: list[Span] = []
    column, left = 0, LONGEST
    for text, style in spans:
        if left <= 0:
            break
        out = []
        for part in text[:left].split("\t"):
            out.append(part)
            column += cell_len(part)
            blanks = TAB - column % TAB
            out.append(" " * blanks)
            column += blanks
        column -= len(out.pop())
        kept.append(Span("".join(out), style))
        left -= len(text)
    missing = sum(len(span.text) for span in spans) - LONGEST
    return (*kept, Span(f" … {missing:,} more characters", "dim")) if missing > 0 else tuple(kept)


def _cut(spans: tuple[Span, ...], room: int) -> tuple[Span, ...]:
    kept: list[Span] = []
    for text, style in spans:
        size = cell_len(text)
        if size > room:
            kept.append(Span(f"{text[: _fitting(text, room - 1)]}…"[:room], style))
            break
        kept.append(Span(text, style))
        room -= size
    return tuple(kept)


def _fitting(text: str, room: int) -> int:
    """How many characters of the text fit into so many cells; what is put on or joined to a letter stays with it."""
    if text.isascii():
        return min(room, len(text))
    size, joins = 0, False
    for place, letter in enumerate(text):
        cells = 0 if joins else cell_len(letter + _WIDENS if text.startswith(_WIDENS, place + 1) else letter)
        joins = letter == _JOINS
        size += cells
        if cells and size > room:
            return place
    return len(text)


def _wrapped(spans: tuple[Span, ...], room: int, later: int) -> Iterator[tuple[tuple[Span, ...], int]]:
    """(what stands in a row, blanks taken away after it or -1 at the end of the line). later: room of all rows but the
    first."""
    text = "".join(span.text for span in spans)
    if len(text) <= room and (text.isascii() or cell_len(text) <= room):
        yield spans, -1
        return
    begin, cut = 0, _Cutter(spans).cut
    while True:
        ahead = text[begin : begin + 4 * room + 4]
        end = begin + (_fitting(ahead, room) or _fitting(ahead, 2))  # a wide letter in a room of one cell
        if end >= len(text):
            yield cut(begin, len(text)), -1
            return
        seam = end if text[end] == " " else text.rfind(" ", begin, end)
        stop = seam + 1
        seam = begin + len(text[begin : max(seam, begin)].rstrip(" "))
        if seam > begin:
            while stop < len(text) and text[stop] == " ":
                stop += 1
            if stop == len(text):
                yield cut(begin, seam), -1
                return
            yield cut(begin, seam), stop - seam
            begin = stop
        else:
            yield cut(begin, end), 0
            begin = end
        room = later


class _Cutter:
    """Cuts spans from the left to the right, and looks at each of them once."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._spans = spans
        self._first, self._at = 0, 0  # the first one that is not behind us, and where it begins

    def cut(self, begin: int, end: int) -> tuple[Span, ...]:
        """What lies between two characters; begin is never before the last one."""
        spans = self._spans
        while self._first < len(spans) and self._at + len(spans[self._first].text) <= begin:
            self._at += len(spans[self._first].text)
            self._first += 1
        found: list[Span] = []
        number, at = self._first, self._at
        while number < len(spans) and at < end:
            text, style = spans[number]
            found.append(Span(text[max(begin - at, 0) : end - at], style))
            at += len(text)
            number += 1
        return tuple(found)
