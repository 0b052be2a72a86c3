"""What a snapshot leaves out: what programs make again, what is large, what is private, what is git's."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MB = 2**20

# Made again by the tool that made them, and large. Skipped wherever they are.
_MADE = frozenset({
    "node_modules", "bower_components", "jspm_packages", ".pnpm-store", ".venv", "site-packages", "__pycache__",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".eggs", ".gradle", ".next", ".nuxt",
    ".svelte-kit", ".turbo", ".parcel-cache", ".terraform", ".dart_tool", ".cache", ".ccache", ".direnv", "DerivedData",
})  # fmt: skip
# The same where git ignores them: the names alone are used for other things too.
_BUILT = frozenset({
    "target", "build", "dist", "out", "output", "bin", "obj", "_build", "deps", "vendor", "venv", "env", "virtualenv",
    "coverage", "htmlcov", "Pods", "Debug", "Release", "elm-stuff", "zig-cache", "zig-out", "bazel-out",
})  # fmt: skip
_MARKS = ("CACHEDIR.TAG", "pyvenv.cfg")
_BARE = frozenset({"HEAD", "objects", "refs"})
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Limits(NamedTuple):
    """file: bytes of a file. ignored_file: of one that git ignores. ignored_bytes, ignored_files: of all in a folder
    that it ignores. files: of a root, folders counted. tree: bytes of a root, for which `file` is lowered if need be.
    store: bytes of the store, above which the oldest snapshots are evicted. tick: seconds; a file changed twice in one
    tick of the file system's clock shows the same times both times, and some tick slowly.
    """

    file: int = 20 * MB
    ignored_file: int = MB
    ignored_bytes: int = 10 * MB
    ignored_files: int = 500
    files: int = 100_000
    tree: int = 1000 * MB
    store: int = 2000 * MB
    tick: float = 2.0


def is_git(name: str) -> bool:
    return name.casefold() == ".git"


def is_made(name: str) -> bool:
    return name in _MADE


def is_built(name: str) -> bool:
    return name in _BUILT


def marked(names: set[str]) -> str:
    """Why a folder with these names in it is left out as a whole; "" if it is not."""
    if names >= _BARE:
        return "git"
    return "rule" if any(mark in names for mark in _MARKS) else ""


class Ignored:
    """Does git ignore a path of this root? Read from `.gitignore` files as far as they are asked for."""

    def __init__(self, root: str) -> None:
        self._patterns: dict[str, tuple[_Pattern, ...]] = {}
        path = Path(root)
        self._top = str(next((folder for folder in (path, *path.parents) if os.path.lexists(folder / ".git")), path))

    def __call__(self, path: str, *, folder: bool) -> bool:
        """path: absolute, in the root. That a folder above it is ignored is for the caller to know."""
        inside = path[len(self._top) :].strip("/").split("/")
        ignored = False
        for depth in range(len(inside)):
            base = "/".join((self._top, *inside[:depth]))
            name = "/".join(inside[depth:])
            for pattern in self._of(base):
                if (folder or not pattern.folders_only) and pattern.fits(name):
                    ignored = not pattern.negative
        return ignored

    def _of(self, base: str) -> tuple[_Pattern, ...]:
        if base not in self._patterns:
            texts = [_text(f"{base}/.git/info/exclude")] if base == self._top else []
            texts.append(_text(f"{base}/.gitignore"))
            lines = [line for text in texts for line in text.split("\n")]
            self._patterns[base] = tuple(pattern for line in lines if (pattern := _pattern(line)))
        return self._patterns[base]


class _Pattern(NamedTuple):
    fits: Callable[[str], object]
    negative: bool
    folders_only: bool


def _pattern(line: str) -> _Pattern | None:
    line = line.removesuffix("\r")
    if not line.endswith("\\ "):
        line = line.rstrip(" ")
    if not line or line.startswith("#"):
        return None
    negative = line.startswith("!")
    body = line[1:] if negative else line
    folders_only = body.endswith("/")
    body = body.rstrip("/")
    anchored = "/" in body
    text = _expression(body.removeprefix("/"))
    try:
        fits = re.compile(text if anchored else f"(?:.*/)?{text}", re.DOTALL).fullmatch
    except re.error:
        return None
    return _Pattern(fits, negative, folders_only) if body else None


def _expression(pattern: str) -> str:
    """Not `glob.glob_filter`: `.gitignore` knows no choices in braces, and a backslash there quotes.

    Raises re.error for one that could take for ever: the lines may be anybody's.
    """
    if pattern.count("**") > 3 or len(pattern) > 1000:
        raise re.error("too many stars")
    chunks, at = [""], 0
    tokens = re.compile(r"\*\*/|/\*\*$|\*+|\?|\[[!^]?\]?[^\]]*\]|\\.|.", re.DOTALL)
    known = {"**/": "(?:.*/)?", "/**": "/.*", "?": "[^/]"}
    while found := tokens.match(pattern, at):
        token, at = found[0], found.end()
        if token.startswith("*") and token not in known:
            chunks.append("")
        elif token.startswith("[") and len(token) > 1:
            inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            chunks[-1] += f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]"
        else:
            chunks[-1] += known.get(token) or re.escape(token[-1])
    # What follows a star is best found at its first place, unless it is the end: nothing else need be tried.
    stars = [f"(?>[^/]*?{chunk})" for chunk in chunks[1:-1]] + [f"[^/]*{chunk}" for chunk in chunks[1:][-1:]]
    return chunks[0] + "".join(stars)


def _text(path: str) -> str:
    """Of a plain file; of anything else, which may have been put there to hang or mislead us, nothing."""
    with suppress(OSError):
        fd = os.open(path, _READ)
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return os.fsdecode(os.read(fd, MB))
        finally:
            os.close(fd)
    return ""


def hidden_in(root: str, hidden: Sequence[Path]) -> frozenset[str]:
    """The hidden places as paths relative to the root, without case; "" if the root itself lies in one."""
    base = Path(root.casefold())
    found = set()
    for path in hidden:
        folded = Path(os.path.realpath(path).casefold())
        if base.is_relative_to(folded):
            return frozenset({""})
        if folded.is_relative_to(base):
            found.add(str(folded.relative_to(base)))
    return frozenset(found)
