"""A whole session before the rehearsal server, which plays the part of M2 in each of its conversations at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from minicode.cli.sessions import verify
from minicode.events import Event, TurnEnded
from minicode.journal import store
from minicode.journal.entry import Entry
from minicode.journal.reader import load
from minicode.lab.rehearsal import Asked, Call, Rehearsal, Say, Script, Step, Think
from minicode.plan import Plan
from minicode.start import Started, start

PATIENCE = 20
MARK = "You are a sub-agent"
# Two calls meet at a pipe: the one that waits cannot end before another has come.
MEET = '''
import asyncio, os
from pathlib import Path
from typing import Literal
from minicode.toolkit import Result, tool

@tool(effect="reads")
async def meet(pipe: str, role: Literal["wait", "come"]) -> Result:
    """Meet."""
    if role == "come":
        await asyncio.to_thread(Path(pipe).write_text, "you")
        return Result("came")
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    loop.add_reader(end, came.set)
    try:
        await came.wait()
        return Result("met " + os.read(end, 100).decode())
    finally:
        loop.remove_reader(end)
        os.close(end)
'''
Steps = list[Step | Callable[[Asked], Step]]


def step(*blocks: Call | Say) -> Step:
    return Step((Think("I think."), *blocks))


def cast(**parts: Steps) -> Callable[[Asked], Step]:
    """What M2 says in the conversation that begins with that word: by how often it has answered there already."""

    def play(asked: Asked) -> Step:
        said = next(turn.text for turn in asked.turns if turn.role == "user")
        [steps] = [steps for word, steps in parts.items() if said.startswith(word)]
        one = steps[sum(turn.role == "assistant" for turn in asked.turns)]
        return one if isinstance(one, Step) else one(asked)

    return play


@dataclass
class Talk:
    """One session. asked: what the server was asked, in words."""

    started: Started
    folder: Path
    server: Rehearsal
    asked: list[Asked]
    events: list[Event] = field(default_factory=list)

    @property
    def session(self) -> Any:
        return self.started.session

    async def say(self, text: str, act: Callable[[Event], object] = lambda event: None) -> TurnEnded:
        self.events = []
        async with asyncio.timeout(PATIENCE), aclosing(self.session.send(text)) as turn:
            async for event in turn:
                self.events.append(event)
                act(event)
        last = self.events[-1]
        assert isinstance(last, TurnEnded)
        return last

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def tasks(self) -> list[Path]:
        path = self.session.journal.path
        return store.tasks(path)

    def results(self) -> list[str]:
        """What the last request to the session's own M2 says of its calls."""
        mine = [asked for asked in self.asked if MARK not in asked.system]
        return [text for turn in mine[-1].turns for _, text in turn.results]

    def sound(self) -> bool:
        """Is every journal whole, each request made again byte for byte?"""
        return all(verify(path.stem) == 0 for path in [self.session.journal.path, *self.tasks])


def entries(path: Path, kind: str = "") -> list[Entry]:
    return [entry for entry in load(path).entries if kind in ("", entry.kind)]


Begin = Callable[..., Awaitable[Talk]]


@pytest.fixture
async def talk(tmp_path: Path, home: Path) -> AsyncIterator[Begin]:
    """await talk(cast(…), surface=…, asks=False, resume=None, fork=False, ephemeral=False, **flags) → Talk."""
    folder = tmp_path / "work"
    folder.mkdir()
    tools = home / ".minicode" / "tools"
    tools.mkdir(parents=True, mode=0o700)
    (home / ".minicode").chmod(0o700)
    (tools / "meet.py").write_text(MEET)
    async with AsyncExitStack() as stack:
        servers: list[Rehearsal] = []

        async def begin(
            play: Callable[[Asked], Step],
            *,
            surface: str = "anthropic",
            asks: bool = False,
            resume: str | None = None,
            fork: bool = False,
            ephemeral: bool = False,
            **flags: Any,
        ) -> Talk:
            asked: list[Asked] = []

            def heard(one: Asked) -> Step:
                asked.append(one)
                return play(one)

            server = await stack.enter_async_context(Rehearsal(Script((heard,), after="repeat")))
            servers.append(server)
            base = {"anthropic": "/anthropic", "openai": "/v1"}[surface]
            told = {"base_url": server.url + base, "protocol": surface, **flags}
            plan = Plan(folder=folder, asks=asks, resume=resume, fork=fork, ephemeral=ephemeral, flags=told)
            started = start(plan)
            stack.push_async_callback(started.close)
            return Talk(started, folder, server, asked)

        yield begin
        assert [failure for server in servers for failure in server.failures] == []
