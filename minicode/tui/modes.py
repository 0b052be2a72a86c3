"""The terminal is given back as it was found, however the screen ends: by a key, a signal, a crash, a closed window."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

# Takes back all that a screen may have switched on; on a terminal where none of it is on it changes nothing.
RESET = (
    b"\x1b[?2026l"  # first: a frame that was begun is shown no more
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # the mouse
    b"\x1b[?2004l\x1b[?1004l\x1b[?2048l\x1b[?2031l\x1b[?7h\x1b[0m"
    b"\x1b[<u"  # kitty's keys; while still on the alternate screen, which counts them for itself
    b"\x1b7\x1b[?1049l"  # the place is kept first, or 1049 would move the cursor of one who has left already
    b"\x1b[?25h"
)


def has_screen() -> bool:
    """Whether there is a terminal to draw on and to read keys from, or `minicode serve` that stands for one."""
    return bool(os.environ.get("TEXTUAL_DRIVER")) or all(os.isatty(fd) for fd in (0, 1, 2))


class Terminal:
    """The terminal of standard input, as it was when this was made.

    `with Terminal() as terminal: app = App(driver_class=driver.of(terminal))`. At its end, and whenever `restore` is
    called, the terminal is as before. SIGKILL leaves nobody to do it: `reset` is the shell's cure for that.

    grace: seconds an end that was asked for by a signal may take.
    """

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace
        self.taken = False
        self._told = 0.0
        self._attributes: list[Any] | None = None
        with suppress(termios.error):
            self._attributes = termios.tcgetattr(0)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Can be called at any time, again and again, from any thread."""
        if self.taken:
            self.taken = False
            with suppress(OSError):
                os.write(2, RESET)
        if self._attributes is not None:
            with suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, self._attributes)

    def heed(self, end: Callable[[int], object]) -> None:
        """From now on SIGTERM, SIGHUP (a closed window too) and SIGINT call `end(exit code)`, in the loop if one runs.
        What does not end in time, or is told twice, is ended here."""

        def told(number: int, _: FrameType | None) -> None:
            code = 128 + number
            if self._told:
                if time.monotonic() > self._told + 1:  # the kernel and the shell may both say that the window is closed
                    self._leave(code)
                return
            self._told = time.monotonic()
            timer = threading.Timer(self._grace, self._leave, [code])
            timer.daemon = True
            timer.start()
            try:
                asyncio.get_running_loop().call_soon_threadsafe(end, code)  # which wakes a loop that sleeps
            except RuntimeError:
                end(code)

        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, told)
        threading.Thread(target=_watch, name="hang-up", daemon=True).start()

    def _leave(self, code: int) -> None:
        with suppress(termios.error):
            termios.tcflush(2, termios.TCOFLUSH)  # a terminal that reads no more would hold us up for ever
        self.restore()
        os._exit(code)


def _watch() -> None:
    """Wait, at no cost, until the window is closed, and see that this is heard: the kernel tells only a terminal's own
    session, and Textual would read the end of its input for ever."""
    poll = select.poll()
    poll.register(0, 0)
    poll.poll()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for fd in (1, 2):  # or the last words would fail
        os.dup2(nowhere, fd)
    os.kill(os.getpid(), signal.SIGHUP)
