"""Words of the user's that are too long for their entry: with it in memory, in a blob on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from minicode.journal.blobs import Blobs
from minicode.journal.entry import Entry

CODEC = ("utf-8", "surrogatepass")  # what a terminal gave us may hold half a pair


def lean(entry: Entry) -> Entry:
    """As it is written: without what the blob `kept` holds."""
    if "kept" not in entry.data:
        return entry
    return replace(entry, data={name: value for name, value in entry.data.items() if name != "typed"})


def whole(entry: Entry, session: Path) -> Entry:
    """As it was before it was written to the session file; as it is there, if the blob has gone."""
    id_ = entry.data.get("kept")
    if not isinstance(id_, str) or "typed" in entry.data:
        return entry
    words = Blobs.beside(session).get(id_)
    try:
        return entry if words is None else replace(entry, data={**entry.data, "typed": words.decode(*CODEC)})
    except UnicodeDecodeError:  # its name is right, so somebody made it so
        return entry
