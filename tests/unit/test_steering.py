"""What is said while M2 works reaches it once, where it belongs, whatever the moment; and nothing it sent is lost."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from minicode.events import CallStarted, Event, ReplyDone, Retrying, TextDelta, ThinkingDelta, TurnEnded, Withdrawn
from minicode.journal.reader import load
from minicode.lab.rehearsal import Do, Fault, Rehearsal, Say, Script, Shape, Step, Think, steps
from minicode.model.base import WholePart
from minicode.plan import Plan
from minicode.session import Session
from minicode.start import start

PATIENCE = 20
LOOK = (Think("Look first."), Do("read", {"path": "a.py"}))
LONG = "I think and think. " * 40
HANGS = Fault(stall=1500)  # some deltas come, and then nothing


class Talk:
    def __init__(self, session: Session, server: Rehearsal) -> None:
        self.session, self.server = session, server
        self.events: list[Event] = []

    async def say(self, text: str, act: Callable[[Event], object] = lambda event: None) -> TurnEnded:
        """One turn. act: called with each event."""
        async with asyncio.timeout(PATIENCE), aclosing(self.session.send(text)) as turn:
            async for event in turn:
                self.events.append(event)
                act(event)
        assert isinstance(event, TurnEnded)
        return event

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return [dict(entry.data) for entry in self.session.journal.entries if entry.kind == kind]

    def messages(self, number: int) -> list[dict[str, Any]]:
        body = self.server.requests[number - 1 if number > 0 else number].body
        assert body is not None
        found: list[dict[str, Any]] = body["messages"]
        return found

    def last(self, number: int) -> str:
        """The last message of a request, as JSON."""
        return json.dumps(self.messages(number)[-1])


@pytest.fixture
def talk(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Talk]]:
    """`async with talk(script or server, resume=None) as t`: a session before a server."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_text("x = 1\n")

    @asynccontextmanager
    async def begin(played: Script | Rehearsal, resume: str | None = None) -> AsyncIterator[Talk]:
        async with AsyncExitStack() as stack:
            server = played if isinstance(played, Rehearsal) else await stack.enter_async_context(Rehearsal(played))
            flags = {"base_url": f"{server.url}/anthropic", "protocol": "anthropic"}
            started = start(Plan(folder=folder, resume=resume, flags=flags))
            stack.push_async_callback(started.close)
            yield Talk(started.session, server)
            assert server.failures == []
            if path := started.session.journal.path:
                assert not load(path).damaged

    return begin


class Once:
    """Says something when an event of the kind comes for the `at`-th time, and keeps what became of it."""

    def __init__(self, t: Talk, kind: type[Event], *words: str, at: int = 1) -> None:
        self.t, self.kind, self.words, self.left = t, kind, words, at
        self.stopped: list[bool] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, self.kind):
            self.left -= 1
            if self.left == 0:
                self.stopped = [self.t.session.steer_now(word) for word in self.words]


async def test_in_the_first_thought_it_is_the_next_message(talk: Any) -> None:
    async with talk(steps(Step((Think(LONG), Say("No.")), fault=HANGS), (Think("Ah."), Say("Yes.")))) as t:
        once = Once(t, ThinkingDelta, "the other file", at=3)
        ended = await t.say("Go", once)
        assert once.stopped == [True]
        assert (ended.reason, ended.text, ended.returned, ended.issued) == ("done", "Yes.", 1, 1)
        [partial] = t.entries("partial")
        assert partial["why"] == "steered" and LONG.startswith(partial["thinking"]) and partial["thinking"]
        assert [m["role"] for m in t.messages(2)][-1] == "user"
        assert "the other file" in t.last(2) and "I think" not in json.dumps(t.messages(2))
        assert [type(e) for e in t.events].count(Withdrawn) == 1


