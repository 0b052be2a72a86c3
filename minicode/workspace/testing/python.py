"""pytest and unittest, run by the project's own Python with a reporter of ours inside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from minicode.text import clean_output
from minicode.workspace.folder import Refused
from minicode.workspace.processes import Finished
from minicode.workspace.pythons import find_pythons
from minicode.workspace.testing.outcome import Outcome, Ran, Task, held, read, seconds_of
from minicode.workspace.workspace import Workspace

PLUGIN = "_minicode_test_report"
_CHILD = Path(__file__).with_name("python_child.py")
_WORDS = ("-p", PLUGIN, "-q", "--tb=short", "--no-header")
_MISSING = b"No module named pytest"
# Where a project may say how its tests are run; only what it says itself makes them run side by side.
_SAYING = ("pyproject.toml", "tox.ini", "noxfile.py", "Makefile", "justfile", "AGENTS.md", "CONTRIBUTING.md")
_PARALLEL = r"pytest\b[^\n|;&]*?\s(?:-n[ =]?|--numprocesses[ =])(auto|logical|[1-9]\d?)\b([^\n|;&]*)"
# What pytest prints for each test: the report says it better.
_PROGRESS = r"(?m)^[.FEsxXR]+(?: +\[ *\d+%\])?(?:\n|\Z)"
_DIST = r"--dist[ =](\w+)"


async def run(task: Task, runner: str = "") -> Ran:
    """runner: "pytest" or "unittest", "" for pytest if a Python that fits has it and unittest if none does."""
    with held(task.workspace, "report.jsonl", "stack.txt") as (folder, files):
        child = folder / f"{PLUGIN}.py"
        child.write_bytes(_CHILD.read_bytes())
        inherited = task.workspace.processes.environment.get("PYTHONPATH")
        environment = {
            "MINICODE_TEST_REPORT": str(folder / "report.jsonl"),
            "MINICODE_TEST_STACK": str(folder / "stack.txt"),
            # Late, but in time for a busy machine to write it down.
            "MINICODE_TEST_DEADLINE": f"{time.time() + max(task.seconds - 2, task.seconds * 0.8):.2f}",
            "MINICODE_TEST_PARALLEL": "" if task.words or task.tests else parallel(task.workspace, task.folder),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), inherited))),
        }
        wanted = list(task.tests or task.words)
        candidates = find_pythons(task.workspace.processes, task.folder, task.workspace.root)
        broken = ""
        for python in candidates if runner != "unittest" else ():
            try:
                finished = await task.run([python, "-m", "pytest", *_WORDS, *wanted], environment)
            except Refused as error:  # a virtual environment whose Python was removed, or of another machine
                broken = str(error)
                continue
            if _MISSING not in finished.output[:2000]:
                typed = f"{_typed(task, python)} -m pytest"
                return await asyncio.to_thread(_ran, task, "pytest", typed, finished, files, broken)
        for python in candidates if runner != "pytest" else ():
            try:
                finished = await task.run([python, str(child), *wanted], environment)
            except Refused as error:
                broken = str(error)
                continue
            typed = f"{_typed(task, python)} -m unittest"
            return await asyncio.to_thread(_ran, task, "unittest", typed, finished, files, broken)
    raise Refused(broken or f"pytest is not installed for {', '.join(candidates)}.")


def parallel(workspace: Workspace, folder: Path) -> str:
    """The options of pytest-xdist, if the project's own files run its tests with them, else "": tests that were never
    run side by side may get in each other's way."""
    github = folder / ".github" / "workflows"
    flows = sorted(str(path.relative_to(folder)) for path in github.glob("*.y*ml")) if github.is_dir() else []
    for name in (*_SAYING, *flows[:20]):
        try:
            path = workspace.folder.resolve(str(folder / name))
            text = workspace.files.read(path).data[:200_000].decode("utf-8", "replace") if path.is_file() else ""
        except Refused:
            continue
        if found := re.search(_PARALLEL, text):
            dist = re.search(_DIST, found[0])
            return f"-n {found[1]}" + (f" --dist {dist[1]}" if dist else "")
    return ""


def _typed(task: Task, python: str) -> str:
    path = Path(python)
    if path.is_relative_to(task.folder):
        return str(path.relative_to(task.folder))
    return path.name if path.name == "python3" and python != sys.executable else python


def _ran(task: Task, runner: str, command: str, finished: Finished, files: list[IO[bytes]], broken: str) -> Ran:
    report, stack = map(read, files)
    outcomes = list(_outcomes(report))
    stuck = _stuck(task, stack.decode("utf-8", "replace")) if finished.ended == "time" or crashed(finished) else ""
    if not stuck and crashed(finished):
        stuck = _stuck(task, finished.output.decode("utf-8", "replace"))
    missing = next((o for o in outcomes if o.kind in ("error", "failed") and "No module named" in o.message), None)
    note = f"{broken} {command.partition(' ')[0]} was used instead." if broken else ""
    if missing and not note:
        note = f"The Python that was used is {command.partition(' ')[0]}: what is missing has to be installed for it."
    said = re.sub(_PROGRESS, "", clean_output(finished.output)) if runner == "pytest" else None
    return Ran(runner, command, finished, outcomes, True, said, stuck, note)


def crashed(finished: Finished) -> bool:
    """Was it ended by a signal such as SIGSEGV, which a sandbox tells as 128 and more?"""
    return not finished.ended and (finished.code < 0 or finished.code in {128 + s for s in signal.Signals})


def _outcomes(report: bytes) -> Iterator[Outcome]:
    ended = set()
    started: list[Outcome] = []
    for line in report.decode("utf-8", "replace").split("\n"):
        try:
            test, kind, place, message, seconds = json.loads(line)
            outcome = Outcome(str(test), str(kind), str(place), str(message), seconds_of(seconds))
        except (ValueError, TypeError, RecursionError):  # of a killed run, or what a test wrote there
            continue
        if outcome.kind == "started":
            started.append(outcome)
            continue
        ended.add(outcome.test)
        if outcome.kind != "ended":
            yield outcome
    yield from (outcome for outcome in started if outcome.test not in ended)


def _stuck(task: Task, stack: str) -> str:
    """The innermost line of the project, in what faulthandler wrote down: the main thread comes last."""
    for thread in reversed(re.split(r"(?m)^(?:Current thread|Thread) ", stack)):
        for path, line in re.findall(r'^  File "(.+)", line (\d+) in ', thread, re.MULTILINE):
            inside = path.startswith(f"{task.folder}/")
            if inside and not re.search(r"/(site-packages|lib/python3[^/]*)/", path):
                return task.place(path, line)
    return ""
