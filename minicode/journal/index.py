"""An index of all sessions, so that words are found at once: a cache in SQLite that can be thrown away at any time.

Of each entry it holds the words of user, thinking and text whole; of a tool's arguments and output the first and last
EDGE characters. No text is stored: snippets are read from the session files, by offset. Rows are numbered as they come
in, so the latest are found first without sorting.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from zlib import crc32

from minicode.errors import StorageError
from minicode.journal.entry import Entry
from minicode.journal.kept import whole
from minicode.journal.reader import SUFFIX, session_files
from minicode.journal.search import (
    KINDS,
    UNSPACED,
    Hit,
    Query,
    file_of,
    judge,
    open_session,
    records,
    scan,
    seconds,
    texts_of,
)
from minicode.paths import private_dir
from minicode.text import count

if TYPE_CHECKING:
    from sqlite3 import Connection

NAME = "index.sqlite"
EDGE = 4_000  # characters of each end of what a tool was told and said
_VERSION = 1
_MARK = 4 << 10  # bytes before the end of what was read, by which the file is known again
_BATCH = 32 << 20  # bytes read in one transaction
_WORTH_A_WORD = 50 << 20  # bytes to be read
_SIGN = f"([{''.join(map('-'.join, UNSPACED))}])"
_SCHEMA = f"""
CREATE TABLE file (id INTEGER PRIMARY KEY, project TEXT, name TEXT, size INTEGER, mtime INTEGER, read INTEGER,
                   mark INTEGER, UNIQUE (project, name));
CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER, start INTEGER, at INTEGER);
CREATE VIRTUAL TABLE words USING fts5({", ".join(KINDS)}, project, content='', columnsize=0,
                                      tokenize="unicode61 remove_diacritics 0");
