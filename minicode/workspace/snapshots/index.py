"""What the last walk of a root saw, kept for the next process: a cache, dropped if anything about it is odd."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from contextlib import suppress
from pathlib import Path

from minicode.workspace.snapshots.scan import Seen

# What marshal writes depends on the version of Python.
_FORMAT = f"minicode snapshot index 1 {sys.implementation.cache_tag} {marshal.version}\n".encode()
_DIGEST = 32


def load_index(path: Path, generation: str, key: str) -> tuple[dict[str, Seen], int]:
    """The index and the largest size of a file it was made with; ({}, 0) if there is none made for the same.

    key: what the walk depends on besides the files.
    """
    with suppress(OSError):
        data = path.read_bytes()
        body = memoryview(data)[len(_FORMAT) + _DIGEST :]
        if data.startswith(_FORMAT) and data[len(_FORMAT) :][:_DIGEST] == hashlib.sha256(body).digest():
            made_for, asked, largest, rows = marshal.loads(body)
            if (made_for, asked) == (generation, key):
                return {rel: Seen(*row) for rel, row in rows.items()}, largest
    return {}, 0


def save_index(path: Path, generation: str, key: str, index: dict[str, Seen], largest: int) -> None:
    """Without a word if it cannot be: the next process then reads all files again."""
    body = marshal.dumps((generation, key, largest, {rel: tuple(seen) for rel, seen in index.items()}))
    half = path.with_suffix(f".{os.getpid()}.part")
    try:
        fd = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(_FORMAT + hashlib.sha256(body).digest() + body)
        half.replace(path)
    except OSError:
        with suppress(OSError):
            half.unlink()
