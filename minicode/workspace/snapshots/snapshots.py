"""The files of a workspace at one moment, kept so that they can be put back: shell effects and untracked files too."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from minicode.errors import StorageError
from minicode.show import Show
from minicode.workspace.folder import Refused, refusal
from minicode.workspace.snapshots.index import load_index, save_index
from minicode.workspace.snapshots.looking import Sig
from minicode.workspace.snapshots.plan import Plan, plan
from minicode.workspace.snapshots.restore import ChangedSince, Hands
from minicode.workspace.snapshots.rules import MB, Limits
from minicode.workspace.snapshots.scan import Scan
from minicode.workspace.snapshots.store import Damaged, Store
from minicode.workspace.snapshots.trees import SKIPPED, Change, Tree, differences

_RESTORING = "restoring"
_WHY = {
    "big": "Too large to be kept, so that changes of it cannot be undone",
    "many": "A folder that git ignores, with too much in it to be kept",
    "unreadable": "Cannot be read, so that it is not kept",
}


class Snapshot(NamedTuple):
    """tree: its id; the same files have the same. notes: sentences for the user. read: how many files had changed."""

    tree: str
    notes: tuple[str, ...] = ()
    read: int = 0


class Restored(NamedTuple):
    """before: the snapshot of what was there, to which a redo goes back. after: of what is there now.

    changes: what was done. notes: sentences for the user, such as what could not be put back.
    """

    before: str
    after: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()


class Unfinished(NamedTuple):
    """A restore that was cut: it had begun at `before`, and was to end at `to`."""

    before: str
    to: str


class Snapshots:
    """The snapshots of some roots, in a private folder that several processes may share.

    Left out, and never touched by a restore: `.git` and what is like it, what `hidden` names, what programs make again
    (node_modules, virtual environments, caches), what is too large by `limits`. All methods may take their time and
    belong in a thread; they wait for each other. They raise StorageError if the store cannot be used, Gone for a
    snapshot that is not there, and Refused.
    """

    def __init__(
        self, store: Path, roots: Sequence[Path], hidden: Sequence[Path] = (), limits: Limits | None = None
    ) -> None:
        real = [os.path.realpath(root) for root in roots]
        self._roots = [root for root in dict.fromkeys(real) if not any(_is_inside(root, other) for other in real)]
        self._hidden = (*hidden, store)
        self._limits = limits or Limits()
        self._store = Store(store)
        self._scans: dict[str, Scan] = {}
        self._generation = ""
        self._busy = Lock()

    def take(self, stop: Callable[[], bool] = lambda: False) -> Snapshot:
        """Keep the files as they are now. Raises TooLarge if a root has more of them than can be watched, and Stopped
        soon after `stop` says so, with nothing kept."""
        with self._busy:
            with self._store.lock(alone=False):
                taken = self._take(stop)
            return taken._replace(notes=(*taken.notes, *self._make_room([taken.tree])))

    def diff(self, before: str, after: str) -> tuple[Change, ...]:
        """Every path that differs, folders before what is in them."""
        with self._busy, self._reading() as store:
            return tuple(differences(store.tree, store.top(before), store.top(after)))

    def show(self, before: str, after: str, limit: int = 20_000, at: str = "") -> str:
        """The difference as text: unified diffs, `limit` characters at most, nothing in it that a terminal obeys.

        at: only this path, and what lies below it.
        """
        from minicode.workspace.snapshots.changes import describe

        with self._busy, self._reading() as store:
            return describe(self._between(store, before, after, at), store.get, self._short, limit)

    def compare(self, before: str, after: str, at: str = "") -> list[Show]:
        """The difference as blocks, which are not cleaned. at: as in `show`."""
        from minicode.workspace.snapshots.changes import blocks

        with self._busy, self._reading() as store:
            return blocks(self._between(store, before, after, at), store.get, self._short)

    def _between(self, store: Store, before: str, after: str, at: str) -> list[Change]:
        changes = differences(store.tree, store.top(before), store.top(after))
        return [c for c in changes if not at or c.path == at or _is_inside(c.path, at)]

    def conflicts(self, to: str, last: str) -> tuple[str, ...]:
        """The paths for which `restore` would refuse."""
        with self._busy, self._store.lock(alone=False):
            now = self._take().tree
            return self._plan(to, last, now).conflicts

    def restore(self, to: str, last: str | None = None, *, force: bool = False) -> Restored:
        """Go back, or forward, to a snapshot.

        last: the one after our own last change. What differs from it on the disk was changed by the user: it stays as
        it is if the way from `last` to `to` does not touch it; else ChangedSince names it, unless `force`. Without
        `last` the files become what they were in `to`, whoever changed them. Raises Refused with everything as it was,
        or, where even that could not be had, with the restore still `unfinished`.
        """
        with self._busy, self._store.lock(alone=True):
            return self._restore(to, last, force, resuming=False)

    def unfinished(self) -> Unfinished | None:
        """The restore that was cut in the middle, by a crash or a full disk."""
        if not self._store.path.exists():
            return None
        with self._busy, self._store.lock(alone=False):
            self._refresh()
            noted = self._store.noted(_RESTORING)
            return Unfinished(str(noted["from"]), str(noted["to"])) if noted else None

    def finish(self, *, force: bool = False) -> Restored | None:
        """Go on with the restore that was cut; None if there is none."""
        with self._busy, self._store.lock(alone=True):
            self._refresh()
            noted = self._store.noted(_RESTORING)
            if noted is None:
                return None
            return self._restore(str(noted["to"]), str(noted["from"]), force, resuming=True)

    def forget(self) -> None:
        """Leave the files as a cut restore left them."""
        with self._busy, self._store.lock(alone=True):
            self._refresh()
            self._store.note(_RESTORING, None)

    def evict(self, size: int) -> int:
        """Drop the oldest snapshots until the store takes no more than about `size` bytes. Returns how many."""
        with self._busy, self._store.lock(alone=True):
            self._refresh()
            return self._store.evict(size)

    def close(self) -> None:
        with self._busy:
            self._store.close()

    def _take(self, stop: Callable[[], bool] = lambda: False) -> Snapshot:
        try:
            return self._walk(stop)
        except Damaged as error:
            taken = self._walk(stop)
            return taken._replace(notes=(str(error), *taken.notes))

    def _walk(self, stop: Callable[[], bool]) -> Snapshot:
        self._refresh()
        top: Tree = {}
        with self._store.writing():
            for root in self._roots:
                try:
                    top[root] = self._scan(root).walk(stop)
                except OSError as error:
                    raise refusal(error, f"The files of {root} cannot be kept") from None
            tree = self._store.put_tree(top)
            self._store.record(tree)
        for root, scan in self._scans.items():
            if scan.changed:
                save_index(self._index_file(root), self._generation, self._key(root), scan.index, scan.largest)
        return Snapshot(tree, tuple(self._notes()), sum(scan.read for scan in self._scans.values()))

    def _refresh(self) -> None:
        """What is known to be stored is known of one generation of the store only."""
        generation = self._store.refresh()
        if generation != self._generation:
            self._scans.clear()
            self._generation = generation

    def _scan(self, root: str) -> Scan:
        if root not in self._scans:
            index, largest = load_index(self._index_file(root), self._generation, self._key(root))
            self._scans[root] = Scan(root, self._hidden, self._limits, self._store, index, largest)
        return self._scans[root]

    def _index_file(self, root: str) -> Path:
        return self._store.folder / f"index-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"

    def _key(self, root: str) -> str:
        return repr((root, sorted(map(str, self._hidden)), self._limits))

    def _notes(self) -> Iterator[str]:
        left_out = [entry for scan in self._scans.values() for entry in scan.left_out]
        for why, sentence in _WHY.items():
            paths = [self._short(path) for reason, path in left_out if reason == why]
            if paths:
                yield f"{sentence}: {_listed(paths)}."

    def _make_room(self, keep: Sequence[str]) -> list[str]:
        if self._store.size() <= self._limits.store:
            return []
        with self._store.lock(alone=True):
            if self._store.size() <= self._limits.store:
                return []  # another session was quicker
            dropped = self._store.evict(self._limits.store, keep)
        # All that our index knows of is in the snapshot that was kept.
        self._generation = self._store.generation
        for root, scan in self._scans.items():
            save_index(self._index_file(root), self._generation, self._key(root), scan.index, scan.largest)
        if not dropped:
            return []
        return [
            f"The store of snapshots had grown over {self._limits.store // MB:,} MB: the {dropped} oldest of them were "
            "dropped. The files of those steps cannot be put back."
        ]

    def _plan(self, to: str, last: str | None, now: str, *, resuming: bool = False) -> Plan:
        tops = {tree: self._store.top(tree) for tree in (to, last or now, now)}
        # A root that is not everywhere was added or taken away between: it is none of this way's business.
        common = set.intersection(*(set(top) for top in tops.values())) & set(self._roots)
        to_top, last_top, now_top = ({root: tops[tree][root] for root in common} for tree in (to, last or now, now))
        return plan(self._store.tree, last_top, to_top, now_top, resuming=resuming)

    def _restore(self, to: str, last: str | None, force: bool, *, resuming: bool) -> Restored:
        before = self._take()
        way = self._plan(to, last, before.tree, resuming=resuming)
        if way.conflicts and not force:
            names = _listed([self._short(path) for path in way.conflicts])
            raise ChangedSince(f"Changed by somebody else since, so nothing was put back: {names}.", way.conflicts)
        for step in way.steps:
            if step.then and step.then[0] != SKIPPED:
                self._store.get(step.then[2])  # all there and whole, before the first is touched
        hands = Hands(self._roots, self._store.get, self._seen_as)
        if resuming:
            hands.sweep(way.steps)
        if way.steps:
            self._store.note(_RESTORING, {"from": before.tree, "to": to})
            self._carry_out(hands, way)
        after = self._take()
        self._store.note(_RESTORING, None)
        done = tuple(differences(self._store.tree, self._store.top(before.tree), self._store.top(after.tree)))
        notes = [*before.notes, *after.notes]
        if way.left:
            notes.append(f"Not kept, so left as it is: {_listed([self._short(path) for path in way.left])}.")
        if hands.stayed:
            notes.append(f"Not empty, so left there: {_listed([self._short(path) for path in hands.stayed])}.")
        return Restored(before.tree, after.tree, done, tuple(notes))

    def _carry_out(self, hands: Hands, way: Plan) -> None:
        try:
            hands.take(way.steps)
        except (OSError, Refused, StorageError) as error:
            try:
                hands.undo()
            except (OSError, Refused, StorageError):
                text = "and what had been done could not be taken back: it is half done"
            else:
                self._store.note(_RESTORING, None)
                text = "and all is as it was"
            if isinstance(error, ChangedSince):
                raise ChangedSince(
                    f"{str(error).removesuffix('.')}; nothing was put back, {text}.", error.paths
                ) from None
            if not isinstance(error, OSError):
                raise
            reason = str(refusal(error, "The files cannot be put back")).removesuffix(".")
            where = f" ({self._short(os.fsdecode(error.filename))})" if error.filename else ""
            raise Refused(f"{reason}{where}, {text}.") from None

    def _seen_as(self, path: str) -> Sig | None:
        root = next(root for root in self._roots if path.startswith(root.rstrip("/") + "/"))
        return self._scans[root].seen_as(path[len(root) :].strip("/"))

    def _short(self, path: str) -> str:
        """As a person would name it: in the first root without the root."""
        return path.removeprefix(self._roots[0].rstrip("/") + "/")

    @contextmanager
    def _reading(self) -> Iterator[Store]:
        with self._store.lock(alone=False):
            self._refresh()
            yield self._store


def _is_inside(path: str, other: str) -> bool:
    return path != other and path.startswith(other.rstrip("/") + "/")


def _listed(paths: Sequence[str]) -> str:
    from minicode.text import clean

    named = ", ".join(clean(path).replace("\n", "\u240a") for path in paths[:5])
    return f"{named} and {len(paths) - 5} more" if len(paths) > 5 else named
