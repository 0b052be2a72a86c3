"""Walk a root: what has changed since the last walk is read and stored, of the rest only the times are looked at."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from minicode.workspace.folder import Refused
from minicode.workspace.snapshots import rules
from minicode.workspace.snapshots.looking import Sig, Signatures, entries_of, open_below, sig_of
from minicode.workspace.snapshots.rules import Limits
from minicode.workspace.snapshots.store import Store
from minicode.workspace.snapshots.survey import DEPTH, Budget, OverBudget, Survey, check_count
from minicode.workspace.snapshots.trees import FILE, FOLDER, LINK, SKIPPED, Item, Tree

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Seen(NamedTuple):
    """A folder as it was at the last walk.

    sig: its own. settled: none of its names can have come or gone unnoticed since. names, sigs: its entries, in the
    order found. folders: which of them are folders that are kept. items: the tree. racy: entries that must be read
    again, since they were changed just before they were read. ignored: git ignores it.
    """

    sig: Sig
    settled: bool
    names: tuple[str, ...]
    sigs: list[Sig]
    folders: tuple[int, ...]
    items: Tree
    tree: str
    racy: tuple[str, ...]
    ignored: bool


class Stopped(Refused):
    """Whoever wanted a snapshot wants it no more."""


class Scan:
    """The walks of one root, a real path. index: what an earlier process saw, by path relative to the root."""

    def __init__(
        self, root: str, hidden: Sequence[Path], limits: Limits, store: Store, index: dict[str, Seen], largest: int
    ) -> None:
        self.root = root
        self.index = index
        self.largest = largest
        self.changed = False
        self.read = 0
        self.left_out: list[tuple[str, str]] = []
        self._hidden = rules.hidden_in(root, hidden)
        self._limits = limits
        self._store = store
        self._glance: _Glance | None = None
        self._changed: set[str] = set()
        self._above_changed: set[str] = set()
        self._signatures = Signatures()
        self._next: dict[str, Seen] = {}
        self._count = 0
        self._survey = Survey(root, self._hidden, limits)
        self._stop: Callable[[], bool] = lambda: False

    def walk(self, stop: Callable[[], bool]) -> Item:
        """The root's item, everything below it being stored. Inside `Store.writing`. stop: asked before each file is
        read; when it says so, Stopped is raised.

        Afterwards left_out has (why, path) of what is newly not kept, read the number of files read, and changed tells
        whether the index did. Raises TooLarge, OSError, StorageError.
        """
        self._next, self._count, self.left_out, self.changed, self.read = {}, 0, [], False, 0
        self._stop = stop
        self._survey = Survey(self.root, self._hidden, self._limits)
        if "" in self._hidden:
            return (SKIPPED, 0, "hidden")
        try:
            found = sig_of(os.lstat(self.root))
        except FileNotFoundError:
            return (SKIPPED, 0, "gone")
        if not stat.S_ISDIR(found[0]):
            return (SKIPPED, 0, "gone")
        if not self.index:
            self.largest = self._survey.largest()
        self._next = dict(self.index)
        self._find_changed()
        item = self._folder("", found, None)
        self.index = self._next
        if self.changed:
            self._glance = None
        return item

    def _find_changed(self) -> None:
        """Look at every entry the index knows, in one go: what is the same needs no further step."""
        if self._glance is None:
            self._glance = _glance(self.root, self.index)
            self._signatures.forget()
        glance = self._glance
        self._count = len(glance.paths)
        sigs = self._signatures(glance.paths)
        changed = list(glance.restless)
        if sigs is not None and sigs != glance.sigs:
            self._signatures.forget()  # the walk may yet fail, and the next one must see this again
            for rel, start, end in glance.folders:
                if sigs[start:end] != glance.sigs[start:end]:
                    changed.append(rel)
        self._changed, self._above_changed = set(changed), set()
        for rel in changed:
            while rel and rel not in self._above_changed:
                rel = rel.rpartition("/")[0]
                self._above_changed.add(rel)

    def seen_as(self, rel: str) -> Sig | None:
        """Of an entry, as the last walk found it; None if it was not there."""
        folder, _, name = rel.rpartition("/")
        seen = self.index.get(folder)
        return seen.sigs[seen.names.index(name)] if seen and name in seen.items else None

    def _folder(self, rel: str, sig: Sig, budget: Budget | None) -> Item:
        known = self.index.get(rel)
        if known is None or known.sig != sig or rel in self._changed:
            return self._read_folder(rel, known, budget)
        if budget is not None:
            budget.spend(known.sigs)
        elif rel not in self._above_changed:
            return (FOLDER, sig[0] & 0o777, known.tree)
        items = known.items
        for number in known.folders:
            name = known.names[number]
            item = self._folder_below(f"{rel}/{name}" if rel else name, known.sigs[number], budget)
            if item != items[name]:
                items = {**items, name: item}
        if items is known.items:
            return self._keep(rel, known, known)
        return self._keep(rel, known, known._replace(items=items, folders=_folders(known.names, items)))

    def _read_folder(self, rel: str, known: Seen | None, budget: Budget | None) -> Item:
        """List a folder anew, by a descriptor to which no symbolic link led."""
        try:
            fd = open_below(self.root, rel)
        except OSError:
            return self._leave_out("unreadable", rel)
        try:
            settled_at = time.time_ns() - int(self._limits.tick * 1e9)
            sig = sig_of(os.fstat(fd))
            found = entries_of(fd)
            if known is None and rel and (why := rules.marked({name for name, _ in found})):
                return (SKIPPED, 0, why)
            self._count += len(found) - (len(known.names) if known else 0)
            check_count(self.root, self._count, self._limits)
            if budget is not None:
                budget.spend([inner for _, inner in found])
            names, sigs, items, racy = [], [], {}, []
            was = dict(zip(known.names, known.sigs, strict=True)) if known else {}
            for name, inner in found:
                path = f"{rel}/{name}" if rel else name
                old = known.items.get(name) if known else None
                trusted = known is not None and was.get(name) == inner and name not in known.racy
                inner, item = self._item(fd, path, name, inner, old, trusted, budget)
                names.append(name)
                sigs.append(inner)
                items[name] = item
                if _changed_at(inner) > settled_at and item[0] in (FILE, LINK):
                    racy.append(name)
        except OSError:
            return self._leave_out("unreadable", rel)
        finally:
            os.close(fd)
        for name in [known.names[number] for number in known.folders] if known else ():
            if name not in items or items[name][0] != FOLDER:
                self._forget(f"{rel}/{name}" if rel else name)
        settled = _changed_at(sig) <= settled_at
        folders = _folders(names, items)
        seen = Seen(sig, settled, tuple(names), sigs, folders, items, "", tuple(racy), budget is not None)
        return self._keep(rel, known, seen)

    def _keep(self, rel: str, known: Seen | None, seen: Seen) -> Item:
        if known is None or known.items != seen.items:
            seen = seen._replace(tree=self._store.put_tree(seen.items))
        elif seen is not known:
            seen = seen._replace(tree=known.tree)
        self.changed = self.changed or seen is not known
        self._next[rel] = seen
        return (FOLDER, seen.sig[0] & 0o777, seen.tree)

    def _item(
        self, fd: int, path: str, name: str, sig: Sig, old: Item | None, trusted: bool, budget: Budget | None
    ) -> tuple[Sig, Item]:
        """What an entry is, and the signature that belongs to what was read of it."""
        mode = sig[0]
        if self._hidden and path.casefold() in self._hidden:
            return sig, (SKIPPED, 0, "hidden")
        if rules.is_git(name):
            return sig, (SKIPPED, 0, "git")
        if stat.S_ISDIR(mode):
            covered = old is not None and old[0] == FOLDER
            if not covered and self._survey.is_made(path, name, in_ignored=budget is not None):
                return sig, (SKIPPED, 0, "rule")
            told = len(self.left_out)
            item = self._folder_below(path, sig, budget)
            if item == old:
                del self.left_out[told:]
            return sig, item
        if trusted and old is not None:
            return sig, old
        if stat.S_ISLNK(mode):
            return sig, (LINK, 0, self._store.put(os.fsencode(os.readlink(name, dir_fd=fd))))
        if not stat.S_ISREG(mode):
            return sig, (SKIPPED, 0, "special")
        if self._is_big(path, sig[2], budget):
            return sig, self._leave_out("big", path, old, sig)
        return self._read_file(fd, path, name, sig, old)

    def _read_file(self, fd: int, path: str, name: str, sig: Sig, old: Item | None) -> tuple[Sig, Item]:
        if self._stop():
            raise Stopped("Keeping the files was stopped.")
        try:
            file = os.open(name, _READ, dir_fd=fd)
        except OSError:
            return sig, self._leave_out("unreadable", path, old, sig)
        try:
            sig = sig_of(os.fstat(file))
            if not stat.S_ISREG(sig[0]):
                return sig, (SKIPPED, 0, "special")
            data = _read(file, self.largest + 1)
        except OSError:
            return sig, self._leave_out("unreadable", path, old, sig)
        finally:
            os.close(file)
        if len(data) > self.largest:
            return sig, self._leave_out("big", path, old, sig)
        self.read += 1
        return sig, (FILE, sig[0] & 0o777, self._store.put(data))

    def _folder_below(self, rel: str, sig: Sig, budget: Budget | None) -> Item:
        known = self.index.get(rel)
        if rel.count("/") >= DEPTH:
            return self._leave_out("many", rel)
        if budget is not None:
            return self._folder(rel, sig, budget)
        if not (known.ignored if known else self._survey.is_ignored(rel, folder=True)):
            return self._folder(rel, sig, None)
        if known is None and not self._survey.is_light(rel):
            return self._leave_out("many", rel)
        before = self._count
        try:
            return self._folder(rel, sig, Budget(self._limits))
        except OverBudget:
            self._count = before
            self._forget(rel)
            return self._leave_out("many", rel)

    def _is_big(self, path: str, size: int, budget: Budget | None) -> bool:
        if size <= self._limits.ignored_file:
            return size > self.largest
        ignored = budget is not None or self._survey.is_ignored(path, folder=False)
        return size > self.largest or ignored

    def _leave_out(self, why: str, path: str, old: Item | None = None, sig: Sig | None = None) -> Item:
        if old is None or not old[2].startswith(why):
            self.left_out.append((why, f"{self.root}/{path}"))
        return (SKIPPED, 0, f"{why}:{sig[2]}:{sig[5]}.{sig[6]}" if sig else why)

    def _forget(self, rel: str) -> None:
        """A folder is not kept any more: neither is what was known of it and of those in it."""
        for key in [key for key in self._next if key == rel or key.startswith(f"{rel}/")]:
            del self._next[key]


class _Glance(NamedTuple):
    """All an index knows, in one row. folders: of each the part of the row its entries are. restless: folders that must
    be read again even if they look the same.
    """

    paths: list[bytes]
    sigs: list[Sig]
    folders: list[tuple[str, int, int]]
    restless: list[str]


def _glance(root: str, index: dict[str, Seen]) -> _Glance:
    glance = _Glance([], [], [], [])
    for rel, seen in index.items():
        base = os.fsencode(f"{root}/{rel}/" if rel else f"{root}/")
        start = len(glance.paths)
        glance.paths.extend([base + os.fsencode(name) for name in seen.names])
        glance.sigs.extend(seen.sigs)
        glance.folders.append((rel, start, len(glance.paths)))
        if seen.racy or not seen.settled:
            glance.restless.append(rel)
    return glance


def _folders(names: Sequence[str], items: Tree) -> tuple[int, ...]:
    return tuple(number for number, name in enumerate(names) if items[name][0] == FOLDER)


def _changed_at(sig: Sig) -> int:
    return sig[3] * 10**9 + sig[4]


def _read(fd: int, limit: int) -> bytes:
    parts = []
    while limit > 0 and (data := os.read(fd, min(limit, 1 << 20))):
        parts.append(data)
        limit -= len(data)
    return b"".join(parts)
