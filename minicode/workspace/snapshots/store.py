"""The private store of snapshots: contents by their hash in one SQLite file that several processes share."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from minicode.errors import StorageError
from minicode.messages import Json
from minicode.paths import private_dir
from minicode.workspace.folder import Refused
from minicode.workspace.snapshots.trees import FILE, FOLDER, LINK, Tree, decode, encode

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (id TEXT PRIMARY KEY, packed INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS takes (tree TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_FRESH = 600.0  # seconds for which a snapshot taken again counts as just taken, so that it costs no write
_KEEP = 0.75  # of the cap is left after an eviction, so that the next does not follow at once
_WAIT = 60.0  # seconds for another session that is writing


class Gone(Refused):
    """A snapshot that is not in the store, or not whole any more."""


class Damaged(StorageError):
    """The store was not what it should be, and has been begun anew."""


class Store:
    """Objects and the list of snapshots, in a folder that is made when first written to. For one thread at a time.

    Raises StorageError where it cannot be made or written, Damaged where it had to be begun anew. What it holds is not
    trusted but compared with its id.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "objects.db"
        self.generation = ""
        self._open: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._trees: dict[str, Tree] = {}

    def refresh(self) -> str:
        """The generation of the store: another one means that objects known to be there may not be there now."""
        try:
            found = self.path.stat()
            same = (found.st_dev, found.st_ino) == self._identity
        except OSError:
            same = False
        if self._open is not None and not same:
            self.close()
        with self._guard() as database:
            row = database.execute("SELECT value FROM notes WHERE name = 'generation'").fetchone()
        if row[0] != self.generation:
            self._trees.clear()
            self.generation = row[0]
        return self.generation

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None

    def __del__(self) -> None:
        self.close()  # as a file does; some Pythons complain of a connection that is only dropped

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All of what is put inside is kept, or nothing. If nothing is, nobody else is kept waiting."""
        try:
            yield
            if self._open is not None and self._open.in_transaction:
                with self._guard() as database:
                    database.execute("COMMIT")
        except BaseException:  # why: whatever ended it, the half of it must go
            self._trees.clear()
            if self._open is not None and self._open.in_transaction:
                self._open.execute("ROLLBACK")
            raise

    def put(self, data: bytes) -> str:
        """Keep a content, inside `writing`. Returns its id."""
        id_ = _id(data)
        with self._guard() as database:
            if database.execute("SELECT 1 FROM objects WHERE id = ?", (id_,)).fetchone() is None:
                if not database.in_transaction:
                    database.execute("BEGIN IMMEDIATE")
                packed = _worth_packing(data)
                stored = zlib.compress(data, 1) if packed else data
                database.execute("INSERT OR IGNORE INTO objects VALUES (?, ?, ?)", (id_, packed, stored))
        return id_

    def put_tree(self, tree: Tree) -> str:
        id_ = self.put(encode(tree))
        self._trees[id_] = tree
        return id_

    def record(self, tree: str) -> None:
        """Count a tree among the snapshots, inside `writing` or alone, at the price of a write only if that is news."""
        with self._guard() as database:
            row = database.execute("SELECT at FROM takes WHERE tree = ?", (tree,)).fetchone()
            if row is None or not 0 <= time.time() - row[0] < _FRESH:
                database.execute("INSERT OR REPLACE INTO takes VALUES (?, ?)", (tree, time.time()))

    def get(self, id_: str) -> bytes:
        """Raises Gone if there is no such object, or it is not what it was."""
        with self._guard() as database:
            row = database.execute("SELECT packed, data FROM objects WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise Gone(f"A part of this snapshot ({id_[:12]}) is not in {self.path} any more; nothing was changed.")
        with suppress(zlib.error):
            data = zlib.decompress(row[1]) if row[0] else row[1]
            if isinstance(data, bytes) and _id(data) == id_:
                return data
        raise Gone(f"A part of this snapshot ({id_[:12]}) in {self.path} is damaged; nothing was changed.")

    def tree(self, id_: str) -> Tree:
        if id_ not in self._trees:
            if len(self._trees) > 10_000:
                self._trees.clear()
            self._trees[id_] = decode(self.get(id_))
        return self._trees[id_]

    def top(self, tree: str) -> Tree:
        """The roots of a snapshot. Raises Gone if it was never taken here, or evicted."""
        with self._guard() as database:
            known = database.execute("SELECT 1 FROM takes WHERE tree = ?", (tree,)).fetchone()
        if known is None:
            raise Gone(
                f"The snapshot {tree[:12]} is not in {self.path}: it was evicted to save room, or the store was begun "
                "anew. Its files cannot be put back."
            )
        return self.tree(tree)

    def note(self, name: str, value: Json | None) -> None:
        """Write something down durably; None takes it away."""
        with self._guard() as database:
            if value is None:
                database.execute("DELETE FROM notes WHERE name = ?", (name,))
            else:
                database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))

    def noted(self, name: str) -> Json | None:
        with self._guard() as database:
            row = database.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        value = json.loads(row[0])
        return value if isinstance(value, dict) else None

    def size(self) -> int:
        """Bytes in use on the disk, free pages inside not counted."""
        with self._guard() as database:
            pages, free, size = (
                database.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def evict(self, cap: int, keep: Sequence[str] = ()) -> int:
        """Drop the oldest snapshots until the rest fits well into `cap` bytes. Returns how many were dropped.

        keep: trees that stay whatever they weigh; the newest always does.
        """
        with self._guard() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                dropped = self._drop(database, cap, keep)
                database.execute("COMMIT")
            except BaseException:  # why: whatever ended it, the half of it must go
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            database.execute("PRAGMA incremental_vacuum").fetchall()
        self.refresh()
        return dropped

    def _drop(self, database: sqlite3.Connection, cap: int, keep: Sequence[str]) -> int:
        sizes: dict[str, int] = dict(database.execute("SELECT id, length(data) + 100 FROM objects"))
        takes = [row[0] for row in database.execute("SELECT tree FROM takes ORDER BY at DESC, rowid DESC")]
        takes.sort(key=lambda tree: tree not in keep)  # stable: those to keep first, then by age
        marked: set[str] = set()
        total, kept = 0, 0
        for number, take in enumerate(takes):
            fresh = self._reach(take, sizes.keys() - marked)
            weight = sum(sizes[id_] for id_ in fresh)
            if number and take not in keep and total + weight > cap * _KEEP:
                break
            total += weight
            marked |= fresh
            kept += 1
        database.executemany("DELETE FROM takes WHERE tree = ?", ((tree,) for tree in takes[kept:]))
        database.executemany("DELETE FROM objects WHERE id = ?", ((id_,) for id_ in sizes.keys() - marked))
        database.execute("UPDATE notes SET value = ? WHERE name = 'generation'", (os.urandom(8).hex(),))
        return len(takes) - kept

    def _reach(self, top: str, unmarked: set[str]) -> set[str]:
        """The ids below a tree that are not marked yet; what is marked has all below it marked."""
        found: set[str] = set()
        trees = [top]
        while trees:
            id_ = trees.pop()
            if id_ not in unmarked or id_ in found:
                continue
            found.add(id_)
            try:
                items = decode(self.get(id_))
            except Gone:
                continue  # said when somebody asks for it
            for kind, _, ref in items.values():
                if kind == FOLDER:
                    trees.append(ref)
                elif kind in (FILE, LINK) and ref in unmarked:
                    found.add(ref)
        return found

    @contextmanager
    def lock(self, *, alone: bool) -> Iterator[None]:
        """Many may take snapshots at once; who puts files back is alone. Waits."""
        private_dir(self.folder)
        try:
            fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StorageError(f"Snapshots cannot be kept in {self.folder}: {error.strerror}.") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def _guard(self) -> Iterator[sqlite3.Connection]:
        """The open database; its troubles as sentences. A damaged one is put aside and begun anew."""
        try:
            if self._open is None:
                self._open = self._connect()
            yield self._open
        except (sqlite3.OperationalError, sqlite3.IntegrityError) as error:
            raise StorageError(f"The snapshot could not be stored in {self.path}: {error}.") from None
        except sqlite3.DatabaseError as error:
            self._put_aside()
            raise Damaged(
                f"The store of snapshots {self.path} was damaged ({error}). It was put aside and a new one is begun: "
                "files of earlier snapshots cannot be put back."
            ) from None

    def _connect(self) -> sqlite3.Connection:
        private_dir(self.folder)
        database = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.executescript(_TABLES)
            database.execute("INSERT OR IGNORE INTO notes VALUES ('generation', ?)", (os.urandom(8).hex(),))
        except BaseException:  # why: whatever ended it, no descriptor may stay open
            database.close()
            raise
        # Not by a descriptor of our own: closing that would take the locks of other connections of this process.
        self.path.chmod(0o600)
        found = self.path.stat()
        self._identity = (found.st_dev, found.st_ino)
        return database

    def _put_aside(self) -> None:
        self.close()
        self._trees.clear()
        with suppress(OSError):
            self.path.replace(self.path.with_suffix(".damaged"))
        with suppress(OSError):
            Path(f"{self.path}-journal").unlink()


def _id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]


def _worth_packing(data: bytes) -> bool:
    """Pictures and archives are packed already; their beginning tells."""
    sample = data[:4096]
    return len(sample) > 64 and len(zlib.compress(sample, 1)) < 0.9 * len(sample)
