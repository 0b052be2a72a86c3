"""What a slash word may do with the screen: `desk.Talker`."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from textual.app import App

from minicode.events import Event
from minicode.tui.panels import Ask
from minicode.tui.prompt import Prompt
from minicode.tui.story import Story


class Stage(Protocol):
    """The main screen, as far as words may know it."""

    prompt: Prompt
    story: Story

    @property
    def app(self) -> App[Any]: ...
    def query_one(self, selector: type[Ask], /) -> Ask: ...
    def tell(self, text: str, style: str = "dim", gap: int = 0) -> None: ...
    def send(self, text: str, how: str = "send") -> None: ...


class Talking:
    """said: in answer to the word that is being obeyed."""

    def __init__(self, screen: Stage) -> None:
        self._screen = screen
        self.said: list[str] = []
        self._answer: asyncio.Future[str] | None = None

    def say(self, text: str) -> None:
        self.said.append(text)
        self._screen.tell(text)

    async def ask(self, prompt: str) -> str:
        """One question at a time; a second one ends the first with nothing."""
        self.answered("")
        self._answer = asyncio.get_running_loop().create_future()
        self._screen.query_one(Ask).open(prompt)
        return await self._answer

    def answered(self, text: str) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(text)

    def show(self, event: Event) -> None:
        self._screen.story.show(event)

    def give(self, text: str) -> None:
        self._screen.prompt.give(text)

    def send(self, text: str) -> None:
        self._screen.send(text)

    def copy(self, text: str) -> None:
        self._screen.app.copy_to_clipboard(text)
