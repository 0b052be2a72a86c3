"""Going back in a session and forth again: the conversation, the files, or both. All of it is entries."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from minicode.errors import SessionError, UsageError
from minicode.journal import tree
from minicode.journal.entry import Entry
from minicode.journal.repair import closing
from minicode.journal.tree import Back, Said
from minicode.journal.writer import Journal
from minicode.text import clean, count

if TYPE_CHECKING:  # dear to import, and most sessions never go back
    from minicode.workspace.snapshots.snapshots import Restored, Snapshots

MOST_NAMED = 200  # paths in an entry
LONGEST_LABEL = 100  # characters


class Moved(NamedTuple):
    """text: of the message that was gone back before, to be edited; "" after a redo. conversation: did it move?
    paths: files that were changed. notes: what the user should know."""

    text: str = ""
    conversation: bool = False
    paths: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class FilesMoved(NamedTuple):
    """What `restore` did. data: of the `files` entry that tells of it."""

    data: dict[str, Any]
    paths: tuple[str, ...]
    notes: tuple[str, ...]


def restore(
    snapshots: Snapshots, entries: Sequence[Entry], to: str, by: str, force: bool, since: str = ""
) -> FilesMoved:
    """Make the files as they were in the snapshot `to`; may take its time. by: "rewind" or "redo".

    since: the message it goes back before. Raises as `Snapshots.restore`, and ChangedSince also for what the user
    changed between turns since then: that is overwritten only by force.
    """
    if since and not force and (theirs := between(snapshots, entries, to, since)):
        from minicode.workspace.snapshots.restore import ChangedSince

        more = f" and {len(theirs) - 5} more" if theirs[5:] else ""
        raise ChangedSince(
            f"Changed by somebody else between turns, so nothing was put back: {', '.join(theirs[:5])}{more}.", theirs
        )
    done = snapshots.restore(to, tree.last_tree(entries) or None, force=force)
    return files_moved(done, to, by)


def files_moved(done: Restored, to: str, by: str) -> FilesMoved:
    paths = tuple(change.path for change in done.changes)
    data = {"from": done.before, "to": to, "by": by, "count": len(paths), "paths": list(paths[:MOST_NAMED])}
    return FilesMoved(data, paths, done.notes)


def between(snapshots: Snapshots, entries: Sequence[Entry], to: str, since: str) -> tuple[str, ...]:
    """The paths that going back to `to` would change and that somebody else changed between turns since a message."""
    from minicode.workspace.snapshots.store import Gone

    theirs: set[str] = set()
    for settled, taken in tree.gaps(entries, since):
        with suppress(Gone):  # evicted: nobody can say any more
            theirs.update(change.path for change in snapshots.diff(settled, taken))
    touched = {change.path for change in snapshots.diff(tree.last_tree(entries), to)} if theirs else set()
    return tuple(sorted(theirs & touched))


def files_before(message: Said) -> str:
    """The snapshot its files go back to, "" if none has to. Raises SessionError if they were not kept."""
    if message.lost:
        raise SessionError(
            f"The files of that turn were not kept, so they cannot go back before {message.id}. The conversation can."
        )
    return message.tree


def rewind(journal: Journal, message: Said, files: FilesMoved | None, conversation: bool) -> Moved:
    """Put on record that the session went back before `message`, its files already having done so if `files`."""
    return _move(journal, files, "rewind", conversation, message.to, message.text if conversation else "")


def redo(journal: Journal, back: Back, files: FilesMoved | None) -> Moved:
    """The same for the way back to where a rewind came from."""
    return _move(journal, files, "redo", back.conversation, back.leaf, "")


def switch(journal: Journal, key: str) -> Moved:
    """Go on at the end of the branch, left before, on which the entry with this id or label lies. Raises SessionError
    if there is none."""
    to = tree.end_of(journal.entries, journal.branch, key)
    moved = _move(journal, None, "switch", True, to, "")
    notes = ["Only the conversation moved: the files stay as they are."]
    if cut := closing(journal.branch):
        journal.append_many(cut)
        journal.sync()
        notes.append(f"{count(len(cut), 'tool call')} had been cut short there; the model is told so.")
    if messages := tree.said(journal.branch):
        notes.append(f"The last message there is {messages[-1].id}: {tree.one_line(messages[-1].text)}")
    return moved._replace(notes=tuple(notes))


def redoable(entries: Sequence[Entry]) -> Back:
    """Raises SessionError if there is nothing to redo."""
    if backs := tree.undone(entries):
        return backs[-1]
    raise SessionError("There is nothing to redo: nothing was rewound or switched since something was last said.")


def _move(journal: Journal, files: FilesMoved | None, by: str, conversation: bool, to: str | None, text: str) -> Moved:
    records: list[tuple[str, dict[str, Any]]] = []
    if files:
        records.append(("files", {**files.data, **({"both": True} if conversation else {})}))
    if conversation:
        records.append(("leaf", {"to": to, "from": journal.leaf, "by": by}))
    journal.append_many(records)
    journal.sync()
    return Moved(text, conversation, files.paths if files else (), files.notes if files else ())


def label(journal: Journal, entry: str, text: str) -> None:
    """Give an entry a label, of which one plain line is made, or take it away with "". Raises UsageError if it is too
    long, SessionError if there is no such entry."""
    text = " ".join(clean(text).split())
    if len(text) > LONGEST_LABEL:
        raise UsageError(f"A label has at most {LONGEST_LABEL} characters; this one has {len(text):,}.")
    if not any(known.id == entry for known in journal.entries):
        raise SessionError(f"Session {journal.id} has no entry {entry!r}. `minicode sessions tree` shows the ids.")
    journal.append("label", {"entry": entry, "text": text})
