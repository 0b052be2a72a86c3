"""The client over httpx, in front of the rehearsal server, on both surfaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing

import pytest

from minicode.errors import TemporaryError
from minicode.lab.rehearsal import Call, Fault, Rehearsal, Script, Shape, Step, Think, steps
from minicode.lab.rehearsal import Say as Said
from minicode.messages import Message, Reply, Request, Results, ToolResult, ToolSpec, User
from minicode.model.base import Part, RetryPart, ThinkingPart, WholePart
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import endpoint
from minicode.model.remote import Remote
from minicode.model.retry import Schedule

TOOL = ToolSpec("look", "Look.", {"type": "object", "properties": {"at": {"type": "string"}}})
SOON = 5
Begin = Callable[..., Awaitable[tuple[EndpointModel, Rehearsal]]]


async def at_once(seconds: float) -> None:
    return None


@pytest.fixture(params=["anthropic", "openai"])
async def begin(request: pytest.FixtureRequest) -> AsyncIterator[Begin]:
    """await begin(script, clocks=…) → a model that speaks one surface, and its server."""
    async with AsyncExitStack() as stack:

        async def one(script: Script, **more: Clocks) -> tuple[EndpointModel, Rehearsal]:
            server = await stack.enter_async_context(Rehearsal(script))
            root = server.url + {"anthropic": "/anthropic", "openai": "/v1"}[request.param]
            model = EndpointModel(
                endpoint(root, request.param), schedule=Schedule(pause=at_once), transport=Remote, **more
            )
            stack.push_async_callback(model.close)
            return model, server

        yield one


async def ask(model: EndpointModel, *messages: Message) -> list[Part]:
    asked = messages or (User("Go."),)
    return [part async for part in model.stream(Request("MiniMax-M2.7", "s", (TOOL,), asked))]


def reply_of(parts: list[Part]) -> Reply:
    assert isinstance(parts[-1], WholePart)
    return parts[-1].reply


@pytest.mark.parametrize("chunk", [None, 1])
async def test_rounds_over_one_connection(begin: Begin, chunk: int | None) -> None:
    look = (Think("Where to? Überall: 世界."), Call("look", {"at": "äöü"}))
    model, server = await begin(Script(steps(look, look, Said("Done.")).steps, Shape(chunk=chunk)))
    history: list[Message] = [User("Go.")]
    for _ in range(2):
        parts = await ask(model, *history)
        assert "".join(p.text for p in parts if isinstance(p, ThinkingPart)) == "Where to? Überall: 世界."
        reply = reply_of(parts)
        history += [reply, Results(tuple(ToolResult(c.id, c.name, "seen") for c in reply.calls))]
    assert reply_of(await ask(model, *history)).text == "Done."
    assert (server.connections, server.failures) == (1, [])


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut=500),
        Fault(cut=500, reset=True),
        Fault(raw=b""),
        Fault(status=429, code=1002, headers={"Retry-After": "1"}),
        Fault(stall=500),
        Fault(mute=True),
    ],
    ids=["cut", "reset", "closed", "429", "stall", "mute"],
)
async def test_a_fault_is_followed_by_another_try(begin: Begin, fault: Fault) -> None:
    once = Step((Think("Let me think about it."), Said("Done.")), fault=fault)
    model, server = await begin(steps(once, Said("Done.")), clocks=Clocks(first=0.3, idle=0.3))
    parts = await ask(model)
    assert reply_of(parts).text == "Done."
    assert [p.attempt for p in parts if isinstance(p, RetryPart)] == [1]
    assert server.failures == []


async def test_what_stays_broken_is_told(begin: Begin) -> None:
    model, server = await begin(Script((Step(fault=Fault(raw=b"")),), after="repeat"))
    with pytest.raises(TemporaryError, match="The reply was cut off: the connection was closed before the answer"):
        await ask(model)
    assert len(server.requests) == 6


async def test_cancelling_closes_and_the_next_request_works(begin: Begin) -> None:
    model, server = await begin(steps(Step((Think("t" * 900), Said("No.")), fault=Fault(stall=1500)), Said("Done.")))
    heard = asyncio.Event()

    async def follow() -> None:
        async with aclosing(model.stream(Request("MiniMax-M2.7", "s", (), (User("Go."),)))) as parts:
            async for _ in parts:
                heard.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(heard.wait(), SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.ended(1), SOON)
    assert reply_of(await ask(model)).text == "Done."
    assert server.connections == 2


async def test_the_surface_is_found() -> None:
    async with Rehearsal(steps(Said("Done.")), surfaces=("openai",)) as server:
        model = EndpointModel(endpoint(server.url), transport=Remote)
        await model.ready()
        assert model.wire == "openai"
        assert reply_of(await ask(model)).text == "Done."
        assert server.connections == 1
        await model.close()
