"""`minicode sessions recall`: what M2 would be quoted of a session, for people."""

from __future__ import annotations

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
    found = recall(branch, quest, Blobs.beside(path).get)
    if found.failed:
        raise UsageError(found.gist)
    print(clean(found.text))
    return 0
