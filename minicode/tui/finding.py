"""The search of the transcript: from hit to hit, thoughts too; what hides a hit is opened."""

from __future__ import annotations

from minicode.tui.painting import Hits, found
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
        hit = self._next(words, start, row, by)
        if hit is None:
            again = hits.words == words and hits.block >= 0
            self._transcript.hits = hits if again else Hits(words)
            self._transcript.repaint()
            return ("no more below" if by > 0 else "no more above") if again else "not found"
        self._transcript.hits = Hits(words, *hit)
        block = self._transcript.blocks[hit[0]]
        self._transcript.mark(block)
        self._transcript.show_block(block, hit[1])
        self._transcript.repaint()
        return ""

    def _next(self, words: str, start: int, row: int, by: int) -> tuple[int, int] | None:
        """(block, row in it) of the next hit. row: that of the hit before, -1 for none."""
        number = start
        while 0 <= number < len(self._transcript.blocks):
            block = self._transcript.blocks[number]
            if words in block.words().lower():
                if block.follow(words):
                    self._transcript.touch(block)
                    self._transcript.flush()
                hits = self._rows(number, words) or [block.gap]  # of its text not all is shown
                if number == start and row >= 0:
                    hits = [place for place in hits if (place > row if by > 0 else place < row)]
                if hits:
                    return number, hits[0] if by > 0 else hits[-1]
            number += by
        return None

    def _rows(self, number: int, words: str) -> list[int]:
        """In which the words begin."""
        rows = self._transcript.rows(self._transcript.blocks[number])
        return [place for place in range(len(rows)) if any(begin >= 0 for begin, _ in found(rows, place, words))]
