"""What the terminal answers when it is asked for its background, told from what is typed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from textual.message import Message

# The background's colour; and tell when the user's taste for light or dark changes, as it does at dusk (DEC mode 2031).
ASK = "\x1b]11;?\x1b\\"
ASK_AND_TELL = f"{ASK}\x1b[?2031h"
TELL_NO_MORE = "\x1b[?2031l"
_COLOUR = re.compile(r"(?:\x1b|\A)\]11;rgba?:([0-9a-fA-F/]{1,40})(?:\x07|\x1b\\)")
_CHANGED = re.compile(r"\x1b\[\?997;[0-9]{1,2}n")
_BEGINS = ("\x1b]11;", "\x1b[?997;")
_BEGUN = re.compile(
    r"\x1b(?:\](?:1(?:1(?:;[rgba:0-9a-fA-F/]{0,48}\x1b?)?)?)?|\[(?:\?(?:9(?:9(?:7(?:;[0-9]{0,2})?)?)?)?)?)\Z"
)
_KEYS = ("\x1b]", "\x1b[")  # what may be the begin of an answer, and a key that is whole
_LIGHT = 0.5
# They show the question, or what they take for it.
_DEAF = ("", "dumb", "linux", "ansi", "vt52", "vt100", "vt102", "vt220", "eterm", "eterm-color", "cygwin", "cons25")


class Ground(Message):
    """light: is the terminal's background?"""

    def __init__(self, light: bool) -> None:
        super().__init__()
        self.light = light


class Changed(Message):
    """The background may be another now."""


def can_be_asked(env: Mapping[str, str] = os.environ) -> bool:
    return env.get("TERM", "") not in _DEAF and "NO_COLOR" not in env


class Answers:
    """Takes them out of what is read. An answer that a slow line cuts in pieces is held until all of it is there; what
    began like one and goes on otherwise was typed, and a key is never held for long."""

    def __init__(self) -> None:
        self.held = ""

    @property
    def begun(self) -> bool:
        """Is what is held no key? Then an escape may be the answer's own end."""
        return self.held.startswith(_BEGINS)

    def split(self, text: str) -> tuple[str, list[Message]]:
        """What was typed, and what was answered."""
        text, self.held = self.held + text, ""
        messages: list[Message] = []
        for found in _COLOUR.finditer(text):
            messages += [Ground(light)] if (light := _light(found[1])) is not None else []
        messages += [Changed() for _ in _CHANGED.finditer(text)]
        text = _CHANGED.sub("", _COLOUR.sub("", text))
        if begun := _BEGUN.search(text):
            text, self.held = text[: begun.start()], begun[0]
        return text, messages

    def give_up(self) -> str:
        """Nothing more came for a while: what was held, if it is a key. Half an answer never is."""
        held, self.held = self.held, ""
        return held if held in _KEYS else ""


def _light(colour: str) -> bool | None:
    """Of `rrrr/gggg/bbbb`, one to four hexadecimal digits each; None if it is no colour."""
    parts = list(_shares(colour))
    if not 3 <= len(parts) <= 4:
        return None
    red, green, blue = parts[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue > _LIGHT


def _shares(colour: str) -> Iterator[float]:
    for part in colour.split("/"):
        if not 1 <= len(part) <= 4:
            return
        yield int(part, 16) / (16 ** len(part) - 1)
