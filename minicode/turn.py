"""The loop: ask M2, run what it calls, ask again, until it calls nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from minicode.errors import ModelError
from minicode.events import (
    CallDone,
    CallForming,
    CallStarted,
    Denied,
    Event,
    Noted,
    Retrying,
    TextDelta,
    ThinkingDelta,
    Withdrawn,
)
from minicode.messages import Call, Reply, Request, ToolResult
from minicode.model.base import CallPart, Model, NotePart, RetryPart, TextPart, ThinkingPart, WholePart
from minicode.show import Show

INTERRUPTED = "interrupted: this was stopped while it ran and may have taken effect; check before you repeat it"
NOT_STARTED = "did not run: it was interrupted before it started"
CUT = "did not run: your reply was cut off at the output limit. Make the call again, whole, in smaller pieces"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: the text for the model and the blocks for the human."""

    text: str
    failed: bool = False
    show: tuple[Show, ...] = ()


@dataclass(frozen=True, slots=True)
class Doors:
    """All the loop has of the world outside. What waits for the disk or the user is awaited; `emit` must not raise.

    prepare: the next request. Steers come in here; limits are checked here, by raising.
    keep:    the reply is durable when this returns, and so is the intent of each call that will be run. Once begun it
             is let finish, whoever cancels.
    gate:    None if the call may run, else how it was refused.
    run:     the work itself. Never raises, save for cancellation.
    settle:  the call's result is written when this returns. Called once for each call, whatever happened to it.
    alone:   must this call have the workspace for itself? Calls that only read share it.
    more:    the reply called nothing. True if there is more to ask (a cut reply, a step announced and not taken).
    """

    emit: Callable[[Event], None]
    prepare: Callable[[], Awaitable[Request]]
    keep: Callable[[Reply], Coroutine[Any, Any, None]]
    gate: Callable[[Call], Awaitable[Denied | None]]
    run: Callable[[Call], Awaitable[Outcome]]
    settle: Callable[[CallDone], None]
    alone: Callable[[Call], bool]
    more: Callable[[Reply], Awaitable[bool]]


async def run_turn(model: Model, doors: Doors) -> Reply:
    """Returns the last reply. Cancelled or failed anywhere, it leaves a history in which every call has its result."""
    while True:
        request = await doors.prepare()
        reply = await ask(model, request, doors.emit)
        await answer(reply, doors)
        if not reply.calls and not await doors.more(reply):
            return reply


async def ask(model: Model, request: Request, emit: Callable[[Event], None]) -> Reply:
    """One whole reply, its pieces emitted as they come."""
    whole: Reply | None = None
    async for part in model.stream(request):  # to its own end, so that the connection is free again
        match part:
            case ThinkingPart(text):
                emit(ThinkingDelta(text))
            case TextPart(text):
                emit(TextDelta(text))
            case CallPart(index, name, fragment):
                emit(CallForming(index, name, fragment))
            case RetryPart(attempt, tries, wait, reason):
                emit(Withdrawn())
                emit(Retrying(attempt, tries, wait, reason))
            case NotePart(text):
                emit(Noted("info", text))
            case WholePart(reply):
                whole = reply
    if whole is None:
        raise ModelError("The model's answer ended without its end; nothing of it was used.", kind="empty")
    return whole


async def answer(reply: Reply, doors: Doors) -> None:
    """Keep the reply, then give every call of it exactly one result, even if this is cancelled half-way."""
    started: set[str] = set()
    settled: set[str] = set()

    def settle(call: Call, outcome: Outcome, seconds: float = 0.0) -> None:
        settled.add(call.id)
        result = ToolResult(call.id, call.name, outcome.text, outcome.failed)
        done = CallDone(call, result, outcome.show, seconds)
        doors.settle(done)
        doors.emit(done)

    async def one(call: Call) -> None:
        if reply.stop == "max_tokens":
            return settle(call, Outcome(CUT, failed=True))
        if denied := await doors.gate(call):
            doors.emit(denied)
            return settle(call, Outcome(denied.reason, failed=True))
        started.add(call.id)
        doors.emit(CallStarted(call))
        begin = time.monotonic()
        outcome = await doors.run(call)
        return settle(call, outcome, time.monotonic() - begin)

    try:
        await unbroken(doors.keep(reply))
        for batch in batches(reply.calls, doors.alone):
            tasks = [asyncio.create_task(one(call)) for call in batch]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)  # no child may outlive its call
    finally:
        for call in reply.calls:
            if call.id not in settled:
                settle(call, Outcome(INTERRUPTED if call.id in started else NOT_STARTED, failed=True))


async def unbroken(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work even if cancelled meanwhile, then be cancelled: it is short, and half of it would be a lie."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def batches(calls: tuple[Call, ...], alone: Callable[[Call], bool]) -> Iterator[list[Call]]:
    """In order: neighbours that may run side by side, and every other call by itself."""
    together: list[Call] = []
    for call in calls:
        if alone(call):
            if together:
                yield together
            yield [call]
            together = []
        else:
            together.append(call)
    if together:
        yield together
