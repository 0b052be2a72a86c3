"""A session, or a bare client, in front of the rehearsal server: real sockets, real tools, a real journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from minicode.events import Event, TextDelta, ThinkingDelta, TurnEnded, Withdrawn
from minicode.lab.rehearsal import Asked, Exchange, Rehearsal, Script
from minicode.lab.rehearsal.check import understand
from minicode.messages import Message, Reply, Request, User
from minicode.model.base import Part, RetryPart, TextPart, ThinkingPart, WholePart
from minicode.model.client import EndpointModel
from minicode.model.endpoint import Endpoint, endpoint
from minicode.model.retry import Schedule
from minicode.plan import Plan
from minicode.session import Session
from minicode.start import Started, start

BASES = {"anthropic": "/anthropic", "openai": "/v1"}  # so told, there is one surface and nothing to probe
PATIENCE = 15  # seconds after which a turn that hangs fails its test
Json = dict[str, Any]

# Tools of the user's own, in the form a user writes them.
HEADER = """
import asyncio, json, os
from pathlib import Path
from typing import Annotated, Literal
from minicode.toolkit import Result, tool
"""
PING = HEADER + '@tool(effect="reads")\nasync def ping() -> Result:\n    """Answer."""\n    return Result("pong")\n'
QUIET = HEADER + '@tool(effect="reads")\nasync def quiet() -> Result:\n    """Say nothing."""\n    return Result("")\n'
MEET = (
    HEADER
    + '''
@tool(effect="reads")
async def meet(pipe: str, role: Literal["wait", "come"]) -> Result:
    """Two calls meet at a pipe; the one that waits cannot end before the other has come."""
    if role == "come":
        Path(pipe).write_text("you")
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
)
TYPED = (
    HEADER
    + '''
@tool(effect="reads")
async def typed(
    whole: int, yes: bool, names: list[str], note: str, share: float = 0.5, spare: int | None = None
) -> Result:
    """Say what arrived."""
    return Result(json.dumps([whole, yes, names, note, share, spare]))
'''
)

GUESTS = {"ping": PING, "quiet": QUIET, "meet": MEET, "typed": TYPED}


@dataclass
class Waits:
    """Takes the place of the clock between tries: keeps what was to be waited, and waits for nothing but `hold`."""

    seconds: list[float] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def pause(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if self.hold is not None:
            await self.hold.wait()


class View:
    """What the server was asked."""

    def __init__(self, server: Rehearsal, surface: str, waits: Waits, model: EndpointModel) -> None:
        self.server = server
        self.surface = surface
        self.waits = waits
        self.model = model
        self.refusals = 0  # requests this test means the server to refuse as invalid
        self.whole_script = True  # whether each step must have been played, and nothing after the last

    @property
    def exchanges(self) -> list[Exchange]:
        return self.server.requests

    def body(self, number: int) -> Json:
        """Of the request of that number, from 1, or -1 for the last."""
        found = self.server.requests[number - 1 if number > 0 else number].body
        assert found is not None
        return found

    def asked(self, number: int) -> Asked:
        """The request in words that are the same on both surfaces."""
        return understand(self.surface, self.body(number))

    def results(self, number: int) -> list[str]:
        """All tool results in a request, in order."""
        return [text for turn in self.asked(number).turns for _, text in turn.results]

    def assistant(self, number: int, place: int = 0) -> Json:
        """The assistant's message of that place as it was sent back, without the cache's marks."""
        found: list[Json] = [m for m in self.plain(number)["messages"] if m["role"] == "assistant"]
        return found[place]

    def plain(self, number: int) -> Json:
        """A body without the cache's marks."""
        found: Json = json.loads(json.dumps(self.body(number)), object_hook=_unmarked)
        return found

    def prefix(self, number: int) -> str:
        """Tools, system and messages as JSON, the order of keys as sent, open at the end: to be compared."""
        body = self.plain(number)
        return json.dumps([body.get("tools"), body.get("system"), *body["messages"]], ensure_ascii=False)[:-1]

    def check(self) -> None:
        assert len(self.server.failures) == self.refusals, self.server.failures
        if self.whole_script:
            assert self.server.played == len(self.server.script.steps)


class Wire(View):
    """A client without a session."""

    async def ask(self, *messages: Message | str, **more: Any) -> list[Part]:
        asked = tuple(User(m) if isinstance(m, str) else m for m in messages) or (User("Go."),)
        request = Request(
            **{"model": "MiniMax-M2.7", "system": "You are a test.", "tools": (), "messages": asked, **more}
        )
        async with asyncio.timeout(PATIENCE):
            return [part async for part in self.model.stream(request)]

    @staticmethod
    def said(parts: list[Part], kind: type[TextPart] | type[ThinkingPart] = TextPart) -> str:
        """The text, or the thought, that was streamed and not made void by another try."""
        start = max((n for n, part in enumerate(parts) if isinstance(part, RetryPart)), default=-1)
        return "".join(part.text for part in parts[start + 1 :] if isinstance(part, kind))

    async def reply(self, *messages: Message | str, **more: Any) -> Reply:
        *_, last = await self.ask(*messages, **more)
        assert isinstance(last, WholePart)
        return last.reply


