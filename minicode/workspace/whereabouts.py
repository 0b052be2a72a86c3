"""Learn in which folder a shell ends, without a word of it in the command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LONGEST = 4096  # bytes of a path
# It lies with the program: what bash reads from a place where commands may write, another one could have written.
_HOOK = str(Path(__file__).with_name("whereabouts.sh"))


class Whereabouts:
    """environment: for bash, which will tell; nothing is learned of a command that replaces the shell or its
    EXIT trap."""

    def __init__(self, file: int, name: str) -> None:
        self.environment = {"BASH_ENV": _HOOK, "MINICODE_ENDED": name} if name else {}
        self._file = file

    def last(self) -> str:
        """Where the shell ended, "" if that is not known. The command could have written it: it is no more than words.

        Read through the descriptor, for at the name there could be anything by now.
        """
        said = os.pread(self._file, _LONGEST + 2, 0).removesuffix(b"\n") if self._file >= 0 else b""
        return os.fsdecode(said) if said.startswith(b"/") and len(said) <= _LONGEST else ""


@contextmanager
def whereabouts(folder: Path | None) -> Iterator[Whereabouts]:
    """For one command. folder: where it may write, None for the system's place for such files. bash sets a trap before
    it begins, so the command stays as it is, its line numbers too."""
    import tempfile

    try:
        file, name = tempfile.mkstemp(prefix="minicode-", dir=folder)
    except OSError:
        yield Whereabouts(-1, "")  # no room for it: then it is not learned
        return
    try:
        yield Whereabouts(file, name)
    finally:
        os.close(file)
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - for each such command
