"""A foreign session made into entries of ours, with a word on where they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minicode.errors import SessionError
from minicode.foreign.items import About, Left
from minicode.foreign.programs import PROGRAMS, Log
from minicode.foreign.thread import Thread
from minicode.journal.entry import Entry, entry_id, now
from minicode.messages import Json


class Taken(NamedTuple):
    """entries: as `Journal.create` takes them, the times those of the foreign session. origin: for the header."""

    about: About
    entries: list[Entry]
    origin: Json
    note: str


def take(log: Log, hide: Callable[[str], str]) -> Taken:
    """Read it whole. hide: takes secrets out of a text. Raises SessionError if it holds no conversation."""
    left = Left()
    thread = Thread(log.program, left, hide)
    try:
        thread.read(PROGRAMS[log.program].read(log.path, left))
    except OSError as error:
        raise SessionError(f"{error.filename or log.path} cannot be read: {error.strerror}.") from error
    records = thread.records()
    about, out = thread.about, {hide(what): count for what, count in left.items() if count}
    if not records:
        raise SessionError(f"{log.path} holds no conversation of {log.label} that minicode could read.{_out(out)}")
    if about.title:
        records.append(records[-1]._replace(kind="title", data={"title": hide(about.title)}))
    note = f"Imported from {' '.join(filter(None, (log.label, about.version)))}, session {about.session}.{_out(out)}"
    note = hide(note)
    entries: list[Entry] = []
    at = next((record.at for record in records if record.at), now())
    for record in records:
        at = record.at or at  # the program kept no time of this one: it was not before the last
        entries.append(_below(entries, at, record.kind, record.data))
    entries.append(_below(entries, now(), "note", {"level": "info", "text": note}))
    names = ("session", "version", "folder", "model")
    origin = {"program": log.program, **{name: getattr(about, name) for name in names}, "left_out": out}
    return Taken(about, entries, origin, note)


def _below(entries: list[Entry], at: str, kind: str, data: Json) -> Entry:
    return Entry(entry_id(len(entries) + 1), entries[-1].id if entries else None, at, kind, data)


def _out(out: dict[str, int]) -> str:
    return f" Left out: {', '.join(f'{count} {what}' for what, count in sorted(out.items()))}." if out else ""
