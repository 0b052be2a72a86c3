"""Both transports over real sockets, byte by byte: what one does, the other does."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from minicode.errors import ConfigError, ModelError, TemporaryError
from minicode.model.endpoint import endpoint
from minicode.model.http import Connection, Exchange, transport_for
from minicode.model.loopback import Loopback
from minicode.model.remote import Remote

SOON = 5  # seconds after which what should happen at once has not happened
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: z\r\n\r\n"


@dataclass
class Caller:
    """The server's side of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int  # of the connection, from 1

    async def request(self) -> bytes:
        """The next request, head and body. Raises IncompleteReadError when there is none."""
        head = await self.head()
        length = next((int(v) for k, _, v in _lines(head) if k.lower() == "content-length"), 0)
        return head + await self.reader.readexactly(length)

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has closed."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """End it with RST instead of FIN."""
        linger = b"\1\0\0\0\0\0\0\0"
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


def _lines(head: bytes) -> list[tuple[str, str, str]]:
    return [line.partition(": ") for line in head.decode().split("\r\n")[1:] if line]


Talk = Callable[[Caller], Awaitable[None]]


@dataclass
class Server:
    port: int = 0
    talk: Talk | None = None
    connections: int = 0
    got: list[bytes] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/x?a=b"

    def says(self, *answers: bytes) -> None:
        """Each connection reads a request and gives the next answer, until there is none left; then it closes."""
        left = list(answers)

        async def talk(caller: Caller) -> None:
            while left:
                self.got.append(await caller.request())
                await caller.say(left.pop(0))

        self.talk = talk

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        assert self.talk is not None
        self.tasks.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await self.talk(Caller(reader, writer, self.connections))
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


@pytest.fixture(params=[Loopback, Remote])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    connection = Connection(request.param(2.0))
    yield connection
    await connection.close()


def ask(line: Connection, server: Server, body: bytes = b"{}", first: float = SOON) -> Exchange:
    return line.post(server.url, {"X-Key": "k"}, body, first)


async def answer(line: Connection, server: Server, body: bytes = b"{}") -> bytes:
    async with ask(line, server, body) as exchange:
        return await exchange.read_all()


async def over(server: Server) -> None:
    """Wait until the first connection has run its course on the server's side: the client has closed it."""
    done, _ = await asyncio.wait(server.tasks[:1], timeout=SOON)
    assert done


async def trouble(line: Connection, server: Server, first: float = SOON) -> tuple[ModelError, bytes]:
    """The error that an exchange ends with, and the bytes that came before it."""
    got = b""
    with pytest.raises(ModelError) as caught:
        async with ask(line, server, first=first) as exchange:
            while piece := await exchange.read():
                got += piece
    return caught.value, got


async def test_one_connection_serves_answers_of_every_kind(line: Connection, server: Server) -> None:
    nothing = b"HTTP/1.1 204 No Content\r\n\r\n"
    empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Name: Value\r\n\r\n"
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH
    refusal = LENGTH.replace(b"200 OK", b"500 No")
    server.says(LENGTH, CHUNKED, nothing, empty, early, refusal, LENGTH)
    assert await answer(line, server, b"first") == b"hello"
    assert await answer(line, server) == b"hello"
    assert await answer(line, server) == b""
    async with ask(line, server) as exchange:
        assert (exchange.status, exchange.headers["x-name"]) == (200, "Value")
    assert await answer(line, server) == b"hello"
    async with ask(line, server) as exchange:
        assert exchange.status == 500
        assert await exchange.read_all() == b"hello"
    async with line.get(server.url, {}) as exchange:
        assert await exchange.read_all() == b"hello"
    assert server.connections == 1
    asked = server.got[0].lower()
    assert asked.startswith(b"post /v1/x?a=b http/1.1\r\n")
    for header in (
        b"host: 127.0.0.1:%d" % server.port,
        b"x-key: k",
        b"content-length: 5",
        b"accept-encoding: identity",
    ):
        assert asked.count(b"\r\n%b\r\n" % header) == 1
    assert asked.endswith(b"\r\n\r\nfirst")
    assert server.got[-1].startswith(b"GET ")


@pytest.mark.parametrize(
    "last", [b"HTTP/1.1 200 OK\r\n\r\nhello", LENGTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]
)
async def test_an_answer_that_ends_with_its_connection(line: Connection, server: Server, last: bytes) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(last)

    server.talk = talk
    assert await answer(line, server) == b"hello"
    assert await answer(line, server) == b"hello"
    assert server.connections == 2


