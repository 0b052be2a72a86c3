"""`minicode sessions recall`: what M2 would be quoted of a session, for people."""

from __future__ import annotations

from pathlib import Path

from minicode import paths
from minicode.context.recall import Quest, recall
from minicode.errors import UsageError
from minicode.journal import store
from minicode.journal.blobs import Blobs
from minicode.journal.reader import branch_to, leaf_of, load
from minicode.text import clean


def look(session: str, quest: Quest) -> int:
    """Prints the quotes. Raises UsageError if what is asked for makes no sense."""
    path = store.find(paths.places().sessions, session)
    loaded = load(path)
    branch = branch_to(loaded.entries, leaf_of(loaded.entries))
    spilled = (Path(str(name)) for name in loaded.header.data.get("spilled", ()))
    places = [Blobs.beside(path), *(Blobs(place) for place in spilled if place.parent == path.parent)]

    def read(id_: str) -> bytes | None:
        return next((data for place in places if (data := place.get(id_)) is not None), None)

    found = recall(branch, quest, read)
    if found.failed:
        raise UsageError(found.gist)
    print(clean(found.text))
    return 0
