from __future__ import annotations

import pytest

from minicode.errors import ModelError, TemporaryError
from minicode.model.faults import fault
from minicode.model.retry import Schedule


def waits(error: ModelError, chance: float = 0.5) -> list[float]:
    schedule = Schedule(chance=lambda: chance)
    found = []
    while (wait := schedule.wait(error, len(found) + 1)) is not None:
        found.append(wait)
    return found


def test_an_ordinary_trouble_is_tried_six_times_with_growing_jitter() -> None:
    assert waits(fault("server")) == [0.5, 1, 2, 4, 8]
    assert waits(fault("server"), chance=0) == [0] * 5


def test_an_endpoint_that_cannot_be_reached_is_told_soon() -> None:
    assert waits(fault("network")) == [0.5, 1]


def test_an_overloaded_model_is_worth_at_least_eight_tries_and_no_wait_exceeds_a_minute() -> None:
    found = waits(fault("overloaded", status=529), chance=1)
    assert len(found) >= 7
    assert max(found) == 60


@pytest.mark.parametrize(
    "kind", ["auth", "balance", "quota", "model", "request", "context", "pairing", "sensitive", "path", "tls"]
)
def test_what_trying_again_will_not_mend_is_not_tried(kind: str) -> None:
    assert waits(fault(kind)) == []


def test_the_servers_wish_is_the_least_wait() -> None:
    assert waits(fault("rate", retry_after=3.0))[:4] == [3, 3, 3, 4]


def test_a_wish_beyond_patience_ends_it_with_the_time() -> None:
    with pytest.raises(TemporaryError, match="10 min") as caught:
        waits(fault("rate", retry_after=600.0))
    assert caught.value.retry_after == 600
