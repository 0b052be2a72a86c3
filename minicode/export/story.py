"""A session as something that can be told: what was said, thought and done, step by step, with times and costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from minicode.messages import Text, Thinking, ToolSpec, Usage
from minicode.show import Diff, Show, Todos

_SHOWN = frozenset({"old_string", "new_string", "content", "todos", "items"})


class Outcome(NamedTuple):
    """The answer to a call. id: of its entry. clipped: a fold shows M2 only its head and tail by now."""

    id: str
    text: str
    failed: bool
    seconds: float
    show: tuple[Show, ...]
    clipped: bool


class Action(NamedTuple):
    """A call. broken: the argument text, if it could not be read. remarks: permissions and alarms, in words."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    broken: str
    remarks: tuple[str, ...]
    outcome: Outcome | None

    @property
    def shown(self) -> bool:
        """Does a diff or a list show what it did better than its words do?"""
        return self.outcome is not None and any(isinstance(block, Diff | Todos) for block in self.outcome.show)

    @property
    def telling(self) -> Mapping[str, Any]:
        """The arguments that are not shown otherwise."""
        return {name: v for name, v in self.arguments.items() if not (self.shown and name in _SHOWN)}


Part = Thinking | Text | Action


class Said(NamedTuple):
    """by: "you", or "minicode" where it asked the model to go on."""

    id: str
    at: str
    by: str
    text: str


class Step(NamedTuple):
    """One reply of the model with the results of its calls. seconds: from the request to the whole reply, None if
    there is no telling. cost: US dollars, None where no price is known."""

    id: str
    at: str
    number: int
    model: str
    seconds: float | None
    parts: tuple[Part, ...]
    usage: Usage
    cost: float | None
    stop: str

    @property
    def thoughts(self) -> tuple[str, ...]:
        return tuple(part.text for part in self.parts if isinstance(part, Thinking))

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(part for part in self.parts if isinstance(part, Action))


class Fold(NamedTuple):
    """A summary that stood for all before it.

    first, upto: ids of the first and the last entry it stands for, "" for none. clipped: how many tool outputs it
    shortened. undone: it stands for nothing any more. thoughts, usage, cost: of the reply that M2 wrote it in.
    """

    id: str
    at: str
    text: str
    thoughts: tuple[str, ...]
    first: str
    upto: str
    clipped: int
    guidance: str
    undone: bool
    usage: Usage
    cost: float | None


class Cut(NamedTuple):
    """What had come of a reply when its stream was cut; M2 never saw it again."""

    id: str
    at: str
    thinking: str
    text: str
    why: str


class Remark(NamedTuple):
    """Anything else worth telling. kind: that of its entry."""

    id: str
    at: str
    kind: str
    text: str


Moment = Said | Step | Fold | Cut | Remark


class Side(NamedTuple):
    """A branch that was left. base: id of the last entry it shares with what was told before, "" for the start."""

    base: str
    moments: tuple[Moment, ...]


class Story(NamedTuple):
    """A session, told.

    moments: of the live branch. sides: of the branches that were left, if they were asked for.
    past: ids of the moments that a fold in force stands for. labels: by entry id.
    damage: a sentence on what could not be read, "" if nothing. totals: of all that is told.
    """

    id: str
    at: str
    folder: str
    version: str
    name: str
    title: str
    origin: str
    system: str
    tools: tuple[ToolSpec, ...]
    moments: tuple[Moment, ...]
    sides: tuple[Side, ...]
    past: frozenset[str]
    labels: Mapping[str, str]
    damage: str
    totals: Totals

    @property
    def heading(self) -> str:
        """What to call it on one line: its name, its title, or what the user first said."""
        first = next((m.text for m in self.moments if isinstance(m, Said)), "")
        words = " ".join((self.name or self.title or first).split())
        return words if len(words) <= 120 else words[:119] + "…"

    @property
    def everything(self) -> Iterator[Moment]:
        yield from self.moments
        for side in self.sides:
            yield from side.moments


class Totals(NamedTuple):
    """cost: of all whose price is known, None if there is none such. unpriced: replies without a known price.
    asking, working: seconds spent waiting for the model, and for tools. models: in the order they came."""

    turns: int
    steps: int
    thoughts: int
    calls: int
    failed: int
    folds: int
    usage: Usage
    cost: float | None
    unpriced: int
    asking: float
    working: float
    models: tuple[str, ...]


def total(moments: Iterable[Moment]) -> Totals:
    told = list(moments)
    steps = [moment for moment in told if isinstance(moment, Step)]
    folds = [moment for moment in told if isinstance(moment, Fold)]
    paid: list[Step | Fold] = [*steps, *(fold for fold in folds if fold.usage != Usage())]
    outcomes = [action.outcome for step in steps for action in step.actions if action.outcome]
    costs = [one.cost for one in paid if one.cost is not None]
    return Totals(
        turns=sum(isinstance(moment, Said) and moment.by == "you" for moment in told),
        steps=len(steps),
        thoughts=sum(len(step.thoughts) for step in steps),
        calls=sum(len(step.actions) for step in steps),
        failed=sum(outcome.failed for outcome in outcomes),
        folds=len(folds),
        usage=sum((one.usage for one in paid), Usage()),
        cost=round(sum(costs), 8) if costs else None,
        unpriced=len(paid) - len(costs),
        asking=sum(step.seconds or 0.0 for step in steps),
        working=sum(outcome.seconds for outcome in outcomes),
        models=tuple(dict.fromkeys(step.model for step in steps if step.model)),
    )
