"""Find the one place an edit is meant for, and change only that: pure functions that keep every line end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby, islice, pairwise
from typing import NamedTuple

from minicode.workspace.folder import Refused
from minicode.workspace.ladder import INEXACT, LOOKS, Page, fresh_lines, kept, like, ranges_of
from minicode.workspace.splicing import Change, Span, lines_of, spans_of, splice

WIDEST = 2000  # characters of a line that are worth showing
_LONG = 2000  # lines in which difflib would look too long


class Edit(NamedTuple):
    """text: the whole file after it. lines: where it begins in the old text, from 1, one number for each place.

    how: "" if the text was found as given, else what had to be overlooked.
    """

    text: str
    lines: tuple[int, ...]
    how: str = ""


def find_edit(text: str, old: str, new: str, *, everywhere: bool = False, name: str = "the file") -> Edit:
    """Replace `old` by `new`: as given; else by the first rung of `ladder` on which there is such a place.

    Line ends are no difference: those of the file are kept. Raises Refused, with line numbers, if the place is not
    unique and `everywhere` is false, or with the nearest lines if there is none.
    """
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not old:
        raise Refused("old_string is empty. Use write to make a new file, or give the lines next to the change.")
    if old == new:
        raise Refused("old_string and new_string are the same; nothing to change.")
    plain = text.replace("\r\n", "\n")
    spans = _occurrences(plain, old, new)
    lines = _line_numbers(plain, spans)
    if len(spans) > 1 and not everywhere:
        raise Refused(_ambiguous(name, lines))
    if spans:
        return Edit(splice(text, plain, spans), tuple(lines))
    found = _tolerant(plain, old, new, name)
    if found is None:
        raise Refused(_not_found(plain, old, new, name))
    spans, line, how = found
    if all(plain[start:end] == fresh for start, end, fresh in spans):
        raise Refused(f"Ignoring {how}, {name} already reads like new_string at line {line}.")
    return Edit(splice(text, plain, spans), (line,), how)


def _tolerant(plain: str, old: str, new: str, name: str) -> tuple[list[Span], int, str] | None:
    """The one place that is meant though it reads otherwise: what changes, its line, and what had to be overlooked."""
    page, block = Page(lines_of(plain)), lines_of(old)
    fresh = lines_of(new) if old.endswith("\n") else new.split("\n")
    ranges = ranges_of(block, fresh)
    places = page.places(block, ranges)
    if not places or places[0].how == INEXACT:
        inner = _occurrences(like(plain), like(old), new) if not (plain.isascii() and old.isascii()) else []
        if inner:
            line = _only(_line_numbers(plain, inner), name, LOOKS)
            start, end, _ = inner[0]
            return [Span(start, end, kept(plain[start:end], old, new))], line, LOOKS
    if not places:
        return None
    at, _, how = places[0]
    line = _only([place.at + 1 for place in places], name, how)
    changes = [Change(at + r.first, at + r.last, fresh_lines(page, places[0], block, fresh, r)) for r in ranges]
    return spans_of(plain, changes), line, how


def _only(lines: Sequence[int], name: str, how: str) -> int:
    if len(lines) > 1:
        raise Refused(f"{_ambiguous(name, lines)} (It was looked for ignoring {how}.)")
    return lines[0]


def _occurrences(text: str, needle: str, new: str) -> list[Span]:
    spans = []
    at = text.find(needle)
    while at >= 0:
        spans.append(Span(at, at + len(needle), new))
        at = text.find(needle, at + len(needle))
    return spans


def _line_numbers(plain: str, spans: Sequence[Span]) -> list[int]:
    """Where each begins, from 1."""
    found, line, at = [], 1, 0
    for start, _, _ in spans:
        line += plain.count("\n", at, start)
        at = start
        found.append(line)
    return found


def _ambiguous(name: str, lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:10])) + (f" and {len(lines) - 10} more" if len(lines) > 10 else "")
    return (
        f"old_string is in {name} {len(lines)} times, at lines {shown}; nothing was changed. Give more of the lines "
        "around the one you mean, or set replace_all."
    )


def _not_found(text: str, old: str, new: str, name: str) -> str:
    message = f"old_string is not in {name}; nothing was changed."
    if new.strip() and new in text:
        return f"{message} new_string is already there, at line {text.count(chr(10), 0, text.index(new)) + 1}."
    return f"{message} {nearby(text.split(chr(10)), lines_of(old))}"


def nearby(lines: Sequence[str], wanted: Sequence[str]) -> str:
    """Words for a block that is not there: the nearest lines with their numbers."""
    if not any(lines):
        return "The file is empty: use write."
    near = _nearest(lines, wanted) if any(wanted) else None
    if near is None:
        return "Nothing in the file is like it; read the file again."
    first, shown = near
    quoted = "\n".join(f"{first + i + 1}\t{line[:200]}" for i, line in enumerate(shown))
    return f"The nearest lines are:\n{quoted}"


def _nearest(lines: Sequence[str], wanted: Sequence[str]) -> tuple[int, Sequence[str]] | None:
    """The block that shares most lines with `wanted`; else the one around the line most like its longest."""
    keys = {line.strip() for line in wanted if len(line.strip()) > 2}
    hits = [line.strip() in keys for line in lines]
    size = min(len(wanted), 12)
    if any(hits):
        score = best = sum(hits[:size])
        start = 0
        for i in range(1, len(lines) - size + 1):
            score += hits[i + size - 1] - hits[i - 1]
            if score > best:
                best, start = score, i
        # Several windows hold the same lines; the one wanted has its first hit where the block has that line.
        first = hits.index(True, start)
        start = max(first - [line.strip() for line in wanted].index(lines[first].strip()), 0)
        return start, lines[start : start + size]
    from difflib import get_close_matches

    key = max((line.strip() for line in wanted), key=len)[:200]
    places = {line.strip()[:200]: i for i, line in reversed(list(enumerate(lines[:5000]))) if line.strip()}
    near = get_close_matches(key, places, n=1, cutoff=0.6)
    if not near:
        return None
    start = max(places[near[0]] - 1, 0)
    return start, lines[start : start + size + 2]


def unified(name: str, before: str, after: str, widest: int = 0) -> str:
    """The change as a unified diff with three lines of context. Costs little however long the unchanged rest is.

    widest: of a longer line only so many characters are shown; 0 for all of it.
    """
    rows = hunk_rows(before, after)
    if rows:
        rows = [f"--- a/{name}", f"+++ b/{name}", *rows]
    if widest and max(len(before), len(after)) > widest:
        rows = [
            f"{row[:widest]} [… {len(row) - widest:,} more characters]" if len(row) > widest else row for row in rows
        ]
    return "\n".join(rows)


def hunk_rows(before: str, after: str, *, exact: bool = False) -> list[str]:
    """What stands below the names in a unified diff. exact: a carriage return stays where not both texts have one at
    each end of a line, and a last line without a newline is said to have none, in a row of its own."""
    head = _same(before, after, 0)
    start = before.rfind("\n", 0, head) + 1  # of the first line that differs
    for _ in range(3):
        start = before.rfind("\n", 0, max(start - 1, 0)) + 1
    stop = len(before) - _same(before, after, head, back=True)
    for _ in range(4):
        stop = before.find("\n", stop) + 1 or len(before)
    bare = _bare_lines
    if exact:
        bare = partial(_exact_lines, crlf=_all_crlf(before) and (not after or _all_crlf(after)))
    old, new = bare(before[start:stop]), bare(after[start : stop + len(after) - len(before)])
    return list(_rows(old, new, before.count("\n", 0, start)))


def _rows(old: Sequence[str], new: Sequence[str], skipped: int) -> Iterator[str]:
    if len(old) == len(new) > _LONG:
        yield from _line_by_line(old, new, skipped)
        return
    if len(old) * len(new) > _LONG**2:
        from minicode.workspace.anchored import anchored_rows

        rows = anchored_rows(old, new)
    else:
        from difflib import unified_diff

        rows = islice(unified_diff(old, new, lineterm=""), 2, None)
    for row in rows:
        yield _moved(row, skipped) if row.startswith("@@") else row


def _line_by_line(old: Sequence[str], new: Sequence[str], skipped: int) -> Iterator[str]:
    """For what is long: which line became which is not looked for."""
    changed = [i for i, (line, other) in enumerate(zip(old, new, strict=True)) if line != other]
    ends = [i for i, following in pairwise((*changed, len(old) + 7)) if following - i > 6]
    begins = [following for i, following in pairwise((-7, *changed)) if following - i > 6]
    for begin, end in zip(begins, ends, strict=True):
        first, last = max(begin - 3, 0), min(end + 4, len(old))
        span = f"{skipped + first + 1},{last - first}"
        yield f"@@ -{span} +{span} @@"
        for same, lines in groupby(range(first, last), key=lambda i: old[i] == new[i]):
            run = list(lines)
            yield from (f"{' ' if same else '-'}{old[i]}" for i in run)
            yield from () if same else (f"+{new[i]}" for i in run)


def _same(one: str, other: str, after: int, back: bool = False) -> int:
    """How many characters both begin with, or end with, if the first `after` of them do not count."""
    most = min(len(one), len(other)) - after
    low, step = 0, 2**16
    while step:
        while low + step <= most and (
            one[len(one) - low - step : len(one) - low] == other[len(other) - low - step : len(other) - low]
            if back
            else one[after + low : after + low + step] == other[after + low : after + low + step]
        ):
            low += step
        step //= 2
    return low


def _bare_lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _exact_lines(text: str, crlf: bool) -> list[str]:
    lines = _bare_lines(text) if crlf else text.removesuffix("\n").split("\n") if text else []
    if lines and not text.endswith("\n"):  # so that it is no line that has one
        lines[-1] += "\n\\ No newline at end of file"
    return lines


def _all_crlf(text: str) -> bool:
    return text.count("\r") == text.count("\n") == text.count("\r\n") > 0


def _moved(header: str, lines: int) -> str:
    return re.sub(r"([-+])(\d+)", lambda m: f"{m[1]}{int(m[2]) + lines}", header)
