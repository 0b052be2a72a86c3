"""The whole program under a pilot: the real app, desk, session and tools, before a rehearsed M2 on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from minicode.cli.screen_desk import ScreenDesk
from minicode.lab.rehearsal import Rehearsal, Script, steps
from minicode.plan import Plan
from minicode.tui.app import MinicodeApp
from minicode.tui.conversation import Conversation
from minicode.tui.panels import Queue
from minicode.tui.turns import Turns

PATIENCE = 30.0
LOOK = 0.02  # seconds; a pause asks every widget whether it is idle, and one after the other they took most of the time


class Driven:
    """app: that runs. server: what it talks to. folder: where it works."""

    def __init__(self, app: MinicodeApp, pilot: Pilot[Any], server: Rehearsal, folder: Path) -> None:
        self.app, self.pilot, self.server, self.folder = app, pilot, server, folder

    @property
    def main(self) -> Conversation:
        return self.app.conversation

    @property
    def turns(self) -> Turns:
        assert self.main.turns is not None, "the session is not open"
        return self.main.turns

    @property
    def session(self) -> Any:
        return self.turns.session

    @property
    def running(self) -> bool:
        return self.turns.running

    @property
    def text(self) -> str:
        """The screen, as one sees it."""
        screen: Screen[Any] = self.app.screen
        rows = ["".join(segment.text for segment in strip) for strip in screen._compositor.render_strips()]
        return "\n".join(row.rstrip() for row in rows)

    @property
    def told(self) -> str:
        """All that the transcript holds, in sight or not."""
        return "\n".join(block.words() for block in self.main.transcript.blocks)

    @property
    def queued(self) -> list[str]:
        """What the panel of the queue shows."""
        queue = self.main.query_one(Queue)
        return str(queue.content).splitlines() if queue.display else []

    @property
    def kinds(self) -> list[str]:
        """Of the entries on disk."""
        path = self.session.journal.path
        return [json.loads(line)["kind"] for line in path.read_bytes().splitlines()] if path.exists() else []

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The data of the entries of that kind, oldest first."""
        return [dict(entry.data) for entry in self.session.journal.entries if entry.kind == kind]

    def body(self, number: int = -1) -> str:
        """A request as the server got it, numbered from 1; -1 for the last."""
        exchange = self.server.requests[number - 1 if number > 0 else number]
        return json.dumps(exchange.body, ensure_ascii=False)

    async def until(self, true: Callable[[], object], what: str = "it never came to be") -> None:
        end = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < end, f"{what}\n{self.text}\n{self.told}"
            await asyncio.sleep(LOOK)
            await self.pilot.pause()

    async def shows(self, text: str) -> None:
        await self.until(lambda: text in self.text, f"{text!r} is not on the screen")

    async def tells(self, text: str) -> None:
        await self.until(lambda: text in self.told, f"{text!r} is not in the transcript")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        """As if pasted, which is quicker than key by key."""
        self.main.prompt.give(text)
        await self.pilot.pause()

    async def say(self, text: str, key: str = "enter") -> None:
        await self.write(text)
        await self.press(key)

    async def still(self) -> None:
        """Until no turn runs."""
        await self.until(lambda: not self.running, "the turn does not end")
        await self.pilot.pause()

    async def asks(self, waiting: int = 1) -> None:
        """Until the panel can be answered."""
        approval = self.main.approval
        await self.until(lambda: approval.waiting == waiting and approval.ready, "nothing is asked")

    async def runs(self, line: str) -> None:
        """A slash word, typed and obeyed to its end."""
        await self.say(line)
        await self.until(lambda: not [w for w in self.app.workers if w.group == "words" and not w.is_finished])
        await self.pilot.pause()


@pytest.fixture
def drive(tmp_path: Path, home: Path) -> Callable[..., AbstractAsyncContextManager[Driven]]:
    """`async with drive(script, files={}, size=(100, 30), first=None, server=None, wait=True, flags={}, **plan) as d`:
    a Driven, its session open if `wait`. server: one that already runs. Nothing that M2 is sent may be invalid."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)

    @asynccontextmanager
    async def begin(
        script: Script | None = None,
        *,
        files: dict[str, str] | None = None,
        size: tuple[int, int] = (100, 30),
        first: str | None = None,
        server: Rehearsal | None = None,
        wait: bool = True,
        flags: dict[str, Any] | None = None,
        **plan: Any,
    ) -> AsyncIterator[Driven]:
        for name, text in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        async with AsyncExitStack() as stack:
            if server is None:
                server = await stack.enter_async_context(Rehearsal(script or steps()))
            told = {"base_url": f"{server.url}/anthropic", "protocol": "anthropic", **(flags or {})}
            desk = ScreenDesk(Plan(folder=folder, asks=True, flags=told, **plan), folder)
            app = MinicodeApp(desk, first)
            pilot = await stack.enter_async_context(app.run_test(size=size))
            driven = Driven(app, pilot, server, folder)
            if wait:
                await driven.until(lambda: app.conversation.turns is not None, f"it does not open: {app.trouble}")
                await pilot.pause()
            yield driven
            assert server.failures == []

    return begin
