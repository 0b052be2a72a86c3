"""The text of a selection as it was written: without gutters, with its own line ends and not those of the screen."""

from __future__ import annotations

from collections.abc import Iterator

from textual.geometry import Offset
from textual.selection import Selection

from minicode.tui.pile import Pile

_ROW_BITS = 24


def row_of(block: int, place: int) -> int:
    """Where a selection says that a row is: the block's number and the row in it, so that it does not move."""
    return block << _ROW_BITS | place


def copied(pile: Pile, selection: Selection) -> str:
    last = len(pile) - 1
    start = selection.start or Offset(0, 0)
    end = Offset(0, row_of(last + 1, 0)) if selection.end is None else selection.end
    return "".join(_pieces(pile, start, end)).strip("\n")


def _pieces(pile: Pile, start: Offset, end: Offset) -> Iterator[str]:
    for number in range(start.y >> _ROW_BITS, min(end.y >> _ROW_BITS, len(pile) - 1) + 1):
        for place, row in enumerate(pile.peek(number)):
            y = row_of(number, place)
            if not start.y <= y <= end.y:
                continue
            whole = "".join(span.text for span in row.spans)
            skipped = len(whole) - len(row.text)
            yield whole[max(start.x, skipped) if y == start.y else skipped : end.x if y == end.y else len(whole)]
            if y != end.y:
                yield " " * row.goes_on if row.goes_on >= 0 else "\n"
