"""A map of the workspace: the definitions that count most, as many as a budget of tokens holds."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        return await asyncio.to_thread(_map, workspace, store, news.files, tokens, focus, seen), news

    made, news = await with_store(folder, work)
    show = workspace.folder.show
    notes = [*made.notes, *news.notes(lambda path: show(Path(path))), unknown(paths), note_of(left_out)]
    return made._replace(notes=tuple(note for note in notes if note))


def _map(workspace: Workspace, store: Store, files: Sequence[str], tokens: int, focus: str, seen: Sequence[str]) -> Map:
    _rank_if_stale(store, len(files), aside(workspace))
    where = _focus(workspace, store, files, focus, seen)
    scores = {(path, name): score for path, name, score in store.best(_CANDIDATES)}

    def uses(some: Iterable[str]) -> dict[str, Mapping[str, int]]:
        return {path: parsed.uses for path, parsed in store.parsed(some).items()}

    for place, score in ranking.near(where.seeds, uses, store.definers, aside(workspace)).items():
        scores[place] = scores.get(place, 0.0) + 2 * score
    for path, parsed in store.parsed(where.own).items():
        for symbol in parsed.symbols:
            place = path, symbol.name
            scores[place] = scores.get(place, 0.0) + 1 / len(parsed.symbols)
    for place in where.names:
        scores[place] = scores.get(place, 0.0) + 1
    order = sorted(scores, key=lambda place: (-scores[place], place))
    page = _Page(workspace, store, set(where.own))
    page.fill(order, max(tokens, 1) * BYTES_PER_TOKEN)
    strange = [f"nothing here is called {', '.join(where.strange)}"] if where.strange else []
    return Map(page.text(), len(page.chosen), len(files), tuple(strange))


def _rank_if_stale(store: Store, files: int, aside: Callable[[str], bool]) -> None:
    ranked, changed = store.stale()
    if not changed or (ranked > _SMALL and changed * _PART < ranked):
        return
    definers: defaultdict[str, list[str]] = defaultdict(list)
    for path, name in store.all_names():
        definers[name].append(path)
    linked = {path: ranking.links(path, uses, definers, aside) for path, uses in store.uses()}
    store.rank(files, ranking.rank(linked))


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

    def __init__(self, workspace: Workspace, store: Store, own: set[str]) -> None:
        self.chosen: dict[str, set[Nested]] = {}
        self._show, self._store, self._own = workspace.folder.show, store, own
        self._known: dict[str, dict[str, list[Nested]]] = {}

    def fill(self, order: Iterable[tuple[str, str]], most: int) -> None:
        size = 0
        for path, name in order:
            there = self.chosen.get(path, set())
            if len(there) >= _LINES and path not in self._own:
                continue
            more = {one for found in self._named(path, name) for one in self._with_outer(path, found)} - there
            if not more:
                continue
            size += sum(len(self._line(one).encode("utf-8", "replace")) + 1 for one in more)
            size += 0 if there else len(self._show(Path(path)).encode("utf-8", "replace")) + 2
            if size > most:
                return
            self.chosen.setdefault(path, set()).update(more)

    def _named(self, path: str, name: str) -> list[Nested]:
        if path not in self._known:
            parsed = self._store.parsed([path]).get(path, Parsed(""))
            by_name: dict[str, list[Nested]] = {}
            for one in nested(parsed.symbols):
                if not one.local:
                    by_name.setdefault(one.symbol.name, []).append(one)
            self._known[path] = by_name
        return self._known[path].get(name, [])[:_NAMESAKES]

    def _with_outer(self, path: str, found: Nested) -> list[Nested]:
        return [*(Nested(outer, found.outer[:depth]) for depth, outer in enumerate(found.outer)), found]

    @staticmethod
    def _line(one: Nested) -> str:
        return f"{one.symbol.row:>5} {'  ' * len(one.outer)}{clean(one.symbol.text)}"

    def text(self) -> str:
        parts = []
        for path, there in self.chosen.items():
            lines = [self._line(one) for one in sorted(there, key=lambda one: (one.symbol.row, len(one.outer)))]
            parts.append("\n".join([f"{self._show(Path(path))}:", *lines]))
        return "\n".join(parts)
