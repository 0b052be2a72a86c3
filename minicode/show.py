"""What a human may be shown of a tool's work: closed, plain, serialisable blocks, made by tools, drawn by faces.

Named tuples, as the events are: a frozen dataclass costs a millisecond to define, and these are defined at every start.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Line(NamedTuple):
    """One line of plain words."""

    text: str


REPAIRED = "repaired: "  # begins the line that tells what was mended in a call before it ran


class Output(NamedTuple):
    """What a program printed; control characters are already gone."""

    text: str


class Diff(NamedTuple):
    """A change of one file as a unified diff."""

    path: str
    diff: str


class Tests(NamedTuple):
    """A test run: counts, and (test id, first failing line) of those that failed."""

    passed: int
    failed: int
    skipped: int = 0
    failures: tuple[tuple[str, str], ...] = ()


class Todos(NamedTuple):
    """The whole todo list: (text, "pending" | "in_progress" | "completed") each."""

    items: tuple[tuple[str, str], ...]

    @property
    def open(self) -> tuple[str, ...]:
        return tuple(text for text, state in self.items if state != "completed")


Show = Line | Output | Diff | Tests | Todos
_KINDS: dict[str, type[Any]] = {c.__name__.lower(): c for c in (Line, Output, Diff, Tests, Todos)}


def show_to_json(show: Show) -> dict[str, Any]:
    return {"show": type(show).__name__.lower(), **show._asdict()}


def show_from_json(data: dict[str, Any]) -> Show | None:
    """None for a kind this version does not know: a newer session still loads."""
    fields = {k: _tuples(v) for k, v in data.items() if k != "show"}
    kind = _KINDS.get(data.get("show", ""))
    if kind is None:
        return None
    block: Show = kind(**fields)
    return block


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
