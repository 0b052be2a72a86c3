"""Read and write files of the workspace: bounded, atomic, and never over a change nobody has seen."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minicode.workspace.folder import Folder, Refused, is_folder, refusal

# Larger files are for grep and the shell; the whole content is held in memory to be hashed and matched.
LIMIT = 20 * 2**20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = ".minicode-"


class Stamp(NamedTuple):
    """What identifies the state of a file."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    sha256: bytes


class Content(NamedTuple):
    """A file as it was at one moment."""

    path: Path
    data: bytes
    stamp: Stamp


class Files:
    """The files of one workspace, and which state of each the model has seen."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._seen: dict[Path, Stamp] = {}

    def read(self, path: Path) -> Content:
        """The whole file at a path from `Folder.resolve`. Raises Refused for anything but a readable regular file."""
        name = self.folder.show(path)
        if is_folder(path):
            raise Refused(f"{name} is a folder; use glob to list it.")
        try:
            with self.folder.parent(path) as parent:
                # Looked at before it is opened: opening a device can have effects.
                self._must_be_plain(os.stat(path.name, dir_fd=parent, follow_symlinks=False), name)
                fd = os.open(path.name, _READ, dir_fd=parent)
            with os.fdopen(fd, "rb", buffering=0) as file:
                self._must_be_plain(os.fstat(fd), name)
                data = file.read(LIMIT + 1)
                found = os.fstat(fd)
        except FileNotFoundError:
            raise Refused(self._missing(path)) from None
        except OSError as error:
            raise refusal(error, f"Cannot read {name}") from None
        if len(data) > LIMIT:
            raise Refused(f"{name} grew beyond {LIMIT // 2**20} MB while it was read.")
        return Content(path, data, _stamp(found, data))

    def read_if_there(self, path: Path) -> Content | None:
        return self.read(path) if os.path.lexists(path) else None

    def remember(self, content: Content) -> None:
        """The model has now seen this state."""
        self._seen[content.path] = content.stamp

    @property
    def touched(self) -> tuple[Path, ...]:
        """The files that the model has seen in some state."""
        return tuple(self._seen)

    def seen(self, content: Content) -> bool | None:
        """Whether the model has seen this very content; None if it never saw the file."""
        known = self._seen.get(content.path)
        return None if known is None else known.sha256 == content.stamp.sha256

    def known(self, path: Path) -> Stamp | None:
        """The state that the model has seen last."""
        return self._seen.get(path)

    def know(self, path: Path, stamp: Stamp | None) -> None:
        """The model has seen this state and no other."""
        if stamp is None:
            self._seen.pop(path, None)
        else:
            self._seen[path] = stamp

    def check(self, path: Path, before: Content | None) -> None:
        """Raises Refused if `write` or `remove` would, as far as can be seen beforehand."""
        name = self.folder.show(path)
        if is_folder(path):
            raise Refused(f"{name} is a folder, not a file.")
        try:
            with self.folder.parent(path) as parent:
                self._check(path, parent, before, name)
        except FileNotFoundError:
            if before is not None:
                raise Refused(f"{name} was removed meanwhile; nothing was written.") from None
        except OSError as error:
            raise refusal(error, f"Cannot write {name}, nothing was changed") from None

    def remove(self, path: Path, before: Content) -> None:
        """Remove a file from a path from `Folder.resolve(write=True)`. Raises Refused with the file untouched."""
        name = self.folder.show(path)
        try:
            with self.folder.parent(path) as parent:
                self._check(path, parent, before, name)
                os.unlink(path.name, dir_fd=parent)
                os.fsync(parent)
        except OSError as error:
            raise refusal(error, f"Cannot remove {name}, nothing was changed") from None
        self.know(path, None)

    def write(self, path: Path, data: bytes, before: Content | None, mode: int | None = None) -> None:
        """Put `data` at a path from `Folder.resolve(write=True)`, atomically, and remember it as seen.

        before: the state that is replaced, None if the file must not exist yet. Mode, owner and extended attributes
        are kept; missing folders are made. mode: of a file that is made. Raises Refused with the old file untouched.
        """
        name = self.folder.show(path)
        if is_folder(path):
            raise Refused(f"{name} is a folder, not a file.")
        try:
            with self.folder.parent(path, create=True) as parent:
                _sweep(parent)
                self._check(path, parent, before, name)
                temporary = f"{_TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}.tmp"
                fd = os.open(temporary, _CREATE, 0o666 if before is None else 0o600, dir_fd=parent)
                try:
                    with os.fdopen(fd, "wb", buffering=0):
                        _write_all(fd, data)
                        if before is not None:
                            _copy_traits(path, parent, fd, name)
                            _move_on(fd, before.stamp)
                        elif mode is not None:
                            os.fchmod(fd, mode)
                        os.fsync(fd)
                        made = os.fstat(fd)
                    self._check(path, parent, before, name)
                    os.replace(temporary, path.name, src_dir_fd=parent, dst_dir_fd=parent)
                except BaseException:  # why: whatever ended it, a half-written file must not stay
                    with suppress(OSError):
                        os.unlink(temporary, dir_fd=parent)
                    raise
                os.fsync(parent)
        except OSError as error:
            raise refusal(error, f"Cannot write {name}, nothing was changed") from None
        self._seen[path] = _stamp(made, data)

    def _check(self, path: Path, parent: int, before: Content | None, name: str) -> None:
        try:
            found = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            if before is None:
                return
            raise Refused(f"{name} was removed meanwhile; nothing was written.") from None
        if before is None:
            raise Refused(f"{name} appeared meanwhile; read it before you change it.")
        self._must_be_plain(found, name)
        known = before.stamp
        if (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) != (
            known.device,
            known.inode,
            known.size,
            known.mtime_ns,
        ):
            raise Refused(f"{name} is being changed by another program; read it again before you change it.")
        if found.st_nlink > 1:
            raise Refused(
                f"{name} has {found.st_nlink} names (hard links); a change would tear them apart or reach a file "
                "elsewhere. Give it a content of its own first (cp it, then mv the copy over it)."
            )
        if not found.st_mode & 0o222:
            raise Refused(f"{name} is read-only; if it is meant to change, make it writable first (chmod u+w).")

    def _must_be_plain(self, found: os.stat_result, name: str) -> None:
        if stat.S_ISDIR(found.st_mode):
            raise Refused(f"{name} is a folder; use glob to list it.")
        if stat.S_ISLNK(found.st_mode):  # others were resolved
            raise Refused(f"{name} is a symbolic link that leads in a circle, or was just put there.")
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{name} is not a regular file (a pipe, a socket or a device).")
        if found.st_size > LIMIT:
            size = found.st_size // 2**20
            raise Refused(f"{name} is too large ({size:,} MB, limit {LIMIT // 2**20} MB); use grep, or bash with sed.")

    def _missing(self, path: Path) -> str:
        """Not found, and the names next to it that come nearest."""
        from difflib import get_close_matches

        with suppress(OSError):
            names = sorted(entry.name for entry in path.parent.iterdir())[:2000]
            lower = {name.lower(): name for name in names}
            near = [lower[n] for n in get_close_matches(path.name.lower(), lower, n=3)]
            if near:
                shown = ", ".join(self.folder.show(path.parent / n) for n in near)
                return f"{self.folder.show(path)} does not exist. Near it: {shown}."
        return f"{self.folder.show(path)} does not exist. Paths are relative to {self.folder.root}."


def _stamp(found: os.stat_result, data: bytes) -> Stamp:
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, hashlib.sha256(data).digest())


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _copy_traits(path: Path, parent: int, fd: int, name: str) -> None:
    """Owner, extended attributes and mode of the old file to the new one, in the order in which each survives."""
    old = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
    new = os.fstat(fd)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(fd, old.st_uid, old.st_gid)
        except PermissionError:
            raise Refused(f"{name} belongs to another user or group, which a change would lose.") from None
    if hasattr(os, "listxattr"):
        source = os.open(path.name, _READ, dir_fd=parent)
        try:
            for attribute in os.listxattr(source):
                os.setxattr(fd, attribute, os.getxattr(source, attribute))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EACCES):
                raise
        finally:
            os.close(source)
    os.fchmod(fd, stat.S_IMODE(old.st_mode))


def _move_on(fd: int, old: Stamp) -> None:
    """A file whose size and time, in whole seconds, are the old ones is unchanged to Python, which then runs its old
    bytecode: an edit and a test run within a second would test the code before the edit."""
    made = os.fstat(fd)
    if made.st_size == old.size and made.st_mtime_ns // 10**9 <= old.mtime_ns // 10**9:
        os.utime(fd, ns=(made.st_atime_ns, (old.mtime_ns // 10**9 + 1) * 10**9))


def _sweep(parent: int) -> None:
    """Remove what a killed minicode left half-written in this folder."""
    for name in os.listdir(parent):
        if not name.startswith(_TEMPORARY) or not name.endswith(".tmp"):
            continue
        pid = name.removeprefix(_TEMPORARY).partition("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            with suppress(OSError):
                os.unlink(name, dir_fd=parent)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