async def test_between_tools_it_goes_into_the_last_result_and_no_thought_is_lost(talk: Any) -> None:
    async with talk(steps(LOOK, Step((Think(LONG),), fault=HANGS), (Think("Ah."), Say("Yes.")))) as t:
        ended = await t.say("Go", Once(t, ThinkingDelta, "the other file", at=3))
        assert (ended.reason, ended.text, ended.returned, ended.issued) == ("done", "Yes.", 2, 2)
        assert t.messages(3)[:-1] == t.messages(2)[:-1]
        assert [m["role"] for m in t.messages(3)] == ["user", "assistant", "user"]  # no new user text
        assert "tool_result" in t.last(3) and "the other file" in t.last(3)
        assert "Look first." in json.dumps(t.messages(3))
        assert [entry["text"] for entry in t.entries("aside")] == ["the other file"]


async def test_another_process_sends_the_same_bytes(talk: Any) -> None:
    """And the record is sound."""
    hangs = Step((Think(LONG),), fault=HANGS)
    async with Rehearsal(steps(hangs, LOOK, hangs, LOOK, (Think("Ah."), Say("Yes.")), Say("Again."))) as server:
        async with talk(server) as t:
            words = {1: "first", 3: "then"}

            def act(event: Event) -> None:
                if isinstance(event, ThinkingDelta) and (word := words.pop(len(server.requests), "")):
                    assert t.session.steer_now(word)

            await t.say("Go", act)
            assert len(t.entries("partial")) == 2
            id_ = t.session.journal.id
        verify = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "minicode", "sessions", "verify", id_, stdout=asyncio.subprocess.DEVNULL
        )
        assert await verify.wait() == 0
        async with talk(server, resume=id_) as t:
            await t.say("And again")
        sent = [re.sub(rb',"cache_control":\{[^}]*\}', b"", exchange.raw) for exchange in server.requests]
    for before, after in list(pairwise(sent))[3:]:
        assert before.endswith(b"]}") and after.startswith(before[:-2])


async def test_while_a_retry_waits(talk: Any) -> None:
    busy = Step(fault=Fault(status=529, headers={"retry-after": "60"}, body="{}"))
    async with talk(steps(LOOK, busy, (Think("Ah."), Say("Yes.")))) as t:
        once = Once(t, Retrying, "go on")
        ended = await t.say("Go", once)
        assert once.stopped == [True] and ended.text == "Yes."
        assert "go on" in t.last(3)
        assert t.entries("partial") == []  # nothing had come


async def test_while_nothing_streams_it_is_a_plain_steer(talk: Any) -> None:
    async with talk(steps(LOOK, (Think("Ah."), Say("Yes.")))) as t:
        once = Once(t, CallStarted, "be quick")
        ended = await t.say("Go", once)
        assert once.stopped == [False] and ended.text == "Yes."
        assert "be quick" in t.last(2)
        assert not t.session.steer_now("too late")
        assert t.session.unheard() == ["too late"]
        assert t.session.unheard() == []


async def test_twice_in_a_row_and_with_words_that_wait(talk: Any) -> None:
    async with talk(steps(LOOK, Step((Think(LONG),), fault=HANGS), (Think("Ah."), Say("Yes.")))) as t:
        once = Once(t, ThinkingDelta, "second", "third", at=3)

        def act(event: Event) -> None:
            if isinstance(event, ThinkingDelta) and once.left == 2:
                t.session.steer("first")
            once(event)

        ended = await t.say("Go", act)
        assert once.stopped == [True, True] and ended.text == "Yes."
        assert [entry["text"] for entry in t.entries("aside")] == ["first", "second", "third"]
        assert len(t.entries("partial")) == 1
        assert len(t.server.requests) == 3


async def test_stopped_and_steered_at_once_it_is_stopped(talk: Any) -> None:
    """The words are not lost: whoever stopped the turn may take them back."""
    async with talk(steps(Step((Think(LONG),), fault=HANGS), Say("Yes."))) as t:

        def act(event: Event) -> None:
            if isinstance(event, ThinkingDelta) and not t.session.parts.steers:
                t.session.steer_now("and this")
                t.session.cancel()

        ended = await t.say("Go", act)
        assert ended.reason == "cancelled"
        assert t.session.unheard() == ["and this"]
        assert (await t.say("On")).text == "Yes."


