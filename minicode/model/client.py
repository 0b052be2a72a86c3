"""A model behind an endpoint: settles the surface, asks, watches the clocks, asks again when that can help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from minicode import __version__
from minicode.errors import AuthError, ModelError, TemporaryError
from minicode.messages import Reply, Request
from minicode.model import clocks as ticking
from minicode.model.base import Encoded, NotePart, Part, RetryPart, WholePart
from minicode.model.clocks import Clocks
from minicode.model.endpoint import Endpoint
from minicode.model.faults import fault, from_answer
from minicode.model.http import Connection, Exchange, Transport, transport_for
from minicode.model.retry import Schedule
from minicode.model.sampling import SELF_HOSTED, temperature
from minicode.model.sse import Decoder
from minicode.model.wires import Encoder, Reader, reader

_NOT_HERE = frozenset({404, 405, 501})
_LARGEST_ANSWER = 64 * 1024 * 1024


def _recall_nothing(root: str) -> str | None:
    return None


def _remember_nothing(root: str, found: str) -> None:
    return None


class EndpointModel:
    """A `model.base.Model` over HTTP. One request at a time.

    recall, remember: keep for an endpoint's root the surface that was found there, as a word of ours; so that a new
    process need not look again. transport: makes another one than the endpoint would have, given the connect clock.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        key: str = "",
        *,
        clocks: Clocks | None = None,
        schedule: Schedule | None = None,
        transport: Callable[[float], Transport] | None = None,
        recall: Callable[[str], str | None] = _recall_nothing,
        remember: Callable[[str, str], None] = _remember_nothing,
    ) -> None:
        self._endpoint = endpoint
        self._key = key.strip()
        self._clocks = clocks or Clocks()
        self._schedule = schedule or Schedule()
        self._recall, self._remember = recall, remember
        self._connection = Connection((transport or transport_for(endpoint))(self._clocks.connect))
        self._spoken: tuple[str, str] | None = endpoint.surfaces[0] if len(endpoint.surfaces) == 1 else None
        self._recalled = False
        self._signatures = True
        self._snapshots = False
        self._encoder: Encoder | None = None
        self._told: set[str] = set()

    @property
    def wire(self) -> str:
        """The surface spoken: "anthropic" or "openai"; before `ready` the one that is remembered or tried first."""
        return (self._spoken or self._known() or self._endpoint.surfaces[0])[0]

    def _known(self) -> tuple[str, str] | None:
        known = self._recall(self._endpoint.root)
        return next((surface for surface in self._endpoint.surfaces if " ".join(surface) == known), None)

    async def ready(self) -> None:
        """Settle the surface. Raises AuthError without a key, ModelError if nothing answers there."""
        if not self._key and not self._endpoint.loopback:
            raise AuthError(
                f"There is no key for {self._endpoint.host}. Set MINIMAX_API_KEY; `minicode demo` needs none.",
                kind="auth",
            )
        if self._spoken is not None:
            return
        self._spoken = self._known()
        self._recalled = self._spoken is not None
        if self._spoken is None:
            self._spoken = await self._probe()

    async def _probe(self) -> tuple[str, str]:
        """The first surface that does not deny being there; an empty request costs nothing. The last goes unasked.

        Not tried again: where nobody answers a first question, the address is wrong more often than the network.
        """
        *others, last = self._endpoint.surfaces
        for wire, url in others:
            try:
                async with self._connection.post(url, self._headers(wire), b"{}", self._clocks.first) as answer:
                    if answer.status not in _NOT_HERE:
                        return wire, url
            except ModelError as error:
                raise self._hidden(error) from error.__cause__
        return last

    def encode(self, request: Request) -> Encoded:
        if self._encoder is None:
            self._encoder = Encoder(self.wire, self._options())
        return self._encoder.encode(request)

    async def stream(self, request: Request) -> AsyncGenerator[Part, None]:
        attempt = 1
        while True:
            try:
                async with aclosing(self._ask(request)) as parts:
                    async for part in parts:
                        yield part
                return
            except ModelError as error:
                again = self._other_way(error, request)
                wait = 0.0 if again else self._schedule.wait(self._hidden(error), attempt)
                if wait is None:
                    raise
                tries = max(attempt + 1, self._schedule.tries_for(error))
                retry = RetryPart(attempt, tries, wait, again or str(error))
            yield retry
            attempt += 1
            if retry.wait:
                await self._schedule.pause(retry.wait)

    async def close(self) -> None:
        await self._connection.close()

    async def _ask(self, request: Request) -> AsyncGenerator[Part, None]:
        """One request and its answer."""
        await self.ready()
        wire, url = self._spoken or self._endpoint.surfaces[0]
        encoded = self.encode(request)
        if (used := temperature(request)) != request.temperature:
            for note in self._note(f"Temperature {request.temperature:g} is outside what M2 takes; {used:g} is used."):
                yield note
        reading = reader(wire, request, snapshots=self._snapshots)
        async with self._connection.post(url, self._headers(wire), encoded.body, self._clocks.first) as answer:
            if answer.status != 200:
                raise await self._refusal(answer)
            self._remember_surface(wire, url)
            async with aclosing(self._events(answer, reading)) as events:
                async for event, data in events:
                    for part in reading.feed(event, data):
                        yield part
                    if reading.over:
                        break
        if not reading.complete:
            raise fault("cut" if reading.moved else "empty")
        parts, reply = reading.close()
        self._snapshots = self._snapshots or reading.snapshots
        for part in parts:
            yield part
        for note in self._notes_on(reply, request):
            yield note
        yield WholePart(reply)

    async def _refusal(self, answer: Exchange) -> ModelError:
        try:
            async with asyncio.timeout(self._clocks.tail):
                body = await answer.read_all(65536)
        except (TimeoutError, TemporaryError):
            body = b""
        return from_answer(answer.status, answer.headers, body)

    async def _events(self, answer: Exchange, reading: Reader) -> AsyncGenerator[tuple[str, str], None]:
        """The answer's events. A body that is one JSON value, as some proxies send, is one event."""
        decoder = Decoder()
        whole: list[bytes] | None = None
        size = 0
        async with aclosing(self._chunks(answer, reading)) as chunks:
            async for chunk in chunks:
                if not size:
                    begin = chunk.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
                    whole = [] if begin == b"{" else None
                    if begin == b"<":
                        raise fault("path", cause="a web page came instead of a reply", status=answer.status)
                size += len(chunk)
                if whole is not None:
                    whole.append(chunk)
                    if size > _LARGEST_ANSWER:
                        raise fault("garbled", cause="an answer without end")
                    continue
                for event in decoder.feed(chunk):
                    yield event
        rest = [("", b"".join(whole).decode("utf-8-sig", "replace"))] if whole else decoder.close()
        if not reading.complete:
            for event in rest:
                yield event

    async def _chunks(self, answer: Exchange, reading: Reader) -> AsyncGenerator[bytes, None]:
        """The answer's bytes under the clocks. What goes wrong after the reply's end was seen does not matter."""
        now = asyncio.get_running_loop().time
        moved, since = reading.moved, now()
        while True:
            if reading.moved != moved:
                moved, since = reading.moved, now()
            left = since + self._clocks.progress - now()
            limit = self._clocks.tail if reading.complete else min(self._clocks.idle, left)
            if left <= 0 and not reading.complete:
                raise ticking.progress_ran_out(self._clocks.progress)
            try:
                async with asyncio.timeout(limit):
                    chunk = await answer.read()
            except TimeoutError:
                if reading.complete:
                    return
                if left < self._clocks.idle:
                    raise ticking.progress_ran_out(self._clocks.progress) from None
                raise ticking.idle_ran_out(self._clocks.idle) from None
            except TemporaryError:
                if reading.complete:
                    return
                raise
            if not chunk:
                return
            yield chunk

    def _other_way(self, error: ModelError, request: Request) -> str:
        """Why the same question may be asked at once in another form; "" if it may not."""
        if error.kind == "signature" and self._signatures and _has_signatures(request):
            self._signatures, self._encoder = False, None
            return "The endpoint refuses the signatures of earlier thoughts; they are sent without, text unchanged."
        if error.kind == "path" and self._recalled:
            self._spoken, self._encoder, self._recalled = None, None, False
            self._remember(self._endpoint.root, "")
            return "The endpoint no longer speaks the protocol it spoke last time; it is asked anew."
        return ""

    def _options(self) -> dict[str, Any]:
        sampling = {} if self._endpoint.hosted else dict(SELF_HOSTED)
        if self.wire == "anthropic":
            return {"cache": True, "signatures": self._signatures, **sampling}
        thoughts = "reasoning_details" if self._endpoint.hosted else "reasoning_content"
        return {"split": True, "thoughts": thoughts, **sampling}

    def _headers(self, wire: str) -> dict[str, str]:
        headers = {
            "User-Agent": f"minicode/{__version__}",
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
        }
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if wire == "anthropic":
            headers["anthropic-version"] = "2023-06-01"
            if self._key:
                headers["x-api-key"] = self._key
        return headers

    def _remember_surface(self, wire: str, url: str) -> None:
        if len(self._endpoint.surfaces) > 1 and not self._recalled:
            self._recalled = True
            self._remember(self._endpoint.root, f"{wire} {url}")

    def _hidden(self, error: ModelError) -> ModelError:
        """The error without the key, should the server have quoted it."""
        if self._key and self._key in str(error):
            error.args = (str(error).replace(self._key, "[key]"),)
        return error

    def _notes_on(self, reply: Reply, request: Request) -> list[NotePart]:
        if not reply.model or reply.model.lower() == request.model.lower():
            return []
        return self._note(f"{reply.model} answered, though {request.model} was asked for.")

    def _note(self, text: str) -> list[NotePart]:
        """The note, if it was not given before."""
        if text in self._told:
            return []
        self._told.add(text)
        return [NotePart(text)]


def _has_signatures(request: Request) -> bool:
    return any(t.signature for m in request.messages if isinstance(m, Reply) for t in m.thinking)
