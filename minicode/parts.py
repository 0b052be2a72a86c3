"""What a session is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minicode import records
from minicode.background import Background
from minicode.checkpoints import Checkpoints
from minicode.context.briefing import Briefing
from minicode.context.budget import Budget
from minicode.context.history import History
from minicode.gate import Gate
from minicode.journal.writer import Journal
from minicode.limits import Limits
from minicode.messages import Request
from minicode.model.base import Model
from minicode.sandbox.policy import Grant
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope

ScopeOf = Callable[[str, Grant, Callable[[str], None], Callable[[str], None]], Scope]


@dataclass(slots=True)
class Parts:
    """scope: makes what a tool may use, from a call's id, what it was granted, and places for its progress and for
    alarms. request: the settings of every request; its system, tools and messages are filled in from the history.
    fold_prompt: what the summariser is told. fold_after: tokens below which folding is not tried again.
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
    steers: list[str] = field(default_factory=list)

    def write(self, new: list[records.Record]) -> None:
        for entry in self.journal.append_many(new) if new else ():
            self.history.add(entry)

    def next_request(self) -> Request:
        """What the model would be asked with now."""
        history = self.history
        return self.request._replace(system=history.system, tools=history.tools, messages=history.messages())
