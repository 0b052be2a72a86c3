"""`cargo test`, from what it prints: its JSON is not for everybody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from minicode.text import clean_output
from minicode.workspace.processes import Finished
from minicode.workspace.testing.outcome import Outcome, Ran, Task

_RUNNING = r"^     Running (?:unittests )?\S+ \((?:.*/)?(.+?)-[0-9a-f]+(?:\.exe)?\)$|^   (Doc-tests) (\S+)$"
_TEST = r"^test (.+?)(?: - should panic| - compile(?: fail)?)? \.\.\. (?:.*?)(ok|FAILED|ignored(?:, .*)?)$"
_SLOW = r"^test (.+?) has been running for over \d+ seconds$"
_SECTION = r"^---- (.+?) (?:stdout|stderr) ----$"
_PANIC = r"^thread '.*?'(?: \(\d+\))? panicked at (?:'(.*)', )?(.+?):(\d+):\d+:?$"
_NOTED = r"^note: test did not panic as expected at (.+?):(\d+):\d+$"
_DOC = r"^(.+\.rs) - .*\(line (\d+)\)$"
_END = r"^(?:stack backtrace:|note: .*|failures:)$"
_KINDS = {"ok": "passed", "FAILED": "failed"}


async def run(task: Task) -> Ran:
    cargo = task.program("cargo")
    finished = await task.run([cargo, "test", "--no-fail-fast", *_selecting(task)], {"RUST_BACKTRACE": "0"})
    return await asyncio.to_thread(_ran, task, finished)


def _ran(task: Task, finished: Finished) -> Ran:
    text = clean_output(finished.output)
    outcomes = list(_outcomes(task, text))
    said = text
    if not outcomes and (error := re.search(r"^(?:error|warning: unused)", text, re.MULTILINE)) and finished.code:
        said = text[error.start() :]  # what was compiled before is of no interest
    return Ran("cargo test", "cargo test", finished, outcomes, said=said)


def _selecting(task: Task) -> list[str]:
    if task.tests:
        return ["--", "--exact", *(test.rpartition(" (")[0] or test for test in task.tests)]
    before, names = [], []
    for word in task.words:
        if word.startswith("-"):
            before.append(word)
        elif word.endswith(".rs"):
            inside = re.fullmatch(r"(?:.*/)?tests/(?:(\w[\w-]*)\.rs|(\w[\w-]*)/main\.rs)", word)
            before += ["--test", inside[1] or inside[2]] if inside else ["--lib", "--bins"]
        elif not (task.folder / word).is_dir():
            names.append(word)
    return [*before, *(["--", *names] if names else [])]


def _outcomes(task: Task, text: str) -> Iterator[Outcome]:
    """Names are told by each test program, and two of them may have the same."""
    sections: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    where, section = "", ""
    found: list[tuple[str, str, str]] = []  # name, unique name, kind
    waiting: dict[str, None] = {}
    for line in text.split("\n"):
        if at := re.match(_RUNNING, line):
            where, section = at[1] or f"{at[2]} {at[3]}", ""
        elif at := re.match(_SECTION, line):
            section = f"{where}\n{at[1]}"
            sections[section] = []
        elif at := re.match(_TEST, line):
            name = at[1] if seen.setdefault(at[1], where) == where else f"{at[1]} ({where})"
            found.append((f"{where}\n{at[1]}", name, _KINDS.get(at[2], "skipped")))
            waiting.pop(at[1], None)
            section = ""
        elif at := re.match(_SLOW, line):
            waiting[at[1]] = None
        elif line.startswith("test result: ") or line == "failures:":
            section = ""
        elif section:
            sections[section].append(line)
    for key, name, kind in found:
        # A program that fails in its teardown only repeats itself: the first failure is told.
        place, message = _told(task, sections.get(key, [])) if kind == "failed" else ("", "")
        if place and (at := re.search(_DOC, name)):  # its lines are counted from its own beginning
            place = task.place(at[1], at[2])
        yield Outcome(name, kind, place, message)
    yield from (Outcome(name, "started") for name in waiting)


def _told(task: Task, lines: list[str]) -> tuple[str, str]:
    for number, line in enumerate(lines):
        if at := re.match(_PANIC, line):
            rest = lines[number + 1 :]
            end = next((n for n, other in enumerate(rest) if re.match(_END, other) or not other.strip()), len(rest))
            return task.place(at[2], at[3]), at[1] or "\n".join(rest[:end])
    whole = "\n".join(line for line in lines if line.strip())
    found = re.search(_NOTED, whole)
    return task.place(found[1], found[2]) if found else "", whole
