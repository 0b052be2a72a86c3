"""What is asked of the user, as Lines: the whole call, and nothing in it that the eye would miss. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from minicode.events import Asked
from minicode.show import Diff
from minicode.show import Line as Told
from minicode.text import count, reveal
from minicode.tui.changes import LONGEST_LINE
from minicode.tui.rows import Line, Span, plain

MOST_LINES, MOST = 20_000, 2_000_000  # lines and characters of one argument; of a longer one the ends are shown
_PIECE = 3_000  # characters of a line that are laid out together
_NAME = 60  # characters of a tool's name
_EMPTY = 3  # lines that may be empty one after the other
_WANTS = {"network": (" with the network", "warning"), "host": (" OUTSIDE THE SANDBOX, with your rights", "bad")}
# A wrapped row must not look like a new line, for that would be another command.
_BAR, _ON = (Span("│ ", "gutter"),), (Span("╎ ", "gutter"),)


def title(asked: Asked) -> tuple[Span, ...]:
    """One sentence."""
    name = reveal(asked.call.name)
    want, style = _WANTS.get(asked.wants, ("", ""))
    short = name if len(name) <= _NAME else name[:_NAME] + "…"
    return (Span(short, "strong"), Span(" wants to run"), Span(want, f"strong {style}".strip()))


def rule(asked: Asked) -> Line:
    """What is kept by a yes that is to last; of no spans if none can."""
    text = reveal(asked.always).replace("\n", "␊")
    return Line((Span("the rule: ", "dim"), Span(text)) if text else ())


def told(asked: Asked, *, raw: bool = False, with_rule: bool = False, signs: bool = True) -> Iterator[Line]:
    """Why it is asked, and the call: what it would change in files as diffs, unless `raw` is wanted; else every
    argument. It may be very long, so it is made as far as it is taken."""
    notes = [(block.text, "warning") for block in asked.show if isinstance(block, Told)]
    for text, style in [(asked.reason, "dim"), *notes]:
        for line in text.split("\n"):
            yield from _pieces(line, style)
    if len(asked.call.name) > _NAME:
        yield from _argument("tool", asked.call.name)
    yield from _changing(asked, signs) if not raw and is_change(asked) else _arguments(asked.call.arguments)
    if with_rule and asked.always:
        yield from _argument("the rule", asked.always)


def is_change(asked: Asked) -> bool:
    """Whether it is known what would change in files, and diffs could show it."""
    diffs = [block.diff for block in asked.show if isinstance(block, Diff)]
    return bool(diffs) and all(len(line) <= LONGEST_LINE for diff in diffs for line in diff.split("\n"))


def _changing(asked: Asked, signs: bool) -> Iterator[Line]:
    from minicode.tui.diffs import MOST, one_by_one

    room, diffs = MOST, [block for block in asked.show if isinstance(block, Diff)]
    if len(diffs) > 1:
        yield plain(f"{count(len(diffs), 'file')} would change:", "warning")
    for name, diff in diffs:
        path = reveal(name).replace("\n", "␊")
        yield plain(path, "strong")
        yield from one_by_one(diff, path, most=room, signs=signs, revealed=True)
        room = max(room - diff.count("\n") - 1, 0)


def _arguments(arguments: Mapping[str, Any]) -> Iterator[Line]:
    for name, value in arguments.items():
        yield from _argument(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _argument(name: str, value: str) -> Iterator[Line]:
    label = f"{reveal(name)}:"
    if name != "command" and len(label) + len(value) < _NAME and "\n" not in value:
        yield Line((Span(f"{label} ", "dim"), Span(reveal(value))))
        return
    if name != "command":
        yield plain(label, "dim")
    empty = 0
    for line in _bounded(value).split("\n"):
        if not line:
            empty += 1
            continue
        yield from _nothing(empty)
        empty = 0
        for number, piece in enumerate(_pieces(line)):
            yield piece._replace(first=_ON if number else _BAR, rest=_ON)
    yield from _nothing(empty)


def _nothing(lines: int) -> Iterator[Line]:
    """Empty lines, but not so many that they push away what follows."""
    if lines > _EMPTY:
        yield Line((Span(f"<{count(lines, 'empty line')}>", "warning"),), _BAR, _ON)
    else:
        yield from [Line((), _BAR, _ON)] * lines


def _pieces(line: str, style: str = "") -> Iterator[Line]:
    """A line, revealed, of any length: of a Line that is longer than a screen `lay` would show only the beginning."""
    for at in range(0, len(line) or 1, _PIECE):
        shown = reveal(line[at : at + _PIECE])
        for begin in range(0, len(shown) or 1, _PIECE):
            yield plain(shown[begin : begin + _PIECE], style)


def _bounded(text: str) -> str:
    """Longer than anybody reads; it is said that it is, and how much is missing."""
    lines = text.split("\n", MOST_LINES)
    if len(text) <= MOST and len(lines) <= MOST_LINES:
        return text
    head = text[: min(len("\n".join(lines[: MOST_LINES // 2])), MOST // 2)]
    tail = text[len(head) :][-MOST // 2 :].split("\n")[-MOST_LINES // 2 :]
    end = "\n".join(tail)
    missing = len(text) - len(head) - len(end)
    return f"{head}\n<NOT SHOWN: {missing:,} characters. This is too long to be judged here.>\n{end}"
