"""Textual's driver, mended where a real terminal breaks it: a closed window, a stop, a paste that is no text."""

from __future__ import annotations

import codecs
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.app import ScreenError
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from minicode.tui.answers import ASK, ASK_AND_TELL, TELL_NO_MORE, Answers, Changed, can_be_asked
from minicode.tui.modes import Terminal

_PATIENCE = 3.0  # seconds
_SLOW = bool(os.environ.get("SSH_CONNECTION"))  # a line that may cut what a terminal sends in pieces
# Seconds after which an Esc that stands alone is the key, and no longer the begin of another one that was cut in two.
# Textual takes 0.1 to 0.2.
_LONE = 0.05 if _SLOW else 0.025
_AWAITED = 0.1  # the same on a slow line while the terminal's answer may come, which must not be taken for keys
_ANSWERING = 2.0  # seconds that it may take
_LEAVING = 0.5  # seconds after the question in which an end waits for the answer, or the shell would get it
_HALF = 5.0  # seconds in which nothing comes of an answer that has begun
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
        self._asked = -_ANSWERING  # when the terminal was asked for its background last
        self._answered = threading.Event()

    def start_application_mode(self) -> None:
        if self.terminal.taken:  # SIGCONT after a SIGSTOP that nobody could see
            self.suspend_application_mode()
        self.terminal.taken = True
        again = self._writer_thread is not None
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if can_be_asked():
            self._ask(ASK_AND_TELL)
        if again:  # after `fg` the screen is empty
            self._app.call_later(self._app.refresh, layout=True)

    def stop_application_mode(self) -> None:
        self.write(TELL_NO_MORE)
        self._answered.wait(max(self._asked + _LEAVING - time.monotonic(), 0))
        super().stop_application_mode()
        self.close()  # all is written before we write
        self.terminal.restore()

    def write(self, data: str) -> None:
        if self.terminal.taken and self._writer_thread is not None:
            super().write(data)

    def run_input_thread(self) -> None:
        """Textual's ends with a traceback at the first byte that is no UTF-8, spins at the end of the input, looks for
        a lone Esc only ten times a second, and takes what follows an escape in a paste for keys, and an answer, too."""
        heard = _Heard(XTermParser(self._debug), self.process_message, self._told)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        hurry = 0.0  # till then what was read may be the begin of more
        heard.hear_early(self._wait_for_focus(decode, heard))
        last = time.monotonic()
        while not self.exit_event.is_set():
            now = time.monotonic()
            if not _more(0.01 if now < hurry else 0.1):
                heard.nothing(now - last)
                continue
            data = _read()
            if not data:  # the window is closed: SIGHUP says so
                self.exit_event.wait()
                return
            if data.endswith(b"\x1b") and not heard.amid:
                if _more(self._lone(now)):
                    data += _read()
                elif data == b"\x1b":
                    heard.escape()
                    continue
            hurry, last = now + 2 * constants.ESCAPE_DELAY, now
            heard.hear(decode(data))
            heard.nothing(0)

    def _wait_for_focus(self, decode: Callable[[bytes], str], heard: _Heard) -> str:
        """Until there is a widget that takes keys: Textual would drop them. Those that came meanwhile; but the first
        frame should know what the terminal answered."""
        end = time.monotonic() + _PATIENCE
        early = ""
        while time.monotonic() < end and not self.exit_event.is_set():
            if _more(0.005):
                if not (data := _read()):
                    break
                early += heard.typed(decode(data))
            with suppress(ScreenError):
                if self._app.focused is not None:
                    break
        return early.replace("\n", "\r")  # before the terminal was ours, it made a newline of Enter

    def _told(self, answer: Message) -> None:
        if isinstance(answer, Changed):  # it tells a taste; the colour that it now has is to be asked for
            self._ask(ASK)
        else:
            self._answered.set()
            self.process_message(answer)

    def _ask(self, question: str) -> None:
        self._answered.clear()
        self._asked = time.monotonic()
        self.write(question)

    def _lone(self, now: float) -> float:
        """How long an Esc is waited with, which may be the begin of more."""
        awaited = _SLOW and not self._answered.is_set() and now < self._asked + _ANSWERING
        return _AWAITED if awaited else _LONE


def _more(seconds: float) -> bool:
    return bool(select.select([0], [], [], seconds)[0])


def _read() -> bytes:
    with suppress(OSError):
        return os.read(0, 1 << 12)
    return b""


class _Heard:
    """Tells keys, pastes and answers apart. process: where keys and pastes go; told: answers."""

    def __init__(
        self, parser: XTermParser, process: Callable[[Message], None], told: Callable[[Message], None]
    ) -> None:
        self._parser, self._process, self._told = parser, process, told
        self._pastes, self._answers = _Pastes(), Answers()

    @property
    def amid(self) -> bool:
        """Would an Esc that comes now be no key?"""
        return self._pastes.inside or self._answers.begun

    def hear(self, text: str) -> None:
        for pasted, piece in self._pastes.split(text):
            if pasted:
                self._paste(piece)
            else:
                self._keys(self.typed(piece))

    def hear_early(self, text: str) -> None:
        """What `typed` has given so far: it was there before what is held."""
        held, self._answers.held = self._answers.held, ""
        self.hear(text + held)

    def typed(self, text: str) -> str:
        """Without what was answered."""
        rest, messages = self._answers.split(text)
        for message in messages:
            self._told(message)
        return rest

    def escape(self) -> None:
        self._keys(self._answers.give_up())
        self._process(events.Key("escape", "\x1b"))

    def nothing(self, seconds: float) -> None:
        """Nothing came for so long."""
        if self._answers.held and seconds > (_HALF if self._answers.begun else _AWAITED):
            self._keys(self._answers.give_up())
        if self._pastes.inside and seconds > _SILENCE and (text := self._pastes.fell_silent()):
            self._paste(text)
        for event in self._parser.tick():
            self._process(event)

    def _keys(self, text: str) -> None:
        if text:  # the parser takes "" for the end of all, and Alt with Enter for Enter
            for event in self._parser.feed(text.replace("\x1b\r", "\x1b[13;3u")):
                self._process(event)

    def _paste(self, text: str) -> None:
        self._process(events.Paste(text.replace("\0", "")))


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
