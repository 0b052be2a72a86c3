"""The strips of painted rows: made with a margin, and kept until the row of that place says something else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from minicode.tui.rows import Row

_KEPT = 2_000
MARGIN = 1  # cells at the left, for the bar of what is marked; no padding, where Textual knows no place in the text


class Strips:
    """Whoever paints otherwise from now on (another theme, mark, search or selection) clears them first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], tuple[Row, Strip]] = OrderedDict()

    def clear(self) -> None:
        self._kept.clear()

    def of(self, place: tuple[int, int], row: Row, alone: bool, paint: Callable[[], Strip]) -> Strip:
        """place: (block, row in it). alone: what the row looks like hangs on nothing but the row; else it is painted
        whenever its block was laid out anew."""
        kept = self._kept.get(place)
        # A paragraph that is written is laid out many times a second, and all but its last rows stay as they were.
        if kept is None or not (kept[0] is row or (alone and kept[0] == row)):
            kept = self._kept[place] = row, paint()
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept[1]


def edged(segments: list[Segment], columns: int, y: int, style: Style, bar: Style | None = None) -> Strip:
    """With the margin, and blank if there is nothing to show. Each cell says for the selection that it is in row `y`.
    bar: the colour of the margin's bar, None for no bar."""
    cell = Segment(" ", style) if bar is None else Segment("▎", style + bar)
    margin = Segment(cell.text, (cell.style or style) + Style.from_meta({"offset": (0, y)}))
    text = Strip(segments or [Segment(" " * columns, style)], columns).apply_offsets(0, y)
    return Strip([margin, *text], columns + MARGIN)
