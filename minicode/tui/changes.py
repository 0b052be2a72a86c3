"""A unified diff as text is read, and what changed in it is found: which lines are one line that changed, which words.

Everything here is bounded by what is shown, never by what a diff could hold: words are compared only where a line is
short and few lines stand together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from minicode.text import clean, reveal_row

LONGEST_LINE = 4_000  # characters; of a longer one the beginning is shown
_LONG_LINE = 500  # characters; no words are compared in a longer one
_CELLS = 4_000  # tokens times tokens that are compared
_ALIKE = 0.4  # share of words two lines must have in common to be one line that changed
_LINES = ("-", "+", " ")
_UNSAID = ("--- ", "index ", "diff --git ", "similarity index ", "dissimilarity index ")
_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)")
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")

Marks = list[tuple[int, int]]  # from, to: characters of a line that differ from its partner


class Changed(NamedTuple):
    """A line of a diff. sign: "-", "+", " ", "@" for the head of a hunk, "file" for a file's name, "" for a remark.
    old, new: its number."""

    sign: str
    text: str
    old: int = 0
    new: int = 0


def read(diff: str, most: int, *, revealed: bool = False) -> tuple[list[Changed], int]:
    """The first lines of a diff, and how many more it has. revealed: all that could hide something is made visible."""
    if not diff.strip("\n"):
        return [Changed("", "(no line differs; the line ends or the end of the file may)")], 0
    lines = diff.removesuffix("\n").split("\n", most)  # what is not shown need not be cleaned
    left = lines.pop().count("\n") + 1 if len(lines) > most else 0
    bounded = map(_bounded, lines)
    if revealed:
        return list(_changes(map(reveal_row, bounded))), left
    return list(_changes(clean("\n".join(bounded)).split("\n"))), left


def _bounded(line: str) -> str:
    more = len(line) - 1 - LONGEST_LINE
    return f"{line[: 1 + LONGEST_LINE]} … {more:,} more characters" if more > 0 else line


def tally(diff: str) -> tuple[int, int]:
    """How many lines it adds and removes."""
    signs = [change.sign for change in _changes(diff.split("\n"))]
    return signs.count("+"), signs.count("-")


def _changes(lines: Iterable[str]) -> Iterator[Changed]:
    """The counts of a hunk say where it ends, so that a removed `-- x` is not taken for the name of a file."""
    old = new = old_left = new_left = 0
    binary = False
    for text in lines:
        sign = text[:1]
        if (sign in "- " and old_left > 0) or (sign in "+ " and new_left > 0):
            sign = sign or " "  # some programs cut the blank of an empty line
            yield Changed(sign, text[1:], old if sign != "+" else 0, new if sign != "-" else 0)
            if sign != "+":
                old, old_left = old + 1, old_left - 1
            if sign != "-":
                new, new_left = new + 1, new_left - 1
        elif head := _HUNK.match(text):
            old, new = int(head[1]), int(head[3])
            old_left, new_left = int(head[2] or "1"), int(head[4] or "1")
            yield Changed("@", head[5], old, new)
        else:
            binary = not text.startswith("diff --git ") and (binary or text == "GIT binary patch")
            remark = _remark(text)
            if remark.text and (not binary or text == "GIT binary patch"):
                yield remark


def _remark(text: str) -> Changed:
    """What a line outside of the hunks has to say; no text if the reader need not know it."""
    if text.startswith("+++ ") and text != "+++ /dev/null":
        return Changed("file", text[4:].partition("\t")[0].removeprefix("b/"))
    said = {
        "--- /dev/null": "(the file is new)",
        "+++ /dev/null": "(the file is deleted)",
        "GIT binary patch": "(the file is no text)",
    }.get(text)
    if text.startswith("\\"):
        said = "(no newline at the end of the file)"
    return Changed("", text if said is None and not text.startswith(_UNSAID) else said or "")


def hunks(changes: Sequence[Changed]) -> Iterator[Sequence[Changed]]:
    """Heads, names and remarks alone, the lines between them together."""
    begin = 0
    for place, change in enumerate(changes):
        if change.sign not in _LINES:
            if begin < place:
                yield changes[begin:place]
            yield changes[place : place + 1]
            begin = place + 1
    if begin < len(changes):
        yield changes[begin:]


def paired(minus: Sequence[Changed], plus: Sequence[Changed]) -> Iterator[tuple[Changed | None, Changed | None]]:
    """Lines that are one line changed stand together; what lies between two such pairs fills up from above."""
    begin, other = 0, 0
    for old, new in [*_partners(minus, plus), (len(minus), len(plus))]:
        for n in range(max(old - begin, new - other)):
            yield (
                minus[begin + n] if begin + n < old else None,
                plus[other + n] if other + n < new else None,
            )
        if old < len(minus):
            yield minus[old], plus[new]
        begin, other = old + 1, new + 1


def _partners(minus: Sequence[Changed], plus: Sequence[Changed]) -> list[tuple[int, int]]:
    """The pairs, in order, that have most in common; by their place where comparing all would cost too much."""
    if len(minus) == len(plus) or len(minus) * len(plus) > _CELLS:
        return [(n, n) for n in range(min(len(minus), len(plus)))]
    words = [[set(_TOKEN.findall(c.text[:_LONG_LINE])) for c in side] for side in (minus, plus)]
    best = [[0.0] * (len(plus) + 1) for _ in range(len(minus) + 1)]
    for i in reversed(range(len(minus))):
        for j in reversed(range(len(plus))):
            alike = _alike(words[0][i], words[1][j])
            both = best[i + 1][j + 1] + alike if alike >= _ALIKE else 0.0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    found, i, j = [], 0, 0
    while i < len(minus) and j < len(plus):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            found.append((i, j))
            i, j = i + 1, j + 1
    return found


def _alike(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / ((len(one) + len(other)) or 1)


def differences(old: str, new: str) -> tuple[Marks, Marks]:
    """Where two lines differ, by words; nothing if they have little in common, for then all of it differs."""
    if max(len(old), len(new)) > _LONG_LINE:
        return [], []
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if _alike({t for t in before if not t.isspace()}, {t for t in after if not t.isspace()}) < _ALIKE:
        return [], []
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    inner = before[head : len(before) - tail], after[head : len(after) - tail]
    spans = [(0, len(inner[0]), 0, len(inner[1]))]
    if all(inner) and len(inner[0]) * len(inner[1]) <= _CELLS:
        from difflib import SequenceMatcher

        codes = SequenceMatcher(None, *inner, autojunk=False).get_opcodes()
        spans = [tuple(place) for tag, *place in codes if tag != "equal"]  # type: ignore[misc]
    olds = _places(before, [(head + a, head + b) for a, b, _, _ in spans])
    return olds, _places(after, [(head + a, head + b) for _, _, a, b in spans])


def _places(tokens: Sequence[str], ranges: Iterable[tuple[int, int]]) -> Marks:
    """Characters for tokens. Two marks with only a blank between them are read as one."""
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token))
    marks: Marks = []
    last = -1
    for begin, end in ranges:
        if begin == end:
            continue
        if marks and "".join(tokens[last:begin]).isspace():
            marks[-1] = (marks[-1][0], starts[end])
        else:
            marks.append((starts[begin], starts[end]))
        last = end
    return marks
