"""Tell what a command changed of the things that only the user may change, and put them back."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minicode.sandbox.bwrap import kept_in
from minicode.sandbox.places import GIT_KEPT, PROTECTED, PROTECTED_AT_HOME, git_places

# What is kept to be put back: settings and hooks are small, and what is larger is only told.
_LARGEST = 2**20
_KEPT = 16 * 2**20
_MOST = 500  # entries of a protected folder that are looked at
_GIT = (*GIT_KEPT, "HEAD")


class _Entry(NamedTuple):
    kind: int
    mode: int
    inode: tuple[int, int]
    size: int
    times_ns: tuple[int, int]
    link: str


class Watch:
    """Looks at the protected names of some folders before and after a command. A look takes less than a millisecond.

    Modules and worktrees are looked at if they were there before. roots: real paths. keep: remember contents, so that
    `restore` can put them back, and look at repositories below the roots too, which takes a walk.
    """

    def __init__(self, roots: Sequence[Path], *, keep: bool = False) -> None:
        home = Path(os.path.realpath(os.environ.get("HOME") or "/nonexistent"))
        self._roots = {root: PROTECTED_AT_HOME if root == home else PROTECTED for root in roots}
        self._keep = keep
        self._gits: tuple[Path, ...] = ()
        self._before: dict[str, _Entry] = {}
        self._contents: dict[str, tuple[_Entry, bytes]] = {}

    def before(self) -> None:
        self._gits = tuple(dict.fromkeys(git for root in self._roots for git in self._git_folders(root)))
        self._before = self._look()
        if self._keep:
            self._remember()

    def after(self) -> tuple[Path, ...]:
        """What was made, changed or removed since `before`, sorted."""
        now = self._look()
        # Deleting a repository below a root, a module or a worktree is usual work, and leaves nothing to be run.
        own = {str(root / ".git") for root in self._roots}
        gone = tuple(f"{git}/" for git in map(str, self._gits) if git in self._before.keys() - now.keys() - own)
        every = (path for path in self._before.keys() | now.keys() if not f"{path}/".startswith(gone))
        changed = (path for path in every if _differ(path, self._before.get(path), now.get(path)))
        return tuple(sorted(map(Path, changed)))

    def restore(self, changed: Sequence[Path]) -> tuple[Path, ...]:
        """Put back as it was what `after` gave; new things are removed. Gives what could not be put back: what was not
        kept, and all of a repository that was itself made, moved or removed.
        """
        failed = []
        # A folder before what is in it, once whatever was put in its place is out of the way.
        for path in sorted(changed):
            whole = path.name == ".git" or any(path.is_relative_to(git) and git in changed for git in self._gits)
            try:
                if whole or not self._put_back(path):
                    failed.append(path)
            except OSError:
                failed.append(path)
        return tuple(failed)

    def _put_back(self, path: Path) -> bool:
        if os.path.realpath(path.parent) != str(path.parent):
            return False  # a link now leads elsewhere
        old = self._before.get(str(path))
        kept = self._contents.get(str(path))
        if old is not None and stat.S_ISREG(old.kind) and (kept is None or kept[0] != old):
            return False
        _remove(path, keep_folder=old is not None and stat.S_ISDIR(old.kind))
        if old is None:
            return True
        if stat.S_ISLNK(old.kind):
            path.symlink_to(old.link)
        elif stat.S_ISDIR(old.kind):
            path.mkdir(exist_ok=True)
            path.chmod(old.mode)
        elif kept is not None:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(kept[1])
                os.fchmod(fd, old.mode)
        return True

    def _remember(self) -> None:
        self._contents = {path: kept for path, kept in self._contents.items() if self._before.get(path) == kept[0]}
        size = sum(len(data) for _, data in self._contents.values())
        for path, entry in self._before.items():
            small = stat.S_ISREG(entry.kind) and entry.size <= min(_LARGEST, _KEPT - size)
            if small and path not in self._contents:
                with suppress(OSError):
                    self._contents[path] = (entry, Path(path).read_bytes())
                    size += entry.size

    def _look(self) -> dict[str, _Entry]:
        found: dict[str, _Entry] = {}
        for root, names in self._roots.items():
            _add(found, f"{root}/.git", deep=False)
            for name in names:
                _add(found, f"{root}/{name}", deep=True)
        for git in self._gits:
            _add(found, str(git), deep=False)
            for name in _GIT:
                _add(found, f"{git}/{name}", deep=name == "hooks")
        return found

    def _git_folders(self, root: Path) -> Iterator[Path]:
        """Where the repository of a root is, or would be, and all inside, as far as commands may write there."""
        places = git_places(root) if self._keep else git_places(root, 0)
        found = [git for git in (root / ".git", *places) if any(map(git.is_relative_to, self._roots))]
        inner = {path.parent for path in kept_in(found) if path.name == "config"} - {*found}
        # A HEAD lies in folders of logs and references too.
        yield from found
        yield from (git for git in inner if (git / "objects").is_dir() or (git / "commondir").is_file())


def _differ(path: str, old: _Entry | None, new: _Entry | None) -> bool:
    if old is None or new is None:
        return True
    if path.endswith("/HEAD"):  # git writes it anew with every switch; that it is a file, and no link, is what counts
        return old.kind != new.kind
    if stat.S_ISDIR(old.kind) and stat.S_ISDIR(new.kind):  # what is in it is looked at by itself
        return (old.inode, old.mode) != (new.inode, new.mode)
    return old != new


def _add(found: dict[str, _Entry], path: str, *, deep: bool) -> None:
    """It and, if `deep`, all that is in it, without following links, up to a number of entries."""
    waiting, most = [path], len(found) + _MOST
    while waiting and len(found) < most:
        at = waiting.pop()
        try:
            seen = os.lstat(at)
            mode = seen.st_mode
            link = os.readlink(at) if stat.S_ISLNK(mode) else ""  # noqa: PTH115 - a Path for each would be most of the cost of a look
            names = os.listdir(at) if deep and stat.S_ISDIR(mode) else ()  # noqa: PTH208 - as above
        except OSError:
            continue
        times = (seen.st_mtime_ns, seen.st_ctime_ns)  # the former can be set back by who changed the file
        inode = (seen.st_dev, seen.st_ino)
        found[at] = _Entry(stat.S_IFMT(mode), stat.S_IMODE(mode), inode, seen.st_size, times, link)
        waiting += [f"{at}/{name}" for name in sorted(names, reverse=True) if not name.endswith(".sample")]


def _remove(path: Path, *, keep_folder: bool) -> None:
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(kind):
        path.unlink()
    elif not keep_folder:
        import shutil

        shutil.rmtree(path)
