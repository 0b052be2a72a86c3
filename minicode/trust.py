"""Which folders the user trusts: what a project offers is pinned by its content, and anything else is not trusted."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from minicode.errors import ConfigError, StorageError, UsageError
from minicode.paths import PROJECT, Places, private_dir, write_private
from minicode.text import clean

OFFERED = (".mcp.json",)
OFFERED_BELOW = ("config.toml", "tools", "prompts", "commands", "agents", "skills", "hooks")  # in PROJECT
MOST, MOST_BYTES, LARGEST, DEEPEST, MOST_OFFENCES = 1000, 16_000_000, 4_000_000, 8, 10
KEPT, KEPT_IN_ALL = 64_000, 1_000_000  # bytes of a file, and of a folder's files, that are kept to show a diff
_STORE_BYTES = 16_000_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Identity(NamedTuple):
    """The folder itself, not what git takes for its repository: a `.git` can be made to point anywhere."""

    path: str
    device: int
    inode: int


class Offer(NamedTuple):
    """What a folder offers that needs trust. files: their bytes, by name relative to the folder. offences: sentences,
    why it cannot be trusted as it is.
    """

    identity: Identity
    files: Mapping[str, bytes]
    offences: tuple[str, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        return {name: _digest(data) for name, data in self.files.items()}


class Judged(NamedTuple):
    """present: names of what the folder offers. changed: names that are new, different or gone since it was trusted.
    why: sentences, why it is not trusted; "" if it is, or if there is nothing to trust. pinned: SHA-256 by name, of
    what may be used. offended: it holds what is never trusted, such as a link.
    """

    trusted: bool
    present: tuple[str, ...]
    changed: tuple[str, ...]
    why: str
    root: Path
    pinned: Mapping[str, str]
    offended: bool = False

    def verify(self, path: Path, data: bytes) -> None:
        """Raises ConfigError unless `data` is what was trusted at `path`. To be called with the bytes in use."""
        name = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else ""
        if self.pinned.get(name) != _digest(data):
            raise ConfigError(f"{path}: this is not what was trusted. Look at it with `minicode trust`.")


class Record(NamedTuple):
    """A folder that was trusted. at: UTC time. files: SHA-256 by name."""

    identity: Identity
    at: str
    files: Mapping[str, str]


def identity(folder: Path) -> Identity:
    """Raises UsageError if the folder cannot be opened."""
    with _opened(folder) as (_, who):
        return who


def look(folder: Path, places: Places) -> Offer:
    """Read what the folder offers; nothing of it is interpreted. Raises UsageError if it cannot be opened."""
    with _opened(folder) as (fd, who):
        reading = _Reading(places)
        for name in OFFERED:
            reading.take(fd, name, name)
        reading.take(fd, PROJECT, PROJECT)
        return Offer(who, reading.files, tuple(reading.offences))


def stand(folder: Path, places: Places, once: bool = False) -> Judged:
    """Is what the folder offers trusted? once: the user says so for this run; nothing is stored."""
    return judge(look(folder, places), places, once)


def judge(offer: Offer, places: Places, once: bool = False) -> Judged:
    """As `stand`, of what has been read already."""
    records, note = _records(places)
    record = records.get(offer.identity.path)
    root, now = Path(offer.identity.path), offer.digests
    shown = one_line(offer.identity.path)
    changed: tuple[str, ...] = ()
    if record:
        changed = tuple(sorted(n for n in {*now, *record.files} if now.get(n) != record.files.get(n)))
    if not now and not offer.offences:
        return Judged(False, (), changed, note, root, {})
    if offer.offences:
        why = " ".join(offer.offences)
    elif once or (record and record.identity == offer.identity and not changed):
        return Judged(True, tuple(now), (), "", root, now)
    elif not record:
        why = note or f"{shown} is not trusted."
    elif changed:
        why = f"What {shown} offers has changed since it was trusted: {_marked(changed, now, record.files)}."
    else:
        why = f"{shown} is not the folder that was trusted: it was moved here or made anew."
    return Judged(False, tuple(now) or (PROJECT,), changed, why, root, {}, bool(offer.offences))


def accept(offer: Offer, places: Places) -> None:
    """Trust the folder for good, with exactly what was read. Raises ConfigError if it cannot be trusted as it is."""
    import time

    if offer.offences:
        raise ConfigError(" ".join(offer.offences))
    with _changing(places) as records:
        left = KEPT_IN_ALL
        for name, data in offer.files.items():
            if len(data) <= min(KEPT, left):
                left -= len(data)
                write_private(places.state / "trusted" / offer.digests[name], data)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        records[offer.identity.path] = Record(offer.identity, at, offer.digests)


def revoke(folder: Path, places: Places) -> bool:
    """Trust the folder no more; it need not exist. Returns whether it was trusted."""
    with _changing(places) as records:
        return records.pop(os.path.realpath(folder), None) is not None


def listed(places: Places) -> tuple[tuple[Record, ...], str]:
    """The folders that were trusted, by path; and a note if what was kept cannot be believed."""
    records, note = _records(places)
    return tuple(records[path] for path in sorted(records)), note


def before(offer: Offer, places: Places) -> dict[str, bytes | None]:
    """What was trusted at the folder's path, by name; None for bytes that were not kept."""
    record = _records(places)[0].get(offer.identity.path)
    return {name: _kept(places, digest) for name, digest in record.files.items()} if record else {}


