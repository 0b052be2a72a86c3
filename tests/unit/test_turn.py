"""The loop as a function of values with doors: a scripted model, recorded doors, events instead of clocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from minicode.errors import LimitReached, ModelError, StorageError
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
from minicode.messages import Call, Reply, Request, Text, Thinking
from minicode.model.base import CallPart, Encoded, NotePart, Part, RetryPart, TextPart, ThinkingPart, WholePart
from minicode.turn import CUT, INTERRUPTED, NOT_STARTED, Doors, Outcome, ask, batches, run_turn

REQUEST = Request("m", "", (), ())
DONE = Reply((Text("done"),))
PATIENCE = 5  # seconds; bounds what would otherwise hang


class Scripted:
    """Answers the n-th request with the n-th list of parts; an exception is raised, an event is waited for."""

    wire = "anthropic"

    def __init__(self, *answers: Sequence[Part | Exception | asyncio.Event]) -> None:
        self._answers = iter(answers)
        self.ended = 0

    async def ready(self) -> None: ...
    async def close(self) -> None: ...

    def encode(self, request: Request) -> Encoded:
        return Encoded(b"", "anthropic", {}, "")

    async def stream(self, request: Request) -> AsyncIterator[Part]:
        try:
            for part in next(self._answers):
                if isinstance(part, Exception):
                    raise part
                if isinstance(part, asyncio.Event):
                    await part.wait()
                else:
                    yield part
        finally:
            self.ended += 1


def calls(*names: str, stop: str = "tool_use") -> Reply:
    """A reply with a call a name. "r…" only reads, all else has effects."""
    return Reply((Thinking("hm"), *(Call(f"id-{name}", name, {}) for name in names)), stop)


def script(*replies: Reply) -> Scripted:
    return Scripted(*([WholePart(reply)] for reply in replies))


class World:
    """Doors that write down what comes through them. Override by keyword."""

    def __init__(self, **doors: Callable[..., Any]) -> None:
        self.log: list[str] = []
        self.events: list[Event] = []
        self.settled: dict[str, str] = {}
        self.failed: dict[str, bool] = {}
        self._own = doors

    def doors(self) -> Doors:
        own = {
            "prepare": self.prepare,
            "keep": self.keep,
            "gate": self.gate,
            "run": self.run,
            "settle": self.settle,
            "more": self.more,
        }
        return Doors(emit=self.events.append, alone=lambda call: call.name[0] != "r", **{**own, **self._own})

    async def prepare(self) -> Request:
        return REQUEST

    async def keep(self, reply: Reply) -> None:
        self.log.append("keep")

    async def gate(self, call: Call) -> Denied | None:
        return None

    async def run(self, call: Call) -> Outcome:
        self.log.append(f"+{call.name}")
        await asyncio.sleep(0)
        self.log.append(f"-{call.name}")
        return Outcome(f"ran {call.name}")

    def settle(self, done: CallDone) -> None:
        assert done.call.name not in self.settled, "settled twice"
        assert done.result.call_id == done.call.id
        self.settled[done.call.name] = done.result.text
        self.failed[done.call.name] = done.result.failed

    async def more(self, reply: Reply) -> bool:
        return False


async def cancelled_at(reached: asyncio.Event, work: Any, times: int = 1) -> None:
    """Run `work`, cancel it once `reached` is set, and see that it ends as cancelled."""
    task = asyncio.create_task(work)
    async with asyncio.timeout(PATIENCE):
        await reached.wait()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task


def pause() -> tuple[asyncio.Event, Callable[..., Any]]:
    """An event, and a door that sets it and then never returns."""
    reached = asyncio.Event()

    async def door(*_: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    return reached, door


# -- the way of a turn


async def test_asks_until_nothing_is_called() -> None:
    world = World()
    model = script(calls("w1"), calls("r1", "r2"), DONE)
    assert await run_turn(model, world.doors()) is DONE
    assert world.log == ["keep", "+w1", "-w1", "keep", "+r1", "+r2", "-r1", "-r2", "keep"]
    assert world.settled == {"w1": "ran w1", "r1": "ran r1", "r2": "ran r2"}
    assert model.ended == 3, "a stream was left open"


async def test_goes_on_while_there_is_more() -> None:
    left = [True, True, False]

    async def more(reply: Reply) -> bool:
        return left.pop(0)

    last = Reply((Text("at last"),))
    assert await run_turn(script(DONE, DONE, last), World(more=more).doors()) is last
    assert left == []


async def test_pieces_are_told_as_they_come() -> None:
    parts: list[Part] = [
        ThinkingPart("a"),
        RetryPart(1, 3, 0.5, "cut"),
        ThinkingPart("b"),
        TextPart("c"),
        CallPart(0, "read", '{"f'),
        NotePart("another model answers"),
        WholePart(DONE),
    ]
    told: list[Event] = []
    assert await ask(Scripted(parts), REQUEST, told.append) is DONE
    expected = [
        ThinkingDelta("a"),
        Withdrawn(),
        Retrying(1, 3, 0.5, "cut"),
        ThinkingDelta("b"),
        TextDelta("c"),
        CallForming(0, "read", '{"f'),
        Noted("info", "another model answers"),
    ]
    assert list(map(repr, told)) == list(map(repr, expected))


@pytest.mark.parametrize("parts", [[], [TextPart("half")]])
async def test_a_stream_without_its_end_is_no_answer(parts: list[Part]) -> None:
    world = World()
    with pytest.raises(ModelError, match="without its end") as caught:
        await run_turn(Scripted(parts), world.doors())
    assert caught.value.kind == "empty"
    assert world.log == [], "half a reply was kept"


# -- order and company


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("", []),
        ("r1 r2 r3", ["r1 r2 r3"]),
        ("w1 w2", ["w1", "w2"]),
        ("r1 w1 r2 r3 w2", ["r1", "w1", "r2 r3", "w2"]),
        ("w1 r1", ["w1", "r1"]),
    ],
)
def test_batches(names: str, expected: list[str]) -> None:
    found = batches(calls(*names.split()).calls, lambda call: call.name[0] == "w")
    assert [" ".join(call.name for call in batch) for batch in found] == expected


async def test_reads_overlap() -> None:
    """Each waits for the other: one after the other would never end."""
    here = {"r1": asyncio.Event(), "r2": asyncio.Event()}

    async def run(call: Call) -> Outcome:
        here[call.name].set()
        await here["r2" if call.name == "r1" else "r1"].wait()
        return Outcome(call.name)

    world = World(run=run)
    async with asyncio.timeout(PATIENCE):
        await run_turn(script(calls("r1", "r2"), DONE), world.doors())
    assert world.settled == {"r1": "r1", "r2": "r2"}


async def test_effects_run_alone_and_in_order() -> None:
    world = World()
    await run_turn(script(calls("r1", "r2", "w1", "w2", "r3"), DONE), world.doors())
    order = ["keep", "+r1", "+r2", "-r1", "-r2", "+w1", "-w1", "+w2", "-w2", "+r3", "-r3", "keep"]
    assert world.log == order


async def test_events_of_a_call() -> None:
    async def gate(call: Call) -> Denied | None:
        return Denied(call, "not here") if call.name == "w2" else None

    world = World(gate=gate)
    reply = calls("w1", "w2")
    await run_turn(script(reply, DONE), world.doors())
    kinds = [(type(e), e.call.name) for e in world.events if isinstance(e, CallStarted | CallDone | Denied)]
    assert kinds == [(CallStarted, "w1"), (CallDone, "w1"), (Denied, "w2"), (CallDone, "w2")]
    assert world.settled["w2"] == "not here"
    assert world.failed == {"w1": False, "w2": True}
    assert "+w2" not in world.log


async def test_a_cut_reply_never_runs_a_call() -> None:
    asked: list[str] = []

    async def gate(call: Call) -> Denied | None:
        asked.append(call.name)
        return None

    world = World(gate=gate)
    await run_turn(script(calls("r1", "w1", stop="max_tokens"), DONE), world.doors())
    assert world.settled == {"r1": CUT, "w1": CUT}
    assert world.failed == {"r1": True, "w1": True}
    assert asked == []
    assert world.log == ["keep", "keep"]
    assert not any(isinstance(event, CallStarted) for event in world.events)


# -- cancelled at every point


async def test_cancelled_while_streaming_keeps_nothing() -> None:
    reached = asyncio.Event()
    world = World()
    model = Scripted([ThinkingPart("hm"), asyncio.Event(), WholePart(calls("w1"))])
    doors = world.doors()

    def emit(event: Event) -> None:
        world.events.append(event)
        reached.set()

    doors = Doors(emit, doors.prepare, doors.keep, doors.gate, doors.run, doors.settle, doors.alone, doors.more)
    await cancelled_at(reached, run_turn(model, doors))
    assert (world.log, world.settled, model.ended) == ([], {}, 1)


@pytest.mark.parametrize("door", ["prepare", "more"])
async def test_cancelled_between_steps(door: str) -> None:
    reached, wait = pause()
    world = World(**{door: wait})
    await cancelled_at(reached, run_turn(script(DONE), world.doors()))
    assert world.settled == {}


async def test_cancelled_while_the_reply_is_being_kept() -> None:
    """The reply is on disk or about to be: it is kept to the end, and its calls get their results."""
    reached, on_disk = asyncio.Event(), asyncio.Event()
    world = World()

    async def keep(reply: Reply) -> None:
        reached.set()
        await on_disk.wait()
        world.log.append("kept")

    world._own["keep"] = keep
    task = asyncio.create_task(run_turn(script(calls("r1", "w1")), world.doors()))
    await reached.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert world.settled == {}, "results came before the reply was on disk"
    on_disk.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.log == ["kept"]
    assert world.settled == {"r1": NOT_STARTED, "w1": NOT_STARTED}


async def test_cancelled_twice_while_the_reply_is_being_kept() -> None:
    reached, keep = pause()
    world = World(keep=keep)
    await cancelled_at(reached, run_turn(script(calls("r1")), world.doors()), times=2)
    assert world.settled == {"r1": NOT_STARTED}


async def test_cancelled_at_the_gate() -> None:
    reached, gate = pause()
    world = World(gate=gate)
    await cancelled_at(reached, run_turn(script(calls("w1", "r1")), world.doors()))
    assert world.settled == {"w1": NOT_STARTED, "r1": NOT_STARTED}
    assert world.log == ["keep"]


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelled_while_calls_run(times: int) -> None:
    """r1 was done, r2 and r3 were running, w1 had not begun."""
    reached = asyncio.Event()
    alive: set[str] = set()

    async def run(call: Call) -> Outcome:
        if call.name == "r1":
            return Outcome("quick")
        alive.add(call.name)
        if len(alive) == 2:
            reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            alive.discard(call.name)
        raise AssertionError("unreachable")

    world = World(run=run)
    await cancelled_at(reached, run_turn(script(calls("r1", "r2", "r3", "w1")), world.doors()), times)
    assert world.settled == {"r1": "quick", "r2": INTERRUPTED, "r3": INTERRUPTED, "w1": NOT_STARTED}
    assert world.failed == {"r1": False, "r2": True, "r3": True, "w1": True}
    assert alive == set(), "a call outlived its turn"
    done = [event.call.name for event in world.events if isinstance(event, CallDone)]
    assert sorted(done) == ["r1", "r2", "r3", "w1"]


async def test_cancelled_between_batches() -> None:
    """The cancellation comes in the very moment in which the first of two effects is settled."""
    world = World()

    def settle(done: CallDone) -> None:
        world.settle(done)
        if done.call.name == "w1":
            task.cancel()

    world._own["settle"] = settle
    task = asyncio.create_task(run_turn(script(calls("w1", "w2")), world.doors()))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.settled == {"w1": "ran w1", "w2": NOT_STARTED}


async def test_a_call_that_tidies_up_after_cancellation_reports_once() -> None:
    reached = asyncio.Event()

    async def run(call: Call) -> Outcome:
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return Outcome("stopped, 3 files written", failed=True)
        raise AssertionError("unreachable")

    world = World(run=run)
    await cancelled_at(reached, run_turn(script(calls("w1", "w2")), world.doors()))
    assert world.settled == {"w1": "stopped, 3 files written", "w2": NOT_STARTED}


# -- a door that fails


async def test_a_failing_run_settles_its_neighbours() -> None:
    async def run(call: Call) -> Outcome:
        if call.name == "r1":
            await asyncio.Event().wait()
        raise RuntimeError("the tool room broke its promise")

    world = World(run=run)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(RuntimeError, match="broke its promise"):
            await run_turn(script(calls("r1", "r2", "w1")), world.doors())
    assert world.settled == {"r1": INTERRUPTED, "r2": INTERRUPTED, "w1": NOT_STARTED}


async def test_a_failing_gate_settles_every_call() -> None:
    async def gate(call: Call) -> Denied | None:
        raise LimitReached("enough", limit="money")

    world = World(gate=gate)
    with pytest.raises(LimitReached):
        await run_turn(script(calls("r1", "w1")), world.doors())
    assert world.settled == {"r1": NOT_STARTED, "w1": NOT_STARTED}


async def test_a_failing_keep_runs_nothing() -> None:
    async def keep(reply: Reply) -> None:
        raise StorageError("disk full")

    world = World(keep=keep)
    with pytest.raises(StorageError, match="disk full"):
        await run_turn(script(calls("w1")), world.doors())
    assert world.log == []
    assert world.settled == {"w1": NOT_STARTED}


async def test_a_failing_settle_is_not_tried_again() -> None:
    tried: list[str] = []

    def settle(done: CallDone) -> None:
        tried.append(done.call.name)
        if done.call.name == "w1":
            raise StorageError("disk full")

    with pytest.raises(StorageError, match="disk full"):
        await run_turn(script(calls("w1", "w2")), World(settle=settle).doors())
    assert tried == ["w1", "w2"]


@pytest.mark.parametrize("door", ["prepare", "more"])
async def test_what_stops_a_turn_comes_through(door: str) -> None:
    async def stop(*_: Any) -> Any:
        raise LimitReached("enough", limit="turns")

    with pytest.raises(LimitReached, match="enough"):
        await run_turn(script(DONE), World(**{door: stop}).doors())


async def test_a_failing_model_comes_through() -> None:
    world = World()
    with pytest.raises(ModelError, match="overloaded"):
        await run_turn(Scripted([ThinkingPart("hm"), ModelError("overloaded")]), world.doors())
    assert world.log == []
