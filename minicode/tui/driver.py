"""Textual's driver, mended where a real terminal breaks it: a closed window, a stop, a paste that is no text."""

from __future__ import annotations

import codecs
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.app import ScreenError
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from minicode.tui.modes import Terminal

_PATIENCE = 3.0  # seconds
# Seconds after which an Esc that stands alone is the key, and no longer the begin of another one that a slow line cut
# in two. Textual takes 0.1 to 0.2.
_LONE = 0.05 if os.environ.get("SSH_CONNECTION") else 0.025
_SILENCE = 1.5  # seconds in which nothing of a paste comes
_KEY = 8  # characters that a key may send
_BEGIN, _END = "\x1b[200~", "\x1b[201~"


def of(terminal: Terminal) -> type[Driver] | None:
    """The driver for an app on this terminal; None where Textual's own choice is right."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return None
    return type("OwnDriver", (ScreenDriver,), {"terminal": terminal})


class ScreenDriver(LinuxDriver):
    """Tells `terminal` when it takes the terminal, and lets it put everything back."""

    terminal: ClassVar[Terminal]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = _Lasting()  # type: ignore[assignment]

    def start_application_mode(self) -> None:
        if self.terminal.taken:  # SIGCONT after a SIGSTOP that nobody could see
            self.suspend_application_mode()
        self.terminal.taken = True
        again = self._writer_thread is not None
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if again:  # after `fg` the screen is empty
            self._app.call_later(self._app.refresh, layout=True)

    def stop_application_mode(self) -> None:
        super().stop_application_mode()
        self.close()  # all is written before we write
        self.terminal.restore()

    def write(self, data: str) -> None:
        if self.terminal.taken and self._writer_thread is not None:
            super().write(data)

    def run_input_thread(self) -> None:
        """Textual's ends with a traceback at the first byte that is no UTF-8, spins at the end of the input, looks for
        a lone Esc only ten times a second, and takes what follows an escape in a paste for keys."""
        parser, pastes = XTermParser(self._debug), _Pastes()
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        first = True
        hurry = heard = 0.0  # till then what was read may be the begin of more; when anything came last
        self._wait_for_focus()
        while not self.exit_event.is_set():
            now = time.monotonic()
            if select.select([0], [], [], 0.01 if now < hurry else 0.1)[0]:
                data = b""
                with suppress(OSError):
                    data = os.read(0, 1 << 12)
                if not data:  # the window is closed: SIGHUP says so
                    self.exit_event.wait()
                    return
                if data == b"\x1b" and not pastes.inside and not select.select([0], [], [], _LONE)[0]:
                    self.process_message(events.Key("escape", "\x1b"))
                    continue
                hurry, heard = now + 2 * constants.ESCAPE_DELAY, now
                if first:  # typed before the terminal was ours, which made a newline of Enter
                    data, first = data.replace(b"\n", b"\r"), False
                for pasted, text in pastes.split(decode(data)):
                    if pasted:
                        self.process_message(events.Paste(text.replace("\0", "")))
                    elif text:  # the parser takes "" for the end of all, and Alt with Enter for Enter
                        for event in parser.feed(text.replace("\x1b\r", "\x1b[13;3u")):
                            self.process_message(event)
            elif pastes.inside and now - heard > _SILENCE and (text := pastes.fell_silent()):
                self.process_message(events.Paste(text.replace("\0", "")))
            for event in parser.tick():
                self.process_message(event)

    def _wait_for_focus(self) -> None:
        """Keys that come before there is a widget to take them are left with the kernel: Textual would drop them."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and not self.exit_event.wait(0.005):
            with suppress(ScreenError):
                if self._app.focused is not None:
                    return


class _Pastes:
    """Tells what was pasted from what was typed. A paste whose end is lost must not swallow the keyboard: after a
    silence what came of it is shown, and if it is but a key that comes then, it is over. More than a key goes on with
    it, for on a slow line a paste may pause, and a newline in it must not become Enter."""

    def __init__(self) -> None:
        self.inside = False
        self._silent = False
        self._parts: list[str] = []
        self._held = ""  # the end of what came, which may be the first half of a mark

    def split(self, text: str) -> Iterator[tuple[bool, str]]:
        """(pasted, text) for each piece; a paste comes when all of it is there."""
        key = len(text) <= _KEY
        text = self._held + text
        self._held = ""
        if self._silent and key and _END not in text:
            self.inside = False
        self._silent = False
        while self.inside or _BEGIN in text:
            before, mark, rest = text.partition(_END if self.inside else _BEGIN)
            if not mark:
                whole = max(len(text) - len(_END) + 1, 0)
                self._parts.append(text[:whole])
                self._held = text[whole:]
                return
            yield self.inside, "".join((*self._parts, before))
            self._parts.clear()
            self.inside, text = not self.inside, rest
        for size in (5, 4, 3):  # less of it may be a key that is whole
            if text.endswith(_BEGIN[:size]):
                text, self._held = text[:-size], text[-size:]
        yield False, text.replace(_END, "")

    def fell_silent(self) -> str:
        """What came of a paste so far, which is shown now; "" if there is nothing new of it."""
        self._silent = True
        text = "".join((*self._parts, self._held))
        self._parts.clear()
        size = next((size for size in range(len(_END) - 1, 0, -1) if text.endswith(_END[:size])), 0)
        self._held = text[len(text) - size :]
        return text[: len(text) - size]


class _Lasting:
    """Standard error for the thread that writes frames: were it to die of a closed window, all would wait for it."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.__stderr__.write(text)  # type: ignore[union-attr]

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.__stderr__.flush()  # type: ignore[union-attr]

    def fileno(self) -> int:
        return 2
