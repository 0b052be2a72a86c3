"""The search of the transcript: from hit to hit, thoughts too; what hides a hit is opened."""

from __future__ import annotations

from minicode.tui.painting import Hits
from minicode.tui.transcript import Transcript


class Finding:
    """Costs what lies between here and the next hit, not what the session is long."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript

    def clear(self) -> None:
        self._transcript.hits = Hits()
        self._transcript.repaint()

    def look(self, words: str, by: int) -> str:
        """by: as in SearchBar.Wanted. Returns what to tell: "" if a hit is in view."""
        words = words.lower().strip()
        if not words:
            self.clear()
            return ""
        hits = self._transcript.hits
        if by == 0 or hits.words != words or hits.block < 0:
            start, row, by = len(self._transcript.blocks) - 1, -1, -1
        else:
            start, row = hits.block, hits.row
        found = self._next(words, start, row, by)
        if found is None:
            again = hits.words == words and hits.block >= 0
            self._transcript.hits = hits if again else Hits(words)
            self._transcript.repaint()
            return ("no more below" if by > 0 else "no more above") if again else "not found"
        self._transcript.hits = Hits(words, *found)
        block = self._transcript.blocks[found[0]]
        self._transcript.mark(block)
        self._transcript.show_block(block, found[1])
        self._transcript.repaint()
        return ""

    def _next(self, words: str, start: int, row: int, by: int) -> tuple[int, int] | None:
        """(block, row in it) of the next hit. row: that of the hit before, -1 for none."""
        number = start
        while 0 <= number < len(self._transcript.blocks):
            block = self._transcript.blocks[number]
            if words in block.words().lower():
                if not (rows := self._rows(number, words)) and block.follow(words):
                    self._transcript.touch(block)
                    self._transcript.flush()
                    rows = self._rows(number, words)
                rows = rows or [block.gap]  # it stands across the end of a row
                if number == start and row >= 0:
                    rows = [place for place in rows if (place > row if by > 0 else place < row)]
                if rows:
                    return number, rows[0] if by > 0 else rows[-1]
            number += by
        return None

    def _rows(self, number: int, words: str) -> list[int]:
        rows = self._transcript.rows(self._transcript.blocks[number])
        return [place for place, row in enumerate(rows) if words in row.text.lower()]