@pytest.mark.parametrize("whole", [LENGTH, CHUNKED], ids=["length", "chunked"])
async def test_byte_by_byte(line: Connection, server: Server, whole: bytes) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        caller.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(whole)):
            await caller.say(whole[at : at + 1])
            await asyncio.sleep(0)

    server.talk = talk
    assert await answer(line, server) == b"hello"


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize(
    "said",
    [
        b"",
        LENGTH[:7],
        LENGTH[:30],
        LENGTH[:-5],
        LENGTH[:-2],
        CHUNKED[:47],
        CHUNKED[:48],
        CHUNKED[:52],
        CHUNKED[:54],
        CHUNKED[:-20],
        CHUNKED[:-2],
        CHUNKED.replace(b"3\r\nhel\r\n", b"-3\r\nhel\r\n"),
    ],
    ids=repr,
)
async def test_a_connection_that_breaks_is_told_wherever_it_does(
    line: Connection, server: Server, said: bytes, how: str
) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(said)
        if how == "RST":
            caller.reset()

    server.talk = talk
    error, got = await trouble(line, server)
    assert isinstance(error, TemporaryError)
    assert error.kind == "cut"
    where = "in the middle" if b"\r\n\r\n" in said and (how == "FIN" or got) else "the connection"
    assert where in str(error)
    assert b"hello".startswith(got)
    assert server.connections == 1


async def test_a_kept_connection_that_turns_out_dead_is_replaced_at_once(line: Connection, server: Server) -> None:
    closed = asyncio.Event()

    async def talk(caller: Caller) -> None:
        await caller.request()
        if caller.number < 4:
            await caller.say(LENGTH)
        if caller.number == 1:  # closes while it lies idle
            caller.writer.write_eof()
            closed.set()
            await caller.gone()
        elif caller.number < 4:  # closes when it is used again
            await caller.request()
            if caller.number == 2:
                caller.reset()

    server.talk = talk
    assert await answer(line, server) == b"hello"
    await asyncio.wait_for(closed.wait(), SOON)
    assert await answer(line, server) == b"hello"
    await over(server)
    assert await answer(line, server) == b"hello"
    assert server.connections == 3
    # The fourth is new, so it did not die of age.
    error, _ = await trouble(line, server)
    assert "closed before the answer" in str(error)
    assert server.connections == 4


async def test_the_clock_of_the_first_byte(line: Connection, server: Server) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        if caller.number == 1:
            await caller.gone()
        await caller.say(LENGTH)

    server.talk = talk
    async with asyncio.timeout(1):  # less than the clock of the connection
        error, _ = await trouble(line, server, first=0.05)
    assert (error.kind, str(error)) == ("timeout", "The endpoint took the request but sent nothing for 0.05 s.")
    await over(server)
    assert await answer(line, server) == b"hello"


@pytest.mark.parametrize("transport", [Loopback, Remote])
async def test_the_clock_of_the_connection(transport: type[Loopback] | type[Remote]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # the kernel takes a connection or two before anyone accepts them, then no more
            one.setblocking(False)
            one.connect_ex(address)
        line = Connection(transport(0.1))
        with pytest.raises(TemporaryError, match=r"^No connection to 127\.0\.0\.1:\d+ within 0\.1 s\.") as caught:
            async with line.get(f"http://127.0.0.1:{address[1]}/", {}, SOON):
                pass
        assert caught.value.kind == "network"
        await line.close()
        for one in waiting:
            one.close()


@pytest.mark.parametrize("said", [b"", LENGTH[:-2], CHUNKED[:52]], ids=["no answer", "length", "chunked"])
async def test_cancelling_closes_at_once(line: Connection, server: Server, said: bytes) -> None:
    told = asyncio.Event()

    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(said if caller.number == 1 else LENGTH)
        told.set()
        await caller.gone()

    async def follow() -> None:
        async with ask(line, server) as exchange:
            while await exchange.read():
                heard.set()

    server.talk = talk
    heard = asyncio.Event()
    task = asyncio.create_task(follow())
    await asyncio.wait_for((heard if said else told).wait(), SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await over(server)
    assert await answer(line, server) == b"hello"


async def test_what_is_left_early_is_closed_unless_its_end_is_near(line: Connection, server: Server) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(CHUNKED)
        await caller.request()
        await caller.say(CHUNKED[:-20])
        await caller.gone()

    server.talk = talk
    for _ in range(2):
        async with ask(line, server) as exchange:
            assert (await exchange.read()).startswith(b"h")
    await over(server)
    assert server.connections == 1


async def test_httpx_leaves_no_iterator_to_the_garbage_collector(server: Server) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(CHUNKED[:-20])
        await caller.gone()

    server.talk = talk
    born: list[AsyncGenerator[object, object]] = []
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=born.append)
    line = Connection(Remote())
    with pytest.raises(KeyError):
        async with ask(line, server) as exchange:
            await exchange.read()
            raise KeyError
    sys.set_asyncgen_hooks(*hooks)
    await line.close()
    assert len(born) > 1
    assert [one for one in born if one.ag_frame is not None] == []


async def test_an_exchange_left_unread_by_an_exception_is_closed(line: Connection, server: Server) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(LENGTH[:-2])
        await caller.gone()

    server.talk = talk
    with pytest.raises(KeyError):
        async with ask(line, server):
            raise KeyError
    await over(server)


@pytest.mark.parametrize("size", [2, 8_000_000])
async def test_an_answer_that_comes_before_the_request_was_read(line: Connection, server: Server, size: int) -> None:
    async def talk(caller: Caller) -> None:
        await caller.head()
        await caller.say(LENGTH.replace(b"200 OK", b"413 Too Large\r\nConnection: close"))
        if size > 2:  # as servers do that want to be heard
            await caller.reader.readexactly(size)

    server.talk = talk
    async with ask(line, server, b"x" * size) as exchange:
        assert exchange.status == 413
        assert await exchange.read_all() == b"hello"


async def test_an_answer_to_a_request_that_is_never_read(server: Server) -> None:
    """Over loopback alone: httpx goes on writing before it reads."""

    async def talk(caller: Caller) -> None:
        await caller.head()
        await caller.say(LENGTH)
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await done.wait()

    done = asyncio.Event()
    server.talk = talk
    line = Connection(Loopback())
    async with ask(line, server, b"x" * 64_000_000) as exchange:
        assert (exchange.status, await exchange.read_all()) == (200, b"hello")
    done.set()
    await line.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "the answer is not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600_000, "the head of the answer is too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, "the head of the answer is too long"),
    ],
    ids=["ssh", "tls", "a long line", "many lines"],
)
async def test_what_is_no_answer_is_told(line: Connection, server: Server, said: bytes, words: str) -> None:
    server.says(said)
    error, _ = await trouble(line, server)
    assert error.kind == "garbled"
    assert words in str(error)