INSERT INTO words (words, rank) VALUES ('hashsize', {16 << 20});
PRAGMA user_version = {_VERSION};
"""
_KNOWN = "SELECT project, name, id, size, mtime, read, mark FROM file"
_ADD_FILE = "INSERT INTO file (project, name, size, mtime, read, mark) VALUES (?, ?, ?, ?, 0, 0)"
_SET_FILE = "UPDATE file SET size = ?, mtime = ?, read = ?, mark = ? WHERE id = ?"
_ADD_ENTRY = "INSERT INTO entry (file, start, at) VALUES (?, ?, ?)"
_ADD_WORDS = f"INSERT INTO words (rowid, {', '.join(KINDS)}, project) VALUES (?, ?, ?, ?, ?, ?)"
_FIND = """
SELECT file.project, file.name, entry.start
FROM words JOIN entry ON entry.id = words.rowid JOIN file ON file.id = entry.file
WHERE words MATCH ? AND entry.at >= ? ORDER BY words.rowid DESC
"""


class _Damaged(Exception):
    """The index is not one of ours, or does not say what is so."""


class _Known(NamedTuple):
    """A file as it was when last read: up to `read`, with this checksum of the bytes before that."""

    id: int
    size: int
    mtime: int
    read: int
    mark: int


def search(state: Path, query: Query, most: int, say: Callable[[str], None]) -> Iterator[Hit]:
    """At most so many hits: where the words stand together first, then the latest.

    state: the folder that holds `sessions` and the index. say: told what takes long or was mended, in a sentence.
    Without an index, as with a regular expression or a word without letters, every session is read.
    """
    sessions = state / "sessions"
    indexable = query.words and all(any(sign.isalnum() for sign in word) for word in query.words)
    if not indexable or next(session_files(sessions), None) is None:
        return scan(sessions, query, most)
    try:
        from sqlite3 import Error
    except ImportError:
        say("This Python has no SQLite, so every session is read.")
        return scan(sessions, query, most)
    try:
        with _alone(state, say):
            try:
                return iter(_indexed(state, query, most, say))
            except (Error, _Damaged) as error:
                if "no such module" in str(error):
                    say("The SQLite of this Python has no FTS5, so every session is read.")
                    return scan(sessions, query, most)
                say(f"The search index could not be used ({error}); it is made anew.")
                _remove(state)
                return iter(_indexed(state, query, most, say))
    except (Error, _Damaged, OSError, StorageError) as error:
        say(f"There can be no search index in {state} ({error}), so every session is read.")
        return scan(sessions, query, most)


def forget(state: Path) -> None:
    """Remove the index, with all the words it holds; the next search makes a new one. Raises OSError."""
    if (state / NAME).exists():
        with _alone(state, lambda _: None):
            _remove(state)


def _indexed(state: Path, query: Query, most: int, say: Callable[[str], None]) -> list[Hit]:
    with closing(_open(state / NAME)) as db:
        _update(db, state / "sessions", say)
        return _find(db, state / "sessions", query, most)


@contextmanager
def _alone(state: Path, say: Callable[[str], None]) -> Iterator[None]:
    """No other process reads or writes the index meanwhile, so it can even be removed."""
    lock = (private_dir(state) / NAME).with_suffix(".lock")
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another minicode that uses the search index.")
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _remove(state: Path) -> None:
    for name in (NAME, f"{NAME}-journal"):
        (state / name).unlink(missing_ok=True)


def _open(path: Path) -> Connection:
    import sqlite3

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    os.fchmod(fd, 0o600)
    os.close(fd)
    db = sqlite3.connect(path, isolation_level=None)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA cache_size = -32000")
        if not version and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.executescript(_SCHEMA)
        elif version != _VERSION:
            raise _Damaged("it is of another version")
    except BaseException:  # why: whatever ends this, the connection must not outlive it
        db.close()
        raise
    return db


def _update(db: Connection, sessions: Path, say: Callable[[str], None]) -> None:
    """Take in what was written since the last time, and drop what is no longer there."""
    known = {(row[0], row[1]): _Known(*row[2:]) for row in db.execute(_KNOWN)}
    changed: list[tuple[int, int, Path, _Known | None]] = []
    for project, name, size, mtime in _files(sessions):
        before = known.pop((project, name), None)
        if before is None or (before.size, before.mtime) != (size, mtime):
            changed.append((mtime, size, file_of(sessions, project, name), before))
    if known:
        with _transaction(db):
            _drop(db, list(known.values()))
    news = sum(size - (before.read if before else 0) for _, size, _, before in changed)
    if news > _WORTH_A_WORD:
        say(f"Reading {count(len(changed), 'session')} ({news / 1e6:,.0f} MB) into the search index.")
    changed.sort()
    while changed:
        with _transaction(db):
            batch = 0
            while changed and batch < _BATCH:
                _, size, path, before = changed.pop(0)
                batch += size - _take(db, path, before)


def _files(sessions: Path) -> Iterator[tuple[str, str, int, int]]:
    """(project, name, size, mtime) of each session file, as `session_files`, without a Path for each of thousands."""
    for folder in os.scandir(sessions):
        if folder.is_dir(follow_symlinks=False):
            for item in os.scandir(folder.path):
                if item.name.endswith(SUFFIX) and item.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        info = item.stat(follow_symlinks=False)
                        yield folder.name, item.name.removesuffix(SUFFIX), info.st_size, info.st_mtime_ns


@contextmanager
def _transaction(db: Connection) -> Iterator[None]:
    """All or nothing; a process that dies in it leaves nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:  # why: Ctrl-C too must not leave half a file counted as read
        db.rollback()
        raise
    db.commit()


def _drop(db: Connection, files: list[_Known]) -> None:
    """Forget files. Their words cannot be taken out one by one; when they are most of it, all is made anew."""
    db.executemany("DELETE FROM file WHERE id = ?", [(file.id,) for file in files])
    db.execute("DELETE FROM entry WHERE file NOT IN (SELECT id FROM file)")
    (live,) = db.execute("SELECT count(*) FROM entry").fetchone()
    if live * 2 < _last(db):
        raise _Damaged("most of it is about sessions that are gone")


