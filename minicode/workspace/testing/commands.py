"""Runners that are only told to run, and any command line: what they print, and the JUnit XML they leave behind."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

from minicode.text import clean_output
from minicode.workspace.testing import junit
from minicode.workspace.testing.outcome import Ran, Task

_SLACK = 2.0  # seconds by which a file's time may lie before the clock's


async def maven(task: Task) -> Ran:
    picked = ",".join(test.rpartition("::")[0] + "#" + test.rpartition("::")[2] for test in task.tests)
    added = [f"-Dtest={picked}"] if picked else list(task.words)
    return await _run(task, "maven", [_wrapped(task, "mvnw", "mvn"), "-B", "test", *added])


async def gradle(task: Task) -> Ran:
    picked = [word for test in task.tests for word in ("--tests", test.replace("::", ".").removesuffix("()"))]
    return await _run(
        task, "gradle", [_wrapped(task, "gradlew", "gradle"), "test", "--continue", *(picked or task.words)]
    )


async def make(task: Task) -> Ran:
    return await _run(task, "make test", [task.program("make"), "test", *(w for w in task.words if "=" in w)])


async def line(task: Task, command: str) -> Ran:
    """A command line, as the shell understands it."""
    shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
    return await _run(task, f"`{command}`", [shell, "-c", command], command)


def _wrapped(task: Task, wrapper: str, program: str) -> str:
    """The project's own wrapper, which knows the version, or the program."""
    own = task.folder / wrapper
    return str(own) if os.access(own, os.X_OK) and own.is_file() else task.program(program)


async def _run(task: Task, runner: str, argv: Sequence[str], command: str = "") -> Ran:
    since = time.time() - _SLACK
    finished = await task.run(argv)
    outcomes, troubles = await asyncio.to_thread(junit.left_behind, task, since)
    program = Path(argv[0])
    first = f"./{program.name}" if program.parent == task.folder else program.name
    typed = command or " ".join([first, *argv[1:]])
    said = await asyncio.to_thread(clean_output, finished.output)
    return Ran(runner, typed, finished, outcomes, counted=False, said=said, note=" ".join(troubles[:3]))
