"""The rows of a question of permission: the call in a window, below it the answers, a row each or flowing. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from minicode.events import Asked
from minicode.text import count
from minicode.tui.rows import Line, Row, Span, lay


def standing(answered: int, waiting: int, ready: bool) -> list[Span]:
    """Which of how many it is, and whether it can be answered."""
    among = waiting + answered
    spans = [Span(f"  {answered + 1} of {among}", "dim")] if among > 1 else []
    return spans if ready else [*spans, Span("  wait…", "warning")]


class Choice(NamedTuple):
    """answer: "deny", "once", "session", "project", or "no" for a no with words. id: of its action in keymap, "" if it
    has none. short: where there is little room."""

    answer: str
    id: str
    words: str
    short: str


class Place(NamedTuple):
    """Where a choice stands: cells of a row."""

    row: int
    begin: int
    end: int
    choice: Choice


class Growing:
    """Rows that are laid out as far as they are needed. done: these are all."""

    def __init__(self, lines: Iterator[Line], width: int) -> None:
        self.rows: list[Row] = []
        self.done = False
        self._lines = lines
        self._width = width

    def upto(self, number: int) -> list[Row]:
        """At least so many rows, if there are."""
        while len(self.rows) < number and not self.done:
            self._step()
        return self.rows

    def for_a_while(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.done and time.monotonic() < end:
            self._step()

    def _step(self) -> None:
        line = next(self._lines, None)
        if line is None:
            self.done = True
        else:
            self.rows += lay([line], self._width)


class Plan(NamedTuple):
    """window: how many of the `lead`'s and `sheet`'s rows are seen at a time, below `head`. gap: a row says how much is
    below them; if there is none, the margin at their right does. places: in the foot."""

    head: list[Row]
    lead: list[Row]
    sheet: Growing
    window: int
    gap: bool
    foot: list[Row]
    places: list[Place]

    @property
    def height(self) -> int:
        return len(self.head) + self.window + self.gap + len(self.foot)

    def at(self, x: int, y: int) -> Choice | None:
        """What is clicked there."""
        row = y - (self.height - len(self.foot))
        return next((p.choice for p in self.places if p.row == row and p.begin <= x < p.end), None)

    def within(self, top: int) -> int:
        """The first row of the sheet that can be seen, nearest to this one."""
        rows = len(self.sheet.upto(top + self.window - len(self.lead)))
        return max(min(top, len(self.lead) + rows - self.window), 0)

    def row(self, number: int) -> Row:
        return self.lead[number] if number < len(self.lead) else self.sheet.rows[number - len(self.lead)]

    def left(self, top: int) -> int:
        """How many rows are known to be below the window. top: the first row that is seen."""
        return len(self.lead) + len(self.sheet.rows) - self.window - top

    def below(self, top: int, more: str, signs: bool) -> Row:
        """The gap."""
        found = []
        if left := self.left(top):
            about = "" if self.sheet.done else "over "
            found.append(Span(f"{'▾ ' if signs else ''}{about}{count(left, 'more row')} (space)", "warning"))
        elif top:
            found.append(Span("the end (b: back)", "dim"))
        if more:
            found.append(Span(f"{' · ' if found else ''}{more}", "dim"))
        return Row(tuple(found))

    def margin(self, top: int, signs: bool) -> Row:
        """The gap where there is no room for it."""
        left = self.left(top)
        text = f"{'▾' if signs else '+'}{min(left, 999)}{'+' if left > 999 else ''}" if left else ""
        return Row((Span(text.rjust(MARGIN), "warning"),))


MARGIN = 6  # cells at the right of a small panel, for how much is below
_ALL = (
    Choice("deny", "", "No", "No"),
    Choice("once", "allow-once", "Yes, once", "Yes"),
    Choice("session", "allow-session", "Yes, for this session", "Session"),
    Choice("project", "allow-project", "Yes, for this project", "Project"),
    Choice("no", "deny", "No, and say what to do instead", "Say…"),
)
_INDENT = 5  # cells before the words of a choice


def choices(asked: Asked) -> list[Choice]:
    """The first is the one that is meant if nothing is said."""
    return [choice for choice in _ALL if choice.answer not in ("session", "project") or asked.always]


def listed(
    offered: Sequence[Choice], chosen: int, width: int, keys: Mapping[str, str], rule: Line, ready: bool, signs: bool
) -> tuple[list[Row], list[Place]]:
    """A row each; the rule below those that keep it. keys: by the ids of actions."""
    rows: list[Row] = []
    places: list[Place] = []
    margin = (Span(" " * _INDENT),)
    for number, choice in enumerate(offered):
        mark = ("❯" if signs else ">") if number == chosen else " "
        gutter = (Span(f"{mark} ", "mark"), Span(f"{keys.get(choice.id, ''):<{_INDENT - 2}.{_INDENT - 2}}", "dim"))
        style = "dim" if not ready else "strong" if number == chosen else ""
        made = lay([Line((Span(choice.words, style),), gutter, margin)], width)
        places += [Place(len(rows) + n, 0, width, choice) for n in range(len(made))]
        rows += made
        if choice.answer == "project":
            rows += lay([rule._replace(first=margin, rest=margin)], width) if rule.spans else []
    return rows, places


def flowing(
    offered: Sequence[Choice], chosen: int, width: int, ready: bool, signs: bool
) -> tuple[list[Row], list[Place]]:
    """In as few rows as can be."""
    rows: list[list[Span]] = [[]]
    places: list[Place] = []
    at = 0
    for number, choice in enumerate(offered):
        text = (("❯" if signs else ">") if number == chosen else " ") + choice.short
        if at and at + len(text) > width:
            rows.append([])
            at = 0
        style = "dim" if not ready else "mark" if number == chosen else ""
        rows[-1] += [Span(text, style), Span(" ")]
        places.append(Place(len(rows) - 1, at, at + len(text), choice))
        at += len(text) + 1
    return [Row(tuple(row)) for row in rows], places
