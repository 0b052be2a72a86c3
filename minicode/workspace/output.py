"""What a program prints: read as it comes, its first and last bytes kept, the rest counted."""

from __future__ import annotations

import asyncio
import os
import re
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

HEAD = 4 * 2**20
TAIL = 2**20
FLOOD = 500 * 2**20  # more output than this ends the program
_CHUNK = 2**16
# Where a cut may be made, the best first: within how many bytes of it, and at what.
_SEAMS = ((2**12, rb"[\n\0]"), (2**16, rb"[\s\"',;]"))
_DRAIN = 2.0  # seconds, at most, for output that comes after the end of the program
_QUIET = 0.1  # seconds without output after which nothing more is expected


class Kept:
    """The first `keep` bytes of an output and about the last TAIL. total: how many there were."""

    def __init__(self, keep: int = HEAD) -> None:
        self._keep = keep
        self.clear()

    def clear(self) -> None:
        self._head, self._tail = bytearray(), deque[bytes]()
        self._tail_size = self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._keep - len(self._head)
        self._head += data[:room]
        if rest := data[room:]:
            self._tail.append(rest)
            self._tail_size += len(rest)
            while self._tail_size - len(self._tail[0]) >= TAIL:
                self._tail_size -= len(self._tail.popleft())

    def whole(self) -> tuple[bytes, int]:
        """The output, and how many bytes of it are its unbroken beginning."""
        head, tail, missing = self._parts(0)
        return (_joined(head, tail, missing), len(head)) if missing else (head + tail, self.total)

    def since(self, start: int) -> bytes:
        """What came after the first `start` bytes; where some is not kept, a line says so."""
        return _joined(*self._parts(start))

    def _parts(self, start: int) -> tuple[bytes, bytes, int]:
        """Head, tail, and how many bytes between them are not kept, or were cut off with a torn line."""
        begins = self.total - self._tail_size
        if start >= begins:
            return b"", b"".join(self._tail)[start - begins :], 0
        head, tail = bytes(self._head[start:]), b"".join(self._tail)
        if begins == len(self._head):
            return head, tail, 0
        head, tail = head[: len(head) - torn(head[::-1])], tail[torn(tail) :]
        return head, tail, self.total - start - len(head) - len(tail)


class Pipe:
    """The reading end of a program's output, into `kept`. tty: it is a terminal, and what is written to `reader` is
    typed."""

    def __init__(self, kept: Kept, on_output: Callable[[bytes], None] | None, *, tty: bool = False) -> None:
        self.kept = kept
        self.reader, self.writer = _terminal() if tty else os.pipe()
        os.set_blocking(self.reader, False)
        self._loop = asyncio.get_running_loop()
        self._on_output = on_output
        self.closed = asyncio.Event()
        self._loop.add_reader(self.reader, self.pull)

    def started(self, on_flood: Callable[[], object]) -> None:
        """The program has its copy of the writing end; ours would keep the pipe open."""
        self._on_flood = on_flood
        os.close(self.writer)
        self.writer = -1

    @property
    def flooded(self) -> bool:
        return self.kept.total > FLOOD

    def pull(self) -> None:
        try:
            data = os.read(self.reader, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # nobody has the terminal any more
            data = b""
        if not data:
            self._loop.remove_reader(self.reader)
            self.closed.set()
            return
        self.kept.add(data)
        if self._on_output is not None:
            self._on_output(data)
        if self.flooded and self.kept.total - len(data) <= FLOOD:
            self._on_flood()

    async def drain(self) -> None:
        """Until the end of the output, a quiet moment, or _DRAIN seconds, whichever comes first."""
        end = time.monotonic() + _DRAIN
        while not self.closed.is_set() and time.monotonic() < end:
            before = self.kept.total
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closed.wait(), _QUIET)
            if self.kept.total == before:
                return

    def close(self) -> None:
        if not self.closed.is_set():
            self.pull()  # the last words of what was just ended
        if not self.closed.is_set():
            self._loop.remove_reader(self.reader)
        for fd in (self.reader, self.writer):
            if fd >= 0:
                os.close(fd)


def _terminal() -> tuple[int, int]:
    """Our end of a new one, and the program's."""
    import fcntl
    import termios

    from minicode.workspace.grid import COLUMNS, ROWS  # few programs have one

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return ours, theirs


def _joined(head: bytes, tail: bytes, missing: int) -> bytes:
    return head + (b"\n[... %d bytes were not kept ...]\n" % missing if missing else b"") + tail


def torn(data: bytes) -> int:
    """How many bytes from a cut on are the rest of a torn line or word: half a secret would be known no more."""
    for within, seam in _SEAMS:
        if found := re.search(seam, data[:within]):
            return found.start()
    return min(len(data), _SEAMS[-1][0])
