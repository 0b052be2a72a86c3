"""A small process that outlives minicode and ends its commands, should minicode be killed. Linux only."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# Not a virtual environment's link to it, which may lie where commands can change it.
PYTHON: str = getattr(sys, "_base_executable", sys.executable)
_LEFTOVERS = str(Path(__file__).with_name("leftovers.py"))
# A shell waits, as it is there in a millisecond and takes no room; a line is a goodbye, the end of the pipe a death.
_WAIT = 'trap "" INT HUP TERM; read -r bye || exec "$0" -I -S "$@"'
_LOADER = "LD_LIBRARY_PATH"  # without which some Pythons do not find themselves
_PATIENCE = 1.0  # seconds for it to go


class Warden:
    """That of one owner of calls, as in `leftovers`. It is there from the first `watch` to `close`, which garbage
    collection and an orderly end of the process call as well."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._goodbye: Callable[[], object] | None = None

    def watch(self) -> None:
        """Have it started, if it is not there yet."""
        if self._goodbye is not None or sys.platform != "linux":
            return
        reader, writer = os.pipe()
        try:
            # In a session of its own, so that no key and no closed terminal reaches it, and with nothing of ours open.
            process = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT, PYTHON, _LEFTOVERS, self._owner],
                cwd="/",
                env={_LOADER: os.environ[_LOADER]} if _LOADER in os.environ else {},
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:  # no room for one more: commands run without it
            os.close(writer)
            return
        finally:
            os.close(reader)
        self._goodbye = weakref.finalize(self, _dismiss, process, writer)

    def close(self) -> None:
        """It goes, and ends nothing. Harmless if it is not there."""
        if self._goodbye is not None:
            self._goodbye()


def _dismiss(process: subprocess.Popen[bytes], writer: int) -> None:
    with suppress(BrokenPipeError):
        os.write(writer, b"\n")
    os.close(writer)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)
