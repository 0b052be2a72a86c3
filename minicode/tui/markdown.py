"""Markdown as Lines, whole or while it is still being written: what is closed for certain is made once and kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from minicode.text import clean
from minicode.tui.code import Highlighter
from minicode.tui.prose import code_label, code_lines, draw, is_blank, language, parse
from minicode.tui.rows import Line, Span

if TYPE_CHECKING:
    from markdown_it.token import Token

SLAB = 4_000  # characters that are looked at together
# Characters after which a block that does not end is ended, by its kind: what is open is looked at again and again.
LARGEST = {"paragraph_open": 3_000, "table_open": 2_000, "blockquote_open": 4_000}
LARGEST_OTHER = 8_000
BREADTH = 2_000  # characters of a line: longer ones are broken, at a blank if there is one
# The beginning of a line that can still become anything: it is shown as soon as there is more of it.
UNDECIDED = re.compile(r"[ \t]*[-+*#=>|`~_:.\d) \t]{0,80}")


class Drawn(NamedTuple):
    """stable: only ever grows while the width stays the same, always the same list. tail: what comes after it now."""

    stable: list[Line]
    tail: list[Line]


class _Piece(NamedTuple):
    """Source that is closed, or the code of a fence as Lines (which may still grow)."""

    source: str
    before: str | None  # the source's line in front of it; None at the beginning
    code: list[Line] | None = None


def render(text: str, width: int) -> list[Line]:
    flow = Flow()
    flow.append(text)
    flow.finish()
    return flow.lines(width).stable


class Flow:
    """Markdown that is being written. The cost of an append and of `lines` does not grow with what came before.

    When it is finished the lines are those of `render` of the whole. Not quite the same are a link whose definition
    comes after it, and blocks so large that they are ended by force, at a line (`LARGEST`).
    """

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._open = ""  # the source after them
        self._held = ""  # the end of what came, if it is half of something
        self._before: str | None = None  # the last line that is closed
        self._links: dict[str, Any] = {}
        self._fence: _Fence | None = None  # the last piece's, as long as it is open
        self._width = 0
        self._stable: list[Line] = []
        self._drawn = 0  # pieces that are in `_stable`
        self._coded = 0  # lines of the open fence that are there too

    def append(self, text: str) -> None:
        text, self._held = _whole(self._held + text)
        self._take(clean(text.replace("\r\n", "\n")))

    def finish(self) -> None:
        """The text is complete."""
        self._take(clean(self._held))
        self._held = ""
        self._settle()
        if self._fence:
            self._fence.add(self._open.split("\n") if self._open else [])
            self._close_fence(self._fence)
        else:
            self._keep(self._open)
        self._open = ""

    def lines(self, width: int) -> Drawn:
        """All of it. For another width than the last time everything is made anew, in new lists."""
        tokens, source = self._settle()
        if width != self._width:
            self._width, self._stable, self._drawn, self._coded = width, [], 0, 0
        for piece in self._pieces[self._drawn : len(self._pieces) - bool(self._fence)]:
            self._stable += piece.code[self._coded :] if piece.code is not None else self._draw(piece)
            self._coded = 0
        self._drawn = len(self._pieces) - bool(self._fence)
        if not self._fence:
            return Drawn(self._stable, draw(tokens, source, width, self._before))
        code = self._fence.lines
        self._stable += code[self._coded :]
        self._coded = len(code)
        return Drawn(self._stable, self._fence.tail(self._open))

    def _draw(self, piece: _Piece) -> list[Line]:
        return draw(parse(piece.source, self._links), piece.source.split("\n"), self._width, piece.before)

    def _take(self, text: str) -> None:
        """In slabs, so that whoever appends everything at once gets what they get who append it bit by bit."""
        start = self._open.rfind("\n") + 1
        text = "\n".join(_broken(self._open[start:] + text))
        self._open = self._open[:start]
        for begin in range(0, len(text), SLAB):
            self._open += text[begin : begin + SLAB]
            if len(self._open) > SLAB:
                self._settle()

    def _settle(self) -> tuple[list[Token], list[str]]:
        """Puts away what is closed. Returns the rest, parsed, and its source's lines."""
        while True:
            if self._fence:
                if not self._feed(self._fence):
                    return [], []
                continue
            source = self._open.split("\n")
            if UNDECIDED.fullmatch(source[-1]):
                source[-1] = ""
            tokens = parse("\n".join(source), self._links)
            line, token = _last_seam(tokens, len(source) - 1)
            rest = tokens[token:]
            if rest and rest[0].type == "fence" and line < len(source) - 1:
                self._cut(line)
                self._open_fence(rest[0])
                continue
            largest = LARGEST.get(rest[0].type, LARGEST_OTHER) if rest else LARGEST_OTHER
            self._cut(line)
            if len(self._open) - len(source[-1]) <= largest:
                return rest, source
            self._end_by_force(largest, is_table=bool(rest) and rest[0].type == "table_open")

    def _cut(self, line: int) -> None:
        """Puts away what is before this line of the open source."""
        if line:
            lines = self._open.split("\n")
            self._keep("\n".join(lines[:line]) + "\n")
            self._open = "\n".join(lines[line:])

    def _keep(self, source: str) -> None:
        if source.strip():
            self._pieces.append(_Piece(source, self._before))
            self._before = source.removesuffix("\n").rpartition("\n")[2]
        elif self._before is not None and source:
            self._before = ""

    def _end_by_force(self, size: int, is_table: bool) -> None:
        seam = self._open.find("\n", size) + 1 or len(self._open)
        closed, rest = self._open[:seam], self._open[seam:]
        head = "".join(closed.splitlines(keepends=True)[:2]) if is_table else ""
        self._keep(closed)
        self._open = head + rest

    def _open_fence(self, token: Token) -> None:
        opener, _, self._open = self._open.partition("\n")
        self._fence = _Fence(token, len(opener) - len(opener.lstrip(" ")))
        if self._before is not None and is_blank(self._before):
            self._fence.lines.insert(0, Line(()))
        self._pieces.append(_Piece("", self._before, self._fence.lines))

    def _feed(self, fence: _Fence) -> bool:
        """Gives the fence its lines. False if it goes on."""
        *lines, rest = self._open.split("\n")
        for number, line in enumerate(lines):
            if fence.ends_at(line):
                fence.add(lines[:number])
                self._close_fence(fence)
                self._open = "\n".join([*lines[number + 1 :], rest])
                return True
        fence.add(lines)
        self._open = rest
        return False

    def _close_fence(self, fence: _Fence) -> None:
        fence.finish()
        self._before = fence.markup
        self._fence = None


