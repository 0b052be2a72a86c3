"""What a turn may take: model calls, money, tokens, time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minicode.errors import LimitReached
from minicode.messages import Usage
from minicode.model import catalogue


@dataclass(frozen=True, slots=True)
class Limits:
    """0: no limit. turns: model calls; money: USD; tokens: in and out, cached ones included; seconds: wall time.

    beyond: raises LimitReached at the limits of whoever this is done for.
    """

    turns: int = 0
    money: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    beyond: Callable[[], None] = lambda: None

    def check(self, steps: int, usage: Usage, model: str) -> None:
        """Raises LimitReached if what was used so far leaves no room for another model call."""
        self.beyond()
        if self.turns and steps >= self.turns:
            raise LimitReached(f"Stopped after {self.turns} model calls (--max-turns).", limit="turns")
        tokens = usage.context + usage.output
        if self.tokens and tokens >= self.tokens:
            raise LimitReached(f"Stopped at {tokens:,} of {self.tokens:,} tokens (--max-tokens).", limit="tokens")
        if not self.money:
            return
        cost = catalogue.cost(usage, model)
        if cost is None:
            raise LimitReached(
                f"No price is known for {model}, so --max-budget-usd cannot be kept. Limit it with --max-tokens.",
                limit="money",
            )
        if cost >= self.money:
            raise LimitReached(f"Stopped at ${cost:.4f} of ${self.money:.4f} (--max-budget-usd).", limit="money")

    def out_of_time(self) -> LimitReached:
        return LimitReached(f"Stopped after {self.seconds:g} s (--timeout).", limit="time")
