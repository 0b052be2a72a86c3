"""The rows of a question of M2's: the text in a window, below it what can be picked, a row each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minicode.events import Questioned
from minicode.text import clean, count
from minicode.tui.markdown import render
from minicode.tui.rows import Line, Row, Span, lay

MOST = 60_000  # characters that are laid out of a question, and of a choice
_OPTION = 2_000
_READABLE = 4  # rows of the text that stay in sight, however much can be picked
WORDS, NOTHING = -1, -2  # instead of the place of an option: the user's own words, and no answer


class Choice(NamedTuple):
    """place: of the option, or WORDS or NOTHING."""

    place: int
    words: str


def choices(asked: Questioned) -> list[Choice]:
    """What can be picked. Of a plan the first is marked at the start, and it is a no."""
    options = [Choice(place, " ".join(clean(words[:_OPTION]).split())) for place, words in enumerate(asked.options)]
    if asked.plan:
        return [*options, Choice(WORDS, "No, and say what to change…")]
    return [*options, Choice(WORDS, "Say it in your own words…"), Choice(NOTHING, "No answer: M2 decides")]


def text_rows(asked: Questioned, width: int) -> list[Row]:
    """The question, or the plan, in Markdown."""
    lines = render(asked.text[:MOST], width)
    if len(asked.text) > MOST:
        lines = [*lines, Line((Span(f"… {len(asked.text) - MOST:,} more characters, in the call above", "warning"),))]
    return lay(lines, width)


class Sheet(NamedTuple):
    """What is seen of it. head: its title. shown: rows of the text, from `top` on. foot: rows of choices, and `owners`:
    which choice each of them belongs to. left: rows of text below."""

    head: list[Row]
    shown: list[Row]
    top: int
    left: int
    gap: bool
    foot: list[Row]
    owners: list[int]
    signs: bool

    @property
    def rows(self) -> list[Row]:
        return [*self.head, *self.shown, *([self._below()] if self.gap else []), *self.foot]

    def at(self, y: int) -> int | None:
        """The number of the choice that is clicked there."""
        row = y - (len(self.head) + len(self.shown) + self.gap)
        return self.owners[row] if 0 <= row < len(self.owners) else None

    def _below(self) -> Row:
        if self.left:
            words = f"{'▾ ' if self.signs else ''}{count(self.left, 'more row')} (Page Down)"
            return Row((Span(words, "warning"),))
        return Row((Span("the end (Page Up: back)", "dim"),) if self.top else ())


class View(NamedTuple):
    """How far the user is. marked: number of a choice. checked: places of options. top: first row of the text."""

    marked: int = 0
    checked: frozenset[int] = frozenset()
    top: int = 0
    ready: bool = False
    signs: bool = True


def sheet(asked: Questioned, text: Sequence[Row], view: View, width: int, most: int) -> Sheet:
    """All of it in at most so many rows. Of many choices those around the marked one are seen."""
    foot, owners = _listed(asked, view, width)
    room = max(most - 2 - min(_READABLE, len(text)), 1)
    if among := len(choices(asked)) * (len(foot) > room):
        marked = owners.count(view.marked)
        foot, owners = _listed(asked, view, width, wraps=marked <= room)
        first, marked = owners.index(view.marked), owners.count(view.marked)
        begin = max(min(first - (room - marked) // 2, len(foot) - room), 0)
        foot, owners = foot[begin : begin + room], owners[begin : begin + room]
    head = lay([Line(_title(asked, view, among), wrap=False)], width)
    space = most - len(head) - len(foot)
    gap = space > 1
    window = max(min(len(text), space - gap), 0)
    top = max(min(view.top, len(text) - window), 0)
    shown = list(text[top : top + window])
    return Sheet(head, shown, top, len(text) - top - window, gap, foot, owners, view.signs)


def _title(asked: Questioned, view: View, among: int) -> tuple[Span, ...]:
    """among: of how many choices not all can be seen, 0 if all can."""
    title = "M2 has a plan" if asked.plan else "M2 asks"
    if not view.ready:
        return (Span(title, "strong"), Span("  wait…", "warning"))
    place = f"  {view.marked + 1} of {among}{' ↑↓' if view.signs else ', up or down'}" if among else ""
    keys = "  space marks, Enter answers" if asked.several else ""
    return (Span(title, "strong"), Span(place, "warning"), Span(keys, "dim"))


def _listed(asked: Questioned, view: View, width: int, *, wraps: bool | None = None) -> tuple[list[Row], list[int]]:
    """wraps: whether the marked choice does; None if all do."""
    rows: list[Row] = []
    owners: list[int] = []
    for number, choice in enumerate(choices(asked)):
        mark = ("❯" if view.signs else ">") if number == view.marked else " "
        key = str(number + 1) if choice.place >= 0 and number < 9 else " "
        box = ""
        if asked.several:
            checked = "x" if choice.place in view.checked else " "
            box = f"[{checked}] " if choice.place >= 0 else "    "
        gutter = (Span(f"{mark} ", "mark"), Span(f"{key} ", "dim"), Span(box))
        blank = (Span(" " * (4 + len(box))),)
        style = "dim" if not view.ready else "strong" if number == view.marked else ""
        wrap = wraps is None or (wraps and number == view.marked)
        made = lay([Line((Span(choice.words, style),), gutter, blank, wrap=wrap)], width)
        rows += made
        owners += [number] * len(made)
    return rows, owners
