"""The slash words' talk, led on the screen."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from minicode.cli.slash import all_helps
from minicode.cli.words.talk import WordHelp
from minicode.errors import UsageError
from minicode.events import Event
from minicode.plan import Plan
from minicode.session import Session
from minicode.start import Started, start
from minicode.tui.desk import Talker


class ScreenTalk:
    """A words.talk.Talk."""

    def __init__(self, plan: Plan, started: Started) -> None:
        self.plan = plan
        self.started = started
        self._screen: Talker | None = None
        self._moving = asyncio.Lock()

    def with_screen(self, screen: Talker) -> ScreenTalk:
        self._screen = screen
        return self

    async def helps(self) -> list[WordHelp]:
        return await all_helps(self)

    @property
    def session(self) -> Session:
        return self.started.session

    @property
    def given(self) -> str:
        return ""

    @given.setter
    def given(self, text: str) -> None:
        if self._screen and text:
            self._screen.give(text)

    def say(self, text: str) -> None:
        if self._screen:
            self._screen.say(text)

    async def ask(self, prompt: str) -> str:
        return await self._screen.ask(prompt) if self._screen else ""

    def show(self, event: Event) -> None:
        if self._screen:
            self._screen.show(event)

    async def go_over(self, plan: Plan) -> None:
        """The new session is ready before the old one ends: if it cannot be had, the talk goes on."""
        async with self._moving:  # two words at once would leave a session open
            if self.session.running:
                raise UsageError("A turn is running: stop it first (Esc).")
            before = self.started
            self.started = await asyncio.to_thread(start, plan, before.key, self.session.gate.standing.mode)
            with suppress(OSError):
                await before.close()

    def send(self, text: str) -> None:
        if self._screen:
            self._screen.send(text)

    def copy(self, text: str) -> None:
        if self._screen:
            self._screen.copy(text)
