"""What a human may be shown of a tool's work: closed, plain, serialisable blocks, made by tools, drawn by faces.

Named tuples, as the events are: a frozen dataclass costs a millisecond to define, and these are defined at every start.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minicode.colours import Mark, sound


class Line(NamedTuple):
    """One line of plain words."""

    text: str


REPAIRED = "repaired: "  # begins the line that tells what was mended in a call before it ran


class Output(NamedTuple):
    """What a program printed; control characters are already gone. colours: as `colours.coloured` makes them."""

    text: str
    colours: tuple[Mark, ...] = ()


class Diff(NamedTuple):
    """A change of one file as a unified diff."""

    path: str
    diff: str


class Tests(NamedTuple):
    """A test run: counts, and (test id, first failing line) of those that failed. flaky: how many of those passed when
    they were run again alone; they are not among the failed."""

    passed: int
    failed: int
    skipped: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    flaky: int = 0


class Todos(NamedTuple):
    """The whole todo list: (text, "pending" | "in_progress" | "completed") each."""

    items: tuple[tuple[str, str], ...]

    @property
    def open(self) -> tuple[str, ...]:
        return tuple(text for text, state in self.items if state != "completed")


Show = Line | Output | Diff | Tests | Todos
_KINDS: dict[str, type[Any]] = {c.__name__.lower(): c for c in (Line, Output, Diff, Tests, Todos)}


def show_to_json(show: Show) -> dict[str, Any]:
    fields = show._asdict()
    if not fields.get("colours", True):
        del fields["colours"]
    return {"show": type(show).__name__.lower(), **fields}


def show_from_json(data: Any) -> Show | None:
    """None for what this version does not know, a newer session still loads, and for what no version wrote."""
    kind = _KINDS.get(str(data.get("show"))) if isinstance(data, dict) else None
    if kind is None:
        return None
    try:
        block: Show = kind(**{name: _tuples(value) for name, value in data.items() if name != "show"})
    except TypeError:
        return None
    if isinstance(block, Output) and isinstance(block.text, str) and not sound(block.colours, block.text):
        block = Output(block.text)  # the words are worth more
    return block if _whole(block) else None


def _whole(block: Show) -> bool:
    """Are the fields what they should be? A file can say anything."""
    match block:
        case Tests(passed, failed, skipped, failures, flaky):
            return all(isinstance(number, int) for number in (passed, failed, skipped, flaky)) and _pairs(failures)
        case Todos(items):
            return _pairs(items)
        case Output(text):
            return isinstance(text, str)
    return all(isinstance(text, str) for text in block)


def _pairs(values: Any) -> bool:
    """(text, text) each?"""
    return isinstance(values, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in values
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
