"""What a call prints while it runs: its last lines, in its colours; a line that is written over is replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from minicode.colours import Mark
from minicode.text import clean
from minicode.tui.rows import Line

_KEPT = 200_000  # characters
_ROWS = 8


class Printed:
    """text: what came, of much the end."""

    def __init__(self) -> None:
        self.text = ""
        self._lines = 0  # that ended, also of what is not kept
        self._marks: list[Mark] = []  # of the last rows

    def say(self, text: str, over: bool = False, colours: Iterable[Mark] = ()) -> None:
        """As in `events.CallSaid`."""
        text = clean(text)
        if over:
            last = self.text.rfind("\n", 0, -1) + 1
            self._lines -= self.text.count("\n", last)
            self.text = self.text[:last]
            self._marks = [mark for mark in self._marks if mark[0] < self._lines]
        if not self.text or self.text.endswith("\n"):
            self._marks += [(line + self._lines, start, end, style) for line, start, end, style in colours]
        self.text = (self.text + text)[-_KEPT:]
        self._lines += text.count("\n")
        self._marks = [mark for mark in self._marks if mark[0] > self._lines - 2 * _ROWS]

    def lines(self) -> list[Line]:
        """The last ones."""
        from minicode.tui.shows import painted  # not at the start

        text = self.text.rstrip("\n")
        rows = text.rsplit("\n", _ROWS)[-_ROWS:] if text else []
        first = self._lines - (len(self.text) - len(text)) - len(rows) + 1
        found = []
        for place, row in enumerate(rows, first):
            marks = [mark[1:] for mark in self._marks if mark[0] == place]
            found.append(Line(painted(row, marks, "dim"), wrap=False))
        return found
