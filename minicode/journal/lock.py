"""One process per session: a lock that dies with its holder and says who that is."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from minicode.errors import SessionInUse, StorageError
from minicode.journal.entry import now
from minicode.messages import Json

_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_LARGEST = 4096  # bytes of a lock file that are worth reading


class Lock:
    """Held from construction to `release`.

    warning: a sentence if the file system cannot lock and something weaker stands in, else "".
    Raises SessionInUse, or StorageError if the lock file cannot be made. `flock` is there for systems without it.
    """

    def __init__(self, session: Path, flock: Callable[[int, int], None] = fcntl.flock) -> None:
        self.warning = ""
        self._path = session.with_suffix(".lock")
        self._fd: int | None = None
        try:
            while not self._take(session, flock):
                pass
        except OSError as error:
            raise StorageError(f"The session cannot be locked with {self._path}: {error.strerror}.") from error

    def release(self) -> None:
        with suppress(OSError):
            self._path.unlink()  # before the lock goes: whoever waits for it then sees a stale name and tries again
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _take(self, session: Path, flock: Callable[[int, int], None]) -> bool:
        """False if the lock file vanished under us."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(session, _read(fd)) from None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            os.close(fd)
            self._path = session.with_suffix(".held")
            fd = self._take_by_name(session)
        else:
            if not _same_file(fd, self._path):
                os.close(fd)
                return False
        self._fd = fd
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(_me()).encode(), 0)
        return True

    def _take_by_name(self, session: Path) -> int:
        self.warning = (
            f"This file system cannot lock files. {self._path} marks the session as in use instead: do not open it "
            "from two machines at once."
        )
        while True:
            with suppress(FileExistsError):
                return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with suppress(FileNotFoundError):
                fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                holder = _read(fd)
                os.close(fd)
                if not _dead(holder):
                    raise _in_use(session, holder, self._path)
                self._path.unlink()


def _in_use(session: Path, holder: Json, mark: Path | None = None) -> SessionInUse:
    pid, host, since = holder.get("pid"), holder.get("host"), holder.get("started")
    where = "" if host == os.uname().nodename or not host else f" on {host}"
    who = f"process {pid}{where} (since {since})" if pid else "another process"
    advice = f" If that process is gone, delete {mark}." if mark else ""
    return SessionInUse(f"The session {session.stem} is in use by {who}. Wait until it ends, or end it.{advice}")


def _me() -> Json:
    return {"pid": os.getpid(), "host": os.uname().nodename, "started": now(), "born": _born(os.getpid())}


def _dead(holder: Json) -> bool:
    """True only if the holder was of this machine and is certainly gone."""
    pid = holder.get("pid")
    if not isinstance(pid, int) or holder.get("host") != os.uname().nodename:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return holder.get("born") != _born(pid)  # the number was given to somebody else


def _born(pid: int) -> str:
    """When a process started, in the kernel's own count; "" where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _read(fd: int) -> Json:
    try:
        holder = json.loads(os.pread(fd, _LARGEST, 0))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _same_file(fd: int, path: Path) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
