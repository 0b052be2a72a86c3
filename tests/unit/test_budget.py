"""How full the window is, by what servers report, and what it can take."""

from __future__ import annotations

import pytest

from minicode.context.budget import FIRST_GUESS, Budget, Gauge
from minicode.messages import Request, Usage


def test_the_last_report_counts() -> None:
    gauge = Gauge().asked(10_000)
    assert gauge.tokens(1000) == round(1000 * FIRST_GUESS) and not gauge.reported
    gauge = gauge.answered(Usage(input=500, cache_read=1900, cache_write=100, output=9000))
    assert gauge.tokens(20_000) == 5000 and gauge.reported
    assert gauge.asked(40_000).answered(Usage(input=12_000)).tokens(1000) == 300


@pytest.mark.parametrize(
    "usage", [Usage(), Usage(input=900), Usage(input=20_000)], ids=["nothing", "only what was not cached", "too much"]
)
def test_a_report_that_is_not_of_the_whole_request_is_passed_over(usage: Usage) -> None:
    gauge = Gauge(0.25, 10_000, True)
    assert gauge.answered(usage) == gauge
    assert Gauge().answered(Usage(input=5000)) == Gauge(), "nothing was asked"


@pytest.mark.parametrize(
    ("window", "output", "room"), [(9000, 1000, 8000), (9000, 16_000, 6000), (200_000, 16_000, 184_000)]
)
def test_a_whole_reply_fits_behind_the_request(window: int, output: int, room: int) -> None:
    assert Budget(window).room(Request("m", "", (), (), max_tokens=output)) == room


def test_the_window_of_a_model_is_known_or_guessed() -> None:
    assert Budget().whole("MiniMax-M2") > 100_000 and Budget().whole("nobody/knows-it") > 0
    assert Budget(5).whole("MiniMax-M2") == 5
