"""Which files of a workspace steer programs later: agents' and editors' settings, hooks, continuous integration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from minicode.sandbox.places import PROTECTED
from minicode.workspace.folder import Folder

# Installers write these too, so that the sandbox leaves them open; an edit by hand is another matter.
_ENVIRONMENTS = ("pyvenv.cfg", "bin/activate", "bin/activate.*", "bin/activate_this.py")


def guard(folder: Folder, path: Path) -> str:
    """Why the file at a path from `Folder.resolve` is protected, as a sentence; "" if it is not.

    Names count in any folder and without case. Those in the roots are known by device and inode too: another name, such
    as a link to a folder or a mount, must not lead around.
    """
    roots = (folder.root, *folder.extra)
    base = next((root for root in roots if path.is_relative_to(root)), None)
    if base is None:
        return ""
    parts = tuple(part.casefold() for part in path.relative_to(base).parts)
    for name in (*PROTECTED, *_ENVIRONMENTS):
        if _lies_in(parts, tuple(name.casefold().split("/"))):
            return _why(folder, path, name)
    known = dict(named for root in roots for named in _existing(root))
    at = path
    while known and at != base:
        if (found := _identity(at)) in known:
            return _why(folder, path, known[found])
        at = at.parent
    return ""


def _why(folder: Folder, path: Path, name: str) -> str:
    where = "is" if path.name.casefold() == name.casefold() else "belongs to"
    return f"{folder.show(path)} {where} {name}, which agents, editors, shells or build services obey."


def _lies_in(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    size = len(pattern)
    return any(all(map(fnmatchcase, parts[at : at + size], pattern)) for at in range(len(parts) - size + 1))


def _existing(root: Path) -> Iterator[tuple[tuple[int, int] | None, str]]:
    for name in PROTECTED:
        if (found := _identity(root / name)) is not None:
            yield found, name


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - some thirty of them
    except OSError:
        return None
    return found.st_dev, found.st_ino
