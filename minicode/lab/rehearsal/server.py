"""The rehearsal: a real HTTP server on loopback that plays a script in M2's place and refuses what M2 refuses."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from minicode.lab.rehearsal import respond
from minicode.lab.rehearsal.check import parse, understand
from minicode.lab.rehearsal.conversation import Asked, Json, Refusal
from minicode.lab.rehearsal.http import Answer, BadRequest, Request, read_request, send
from minicode.lab.rehearsal.memory import Memory
from minicode.lab.rehearsal.script import Fault, Say, Script, Step, Think

PATHS = {
    "/anthropic/v1/messages": "anthropic",
    "/v1/messages": "anthropic",
    "/v1/chat/completions": "openai",
}
LISTS = {"/anthropic/v1/models": "anthropic", "/v1/models": "openai"}
MODELS = ("MiniMax-M2", "MiniMax-M2.1", "MiniMax-M2.5", "MiniMax-M2.7")
OVER = "The script is over."
NO_KEY = "login fail: Please carry the API secret key in the 'Authorization' field of the request header (1004)"


@dataclass(slots=True)
class Exchange:
    """A request and what became of it; the last four fields are filled in when it ends.

    arrived, ended: `time.monotonic()` when the request was whole, when the last byte of the answer was handed to the
    kernel (None until then). connection counts from 1. body is None if it was no JSON object. step: number of the step
    played from 0, None if none was. complete: the client was sent everything, and properly ended.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json | None
    raw: bytes
    arrived: float
    connection: int
    surface: str
    step: int | None = None
    status: int = 0
    ended: float | None = None
    complete: bool = False


