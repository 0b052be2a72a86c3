"""A map of the workspace: the definitions that count most, as many as a budget of tokens holds."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minicode.text import clean
from minicode.workspace.code import ranking
from minicode.workspace.code.index import News, aside, unknown, update, with_store
from minicode.workspace.code.symbols import Nested, Parsed, nested
from minicode.workspace.search import list_names, note_of
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:
    from minicode.workspace.code.store import Store

BYTES_PER_TOKEN = 3  # of code, cautiously
_CANDIDATES = 3_000
_NAMESAKES = 3  # definitions of one name in one file that are shown
_LINES = 25  # of one file, unless it is in focus
_SEEDS = 50  # files in focus
_SMALL = 300  # files that are ranked anew at every change; more of them only if a part has changed
_PART = 20
_LAST = re.compile(r"::|[.:]")  # before the part of a name by which it is used
_AHEAD = 100  # files that are parsed together


class Map(NamedTuple):
    """text: the map, "" if there is nothing to show. shown, files: how many. notes: what there is to say of it."""

    text: str
    shown: int
    files: int
    notes: tuple[str, ...]


class _Focus(NamedTuple):
    """Where one looks. seeds: files from where walks begin. own: files that are shown themselves. names: as `own`."""

    seeds: Mapping[str, float]
    own: Sequence[str] = ()
    names: Sequence[tuple[str, str]] = ()
    strange: Sequence[str] = ()


async def repo_map(
    workspace: Workspace, folder: Path | None, tokens: int, focus: str, say: Callable[[str], None]
) -> Map:
    """folder: where the index is kept, None for nowhere. focus: paths, parts of paths or names, between which are
    commas or spaces. Raises Refused if nothing can be parsed or listed here.
    """
    paths: dict[str, None] = {}
    left_out = 0
    for place in (workspace.root, *workspace.folder.extra):
        names, kept = await list_names(workspace, place)
        paths |= dict.fromkeys(f"{place}/{name}" for name in names)
        left_out += kept
    seen = [path for path in map(str, workspace.files.touched) if path in paths]

    async def work(store: Store) -> tuple[Map, News]:
        news = await update(workspace, store, paths, whole=True, say=say)
        files = len(news.files)
        await asyncio.to_thread(_rank_if_stale, store, files, aside(workspace))
        where = await asyncio.to_thread(_focus, workspace, store, news.files, focus, seen)
        page = _Page(workspace, set(where.own))
        crashed = await _learn(workspace, store, page, where.own)
        order = await asyncio.to_thread(_order, workspace, store, page, where, set(news.files))
        while strange := page.fill(order, max(tokens, 1) * BYTES_PER_TOKEN):
            crashed += await _learn(workspace, store, page, strange)
        notes = (f"nothing here is called {', '.join(where.strange)}",) if where.strange else ()
        return Map(page.text(), len(page.chosen), files, notes), news._replace(crashed=news.crashed + crashed)

    made, news = await with_store(folder, work)
    show = workspace.folder.show
    notes = [*made.notes, *news.notes(lambda path: show(Path(path))), unknown(paths), note_of(left_out)]
    return made._replace(notes=tuple(note for note in notes if note))


async def _learn(workspace: Workspace, store: Store, page: _Page, paths: Sequence[str]) -> tuple[str, ...]:
    """Have the page know the symbols of files. Returns those that cannot be parsed."""
    if not paths:
        return ()
    news = await update(workspace, store, paths)
    page.learn(paths, await asyncio.to_thread(store.parsed, paths))
    return news.crashed


def _order(
    workspace: Workspace, store: Store, page: _Page, where: _Focus, files: Collection[str]
) -> list[tuple[str, str]]:
    """What counts most, by path and name."""
    # They may have been ranked when there were more files than now, or more that may be read.
    scores = {place: score for place, score in store.best().items() if place[0] in files}
    for place, score in ranking.near(where.seeds, store.uses, store.definers, aside(workspace)).items():
        scores[place] = scores.get(place, 0.0) + 2 * score
    for path in where.own:
        names = page.names(path)
        for name in names:
            scores[path, name] = scores.get((path, name), 0.0) + 1 / len(names)
    for place in where.names:
        scores[place] = scores.get(place, 0.0) + 1
    return sorted(scores, key=lambda place: (-scores[place], place))


def _rank_if_stale(store: Store, files: int, aside: Callable[[str], bool]) -> None:
    ranked, changed = store.stale()
    if not changed or (ranked > _SMALL and changed * _PART < ranked):
        return
    definers: defaultdict[str, list[str]] = defaultdict(list)
    for path, names in store.all_names():
        for name in names:
            definers[name].append(path)
    known = cache(aside)
    linked = {path: ranking.links(path, uses, definers, known) for path, uses in store.all_uses()}
    scores = dict.fromkeys(((path, name) for name, paths in definers.items() for path in paths), 0.0)
    scores |= ranking.rank(linked)
    best = nsmallest(_CANDIDATES, ((-score, *place) for place, score in scores.items()))
    store.rank(files, ((path, name, -score) for score, path, name in best))


def _focus(workspace: Workspace, store: Store, files: Sequence[str], focus: str, seen: Sequence[str]) -> _Focus:
    """From what was asked for, and from what the model has read or written in this session."""
    seeds = dict.fromkeys(seen, 1.0)
    own: list[str] = []
    names: list[tuple[str, str]] = []
    strange: list[str] = []
    base = f"{workspace.root}/"
    for word in dict.fromkeys(filter(None, re.split(r"[,\s]+", focus))):
        part = word.removeprefix("./").rstrip("/").casefold()
        fitting = [path for path in files if part in path.removeprefix(base).casefold()][:_SEEDS]
        name = re.split(r"[.:#]+", word.strip("()"))[-1]
        there = [(path, name) for path in store.definers([name]).get(name, ())][:_SEEDS]
        if not fitting and not there:
            strange.append(clean(word)[:60])
        own += [] if there else fitting  # the name is meant, not some path that has it in itself
        names += there
    for path in (*own, *(path for path, _ in names)):
        seeds[path] = 5.0
    total = sum(seeds.values())
    return _Focus({path: weight / total for path, weight in seeds.items()}, own, names, strange)


class _Page:
    """Definitions are put on it, the most important first, until it is full."""

    def __init__(self, workspace: Workspace, own: set[str]) -> None:
        self.chosen: dict[str, set[Nested]] = {}
        self._show, self._own = cache(lambda path: workspace.folder.show(Path(path))), own
        self._known: dict[str, dict[str, list[Nested]]] = {}

    def learn(self, paths: Iterable[str], code: Mapping[str, Parsed]) -> None:
        """What these files define; nothing, if they are not among the code."""
        for path in paths:
            by_name: dict[str, list[Nested]] = {}
            for one in nested(code[path].symbols if path in code else ()):
                if not one.local:
                    by_name.setdefault(_LAST.split(one.symbol.name)[-1], []).append(one)
            self._known[path] = by_name

    def names(self, path: str) -> Collection[str]:
        """What a file that is known defines."""
        return self._known[path]

    def fill(self, order: Sequence[tuple[str, str]], most: int) -> list[str]:
        """Returns the files that have to be known first, some more than that, since few at a time are dear."""
        self.chosen = {}
        size = 0
        for at, (path, name) in enumerate(order):
            if path not in self._known:
                strange = dict.fromkeys(path for path, _ in order[at:] if path not in self._known)
                return list(strange)[:_AHEAD]
            there = self.chosen.get(path, set())
            if len(there) >= _LINES and path not in self._own:
                continue
            named = self._known[path].get(name, ())[:_NAMESAKES]
            more = {one for found in named for one in self._with_outer(found)} - there
            if not more:
                continue
            size += sum(len(self._line(one).encode("utf-8", "replace")) + 1 for one in more)
            size += 0 if there else len(self._show(path).encode("utf-8", "replace")) + 2
            if size > most:
                break
            self.chosen.setdefault(path, set()).update(more)
        return []

    @staticmethod
    def _with_outer(found: Nested) -> list[Nested]:
        return [*(Nested(outer, found.outer[:depth]) for depth, outer in enumerate(found.outer)), found]

    @staticmethod
    def _line(one: Nested) -> str:
        return f"{one.symbol.row:>5} {'  ' * len(one.outer)}{clean(one.symbol.text)}"

    def text(self) -> str:
        parts = []
        for path, there in self.chosen.items():
            lines = [self._line(one) for one in sorted(there, key=lambda one: (one.symbol.row, len(one.outer)))]
            parts.append("\n".join([f"{self._show(path)}:", *lines]))
        return "\n".join(parts)
