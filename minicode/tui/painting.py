"""Rows become what the terminal is sent: styles by the palette, hits of a search, the selection, the mark. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from minicode.tui.palette import Palette
from minicode.tui.rows import Row

Range = tuple[int, int, str]  # from, to (characters of the row, the gutter counted), style


class Hits(NamedTuple):
    """What is searched for, and the row of the hit that is looked at."""

    words: str = ""
    block: int = -1
    row: int = -1

    def of(self, block: int, place: int, rows: list[Row]) -> list[Range]:
        """Where the words stand in a row."""
        if not self.words:
            return []
        style = "found.here" if (block, place) == (self.block, self.row) else "found"
        gutter = _gutter(rows[place])
        return [(max(begin, gutter), end, style) for begin, end in found(rows, place, self.words)]


def found(rows: list[Row], place: int, words: str) -> list[tuple[int, int]]:
    """From, to (characters of the row, the gutter counted) of the words. From is below zero if they began in the row
    before, to is behind the end if they go on in the next: blanks that the wrapping took away count."""
    text = rows[place].text
    before, number = "", place
    while number and rows[number - 1].goes_on >= 0 and len(before) < len(words):
        number -= 1
        before = rows[number].text + " " * rows[number].goes_on + before
    after, number = "", place
    while rows[number].goes_on >= 0 and len(after) < len(words):
        after += " " * rows[number].goes_on + rows[number + 1].text
        number += 1
    whole, first, last = (before + text + after).lower(), len(before), len(before + text)
    gutter = _gutter(rows[place])
    hits, at = [], whole.find(words, max(first - len(words) + 1, 0))
    while 0 <= at < last:
        if at + len(words) > first:
            hits.append((at - first + gutter if at >= first else -1, at + len(words) - first + gutter))
        at = whole.find(words, at + len(words))
    return hits


def paint(
    row: Row,
    width: int,
    palette: Palette,
    base: Style,
    hits: Iterable[Range] = (),
    selected: tuple[int, int] | None = None,
) -> list[Segment]:
    """Exactly `width` cells."""
    fill = base + palette.style(row.fill)
    # Asked for together, so that what stands on a background can be read on it.
    segments = [Segment(text, base + palette.style(f"{row.fill} {style}".strip())) for text, style in row.spans if text]
    over = list(hits)
    if selected is not None:
        begin, end = selected
        length = sum(len(segment.text) for segment in segments)
        over.append((max(begin, _gutter(row)), length if end < 0 else end, "selected"))
    for begin, end, style in over:
        segments = _restyled(segments, begin, end, palette.style(style))
    cells = sum(cell_len(segment.text) for segment in segments)
    if cells < width:
        segments.append(Segment(" " * (width - cells), fill))
    return segments if cells <= width else list(Segment.adjust_line_length(segments, width, fill))


def _gutter(row: Row) -> int:
    return sum(len(span.text) for span in row.spans) - len(row.text)


def _restyled(segments: list[Segment], begin: int, end: int, style: Style) -> list[Segment]:
    found: list[Segment] = []
    at = 0
    for segment in segments:
        text, own, _ = segment
        first, last = max(begin - at, 0), min(end - at, len(text))
        if first >= last:
            found.append(segment)
        else:
            pieces = ((text[:first], own), (text[first:last], (own or Style()) + style), (text[last:], own))
            found += [Segment(part, how) for part, how in pieces if part]
        at += len(text)
    return found
