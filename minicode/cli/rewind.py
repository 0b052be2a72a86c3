"""`minicode sessions rewind|switch|redo`, and what `/rewind` asks: conversation, files or both, after a look at it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from minicode import paths, rewinding, safety
from minicode.cli.tree import listing
from minicode.errors import SessionError, UsageError
from minicode.ground import ground
from minicode.journal import store
from minicode.journal import tree as trees
from minicode.journal.entry import Entry
from minicode.journal.reader import branch_to, leaf_of, load
from minicode.journal.tree import Said
from minicode.journal.writer import Journal
from minicode.rewinding import FilesMoved, Moved
from minicode.text import clean, count
from minicode.workspace.snapshots.restore import ChangedSince
from minicode.workspace.snapshots.snapshots import Snapshots

Say = Callable[[str], None]


class Desk(NamedTuple):
    """Where things are shown and asked. ask: None where there is nobody; "" is no answer."""

    say: Say
    ask: Callable[[str], str] | None


class Way(NamedTuple):
    """What shall go back. force: also over what the user changed since."""

    conversation: bool
    files: bool
    force: bool = False


def choose(
    desk: Desk,
    snapshots: Snapshots | None,
    entries: Sequence[Entry],
    message: Said,
    wanted: Way | None,
    yes: bool = False,
) -> Way | None:
    """`choosing`, answered at a desk. Raises UsageError too if nobody can be asked and `yes` is missing."""
    asking = choosing(desk.say, snapshots, entries, message, wanted, yes, asks=desk.ask is not None)
    answer = None
    try:
        while True:
            question = asking.send(answer)
            if desk.ask is None:
                raise UsageError("Files are changed only after a yes, and nobody can be asked here: add --yes.")
            answer = desk.ask(question)
    except StopIteration as settled:
        way: Way | None = settled.value
        return way


def choosing(
    say: Say,
    snapshots: Snapshots | None,
    entries: Sequence[Entry],
    message: Said,
    wanted: Way | None = None,
    yes: bool = False,
    asks: bool = True,
) -> Generator[str, str | None, Way | None]:
    """Settle what goes back; None if the user wants none of it. Files only after the difference was shown.

    Yields questions and is sent their answers; each step may take its time. message: the one to go back before.
    wanted: what was said already. yes: ask nothing. asks: the first question, what to go back with, may be asked; else
    it is the conversation. Raises SessionError if files are wanted and none are or were kept.
    """
    look = _look(snapshots, entries, message) if snapshots and message.tree else None
    if wanted is None:
        wanted = Way(True, False)
        if look and look.shown and asks:
            say(f"{count(look.paths, 'path')} changed since.\n")
            answer = yield "Go back with the conversation (c), the files (f) or both (b)? [c] "
            wanted = Way((answer or "c").lower() in ("c", "b"), (answer or "").lower() in ("f", "b"))
        elif message.lost:
            say("The files of that turn were not kept: only the conversation goes back.\n")
    if not wanted.files:
        return wanted if wanted.conversation else None
    if snapshots is None:
        raise SessionError('No snapshots of files are kept here (`snapshots = "off"`, or a session that is not kept).')
    rewinding.files_before(message)
    if not look or not look.shown:
        say("No file has to change: this session changed none since then.\n")
        return wanted._replace(files=False) if wanted.conversation else None
    say(f"{look.shown}\n")
    if yes:
        return wanted
    question = "Change the files so?"
    if look.conflicts and not wanted.force:
        say(clean(f"You, or another program, changed since: {', '.join(look.conflicts[:10])}\n"))
        question = "Change the files so, and overwrite that, too?"
    agreed = _is_yes((yield f"{question} [y/N] ") or "")
    return wanted._replace(force=wanted.force or bool(look.conflicts)) if agreed else None


def _is_yes(answer: str) -> bool:
    return answer.lower() in ("y", "yes")


class _Look(NamedTuple):
    shown: str
    paths: int
    conflicts: tuple[str, ...]


def _look(snapshots: Snapshots, entries: Sequence[Entry], message: Said) -> _Look:
    to = message.tree
    last = trees.last_tree(entries) or to
    way = snapshots.diff(last, to)
    changed = snapshots.conflicts(to, last)
    shown = _with_theirs(snapshots, to, {*changed, *(change.path for change in way)}) if changed else ""
    theirs = (*changed, *rewinding.between(snapshots, entries, to, message.id))
    return _Look(shown or snapshots.show(last, to), len(way), tuple(dict.fromkeys(theirs)))


def _with_theirs(snapshots: Snapshots, to: str, way: Collection[str]) -> str:
    """The disk as it is now against `to`, so that what the user would lose is seen too. way: the paths that change."""
    now = snapshots.take().tree
    stay = [change.path for change in snapshots.diff(now, to) if change.path not in way]
    more = f" and {len(stay) - 5} more" if stay[5:] else ""
    left = f"\nNo part of this, and left as it is: {', '.join(stay[:5])}{more}" if stay else ""
    return snapshots.show(now, to) + clean(left)


def finish(desk: Desk, snapshots: Snapshots | None, journal: Journal) -> None:
    """A rewind of files that was cut in the middle, by a crash, is ended first, if the user says so."""
    cut = snapshots.unfinished() if snapshots else None
    if snapshots is None or cut is None:
        return
    desk.say("Files of this folder were being put back when minicode stopped in the middle of it.\n")
    if desk.ask is None or not _is_yes(desk.ask("Put back the rest of them? [y/N] ")):
        return
    if done := snapshots.finish():
        files = rewinding.files_moved(done._replace(before=cut.before), cut.to, "rewind")
        rewinding.rewind(journal, Said("", "", "", None, ""), files, False)


def told(moved: Moved) -> Iterator[str]:
    """What was done to files, in lines."""
    if moved.paths:
        more = " …" if moved.paths[5:] else ""
        yield f"{count(len(moved.paths), 'path')} changed: {', '.join(moved.paths[:5])}{more}"
    yield from moved.notes


def rewind(session: str, message: str | None, wanted: Way | None, yes: bool, folder: Path | None) -> int:
    """Without a message only those that can be gone back before are listed. Exit 1 if the user wants none of it."""
    path = store.find(paths.places().sessions, session)
    if message is None:
        loaded = load(path)
        messages = trees.said(branch_to(loaded.entries, leaf_of(loaded.entries)))
        for line in listing(messages) or ["Nothing has been said on this branch, so there is nothing to go back to."]:
            print(line)
        return 0
    with _opened(path, folder) as (journal, snapshots):
        desk = _terminal()
        finish(desk, snapshots, journal)
        target = trees.find(trees.said(journal.branch), message, journal.entries)
        if wanted and wanted.files:
            _still_there(_folder(journal, folder))
        way = choose(desk, snapshots, journal.entries, target, wanted, yes)
        if way is None:
            return 1
        files = None
        if way.files and snapshots:
            files = _restore(snapshots, journal, target.tree, "rewind", way.force, target.id)
        moved = rewinding.rewind(journal, target, files, way.conversation)
    where = f"Session {path.stem} goes on before {target.id}; " if way.conversation else ""
    _report(moved, f"{where}`minicode sessions redo` undoes that.")
    if moved.text:
        print(clean(moved.text))
    return 0


def redo(session: str, force: bool, folder: Path | None) -> int:
    path = store.find(paths.places().sessions, session)
    with _opened(path, folder) as (journal, snapshots):
        back = rewinding.redoable(journal.entries)
        files = None
        if back.files:
            _still_there(_folder(journal, folder))
            if snapshots is None:
                raise SessionError("That rewind changed files, and no snapshots are kept here any more.")
            files = _restore(snapshots, journal, back.files[0], "redo", force)
        moved = rewinding.redo(journal, back, files)
    _report(moved, f"Session {path.stem} is where it was before the last rewind or switch.")
    return 0


def switch(session: str, entry: str) -> int:
    path = store.find(paths.places().sessions, session)
    with closing(Journal.open(path)) as journal:
        moved = rewinding.switch(journal, entry)
    _report(moved, f"Session {path.stem} goes on there; `minicode sessions redo` undoes that.")
    return 0


@contextmanager
def _opened(path: Path, folder: Path | None) -> Iterator[tuple[Journal, Snapshots | None]]:
    """The session and the snapshots of its folder, or of another one it was used in."""
    with closing(Journal.open(path)) as journal:
        where = _folder(journal, folder)
        if not where.is_dir():
            yield journal, None
            return
        base = ground(where)
        contained = safety.contain(base.layered, base.folder, [], base.places, journal.id)
        snapshots = Snapshots(
            base.places.state / "snapshots" / paths.slug(base.folder), [base.folder], contained.policy.hidden
        )
        try:
            yield journal, snapshots if base.settings.snapshots == "on" else None
        finally:
            snapshots.close()
            safety.sweep(contained.policy.tmp)


def _folder(journal: Journal, folder: Path | None) -> Path:
    return folder or Path(str(journal.header.data.get("folder", "")))


def _still_there(folder: Path) -> None:
    if not folder.is_dir():
        raise SessionError(
            f"The folder of this session, {folder}, is gone. Make it anew (it may be empty), then its files can be put "
            "back. The conversation alone can go back without it: --conversation."
        )


def _restore(snapshots: Snapshots, journal: Journal, to: str, by: str, force: bool, since: str = "") -> FilesMoved:
    try:
        return rewinding.restore(snapshots, journal.entries, to, by, force, since)
    except ChangedSince as error:
        raise SessionError(f"{error} Look at them, or overwrite them with --force.") from None


def _terminal() -> Desk:
    def ask(prompt: str) -> str:
        with suppress(EOFError):
            return input(prompt).strip()
        return ""

    def say(text: str) -> None:
        print(text, end="", file=sys.stderr)

    return Desk(say, ask if os.isatty(0) and os.isatty(1) else None)


def _report(moved: Moved, last: str) -> None:
    for line in [*told(moved), last]:
        print(clean(line), file=sys.stderr)
