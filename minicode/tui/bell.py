"""The terminal's title, and calling the user who looks elsewhere: what of the screen is outside its window."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size
from textual.app import App

from minicode.text import clean

_TITLE, _MESSAGE = 80, 200  # cells
_SAVE, _RESTORE = "\x1b[22;0t", "\x1b[23;0t"
_MUTE = ("", "dumb", "linux")  # terminals without a title, on which its words could be seen as text


class Bell:
    """One app's. how: the setting `notify`. `begin` when the app is mounted, `end` after its `run` is over."""

    def __init__(self, app: App[Any], how: str = "bell") -> None:
        self.how = how
        self._app = app
        self._shown = ""
        self._saved = False
        self._titled = os.environ.get("TERM", "") not in _MUTE

    @property
    def focused(self) -> bool:
        """Whether the user looks at the terminal, so far as it tells."""
        return self._app.app_focus

    def begin(self) -> None:
        """Have the terminal keep the title it has."""
        if self._titled and not self._saved and self._write(_SAVE):
            self._saved = True

    def title(self, text: str) -> None:
        """Of the window or tab."""
        line = _line(text, _TITLE)
        if self._saved and line != self._shown:
            self._shown = line
            self._write(f"\x1b]2;{line}\x07")

    def notify(self, text: str) -> bool:
        """Call the user, if he looks elsewhere and wants to be called. Whether that was done."""
        if self.focused or self.how == "off":
            return False
        if self.how in ("osc9", "both"):
            # with words before it: a number alone is a command to some terminals
            self._write(f"\x1b]9;minicode: {_line(text, _MESSAGE)}\x07")
        if self.how in ("bell", "both"):
            self._write("\x07")
        return True

    def end(self, terminal: TextIO | None = None) -> None:
        """Give the old title back. The app's driver is gone by now, however it went, so the terminal is written to."""
        stream = terminal or sys.__stderr__
        if self._saved and stream is not None:
            self._saved = False
            stream.write(_RESTORE)
            stream.flush()

    def _write(self, codes: str) -> bool:
        """Between two pictures of the app, by the one who writes those."""
        driver = self._app._driver
        if driver is None or driver.is_headless:
            return False
        driver.write(codes)
        driver.flush()
        return True


def _line(text: str, cells: int) -> str:
    line = clean(" ".join(text.split()))
    return line if cell_len(line) <= cells else f"{set_cell_size(line, cells - 1).rstrip()}…"
