"""Keeps what is known of files' code up to date: what has not changed is not parsed again."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from minicode.text import count
from minicode.workspace.code import languages
from minicode.workspace.code.parsing import MOST_BYTES, parse
from minicode.workspace.code.symbols import Parsed
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:
    from minicode.workspace.code.store import State, Store

T = TypeVar("T")
AT_ONCE, GLANCES = 32 * 2**20, 96 * 2**20  # bytes that one call parses or glances at: some ten seconds
_PUT = 200  # files in one transaction
_WORTH_A_WORD = 2 * 2**20  # bytes to be parsed
_ASIDE = frozenset(
    (
        *("test", "tests", "testing", "__tests__", "spec", "specs", "fixtures", "examples", "docs"),
        *("vendor", "vendored", "third_party", "thirdparty", "external"),
    )
)


class News(NamedTuple):
    """What an update came to. files: those that could be parsed. waiting: how many of them there was no time for.
    crashed: those whose parser did.
    """

    files: Sequence[str] = ()
    waiting: int = 0
    crashed: tuple[str, ...] = ()

    def notes(self, show: Callable[[str], str]) -> list[str]:
        told = [f"{count(self.waiting, 'file')} not looked at yet: call again"] if self.waiting else []
        if self.crashed:
            names = ", ".join(show(path) for path in self.crashed[:3])
            told.append(
                f"left out, since their parser crashed or took too long: {names}{', …' * (len(self.crashed) > 3)}"
            )
        return told


async def with_store(folder: Path | None, work: Callable[[Store], Awaitable[T]]) -> T:
    """What comes of the work with the store at a folder, None for one that is forgotten. One that is damaged, locked
    for long or on a full disk is done without.
    """
    import sqlite3

    from minicode.workspace.code.store import NAME

    try:
        async with _opened(folder) as store:
            return await work(store)
    except sqlite3.Error as error:
        if folder is not None and not isinstance(error, sqlite3.OperationalError):
            (folder / NAME).unlink(missing_ok=True)
    async with _opened(None) as store:
        return await work(store)


@asynccontextmanager
async def _opened(folder: Path | None) -> AsyncIterator[Store]:
    from minicode.workspace.code.store import Store

    store = await asyncio.to_thread(Store, folder)
    try:
        yield store
    finally:
        store.close()


async def symbols_of(workspace: Workspace, folder: Path | None, paths: Sequence[str]) -> tuple[dict[str, Parsed], News]:
    """The code of files, real paths from `Folder.resolve` or a search, that are there and can be parsed."""

    async def work(store: Store) -> tuple[dict[str, Parsed], News]:
        news = await update(workspace, store, paths)
        return await asyncio.to_thread(store.parsed, paths), news

    return await with_store(folder, work)


async def update(
    workspace: Workspace,
    store: Store,
    paths: Iterable[str],
    *,
    whole: bool = False,
    most: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> News:
    """Have the store know of these files. whole: and of no others, but only at a glance. most: bytes that are read."""
    most = most or (GLANCES if whole else AT_ONCE)
    files, changed, gone = await asyncio.to_thread(_compare, store, paths, whole)
    if gone:
        await asyncio.to_thread(store.drop, gone)
    chosen: dict[str, State] = {}
    size = 0
    later = aside(workspace)
    for path in sorted(changed, key=lambda path: (later(path), path)):
        size += changed[path].size
        if size <= most:
            chosen[path] = changed[path]
    if size > _WORTH_A_WORD:
        say(f"Looking at the code of {count(len(chosen), 'file')}.")
    done: list[tuple[str, State, Parsed | None]] = []
    same: list[tuple[str, State]] = []
    crashed, answered = [], 0
    known = [(path, state.digest) for path, state in chosen.items()]
    async with aclosing(parse(workspace, known, symbols=not whole)) as answers:
        async for path, fate in answers:
            answered += 1
            state = chosen[path]
            if fate == "same":
                same.append((path, state))
            elif fate != "closed":  # what may not be read today may be tomorrow
                done.append((path, state, fate if isinstance(fate, Parsed) else None))
                crashed += [path] if fate == "crashed" else []
            if len(done) >= _PUT:
                await asyncio.to_thread(store.put, done, not whole)
                done = []
    await asyncio.to_thread(store.put, done, not whole)
    await asyncio.to_thread(store.same, same)
    return News(files, len(changed) - answered, tuple(crashed))


def _compare(store: Store, paths: Iterable[str], whole: bool) -> tuple[Sequence[str], dict[str, State], Sequence[str]]:
    """The files that can be parsed; those of them whose content may be new, as they are now but for the digest, which
    is the one that is known; and those that are known but gone.
    """
    from minicode.workspace.code.store import State

    paths = list(paths)
    known = store.states() if whole else {path: entry for path in paths if (entry := store.state(path))}
    endings = languages.endings()
    changed: dict[str, State] = {}
    there: list[str] = []
    for path in paths:
        if path[path.rfind(".") + 1 :].lower() not in endings:
            continue
        try:
            about = os.lstat(path)
        except OSError:
            continue
        size, mtime = about.st_size, about.st_mtime_ns
        if not stat.S_ISREG(about.st_mode) or size > MOST_BYTES:
            continue
        there.append(path)
        entry = known.get(path)
        if entry is None or entry[0] != size or entry[1] != mtime:
            changed[path] = State(size, mtime, entry[2] if entry else "")
    return there, changed, list(known.keys() - there)


def aside(workspace: Workspace) -> Callable[[str], bool]:
    """Says of a real path that it is of a test or the like, by the folders of the workspace that it lies in."""
    base = f"{workspace.root}/"
    return lambda path: not _ASIDE.isdisjoint(path.removeprefix(base).lower().split("/"))


def unknown(paths: Iterable[str]) -> str:
    """What to say of files whose language is not known or not installed, "" if there are none."""
    one_each = {path[path.rfind(".") :]: path for path in paths}
    return languages.missing(language for path in one_each.values() if (language := languages.language_of(path)))
