"""A file that only grows, by whole lines or not at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from minicode.errors import StorageError

RESERVE = 256 << 10
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_FULL = (errno.ENOSPC, errno.EDQUOT)
_sync_data = getattr(os, "fdatasync", os.fsync)


class DiskFull(StorageError):
    """There was no room for the record. Nothing of it is in the file."""


class Log:
    """An open log. Safe for several processes at once as long as all is well; one at a time otherwise."""

    def __init__(self, path: Path, *, new: bool) -> None:
        """Raises StorageError, also if `new` and there is one already."""
        self.path = path
        self._unsynced_name = new
        self._reserve: int | None = None
        try:
            self._fd = os.open(path, _FLAGS | (os.O_CREAT | os.O_EXCL if new else 0), 0o600)
        except OSError as error:
            raise self._error(error) from error
        self._torn = not new and not _ends_with_newline(self._fd)
        self.reserve()

    def append(self, lines: bytes) -> None:
        """Add whole lines in one write. Raises StorageError, and leaves the file as it was, if not all could be."""
        if self._torn:
            lines = b"\n" + lines  # a torn tail stays, but must not swallow what comes next
        info = os.fstat(self._fd)
        if not info.st_nlink:
            raise StorageError(f"The session file {self.path} was deleted or moved while minicode used it.")
        try:
            written = os.write(self._fd, lines)
        except OSError as error:
            raise self._error(error) from error
        if written < len(lines):
            try:
                os.ftruncate(self._fd, info.st_size)
            except OSError:
                self._torn = True
            raise self._error(OSError(errno.ENOSPC, f"only {written} of {len(lines)} bytes could be written"))
        self._torn = False

    def sync(self) -> None:
        """Return when everything appended is on the disk. Raises StorageError."""
        try:
            _sync_data(self._fd)
            if self._unsynced_name:
                sync_folder(self.path.parent)
                self._unsynced_name = False
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that has no such thing
                raise self._error(error) from error

    def reserve(self) -> None:
        """Hold back some room for last words, in a nameless file that vanishes with the process."""
        name = self.path.with_suffix(".reserve")
        for size in (RESERVE, RESERVE // 4, RESERVE // 16):
            with suppress(OSError):
                fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                try:
                    name.unlink()
                    _allocate(fd, size)
                except OSError:
                    os.close(fd)
                    raise
                self._reserve = fd
                return

    def release(self) -> bool:
        """Free the room held back. False if there is none."""
        if self._reserve is None:
            return False
        os.close(self._reserve)
        self._reserve = None
        return True

    def close(self) -> None:
        self.release()
        os.close(self._fd)

    def _error(self, error: OSError) -> StorageError:
        kind = DiskFull if error.errno in _FULL else StorageError
        return kind(f"The session could not be stored in {self.path}: {error.strerror}{_free(self.path.parent)}.")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _ends_with_newline(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return size == 0 or os.pread(fd, 1, size - 1) == b"\n"


def _allocate(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
    else:
        os.write(fd, bytes(size))


def _free(folder: Path) -> str:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    return f" ({disk.f_bavail * disk.f_frsize / 1e6:.1f} MB free there)"
