"""The prompts of before: kept in a file for each project, walked through with the arrows, searched."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from minicode.tui.drafts import write_private

MOST = 1_000  # prompts that are remembered
LARGEST = 8 * 2**20  # bytes of the file that are read; it is cut down to what is remembered when it is twice as long


class Found(NamedTuple):
    """text: a prompt of before. at: where in it the letters are."""

    text: str
    at: int


class History:
    """`read` and `keep` block: call them in a thread, one at a time. The rest is quick."""

    def __init__(self, path: Path | None) -> None:
        """path: of JSON lines, the newest last; None keeps nothing."""
        self._path = path
        self._texts: list[str] = []
        self._place = 0  # in the walk; len(texts) is what is being written
        self._written = ""
        self._torn = False  # the file ends in half a line

    def read(self) -> list[str]:
        """What the file has, for `begin`. Raises OSError if it is there but cannot be read, or not be cut down."""
        if self._path is None or not self._path.exists():
            return []
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            file.seek(max(size - LARGEST, 0))
            lines = file.read().decode("utf-8", "replace").split("\n")
        self._torn = bool(lines[-1])
        old: list[str] = []
        for line in lines:
            text = _text(line)
            if text and text != (old[-1] if old else ""):
                old.append(text)
        old = old[-MOST:]
        if len(lines) > 2 * MOST or size > 2 * LARGEST:
            write_private(self._path, "".join(map(_line, old)))
            self._torn = False
        return old

    def begin(self, old: list[str]) -> None:
        """Remember these as what was before all the rest."""
        self._texts[:0] = old
        self._place += len(old)

    def add(self, text: str) -> bool:
        """Remember it as the newest, and end a walk. False if it was the newest already, and is not to be kept."""
        new = bool(text.strip()) and text != (self._texts[-1] if self._texts else "")
        if new:
            self._texts.append(text)
            del self._texts[:-MOST]
        self._place = len(self._texts)
        return new

    def keep(self, text: str) -> None:
        """Write it to the file. Raises OSError."""
        if self._path is None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with open(file, "ab", buffering=0) as out:  # noqa: PTH123 - of a descriptor
            out.write(("\n" * self._torn + _line(text)).encode("utf-8", "replace"))
        self._torn = False

    def back(self, written: str) -> str | None:
        """The prompt before the one that is shown; None if there is none. written: what is shown now."""
        return self._walk(written, -1)

    def on(self, written: str) -> str | None:
        """The next one; in the end what was being written when the walk began."""
        return self._walk(written, 1)

    def find(self, letters: str, most: int = 50) -> list[Found]:
        """Those with the letters in them, upper or lower case, each once, the newest first."""
        found: dict[str, int] = {}
        wanted = letters.lower()
        for text in reversed(self._texts):
            at = text.lower().find(wanted)
            if at >= 0 and text not in found:
                found[text] = at
                if len(found) == most:
                    break
        return [Found(text, at) for text, at in found.items()]

    def _walk(self, written: str, step: int) -> str | None:
        end = len(self._texts)
        if self._place < end and written != self._texts[self._place]:  # it was edited, so it is a new one
            self._place = end
        if self._place == end:
            self._written = written
        place = self._place + step
        if not 0 <= place <= end:
            return None
        self._place = place
        return self._written if place == end else self._texts[place]


def _line(text: str) -> str:
    return json.dumps({"text": text, "time": int(time.time())}, ensure_ascii=False) + "\n"


def _text(line: str) -> str:
    """ "" for a line that is none of ours."""
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    text = entry.get("text") if isinstance(entry, dict) else None
    return text if isinstance(text, str) else ""
