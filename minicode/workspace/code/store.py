"""What is known of the code of a workspace, in SQLite: a cache by content that can be thrown away at any time."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from minicode.errors import StorageError
from minicode.paths import private_dir
from minicode.workspace.code.hints import HINTS
from minicode.workspace.code.languages import LANGUAGES
from minicode.workspace.code.symbols import Parsed, Symbol, counted

NAME = "code.sqlite"
_FORM = 2
_SCHEMA = """
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT UNIQUE, size INTEGER, mtime INTEGER, digest TEXT);
CREATE TABLE glance (id INTEGER PRIMARY KEY, names TEXT, uses TEXT);
CREATE TABLE parsed (id INTEGER PRIMARY KEY, symbols TEXT);
CREATE TABLE name (name TEXT, id INTEGER, PRIMARY KEY (name, id)) WITHOUT ROWID;
CREATE TABLE best (path TEXT, name TEXT, score REAL);
CREATE TABLE ranked (files INTEGER, changed INTEGER);
INSERT INTO ranked VALUES (0, 0);
"""
_STATE = """
SELECT size, mtime, digest FROM file WHERE path = ? AND (digest = '' OR id IN (SELECT id FROM parsed))
"""
_PUT = """
INSERT INTO file (path, size, mtime, digest) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET size = excluded.size, mtime = excluded.mtime, digest = excluded.digest
"""
_MOST_WORDS = 500  # parameters of one statement


class State(NamedTuple):
    """By which a file is known to be the same. digest: of its content, "" if it cannot be parsed."""

    size: int
    mtime_ns: int
    digest: str = ""


class Store:
    """The cache at a folder, None for one that is gone with the object. To be used by one thread at a time."""

    def __init__(self, folder: Path | None) -> None:
        try:
            self._db = _open(":memory:" if folder is None else str(private_dir(folder) / NAME))
        except (StorageError, sqlite3.Error):  # it spares time, no more
            self._db = _open(":memory:")

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()

    def states(self) -> dict[str, tuple[int, int, str]]:
        """Of all files, by path; plain tuples, since there can be very many."""
        return {_path(row[0]): row[1:] for row in self._db.execute("SELECT path, size, mtime, digest FROM file")}

    def state(self, path: str) -> tuple[int, int, str] | None:
        """The same of one, None unless its symbols are known, or that it cannot be parsed."""
        row: tuple[int, int, str] | None = self._db.execute(_STATE, (_key(path),)).fetchone()
        return row

    def parsed(self, paths: Iterable[str]) -> dict[str, Parsed]:
        """Those of the files whose symbols are known."""
        ask = """SELECT digest, symbols, names, uses FROM file JOIN parsed USING (id) JOIN glance USING (id)
            WHERE path = ?"""
        found = {}
        for path in paths:
            row = self._db.execute(ask, (_key(path),)).fetchone()
            if row:
                symbols = tuple(Symbol(*symbol) for symbol in json.loads(row[1]))
                found[path] = Parsed(row[0], symbols, row[2], row[3])
        return found

    def uses(self, paths: Iterable[str]) -> dict[str, dict[str, int]]:
        ask = "SELECT uses FROM file JOIN glance USING (id) WHERE path = ?"
        rows = ((path, self._db.execute(ask, (_key(path),)).fetchone()) for path in paths)
        return {path: counted(row[0]) for path, row in rows if row}

    def all_names(self) -> Iterator[tuple[str, list[str]]]:
        """Path of each file, and what it probably defines."""
        for path, names in self._db.execute("SELECT path, names FROM file JOIN glance USING (id)"):
            yield _path(path), names.split(" ") if names else []

    def all_uses(self) -> Iterator[tuple[str, dict[str, int]]]:
        for path, uses in self._db.execute("SELECT path, uses FROM file JOIN glance USING (id)"):
            yield _path(path), counted(uses)

    def put(self, files: Iterable[tuple[str, State, Parsed | None]], symbols: bool) -> None:
        """What was looked at anew; None for what cannot be parsed. symbols: are they known, too?"""
        lost: list[tuple[str, int]] = []
        found: list[tuple[str, int]] = []
        changed = 0
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")  # what is read here must still be so when it is written
            for path, state, parsed in files:
                key = _key(path)
                code = parsed or Parsed("")
                ask = "SELECT id, digest, names FROM file JOIN glance USING (id) WHERE path = ?"
                number, digest, names = db.execute(ask, (key,)).fetchone() or (0, None, "")
                db.execute(_PUT, (key, state.size, state.mtime_ns, code.digest))
                if not number:
                    (number,) = db.execute("SELECT id FROM file WHERE path = ?", (key,)).fetchone()
                if digest != code.digest:
                    old, new = set(filter(None, names.split(" "))), set(filter(None, code.names.split(" ")))
                    lost += [(name, number) for name in old - new]
                    found += [(name, number) for name in new - old]
                    changed += 1
                    db.execute("INSERT OR REPLACE INTO glance VALUES (?, ?, ?)", (number, code.names, code.uses))
                    db.execute("DELETE FROM parsed WHERE id = ?", (number,))
                if symbols and parsed:
                    text = json.dumps(parsed.symbols, ensure_ascii=False, separators=(",", ":"))
                    db.execute("INSERT OR REPLACE INTO parsed VALUES (?, ?)", (number, text))
            db.executemany("DELETE FROM name WHERE name = ? AND id = ?", lost)
            db.executemany("INSERT INTO name VALUES (?, ?)", sorted(found))
            db.execute("UPDATE ranked SET changed = changed + ?", (changed,))

    def same(self, files: Iterable[tuple[str, State]]) -> None:
        """Files that look new, but have the content that is known."""
        with self._db as db:
            rows = ((state.size, state.mtime_ns, _key(path)) for path, state in files)
            db.executemany("UPDATE file SET size = ?, mtime = ? WHERE path = ?", rows)

    def drop(self, paths: Sequence[str]) -> None:
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            for path in paths:
                ask = "SELECT id, names FROM file JOIN glance USING (id) WHERE path = ?"
                number, names = db.execute(ask, (_key(path),)).fetchone() or (0, "")
                db.executemany("DELETE FROM name WHERE name = ? AND id = ?", ((n, number) for n in names.split(" ")))
                for table in ("file", "glance", "parsed"):
                    db.execute(f"DELETE FROM {table} WHERE id = ?", (number,))
            db.execute("UPDATE ranked SET changed = changed + ?", (len(paths),))

    def definers(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Which files probably define each of the names."""
        found: dict[str, list[str]] = {}
        wanted = [name.encode("utf-8", "replace").decode() for name in names]
        for at in range(0, len(wanted), _MOST_WORDS):
            some = wanted[at : at + _MOST_WORDS]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(f"SELECT name, path FROM name JOIN file USING (id) WHERE name IN ({marks})", some)
            for name, path in rows:
                found.setdefault(name, []).append(_path(path))
        return found

    def stale(self) -> tuple[int, int]:
        """How many files there were when they were ranked, and how many have changed since."""
        files, changed = self._db.execute("SELECT files, changed FROM ranked").fetchone()
        return files, changed

    def rank(self, files: int, best: Iterable[tuple[str, str, float]]) -> None:
        """Remember path, name and score of what counts most."""
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM best")
            rows = ((_key(path), name, score) for path, name, score in best)
            db.executemany("INSERT INTO best VALUES (?, ?, ?)", rows)
            db.execute("UPDATE ranked SET files = ?, changed = 0", (files,))

    def best(self) -> dict[tuple[str, str], float]:
        """The score of what counts most, by path and name."""
        return {(_path(path), name): score for path, name, score in self._db.execute("SELECT * FROM best")}


def _version() -> int:
    """Changes with what is found in files, since all that was found before is then no longer true."""
    return int.from_bytes(sha256(repr((_FORM, LANGUAGES, HINTS)).encode()).digest()[:4]) >> 1


def _open(name: str) -> sqlite3.Connection:
    for attempt in (1, 2):
        db = sqlite3.connect(name, timeout=10, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous = OFF")  # whatever a power cut does to it, it can be made again
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != _version():
                _make(db)
            return db
        except sqlite3.OperationalError:  # locked, or the disk is full
            db.close()
            raise
        except sqlite3.DatabaseError:  # it is no database, or a damaged one
            db.close()
            if attempt == 2:
                raise
            with suppress(OSError):
                Path(name).unlink()
    raise AssertionError


def _make(db: sqlite3.Connection) -> None:
    with db:
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone() == (_version(),):  # another process was quicker
            return
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            db.execute(f'DROP TABLE "{table}"')
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_version()}")


def _key(path: str) -> str | bytes:
    """A name that is no UTF-8 is kept as bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _path(key: str | bytes) -> str:
    return key if isinstance(key, str) else os.fsdecode(key)
