"""What a run of tests came to: a plain value, and the words for the model and the human."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from minicode.colours import coloured
from minicode.show import Line, Output, Show, Tests
from minicode.text import clean_output, clip, count
from minicode.workspace.processes import Finished
from minicode.workspace.testing.outcome import Outcome, named

TOLD = 10  # failures that are told with their message
NAMED = 40  # failures that are named
_SHOWN = 500  # that the human can see; nobody reads more
_OUTPUT = 6000  # bytes of what the runner printed that are told, if there is no better report
_CRASHED = 1500  # bytes of it, if where it was is known: the rest is frames of the runner
_LONG = 10.0  # seconds of a run after which its slowest tests are told
_SLOW = 1.0  # seconds of a test that is worth a word then
_WORTH_KEEPING = 4000  # bytes printed beyond what is told

Fit = Callable[[str, bytes, int], str]  # `Scope.fit`


class Report(NamedTuple):
    """A run of tests.

    runner: as it is called, with the folder if that is not the root. command: as a person would type it. failures: of
    tests that failed each time. flaky: of those that failed, and then passed when they were run again by themselves.
    unfinished: tests that were running when it was stopped, or crashed. stuck: where. counted: the runner told of each
    test; if not, its exit code decides. said: what a person would have seen. finished: the program of the main run.
    """

    runner: str
    command: str
    finished: Finished
    passed: int = 0
    skipped: int = 0
    failures: tuple[Outcome, ...] = ()
    flaky: tuple[Outcome, ...] = ()
    unfinished: tuple[str, ...] = ()
    stuck: str = ""
    slowest: tuple[Outcome, ...] = ()
    counted: bool = True
    notes: tuple[str, ...] = ()
    said: str = ""

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def none(self) -> bool:
        """No test was run."""
        return self.counted and not (self.passed or self.skipped or self.failures or self.flaky or self.unfinished)

    @property
    def good(self) -> bool:
        """Everything passed at the first try. Nothing run is nothing shown."""
        whole = self.finished.code == 0 and not self.finished.ended
        return whole and not (self.failures or self.flaky or self.unfinished or self.none)

    @property
    def only_flaky(self) -> bool:
        """All that failed passed when it was run again by itself, and nothing else was wrong."""
        return bool(self.flaky) and not (self.failures or self.unfinished or self.finished.ended)

    @property
    def crashed(self) -> str:
        """The signal that ended it by itself, "" for none. A sandbox or a shell tells it as 128 and more."""
        number = -self.finished.code if self.finished.code < 0 else self.finished.code - 128
        with suppress(ValueError):
            return "" if self.finished.ended else signal.Signals(number).name
        return ""


def headline(report: Report) -> str:
    """The run in a line."""
    runner, finished = report.runner, report.finished
    running = ", ".join(map(named, report.unfinished[:3]))
    running += f" and {len(report.unfinished) - 3} more" if report.unfinished[3:] else ""
    at = f" It was at {report.stuck}" if report.stuck else ""
    if finished.ended:
        fate = "printed without end" if finished.ended == "flood" else f"took more than {finished.seconds:.0f} s"
        told = f"{runner} {fate} and was stopped" + (f" while it ran {running}." if running else ".") + at
        return f"{told}\nBefore that: {_counts(report)}." if report.passed or report.failures else told
    if report.crashed or report.unfinished:
        fate = f"was ended by {report.crashed}" if report.crashed else f"ended with code {finished.code}"
        told = f"{runner} {fate}" + (f" while it ran {running}." if running else ".") + at
        return f"{told}\nBefore that: {_counts(report)}." if report.passed or report.failures else told
    if report.failures or report.flaky:
        return f"{runner}: {_counts(report)}"
    if finished.code not in (0, 5):  # 5: pytest, and unittest of late, found none
        return f"{runner} ended with code {finished.code}."
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    if report.passed:
        return f"{runner}: all passed ({report.passed}){skipped}"
    if skipped or not report.counted:
        return f"{runner}: passed{skipped}"
    hint = " Tests written for pytest need it: take it as runner, or install it." if runner == "unittest" else ""
    return f"{runner} found no tests.{hint}"


def _counts(report: Report) -> str:
    flaky = f", {len(report.flaky)} flaky" if report.flaky else ""
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    return f"{len(report.failures)} failed{flaky}, {report.passed} passed{skipped}"


def text_of(
    report: Report,
    fit: Fit = lambda text, whole, limit: clip(text, limit),
    keep: Callable[[bytes], str] = lambda data: "",
) -> str:
    """What the model is told: the failures, each with its first failing assertion, and what there is to know besides.

    fit: shortens what a runner printed. keep: keeps the whole of it, and tells under which name it can be read.
    """
    failures = report.failures
    parts = [headline(report), *map(_one, failures[:TOLD]), *(named(one.test) for one in failures[TOLD:NAMED])]
    if len(failures) > NAMED:
        parts.append(f"and {len(failures) - NAMED} more")
    parts += [_one(one, "FLAKY") for one in report.flaky]
    if report.flaky:
        what = (
            "It failed, and passed when it was" if len(report.flaky) == 1 else "They failed, and passed when they were"
        )
        parts.append(f"{what} run again alone: look for shared state, order, time or chance; do not bend the test.")
    if report.slowest:
        parts.append("slowest: " + ", ".join(f"{named(one.test)} {one.seconds:.1f} s" for one in report.slowest))
    parts += report.notes
    # The report says it better than the output, unless there is none, or the runner itself failed.
    if not report.good and not report.only_flaky and (not failures or not report.counted or report.crashed):
        parts.append(fit(report.said, report.said.encode("utf-8", "replace"), _CRASHED if report.stuck else _OUTPUT))
    elif failures and len(report.said) > _WORTH_KEEPING and (name := keep(report.said.encode("utf-8", "replace"))):
        parts.append(f"[all that it printed, {count(report.said.count(chr(10)) + 1, 'line')}, is in {name}]")
    return "\n".join(filter(None, parts))


def shows_of(report: Report) -> tuple[Show, ...]:
    """What the human is shown."""
    if report.none:
        return (Line(headline(report)), *_printed(report))
    rows = [(named(one.test), one.message.strip().partition("\n")[0]) for one in report.failures]
    rows += [(named(one.test), f"flaky: {one.message.strip().partition(chr(10))[0]}") for one in report.flaky]
    bad = len(report.failures) or (0 if report.good or report.flaky else 1)
    tests = Tests(report.passed, bad, report.skipped, tuple(rows[:_SHOWN]), len(report.flaky))
    lost = (Line(headline(report)),) if report.finished.ended or report.crashed or report.unfinished else ()
    return (tests, *lost, *_printed(report))


def _printed(report: Report) -> tuple[Show, ...]:
    if report.good or report.failures or report.flaky:
        return ()
    said = report.said[-4000:]
    return (Output(said, coloured(report.finished.output, said)),)


def _one(failure: Outcome, word: str = "FAILED") -> str:
    message = clean_output(failure.message.encode("utf-8", "replace")).strip()
    lines = [line.rstrip()[:300] for line in message.split("\n")][:6]
    body = "\n    ".join(lines)
    place = named(failure.place)[:400]
    return f"{word} {named(failure.test)}" + (f"\n  {place}" if place else "") + (f"\n    {body}" if body else "")


def slowest(outcomes: list[Outcome], seconds: float) -> tuple[Outcome, ...]:
    """The three that a long run spent most on."""
    if seconds < _LONG:
        return ()
    return tuple(sorted((o for o in outcomes if o.seconds >= _SLOW), key=lambda o: -o.seconds)[:3])
