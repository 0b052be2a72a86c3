"""Which paths belong to the workspace: names become real paths inside it, or a refusal that says why."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from minicode.errors import MinicodeError
from minicode.text import clean

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_REASONS = {
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EISDIR: "it is a folder",
    errno.ELOOP: "the path goes through a symbolic link that was just changed or runs in a circle",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the name is too long",
}


class Refused(MinicodeError):
    """What was asked of the workspace cannot be done; the message says why and, where possible, what to do."""


def refusal(error: OSError, doing: str) -> Refused:
    """The sentence for an error of the operating system. doing: `Cannot read src/a.py`."""
    reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    return Refused(f"{doing}: {reason}.")


@dataclass(frozen=True, slots=True)
class Folder:
    """The real paths of the workspace.

    extra: folders added by the user, as free to use as the root. readable: folders that may only be read, such as the
    place where long outputs are kept.
    """

    root: Path
    extra: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()

    @classmethod
    def at(cls, root: Path, extra: Sequence[Path] = (), readable: Sequence[Path] = ()) -> Folder:
        """Raises Refused if the root or an added folder is not a folder."""
        for folder in (root, *extra):
            if not folder.is_dir():
                raise Refused(f"{folder} is not a folder.")
        return cls(root.resolve(), tuple(p.resolve() for p in extra), tuple(p.resolve() for p in readable))

    def resolve(self, name: str, *, write: bool = False) -> Path:
        """The real path of a name given relative to the root, absolute, or with `~`. It need not exist.

        Raises Refused if it lies outside, also by way of a symbolic link, or may not be written.
        """
        if "\0" in name:
            raise Refused(f"{clean(name)!r} is not a path: it contains a NUL character.")
        try:
            path = Path(os.path.realpath(self.root / Path(name or ".").expanduser()))
        except (RuntimeError, OSError, ValueError) as error:
            raise Refused(f"{clean(name)!r} is not a usable path: {error}.") from None
        base = self._base(path, write)
        if write and any(part.casefold() == ".git" for part in path.relative_to(base).parts):
            raise Refused(f"{self.show(path)} belongs to git and is not edited as a file; use the git tool.")
        return path

    def _base(self, path: Path, write: bool) -> Path:
        bases = (self.root, *self.extra) if write else (self.root, *self.extra, *self.readable)
        for base in bases:
            if path.is_relative_to(base):
                return base
        places = ", ".join(str(base) for base in (self.root, *self.extra))
        deed = "written" if write else "read"
        raise Refused(f"{clean(str(path))} is outside the workspace and cannot be {deed}; use paths inside {places}.")

    def show(self, path: Path) -> str:
        """The path as it is told: relative to the root where it can be, without control characters."""
        if path.is_relative_to(self.root):
            path = path.relative_to(self.root)
        return clean(str(path)).replace("\n", "\u240a")

    @contextmanager
    def parent(self, path: Path, *, create: bool = False) -> Iterator[int]:
        """An open descriptor of the folder that holds `path`, a path from `resolve`.

        The walk follows no symbolic link, so that a link planted after `resolve` cannot lead out. Raises OSError.
        """
        base = self._base(path, write=create)
        fd = os.open(base, _DIRECTORY)
        try:
            for part in path.relative_to(base).parts[:-1]:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=fd)
                inner = os.open(part, _DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)
