"""What is asked of the user, as Lines: the whole call, and nothing in it that the eye would miss. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minicode.events import Asked
from minicode.text import count, reveal
from minicode.tui.changes import LONGEST_LINE
from minicode.tui.rows import Line, Span, plain

MOST_LINES, MOST = 20_000, 2_000_000  # lines and characters of one argument; of a longer one the ends are shown
_PIECE = 3_000  # characters of a line that are laid out together
_DIFFED = 1_500  # lines of a change that are compared; of a longer one the arguments are shown
_LARGEST = 100_000  # characters of a text that is compared
_NAME = 60  # characters of a tool's name
_EMPTY = 3  # lines that may be empty one after the other
_WANTS = {"network": (" with the network", "warning"), "host": (" OUTSIDE THE SANDBOX, with your rights", "bad")}
_INDENT = re.compile(r"[ \t]{0,80}")
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


def told(asked: Asked, width: int, *, raw: bool = False, with_rule: bool = False, signs: bool = True) -> Iterator[Line]:
    """Why it is asked, and the call: a change of a file as a diff, unless `raw` is wanted; else every argument. It may
    be very long, so it is made as far as it is taken."""
    for text in asked.reason.split("\n"):
        yield from _pieces(text, "dim")
    if len(asked.call.name) > _NAME:
        yield from _argument("tool", asked.call.name)
    diff = "" if raw else change(asked)
    yield from _changing(asked, diff, width, signs) if diff else _arguments(asked.call.arguments)
    if with_rule and asked.always:
        yield from _argument("the rule", asked.always)


def _changing(asked: Asked, diff: str, width: int, signs: bool) -> Iterator[Line]:
    from minicode.tui.diffs import unified

    path = reveal(asked.call.arguments["file_path"])
    whole = asked.call.name == "write"
    yield Line((Span(path, "strong"), Span("  the whole file will be" if whole else "", "dim")))
    yield from unified(diff, path, width, most=MOST_LINES, numbers=whole, signs=signs)
    told = _DIFFABLE[asked.call.name]
    yield from _arguments({name: value for name, value in asked.call.arguments.items() if name not in told})


# What a diff of these tools shows of their arguments.
_DIFFABLE: Mapping[str, tuple[str, ...]] = {
    "edit": ("file_path", "old_string", "new_string"),
    "write": ("file_path", "content"),
}


def change(asked: Asked) -> str:
    """The call as a unified diff; "" if it is none, or if a diff of it could not show all."""
    names = _DIFFABLE.get(asked.call.name, ())
    values = [asked.call.arguments.get(name) for name in names]
    if not values or not all(isinstance(value, str) and len(value) <= _LARGEST for value in values):
        return ""
    texts = [_lines(str(value)) for value in values[1:]]
    if any(len(line) > LONGEST_LINE for lines in texts for line in lines) or sum(map(len, texts)) > _DIFFED:
        return ""
    if len(texts) == 1:
        return _whole(texts[0])
    old, new = texts
    if old[-1:] == new[-1:] == [""]:
        old, new = old[:-1], new[:-1]  # both end with a newline
    from difflib import unified_diff

    return "\n".join([*unified_diff(old, new, lineterm="", n=MOST)][2:] or [""]) if old != new else _same(old)


def _whole(lines: Sequence[str]) -> str:
    """lines: of a file; its last newline ends a line and does not begin another."""
    if not lines:
        return "(it will be empty)"
    ends = not lines[-1]
    rows = [f"+{line}" for line in (lines[:-1] if ends else lines)]
    return "\n".join([f"@@ -0,0 +1,{len(rows)} @@", *rows, *([] if ends else ["\\"])])


def _same(lines: Sequence[str]) -> str:
    return "\n".join([f"@@ -1,{len(lines)} +1,{len(lines)} @@", *(f" {line}" for line in lines)])


def _lines(text: str) -> list[str]:
    """Revealed, but for the blanks that set a line in."""
    return [_revealed(line) for line in text.split("\n")] if text else []


def _revealed(line: str) -> str:
    indent = "" if line.isspace() else _INDENT.match(line)[0]  # type: ignore[index]
    return indent + reveal(line[len(indent) :])


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
