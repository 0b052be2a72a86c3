"""A diff as Lines: numbers, signs, what changed inside a line, the colours of its language. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from minicode.text import count
from minicode.tui.changes import Changed, Marks, differences, hunks, paired, read
from minicode.tui.rows import Line, Span, lay, plain

NARROWEST = 100  # cells; below it nothing is shown side by side
MOST = 2_000  # lines of a diff that are made
_LONG_RUN = 100  # lines removed or added together; no words are compared in a longer one
_BETWEEN = " │ "

Spans = tuple[Span, ...]


class _Drawn(NamedTuple):
    sign: str
    number: int
    spans: Spans


_Pair = tuple[_Drawn | None, _Drawn | None]


def unified(diff: str, path: str, width: int, *, most: int = MOST, signs: bool = True) -> list[Line]:
    """One line under the other. path: the file that the reader has been told of; its name says the language.

    signs: False says "removed" and "added" in words.
    """
    return list(one_by_one(diff, path, most=most, signs=signs))


def one_by_one(diff: str, path: str, *, most: int = MOST, signs: bool = True, revealed: bool = False) -> Iterator[Line]:
    """As `unified`, made hunk by hunk as it is taken. revealed: as in `changes.read`."""
    changes, left = read(diff, most, revealed=revealed)
    digits = _digits(changes)
    for piece in _pieces(changes, path):
        if isinstance(piece, Line):
            yield piece
        else:
            yield from (_line(drawn, digits, signs) for drawn in _in_order(piece))
    yield from _rest(left, "warning" if revealed else "dim")


def side_by_side(diff: str, path: str, width: int, *, most: int = MOST) -> list[Line]:
    """The old beside the new; one under the other if the terminal is narrower than NARROWEST."""
    if width < NARROWEST:
        return unified(diff, path, width, most=most)
    changes, left = read(diff, most)
    digits, half = _digits(changes), (width - len(_BETWEEN)) // 2
    lines: list[Line] = []
    for piece in _pieces(changes, path):
        if isinstance(piece, Line):
            lines.append(piece)
        else:
            for old, new in piece:
                lines += _beside(old, new, half, digits)
    return [*lines, *_rest(left)]


def _digits(changes: Sequence[Changed]) -> int:
    return len(str(max((max(change.old, change.new) for change in changes), default=0)))


def _pieces(changes: Sequence[Changed], path: str) -> Iterator[Line | Iterator[_Pair]]:
    """Lines that stand between the hunks, and the hunks as pairs of an old and a new line."""
    below = False  # something of this file stands above
    for hunk in hunks(changes):
        head = hunk[0]
        if head.sign == "file":
            if head.text != path and not path.endswith(f"/{head.text}"):
                path, below = head.text, False
                yield plain(path, "strong")
        elif head.sign == "":
            yield plain(head.text, "dim")
        elif head.sign != "@":
            yield _drawn(hunk, path)
            below = True
        elif below:
            yield Line((Span(f"⋯ {head.text}".rstrip(), "hunk"),), wrap=False)


def _drawn(hunk: Sequence[Changed], path: str) -> Iterator[_Pair]:
    """Pairs of (old line, new line), which are the same one in the context."""
    old = [change for change in hunk if change.sign != "+"]
    new = [change for change in hunk if change.sign != "-"]
    befores, afters = iter(_coloured(old, path)), iter(_coloured(new, path))
    place = 0
    while place < len(hunk):
        if hunk[place].sign == " ":
            next(befores)
            same = _Drawn(" ", hunk[place].new, next(afters))
            yield same._replace(number=hunk[place].old), same
            place += 1
            continue
        minus = _run(hunk, place, "-")
        plus = _run(hunk, place + len(minus), "+")
        place += len(minus) + len(plus)
        for before, after in paired(minus, plus):
            marks: tuple[Marks, Marks] = ([], [])
            blanks = False
            if before and after and max(len(minus), len(plus)) <= _LONG_RUN:
                marks = differences(before.text, after.text)
                blanks = before.text.split() == after.text.split()
            yield (
                before and _Drawn("-", before.old, _marked(next(befores), marks[0], "removed.word", blanks)),
                after and _Drawn("+", after.new, _marked(next(afters), marks[1], "added.word", blanks)),
            )


def _run(hunk: Sequence[Changed], place: int, sign: str) -> Sequence[Changed]:
    end = place
    while end < len(hunk) and hunk[end].sign == sign:
        end += 1
    return hunk[place:end]


def _coloured(changes: Sequence[Changed], path: str) -> list[Spans]:
    """One side of a hunk is a piece of the file as it was, so it is coloured as a whole."""
    from minicode.tui.code import highlight, language_of

    found = highlight("\n".join(change.text for change in changes), language_of(path)) if changes else []
    return [
        found[n] if n < len(found) and "".join(s.text for s in found[n]) == change.text else (Span(change.text),)
        for n, change in enumerate(changes)
    ]


def _marked(spans: Spans, marks: Marks, style: str, blanks: bool) -> Spans:
    """blanks: they are all that differs, so they are given a shape."""
    if not marks:
        return spans
    cuts = sorted({place for mark in marks for place in mark})
    found, at = [], 0
    for text, own in spans:
        inside = [cut - at for cut in cuts if at < cut < at + len(text)]
        for begin, end in zip([0, *inside], [*inside, len(text)], strict=True):
            part = text[begin:end]
            if any(first <= at + begin < last for first, last in marks):
                part = part.replace(" ", "·").replace("\t", "→\t") if blanks else part
                found.append(Span(part, f"{own} {style}".strip()))
            else:
                found.append(Span(part, own))
        at += len(text)
    return tuple(found)


def _in_order(pairs: Iterable[_Pair]) -> Iterator[_Drawn]:
    """Removed lines that stand together before the added ones."""
    added: list[_Drawn] = []
    for old, new in pairs:
        if new and new.sign == " ":
            yield from added
            added = []
            yield new
            continue
        if old:
            yield old
        if new:
            added.append(new)
    yield from added


def _line(drawn: _Drawn, digits: int, signs: bool) -> Line:
    first, rest = _gutter(drawn, digits, signs)
    return Line(drawn.spans, first, rest, _fill(drawn.sign))


def _gutter(drawn: _Drawn, digits: int, signs: bool = True) -> tuple[Spans, Spans]:
    style = {"-": "bad", "+": "good"}.get(drawn.sign, "gutter")
    sign = drawn.sign if signs else {"-": "removed", "+": "added"}.get(drawn.sign, "").ljust(7)
    number = f"{drawn.number or '':>{digits}} " if digits else ""
    return (Span(number, "gutter"), Span(f"{sign} ", style)), (Span(" " * (len(number) + len(sign) + 1)),)


def _fill(sign: str) -> str:
    return {"-": "removed", "+": "added"}.get(sign, "")


def _beside(old: _Drawn | None, new: _Drawn | None, half: int, digits: int) -> Iterator[Line]:
    left, right = (_half(drawn, half, digits) for drawn in (old, new))
    empty = (Span(" " * half),)
    for n in range(max(len(left), len(right))):
        yield Line(
            (
                *(left[n] if n < len(left) else empty),
                Span(_BETWEEN, "gutter"),
                *(right[n] if n < len(right) else ()),
            ),
            wrap=False,
        )


def _half(drawn: _Drawn | None, half: int, digits: int) -> list[Spans]:
    """Rows of exactly so many cells."""
    if drawn is None:
        return []
    fill = _fill(drawn.sign)
    found = []
    for row in lay([Line(drawn.spans, *_gutter(drawn, digits))], half):
        missing = half - sum(cell_len(span.text) for span in row.spans)
        spans = (*row.spans, Span(" " * missing))
        found.append(tuple(Span(text, f"{fill} {style}".strip()) for text, style in spans) if fill else spans)
    return found


def _rest(left: int, style: str = "dim") -> list[Line]:
    return [plain(f"… {count(left, 'more line')} of the diff", style)] if left else []
