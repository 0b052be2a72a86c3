"""What a session is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from minicode import pasting, records
from minicode.background import Background
from minicode.checkpoints import Checkpoints
from minicode.context.briefing import Briefing
from minicode.context.budget import Budget
from minicode.context.history import History
from minicode.events import Event, Noted
from minicode.gate import Gate
from minicode.journal.blobs import Blobs
from minicode.journal.writer import Journal
from minicode.limits import Limits
from minicode.messages import Request, Usage, spec_to_json
from minicode.model.base import Model
from minicode.questions import Questions
from minicode.sandbox.policy import Grant
from minicode.toolbox import Toolbox
from minicode.toolkit import Report, Scope

AUTO = "auto"  # in the place of a check's command: the project's own tests
ScopeOf = Callable[[str, Grant, Callable[[str], None], Callable[[str], None]], Scope]


class Check:
    """What has to pass before the model is believed that it is done. command: a command line, or AUTO. tries: how often
    a failure goes back to the model in a turn. due: something may have changed since it passed.
    """

    def __init__(self, command: str, tries: int = 3) -> None:
        self.command, self.tries, self.due = command, tries, True


class Employer(NamedTuple):
    """The call that a task works for. tell: where events go. book: the turn used so much more. check: raises
    LimitReached if that leaves nothing."""

    call_id: str
    tell: Callable[[Event], None]
    book: Callable[[Usage], None]
    check: Callable[[], None]


# The rest as in toolkit.Delegate.
Delegate = Callable[[Employer, str, str, str, str], Awaitable[Report]]


async def _alone(*asked: object) -> Report:
    return Report("", "There are no tasks in this session: do it yourself.", failed=True)


@dataclass(slots=True)
class Parts:
    """scope: makes what a tool may use, from a call's id, what it was granted, and places for its progress and for
    alarms. request: the settings of every request; its system, tools and messages are filled in from the history.
    fold_prompt: what the summariser is told. fold_after: tokens below which folding is not tried again. blobs: where
    very long words of the user's are kept; None keeps them in the journal.
    """

    journal: Journal
    model: Model
    toolbox: Toolbox
    scope: ScopeOf
    request: Request
    briefing: Briefing
    limits: Limits
    gate: Gate
    history: History
    budget: Budget
    fold_prompt: Callable[[], str]
    background: Background
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    fold_after: int = 0
    check: Check | None = None
    delegate: Delegate = _alone
    steers: list[str] = field(default_factory=list)
    blobs: Blobs | None = None
    questions: Questions = field(init=False)

    def __post_init__(self) -> None:
        self.questions = Questions(self.gate)

    def write(self, new: list[records.Record]) -> None:
        told = [pasting.in_part(record, self.blobs) for record in new]
        for entry in self.journal.append_many(record for record, _ in told) if told else ():
            self.history.add(entry)
        for note in filter(None, (note for _, note in told)):
            self.background.tell(Noted("info", note))

    def other_tools(self) -> str:
        """With which tools, and without which, an old session goes on in this process: M2 must know, whatever it costs.
        "" if they are the same; other words about the same ones wait for the next fold."""
        had, has = ({spec.name for spec in specs} for specs in (self.history.tools, self.toolbox.specs))
        if not self.history.system:
            return ""
        both = ("with", has - had), ("without", had - has)
        return " and ".join(f"{how} {', '.join(sorted(names))}" for how, names in both if names)

    def tools_of_today(self) -> list[records.Record]:
        """What gives an old session the tools that this process has; nothing if it has them."""
        specs = tuple(self.toolbox.specs)
        last = next((entry for entry in reversed(self.history.entries) if entry.kind == "system"), None)
        if last is None or self.history.tools == specs:
            return []
        return [("system", {**last.data, "tools": [spec_to_json(spec) for spec in specs]})]

    def next_request(self) -> Request:
        """What the model would be asked with now."""
        history = self.history
        return self.request._replace(system=history.system, tools=history.tools, messages=history.messages())
