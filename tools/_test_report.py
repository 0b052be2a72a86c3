"""Runs inside the tests' own Python, as a pytest plugin or as a unittest runner, and writes down what each test did.

Each line of the file named by MINICODE_TEST_REPORT is one JSON list: [test id, outcome, place, message], outcome being
"passed", "failed", "skipped" or "error". For any Python from 3.8 on; nothing but the standard library.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import unittest
from pathlib import Path
from types import TracebackType
from typing import Any

REPORT = Path(os.environ.get("MINICODE_TEST_REPORT", os.devnull))


def note(test: str, outcome: str, place: str = "", message: str = "") -> None:
    # Opened and closed each time: a crash of the interpreter loses nothing.
    with REPORT.open("a", encoding="utf-8", errors="replace") as file:
        file.write(json.dumps([test, outcome, place, message[:4000]]) + "\n")


def place_of(path: str, line: int) -> str:
    """`tests/test_a.py:12: assert f() == 1`."""
    here = f"{Path.cwd()}/"
    name = path[len(here) :] if path.startswith(here) else path
    return f"{name}:{line}: {linecache.getline(path, line).strip()}"


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed:
        note(report.nodeid, "failed" if report.when == "call" else "error", *first_failure(report))
    elif report.skipped:
        note(report.nodeid, "skipped")
    elif report.when == "call":
        note(report.nodeid, "passed")


def pytest_collectreport(report: Any) -> None:
    if report.failed:
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
    def addSuccess(self, test: unittest.TestCase) -> None:
        note(test.id(), "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        note(test.id(), "skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        note(test.id(), "passed")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        note(test.id(), "failed", "", "passed, but was expected to fail")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        note(test.id(), "failed", *place_and_message(err))

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        note(test.id(), "error", *place_and_message(err))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            note(subtest.id(), "failed", *place_and_message(err))


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
    sys.path[0] = str(Path.cwd())
    suite = unittest.TestSuite()
    if names:
        suite.addTest(unittest.defaultTestLoader.loadTestsFromNames([dotted(name) for name in names]))
    else:
        suite.addTest(unittest.defaultTestLoader.discover("."))
        for folder in map(Path, ("tests", "test")):
            # Without an __init__.py the first search does not enter it.
            if folder.is_dir() and not (folder / "__init__.py").exists():
                suite.addTest(unittest.TestLoader().discover(str(folder), top_level_dir=str(folder)))
    result = Result()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
