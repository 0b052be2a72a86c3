"""What changed in one file, as a block of the transcript: its name and how much, and opened the diff."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minicode.show import Diff, Show
from minicode.text import clean
from minicode.tui import diffs
from minicode.tui.blocks import Block, Look
from minicode.tui.changes import tally
from minicode.tui.rows import Line, Span
from minicode.tui.shows import lines_of

_OPEN = 120  # lines of diffs that are shown at once; of more, the files that follow are folded
_MARGIN = (Span("    "),)


def blocks_of(shown: Iterable[Show]) -> list[Changed]:
    found: list[Changed] = []
    room = _OPEN
    for block in shown:
        if isinstance(block, Diff):
            room -= block.diff.count("\n") + 1
            found.append(Changed(block, opened=room >= 0))
    return found


class Changed(Block):
    kind = "change"

    def __init__(self, change: Diff, *, opened: bool) -> None:
        super().__init__(gap=0)
        self.change = change
        self.open = opened
        self._added, self._removed = tally(change.diff)

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        sign = ("▾ " if self.open else "▸ ") if look.signs else ("open " if self.open else "folded ")
        path = clean(self.change.path).replace("\n", " ")
        head = Line(
            (
                Span(sign, "dim"),
                Span(path, "strong"),
                Span(f"  +{self._added:,}", "good"),
                Span(f" -{self._removed:,}", "bad"),
            ),
            wrap=False,
        )
        if not self.open:
            return [head]
        split = look.split(width)
        made = lines_of(self.change, width - len(_MARGIN[0].text), True, split=split, signs=look.signs, most=diffs.MOST)
        return [
            head,
            *(line._replace(first=_MARGIN + line.first, rest=_MARGIN + (line.rest or line.first)) for line in made),
        ]

    def guess(self, width: int, look: Look) -> int:
        return self.gap + 1 + (min(self.change.diff.count("\n"), diffs.MOST) if self.open else 0)

    def words(self) -> str:
        return clean(f"{self.change.path}\n{self.change.diff}")

    def toggle(self, look: Look) -> bool:
        self.open = not self.open
        return True

    def follow(self, hit: str) -> bool:
        changed = not self.open
        self.open = True
        return changed
