"""What an empty transcript shows: what this is, where it works and how it is held, and the sessions of this folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from textual import events, work
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from minicode.text import clean
from minicode.tui.cards import Card, Sessions, headline, one_line
from minicode.tui.keyline import keys, named

_RECENT = 5
_WIDEST = 96  # cells
_AROUND = 13  # rows of the screen that are not the sessions'


class About(NamedTuple):
    """sandbox: what is enforced, in words. keymap: the user's own keys, (id of the action, keys)."""

    version: str
    model: str
    folder: str
    sandbox: str
    mode: str
    keymap: tuple[tuple[str, str], ...] = ()


class Welcome(Widget):
    """Drawn at once; the sessions come when they are known."""

    DEFAULT_CSS = """
    Welcome { width: 1fr; height: auto; padding: 1 2; background: transparent; }
    """
    ALLOW_SELECT = False

    class Chosen(Message):
        """A session that shall go on was clicked."""

        def __init__(self, id: str) -> None:
            super().__init__()
            self.id = id

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self._sessions = sessions
        self._about: About | None = None
        self._current = ""
        self._cards: list[Card] = []
        self._note = ""
        self._places: dict[int, str] = {}  # session by row
        self._under = ""

    def on_mount(self) -> None:
        self.call_after_refresh(self.list_sessions)

    def describe(self, about: About, current: str = "") -> None:
        """Once it is known. current: the id of the open session, which is not listed."""
        self._about, self._current = about, current
        self.refresh(layout=True)

    @work(exclusive=True)
    async def list_sessions(self) -> None:
        """Read anew what is on disk."""
        try:
            found = await self._sessions.listed(everywhere=False, most=_RECENT + 1)
        except ValueError as error:
            self._note = str(error)
        else:
            self._cards = found
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(list(self._lines(width)))

    def render(self) -> Content:
        lines = list(self._lines(self.content_size.width))
        self._places = {row: id_ for row, (_, id_) in enumerate(lines) if id_}
        return Content("\n").join(line for line, _ in lines)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._point(self._places.get(event.y - self.gutter.top, ""))

    def on_leave(self) -> None:
        self._point("")

    def on_click(self, event: events.Click) -> None:
        if id_ := self._places.get(event.y - self.gutter.top):
            self.post_message(self.Chosen(id_))

    def _point(self, id_: str) -> None:
        if id_ != self._under:
            self._under = id_
            self.refresh()

    def _lines(self, width: int) -> Iterator[tuple[Content, str]]:
        """(line, the session it stands for, "" for none)."""
        width = max(min(width, _WIDEST), 1)

        def cut(line: Content) -> tuple[Content, str]:
            return line.truncate(width, ellipsis=True), ""

        if about := self._about:
            yield cut(Content.assemble(("minicode", "bold $primary"), (f"  {about.version}", "dim")))
            yield cut(Content.assemble(one_line(about.model), (" in ", "dim"), one_line(about.folder)))
            held = [f"sandbox {one_line(about.sandbox)}", f"mode {one_line(about.mode)}"]
            held = [" · ".join(held)] if len(" · ".join(held)) <= width else held
            yield from ((line, "") for text in held for line in Content.styled(text, "dim").wrap(width))
        else:
            yield cut(Content.styled("minicode", "bold $primary"))
            yield from [cut(Content(""))] * 2
        if self._note:
            yield cut(Content(""))
            yield cut(Content.styled(clean(self._note).replace("\n", " "), "$warning"))
        if cards := [card for card in self._cards if card.id != self._current][:_RECENT]:
            yield cut(Content(""))
            yield cut(Content.styled("Recent sessions here", "bold"))
            now, room = time.time(), self.app.size.height - _AROUND
            for card in cards:
                lines = list(self._of(card, width, now))
                room -= len(lines)
                if room >= 0:
                    yield from ((line, card.id) for line in lines)
        yield cut(Content(""))
        yield cut(self._keys(width))

    def _of(self, card: Card, width: int, now: float) -> Iterator[Content]:
        title, facts = headline(card, now)
        if card.id == self._under:
            title = title.stylize("underline")
        room = width - facts.cell_length - 4
        if room < 20:
            facts, room = Content(""), max(width - 2, 1)
        yield Content("  ") + title.truncate(room, ellipsis=True, pad=True) + Content("  ") + facts
        if card.turns > 1 and width > 40:
            last = Content(f"  {one_line(card.last)}").truncate(width, ellipsis=True)
            yield last.stylize("dim")

    def _keys(self, width: int) -> Content:
        """As many as there is room for, the most useful ones first."""
        own = dict(self._about.keymap) if self._about else {}
        pairs = [("?", "keys"), ("/", "words"), ("@", "files"), ("!", "shell")]
        pairs.append((named(own.get("thinking", "alt+t")), "thoughts"))
        if self._cards:
            pairs.insert(2, ("/resume", "all sessions"))
        while len(pairs) > 1 and keys(pairs).cell_length > width:
            pairs.pop()
        return keys(pairs)
