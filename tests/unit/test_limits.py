"""What a turn may take: each limit stops at its figure, not before, and 0 is none."""

from __future__ import annotations

import pytest

from minicode.errors import LimitReached
from minicode.limits import Limits
from minicode.messages import Usage
from minicode.model import catalogue

USED = Usage(input=400, output=300, cache_read=200, cache_write=100)
PRICED = catalogue.DEFAULT_MODEL
COST = catalogue.cost(USED, PRICED) or 0.0


@pytest.mark.parametrize(
    ("limits", "steps", "stopped", "code"),
    [
        (Limits(), 10**6, "", 0),
        (Limits(turns=3), 2, "", 0),
        (Limits(turns=3), 3, "turns", 53),
        (Limits(tokens=1001), 1, "", 0),
        (Limits(tokens=1000), 1, "tokens", 56),
        (Limits(money=COST * 1.01), 1, "", 0),
        (Limits(money=COST), 1, "money", 56),
        (Limits(turns=1, tokens=1, money=COST), 1, "turns", 53),
    ],
)
def test_limits(limits: Limits, steps: int, stopped: str, code: int) -> None:
    assert COST > 0
    if stopped:
        with pytest.raises(LimitReached, match=r"^Stopped ") as caught:
            limits.check(steps, USED, PRICED)
        assert (caught.value.limit, caught.value.exit_code) == (stopped, code)
    else:
        limits.check(steps, USED, PRICED)


def test_a_budget_that_cannot_be_kept_is_refused_at_once() -> None:
    with pytest.raises(LimitReached, match=r"No price is known for own-model, so --max-budget-usd cannot be kept"):
        Limits(money=1).check(0, Usage(), "own-model")
    Limits(tokens=1).check(0, Usage(), "own-model")


def test_out_of_time() -> None:
    limit = Limits(seconds=90).out_of_time()
    assert (str(limit), limit.limit, limit.exit_code) == ("Stopped after 90 s (--timeout).", "time", 124)
