"""The client over real sockets: faults, clocks, retries, cancellation."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from minicode.errors import AuthError, ConfigError, ModelError, TemporaryError
from minicode.messages import Reply, Request, Text, Thinking, User
from minicode.model.base import NotePart, Part, RetryPart, TextPart, WholePart
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import endpoint
from minicode.model.retry import Schedule

REQUEST = Request("MiniMax-M2.7", "s", (), (User("hi"),))


@dataclass
class Waits:
    seconds: list[float] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        self.seconds.append(seconds)


Make = Callable[..., EndpointModel]


@pytest.fixture
async def make(server: Any) -> AsyncIterator[Make]:
    """Clients of the tiny server, or of another root, closed at the end."""
    made: list[EndpointModel] = []

    def one(path: str = "/anthropic", key: str = "", waits: Waits | None = None, **more: Any) -> EndpointModel:
        more.setdefault("schedule", Schedule(pause=(waits or Waits()).pause, chance=lambda: 0.5))
        root = "" if path.startswith("http") else server.root
        made.append(EndpointModel(endpoint(root + path), key, **more))
        return made[-1]

    yield one
    for client in made:
        await client.close()


async def listen(client: EndpointModel, request: Request = REQUEST) -> list[Part]:
    return [part async for part in client.stream(request)]


def reply_of(parts: list[Part]) -> Reply:
    assert isinstance(parts[-1], WholePart)
    return parts[-1].reply


async def test_one_connection_serves_a_whole_session(make: Make, server: Any, say: Any, stream: Any) -> None:
    server.script = [say(stream()) for _ in range(3)]
    client = make(key="sk-secret")
    for _ in range(3):
        assert reply_of(await listen(client)).text == "Done."
    await client.close()
    assert server.connections == 1
    got = server.got[0]
    assert got.path == "/anthropic/v1/messages"
    assert got.headers["authorization"] == "Bearer sk-secret"
    assert got.headers["x-api-key"] == "sk-secret"
    assert got.headers["anthropic-version"]
    assert got.headers["user-agent"].startswith("minicode/")
    assert got.body == client.encode(REQUEST).body


async def test_a_connection_that_died_idle_is_replaced_at_once(make: Make, server: Any, say: Any, stream: Any) -> None:
    waits = Waits()
    server.script = [say(stream(), then_close=True), say(stream()), say(stream()), say(end="reset"), say(stream())]
    client = make(waits=waits)
    for _ in range(4):
        parts = await listen(client)
        assert not any(isinstance(p, RetryPart) for p in parts)
    assert waits.seconds == []


@pytest.mark.parametrize("end", ["cut", "close", "reset"])
async def test_a_reply_that_was_cut_is_asked_for_again(
    make: Make, server: Any, say: Any, stream: Any, end: str
) -> None:
    half = stream("Not this.")[:-200]
    server.script = [say(b"" if end == "reset" else half, end=end), say(stream("This."))]
    waits = Waits()
    parts = await listen(make(waits=waits))
    retry = next(p for p in parts if isinstance(p, RetryPart))
    assert (retry.attempt, retry.wait, waits.seconds) == (1, 0.5, [0.5])
    after = parts[parts.index(retry) :]
    assert "".join(p.text for p in after if isinstance(p, TextPart)) == "This."
    assert reply_of(parts).text == "This."


@pytest.mark.parametrize("end", ["keep", "close", "cut"])
async def test_the_end_of_a_reply_is_its_own_word_not_the_connections(
    make: Make, server: Any, say: Any, stream: Any, end: str
) -> None:
    server.script = [say(stream().partition(b"event: message_stop")[0], end=end)]
    assert reply_of(await listen(make())).text == "Done."


async def test_openai_without_done_and_with_a_server_that_does_not_hang_up(
    make: Make, server: Any, say: Any, unnamed: Any
) -> None:
    body = unnamed({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]})
    server.script = [say(body, end="hang")]
    parts = await listen(make("/v1/chat/completions", clocks=Clocks(tail=0.05)))
    assert reply_of(parts).text == "Hi"
    assert json.loads(server.got[0].body)["reasoning_split"] is True


async def test_a_json_answer_to_a_stream_request(make: Make, server: Any, say: Any) -> None:
    whole = {"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}
    server.script = [say(json.dumps(whole).encode(), headers={"Content-Type": "application/json"})]
    assert reply_of(await listen(make())).text == "Hi"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b'{"error": {"message": "key sk-secret is wrong (1004)"}}', "auth"),
        (500, b'{"error": {"message": "no balance (1008)"}}', "balance"),
        (400, b'{"error": {"message": "tool result\'s tool id (x) not found (2013)"}}', "pairing"),
        (404, b"404 page not found", "path"),
        (307, b"", "path"),
        (200, b'{"base_resp": {"status_code": 1004, "status_msg": "sk-secret"}}', "auth"),
        (200, b"<html>welcome</html>", "path"),
    ],
)
async def test_refusals_are_final_and_never_hold_the_key(
    make: Make, server: Any, say: Any, status: int, body: bytes, kind: str
) -> None:
    server.script = [say(body, status)]
    with pytest.raises(ModelError) as caught:
        await listen(make(key="sk-secret"))
    assert caught.value.kind == kind
    assert "sk-secret" not in str(caught.value)
    assert len(server.got) == 1


async def test_an_overloaded_model_is_asked_many_times(make: Make, server: Any, say: Any, stream: Any) -> None:
    server.script = [say(b"", 529) for _ in range(8)] + [say(stream())]
    waits = Waits()
    parts = await listen(make(waits=waits))
    assert reply_of(parts).text == "Done."
    assert waits.seconds == [0.5, 1, 2, 4, 8, 16, 30, 30]


async def test_the_server_says_when_to_come_back(make: Make, server: Any, say: Any, stream: Any) -> None:
    server.script = [say(b"", 429, {"Retry-After": "3"}), say(stream()), say(b"", 429, {"Retry-After": "3600"})]
    waits = Waits()
    client = make(waits=waits)
    await listen(client)
    assert waits.seconds == [3]
    with pytest.raises(TemporaryError, match="60 min"):
        await listen(client)


async def test_an_empty_answer_is_asked_for_again_and_then_told(make: Make, server: Any, say: Any, named: Any) -> None:
    nothing = named({"type": "message_start", "message": {}}, {"type": "ping"}, {"type": "message_stop"})
    server.script = [say(nothing), say(b""), say(nothing)]
    with pytest.raises(ModelError) as caught:
        await listen(make())
    assert caught.value.kind == "empty"
    assert server.script == []


async def test_an_error_in_the_middle_voids_what_was_shown(
    make: Make, server: Any, say: Any, stream: Any, named: Any
) -> None:
    broken = stream("Half")[:-300] + named({"type": "error", "error": {"message": "unknown error (1000)"}})
    server.script = [say(broken), say(stream("Whole"))]
    assert reply_of(await listen(make())).text == "Whole"


async def test_refused_signatures_are_left_out_and_the_thought_stays(
    make: Make, server: Any, say: Any, stream: Any
) -> None:
    refusal = b'{"error": {"message": "invalid signature in thinking block (2013)"}}'
    server.script = [say(refusal, 400), say(stream()), say(stream()), say(refusal, 400)]
    client = make()
    request = Request("MiniMax-M2.7", "s", (), (User("a"), Reply((Thinking("t", "sig"), Text("x"))), User("b")))
    parts = await listen(client, request)
    assert isinstance(parts[0], RetryPart)
    assert b'"sig"' in server.got[0].body
    assert b'{"type":"thinking","thinking":"t"}' in server.got[1].body
    assert client.encode(request).options["signatures"] is False
    await listen(client, request)
    assert server.got[2].body == server.got[1].body
    with pytest.raises(ModelError, match="signature"):
        await listen(client, request)


async def test_another_model_and_a_clamped_temperature_are_told_once(
    make: Make, server: Any, say: Any, stream: Any
) -> None:
    server.script = [say(stream(model="MiniMax-M2.5")) for _ in range(2)]
    client = make()
    request = Request("MiniMax-M2.7", "s", (), (User("hi"),), temperature=0.0)
    notes = [p.text for p in await listen(client, request) if isinstance(p, NotePart)]
    assert "Temperature 0" in notes[0]
    assert "MiniMax-M2.5 answered" in notes[1]
    assert not any(isinstance(p, NotePart) for p in await listen(client, request))


async def test_the_surface_is_found_once_and_remembered(
    make: Make, server: Any, say: Any, stream: Any, unnamed: Any
) -> None:
    memory: dict[str, str] = {}
    chat = unnamed({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]})
    server.script = [say(b"", 404), say(b"", 405), say(chat), say(chat)]
    for _ in range(2):
        client = make("/v1", recall=memory.get, remember=memory.__setitem__)
        await client.ready()
        assert client.wire == "openai"
        assert reply_of(await listen(client)).text == "Hi"
    paths = [got.path for got in server.got]
    assert paths == ["/v1/messages", "/anthropic/v1/messages", "/v1/chat/completions", "/v1/chat/completions"]
    assert json.loads(server.got[2].body)["top_k"] == 40
    # The server was changed behind our back: what was remembered is forgotten.
    server.script = [say(b"", 404), say(b"", 400), say(stream())]
    client = make("/v1", recall=memory.get, remember=memory.__setitem__)
    assert reply_of(await listen(client)).text == "Done."
    assert client.wire == "anthropic"
    assert "anthropic" in memory[server.root]


async def test_silence_runs_out_by_four_clocks(make: Make, server: Any, say: Any, stream: Any) -> None:
    async def fault_of(clocks: Clocks, body: bytes) -> str:
        server.script = [say(body, end="hang")]
        client = make(clocks=clocks, schedule=Schedule(tries=1))
        with pytest.raises(TemporaryError) as caught:
            await listen(client)
        assert server.connections == len(server.got)
        return str(caught.value)

    assert "stopped in the middle" in await fault_of(Clocks(idle=0.05), stream()[:300])
    assert "nothing of the reply" in await fault_of(Clocks(progress=0.05), stream()[:300])
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        client = make(
            f"http://127.0.0.1:{deaf.getsockname()[1]}/anthropic",
            clocks=Clocks(first=0.05),
            schedule=Schedule(tries=1),
        )
        with pytest.raises(TemporaryError, match=r"sent nothing for 0\.05 s"):
            await listen(client)


async def test_pings_are_no_progress(make: Make) -> None:
    served = asyncio.Event()

    async def pinging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b'event: ping\ndata: {"type": "ping"}\n\n')
            await asyncio.wait([asyncio.ensure_future(served.wait())], timeout=0.01)
        served.set()

    async with await asyncio.start_server(pinging, "127.0.0.1", 0) as listening:
        root = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/anthropic"
        client = make(root, clocks=Clocks(idle=5, progress=0.1), schedule=Schedule(tries=1))
        with pytest.raises(TemporaryError, match="nothing of the reply"):
            await listen(client)
        await asyncio.wait_for(served.wait(), 5)


async def test_cancelling_closes_at_once_and_the_client_can_be_used_again(
    make: Make, server: Any, say: Any, stream: Any
) -> None:
    server.script = [say(stream("Partly")[:-250], end="hang"), say(stream("Again"))]
    client = make()
    heard = asyncio.Event()

    async def follow() -> None:
        async with aclosing(client.stream(REQUEST)) as parts:
            async for _ in parts:
                heard.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(heard.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.lost.wait(), 5)
    assert reply_of(await listen(client)).text == "Again"


async def test_a_wait_can_be_cancelled(make: Make, server: Any, say: Any) -> None:
    server.script = [say(b"", 429, {"Retry-After": "50"})]
    client = make(schedule=Schedule())
    waiting = asyncio.Event()

    async def follow() -> None:
        async for part in client.stream(REQUEST):
            assert isinstance(part, RetryPart)
            waiting.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(waiting.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nobody_there(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    client = make(f"http://127.0.0.1:{port}", schedule=Schedule(tries=1))
    with pytest.raises(TemporaryError, match=f"nothing listens at 127.0.0.1:{port}"):
        await client.ready()


async def test_a_far_endpoint_needs_a_key_and_a_clean_one(make: Make) -> None:
    with pytest.raises(AuthError, match="MINIMAX_API_KEY"):
        await listen(make("https://api.minimax.io"))
    with pytest.raises(ConfigError, match="line break"):
        await listen(make("http://127.0.0.1:9/anthropic", "a\nb"))
