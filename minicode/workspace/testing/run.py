"""Run the tests of a workspace, whatever they are, and try again alone what failed."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from minicode.text import clean_output
from minicode.workspace.obstacles import in_the_way
from minicode.workspace.processes import Finished
from minicode.workspace.testing import cargo, commands, golang, node, python
from minicode.workspace.testing.memory import Failed, recall, remember
from minicode.workspace.testing.outcome import BAD, Outcome, Ran, Task, worst
from minicode.workspace.testing.project import PYTHON, Project, choose, detect
from minicode.workspace.testing.report import Report, shows_of, slowest, text_of
from minicode.workspace.workspace import Workspace

__all__ = ["Report", "detect", "run_command", "run_tests", "shows_of", "text_of"]

_AGAIN = 10  # failed tests that are run again by themselves
_SHORT = 30.0  # seconds of a run after which there is no patience for that
_WARNED = rb"(?m)^.*PytestCacheWarning.*$"
_KINDS = {
    "go": golang.run,
    "cargo": cargo.run,
    "npm": node.run,
    "maven": commands.maven,
    "gradle": commands.gradle,
    "make": commands.make,
}


async def run_tests(
    workspace: Workspace,
    paths: Sequence[str] = (),
    seconds: float = 600.0,
    *,
    failed: bool = False,
    runner: str = "",
    memory: Path | None = None,
    live: Callable[[bytes], None] | None = None,
) -> Report:
    """Run them by the runner that fits the project.

    paths: files, folders, ids or options, relative to the root; all tests if there are none. seconds: until it is
    stopped. failed: only those that failed the last time, as far as the memory has them. runner: a name of
    `project.RUNNERS`. memory: a private folder. live: hears what is printed. Raises Refused if there is no way to run
    any.
    """
    began = time.monotonic()
    known = recall(memory) if failed else None
    if known is not None and not paths and not runner:
        folder = workspace.folder.resolve(known.folder)
        project = Project(folder, known.kind)
    else:
        project = await asyncio.to_thread(choose, workspace, paths, runner)
    task = Task(workspace, project.folder, project.words, (), seconds, live)
    by = known.runner if known is not None else runner if runner in ("pytest", "unittest") else ""
    notes = _beside(project)
    ran: Ran | None = None
    if failed:
        chosen = await asyncio.to_thread(_chosen, known, task, project)
        if chosen:
            ran = await _by_kind(project, task._replace(tests=chosen), by)
        if ran is None or not (ran.outcomes or ran.finished.ended):
            notes.append("No failed tests of an earlier run could be run by themselves, so all were run.")
            ran = None
    if ran is None:
        ran = await _by_kind(project, task._replace(seconds=_left(began, seconds)), by)
    if blocked := in_the_way(_complaint(ran), workspace.processes.grant):
        notes.append(f"If this is why: {blocked}, in bash.")
    flaky = await _again(project, task._replace(words=(), seconds=_left(began, seconds)), ran)
    report = await asyncio.to_thread(_reported, workspace, project, ran, flaky, [*notes, ran.note])
    bad = [*report.unfinished, *(one.test for one in (*report.failures, *report.flaky))]
    remember(memory, Failed(workspace.folder.show(project.folder), project.kind, ran.runner, tuple(bad)))
    return report


async def run_command(
    workspace: Workspace, command: str, seconds: float, live: Callable[[bytes], None] | None = None
) -> Report:
    """Run a command line in the root as a test run: its exit code decides, and JUnit XML that it leaves anywhere in the
    workspace says more."""
    ran = await commands.line(Task(workspace, workspace.root, (), (), seconds, live), command)
    return await asyncio.to_thread(_reported, workspace, Project(workspace.root, "line"), ran, frozenset(), [ran.note])


async def _by_kind(project: Project, task: Task, runner: str) -> Ran:
    return await (python.run(task, runner) if project.kind == PYTHON else _KINDS[project.kind](task))


def _left(began: float, seconds: float) -> float:
    return max(seconds - (time.monotonic() - began), 1.0)


def _beside(project: Project) -> list[str]:
    """What else there is, and how to get it."""
    if not project.others:
        return []
    more = ", …" if len(project.others) > 5 else ""
    return [f"There is also {', '.join(project.others[:5])}{more}: give a path in it, or runner, to run those."]


def _chosen(known: Failed | None, task: Task, project: Project) -> list[str]:
    if known is None or known.kind != project.kind or task.workspace.folder.show(task.folder) != known.folder:
        return []
    below = tuple(word for word in task.words if not word.startswith("-"))
    tests = [test for test in known.tests if _nameable(project, task, known.runner, test, whole=True)]
    return [test for test in tests if not below or test.startswith(below)]


def _nameable(project: Project, task: Task, runner: str, test: str, *, whole: bool = False) -> bool:
    """Can it be run by itself? whole: a file or package that failed as such counts, too."""
    if runner == "unittest":
        return "_FailedTest" not in test and " (" not in test
    if project.kind == "cargo":
        return ".rs - " not in test
    if project.kind == "npm" and not node.can_name(task.workspace, task.folder):
        return False
    return project.kind != "make" and ("::" in test or whole)


def _complaint(ran: Ran) -> Finished:
    """With what failed for its output, where that is known: a runner warns of much that is not why."""
    bad = [one.message for one in ran.outcomes if one.kind in BAD and one.message] if ran.counted else []
    output = "\n".join(bad).encode("utf-8", "replace") or re.sub(_WARNED, b"", ran.finished.output)
    return ran.finished._replace(output=output)


async def _again(project: Project, task: Task, ran: Ran) -> frozenset[str]:
    """The failed tests that pass when they are run once more without the others."""
    if ran.finished.ended or ran.finished.seconds > _SHORT:
        return frozenset()
    tests = await asyncio.to_thread(_worth_another, project, task, ran)
    if not tests:
        return frozenset()
    seconds = min(task.seconds, max(5.0, 2 * ran.finished.seconds))
    second = await _by_kind(project, task._replace(tests=tests, seconds=seconds), ran.runner)
    return frozenset(one.test for one in worst(second.outcomes).values() if one.kind == "passed").intersection(tests)


def _worth_another(project: Project, task: Task, ran: Ran) -> list[str]:
    """The failed tests, if they are few, and each that ran has ended."""
    outcomes = worst(ran.outcomes)
    failed = [one.test for one in outcomes.values() if one.kind in BAD]
    if len(failed) > _AGAIN or any(one.kind == "started" for one in outcomes.values()):
        return []
    return [test for test in failed if _nameable(project, task, ran.runner, test)]


def _reported(workspace: Workspace, project: Project, ran: Ran, flaky: frozenset[str], notes: list[str]) -> Report:
    outcomes = list(worst(ran.outcomes).values())
    kinds = [one.kind for one in outcomes]
    bad: list[Outcome] = [one for one in outcomes if one.kind in BAD]
    here = "" if project.folder == workspace.root else f" in {workspace.folder.show(project.folder)}"
    return Report(
        f"{ran.runner}{here}",
        ran.command,
        ran.finished,
        kinds.count("passed"),
        kinds.count("skipped"),
        tuple(one for one in bad if one.test not in flaky),
        tuple(one for one in bad if one.test in flaky),
        tuple(one.test for one in outcomes if one.kind == "started"),
        ran.stuck,
        slowest(outcomes, ran.finished.seconds),
        ran.counted,
        tuple(filter(None, notes)),
        (clean_output(ran.finished.output) if ran.said is None else ran.said).strip("\n"),
    )
