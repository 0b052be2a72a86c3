"""Run the project's tests and say which fail, and where first."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from minicode.toolkit import Finished, Line, Output, Refused, Result, Scope, Show, Tests, clean_output, tool

TOLD = 10  # failures that are told with their message
NAMED = 40  # failures that are named
REPORT = 32 * 2**20  # bytes of a report that are read: some hundred thousand tests
PLUGIN = "_minicode_test_report"
BAD = ("failed", "error")
# Failed tests and numbers of passed ones as go, cargo, and the runners behind npm print them.
FAILED = r"^\s*--- FAIL: (\S+)|^test (\S+) \.\.\. FAILED|^\s*(?:✖|✗|×|✕|not ok \d+ -) (.+?)(?: \(\d[\d.]* ?ms\))?$"
PASSED = r"^test result: .*? (\d+) passed|^(?:#|ℹ) pass (\d+)|^Tests:.*?(\d+) passed|^\s+(\d+) passing"


class Outcome(NamedTuple):
    """What is known of a run. failures: (test, place, message). finished: the program that ran them."""

    runner: str
    finished: Finished
    passed: int = 0
    skipped: int = 0
    failures: tuple[tuple[str, str, str], ...] = ()
    counted: bool = True


@tool(effect="runs")
async def run_tests(
    scope: Scope,
    paths: Annotated[list[str], "Files, folders or test ids; all tests if left out"] = [],  # noqa: B006 - never changed
    timeout: Annotated[int, "Seconds until it is stopped"] = 600,  # noqa: ASYNC109 - the name M2 knows
) -> Result:
    """Run the project's tests (pytest, unittest, npm, go, cargo) and get each failing test with its first failing
    assertion. Prefer this to running them in bash."""
    seconds = min(max(timeout, 1), 3600)
    with scope.workspace.watched(scope.alarm):
        return told(scope, await run_all(scope, paths, seconds))


async def run_all(scope: Scope, paths: Sequence[str], seconds: float) -> Outcome:
    """By the runner that fits the project."""
    root = scope.workspace.root
    if (root / "go.mod").is_file():
        return await by_command(scope, "go test", ["go", "test", *(paths or ["./..."])], seconds)
    if (root / "Cargo.toml").is_file():
        return await by_command(scope, "cargo test", ["cargo", "test", "--no-fail-fast", *paths], seconds)
    if has_npm_test(scope):
        return await by_command(
            scope, "npm test", ["npm", "test", "--silent", *(["--", *paths] if paths else [])], seconds
        )
    return await in_python(scope, paths, seconds)


def has_npm_test(scope: Scope) -> bool:
    """A Python project may have a package.json for its web part; its own tests come first."""
    root, files = scope.workspace.root, scope.workspace.files
    if any((root / name).exists() for name in ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini")):
        return False
    try:
        return bool(json.loads(files.read(scope.workspace.folder.resolve("package.json")).data)["scripts"]["test"])
    except (Refused, ValueError, KeyError, TypeError, RecursionError):
        return False


async def in_python(scope: Scope, paths: Sequence[str], seconds: float) -> Outcome:
    """pytest if the project's Python has it, or else ours; unittest if neither does."""
    with scope.workspace.scratch() as folder, (folder / "report.jsonl").open("x+b") as report:
        # Held open from before the first run: what a test puts in its place, a link or a pipe, is never opened.
        plugin = folder / f"{PLUGIN}.py"
        plugin.write_bytes(Path(__file__).with_name("_test_report.py").read_bytes())
        search = os.pathsep.join(filter(None, (str(folder), scope.workspace.processes.environment.get("PYTHONPATH"))))
        environment = {"MINICODE_TEST_REPORT": str(folder / "report.jsonl"), "PYTHONPATH": search}

        async def run(runner: str, argv: Sequence[str]) -> Outcome:
            finished = await scope.workspace.processes.run(
                argv, scope.workspace.root, seconds=seconds, environment=environment
            )
            report.seek(0)
            return reported(runner, finished, report.read(REPORT))

        candidates = pythons(scope)
        for python in candidates:
            words = ["-m", "pytest", "-p", PLUGIN, "-q", "--tb=short", "--no-header", *paths]
            outcome = await run("pytest", [python, *words])
            if b"No module named pytest" not in outcome.finished.output[:2000]:
                return outcome
        return await run("unittest", [candidates[0], str(plugin), *paths])