def _take(db: Connection, path: Path, before: _Known | None) -> int:
    """Read what is new in a file. Returns from which offset on."""
    project, name = path.parent.name, path.stem
    file = open_session(path)
    if file is None:  # nothing to be found in it until it changes
        if before:
            _drop(db, [before])
        with suppress(FileNotFoundError):
            info = path.lstat()
            db.execute(_ADD_FILE, (project, name, info.st_size, info.st_mtime_ns))
        return 0
    with file:
        info = os.fstat(file.fileno())
        start = before.read if before and before.read <= info.st_size else 0
        if before and (not start or _mark(file, start) != before.mark):
            _drop(db, [before])
            before, start = None, 0
        added = db.execute(_ADD_FILE, (project, name, 0, 0)).lastrowid if before is None else before.id
        file.seek(end := start)
        for begin, after, entry in records(file):
            end = after
            if texts := _indexed_texts(whole(entry, path)):
                number = db.execute(_ADD_ENTRY, (added, begin, seconds(entry.at))).lastrowid
                db.execute(_ADD_WORDS, (number, *texts, project))
        db.execute(_SET_FILE, (info.st_size, info.st_mtime_ns, end, _mark(file, end), added))
    return start


def _last(db: Connection) -> int:
    """The highest number ever given to an entry. It is never given again, for its words may still be there."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
    return int(row[0]) if row else 0


def _mark(file: BinaryIO, end: int) -> int:
    start = max(end - _MARK, 0)
    return crc32(os.pread(file.fileno(), end - start, start))


def _indexed_texts(entry: Entry) -> list[str]:
    """In the order of KINDS; [] if there is nothing to be found."""
    texts = texts_of(entry)
    if not any(texts.values()):
        return []
    tools = texts.get("tools", "")
    if len(tools) > 2 * EDGE:
        texts["tools"] = f"{tools[:EDGE]}\n{tools[-EDGE:]}"
    return [_spaced(texts.get(kind, "")) for kind in KINDS]


def _spaced(text: str) -> str:
    """The text as it is given to SQLite, each sign that is a word of its own set apart."""
    if text.isascii():
        return text
    return re.sub(_SIGN, r" \1 ", text.encode("utf-8", "replace").decode())


def _find(db: Connection, sessions: Path, query: Query, most: int) -> list[Hit]:
    hits: list[Hit] = []
    seen: set[tuple[str, ...]] = set()
    for match in _matches(query):
        tier: list[Hit] = []
        for project, name, start in db.execute(_FIND, (match, query.since)):
            entry = _entry_at(path := file_of(sessions, project, name), start)
            if entry is None or not (hit := judge(path, entry, query)) or hit.origin in seen:
                continue
            seen.add(hit.origin)
            tier.append(hit)
            if len(seen) == most:
                break
        hits += sorted(tier, key=lambda hit: hit.entry.at, reverse=True)
        if len(seen) == most:
            break
    return hits


def _entry_at(path: Path, start: int) -> Entry | None:
    """None if the file has gone since it was looked at."""
    file = open_session(path)
    if file is None:
        return None
    with file:
        file.seek(start)
        there = next(records(file), None)
    if there is None or there[0] != start:
        raise _Damaged(f"{path} has changed")
    return there[2]


def _matches(query: Query) -> list[str]:
    """What SQLite is asked, one after the other: first for the words side by side, then for all of them anywhere."""
    phrases = ['"{}"'.format(_spaced(word).replace('"', " ")) for word in query.words]
    kinds = " ".join(query.kinds)
    where = f' AND project : "{query.project}"' if query.project else ""
    together = [" + ".join(phrases)] if len(phrases) > 1 else []
    return [f"{{{kinds}}} : ({words}){where}" for words in (*together, " AND ".join(phrases))]
