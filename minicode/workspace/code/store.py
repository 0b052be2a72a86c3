"""What is known of the code of a workspace, in SQLite: a cache by content that can be thrown away at any time."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from minicode.errors import StorageError
from minicode.paths import private_dir
from minicode.workspace.code.languages import LANGUAGES
from minicode.workspace.code.symbols import Parsed, Symbol, nested

NAME = "code.sqlite"
_FORM = 1
_SCHEMA = """
CREATE TABLE file (path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, digest TEXT, symbols TEXT, uses TEXT);
CREATE TABLE name (path TEXT, name TEXT, score REAL NOT NULL DEFAULT 0, PRIMARY KEY (path, name)) WITHOUT ROWID;
CREATE INDEX name_by_name ON name (name);
CREATE INDEX name_by_score ON name (score);
CREATE TABLE ranked (files INTEGER, changed INTEGER);
INSERT INTO ranked VALUES (0, 0);
"""
_PUT = "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)"
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
        row: tuple[int, int, str] | None = self._db.execute(
            "SELECT size, mtime, digest FROM file WHERE path = ?", (_key(path),)
        ).fetchone()
        return row

    def parsed(self, paths: Iterable[str]) -> dict[str, Parsed]:
        """Those of the files that are there and could be parsed."""
        found = {}
        for path in paths:
            row = self._db.execute("SELECT digest, symbols, uses FROM file WHERE path = ?", (_key(path),)).fetchone()
            if row and row[0]:
                found[path] = _parsed(*row)
        return found

    def uses(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Of all files."""
        for path, uses in self._db.execute("SELECT path, uses FROM file"):
            yield _path(path), json.loads(uses)

    def put(self, files: Iterable[tuple[str, State, Parsed | None]]) -> None:
        """What was parsed anew; None for what cannot be parsed."""
        with self._db as db:
            db.execute("BEGIN IMMEDIATE")  # what is read here must still be so when it is written
            for path, state, parsed in files:
                key = _key(path)
                parsed = parsed or Parsed("")
                names = {_sound(one.symbol.name) for one in nested(parsed.symbols) if not one.local}
                old = {name for (name,) in db.execute("SELECT name FROM name WHERE path = ?", (key,))}
                symbols = json.dumps(parsed.symbols, ensure_ascii=False, separators=(",", ":"))
                uses = json.dumps(parsed.uses, ensure_ascii=False, separators=(",", ":"))
                db.execute(_PUT, (key, state.size, state.mtime_ns, parsed.digest, *map(_sound, (symbols, uses))))
                db.executemany("DELETE FROM name WHERE path = ? AND name = ?", ((key, n) for n in old - names))
                db.executemany("INSERT INTO name (path, name) VALUES (?, ?)", ((key, n) for n in names - old))
                db.execute("UPDATE ranked SET changed = changed + 1")

    def same(self, files: Iterable[tuple[str, State]]) -> None:
        """Files that look new, but have the content that is known."""
        with self._db as db:
            rows = ((state.size, state.mtime_ns, _key(path)) for path, state in files)
            db.executemany("UPDATE file SET size = ?, mtime = ? WHERE path = ?", rows)

    def drop(self, paths: Sequence[str]) -> None:
        with self._db as db:
            for table in ("file", "name"):
                db.executemany(f"DELETE FROM {table} WHERE path = ?", ((_key(path),) for path in paths))
            db.execute("UPDATE ranked SET changed = changed + ?", (len(paths),))

    def definers(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Which files define each of the names."""
        found: dict[str, list[str]] = {}
        wanted = [_sound(name) for name in names]
        for at in range(0, len(wanted), _MOST_WORDS):
            some = wanted[at : at + _MOST_WORDS]
            rows = self._db.execute(f"SELECT name, path FROM name WHERE name IN ({','.join('?' * len(some))})", some)
            for name, path in rows:
                found.setdefault(name, []).append(_path(path))
        return found

    def all_names(self) -> Iterator[tuple[str, str]]:
        """Path and name of all definitions."""
        for path, name in self._db.execute("SELECT path, name FROM name"):
            yield _path(path), name

    def stale(self) -> tuple[int, int]:
        """How many files there were when they were ranked, and how many have changed since."""
        files, changed = self._db.execute("SELECT files, changed FROM ranked").fetchone()
        return files, changed

    def rank(self, files: int, scores: Mapping[tuple[str, str], float]) -> None:
        """Remember how much definitions, by path and name, count."""
        with self._db as db:
            db.execute("UPDATE name SET score = 0 WHERE score > 0")
            rows = ((score, _key(path), name) for (path, name), score in scores.items())
            db.executemany("UPDATE name SET score = ? WHERE path = ? AND name = ?", rows)
            db.execute("UPDATE ranked SET files = ?, changed = 0", (files,))

    def best(self, most: int) -> list[tuple[str, str, float]]:
        """Path, name and score of what counts most."""
        rows = self._db.execute("SELECT path, name, score FROM name ORDER BY score DESC, path, name LIMIT ?", (most,))
        return [(_path(path), name, score) for path, name, score in rows]


def _version() -> int:
    """Changes with what is found in files, since all that was found before is then no longer true."""
    return int.from_bytes(sha256(repr((_FORM, LANGUAGES)).encode()).digest()[:4]) >> 1


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


def _parsed(digest: str, symbols: str, uses: str) -> Parsed:
    return Parsed(digest, tuple(Symbol(*symbol) for symbol in json.loads(symbols)), json.loads(uses))


def _key(path: str) -> str | bytes:
    """A name that is no UTF-8 is kept as bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _path(key: str | bytes) -> str:
    return key if isinstance(key, str) else os.fsdecode(key)


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