def pythons(scope: Scope) -> list[str]:
    """The project's own Python; without one the user's, and as a last resort ours."""
    for name in (".venv", "venv", "env"):
        own = scope.workspace.root / name / "bin" / "python"
        if os.access(own, os.X_OK):
            return [str(own)]
    import shutil

    users = shutil.which("python3", path=scope.workspace.processes.environment.get("PATH"))
    return list(dict.fromkeys(filter(None, (users, sys.executable))))


def reported(runner: str, finished: Finished, report: bytes) -> Outcome:
    """What the plugin wrote down. A test that fails in its teardown too is one test."""
    outcomes: dict[str, tuple[str, str, str]] = {}
    for test, outcome, place, message in lines_of(report):
        if outcomes.get(test, ("passed",))[0] in ("passed", "skipped"):
            outcomes[test] = (outcome, place, message)
    by_kind = [outcome for outcome, _, _ in outcomes.values()]
    failures = tuple((test, place, message) for test, (kind, place, message) in outcomes.items() if kind in BAD)
    return Outcome(runner, finished, by_kind.count("passed"), by_kind.count("skipped"), failures)


def lines_of(report: bytes) -> Iterator[tuple[str, str, str, str]]:
    for line in report.decode("utf-8", "replace").split("\n"):
        try:
            test, outcome, place, message = map(str, json.loads(line))
        except (ValueError, TypeError, RecursionError):  # the last one of a killed run, or what a test wrote there
            continue
        yield test, outcome, place, message


async def by_command(scope: Scope, runner: str, argv: Sequence[str], seconds: float) -> Outcome:
    """Any other runner: its exit code decides; counts and names are read from its output where they can be."""
    import re
    import shutil

    program = shutil.which(argv[0], path=scope.workspace.processes.environment.get("PATH"))
    if program is None:
        raise Refused(f"The tests need {argv[0]}, which is not installed here.")
    finished = await scope.workspace.processes.run([program, *argv[1:]], scope.workspace.root, seconds=seconds)
    text = clean_output(finished.output)
    failed = re.findall(FAILED, text, re.MULTILINE)
    names = list(dict.fromkeys(next(filter(None, groups)) for groups in failed))
    passed = sum(int(number) for groups in re.findall(PASSED, text, re.MULTILINE) for number in groups if number)
    return Outcome(runner, finished, passed, 0, tuple((name, "", "") for name in names), counted=False)


def told(scope: Scope, outcome: Outcome) -> Result:
    finished, failures = outcome.finished, outcome.failures
    none = outcome.counted and not (outcome.passed or outcome.skipped or failures)
    passed = finished.code == 0 and not finished.ended and not failures and not none  # nothing run is nothing shown
    parts = [headline(outcome), *map(_one, failures[:TOLD]), *(test for test, _, _ in failures[TOLD:NAMED])]
    if len(failures) > NAMED:
        parts.append(f"and {len(failures) - NAMED} more")
    output = clean_output(finished.output).strip("\n")
    # The report says it better than the output, unless there is none, or the runner itself failed.
    if not passed and (not failures or not outcome.counted):
        parts.append(scope.fit(output, finished.output, 6000))
    show: list[Show] = [
        Line(headline(outcome))
        if none
        else Tests(
            outcome.passed,
            len(failures) or (0 if passed else 1),
            outcome.skipped,
            tuple((test, message.strip().partition("\n")[0]) for test, _, message in failures),
        )
    ]
    if not passed and not failures:
        show.append(Output(output[-4000:]))
    return Result("\n".join(parts), tuple(show), failed=not passed)


def headline(outcome: Outcome) -> str:
    """The run in a line."""
    runner, finished = outcome.runner, outcome.finished
    skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
    if finished.ended == "flood":
        return f"{runner} printed without end and was stopped."
    if finished.ended:
        return f"{runner} took more than {finished.seconds:.0f} s and was stopped."
    if outcome.failures:
        return f"{runner}: {len(outcome.failures)} failed, {outcome.passed} passed{skipped}"
    if finished.code not in (0, 5):  # 5: pytest, and unittest of late, found none
        return f"{runner} ended with code {finished.code}."
    if outcome.passed:
        return f"{runner}: all passed ({outcome.passed}){skipped}"
    if skipped or not outcome.counted:
        return f"{runner}: passed{skipped}"
    hint = " pytest is not installed here; if the tests are written for it, install it." if runner == "unittest" else ""
    return f"{runner} found no tests.{hint}"


def _one(failure: tuple[str, str, str]) -> str:
    test, place, message = failure
    lines = [line.rstrip() for line in clean_output(message.encode("utf-8", "replace")).strip().split("\n")][:6]
    body = "\n    ".join(line[:300] for line in lines)
    return f"FAILED {test}" + (f"\n  {place}" if place else "") + (f"\n    {body}" if body else "")