class Whispers:
    """The real model, which says something so many turns of the event loop after the first reply has come."""

    def __init__(self, t: Talk, words: str, wait: int) -> None:
        self._model, self._t, self._words, self._wait = t.session.parts.model, t, words, wait
        self.said = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        async for part in self._model.stream(request):
            if isinstance(part, WholePart) and self._words:
                self._later(self._words, self._wait)
                self._words = ""
            yield part

    def _later(self, words: str, wait: int) -> None:
        if wait < 0:
            self._t.session.steer_now(words)
            self.said.set()
        else:
            asyncio.get_running_loop().call_soon(self._later, words, wait - 1)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("calls", [False, True])
async def test_at_the_moment_a_reply_is_kept(talk: Any, eager: bool, calls: bool) -> None:
    """Tried at each turn of the event loop around it: a reply that has come whole is kept, and its calls run."""
    if eager:
        if not hasattr(asyncio, "eager_task_factory"):
            pytest.skip("Python 3.12 has eager tasks first")
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

    def played(asked: Any) -> Step:
        new = asked.said.startswith("Go") and "psst" not in asked.said and not asked.results
        does = [Do("read", {"path": "a.py"})] if calls else []
        return Step((Think("Hm."), Say("Soon."), *does) if new else (Think("Ah."), Say("Yes.")))

    async with talk(Script((played,) * 100)) as t:
        model = t.session.parts.model
        for wait in range(12):
            t.events.clear()
            t.session.parts.model = whispers = Whispers(t, f"psst{wait}.", wait)
            ended = await t.say(f"Go {wait}")
            t.session.parts.model = model
            await whispers.said.wait()  # the turn may be over by then
            for left in t.session.unheard():
                ended = await t.say(left)
            assert (ended.reason, ended.text) == ("done", "Yes."), wait
            assert ended.returned == ended.issued == len(t.entries("reply"))
            assert next(e.reply.text for e in t.events if isinstance(e, ReplyDone)) == "Soon.", wait
        assert len(t.entries("result")) == (12 if calls else 0)
        assert all("x = 1" in result["text"] for result in t.entries("result"))
        whole = json.dumps(t.messages(-1))
        assert all(whole.count(f"psst{wait}.") == 1 for wait in range(12))


async def test_at_any_moment(talk: Any) -> None:
    """A reply is given up whole, or kept and answered whole."""

    def played(asked: Any) -> Step:
        new = asked.said.startswith("Go") and "psst" not in asked.said and not asked.results
        first = Step((Think("Hm."), Say("Soon."), Do("read", {"path": "a.py"})), shape=Shape(pause=0.0002))
        return first if new else Step((Think("Ah."), Say("Yes.")))

    async with talk(Script((played,) * 200)) as t:
        for wait in range(0, 240, 10):
            t.events.clear()
            whispering: list[asyncio.Task[None]] = []

            async def whisper(wait: int = wait) -> None:
                for _ in range(wait):
                    await asyncio.sleep(0)
                t.session.steer_now(f"psst{wait}.")

            def act(event: Event, whisper: Any = whisper, whispering: Any = whispering) -> None:
                if isinstance(event, TextDelta) and not whispering:
                    whispering.append(asyncio.create_task(whisper()))

            ended = await t.say(f"Go {wait}", act)
            await whispering[0]
            for left in t.session.unheard():
                ended = await t.say(left)
            assert (ended.reason, ended.text) == ("done", "Yes."), wait
            assert ended.returned == ended.issued == len(t.entries("reply"))
            assert [type(e) for e in t.events].count(Withdrawn) <= 1
        assert all("x = 1" in result["text"] for result in t.entries("result"))
        whole = json.dumps(t.messages(-1))
        assert all(whole.count(f"psst{wait}.") == 1 for wait in range(0, 240, 10))
