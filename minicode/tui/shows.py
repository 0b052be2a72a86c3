"""What a tool shows of its work, as Lines: words, output, diffs, a tree of failed tests, todos. Pure.

Of a long output only the ends are ever looked at: twenty megabytes cost no more than a screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from rich.cells import cell_len, set_cell_size

from minicode import show as shown
from minicode.colours import Mark, Range, by_line, pieces
from minicode.text import clean, count
from minicode.tui.palette import PRINTED
from minicode.tui.rows import Line, Span, plain

_LONGEST = 4_000  # characters of a line; no screen shows more of one
_FOLDED = (3, 4)  # lines at the beginning and at the end of an output that is not opened
_OPENED = (1_400, 500)
_FAILURES = (10, 500)  # failed tests of a run, folded and opened
_WORDS = (10, 500)  # lines of a remark, folded and opened
_STATES = {"completed": ("☑", "done", "dim"), "in_progress": ("▶", "now", "strong")}
_PENDING = ("☐", "open", "")


def lines_of(
    show: shown.Show, width: int, opened: bool, *, split: bool = False, signs: bool = True, most: int = 2_000
) -> list[Line]:
    """split: diffs side by side where there is room. signs: False says in words what a sign would. most: lines of a
    diff or of todos that are made, all of them costly; one more line says how many there are besides."""
    match show:
        case shown.Output(text, colours):
            return list(_output(text, colours, width, opened))
        case shown.Diff(path, diff):
            from minicode.tui import diffs

            path = path.replace("\n", " ")
            if split and signs:
                return diffs.side_by_side(diff, clean(path), width, most=most)
            return diffs.unified(diff, clean(path), width, most=most, signs=signs)
        case shown.Tests():
            return list(_tests(show, opened, signs))
        case shown.Todos(items):
            found = [_todo(clean(text), state, signs) for text, state in items[:most]]
            return found + [plain(f"… {count(len(items) - most, 'more todo')}", "dim")] * (len(items) > most)
        case shown.Line(text):
            return list(_words(text, opened))
        case _:
            assert_never(show)


def _words(text: str, opened: bool) -> Iterator[Line]:
    most = _WORDS[opened]
    lines = text.strip("\n").split("\n", most)
    for line in lines[:most]:
        yield _long(line)
    if lines[most:]:
        yield plain(f"… {count(lines[most].count(chr(10)) + 1, 'more line')}", "dim")


def _output(text: str, colours: Iterable[Mark], width: int, opened: bool) -> Iterator[Line]:
    """The beginning and the end, and between them how much is not seen."""
    text = text.rstrip("\n")
    if not text or text.isspace():
        return
    first, last = _OPENED if opened else _FOLDED
    marks = by_line(colours)

    def drawn(part: str, number: int) -> Iterator[Line]:
        for place, line in enumerate(part.split("\n"), number):
            yield _long(line, marks.get(place, ())) if opened else _short(line, width, marks.get(place, ()))

    lines = text.count("\n") + 1
    if lines <= first + last + 1:  # what is left out needs a line too
        yield from drawn(text, 0)
        return
    yield from drawn(text[: _head(text, first)], 0)
    rest = "; all of it is in the session's file" if opened else ""
    yield plain(f"… {lines - first - last:,} lines{rest} …", "dim")
    yield from drawn(text[_tail(text, last) :], lines - last)


def _head(text: str, lines: int) -> int:
    """Where the first lines of a text that has more end."""
    at = -1
    for _ in range(lines):
        at = text.find("\n", at + 1)
    return at


def _tail(text: str, lines: int) -> int:
    """Where the last lines of a text that has more begin."""
    at = len(text)
    for _ in range(lines):
        at = text.rfind("\n", 0, at)
    return at + 1


def _long(line: str, marks: Sequence[Range] = ()) -> Line:
    """Wrapped, however long; of what no screen shows, the size."""
    if len(line) <= _LONGEST:
        return Line(painted(line, marks))
    return Line((*painted(line[:_LONGEST], marks), Span(f" … {len(line) - _LONGEST:,} more characters", "dim")))


def _short(line: str, width: int, marks: Sequence[Range]) -> Line:
    """In one row."""
    if marks:
        return Line(painted(line[: 4 * width], marks), wrap=False)
    text = clean(line[: 4 * width]).expandtabs(4)
    if len(line) > 4 * width or cell_len(text) > width:
        return Line((Span(set_cell_size(text, max(width - 1, 0)).rstrip()), Span("…", "dim")), wrap=False)
    return plain(text)


def painted(line: str, marks: Sequence[Range], base: str = "") -> tuple[Span, ...]:
    """A line as its program wanted it. base: the style of what is not marked."""
    text = clean(line)
    if not marks or text != line:
        return (Span(text, base),)
    return tuple(Span(piece, _style(base, style)) for piece, style in pieces(line, marks))


def _style(base: str, style: str) -> str:
    return " ".join(filter(None, (base, *(f"{PRINTED}{word}" for word in style.split(" ") if word))))


def _tests(tests: shown.Tests, opened: bool, signs: bool) -> Iterator[Line]:
    """The counts, then each failed test by its file, with the first line of why."""
    yield _counts(tests, signs)
    most = _FAILURES[opened]
    at: str | None = None
    for test, why in tests.failures[:most]:
        file, names = _place(clean(test.replace("\n", " ")))
        if file != at:
            at = file
            if file:
                yield _set_in(2, Span(file, "strong"))
        depth = 4 if file else 2
        yield _set_in(depth, *_path(names))
        if why.strip():
            yield _set_in(depth + 2, Span(clean(why.strip().partition("\n")[0][:_LONGEST]), "bad"))
    if tests.failures[most:]:
        yield _set_in(2, Span(f"… {count(len(tests.failures) - most, 'more failed test')}", "dim"))


def _counts(tests: shown.Tests, signs: bool) -> Line:
    kinds = (
        (tests.failed, "failed", "✗", "bad"),
        (tests.flaky, "flaky", "≈", "warning"),
        (tests.passed, "passed", "✓", "good"),
        (tests.skipped, "skipped", "", "dim"),
    )
    parts = [
        Span(f"{sign} {number:,} {word}" if sign and signs else f"{number:,} {word}", style)
        for number, word, sign, style in kinds
        if number
    ]
    between = [Span(" · ", "dim")] * len(parts)
    mixed = [span for pair in zip(between, parts, strict=True) for span in pair][1:]
    return Line(tuple(mixed) or (Span("no test ran", "warning"),))


def _place(test: str) -> tuple[str, list[str]]:
    """`a.py::B::c[x::y]`: a.py, [B, c[x::y]]. What names no file: "", [all of it]."""
    path, bracket, given = test.partition("[")
    names = path.split("::")
    names[-1] += bracket + given
    return ("", names) if len(names) == 1 else (names[0], names[1:])


def _path(names: list[str]) -> Iterator[Span]:
    for name in names[:-1]:
        yield Span(f"{name} › ", "dim")
    yield Span(names[-1])


def _todo(text: str, state: str, signs: bool) -> Line:
    sign, word, style = _STATES.get(state, _PENDING)
    mark = sign if signs else f"{word}:".ljust(5)
    of_mark = {"completed": "good", "in_progress": "mark"}.get(state, "dim")
    line = " ".join(text.split())
    return Line((Span(line, style),), (Span(f"{mark} ", of_mark),), (Span(" " * (len(mark) + 1)),))


def _set_in(depth: int, *spans: Span) -> Line:
    margin = (Span(" " * depth),)
    return Line(spans, margin, margin)
