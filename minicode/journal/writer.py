"""A session that is being written: entries go to the file first and into memory only when they are there."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from minicode.errors import SessionError, StorageError
from minicode.journal.blobs import Blobs
from minicode.journal.entry import ASIDE, VERSION, Entry, entry_count, entry_id, now, session_id, to_line
from minicode.journal.gist import Gist
from minicode.journal.kept import lean
from minicode.journal.lock import Lock
from minicode.journal.log import DiskFull, Log
from minicode.journal.reader import SUFFIX, Loaded, branch_to, leaf_of, load
from minicode.messages import Json
from minicode.paths import private_dir

RESTATE = 32 << 10  # bytes after which the gist is told again, so that a list finds it in the tail (reader.TAIL)


class Journal:
    """The tree of entries of one session, and its live branch. For one thread, but `sync` may run beside it.

    path: where it is or will be; None for a session that is not kept.
    entries: all of them, in the order of the file, without the header.
    branch: the entries from the start to `leaf`; a new list when the leaf moves elsewhere. Not for others to change.
    damaged, cut, torn: see reader.Loaded. warning: a sentence the user should see, or "".
    """

    def __init__(self, path: Path | None, loaded: Loaded, lock: Lock | None = None, log: Log | None = None) -> None:
        self.path = path
        self.header = loaded.header
        self.entries: list[Entry] = loaded.entries
        self.damaged = loaded.damaged
        self.cut = loaded.cut
        self.torn = loaded.torn
        self.gist = Gist().after(self.header)
        for entry in self.entries:
            self.gist = self.gist.after(entry)
        self.leaf = leaf_of(self.entries)
        self.branch: list[Entry] = branch_to(self.entries, self.leaf)
        self._known = {entry.id for entry in self.entries}
        self._count = max((entry_count(id_) for id_ in self._known), default=0)
        self._closed = False
        self._inherited: Blobs | None = None
        self._lock = lock
        self._log = log
        self._silent = RESTATE if log else 0  # bytes since the gist was told; unknown in a file just opened

    @classmethod
    def create(cls, folder: Path, header: Json, entries: Iterable[Entry] = (), id_: str = "") -> Journal:
        """A new session in `folder`. Nothing is on disk before the first user entry.

        header: folder (the workspace), minicode (our version), name or None.
        entries: what a fork takes over, with ids and parents as they were; the last one is the leaf. id_: of the
        session, by default a new one.
        """
        return cls._new(folder, header, entries, id_)

    @classmethod
    def fork(cls, folder: Path | None, header: Json, source: Path) -> Journal:
        """A new session that goes on from the leaf of another, which may be in use and is not touched.

        folder: None for one that is never on disk. It does not take over the name, by which the other is still found.
        Raises SessionError if that cannot be read.
        """
        loaded = load(source)
        branch = {entry.id: entry for entry in branch_to(loaded.entries, leaf_of(loaded.entries))}
        # The mode it was left in is on no branch.
        modes = {entry.id: replace(entry, parent=None) for entry in loaded.entries if entry.kind == "mode"}
        both = branch | modes
        taken = [both[entry.id] for entry in loaded.entries if entry.id in both]
        blobs = Blobs.beside(source)
        # The results name files there, and what the model was told must not change.
        spilled = [*loaded.header.data.get("spilled", ()), str(blobs.folder)]
        journal = cls._new(folder, {**header, "from": source.stem, "spilled": spilled}, taken)
        journal._inherited = blobs
        name = header.get("name") or ""
        if journal.gist.name != name:
            journal.append("name", {"name": name})
        return journal

    @classmethod
    def ephemeral(cls, header: Json, entries: Iterable[Entry] = (), id_: str = "") -> Journal:
        """The same, never on disk."""
        return cls._new(None, header, entries, id_)

    @classmethod
    def _new(cls, folder: Path | None, header: Json, entries: Iterable[Entry], id_: str = "") -> Journal:
        top = Entry(id_ or session_id(), None, now(), "session", {"version": VERSION, **header})
        path = folder / f"{top.id}{SUFFIX}" if folder else None
        return cls(path, Loaded(top, list(entries)))

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Go on in a session. Raises SessionInUse, StorageError, and SessionError if there is none or a newer one."""
        if not path.is_file():
            raise SessionError(f"There is no session at {path}. `minicode sessions list` shows which there are.")
        lock = Lock(path)
        try:
            return cls(path, load(path), lock, Log(path, new=False))
        except BaseException:  # why: whatever ends this, the lock must not outlive it
            lock.release()
            raise

    @property
    def id(self) -> str:
        return self.header.id

    @property
    def warning(self) -> str:
        return self._lock.warning if self._lock else ""

    def append(self, kind: str, data: Json, parent: str | None = None) -> Entry:
        """Add one entry below `parent` (default: the leaf) in one write. It is then the leaf, unless kind is aside.

        Raises StorageError if it could not be written; the journal is then as it was, but for a note that says so.
        """
        return self._add([(kind, data)], parent)[0]

    def append_many(self, items: Iterable[tuple[str, Json]]) -> list[Entry]:
        """Add several, each below the one before, in ONE write: all or none. Raises as `append`."""
        return self._add(list(items), None)

    def save(self) -> None:
        """Put what `create` was given on disk as it is, without waiting for the user to speak. Raises StorageError."""
        if self.path and not self._log:
            self._start(self.path, [])

    def path_to(self, leaf: str | None) -> list[Entry]:
        """The entries from the start to `leaf`. Raises KeyError if there is no such entry."""
        return list(self.branch) if leaf == self.leaf else branch_to(self.entries, leaf)

    def sync(self) -> None:
        """Return when all that was appended is on the disk. Raises StorageError."""
        if self._log:
            self._log.sync()

    def close(self) -> None:
        """May be called twice. What is on disk stays as it is; an append after this is a mistake."""
        self._closed = True
        if self._log:
            self._log.close()
            self._log = None
        if self._lock:
            self._lock.release()
            self._lock = None

    def _add(self, items: list[tuple[str, Json]], parent: str | None) -> list[Entry]:
        if self._closed:
            raise ValueError(f"the journal of session {self.id} is closed")
        if parent is not None and parent not in self._known:
            raise ValueError(f"no entry {parent!r} in session {self.id}")
        leaf = self.leaf if parent is None else parent
        entries: list[Entry] = []
        for kind, data in items:
            entries.append(Entry(entry_id(self._count + len(entries) + 1), leaf, now(), kind, data))
            leaf = leaf if kind in ASIDE else entries[-1].id
        if self._log:
            self._write(self._log, entries)
        elif self.path and any(entry.kind == "user" for entry in entries):
            self._start(self.path, entries)
        else:
            self._keep(entries)
        return entries

    def _write(self, log: Log, entries: list[Entry]) -> None:
        lines, listing, silent = self._lines(entries, [])
        try:
            log.append(lines)
        except DiskFull as error:
            self._last_words(log, str(error))
            raise
        self._silent = silent
        self._keep([*entries, *listing])

    def _start(self, path: Path, entries: list[Entry]) -> None:
        """Make the file: header, all that came before, and the first words of the user, in one write."""
        lines, listing, silent = self._lines(entries, self.entries)
        private_dir(path.parent)
        if self._inherited:
            self._inherited.share(Blobs.beside(path))
        lock = Lock(path)
        try:
            log = Log(path, new=True)
            try:
                log.append(to_line(self.header) + lines)
            except BaseException:  # why: a file that was not begun whole must not stay
                log.close()
                path.unlink(missing_ok=True)
                raise
        except BaseException:  # why: whatever ends this, the lock must not outlive it
            lock.release()
            raise
        self._lock, self._log, self._silent = lock, log, silent
        self._keep([*entries, *listing])

    def _lines(self, new: list[Entry], before: list[Entry]) -> tuple[bytes, list[Entry], int]:
        """The bytes to write for `before` and `new`, the listing added to them or none, and `_silent` after that."""
        lines = b"".join(to_line(lean(entry)) for entry in [*before, *new])
        silent = self._silent + len(lines)
        if silent <= RESTATE:
            return lines, [], silent
        gist = self.gist
        for entry in new:
            gist = gist.after(entry)
        listing = Entry(entry_id(self._count + len(new) + 1), None, now(), "listing", gist.data())
        return lines + to_line(listing), [listing], 0

    def _last_words(self, log: Log, text: str) -> None:
        """Say in the file itself why it stops here, in the room held back for that."""
        if not log.release():
            return
        note = Entry(entry_id(self._count + 1), self.leaf, now(), "note", {"level": "error", "text": text})
        with suppress(StorageError):
            log.append(to_line(note))
            self._keep([note])
        log.reserve()

    def _keep(self, entries: list[Entry]) -> None:
        for entry in entries:
            self.entries.append(entry)
            self._known.add(entry.id)
            self.gist = self.gist.after(entry)
            if entry.kind == "leaf":
                self.leaf = leaf_of(self.entries)
                self.branch = branch_to(self.entries, self.leaf)
            elif entry.kind not in ASIDE:
                if entry.parent != self.leaf:
                    self.branch = branch_to(self.entries, entry.parent)
                self.branch.append(entry)
                self.leaf = entry.id
        self._count += len(entries)
