"""What the transcript is made of: one block for each thing that was said, thought or done. Each knows its own rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from minicode.tui.rows import Line, Row, Span, lay

LIVE_ROWS = 6  # of a running thought that are seen while it is "live"
_WIDE = 150  # cells in which a diff is shown side by side if nobody chose
_WIDTHS = 2  # at which a running thought is kept laid out: in the transcript and in the side pane
_PIECE = 4_000  # characters of a thought after which a line without an end is broken


class Look(NamedTuple):
    """How all blocks are shown. thinking: "folded", "live" or "full". opened: what tools put out is shown. diff:
    "unified", "split" (side by side) or "auto". signs: False for words in the place of signs."""

    thinking: str = "live"
    opened: bool = False
    diff: str = "auto"
    signs: bool = True

    def split(self, width: int) -> bool:
        """Are diffs side by side in so many cells?"""
        return self.diff == "split" or (self.diff == "auto" and width >= _WIDE)


class Block:
    """step: the blocks with the same one belong together, 0 if it has none. open: what its user wants of this one, None
    for what the look says. gap: rows left free above it. running: it still grows."""

    kind = ""

    def __init__(self, step: int = 0, gap: int = 1) -> None:
        self.step = step
        self.gap = gap
        self.open: bool | None = None
        self.running = False
        self.number = 0  # its place in the transcript, which gives it

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        raise NotImplementedError

    def rows(self, width: int, look: Look) -> list[Row]:
        """Never fewer than one, unless the block is not to be seen."""
        made = lay(self.lines(width, look), width)
        return [*[Row(())] * self.gap, *made] if made else made

    def guess(self, width: int, look: Look) -> int:
        """About how many rows it has; costs next to nothing."""
        text = self.words()
        return self.gap + 1 + text.count("\n") + len(text) // width

    def words(self) -> str:
        """All its text, for the search and to be copied."""
        return ""

    def toggle(self, look: Look) -> bool:
        """Open or fold it. False if there is nothing to open."""
        return False

    def follow(self, hit: str) -> bool:
        """Open what hides a hit of the search. True if it changed."""
        return False


class Said(Block):
    """What the user said."""

    kind = "user"

    def __init__(self, text: str, mark: str = "❯") -> None:
        super().__init__()
        self.text = text
        self.mark = mark

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        first = (Span(f"{self.mark if look.signs else 'you:'} ", "user.mark"),)
        rest = (Span(" " * len(first[0].text), "user"),)
        return [
            Line((Span(text, "user"),), first if number == 0 else rest, rest, "user")
            for number, text in enumerate(self.text.split("\n"))
        ]

    def words(self) -> str:
        return self.text


class Note(Block):
    """A remark of minicode's: style and words."""

    kind = "note"

    def __init__(self, text: str, style: str = "dim", gap: int = 0, step: int = 0) -> None:
        super().__init__(step, gap)
        self.text = text
        self.style = style

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        margin = (Span("  "),)
        return [Line((Span(text, self.style),), margin, margin) for text in self.text.split("\n")]

    def words(self) -> str:
        return self.text


class Checked(Block):
    """What M2 claimed and what a check showed: lines with their names. style: of the outcome."""

    kind = "note"

    def __init__(self, told: Sequence[tuple[str, str]], style: str) -> None:
        super().__init__()
        self.told = told
        self.style = style

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        return [
            Line(
                (Span(text, self.style if name == "outcome" else ""),),
                (Span(f"  {name:10}", "dim"),),
                (Span(" " * 12),),
            )
            for name, text in self.told
        ]

    def words(self) -> str:
        return "\n".join(text for _, text in self.told)


