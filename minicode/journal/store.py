"""The sessions of a home: found by what the files say, never by a pointer that a crash could leave behind."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from minicode.errors import SessionError, StorageError, UsageError
from minicode.journal.blobs import Blobs
from minicode.journal.entry import task_of
from minicode.journal.lock import Lock
from minicode.journal.log import sync_folder
from minicode.journal.reader import SUFFIX, Summary, load, session_files, summaries, summarise
from minicode.journal.writer import Journal
from minicode.paths import private_dir
from minicode.text import clean

TRASH = "trash"  # the folder, beside that of the sessions and like it inside, of those that were deleted
_SHOWN = 8
_LONGEST = 100  # characters of a name


def find(sessions: Path, key: str, project: str | None = None) -> Path:
    """The session called `key`: its id, its name, or the unique beginning of its id or of the id's last part.

    Of sessions with the same name, one of `project` (a slug) is preferred; a session to its tasks. Raises SessionError
    if there is none, or more than one.
    """
    paths = list(session_files(sessions, tasks=True))
    found = [path for path in paths if key == path.stem]
    if not found and key:
        everything = summaries(sessions, tasks=True)
        named = [s.path for s in everything if s.gist.name.casefold() == key.casefold()]
        here = [path for path in named if path.parent.name == project]
        readable = [s.path for s in everything]
        begun = [path for path in readable if _begins(path.stem, key)]
        found = here or named or [path for path in begun if not task_of(path.stem)[0]] or begun
    if not found:
        raise SessionError(f"No session is called {key!r}. `minicode sessions list` shows which there are.")
    if len(found) > 1:
        lines = "\n".join(f"  {_line(s)}" for path in found[:_SHOWN] if (s := summarise(path)))
        raise SessionError(f"{key!r} may be {len(found)} sessions. Say which, by its id:\n{lines}")
    return found[0]


def tasks(path: Path) -> list[Path]:
    """The files of the tasks that a session had, in their order."""
    found = [one for one in path.parent.glob(f"{path.stem}-t*{SUFFIX}") if task_of(one.stem)[0] == path.stem]
    return sorted(found, key=lambda one: task_of(one.stem)[1])


def latest(sessions: Path, project: str) -> Path | None:
    """The session of a project (a slug) that was written to last; None if there is none.

    Raises SessionError if that cannot be read: what is said next is meant for it, and not for the one before it.
    """
    paths = sorted(session_files(sessions, project), key=_written, reverse=True)
    if not paths or summarise(paths[0]):
        return next(iter(paths), None)
    before = next((path for path in paths[1:] if summarise(path)), None)
    way = f"To go on with the one before it: -r {before.stem}" if before else "Start a new one without -c."
    raise SessionError(f"The session that was written to last cannot be gone on with. {_trouble(paths[0])} {way}")


def _trouble(path: Path) -> str:
    """Why a file is no session of ours."""
    try:
        load(path)
        owner = path.stat().st_uid
    except SessionError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    return f"{path} belongs to another user (uid {owner})."


def check_name(path: Path, name: str) -> None:
    """Raises UsageError if that is no name for the session, or another one of its project has it."""
    if name != clean(name).strip() or "\n" in name or "\t" in name or len(name) > _LONGEST:
        raise UsageError(f"A name is one line of at most {_LONGEST} plain characters, without blanks at its ends.")
    others = [s for s in summaries(path.parent.parent, path.parent.name) if s.path != path]
    if name and (taken := next((s for s in others if name.casefold() in (s.gist.name.casefold(), s.id)), None)):
        raise UsageError(f"{name!r} is taken already, by this session:\n  {_line(taken)}\nChoose another name.")


def rename(path: Path, name: str) -> None:
    """Give a session a name, or none (""). Raises as `check_name`; SessionInUse, StorageError."""
    check_name(path, name)
    journal = Journal.open(path)
    try:
        journal.append("name", {"name": name})
        journal.sync()
    finally:
        journal.close()


def move(path: Path, root: Path) -> Path:
    """Put a session with its blobs and tasks below another root, as into the trash and back. Returns its new path.

    Raises SessionInUse; SessionError if it has gone or is there already; StorageError.
    """
    target = root / path.parent.name / path.name
    lock = Lock(path)
    try:
        path.lstat()
        for task in tasks(path):  # first: cut short in between, it can be done again
            move(task, root)
        private_dir(target.parent)
        if target.exists() or (path.with_suffix(".blobs").exists() and target.with_suffix(".blobs").exists()):
            raise SessionError(f"There is a session {path.stem} in {target.parent} already. It was left as it is.")
        # The blobs first: cut short between the two, it can be done again and finds both.
        with suppress(FileNotFoundError):
            path.with_suffix(".blobs").rename(target.with_suffix(".blobs"))
        path.rename(target)
        sync_folder(target.parent)
        sync_folder(path.parent)
    except FileNotFoundError:
        raise SessionError(f"The session {path.stem} has gone: another process moved it.") from None
    except OSError as error:
        raise StorageError(f"The session {path} could not be moved to {target}: {error.strerror}.") from error
    finally:
        lock.release()
    return target


def delete(path: Path) -> None:
    """Remove a session, its blobs and its tasks for good. Raises SessionInUse, StorageError."""
    lock = Lock(path)
    try:
        for task in tasks(path):
            delete(task)
        Blobs.beside(path).delete()
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"The session {path} could not be deleted: {error.strerror}.") from error
    finally:
        lock.release()


def _written(path: Path) -> tuple[int, str]:
    try:
        return path.lstat().st_mtime_ns, path.name
    except FileNotFoundError:
        return 0, path.name


def _begins(id_: str, key: str) -> bool:
    return id_.startswith(key) or id_.split("-", 2)[-1].startswith(key)


def _line(summary: Summary) -> str:
    return f"{summary.id}  {summary.folder}  {summary.label}".rstrip()
