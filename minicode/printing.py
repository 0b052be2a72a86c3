"""What a running call prints, for a face that writes line after line: what is due to be shown, and what was shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from minicode.colours import Range, by_line
from minicode.events import CallSaid

if TYPE_CHECKING:
    import asyncio

_PACE = 5.0  # seconds between two states of a line that is written over
_KEPT = 30_000  # characters that were shown and are remembered; no result has more

Row = tuple[str, list[Range]]  # a line and its colours


class Printing:
    """One call. name: as the user knows it. timer: that of whoever shows it."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.timer: asyncio.TimerHandle | None = None
        self._begun = time.monotonic()
        self._told = float("-inf")
        self._due: list[Row] = []
        self._shown: list[str] = []
        self._room = _KEPT
        self._over = False  # the last line is a state of one that is written over

    @property
    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self._begun

    def hear(self, said: CallSaid) -> None:
        lines = said.text.removesuffix("\n").split("\n")
        marks = by_line(said.colours)
        if said.over:
            for heard in (self._due, self._shown):
                if heard:
                    heard.pop()
                    break
        self._due += [(line, marks.get(place, [])) for place, line in enumerate(lines)]
        self._over = said.over and len(lines) == 1

    def due(self) -> list[Row]:
        """The lines to be shown now. Of one that is written over only its last state is sure to be."""
        now = time.monotonic()
        held = self._over and now - self._told < _PACE
        rows, self._due = self._due[: len(self._due) - held], self._due[len(self._due) - held :]
        if rows:
            self._told = now
            self._shown += [line for line, _ in rows]
            self._room -= sum(len(line) + 1 for line, _ in rows)
        if self._room < 0:
            self._shown.clear()
        return rows

    def seen(self, output: str) -> int:
        """How many lines of all that the call put out were shown, from its beginning. 0 if something else was."""
        lines, shown = output.rstrip("\n").split("\n"), "\n".join(self._shown).rstrip("\n").split("\n")
        if self._room < 0 or not self._shown:
            return 0
        # The last line may have gone on.
        return next((n for n in (len(shown), len(shown) - 1) if lines[:n] == shown[:n] and n <= len(lines)), 0)

    def close(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
