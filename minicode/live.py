"""What a program prints, shown while it runs: a little, not too often, and no secret that came in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minicode.colours import coloured
from minicode.events import CallSaid
from minicode.redact import Overlap, Redactor
from minicode.text import clean_output

_PAUSE = 0.2  # seconds
_KEPT = 2**16  # bytes at most between two tellings; of more, the beginning is left out
_SHOWN = 2000  # characters at a time
_PAINTED = 2**13  # bytes in which their colours are looked for


class Live:
    """Tells whole lines; one that a progress bar writes over again and again counts as whole each time, and the next
    state of it is told as `over`. torn: tells the beginning of a line too, for whoever may see half a secret."""

    def __init__(
        self,
        say: Callable[[CallSaid], None],
        call_id: str = "",
        redactor: Redactor | None = None,
        *,
        torn: bool = False,
    ) -> None:
        self._say = say
        self._call_id = call_id
        self._redactor = redactor
        self._torn = torn
        self._hide = self._fresh()
        self._waiting = bytearray()
        self._open = False  # the last line that was told may be told again
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) > _KEPT:
            # What is left of a torn line could be half a secret.
            cut = self._waiting.find(b"\n", len(self._waiting) - _KEPT) + 1 or len(self._waiting)
            self._open = self._open and self._waiting.find(b"\n", 0, cut) < 0
            del self._waiting[:cut]
            self._hide = self._fresh()
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._last + _PAUSE, loop.time()), self._tell)

    def close(self) -> None:
        """The rest is in the result."""
        if self._timer is not None:
            self._timer.cancel()
            if self._torn:
                self._tell()

    def _fresh(self) -> Callable[[str], str]:
        return Overlap(self._redactor).feed if self._redactor else str

    def _tell(self) -> None:
        self._timer = None
        # A line that goes on may end within a letter, an escape code or a secret.
        seam = max(self._waiting.rfind(b"\n") + 1, self._waiting.rfind(b"\r"))
        data = bytes(self._waiting if self._torn else self._waiting[:seam])
        del self._waiting[:seam]
        lines = clean_output(data)
        over = self._open and not lines.startswith("\n")
        if self._open and not over:  # the last state stays
            lines = lines[1:]
        if not lines:
            self._open = over
            return
        goes_on = not lines.endswith("\n")
        whole = lines + "\n" * goes_on
        told = self._hide(whole)
        # What is held back would come behind the line that is written over.
        self._open = goes_on and (self._redactor is None or told == self._redactor.text(whole))
        if told:
            self._last = asyncio.get_running_loop().time()
            told = _end(told)
            self._say(CallSaid(self._call_id, told, over, coloured(data[-_PAINTED:], told)))


def _end(text: str) -> str:
    if len(text) <= _SHOWN:
        return text
    torn, _, tail = text[-_SHOWN:].partition("\n")
    return f"…\n{tail}" if tail else f"{torn}\n"