class Rehearsal:
    """`async with Rehearsal(script) as server:` or, from blocking code, `with` (it runs in a thread then).

    url: the root to set as base URL. requests: every Exchange so far. failures: a sentence for each request that was
    refused because it was invalid or not what the script expects. connections: how many were opened.
    """

    def __init__(
        self,
        script: Script,
        *,
        port: int = 0,
        key: str | None = None,
        surfaces: tuple[str, ...] = ("anthropic", "openai"),
        watch: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.script = script
        self.requests: list[Exchange] = []
        self.failures: list[str] = []
        self.connections = 0
        self.played = 0
        self._port = port
        self._key = key
        self._surfaces = surfaces
        self._watch = watch
        self._memory = Memory()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Rehearsal:
        self._changed = asyncio.Condition()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, limit=1 << 20)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def __enter__(self) -> Rehearsal:
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._in_thread(started)), daemon=True)
        self._thread.start()
        started.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _in_thread(self, started: concurrent.futures.Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        try:
            async with self:
                started.set_result(None)
                await self._end.wait()
        except OSError as error:
            started.set_exception(error)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def over(self) -> bool:
        """All steps were played."""
        return self.played >= len(self.script.steps)

    async def arrived(self, count: int) -> Exchange:
        """Wait until so many requests have come; the last of them."""
        await self._until(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def ended(self, count: int) -> Exchange:
        """Wait until the answer to that request, counted from 1, was sent or broken off."""
        await self._until(lambda: len(self.requests) >= count and self.requests[count - 1].ended is not None)
        return self.requests[count - 1]

    async def finished(self) -> None:
        """Wait until all steps were played and answered."""
        await self._until(lambda: self.over and all(e.ended is not None for e in self.requests))

    def wait(self, count: int, *, ended: bool = False, timeout: float = 30.0) -> Exchange:
        """`arrived`, or `ended`, for blocking code. Raises TimeoutError."""
        waiting = self.ended(count) if ended else self.arrived(count)
        return asyncio.run_coroutine_threadsafe(waiting, self._loop).result(timeout)

    async def _until(self, true: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(true)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._converse(reader, writer, self.connections)
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        except BadRequest as error:
            self.failures.append(f"Not an HTTP request we can read: {error}.")
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        keep = True
        while keep and (request := await read_request(reader, writer)):
            exchange = Exchange(
                method=request.method,
                path=request.path.partition("?")[0],
                headers=request.headers,
                body=None,
                raw=request.body,
                arrived=time.monotonic(),
                connection=connection,
                surface="",
            )
            answer, message = self._answer(request, exchange)
            self.requests.append(exchange)
            await self._tell()
            exchange.status = answer.status
            try:
                exchange.complete = await send(answer, reader, writer)
            finally:
                if message is not None and not exchange.complete:
                    self._memory.forget(message)
                exchange.ended = time.monotonic()
                if self._watch:
                    self._watch(exchange)
                await self._tell()
            keep = exchange.complete and request.keep_alive

    def _answer(self, request: Request, exchange: Exchange) -> tuple[Answer, Json | None]:
        """(the answer, the message in it that must come back or None)."""
        number = len(self.requests) + 1
        request_id = hashlib.sha256(b"%d" % number + request.body).hexdigest()[:32]
        routes = PATHS if request.method == "POST" else LISTS if request.method == "GET" else {}
        surface = routes.get(exchange.path, "")
        if surface not in self._surfaces:
            return Answer(404, {"Content-Type": "text/plain"}, (b"404 page not found",)), None
        exchange.surface = surface
        if self._key is not None and not self._authorised(request):
            return respond.refusal(surface, 401, NO_KEY, request_id), None
        if request.method == "GET":
            return respond.models(MODELS), None
        try:
            exchange.body = parse(request.body)
            asked = understand(surface, exchange.body)
            count = self._memory.count(asked)
            self._hold_to_memory(asked, count[0])
            return self._play(asked, request.body, count, exchange)
        except Refusal as refused:
            if exchange.body != {}:  # an empty object is how clients find out what an endpoint speaks
                self.failures.append(f"Request {number}: {refused}.")
            words = f"invalid params, {refused.sub}" if refused.sub != "invalid params" else refused.sub
            return respond.refusal(surface, refused.status, f"{words} ({refused.code})", request_id), None

    def _authorised(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._key in (bearer, request.headers.get("x-api-key"))

    def _hold_to_memory(self, asked: Asked, tokens: int) -> None:
        if self.script.window is not None and tokens > self.script.window:
            raise Refusal("context window exceeds limit", f"{tokens} tokens of {self.script.window}")
        if self.script.strict_thinking:
            changed = self._memory.changed_thought(asked, self.script.strict_signatures)
            if changed:
                raise Refusal("thinking must come back unchanged", changed)

    def _play(
        self, asked: Asked, raw: bytes, count: tuple[int, int, int], exchange: Exchange
    ) -> tuple[Answer, Json | None]:
        step, number = self._next(asked)
        if step.expect and (lack := respond.unmet(step.expect, asked)):
            if step.otherwise is None:
                raise Refusal(f"the script expected something else at step {number + 1}: {lack}")
            step = step.otherwise
        seed = hashlib.sha256(b"%d:" % len(self.requests) + raw).digest()
        shape = step.shape or self.script.shape
        try:
            reply = respond.settle(step, asked, seed, count)
            answer = respond.render(step, reply, asked, shape)
        except LookupError as error:
            raise Refusal(f"the script cannot go on at step {number + 1}: {error.args[0]}") from error
        exchange.step = number
        self.played = max(self.played, number + 1)
        if not (step.fault or Fault()).whole:
            return answer, None
        message, place = respond.replay_form(reply, asked, shape)
        # Remembered before it is sent: the next request may come on another connection while this one still ends.
        self._memory.remember(asked, message, place, [b for b in reply.blocks if isinstance(b, Think)])
        return answer, message

    def _next(self, asked: Asked) -> tuple[Step, int]:
        steps: tuple[Any, ...] = self.script.steps
        number = min(self.played, len(steps) - 1) if self.script.after == "repeat" and steps else self.played
        if number >= len(steps):
            return Step((Say(OVER),)), number
        step = steps[number]
        return (step if isinstance(step, Step) else step(asked)), number
