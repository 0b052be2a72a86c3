"""The figures of the status line, kept up to date by the events."""

from __future__ import annotations

import time
from typing import Any

from minicode.events import (
    CallDone,
    CallStarted,
    Event,
    Folded,
    ReplyDone,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
)
from minicode.tui.desk import Desk, Opened
from minicode.tui.status import Figures

_TOKEN = 4  # characters, about


class Figuring:
    """figures: as they are now."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.figures = Figures()
        self._streamed = 0  # characters in this step
        self._since = 0.0

    def begin(self, opened: Opened) -> None:
        self.figures = Figures(branch=self.figures.branch, dirty=self.figures.dirty)
        self.settled(opened)

    def settled(self, opened: Opened) -> Figures:
        """With what does not come with events: model, mode, sandbox, the window."""
        returned, issued = opened.session.meter
        standing = opened.session.gate.standing
        self._put(
            model=opened.model,
            mode=standing.mode,
            sandbox=opened.contained,
            loose=opened.loose,
            thoughts=issued,
            returned=returned,
            folded=opened.session.history.folded,
        )
        self._full()
        return self.figures

    def repo(self, found: tuple[str, int] | None) -> None:
        branch, dirty = found or ("", 0)
        self._put(branch=branch, dirty=dirty)

    def stopping(self) -> Figures:
        self._put(doing="stopping")
        return self.figures

    def cost(self, dollars: float) -> None:
        self._put(cost=dollars or None)

    def show(self, event: Event) -> None:
        match event:
            case StepStarted(_, returned, issued):
                self._put(returned=returned, thoughts=issued, doing="asking", speed=None)
                self._streamed, self._since = 0, 0.0
            case ThinkingDelta(text) | TextDelta(text):
                self._speed(len(text), "thinking" if isinstance(event, ThinkingDelta) else "writing")
            case ReplyDone(reply):
                use = reply.usage
                self._put(doing="", cached=use.cache_read / use.context if use.context else None)
                self._full()
            case CallStarted(call):
                self._put(doing=call.name)
            case CallDone():
                self._put(doing="")
            case Folded():
                self._full()
            case TurnEnded(returned=returned, issued=issued, folded=folded):
                self._put(returned=returned, thoughts=issued, folded=folded, doing="", speed=None)
                self._full()

    def _speed(self, characters: int, doing: str) -> None:
        now = time.monotonic()
        self._since = self._since or now
        self._streamed += characters
        took = now - self._since
        self._put(doing=doing, speed=self._streamed / _TOKEN / took if took >= 0.5 else None)

    def _full(self) -> None:
        window = self._desk.window()
        self._put(context=window.used / window.room if window.used and window.room else None)

    def _put(self, **changes: Any) -> None:
        self.figures = self.figures._replace(**changes)
