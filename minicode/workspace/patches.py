"""Put the hunks of a patch where they belong in a text, or nowhere: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from minicode.workspace.edits import nearby
from minicode.workspace.folder import Refused
from minicode.workspace.ladder import Page, Place, Range, fresh_lines
from minicode.workspace.patch_text import Hunk
from minicode.workspace.splicing import Change, lines_of, spans_of, splice


class Applied(NamedTuple):
    """text: the whole file after it. notes: what was not as the patch says, a phrase each."""

    text: str
    notes: tuple[str, ...] = ()


def new_text(hunks: Sequence[Hunk]) -> str:
    """The content of a file that a patch adds."""
    lines = [line for hunk in hunks for line in hunk.new]
    closed = all(hunk.ends is not False for hunk in hunks)
    return "\n".join(lines) + ("\n" if lines and closed else "")


def apply_hunks(text: str, hunks: Sequence[Hunk], name: str) -> Applied:
    """All hunks or none. Line ends are no difference: those of the file are kept.

    A hunk whose lines are in several places goes where its number says only if all hunks lie where theirs say, or all
    are off by the same count of lines. Raises Refused, with line numbers, if a hunk has no place or more than one.
    """
    if not hunks:
        return Applied(text)
    plain = text.replace("\r\n", "\n")
    page = Page(lines_of(plain))
    found = [_places(page, hunk, number, name) for number, hunk in enumerate(hunks, 1)]
    chosen = _by_numbers(hunks, found) or _by_order(hunks, found, name)
    changes: list[tuple[int, Change]] = []
    notes = []
    for number, (hunk, place) in enumerate(zip(hunks, chosen, strict=True), 1):
        old, new, ranges = hunk.old, hunk.new, ranges_in(hunk)
        for part in ranges:
            ends = hunk.ends if part is ranges[-1] else None
            first, last = place.at + part.first, place.at + part.last
            changes.append((number, Change(first, last, fresh_lines(page, place, old, new, part), ends)))
        if place.how:
            notes.append(f"hunk {number} was found only ignoring {place.how}")
        elif hunk.start is not None and old and place.at != hunk.start - 1:
            notes.append(f"hunk {number} was found at line {place.at + 1}, not {hunk.start}")
    changes.sort(key=lambda change: (change[1].first, change[0]))
    for (first, one), (second, other) in pairwise(changes):
        if other.first < one.last:
            raise Refused(
                f"Hunks {first} and {second} for {name} change the same line {other.first + 1}; nothing was changed."
            )
    return Applied(splice(text, plain, spans_of(plain, _merged([change for _, change in changes]))), tuple(notes))


def ranges_in(hunk: Hunk) -> list[Range]:
    found: list[Range] = []
    old = new = 0
    begin: tuple[int, int] | None = None
    for sign, _ in (*hunk.rows, (" ", "")):
        if sign == " ":
            if begin is not None:
                found.append(Range(begin[0], old, begin[1], new))
                begin = None
        elif begin is None:
            begin = (old, new)
        old += sign != "+"
        new += sign != "-"
    return found


def _merged(changes: Sequence[Change]) -> list[Change]:
    """Changes that touch are one, so that each knows what is behind it."""
    merged: list[Change] = []
    for change in changes:
        if merged and merged[-1].last == change.first:
            before = merged.pop()
            change = Change(before.first, change.last, (*before.lines, *change.lines), change.ends)
        merged.append(change)
    return merged


def _places(page: Page, hunk: Hunk, number: int, name: str) -> list[Place]:
    old = hunk.old
    if not ranges_in(hunk):
        raise Refused(f"Hunk {number} for {name} changes nothing; nothing was changed.")
    if not old:
        if page.lines:
            raise Refused(
                f"Hunk {number} for {name} only adds lines and does not show where. Give the lines above and below "
                "them; nothing was changed."
            )
        return [Place(0, lambda line: line)]
    places = page.exact(old)
    if not places:
        places = page.places(old, ranges_in(hunk))
    if hunk.last:
        places = [place for place in places if place.at + len(old) == len(page.lines)] or places
    if hunk.anchors and len(places) > 1:
        places = _below(page, hunk.anchors, places)
    if not places:
        done = page.exact(hunk.new)
        why = f"It is there already, at line {done[0].at + 1}." if done else nearby(page.lines, old)
        raise Refused(f"Hunk {number} does not fit {name}; nothing was changed. {why}")
    return places


def _below(page: Page, anchors: Sequence[str], places: Sequence[Place]) -> list[Place]:
    """The first place below each line that the anchors name, one inside the other."""
    stripped = page.through(str.strip)
    above = [-1]
    for anchor in map(str.strip, anchors):
        hits = [i for i, line in enumerate(stripped) if line == anchor]
        hits = hits or [i for i, line in enumerate(stripped) if line.startswith(anchor)]
        above = sorted({hit for at in above for hit in [h for h in hits if h > at][: None if at < 0 else 1]})
    firsts = {next((n for n, place in enumerate(places) if place.at >= at), None) for at in above}
    return [places[n] for n in sorted(n for n in firsts if n is not None)] or list(places)


def _by_numbers(hunks: Sequence[Hunk], found: Sequence[Sequence[Place]]) -> list[Place] | None:
    """Where the numbers say; else where all of them are wrong by the same."""
    if any(hunk.start is None for hunk in hunks):
        return None
    offsets = [
        {place.at - max((hunk.start or 0) - 1, 0): place for place in places}
        for hunk, places in zip(hunks, found, strict=True)
    ]
    common = set(offsets[0]).intersection(*offsets)
    offset = 0 if 0 in common else next(iter(common)) if len(common) == 1 else None
    return None if offset is None else [places[offset] for places in offsets]


def _by_order(hunks: Sequence[Hunk], found: Sequence[Sequence[Place]], name: str) -> list[Place]:
    """Where each hunk has one place only, if they come in the order of the file."""
    if all(len(places) == 1 for places in found):
        return [places[0] for places in found]
    cores = [(ranges[0].first, ranges[-1].last) for ranges in map(ranges_in, hunks)]
    early: list[Place | None] = []
    at = 0
    for (first, last), places in zip(cores, found, strict=True):
        place = next((place for place in places if place.at + first >= at), None)
        early.append(place)
        at = at if place is None else place.at + last
    late: list[Place | None] = []
    limit = float("inf")
    for (first, last), places in zip(reversed(cores), reversed(found), strict=True):
        place = next((place for place in reversed(places) if place.at + last <= limit), None)
        late.append(place)
        limit = limit if place is None else place.at + first
    chosen = [a for a, b in zip(early, reversed(late), strict=True) if a is not None and b is not None and a.at == b.at]
    if len(chosen) == len(hunks):
        return chosen
    number = next(n for n, places in enumerate(found, 1) if len(places) > 1)
    lines = [place.at + 1 for place in found[number - 1]]
    shown = ", ".join(map(str, lines[:10])) + (f" and {len(lines) - 10} more" if len(lines) > 10 else "")
    raise Refused(
        f"Hunk {number} fits {name} at {len(lines)} places, lines {shown}; nothing was changed. Give it more of the "
        "lines around the change."
    )
