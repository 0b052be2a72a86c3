"""The rows of a terminal, its cursor and margins, and what can be done to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

ROWS, COLUMNS = 40, 120
KIND = "xterm"  # what programs take it for
_SCROLLED = 5_000  # rows that left at the top and are kept until they are taken
_STACKED = 8  # characters in one cell: accents, joiners
_JOINERS = "\u200b\u200d\ufe0e\ufe0f"


class _Row:
    """cells: a character each, with its accents; a wide one has an empty cell behind it; what is missing is blank.
    on: it goes on below."""

    __slots__ = ("cells", "on")

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.on = False

    def put(self, at: int, cells: list[str], *, insert: bool = False) -> None:
        end = at if insert else at + len(cells)
        self.part(at)
        self.part(end)
        self.cells += [" "] * (at - len(self.cells))
        self.cells[at:end] = cells
        del self.cells[COLUMNS:]

    def blank(self, start: int, end: int) -> None:
        if end < COLUMNS:
            self.put(start, [" "] * (end - start))
        else:
            self.part(start)
            del self.cells[start:]
            self.on = False

    def part(self, at: int) -> None:
        """A wide character on both sides of this place becomes two blanks."""
        if 0 < at < len(self.cells) and not self.cells[at]:
            self.cells[at - 1] = self.cells[at] = " "


class Grid:
    """ROWS times COLUMNS.

    x, y: where the cursor is; an x of COLUMNS is behind the last letter of a full row. wraps: what does not fit goes on
    below. inserts: what is written moves the rest. scrolled: what left at the top. lost: how many rows of it were too
    many to keep.

    Counts and places may be anything; what does not fit is cut.
    """

    def __init__(self) -> None:
        self.scrolled: deque[_Row] = deque()
        self.lost = 0
        self.wraps, self.inserts = True, False
        self._covered: tuple[list[_Row], int, int] | None = None
        self._clear()

    def _clear(self) -> None:
        self.rows = [_Row() for _ in range(ROWS)]
        self.x = self.y = self._top = 0
        self._bottom = ROWS - 1

    def write(self, text: str) -> None:
        """Printable characters, from the cursor on."""
        if text.isascii():
            self._put([*text])
            return
        from unicodedata import combining, east_asian_width

        cells: list[str] = []
        for char in text:
            if combining(char) or char in _JOINERS:
                self._stack(cells, char)
            else:
                cells += (char, "") if east_asian_width(char) in "WF" else (char,)
        self._put(cells)

    def _stack(self, cells: list[str], char: str) -> None:
        """On the last character, be it still to be put or on the screen already."""
        at = len(cells) - 1
        if not cells:
            cells, at = self.rows[self.y].cells, self.x - 1
        at -= 0 < at < len(cells) and not cells[at]
        if 0 <= at < len(cells) and len(cells[at]) < _STACKED:
            cells[at] += char

    def _put(self, cells: list[str]) -> None:
        if not self.wraps:  # each one that does not fit goes over the last
            self.x = min(self.x, COLUMNS - 1)
            room = COLUMNS - self.x
            cells[room - 1 :] = cells[-1:] if len(cells) > room else cells[room - 1 :]
        begin = 0
        while begin < len(cells):
            end = min(begin + COLUMNS - self.x, len(cells))
            if begin < end < len(cells) and not cells[end]:
                end -= 1  # a wide one does not fit
            if end == begin:
                self.rows[self.y].on = True
                self.x = 0
                self.line_feed()
                continue
            self.rows[self.y].put(self.x, cells[begin:end], insert=self.inserts)
            self.x += end - begin
            begin = end

    def line_feed(self) -> None:
        if self.y == self._bottom:
            self.scroll(1)
        elif self.y < ROWS - 1:
            self.y += 1

    def next_line(self) -> None:
        self.carriage_return()
        self.line_feed()

    def reverse_feed(self) -> None:
        if self.y == self._top:
            self.scroll_back(1)
        elif self.y:
            self.y -= 1

    def carriage_return(self) -> None:
        self.x = 0

    def backspace(self) -> None:
        self.x = max(self._column - 1, 0)

    def tab(self, count: int = 1) -> None:
        self.x = min((self.x // 8 + count) * 8, COLUMNS - 1)

    def back_tab(self, count: int) -> None:
        self.x = max((-(-self._column // 8) - count) * 8, 0)

    @property
    def _column(self) -> int:
        return min(self.x, COLUMNS - 1)

    def go(self, y: int, x: int) -> None:
        self.x, self.y = min(max(x, 0), COLUMNS - 1), min(max(y, 0), ROWS - 1)

    def move(self, down: int, right: int) -> None:
        """A margin stops who comes from inside."""
        top = self._top if self.y >= self._top else 0
        bottom = self._bottom if self.y <= self._bottom else ROWS - 1
        self.go(min(max(self.y + down, top), bottom), self._column + right)

    def margins(self, top: int, bottom: int) -> None:
        if 0 <= top < bottom < ROWS:
            self._top, self._bottom = top, bottom
            self.go(0, 0)

    def scroll(self, count: int, *, kept: bool = True) -> None:
        """Up, within the margins; what leaves the main screen at its top is kept."""
        first, end = self._top, self._bottom + 1
        middle = min(first + count, end)
        if kept and first == 0 and self._covered is None:
            self.scrolled += self.rows[:middle]
            for _ in range(len(self.scrolled) - _SCROLLED):
                self.scrolled.popleft()
                self.lost += 1
        self.rows[first:end] = [*self.rows[middle:end], *(_Row() for _ in range(first, middle))]

    def scroll_back(self, count: int) -> None:
        first, end = self._top, self._bottom + 1
        middle = max(end - count, first)
        self.rows[first:end] = [*(_Row() for _ in range(middle, end)), *self.rows[first:middle]]

    def insert_rows(self, count: int) -> None:
        self._from_here(lambda: self.scroll_back(count))

    def delete_rows(self, count: int) -> None:
        self._from_here(lambda: self.scroll(count, kept=False))

    def _from_here(self, scroll: Callable[[], None]) -> None:
        if self._top <= self.y <= self._bottom:
            top, self._top = self._top, self.y
            scroll()
            self._top = top
            self.x = 0

    def insert_cells(self, count: int) -> None:
        self.rows[self.y].put(self._column, [" "] * min(count, COLUMNS - self._column), insert=True)

    def delete_cells(self, count: int) -> None:
        row, at = self.rows[self.y], self._column
        row.part(at + count)
        row.part(at)
        del row.cells[at : at + count]
        row.on = False

    def erase_cells(self, count: int) -> None:
        self.rows[self.y].blank(self._column, min(self._column + count, COLUMNS))

    def erase_in_row(self, what: int) -> None:
        """what: 0 from the cursor on, 1 up to it, 2 all."""
        if what in (0, 1, 2):
            self.rows[self.y].blank(0 if what else self._column, self._column + 1 if what == 1 else COLUMNS)

    def erase(self, what: int) -> None:
        """The same for the whole screen."""
        self.erase_in_row(what)
        first, last = {0: (self.y + 1, ROWS), 1: (0, self.y), 2: (0, ROWS)}.get(what, (0, 0))
        for row in self.rows[first:last]:
            row.blank(0, COLUMNS)

    def alternate(self, on: bool) -> None:
        """Cover the screen with an empty one, or show it again, and the cursor where it was."""
        if on and self._covered is None:
            self._covered = self.rows, self.x, self.y
            self._clear()
            self.x, self.y = self._covered[1:]
        elif not on and self._covered is not None:
            covered, self._covered = self._covered, None
            self._clear()
            self.rows, self.x, self.y = covered

    def lines(self, above: Iterable[_Row] = ()) -> list[str]:
        """The lines on it, without the blanks at the ends save what is before the cursor: a prompt ends in one. Rows
        that are one line are joined: a word, or a secret, that goes over the edge stays whole. above: rows before it.
        """
        lines, line = [], ""
        here = self.rows[self.y]
        for row in (*above, *self.rows):
            before = len(line)
            line += "".join(row.cells)  # by itself: so Python makes it longer where it is, and does not copy it
            if not row.on or len(row.cells) < COLUMNS:
                kept = before + self.x if row is here else 0
                lines.append(line[: max(len(line.rstrip()), kept)])
                line = ""
        lines.append(line.rstrip())
        while lines and not lines[-1]:
            lines.pop()
        return lines
