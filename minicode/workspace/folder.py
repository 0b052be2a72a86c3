"""Which paths belong to the workspace: names become real paths inside it, or a refusal that says why."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from minicode.errors import MinicodeError
from minicode.sandbox.places import real_paths
from minicode.text import clean

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# openat2(2): the same number on every architecture. Resolve beneath, no magic links, no symbolic links.
_OPENAT2, _BENEATH = 437, 0x08 | 0x02 | 0x04

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


def is_folder(path: Path) -> bool:
    """Also where permission to look is denied, of which `Path.is_dir` makes an error."""
    with suppress(PermissionError):
        return path.is_dir()
    return False


@dataclass(frozen=True, slots=True)
class Folder:
    """The real paths of the workspace.

    extra: folders added by the user, as free to use as the root. readable: folders that may only be read, such as the
    place where long outputs are kept. hidden: may be neither read nor written, wherever they lie, save what is below a
    readable folder inside them.
    """

    root: Path
    extra: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()

    @classmethod
    def at(
        cls, root: Path, extra: Sequence[Path] = (), readable: Sequence[Path] = (), hidden: Sequence[Path] = ()
    ) -> Folder:
        """Raises Refused if the root or an added folder is not a folder."""
        for folder in (root, *extra):
            if not folder.is_dir():
                raise Refused(f"{folder} is not a folder.")
        added, shown = (tuple(path.resolve() for path in paths) for paths in (extra, readable))
        return cls(root.resolve(), added, shown, real_paths(hidden))

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
        if self.hides(path) and (write or base not in self.readable):
            raise Refused(f"{self.show(path)} is private to minicode or to the user and is not opened.")
        if write and _is_of_git(base, path):
            raise Refused(f"{self.show(path)} belongs to git and is not edited as a file; use the git tool.")
        return path

    def hides(self, path: Path) -> bool:
        """Is it hidden, as far as its real path tells? Case is ignored, since the file system may do so too."""
        folded = f"{path}/".casefold()  # compared as texts: there are a hundred of them, and this is asked of each call
        return any(folded.startswith(f"{str(hidden).rstrip('/')}/".casefold()) for hidden in self.hidden)

    def _base(self, path: Path, write: bool) -> Path:
        bases = (self.root, *self.extra) if write else (*self.readable, self.root, *self.extra)
        for base in bases:
            if path.is_relative_to(base):
                return base
        places = ", ".join(str(base) for base in (self.root, *self.extra))
        deed = "written" if write else "read"
        raise Refused(f"{clean(str(path))} is outside the workspace and cannot be {deed}; use paths inside {places}.")

    def show(self, path: Path) -> str:
        """The path as it is told: relative to the root where it can be, without control characters."""
        text, root = str(path), str(self.root)
        if text == root:
            return "."
        # Of texts, as a map or a search shows hundreds, and pathlib takes half a millisecond each.
        return clean(text.removeprefix(f"{root.rstrip('/')}/")).replace("\n", "\u240a")

    @contextmanager
    def parent(self, path: Path, *, create: bool = False) -> Iterator[int]:
        """An open descriptor of the folder that holds `path`, a path from `resolve`.

        No symbolic link is followed, so that one planted after `resolve` cannot lead out. Raises OSError.
        """
        base = self._base(path, write=create)
        fd = os.open(base, _DIRECTORY)
        try:
            inside = path.relative_to(base).parts[:-1]
            beneath = _open_beneath(fd, "/".join(inside)) if inside else None
            if beneath is not None:
                os.close(fd)
                fd = beneath
                inside = ()
            for part in inside:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=fd)
                inner = os.open(part, _DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)


def _open_beneath(folder: int, inside: str) -> int | None:
    """Open a folder inside another in one step, in which the kernel lets no link and no `..` lead out.

    None where it cannot be done so: another system, an old kernel, or something is not there or in the way, which the
    walk then makes or names.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    how = struct.pack("=QQQ", _DIRECTORY, 0, _BENEATH)
    arguments = map(ctypes.c_long, (_OPENAT2, folder))
    fd = ctypes.CDLL(None).syscall(*arguments, os.fsencode(inside), how, ctypes.c_long(len(how)))
    return fd if fd >= 0 else None


def _is_of_git(base: Path, path: Path) -> bool:
    """Does it lie in a `.git`, or in what stands for one elsewhere: a worktree's, a bare repository, a renamed one?"""
    parts = path.relative_to(base).parts
    if any(part.casefold() == ".git" for part in parts):
        return True
    at = base
    for part in parts:
        with suppress(PermissionError):  # who may not look there cannot write there
            if (at / "HEAD").is_file() and ((at / "commondir").is_file() or (at / "objects").is_dir()):
                return True
        at /= part
    return False
