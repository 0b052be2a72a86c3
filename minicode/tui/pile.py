"""Blocks on top of each other: how high each is, guessed until it is looked at, and what stands in which row. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate

from minicode.text import clean
from minicode.tui.blocks import Block, Look
from minicode.tui.rows import Row, lay, plain

_PLAIN = 20_000  # characters of a block that cannot be drawn
KEPT = 6_000  # rows of blocks that stay laid out, whether they are looked at or not


class Pile:
    """To lay a block out is dear, so only what is asked for by `rows` is; the rest is as high as it guesses to be.

    columns, look: what all is laid out for; `again` must be called when they change.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.columns = 80
        self.look = Look()
        self._heights: list[int] = []
        self._tops: list[int] = []  # of the first `_valid` blocks
        self._valid = 0
        self._laid: OrderedDict[int, list[Row]] = OrderedDict()
        self._count = 0  # rows in `_laid`

    def __len__(self) -> int:
        return len(self.blocks)

    def add(self, block: Block) -> None:
        block.number = len(self.blocks)
        self.blocks.append(block)
        self._heights.append(block.guess(self.columns, self.look))

    def clear(self) -> None:
        self.blocks.clear()
        self._heights.clear()
        self._forget()

    def again(self) -> None:
        """For other columns, or another look."""
        self._forget()
        self._heights = [block.guess(self.columns, self.look) for block in self.blocks]

    def _forget(self) -> None:
        self._laid.clear()
        self._tops.clear()
        self._count = self._valid = 0

    @property
    def total(self) -> int:
        """Rows of all blocks."""
        self._settle()
        return self._tops[-1] + self._heights[-1] if self._tops else 0

    def height(self, number: int) -> int:
        return self._heights[number]

    def top(self, number: int) -> int:
        self._settle()
        return self._tops[number]

    def place(self, y: int) -> tuple[int, int] | None:
        """(block, row in it) at a row of the whole."""
        if not 0 <= y < self.total:
            return None
        number = bisect_right(self._tops, y) - 1
        return number, y - self._tops[number]

    def _settle(self) -> None:
        """Only what is below a change is added up anew: most of the time that is the last block."""
        if self._valid < len(self._heights):
            start = self._tops[self._valid - 1] + self._heights[self._valid - 1] if self._valid else 0
            del self._tops[self._valid :]
            self._tops += accumulate(self._heights[self._valid : -1], initial=start)
            self._valid = len(self._heights)

    def rows(self, number: int) -> list[Row]:
        """The block is laid out now, and its height is known."""
        if number in self._laid:
            self._laid.move_to_end(number)
            return self._laid[number]
        rows = self._drawn(self.blocks[number])
        self._laid[number] = rows
        self._count += len(rows)
        if self._heights[number] != len(rows):
            self._heights[number] = len(rows)
            self._valid = min(self._valid, number + 1)
        while self._count > KEPT and len(self._laid) > 1:
            self._count -= len(self._laid.popitem(last=False)[1])
        return rows

    def changed(self, number: int) -> bool:
        """The block has other rows now. Whether it is as high as before."""
        if (rows := self._laid.pop(number, None)) is not None:
            self._count -= len(rows)
        before = self._heights[number]
        return len(self.rows(number)) == before

    def peek(self, number: int) -> list[Row]:
        """The rows of a block, and nothing moves."""
        return self._laid.get(number) or self._drawn(self.blocks[number])

    def _drawn(self, block: Block) -> list[Row]:
        try:
            return block.rows(self.columns, self.look)
        except Exception as bug:  # why: what cannot be drawn is shown as plain words, and must not end the program
            words = clean(block.words())[:_PLAIN].split("\n")
            remark = plain(f"(as plain words: internal error: {type(bug).__name__}: {clean(str(bug))})", "bad")
            return lay([*map(plain, words), remark], self.columns)