class _Reading:
    """Gathers what is offered, bounded, without following a link or opening what is not a plain file."""

    def __init__(self, places: Places) -> None:
        self.files: dict[str, bytes] = {}
        self.offences: list[str] = []
        self._left, self._met = MOST_BYTES, 0
        self._own = set()  # in the home folder, .minicode is the user's own
        for place in (places.config, places.state):
            with suppress(OSError):
                info = place.stat()
                self._own.add((info.st_dev, info.st_ino))

    def take(self, parent: int, name: str, path: str, depth: int = 0) -> None:
        """path: the name relative to the folder. What is not there is nothing."""
        self._met += 1
        if self._met > MOST or len(self.offences) >= MOST_OFFENCES:
            if self._met == MOST + 1:
                self._refuse(path, f"is too much: there may be {MOST:,} files and folders")
            return
        try:
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISLNK(info.st_mode):
                self._refuse(path, "is a symbolic link; put the file itself there")
            elif stat.S_ISDIR(info.st_mode):
                self._enter(parent, name, path, depth)
            elif stat.S_ISREG(info.st_mode):
                self._read(parent, name, path)
            else:
                self._refuse(path, "is neither a file nor a folder")
        except FileNotFoundError:
            return
        except OSError as error:
            self._refuse(path, f"cannot be read ({error.strerror})")

    def _enter(self, parent: int, name: str, path: str, depth: int) -> None:
        if name == "__pycache__":  # Python's own; nothing may ever be loaded from it
            return
        if depth > DEEPEST:
            self._refuse(path, "lies too deep")
            return
        fd = os.open(name, _FOLDER, dir_fd=parent)
        try:
            info = os.fstat(fd)
            if (info.st_dev, info.st_ino) not in self._own:
                for inner in OFFERED_BELOW if path == PROJECT else sorted(os.listdir(fd)):  # noqa: PTH208 — of a descriptor
                    self.take(fd, inner, f"{path}/{inner}", depth + 1)
        finally:
            os.close(fd)

    def _read(self, parent: int, name: str, path: str) -> None:
        fd = os.open(name, _FILE, dir_fd=parent)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EAGAIN, "it has just been replaced")
            data = file.read(min(LARGEST, self._left) + 1)
        if len(data) > min(LARGEST, self._left):
            self._refuse(path, f"is too big: a file may have {LARGEST:,} bytes, all together {MOST_BYTES:,}")
        else:
            self._left -= len(data)
            self.files[path] = data

    def _refuse(self, path: str, reason: str) -> None:
        self.offences.append(f"{one_line(path)} {reason}.")


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[int, Identity]]:
    real = os.path.realpath(folder)
    try:
        fd = os.open(real, _FOLDER)
    except OSError as error:
        raise UsageError(f"The folder {real} cannot be opened: {error.strerror}.") from None
    try:
        info = os.fstat(fd)
        yield fd, Identity(real, info.st_dev, info.st_ino)
    finally:
        os.close(fd)


def _records(places: Places) -> tuple[dict[str, Record], str]:
    """By path; and a note if the store is there and cannot be believed, which means that nothing is trusted."""
    path = places.state / "trust.json"
    try:
        fd = os.open(path, _FILE)
        with os.fdopen(fd, "rb") as file:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or info.st_uid not in (0, os.geteuid()) or info.st_mode & 0o022:
                return {}, f"{path} could have been written by others, so it is not believed and no folder is trusted."
            data = json.loads(file.read(_STORE_BYTES))
        return {record["path"]: _record(record) for record in data["folders"]}, ""
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{path} cannot be read ({error.strerror}), so no folder is trusted."
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}, f"{path} is damaged, so it is not believed and no folder is trusted."


def _record(data: Any) -> Record:
    path, device, inode, at, files = (data[key] for key in ("path", "device", "inode", "at", "files"))
    texts = (path, at, *files.keys(), *files.values()) if isinstance(files, dict) else (None,)
    if not all(isinstance(text, str) for text in texts) or not isinstance(device, int) or not isinstance(inode, int):
        raise TypeError("not a record")
    return Record(Identity(path, device, inode), at, files)


@contextmanager
def _changing(places: Places) -> Iterator[dict[str, Record]]:
    """The records, to be changed and written. One process at a time. Raises StorageError."""
    import fcntl

    store = private_dir(places.state) / "trust.json"
    try:
        with open(store.with_suffix(".lock"), "wb", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            records, note = _records(places)
            if note:
                store.replace(store.with_suffix(".damaged"))
            yield records
            folders = [{**r.identity._asdict(), "at": r.at, "files": dict(r.files)} for r in records.values()]
            write_private(store, json.dumps({"version": 1, "folders": folders}, indent=1).encode())
            wanted = {digest for record in records.values() for digest in record.files.values()}
            for kept in (places.state / "trusted").glob("*"):
                if kept.name not in wanted:
                    kept.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{store} could not be written: {error.strerror}.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _kept(places: Places, digest: str) -> bytes | None:
    try:
        data = (places.state / "trusted" / digest).read_bytes()
    except (OSError, ValueError):
        return None
    return data if _digest(data) == digest else None


def _marked(names: tuple[str, ...], now: Mapping[str, str], then: Mapping[str, str]) -> str:
    shown = [f"{one_line(n)} ({'new' if n not in then else 'gone' if n not in now else 'changed'})" for n in names[:5]]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def one_line(name: str) -> str:
    """A name as it may be shown: a repository can choose any characters for it."""
    return clean(name).replace("\n", "\u240a")


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
