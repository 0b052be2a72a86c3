"""Put changes into a text and leave everything else as it is, its line ends above all: pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class Span(NamedTuple):
    """Characters from start to end, in the text without CR, and what stands there afterwards."""

    start: int
    end: int
    text: str


class Change(NamedTuple):
    """Lines from first up to but without last, from 0, and what stands there afterwards.

    ends: whether the last line of the file shall end in a newline, if these lines become it; None: as it did.
    """

    first: int
    last: int
    lines: tuple[str, ...]
    ends: bool | None = None


def lines_of(plain: str) -> list[str]:
    """The lines of a text without CR; a newline at its end ends the last line and does not begin another."""
    return plain.removesuffix("\n").split("\n") if plain else []


def spans_of(plain: str, changes: Sequence[Change]) -> list[Span]:
    """changes: in order, without overlap."""
    starts = list(accumulate(map((1).__add__, map(len, plain.split("\n"))), initial=0))
    closed = plain.endswith("\n")
    total = len(starts) - 1 - (closed or not plain)  # lines of the text
    spans = []
    for first, last, fresh, ends in changes:
        if last < total or (closed and ends is not False):
            spans.append(Span(starts[first], starts[last], "".join(f"{line}\n" for line in fresh)))
        elif ends or not plain:
            spans.append(_closing(plain, starts[first], fresh, ends is not False))
        elif fresh and first < total:
            spans.append(Span(starts[first], len(plain), "\n".join(fresh)))
        else:  # behind a last line that has no newline, or nothing is left of the end
            begin = max(starts[first] - 1, 0) if first else 0
            spans.append(Span(begin, len(plain), "".join(f"\n{line}" for line in fresh)))
    return spans


def _closing(plain: str, start: int, fresh: Sequence[str], ends: bool) -> Span:
    """The end of the file, closed by a newline if it shall be and there is anything to close."""
    text = "\n".join(fresh)
    if start > len(plain):  # behind a last line without newline
        return Span(len(plain), len(plain), f"\n{text}\n" if fresh else "\n")
    return Span(start, len(plain), f"{text}\n" if fresh and ends else text)


def splice(text: str, plain: str, spans: Sequence[Span]) -> str:
    """Make changes, given for the text without CR, in the text as it is. spans: in order, without overlap."""
    crlf = [match.start() for match in re.finditer("\r\n", text)] if len(text) != len(plain) else []
    parts: list[str] = []
    done = passed = 0
    for start, end, new in spans:
        # Each CRLF before a position moves it by one; positions only grow, so each is passed once.
        while passed < len(crlf) and crlf[passed] - passed < start:
            passed += 1
        begin = start + passed
        while passed < len(crlf) and crlf[passed] - passed < end:
            passed += 1
        finish = end + passed
        parts += [text[done:begin], _with_line_ends(text, begin, finish, new) if crlf else new]
        done = finish
    parts.append(text[done:])
    return "".join(parts)


def _with_line_ends(text: str, begin: int, end: int, new: str) -> str:
    """The replacement with the line ends of what it replaces; new lines get those of their neighbours."""
    old = text[begin:end].split("\n")
    fresh = new.split("\n")
    ends = ["\r\n" if line.endswith("\r") else "\n" for line in old[:-1]]
    bare = [line.removesuffix("\r") for line in old[:-1]] + old[-1:]
    head = 0
    while head < min(len(ends), len(fresh) - 1) and bare[head] == fresh[head]:
        head += 1
    tail = 0
    while tail < min(len(ends), len(fresh) - 1) - head and bare[-1 - tail] == fresh[-1 - tail]:
        tail += 1
    if not ends:
        following = text.find("\n", end)
        nearby = following if following >= 0 else text.rfind("\n", 0, begin)
        ends = ["\r\n" if nearby > 0 and text[nearby - 1] == "\r" else "\n"]
    count = len(fresh) - 1
    chosen = []
    for i in range(count):
        if i >= count - tail:
            chosen.append(ends[len(ends) - (count - i)])
        else:
            chosen.append(ends[min(i, len(ends) - 1)])
    return "".join(line + stop for line, stop in zip(fresh, [*chosen, ""], strict=True))
