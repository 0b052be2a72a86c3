"""Put files back: by descriptors that no symbolic link led to, each file at once or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from minicode.workspace.folder import Refused
from minicode.workspace.snapshots.looking import TEMPORARY, Sig, is_temporary, open_below, sig_of
from minicode.workspace.snapshots.plan import Step
from minicode.workspace.snapshots.trees import FILE, FOLDER, LINK

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ChangedSince(Refused):
    """Files were changed by somebody else since; paths: which."""

    def __init__(self, message: str, paths: Sequence[str]) -> None:
        super().__init__(message)
        self.paths = tuple(paths)


class Hands:
    """Takes steps below some roots. done: those taken, in order. stayed: folders that were not empty.

    content: of an id, verified. expected: the signature under which the last walk saw a path.
    """

    def __init__(
        self, roots: Sequence[str], content: Callable[[str], bytes], expected: Callable[[str], Sig | None]
    ) -> None:
        self.done: list[Step] = []
        self.stayed: list[str] = []
        self._roots = sorted(roots, key=len, reverse=True)
        self._content = content
        self._expected = expected

    def take(self, steps: Sequence[Step]) -> None:
        """Raises OSError, or ChangedSince if a file is not what the walk saw. What was done then stays done."""
        downward = sorted(steps)
        for step in reversed(downward):
            if step.now and (step.then is None or (step.now[0] == FOLDER) != (step.then[0] == FOLDER)):
                self._do(step._replace(then=None), self._remove)
        for step in downward:
            if step.then and step.then[0] == FOLDER and not (step.now and step.now[0] == FOLDER):
                self._do(step._replace(now=None), self._make_folder)
        for step in downward:
            if step.then and step.then[0] in (FILE, LINK):
                gone = step.now is None or step.now[0] == FOLDER
                self._do(step._replace(now=None) if gone else step, self._write)
        for step in reversed(downward):
            if step.then and step.then[0] == FOLDER:
                self._do(step._replace(now=step.then if not step.now else step.now), self._set_mode)

    def undo(self) -> None:
        """Take back what was done. Raises OSError."""
        back = [Step(step.path, step.then, step.now) for step in reversed(self.done)]
        self._expected = lambda path: None
        for step in back:
            self.take([step])

    def sweep(self, steps: Sequence[Step]) -> None:
        """Remove what was half-written next to the steps' paths when an earlier try was cut."""
        for folder in {step.path.rpartition("/")[0] for step in steps}:
            with suppress(OSError), self._parent(f"{folder}/x") as parent:
                for name in filter(is_temporary, os.listdir(parent)):  # noqa: PTH208  (there is only a descriptor)
                    os.unlink(name, dir_fd=parent)

    def _do(self, step: Step, deed: Callable[[Step, str, int], None]) -> None:
        with self._parent(step.path) as parent:
            deed(step, step.path.rpartition("/")[2], parent)
        self.done.append(step)

    def _remove(self, step: Step, name: str, parent: int) -> None:
        if step.now and step.now[0] == FOLDER:
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError:
                if _look(name, parent) is not None:
                    self.stayed.append(step.path)
            return
        self._check(step, name, parent)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)

    def _make_folder(self, step: Step, name: str, parent: int) -> None:
        assert step.then
        with suppress(FileExistsError):
            os.mkdir(name, step.then[1] | 0o700, dir_fd=parent)
            _give_to_owner_of(parent, name)

    def _set_mode(self, step: Step, name: str, parent: int) -> None:
        assert step.then
        fd = os.open(name, _FOLDER, dir_fd=parent)
        try:
            if stat.S_IMODE(os.fstat(fd).st_mode) & 0o777 != step.then[1]:
                os.fchmod(fd, step.then[1])
        finally:
            os.close(fd)

    def _write(self, step: Step, name: str, parent: int) -> None:
        assert step.then
        kind, mode, ref = step.then
        self._check(step, name, parent)
        if kind == FILE and step.now and step.now[0] == FILE and step.now[2] == ref:
            fd = os.open(name, _READ, dir_fd=parent)
            try:
                os.fchmod(fd, mode)
            finally:
                os.close(fd)
            return
        old = _look(name, parent)
        half = f"{TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}.tmp"
        try:
            if kind == LINK:
                os.symlink(self._content(ref), os.fsencode(half), dir_fd=parent)
            else:
                fd = os.open(half, _CREATE, 0o600, dir_fd=parent)
                with os.fdopen(fd, "wb") as file:
                    file.write(self._content(ref))
                    file.flush()
                    _adopt(fd, parent, name, old)
                    os.fchmod(fd, mode)
                    os.fsync(fd)
            os.rename(half, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:  # why: whatever ended it, a half-written file must not stay
            with suppress(OSError):
                os.unlink(half, dir_fd=parent)
            raise

    def _check(self, step: Step, name: str, parent: int) -> None:
        """The last moment to see that somebody is at work on the file."""
        expected, found = self._expected(step.path), _look(name, parent)
        if expected is not None and found is not None and sig_of(found) != expected:
            raise ChangedSince(f"{step.path} is being changed by another program.", [step.path])
        if step.now is None and found is not None and not stat.S_ISDIR(found.st_mode):
            raise ChangedSince(f"{step.path} appeared meanwhile.", [step.path])

    @contextmanager
    def _parent(self, path: str) -> Iterator[int]:
        """A descriptor of the folder that holds a path, made writable for us meanwhile if need be."""
        root = next((root for root in self._roots if path.startswith(root.rstrip("/") + "/")), None)
        if root is None:
            raise Refused(f"{path} is outside the folders that may be written.")
        fd = open_below(root, path[len(root) :].strip("/").rpartition("/")[0])
        try:
            mode = stat.S_IMODE(os.fstat(fd).st_mode)
            closed = mode & 0o300 != 0o300
            if closed:
                os.fchmod(fd, mode | 0o300)
            try:
                yield fd
            finally:
                if closed:
                    os.fchmod(fd, mode)
        finally:
            os.close(fd)


def _look(name: str, parent: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _adopt(fd: int, parent: int, name: str, old: os.stat_result | None) -> None:
    """Owner and extended attributes of the file that is replaced; of a new file of root's, the folder's owner.

    A file of the old size and second would be the old one to Python, which would run its old bytecode: it gets another.
    """
    like = old or (os.fstat(parent) if os.geteuid() == 0 else None)
    made = os.fstat(fd)
    if like and (like.st_uid, like.st_gid) != (made.st_uid, made.st_gid):
        with suppress(PermissionError):
            os.fchown(fd, like.st_uid, like.st_gid)
    if old is None or not stat.S_ISREG(old.st_mode):
        return
    if hasattr(os, "listxattr"):
        with suppress(OSError):
            source = os.open(name, _READ, dir_fd=parent)
            try:
                for attribute in os.listxattr(source):
                    os.setxattr(fd, attribute, os.getxattr(source, attribute))
            finally:
                os.close(source)
    if made.st_size == old.st_size and made.st_mtime_ns // 10**9 <= old.st_mtime_ns // 10**9:
        os.utime(fd, ns=(made.st_atime_ns, (old.st_mtime_ns // 10**9 + 1) * 10**9))


def _give_to_owner_of(parent: int, name: str) -> None:
    if os.geteuid() == 0:
        owner = os.fstat(parent)
        with suppress(OSError):
            os.chown(name, owner.st_uid, owner.st_gid, dir_fd=parent, follow_symlinks=False)
