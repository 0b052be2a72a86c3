"""`minicode sessions rename`, `delete` and `trash`: what is kept, under which name, and what is let go."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from minicode import paths
from minicode.errors import SessionError, StorageError, UsageError
from minicode.journal import index, store
from minicode.journal.entry import task_of
from minicode.journal.reader import SUFFIX, Summary, session_files, summarise
from minicode.text import clean, count


def rename(session: str, name: str) -> int:
    path = store.find(paths.places().sessions, session)
    store.rename(path, name)
    print(clean(f"{path.stem} is now called {name}." if name else f"{path.stem} has no name now."))
    return 0


def delete(sessions: list[str], yes: bool) -> int:
    """Into the trash. Exit code 1 if the user said no."""
    places = paths.places()
    found = _heads(store.find(places.sessions, session) for session in sessions)
    print("\n".join(_lines(found)))
    if not (yes or _agrees(f"Move {_these(len(found))} to the trash?", "minicode sessions delete --yes")):
        print("Nothing was deleted.")
        return 1
    for path in found:
        store.move(path, places.state / store.TRASH)
        print(f"{path.stem} is in the trash. `minicode sessions trash --restore {path.stem}` brings it back.")
    return 0


def trash(empty: bool, restore: str | None, yes: bool) -> int:
    """List what is in the trash, bring one back, or delete all for good. Exit code 1 if the user said no."""
    places = paths.places()
    if empty and restore is not None:
        raise UsageError("--empty and --restore do not go together.")
    if restore is not None:
        return _restore(places, restore)
    found = sorted(_heads(session_files(places.state / store.TRASH, tasks=True)))
    if not found:
        print("The trash is empty.")
        return 0
    print("\n".join(_lines(found)))
    size = sum(path.lstat().st_size for path in session_files(places.state / store.TRASH, tasks=True))
    print(f"{count(len(found), 'session')}, {size / 1e6:,.1f} MB in {places.state / store.TRASH}")
    if not empty:
        return 0
    if not (yes or _agrees(f"Delete {_these(len(found))} for good?", "minicode sessions trash --empty --yes")):
        print("Nothing was deleted.")
        return 1
    for path in found:  # what came in after the question was asked stays
        store.delete(path)
        with suppress(OSError):
            path.parent.rmdir()
    try:
        index.forget(places.state)  # its words too; the next search makes it anew
    except OSError as error:
        raise StorageError(
            f"The sessions are deleted, but not the search index, which holds words of them: {error}. Delete "
            f"{places.state / index.NAME} yourself."
        ) from error
    print("The trash is empty now. The next search makes its index anew.")
    return 0


def _heads(found: Iterable[Path]) -> list[Path]:
    """Without the tasks whose session is there too: they go where it goes."""
    known = {path: task_of(path.stem)[0] for path in found}
    return [path for path, owner in known.items() if not owner or path.with_name(f"{owner}{SUFFIX}") not in known]


def _restore(places: paths.Places, key: str) -> int:
    try:
        path = store.find(places.state / store.TRASH, key)
    except SessionError as error:
        raise SessionError(f"In the trash: {error} `minicode sessions trash` lists what is there.") from None
    restored = store.move(path, places.sessions)
    with suppress(OSError):
        path.parent.rmdir()
    print("\n".join(_lines([restored])))
    print("It is back among the sessions.")
    return 0


def _agrees(question: str, how: str) -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(f"There is nobody to ask. If it shall be done all the same, run `{how}`.")
    termios.tcflush(0, termios.TCIFLUSH)  # what was typed before the question is no answer to it
    print(f"{question} [y/N] ", end="", flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print()
    return answer.strip().lower() in ("y", "yes")


def _these(number: int) -> str:
    return "this session" if number == 1 else f"these {number} sessions"


def _lines(found: Sequence[Path]) -> list[str]:
    return [_line(path, summarise(path)) for path in found]


def _line(path: Path, about: Summary | None) -> str:
    if about is None:
        return f"{path.stem}  (unreadable)"
    tasks = f", {count(number, 'task')}" if (number := len(store.tasks(path))) else ""
    return clean(f"{about.id}  {count(about.gist.turns, 'turn')}{tasks}  {about.label[:70]}  {about.folder}")
