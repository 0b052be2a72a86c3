"""The scrollbar of what grows, drawn anew only if it would look different: it costs as much as the text beside it."""

from __future__ import annotations

from math import ceil

from textual.scrollbar import ScrollBar

_PARTS = 8  # of a cell, in which the thumb moves


def move(bar: ScrollBar, total: int, position: float) -> None:
    """All of it is so many rows, and what is in view begins at this one."""
    before = _thumb(bar)
    bar.set_reactive(ScrollBar.window_virtual_size, total)
    bar.set_reactive(ScrollBar.position, position)
    if _thumb(bar) != before:
        bar.refresh()


def _thumb(bar: ScrollBar) -> tuple[int, int]:
    """From where to where it reaches, in parts of a cell."""
    room, total, window = bar.size.height, bar.window_virtual_size, bar.window_size
    if not window or total <= window:
        return 0, 0
    size = max(1.0, window * room / total)
    start = int((room - size) * bar.position / (total - window) * _PARTS)
    return start, start + ceil(size * _PARTS)