async def test_redirects_are_not_followed_and_cookies_not_kept(line: Connection, server: Server) -> None:
    moved = f"HTTP/1.1 307 Go\r\nLocation: {server.url}\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    server.says(moved.encode(), LENGTH)
    async with ask(line, server) as exchange:
        assert exchange.status == 307
    assert await answer(line, server) == b"hello"
    assert len(server.got) == 2
    assert b"cookie" not in server.got[1].lower()


async def test_where_nobody_is(line: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    long = "x" * 64 + ".localhost"
    for host, words in (
        (f"127.0.0.1:{port}", f"nothing listens at 127.0.0.1:{port}"),
        (f"localhost:{port}", f"nothing listens at localhost:{port}"),
        ("nowhere.invalid", "no host of the name nowhere.invalid was found"),
        (f"{long}:80", f"no host of the name {long} was found"),
    ):
        with pytest.raises(ModelError) as caught:
            async with line.get(f"http://{host}/", {}):
                pass
        assert str(caught.value) == f"The connection failed: {words}. Check the network and the base URL."
        assert caught.value.kind == "network"


async def test_what_would_break_the_head_is_not_sent(line: Connection, server: Server) -> None:
    for headers in ({"X": "a\r"}, {"X": "a\nb"}, {"X": "ä"}, {"a\nb": "x"}):
        with pytest.raises(ConfigError, match="line break"):
            line.post(server.url, headers, b"")
    with pytest.raises(ConfigError, match="line break"):
        line.get(server.url + "ä", {})
    assert server.connections == 0


def test_which_transport_serves_which_endpoint() -> None:
    for near in ("http://127.0.0.1:8000", "localhost:8000/v1", "http://[::1]:8000"):
        assert transport_for(endpoint(near)) is Loopback
    for far in ("", "https://example.com/v1", "https://localhost:8000", "https://127.0.0.1"):
        assert transport_for(endpoint(far)) is Remote


def test_httpx_is_imported_for_the_world_outside_only_and_then_without_its_command_line() -> None:
    program = """
import asyncio, sys
from minicode.errors import ModelError
from minicode.messages import Request, User
from minicode.model.client import EndpointModel
from minicode.model.endpoint import endpoint
from minicode.model.retry import Schedule

async def ask(root):
    model = EndpointModel(endpoint(root), "key", schedule=Schedule(tries=1))
    try:
        async for _ in model.stream(Request("m", "s", (), (User("hi"),))):
            pass
    except ModelError as error:
        assert error.kind == "network", error
    await model.close()

dear = {"httpx", "httpcore", "h11", "anyio", "truststore", "certifi", "rich", "click"}
asyncio.run(ask("http://127.0.0.1:1/anthropic"))
assert not dear & set(sys.modules), dear & set(sys.modules)
asyncio.run(ask("https://127.0.0.1:1/anthropic"))
assert {"httpx", "rich", "click"} & set(sys.modules) == {"httpx"}
assert sys.modules["httpx._main"] is None
"""
    subprocess.run([sys.executable, "-c", program], check=True)
