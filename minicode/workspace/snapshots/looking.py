"""Look at folders and their entries by descriptors to which no symbolic link led."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
TEMPORARY = ".minicode-"

# (mode, inode, size, ctime, its ns, mtime, its ns) of an entry: while it stays the same, so does the content.
Sig = tuple[int, int, int, int, int, int, int]
ABSENT: Sig = (0, 0, 0, 0, 0, 0, 0)


def open_below(root: str, rel: str) -> int:
    """A descriptor of the folder `rel` below a root, "" for the root itself. Raises OSError."""
    fd = os.open(root, _FOLDER)
    for part in rel.split("/") if rel else ():
        try:
            inner = os.open(part, _FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd


def entries_of(fd: int) -> list[tuple[str, Sig]]:
    """The names in an open folder, save what we have half-written there. Raises OSError."""
    with os.scandir(fd) as entries:
        names = [entry.name for entry in entries if not is_temporary(entry.name)]
    return list(_look(fd, names))


def is_temporary(name: str) -> bool:
    return name.startswith(TEMPORARY) and name.endswith(".tmp")


def sig_of(found: os.stat_result) -> Sig:
    changed, modified = divmod(found.st_ctime_ns, 10**9), divmod(found.st_mtime_ns, 10**9)
    return (found.st_mode, found.st_ino, found.st_size, *changed, *modified)


def _look(fd: int, names: Sequence[str]) -> Iterator[tuple[str, Sig]]:
    for name in names:
        try:
            yield name, sig_of(os.stat(name, dir_fd=fd, follow_symlinks=False))
        except FileNotFoundError:
            continue


class Signatures:
    """Of many paths at once. Where there is statx(2) by a way that does not make an object of eighteen values for each
    file, which takes a third more time; else as everybody does.
    """

    _BATCH, _SIZE = 512, 256
    _VALUES = struct.Struct("=28xH2xQQ48xqI4xqI4x128x")

    # Of the answers, in words of eight bytes: the mode, inode, size, and time of change. Without them nothing changes.
    _WORDS = (3, 4, 5, 12, 13)

    def __init__(self) -> None:
        self._last = b""
        self._statx = _statx() if sys.platform == "linux" else None
        if self._statx is None:
            return
        import ctypes

        self._buffer = ctypes.create_string_buffer(self._BATCH * self._SIZE)
        start = ctypes.addressof(self._buffer)
        self._slots = [ctypes.c_void_p(start + number * self._SIZE) for number in range(self._BATCH)]
        # AT_FDCWD; AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT; what is asked for, which is all but the time of access
        self._constants = [repeat(ctypes.c_int(number)) for number in (-100, 0x100 | 0x800, 0x7DF)]

    def forget(self) -> None:
        """The next call gives signatures, whatever the last one gave."""
        self._last = b""

    def __call__(self, paths: Sequence[bytes]) -> list[Sig] | None:
        """None if they are all as at the last call. ABSENT stands for a path that cannot be looked at."""
        if self._statx is None:
            return list(map(_sig_at, paths))
        raw: list[bytes] = []
        columns: list[bytes] = []
        absent: list[int] = []
        folder, flags, mask = self._constants
        for start in range(0, len(paths), self._BATCH):
            batch = paths[start : start + self._BATCH]
            failures = list(map(self._statx, folder, batch, flags, mask, self._slots))
            if any(failures):
                absent += [number for number, failed in enumerate(failures, start) if failed]
            part = memoryview(self._buffer)[: len(batch) * self._SIZE]
            columns += [part.cast("B").cast("Q")[word :: self._SIZE // 8].tobytes() for word in self._WORDS]
            raw.append(bytes(part))
        same = b"".join([*columns, repr(absent).encode()])
        if same == self._last:
            return None
        self._last = same
        found: list[Any] = [sig for part in raw for sig in self._VALUES.iter_unpack(part)]
        for number in absent:
            found[number] = ABSENT
        return found


def _sig_at(path: bytes) -> Sig:
    try:
        return sig_of(os.lstat(path))
    except OSError:
        return ABSENT


def _statx() -> Any:
    """The function of the C library; None if it has none, or a kernel or a sandbox does not let it through."""
    import ctypes

    statx = getattr(ctypes.CDLL(None), "statx", None)
    if statx is not None:
        answer = ctypes.create_string_buffer(256)
        if statx(ctypes.c_int(-100), b"/", ctypes.c_int(0x100), ctypes.c_int(0x7DF), answer) != 0:
            return None
    return statx
