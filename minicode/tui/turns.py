"""One turn after the other: what is said now, what waits, what steers, and how it is stopped. Knows no widget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from minicode.events import Answer, CallStarted, Event, Noted, TurnEnded

if TYPE_CHECKING:
    from minicode.session import Session


class Turns:
    """show: called with each event, in order. changed: the queue, or whether a turn runs, is another.

    queue: words that are sent when the turn is done, one turn each; the user may edit them till then.
    """

    def __init__(
        self,
        session: Session,
        show: Callable[[Event], None],
        changed: Callable[[], None],
        queue: Iterable[str] = (),
    ) -> None:
        self.session = session
        self.queue = list(queue)
        self.begun = 0.0  # time.monotonic() at which the turn began, 0 if none runs
        self._show = show
        self._changed = changed
        told = session.jobs.tell
        # Between turns nobody reads what a turn tells.
        session.jobs.tell = lambda event: told(event) if self.running else self._tell(event)
        self._task: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._calls: list[str] = []  # ids of those that run

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def say(self, text: str, how: str = "send") -> str:
        """how: "send", "queue" or "now". Returns what became of it: "sent", "queued", "steered" or "now"."""
        if not self.running:
            self._task = asyncio.create_task(self._run(text))
            return "sent"
        if how == "queue":
            self.queue.append(text)
            self._changed()
            return "queued"
        if how == "now" and self.session.steer_now(text):
            return "now"
        if how != "now":
            self.session.steer(text)
        return "steered"

    def take_last(self) -> str:
        """What was queued last, to be edited; "" if nothing is."""
        text = self.queue.pop() if self.queue else ""
        if text:
            self._changed()
        return text

    async def done(self) -> None:
        """Until nothing runs any more."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def stop(self) -> bool:
        """False if nothing runs. What waits in the queue stays there, to be edited or sent."""
        running = self.session.running
        self.session.cancel()
        return running

    def answer(self, call_id: str, answer: Answer) -> None:
        self.session.answer(call_id, answer)

    def background(self) -> bool:
        """Let the command that runs go on without us. False if there is none."""
        return any([self.session.background(call_id) for call_id in self._calls])

    def wait_idly(self) -> None:
        """The user's words are waited for: hooks hear of it after a while."""
        with suppress(RuntimeError):  # no loop any more
            self._waiting = asyncio.create_task(self.session.gate.hooks.idle())

    def leave(self) -> list[str]:
        """The session is left: nobody waits for words in it any more. Returns those that were not sent."""
        if self._waiting is not None:
            self._waiting.cancel()
        return self.queue

    async def _run(self, text: str) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        words: str | None = text
        try:
            while words is not None:
                self.begun = time.monotonic()
                self._changed()
                ended = await self._turn(words)
                if left := self.session.unheard():  # the turn was over too soon
                    self.queue.insert(0, "\n\n".join(left))
                words = self.queue.pop(0) if self.queue and ended.reason == "done" else None
        finally:
            self.begun = 0.0
            self._changed()
        self.wait_idly()

    async def _turn(self, text: str) -> TurnEnded:
        ended: TurnEnded | None = None
        async for event in self.session.send(text):  # to its very end: only then the next turn may begin
            match event:
                case CallStarted(call):
                    self._calls.append(call.id)
                case TurnEnded():
                    self._calls.clear()
                    ended = event
            self._tell(event)
        assert ended is not None  # a turn ends with it
        return ended

    def _tell(self, event: Event) -> None:
        try:
            self._show(event)
        except Exception as bug:  # why: a turn goes on, whatever of it cannot be shown
            said = f"internal error: {type(event).__name__} cannot be shown: {type(bug).__name__}: {bug}."
            with suppress(Exception):  # why: then the screen shows nothing any more, and the turn still ends
                self._show(Noted("error", said))
