"""What was written and not yet sent, kept in a file over an end that nobody wanted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class Draft:
    """One text in one file. All of it blocks: call it in a thread, and in one at a time."""

    def __init__(self, path: Path | None) -> None:
        """path: None keeps nothing."""
        self._path = path
        self._last = ""  # what we know to be in the file

    def read(self) -> str:
        """ "" if nothing was left, or what was cannot be read."""
        if self._path is not None:
            with suppress(OSError):
                self._last = self._path.read_bytes().decode("utf-8", "replace")
        return self._last

    def before(self, texts: Sequence[str]) -> None:
        """Put these in front of what is kept. Raises OSError."""
        self.write("\n\n".join([*texts, *filter(str.strip, [self.read()])]))

    def write(self, text: str) -> None:
        """An empty one is removed, but only if it is ours. Raises OSError; what was there before stays then."""
        if self._path is None or text == self._last:
            return
        if text.strip():
            write_private(self._path, text)
        else:
            self._path.unlink(missing_ok=True)
        self._last = text


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, for our eyes only (0600), missing folders too (0700). Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        file = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(file, "wb") as out:  # noqa: PTH123 - of a descriptor
            out.write(text.encode("utf-8", "replace"))
        half.replace(path)
    except OSError:
        with suppress(OSError):
            half.unlink()
        raise