class Thought(Block):
    """One thought of M2's, as it comes. led: the call it led to, in a line. void: it was cut off and does not count."""

    kind = "thought"

    def __init__(self, step: int, text: str = "", *, running: bool = False) -> None:
        super().__init__(step)
        self.running = running
        self.seconds = 0.0  # 0 if not known
        self.led = ""
        self.void = ""
        self._begun = time.monotonic()
        self._pieces: list[str] = []  # whole lines
        self._tail = ""
        self._size = 0
        self._laid: dict[int, tuple[int, list[Row]]] = {}  # by width: rows of the first so many pieces
        self.append(text)

    def append(self, text: str) -> None:
        if not text:
            return
        self._size += len(text)
        *whole, self._tail = (self._tail + text).split("\n")
        for line in whole:
            self._pieces += _broken(line)
        *pieces, self._tail = _broken(self._tail)
        self._pieces += pieces
        if self.running:
            self.seconds = time.monotonic() - self._begun

    def finish(self) -> None:
        if self.running:
            self.seconds = time.monotonic() - self._begun
        self.running = False
        self._laid.clear()

    def words(self) -> str:
        return "\n".join([*self._pieces, self._tail]).strip("\n")

    def head(self, look: Look, led: str) -> Line:
        """It in a line: how long, how much, and what it led to."""
        took = [f"{self.seconds:.1f} s"] if self.seconds >= 0.1 else []
        size = f"~{max(round(self._size / 4), 1):,} tokens"  # the server counts them only together with the rest
        what = "thinking" if self.running else "thought"
        sign = "∴" if look.signs else what
        parts = [
            Span(f"{sign} ", "thought.mark"),
            Span(" · ".join([*([what] if look.signs else []), *took, size]), "dim"),
        ]
        if self.void:
            parts.append(Span(f" · {self.void}", "warning"))
        if led:
            parts += [Span(" → ", "dim"), Span(led, "dim")]
        return Line(tuple(parts), wrap=False)

    def shows(self, look: Look) -> str:
        """ "head", "live" or "full"."""
        if self.open is not None:
            return "full" if self.open else "head"
        if look.thinking == "full":
            return "full"
        return "live" if look.thinking == "live" and self.running else "head"

    def whole(self, width: int, look: Look) -> list[Row]:
        """Its rows whoever folded it; what it led to stands below it."""
        return [*[Row(())] * self.gap, *lay([self.head(look, led="")], width), *self._body(width)]

    def rows(self, width: int, look: Look) -> list[Row]:
        found = [*[Row(())] * self.gap, *lay([self.head(look, self.led)], width)]
        shows = self.shows(look)
        if shows != "head":
            body = self._body(width)
            found += body[-LIVE_ROWS:] if shows == "live" else body
        return found

    def _body(self, width: int) -> list[Row]:
        """Whole lines are laid out once; only the last one, which grows, anew."""
        done, rows = self._laid.get(width, (0, []))
        while done < len(self._pieces) and not (rows or self._pieces[done].strip()):
            done += 1  # blank lines at its beginning
        rows += lay(map(_thinking, self._pieces[done:]), width)
        if self.running:
            if width not in self._laid and len(self._laid) == _WIDTHS:
                self._laid.clear()
            self._laid[width] = len(self._pieces), rows
        return [*rows, *lay([_thinking(self._tail)], width)] if self._tail.strip() else list(rows)

    def guess(self, width: int, look: Look) -> int:
        return self.gap + 1 + (self._size // width + len(self._pieces) if self.shows(look) == "full" else 0)

    def toggle(self, look: Look) -> bool:
        self.open = self.shows(look) != "full"
        return True

    def follow(self, hit: str) -> bool:
        changed = self.open is not True
        self.open = True
        return changed


def _broken(line: str) -> list[str]:
    """Never none; those but the last are as long as a piece."""
    pieces, begin = [], 0
    while len(line) - begin > _PIECE:
        end = line.rfind(" ", begin + 1, begin + _PIECE) + 1 or begin + _PIECE
        pieces.append(line[begin:end])
        begin = end
    return [*pieces, line[begin:]]


def _thinking(text: str) -> Line:
    gutter = (Span("  ", "gutter"),)
    return Line((Span(text, "thought"),), gutter, gutter)
