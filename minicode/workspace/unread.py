"""Which files rules keep from being read: their globs, looked up on the disk by a bounded walk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from minicode.workspace.glob import fits_any

MOST_SEEN = 50_000  # entries that a walk goes through: some tenths of a second
MOST_KEPT = 500  # places that it finds: each makes every command start a little later
_ANY = "\1"  # a name that no pattern has in mind


class Unread(NamedTuple):
    """places: files, and folders of which all is kept, as real paths. trouble: why there may be more; "" if not."""

    places: tuple[Path, ...] = ()
    trouble: str = ""


def find_unread(roots: Sequence[Path], patterns: Sequence[str], most: int = MOST_SEEN) -> Unread:
    """What the patterns are about in the roots, real paths. The first root is the one that names are relative to;
    elsewhere a pattern is compared with the whole path, and one that begins with `/` and a name is looked up there.
    most: how many entries may be looked at.

    Only real names count: a link is another name for a file that is judged by its own.
    """
    walk = _Walk(patterns, most)
    for number, root in enumerate(roots):
        walk.through(root, root if number == 0 else Path("/"), _starts(patterns))
    outside = [pattern for pattern in patterns if pattern.startswith("/")]
    walk.through(Path("/"), Path("/"), [start for start in _starts(outside) if start], outside)
    return Unread(tuple(dict.fromkeys(walk.found)), walk.trouble)


class _Walk:
    def __init__(self, patterns: Sequence[str], most: int) -> None:
        self.found: list[Path] = []
        self.trouble = ""
        self._patterns, self._most = patterns, most
        self._seen = 0

    def through(
        self, top: Path, base: Path, starts: Sequence[tuple[str, ...]], patterns: Sequence[str] | None = None
    ) -> None:
        """base: what names are relative to. starts: the folders that patterns begin with; () for anywhere."""
        fits = fits_any(self._patterns if patterns is None else patterns)
        cut = len(f"{base}/".replace("//", "/"))
        waiting = [str(top)] if starts else []
        while waiting and not self.trouble:
            folder = waiting.pop()
            try:
                entries = list(_entries(folder))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                # Whoever may not list it can still open what he knows the name of.
                self.found.append(Path(folder))
                continue
            self._seen += len(entries)
            kept = []
            for path, is_folder in entries:
                name = path[cut:]
                if fits(name) or (is_folder and fits(f"{name}/{_ANY}")):
                    kept.append(path)
                elif is_folder and _leads(name, starts):
                    waiting.append(path)
            if kept and not os.access(folder, os.X_OK):
                kept = [folder]  # nothing can be put over what is in it
            self.found += map(Path, kept)
            self._count(top)

    def _count(self, top: Path) -> None:
        if self._seen > self._most:
            self.trouble = f"there are more than {self._most:,} files and folders to look through in {top}"
        elif len(self.found) > MOST_KEPT:
            self.trouble = f"it is about more than {MOST_KEPT} files"


def _entries(folder: str) -> Iterator[tuple[str, bool]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_symlink():
                yield entry.path, entry.is_dir(follow_symlinks=False)


def _starts(patterns: Iterable[str]) -> list[tuple[str, ...]]:
    """The names of folders that each begins with, in small letters: () if it may be about any folder."""
    found = []
    for pattern in patterns:
        rooted = pattern.casefold().rstrip("/").removeprefix("./").removeprefix("/")
        fixed = re.split(r"[*?\[{]", rooted)[0]
        parts = fixed.split("/")[: None if fixed == rooted else -1]  # the last one may go on
        found.append(tuple(parts) if "/" in rooted else ())
    return found


def _leads(name: str, starts: Sequence[tuple[str, ...]]) -> bool:
    """Can something that a pattern is about lie below this folder?"""
    parts = name.casefold().split("/")
    if parts[-1] == ".git":  # thousands of files with names that git gives
        return any(start[: len(parts)] == tuple(parts) for start in starts)
    return any(all(map(str.__eq__, parts, start)) for start in starts)
