"""`minicode sessions context|fold|unfold`: what the window is full of, and making room in it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from minicode import paths, plain
from minicode.context.breakdown import Breakdown, breakdown
from minicode.context.budget import Budget
from minicode.context.history import History
from minicode.errors import UsageError
from minicode.ground import ground
from minicode.journal import store
from minicode.journal.reader import branch_to, leaf_of, load, summarise
from minicode.journal.repair import sound
from minicode.messages import Request
from minicode.model.wires import Encoder
from minicode.parts import Parts
from minicode.plan import Plan
from minicode.start import Started, start
from minicode.text import clean

_BAR = 30  # characters


def context(session: str) -> int:
    """Of the request that would be sent next."""
    loaded = load(store.find(paths.places().sessions, session))
    branch = branch_to(loaded.entries, leaf_of(loaded.entries))
    last = next((entry.data for entry in reversed(branch) if entry.kind == "request"), None)
    if last is None:
        raise UsageError(f"Session {loaded.header.id} was never sent to the model, so its window is empty.")
    history = History(sound(branch))
    request = Request(system=history.system, tools=history.tools, messages=history.messages(), **last["params"])
    size = len(Encoder(last["wire"], last["options"]).encode(request).body)
    s = ground(None).settings
    for line in lines(breakdown(history, size, Budget(s.context_window).room(request)), history):
        print(line)
    return 0


def of(parts: Parts) -> Iterator[str]:
    """The same for a session that is open and has spoken to its endpoint."""
    size = len(parts.model.encode(parts.next_request()).body)
    yield from lines(breakdown(parts.history, size, parts.budget.room(parts.request)), parts.history)


def lines(found: Breakdown, history: History) -> Iterator[str]:
    share = found.tokens * 100 // max(found.room, 1)
    how = "as the server counts them" if found.counted else "a guess, until the server has counted"
    yield f"about {found.tokens:,} of {found.room:,} tokens ({share} %), {how}"
    for kind, tokens in found.kinds.items():
        bar = "█" * round(_BAR * tokens / max(found.tokens, 1))
        yield f"  {kind:12} {tokens:9,}  {bar}".rstrip()
    yield plain.meter(history.given, history.issued, history.folded)


def fold(session: str, guidance: str) -> int:
    return asyncio.run(_fold(session, guidance))


async def _fold(session: str, guidance: str) -> int:
    started = _open(session)
    try:
        progress = plain.Progress(_say, plain.stderr_colour())
        await started.session.fold(progress.show, guidance)
    finally:
        with suppress(OSError):
            await started.close()
    return 0


def unfold(session: str) -> int:
    return asyncio.run(_unfold(session))


async def _unfold(session: str) -> int:
    started = _open(session)
    try:
        await started.session.model.ready()
        print(started.session.unfold())
    finally:
        with suppress(OSError):
            await started.close()
    return 0


def _open(session: str) -> Started:
    """The session in its own folder, or in this one if that is gone."""
    path = store.find(paths.places().sessions, session)
    found = summarise(path)
    folder = Path(found.folder if found else "")
    return start(Plan(folder=folder if folder.is_dir() else None, resume=path.stem))


def _say(text: str) -> None:
    sys.stderr.write(clean(text))
