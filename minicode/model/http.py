"""A request and the bytes of its answer as they come, over the transport that fits the endpoint.

To this machine that is `loopback`, quick to import; to the world outside it is `remote`, which is httpx with its TLS
and proxies. Neither follows redirects, on purpose: a key must not follow them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Protocol

from minicode.errors import ConfigError, ModelError
from minicode.model.endpoint import Endpoint
from minicode.model.loopback import Loopback

_DRAIN = 0.25  # seconds given to the end of an answer that has said all, so that its connection can be used again


class Transport(Protocol):
    """One request at a time, over one connection that is kept open between them. Any await may be cancelled."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, first: float
    ) -> tuple[int, dict[str, str]]:
        """Status and headers (names in lower case) of the answer, whatever the status.

        first: seconds for the head of the answer to come, once there is a connection. A kept connection that turns
        out to be dead is replaced. Raises ModelError: "network" when no connection can be made, "tls", "timeout",
        "cut" when it is closed without an answer, "garbled".
        """
        ...

    async def read(self) -> bytes:
        """The next bytes of the body, as sent; b"" at its end. Raises TemporaryError ("cut") when it breaks off."""
        ...

    async def release(self) -> None:
        """Done with this answer: the connection is kept if it was read to its end, and closed at once if not."""
        ...

    async def close(self) -> None: ...


def transport_for(endpoint: Endpoint) -> Callable[[float], Transport]:
    """What makes the transport for an endpoint, given the seconds in which a connection must stand."""
    if endpoint.loopback and endpoint.root.startswith("http://"):
        return Loopback
    from minicode.model.remote import Remote

    return Remote


class Connection:
    """Sends one request after the other."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def post(self, url: str, headers: Mapping[str, str], body: bytes, first: float = 120.0) -> Exchange:
        """The exchange, to be entered with `async with`. first: as for `Transport.send`.

        Raises ConfigError for a header or a URL that cannot be sent.
        """
        return Exchange(self._transport, "POST", url, headers, body, first)

    def get(self, url: str, headers: Mapping[str, str], first: float = 30.0) -> Exchange:
        return Exchange(self._transport, "GET", url, headers, b"", first)

    async def close(self) -> None:
        await self._transport.close()


class Exchange:
    """One request and its answer: `status`, `headers` (names in lower case) and the body by `read`.

    Leaving it before the body's end closes the connection, at once when an exception leaves it.
    """

    def __init__(
        self, transport: Transport, method: str, url: str, headers: Mapping[str, str], body: bytes, first: float
    ) -> None:
        for text in (url, *headers, *headers.values()):
            if "\r" in text or "\n" in text or not text.isascii():
                raise ConfigError(
                    "The key or the base URL holds a line break or a letter outside ASCII. Enter it again."
                )
        self.status = 0
        self.headers: dict[str, str] = {}
        self._transport = transport
        self._request = (method, url, headers, body, first)

    async def __aenter__(self) -> Exchange:
        try:
            self.status, self.headers = await self._transport.send(*self._request)
        except BaseException:  # why: cancelled or failed, no answer may be left in the line
            await self._transport.release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with suppress(TimeoutError, ModelError):
                    async with asyncio.timeout(_DRAIN):
                        while await self.read():
                            pass
        finally:
            await self._transport.release()

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end. Raises TemporaryError when the connection breaks before that."""
        return await self._transport.read()

    async def read_all(self, most: int = 64 * 1024 * 1024) -> bytes:
        """The whole body, or its first `most` bytes."""
        pieces: list[bytes] = []
        size = 0
        while size < most and (piece := await self.read()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)
