"""The programs whose sessions can be read: whose a file is, and where those of a folder lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from minicode.errors import SessionError, UsageError
from minicode.foreign import claude, codex, kimi, vibe
from minicode.foreign.items import About

PROGRAMS: Mapping[str, ModuleType] = {"claude": claude, "codex": codex, "kimi": kimi, "vibe": vibe}


class Log(NamedTuple):
    """A session of another program. path: its file or folder. program: a key of PROGRAMS."""

    program: str
    path: Path

    @property
    def label(self) -> str:
        return str(PROGRAMS[self.program].LABEL)

    @property
    def about(self) -> About:
        """What can be told of it without reading it all."""
        known: About = PROGRAMS[self.program].about(self.path)
        return known


def named(program: str | None) -> list[str]:
    """The programs to look for: the one named, or all. Raises UsageError for one that is not known."""
    if program is None:
        return list(PROGRAMS)
    if program not in PROGRAMS:
        raise UsageError(f"Sessions of {program!r} cannot be read. Name one of {', '.join(PROGRAMS)} with --from.")
    return [program]


def logs_at(path: Path, program: str | None = None) -> list[Log]:
    """The sessions that `path` is or, if it is a folder, that lie in it.

    Raises UsageError if it is not there, SessionError if none of them is told by its looks.
    """
    programs = named(program)
    if not path.exists():
        raise UsageError(f"There is no {path}. Name a session file or folder of another program, or use --list.")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read: permission is denied.")
    found = list(_below(path, programs)) if path.is_dir() else list(_told(path, programs))
    if not found and program and path.is_file():
        found = [Log(program, path)]
    if not found:
        labels = ", ".join(str(PROGRAMS[name].LABEL) for name in programs)
        raise SessionError(f"{path} is not told by its looks to be a session of {labels}. If it is one, say --from.")
    return found


def logs_of(folder: Path, env: Mapping[str, str], home: Path, program: str | None = None) -> list[Log]:
    """The sessions of a folder where those programs keep them, the last written first."""
    found = [
        log
        for name in named(program)
        for root in PROGRAMS[name].roots(env, home, folder)
        for log in _below(root, [name])
        if _works_in(log, folder)
    ]
    return sorted(found, key=lambda log: log.path.stat().st_mtime, reverse=True)


def _below(top: Path, programs: list[str]) -> Iterator[Log]:
    for folder, folders, files in os.walk(top):
        here = Path(folder)
        if whole := list(_told(here, programs)):
            folders.clear()
            yield from whole
            continue
        folders[:] = sorted(name for name in folders if name != "subagents")
        for file in sorted(files):
            if file.endswith(".jsonl"):
                yield from _told(here / file, programs)


def _told(path: Path, programs: list[str]) -> Iterator[Log]:
    try:
        found = ((name, PROGRAMS[name].session_at(path)) for name in programs)
        yield from [Log(name, session) for name, session in found if session][:1]
    except OSError:
        yield Log(programs[0], path)  # whoever reads it will be told why that cannot be


def _works_in(log: Log, folder: Path) -> bool:
    with suppress(OSError, ValueError):  # it cannot be read, or what it says is no path
        told = log.about.folder
        return bool(told) and os.path.realpath(told) == os.path.realpath(folder)
    return False
