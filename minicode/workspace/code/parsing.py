"""Has files parsed by child processes, so that none of them can stall, crash or bloat the session."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Literal

from minicode.sandbox.policy import LOOK
from minicode.text import clean
from minicode.workspace.code.hints import HINTS
from minicode.workspace.code.languages import binding, language_of, library
from minicode.workspace.code.symbols import Parsed, Symbol
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

MOST_BYTES = 400_000  # of a file: what is larger is data or was written by a program
_FILE_SECONDS = 5.0  # of CPU
_MEMORY = 2**30
_BATCH, _GLANCES = 500, 2_500  # files for one child, with their symbols and without
_OUTPUT = 64 * 2**20
_CRASHES = 3  # in a row, without a word between: then it is not the files' fault
_CHILD = Path(__file__).with_name("child.py")

# same: its content has the digest that was known. closed: it cannot be read. other: it is too large, empty or no text.
# crashed: its parser crashed or took too long.
Fate = Parsed | Literal["same", "closed", "other", "crashed"]


async def parse(
    workspace: Workspace,
    files: Sequence[tuple[str, str]],
    *,
    symbols: bool = True,
    seconds: float = 60.0,
    each: float = _FILE_SECONDS,
) -> AsyncGenerator[tuple[str, Fate]]:
    """What becomes of each file, given with the digest of it that is known or "". Those that there is no time for, and
    those that there is no grammar for, are not among them. symbols: False for a glance, which finds none. each: seconds
    of CPU for one file. Raises Refused if nothing can be parsed here.
    """
    able = [(path, known) for path, known in files if (language := language_of(path)) and binding(language)]
    able.sort(key=lambda file: file[0].rpartition(".")[2])  # a child loads few grammars
    until = time.monotonic() + seconds
    slots = asyncio.Semaphore(min(os.cpu_count() or 1, 4))

    async def work(batch: Sequence[tuple[str, str]]) -> list[tuple[str, Fate]]:
        async with slots:
            return await _parse(workspace, batch, symbols, until, each)

    size = _BATCH if symbols else _GLANCES
    tasks = [asyncio.create_task(work(able[at : at + size])) for at in range(0, len(able), size)]
    try:
        for done in asyncio.as_completed(tasks):
            for answer in await done:
                yield answer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _parse(
    workspace: Workspace, files: Sequence[tuple[str, str]], symbols: bool, until: float, each: float
) -> list[tuple[str, Fate]]:
    answers: list[tuple[str, Fate]] = []
    crashes = 0
    while len(answers) < len(files) and (left := until - time.monotonic()) > 0:
        rest = files[len(answers) :]
        finished = await workspace.processes.run(
            [sys.executable, "-I", str(_CHILD)],
            workspace.root,
            seconds=left,
            grant=LOOK._replace(unread=workspace.processes.grant.unread),
            stdin=_job(rest, symbols, each),
            errors_apart=True,
            keep=_OUTPUT,
        )
        lines = finished.output[: finished.beginning].split(b"\n")[:-1]
        answers += await asyncio.to_thread(_read, rest, lines)
        if finished.ended == "time" or len(lines) == len(rest):
            break
        crashes = 0 if lines else crashes + 1
        if crashes == _CRASHES:
            why = clean(finished.errors.decode("utf-8", "replace")).strip().rpartition("\n")[2]
            raise Refused(f"Code cannot be parsed here: {why[:300] or f'the parser ended with {finished.code}'}.")
        answers.append((rest[len(lines)][0], "crashed"))
    return answers


def _job(files: Sequence[tuple[str, str]], symbols: bool, each: float) -> bytes:
    jobs = []
    languages: dict[str, tuple[object, ...]] = {}
    for path, known in files:
        language = language_of(path)
        assert language is not None
        name, module, _, query, function, _ = language
        languages[name] = (binding(language), module, function, query), HINTS[name]
        jobs.append((path, name, known))
    job = {
        "library": library(),
        "languages": languages,
        "files": jobs,
        "parse": symbols,
        "most": MOST_BYTES,
        "seconds": each,
        "memory": _MEMORY,
    }
    return json.dumps(job).encode()  # in ASCII: what is no UTF-8 in a name survives


def _read(files: Sequence[tuple[str, str]], lines: Sequence[bytes]) -> list[tuple[str, Fate]]:
    return [(path, _fate(line)) for (path, _), line in zip(files, lines, strict=False)]


def _fate(line: bytes) -> Fate:
    answer: Any = json.loads(line)
    if answer is None:
        return "closed"
    if isinstance(answer, bool):
        return "same" if answer else "other"
    digest, names, uses, symbols = answer
    return Parsed(digest, tuple(Symbol(*symbol) for symbol in symbols or ()), names, uses)