class _Fence:
    """A block of code that is open; its lines are put away as they come."""

    def __init__(self, opener: Token, indent: int) -> None:
        self.lines = code_label(opener.info)
        self.markup = opener.markup
        self._has_label = bool(self.lines)
        self._indent = re.compile(f" {{0,{indent}}}")
        self._end = re.compile(rf" {{0,3}}{re.escape(self.markup)}{re.escape(self.markup[0])}*[ \t]*")
        self._code = Highlighter(language(opener.info))
        self._taken = 0  # lines of code that are in `lines`

    def ends_at(self, line: str) -> bool:
        return bool(self._end.fullmatch(line))

    def add(self, lines: list[str]) -> None:
        self._code.add(self._indent.sub("", line, count=1) for line in lines)
        self._take()

    def tail(self, begun: str) -> list[Line]:
        """The lines that may still change their colours, and the one that is begun."""
        lines = code_lines(self._code.tail())
        begun = self._indent.sub("", begun, count=1)
        if begun.strip(f" {self.markup[0]}"):
            lines += code_lines([(Span(begun),)])
        return lines

    def finish(self) -> None:
        self._code.finish()
        self._take()
        if not self._taken and not self._has_label:
            self.lines += code_lines([()])

    def _take(self) -> None:
        self.lines += code_lines(self._code.done[self._taken :])
        self._taken = len(self._code.done)


def _last_seam(tokens: list[Token], complete: int) -> tuple[int, int]:
    """(line, number of its token) of the last block, or item of a list, that begins in a line that is complete. What is
    before it is closed for certain: in Markdown only the last block is open."""
    line, found = 0, 0
    for number, token in enumerate(tokens):
        is_seam = token.level == 0 or (token.level == 1 and token.type == "list_item_open")
        if is_seam and token.map and line < token.map[0] < complete:
            line, found = token.map[0], number
    return line, found


def _whole(text: str) -> tuple[str, str]:
    """The text, and its end if that is half of a newline or of an escape code."""
    return (text[:-1], text[-1]) if text.endswith(("\r", "\x1b")) else (text, "")


def _broken(text: str) -> Iterator[str]:
    """The lines, those that are too long in several."""
    for line in text.split("\n"):
        rest = line
        while len(rest) > BREADTH:
            seam = rest.rfind(" ", BREADTH // 2, BREADTH) + 1 or BREADTH
            yield rest[:seam]
            rest = rest[seam:]
        yield rest
