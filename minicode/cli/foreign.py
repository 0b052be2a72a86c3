"""`minicode sessions import`: go on here with what was begun in another program."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from minicode import __version__, keys, paths
from minicode.errors import SessionError, UsageError
from minicode.foreign.items import About
from minicode.foreign.programs import Log, logs_at, logs_of
from minicode.foreign.take import Taken, take
from minicode.journal.entry import from_line
from minicode.journal.reader import session_files
from minicode.journal.writer import Journal
from minicode.plain import warn
from minicode.redact import Redactor, known_secrets
from minicode.text import clean

_HEADER = 1 << 16  # bytes, more than a header ever has
Origins = dict[tuple[str, str], str]  # (program, its session) → ours


def import_(path: Path | None, listed: bool, program: str | None, folder: Path | None, again: bool) -> int:
    """folder: where the session is to be found later; None: where it worked, if that is still there, else here.

    Raises UsageError, SessionError, ConfigError if the key that is to be redacted cannot be read, StorageError.
    """
    places = paths.places()
    known = _imported(places.sessions)
    if listed:
        if path is not None:
            raise UsageError("--list looks where the programs keep their sessions. Leave the file out, or --list.")
        return _list(paths.work_folder(folder), program, known)
    if path is None:
        raise UsageError("Say which: a session file or folder of another program. --list shows those of this folder.")
    logs = logs_at(paths.typed(path).absolute(), program)
    target = paths.work_folder(folder) if folder else None
    key, _ = keys.find(os.environ, places.config)
    redactor = Redactor(known_secrets(os.environ, key))
    failed = 0
    for log in logs:
        try:
            taken = take(log, redactor.text)
            if not again and (ours := known.get((log.program, taken.about.session))):
                raise SessionError(f"{log.path} was imported before, as {ours}. --again imports it once more.")
            known[log.program, taken.about.session] = _write(places, target or _home_of(taken.about), taken)
        except SessionError as error:
            if len(logs) == 1:
                raise
            failed += 1
            warn(f"minicode: {clean(str(error))}")
    return 1 if failed == len(logs) else 0


def _write(places: paths.Places, folder: Path, taken: Taken) -> str:
    """The id of the session it is now."""
    header = {"folder": str(folder), "minicode": __version__, "name": None, "imported": taken.origin}
    journal = Journal.create(paths.private_dir(places.sessions_of(folder)), header, taken.entries)
    try:
        journal.save()
    finally:
        journal.close()
    print(clean(f"{journal.id}  {journal.gist.turns:3} turns  {journal.gist.title or journal.gist.first}  {folder}"))
    warn(f"minicode: {clean(taken.note)} To go on with it: minicode run -r {journal.id}")
    return journal.id


def _home_of(about: About) -> Path:
    there = Path(about.folder) if about.folder else None
    return paths.work_folder(there if there and there.is_dir() and os.access(there, os.R_OK | os.X_OK) else None)


def _imported(sessions: Path) -> Origins:
    """What was imported before: the first line of each session tells."""
    known: Origins = {}
    for path in session_files(sessions):
        try:
            with path.open("rb") as file:
                header = from_line(file.readline(_HEADER))
        except OSError:
            continue
        origin = header.data.get("imported") if header else None
        if isinstance(origin, dict):
            known[str(origin.get("program")), str(origin.get("session"))] = path.stem
    return known


def _list(folder: Path, program: str | None, known: Origins) -> int:
    logs = logs_of(folder, os.environ, Path.home(), program)
    for log in logs:
        about = log.about
        ours = known.get((log.program, about.session))
        note = f"  (imported as {ours})" if ours else ""
        print(clean(f"{log.program:6}  {_written(log)}  {log.path}  {about.title[:70]}{note}".rstrip()))
    if not logs:
        warn(f"minicode: no sessions of other programs were found for {folder}. Name a file or folder to import it.")
    return 0


def _written(log: Log) -> str:
    return datetime.fromtimestamp(log.path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
