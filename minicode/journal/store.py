"""The sessions of a home: found by what the files say, never by a pointer that a crash could leave behind."""

from __future__ import annotations

from pathlib import Path

from minicode.errors import SessionError
from minicode.journal.blobs import Blobs
from minicode.journal.lock import Lock
from minicode.journal.reader import Summary, session_files, summaries, summarise

_SHOWN = 8


def find(sessions: Path, key: str, project: str | None = None) -> Path:
    """The session called `key`: its id, its name, or the unique beginning of its id or of the id's last part.

    Of sessions with the same name, one of `project` (a slug) is preferred. Raises SessionError if there is none, or
    more than one.
    """
    paths = list(session_files(sessions))
    found = [path for path in paths if key == path.stem]
    if not found and key:
        everything = summaries(sessions)
        named = [s.path for s in everything if s.gist.name.casefold() == key.casefold()]
        here = [path for path in named if path.parent.name == project]
        readable = [s.path for s in everything]
        found = here or named or [path for path in readable if _begins(path.stem, key)]
    if not found:
        raise SessionError(f"No session is called {key!r}. `minicode sessions list` shows which there are.")
    if len(found) > 1:
        lines = "\n".join(f"  {_line(s)}" for path in found[:_SHOWN] if (s := summarise(path)))
        raise SessionError(f"{key!r} may be {len(found)} sessions. Say which, by its id:\n{lines}")
    return found[0]


def latest(sessions: Path, project: str) -> Path | None:
    """The session of a project (a slug) that was written to last; None if there is none."""
    paths = sorted(session_files(sessions, project), key=_written, reverse=True)
    return next((path for path in paths if summarise(path)), None)


def delete(path: Path) -> None:
    """Remove a session and its blobs for good. Raises SessionInUse, StorageError."""
    lock = Lock(path)
    try:
        Blobs.beside(path).delete()
        path.unlink(missing_ok=True)
    finally:
        lock.release()


def _written(path: Path) -> tuple[int, str]:
    try:
        return path.lstat().st_mtime_ns, path.name
    except FileNotFoundError:
        return 0, path.name


def _begins(id_: str, key: str) -> bool:
    return id_.startswith(key) or id_.rpartition("-")[2].startswith(key)


def _line(summary: Summary) -> str:
    return f"{summary.id}  {summary.folder}  {summary.label}".rstrip()