class Talk(View):
    """A whole session, built as `minicode.start` does, with the waits between tries taken out."""

    def __init__(
        self, started: Started, folder: Path, server: Rehearsal, surface: str, waits: Waits, model: EndpointModel
    ) -> None:
        super().__init__(server, surface, waits, model)
        self.started = started
        self.folder = folder
        self.events: list[Event] = []

    @property
    def session(self) -> Session:
        return self.started.session

    async def close(self) -> None:
        """As a process that ends; the session can be resumed then."""
        await self.started.close()

    @property
    def ended(self) -> TurnEnded:
        last = self.events[-1]
        assert isinstance(last, TurnEnded)
        return last

    async def say(self, text: str, act: Callable[[Event], object] = lambda event: None) -> TurnEnded:
        """One turn. act: called with each event."""
        self.events = []
        async with asyncio.timeout(PATIENCE):
            async with aclosing(self.session.send(text)) as turn:
                async for event in turn:
                    self.events.append(event)
                    act(event)
        return self.ended

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind in the last turn."""
        return [e for e in self.events if isinstance(e, kind)]

    @property
    def shown(self) -> str:
        """The text a user saw in the last turn and that was not withdrawn."""
        return self._said(TextDelta)

    @property
    def thought(self) -> str:
        return self._said(ThinkingDelta)

    def _said(self, kind: type[Any]) -> str:
        texts: list[str] = []
        for event in self.events:
            if isinstance(event, Withdrawn):
                texts.clear()
            elif isinstance(event, kind):
                texts.append(event.text)
        return "".join(texts)


def _unmarked(value: Json) -> Json:
    return {k: v for k, v in value.items() if k != "cache_control"}


def _model(server: Rehearsal, surface: str, waits: Waits, hosted: bool, **options: Any) -> EndpointModel:
    place = endpoint(server.url + BASES[surface], surface)
    place = Endpoint(place.root, place.surfaces, hosted, place.loopback)
    schedule = Schedule(pause=waits.pause, **options.pop("schedule", {}))
    return EndpointModel(place, schedule=schedule, **options)


@pytest.fixture(params=["anthropic", "openai"])
def surface(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
async def wire() -> AsyncIterator[Callable[..., Awaitable[Wire]]]:
    """await wire(script, surface, hosted=False, clocks=…, schedule=…) → Wire. At the end, no request was invalid and
    the script was played to its end, unless the test said otherwise."""
    made: list[Wire] = []
    async with AsyncExitStack() as stack:

        async def begin(script: Script, surface: str, *, hosted: bool = False, **options: Any) -> Wire:
            server = await stack.enter_async_context(Rehearsal(script))
            waits = Waits()
            model = _model(server, surface, waits, hosted, **options)
            stack.push_async_callback(model.close)
            made.append(Wire(server, surface, waits, model))
            return made[-1]

        yield begin
        for one in made:
            one.check()


@pytest.fixture
async def talk(tmp_path: Path, home: Path) -> AsyncIterator[Callable[..., Awaitable[Talk]]]:
    """await talk(script, surface, files={}, tools=(), flags={}, assignments=(), resume=None, hosted=False, server=None,
    clocks=…, schedule=…) → Talk. files: of the workspace; tools: names of GUESTS; server: one that already runs.
    Checked at the end as for `wire`."""
    made: list[Talk] = []
    folder = tmp_path / "work"
    folder.mkdir()
    async with AsyncExitStack() as stack:

        async def begin(
            script: Script,
            surface: str,
            *,
            files: dict[str, str] | None = None,
            tools: tuple[str, ...] = (),
            flags: dict[str, Any] | None = None,
            assignments: tuple[str, ...] = (),
            resume: str | None = None,
            hosted: bool = False,
            server: Rehearsal | None = None,
            **options: Any,
        ) -> Talk:
            _write(folder, files or {})
            _write(home / ".minicode" / "tools", {f"{name}.py": GUESTS[name] for name in tools})
            if server is None:
                server = await stack.enter_async_context(Rehearsal(script))
            waits = Waits()
            told = {"base_url": server.url + BASES[surface], "protocol": surface, **(flags or {})}
            started = start(Plan(folder=folder, resume=resume, flags=told, assignments=assignments))
            stack.push_async_callback(started.close)
            assert not started.notes or resume is not None, started.notes
            model = _model(server, surface, waits, hosted, **options)
            started.session.parts.model = model
            made.append(Talk(started, folder, server, surface, waits, model))
            return made[-1]

        yield begin
        for one in made:
            one.check()


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
