"""A session as the start screen and the picker show it, and the port through which they hear of sessions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from textual.content import Content

from minicode.text import clean, count

_READ = 1_000  # characters of a text of which one line is made


class Card(NamedTuple):
    """title: its name, else its title, else what was first said. last: what the user said last. when: seconds since
    1970 at which it was last written to, 0 if nobody knows. folder: as a person writes it. size: bytes."""

    id: str
    title: str
    name: str
    folder: str
    last: str
    when: float
    turns: int
    size: int


class Found(NamedTuple):
    """Words found in a session. snippet: one line, what was found in [brackets]."""

    id: str
    snippet: str


class Exchange(NamedTuple):
    """What the user said, and how the answer begins, "" if there was none. steps: replies it took."""

    said: str
    answer: str
    steps: int


class Look(NamedTuple):
    """What is in a session. todos: (text, "pending" | "in_progress" | "completed"). given, issued: of its thoughts.
    in_use: by whom, "" if by nobody. damaged: lines that cannot be read."""

    exchanges: tuple[Exchange, ...]
    todos: tuple[tuple[str, str], ...]
    given: int
    issued: int
    in_use: str
    damaged: int


class Sessions(Protocol):
    """What is on disk. All of it takes its time elsewhere, and raises ValueError with a sentence for the user."""

    async def listed(self, everywhere: bool, most: int = 0) -> list[Card]:
        """Of this folder or of all, the latest first; at most so many, unless 0."""
        ...

    async def search(self, words: str, everywhere: bool) -> list[Found]:
        """The sessions in which all of the words were said or thought, the best first."""
        ...

    async def look(self, id_: str) -> Look: ...
    async def rename(self, id_: str, name: str) -> None: ...
    async def trash(self, id_: str) -> None:
        """Into the trash, from which it can be brought back."""
        ...


def one_line(text: str) -> str:
    """Clean, and without line ends."""
    return " ".join(clean(text[:_READ]).split())


def ago(when: float, now: float) -> str:
    """How a person says when that was."""
    if not when:
        return "unknown time"
    gone = now - when
    if gone < 60:
        return "just now"
    if gone < 3600:
        return f"{int(gone / 60)} min ago"
    then, today = datetime.fromtimestamp(when), datetime.fromtimestamp(now)
    days = (today.date() - then.date()).days
    if days <= 1:
        return f"{int(gone / 3600)} h ago" if days < 1 or gone < 6 * 3600 else "yesterday"
    return f"{then.day} {then:%b}" if then.year == today.year else f"{then.day} {then:%b %Y}"


def size(number: int) -> str:
    return f"{max(number, 1) / 1e3:,.0f} kB" if number < 1e6 else f"{number / 1e6:,.1f} MB"


def headline(card: Card, now: float) -> tuple[Content, Content]:
    """The title, and at the right how long it is and when it was."""
    title = Content(one_line(card.title) or "(nothing was said)")
    return title, Content.styled(f"{count(card.turns, 'turn')} · {ago(card.when, now)}", "dim")


def marked(snippet: str) -> Content:
    """A snippet, what stands in its brackets made to be seen."""
    parts: list[Content] = []
    for number, part in enumerate(one_line(snippet).split("[")):
        hit, closing, rest = part.partition("]")
        if number and closing:
            parts += [Content.styled(hit, "bold $accent"), Content.styled(rest, "dim")]
        else:
            parts.append(Content.styled(part if not number else f"[{part}", "dim"))
    return Content("").join(parts)
