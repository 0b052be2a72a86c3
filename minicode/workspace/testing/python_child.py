"""Runs inside the tests' own Python, as a pytest plugin or as a unittest runner, and writes down what each test did.

Each line of the file named by MINICODE_TEST_REPORT is one JSON list: [test id, outcome, place, message, seconds],
outcome being "started", "passed", "failed", "skipped", "error" or "ended". Where every thread is at the time of
MINICODE_TEST_DEADLINE, in seconds since 1970, goes to the file named by MINICODE_TEST_STACK. For any Python from 3.8
on; nothing but the standard library.
"""

from __future__ import annotations

import faulthandler
import json
import linecache
import os
import sys
import time
import unittest
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

REPORT = Path(os.environ.get("MINICODE_TEST_REPORT", os.devnull))
PARALLEL = os.environ.get("MINICODE_TEST_PARALLEL", "")
# A worker of xdist only runs the tests; what they did is told by the process that started it.
WORKER = "PYTEST_XDIST_WORKER" in os.environ


def note(test: str, outcome: str, place: str = "", message: str = "", seconds: float = 0.0) -> None:
    # Opened and closed each time: a crash of the interpreter loses nothing.
    with REPORT.open("a", encoding="utf-8", errors="replace") as file:
        file.write(json.dumps([test, outcome, place, message[:4000], round(seconds, 3)]) + "\n")


def watch() -> None:
    """Have the stacks written down shortly before the run is stopped. The watching thread is not one of Python's: tests
    that count those are not troubled."""
    if "MINICODE_TEST_STACK" in os.environ:
        left = float(os.environ["MINICODE_TEST_DEADLINE"]) - time.time()
        faulthandler.dump_traceback_later(max(left, 0.01), file=stack_file())


@lru_cache
def stack_file() -> int:
    """A descriptor that stays open."""
    return os.open(os.environ["MINICODE_TEST_STACK"], os.O_WRONLY | os.O_APPEND)


def place_of(path: str, line: int) -> str:
    """`tests/test_a.py:12: assert f() == 1`."""
    here = f"{Path.cwd()}/"
    name = path[len(here) :] if path.startswith(here) else path
    return f"{name}:{line}: {linecache.getline(path, line).strip()}"


def pytest_load_initial_conftests(early_config: Any, args: list[str]) -> None:
    loaded = early_config.pluginmanager.hasplugin
    if PARALLEL and not WORKER and (loaded("xdist") or loaded("xdist.plugin")):
        args[:] = [*PARALLEL.split(), *args]


def pytest_sessionstart() -> None:
    watch()


def pytest_exception_interact() -> None:
    watch()  # pytest has just called it off


def pytest_runtest_logstart(nodeid: str) -> None:
    if not WORKER:
        note(nodeid, "started")


def pytest_runtest_logreport(report: Any) -> None:
    if WORKER:
        return
    if report.failed:
        outcome = "failed" if report.when == "call" else "error"
        note(report.nodeid, outcome, *first_failure(report), report.duration)
    elif report.skipped:
        note(report.nodeid, "skipped")
    elif report.passed and report.when == "call":  # there are others: plugins that try again have a word of their own
        note(report.nodeid, "passed", "", "", report.duration)


def pytest_collectreport(report: Any) -> None:
    if report.failed and not WORKER:
        note(report.nodeid or "collection", "error", *first_failure(report))


def first_failure(report: Any) -> tuple[str, str]:
    """Place and message."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        # The last frame of unittest's own assert methods is in the crash, but not in the traceback that is shown.
        entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", None) or [crash]
        at = getattr(entries[-1], "reprfileloc", None) or crash
        return place_of(at.path, at.lineno), crash.message
    lines = str(report.longrepr).strip().splitlines()
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    return "", "\n".join(errors or lines[-4:])


class Result(unittest.TestResult):
    began = 0.0

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.began = time.monotonic()
        note(test.id(), "started")

    def took(self) -> float:
        return time.monotonic() - self.began if self.began else 0.0

    def addSuccess(self, test: unittest.TestCase) -> None:
        note(test.id(), "passed", "", "", self.took())

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        note(test.id(), "skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        note(test.id(), "passed", "", "", self.took())

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        note(test.id(), "failed", "", "passed, but was expected to fail")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        note(test.id(), "failed", *place_and_message(err), self.took())

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        note(test.id(), "error", *place_and_message(err), self.took())

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            note(subtest.id(), "failed", *place_and_message(err), self.took())

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        note(test.id(), "ended")  # one with failed subtests has no outcome of its own


def place_and_message(err: tuple[type[BaseException], BaseException, TracebackType | None]) -> tuple[str, str]:
    kind, error, trace = err
    place = ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "unittest" not in Path(name).parts:
            place = place_of(name, trace.tb_lineno)
        trace = trace.tb_next
    return place, f"{kind.__name__}: {error}"


def dotted(name: str) -> str:
    """`tests/test_a.py::Case::test_b` as unittest calls it."""
    path, _, inner = name.partition("::")
    path = path[:-3] if path.endswith(".py") else path
    return ".".join([path.strip("/").replace("/", "."), *filter(None, inner.split("::"))])


def main(names: list[str]) -> int:
    watch()
    sys.path[0] = str(Path.cwd())
    # Without an __init__.py the first search does not enter them.
    apart = [name for name in ("tests", "test") if Path(name).is_dir() and not Path(name, "__init__.py").exists()]
    suite = unittest.TestSuite()
    if names:
        sys.path += [str(Path.cwd() / name) for name in apart]
        suite.addTest(unittest.defaultTestLoader.loadTestsFromNames([dotted(name) for name in names]))
    else:
        suite.addTest(unittest.defaultTestLoader.discover("."))
        for name in apart:
            suite.addTest(unittest.TestLoader().discover(name, top_level_dir=name))
    result = Result()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
