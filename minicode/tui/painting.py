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

    def of(self, block: int, place: int, row: Row) -> list[Range]:
        """Where the words stand in a row."""
        if not self.words:
            return []
        text = "".join(span.text for span in row.spans).lower()
        style = "found.here" if (block, place) == (self.block, self.row) else "found"
        found, at = [], text.find(self.words, len(text) - len(row.text))
        while at >= 0:
            found.append((at, at + len(self.words), style))
            at = text.find(self.words, at + len(self.words))
        return found


def paint(
    row: Row,
    width: int,
    palette: Palette,
    base: Style,
    hits: Iterable[Range] = (),
    selected: tuple[int, int] | None = None,
    mark: str = "",
) -> list[Segment]:
    """Exactly `width` cells. mark: the style of a bar at the left edge, "" for none."""
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
    if mark and segments:
        segments = _marked(segments, palette.style(mark))
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


def _marked(segments: list[Segment], style: Style) -> list[Segment]:
    """A bar in the first cell; a sign that stands there is reversed."""
    text, own, _ = segments[0]
    sign, how = ("▎", style) if text.startswith(" ") else (text[0], style + Style(reverse=True))
    return [Segment(sign, (own or Style()) + how), Segment(text[1:], own), *segments[1:]]
