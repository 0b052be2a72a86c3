"""What a slash word may do with the screen: `desk.Talker`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App

if TYPE_CHECKING:
    from minicode.events import Event
    from minicode.tui.prompt import Prompt
    from minicode.tui.story import Story


class Stage(Protocol):
    """The screen, as words see it."""

    story: Story
    prompt: Prompt

    @property
    def app(self) -> App[Any]: ...
    def tell(self, text: str) -> None: ...
    def send(self, text: str) -> None: ...
    def question(self, prompt: str) -> None:
        """Open the line in which it is answered."""
        ...


class Talking:
    """said: in answer to the word that is being obeyed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.said: list[str] = []
        self._answer: asyncio.Future[str] | None = None

    def say(self, text: str) -> None:
        self.said.append(text)
        self._stage.tell(text)

    async def ask(self, prompt: str) -> str:
        """One question at a time; a second one ends the first with nothing."""
        self.answered("")
        self._answer = asyncio.get_running_loop().create_future()
        self._stage.question(prompt)
        return await self._answer

    def answered(self, text: str) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(text)

    def show(self, event: Event) -> None:
        self._stage.story.show(event)

    def give(self, text: str) -> None:
        self._stage.prompt.give(text)

    def send(self, text: str) -> None:
        self._stage.send(text)

    def copy(self, text: str) -> None:
        self._stage.app.copy_to_clipboard(text)
