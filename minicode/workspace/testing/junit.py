"""JUnit XML, which nearly everything can write: bounded, and without entities."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minicode.workspace.folder import Refused
from minicode.workspace.testing.outcome import Outcome, Task, seconds_of

MOST_FILES = 300
_MOST_BYTES = 32 * 2**20  # of all files
_DEEPEST = 8  # folders
_ASIDE = frozenset(("node_modules", ".git", ".venv", "venv", "__pycache__", "site-packages"))
_NAMES = r"(?i)(?:TEST-.*|.*junit.*|.*test-?_?results?.*|x?unit.*)\.xml$"
_FOLDERS = r"(?i)(?:surefire|failsafe)-reports|test-?_?(?:results?|reports?)|junit"
_KINDS = {"failure": "failed", "error": "error", "skipped": "skipped"}
_LONGEST = 4000  # characters of a message


class Unfit(ValueError):
    """It is no JUnit XML, or none that is safe to read."""


def outcomes(data: bytes) -> Iterator[Outcome]:
    """The test cases of a file. Raises Unfit."""
    from xml.parsers import expat

    reader = _Reader()
    parser = expat.ParserCreate()
    # Nothing that a report needs is declared; what is can grow without end.
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unfit(f"not XML: {error}") from None
    if not reader.fits:
        raise Unfit("not JUnit XML")
    yield from reader.found


def _refuse(*declared: Any) -> None:
    raise Unfit("it declares a document type or an entity")


class _Reader:
    """Listens to the parser."""

    def __init__(self) -> None:
        self.found: list[Outcome] = []
        self.fits = False
        self._case: dict[str, str] | None = None
        self._kind, self._message, self._words = "passed", "", ""
        self._inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("testsuite", "testsuites"):
            self.fits = True
        elif name == "testcase":
            self._case, self._kind, self._message, self._words = attributes, "passed", "", ""
            if attributes.get("status", "").casefold() in ("notrun", "disabled", "skipped"):
                self._kind = "skipped"
        elif self._case is not None and name in _KINDS and self._kind not in ("failed", "error"):
            self._kind = _KINDS[name]
            self._message = attributes.get("message", "") or attributes.get("type", "")
            self._inside = True

    def text(self, words: str) -> None:
        if self._inside and len(self._words) < _LONGEST:
            self._words += words

    def end(self, name: str) -> None:
        if name in _KINDS:
            self._inside = False
        elif name == "testcase" and self._case is not None:
            case, self._case = self._case, None
            owner = case.get("file") or case.get("classname") or case.get("class") or ""
            test = "::".join(filter(None, (owner, case.get("name", "?"))))
            bad = self._kind in ("failed", "error")
            message = (self._message or self._words.strip())[:_LONGEST] if bad else ""
            place = _place(case, self._words) if bad else ""
            seconds = seconds_of(case.get("time", "").replace(",", ""))
            self.found.append(Outcome(test, self._kind, place, message, seconds))


def _place(case: dict[str, str], words: str) -> str:
    if case.get("file") and case.get("line", "").isdigit():
        return f"{case['file']}:{case['line']}"
    # A frame of Java and its kin, in the class of the test itself.
    owner = (case.get("classname") or "").rpartition(".")[2]
    found = re.search(rf"\(({re.escape(owner)}\.\w+:\d+)\)", words) if owner else None
    return found[1] if found else ""


def left_behind(task: Task, since: float) -> tuple[list[Outcome], list[str]]:
    """The outcomes in all reports below the folder that were written since then, and a sentence for each that could
    not be used. Each is read as any file of the workspace is: no link, no pipe, nothing that is hidden."""
    found: list[Outcome] = []
    troubles: list[str] = []
    left = _MOST_BYTES
    for path in _reports(task.folder, since):
        try:
            data = task.workspace.files.read(task.workspace.folder.resolve(str(path))).data
            left -= len(data)
            if left < 0:
                troubles.append(f"{task.shown(str(path))} and what comes after it was not read: too much.")
                break
            found += outcomes(data)
        except Refused as error:
            troubles.append(str(error))
        except Unfit as error:
            if "not JUnit" not in str(error):
                troubles.append(f"{task.shown(str(path))} was not read: {error}.")
    return found, troubles


def _reports(folder: Path, since: float) -> Iterator[Path]:
    number = 0
    for at, folders, files in os.walk(folder):
        inside = Path(at).relative_to(folder).parts
        folders[:] = [n for n in sorted(folders) if n not in _ASIDE] if len(inside) < _DEEPEST else []
        likely = any(re.fullmatch(_FOLDERS, part) for part in inside)
        for name in sorted(files):
            if not (re.match(_NAMES, name) or (likely and name.endswith(".xml"))):
                continue
            path = Path(at, name)
            try:
                fresh = path.lstat().st_mtime >= since
            except OSError:
                continue
            if fresh:
                number += 1
                if number > MOST_FILES:
                    return
                yield path
