"""HTTP/1.1 for one conversation: one connection kept alive, POST, and the answer's bytes as they come.

Why not a library: importing httpx and its transport takes half of the CPU time a whole turn may cost, and all that is
needed is here. asyncio brings the sockets, TLS and the buffering; redirects are not followed on purpose, for a key must
not follow them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from minicode.errors import ConfigError, ModelError
from minicode.model import clocks
from minicode.model.faults import fault

if TYPE_CHECKING:
    import ssl

_PIECE = 65536
_HEAD_LIMIT = 256 * 1024
_KEPT = 120.0  # seconds an unused connection is trusted
_DRAIN = 0.25  # seconds given to the end of an answer that has said all, so that its connection can be used again


class _Cut(Exception):
    """The connection ended where the answer did not."""


class Connection:
    """Sends requests to one place after the other over at most one open connection."""

    def __init__(self, connect: float = 10.0) -> None:
        self._connect = connect
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._origin = ("", "")
        self._used = 0.0
        self._tls: ssl.SSLContext | None = None

    def post(self, url: str, headers: Mapping[str, str], body: bytes, first: float = 120.0) -> Exchange:
        """The exchange, to be entered with `async with`. first: seconds for the answer's head to come."""
        return Exchange(self, "POST", url, headers, body, first)

    def get(self, url: str, headers: Mapping[str, str], first: float = 30.0) -> Exchange:
        return Exchange(self, "GET", url, headers, b"", first)

    async def close(self) -> None:
        self.drop()

    def drop(self) -> None:
        """Close at once, whatever is under way."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    def keep(self) -> None:
        self._used = monotonic()

    async def open(self, url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bool]:
        """A connection to the host of `url`, and whether it was used before. Raises ModelError."""
        origin = (url.scheme, url.netloc)
        if self._reader is not None and self._writer is not None:
            fresh = monotonic() - self._used < _KEPT and not self._reader.at_eof() and not self._writer.is_closing()
            if origin == self._origin and fresh:
                return self._reader, self._writer, True
            self.drop()
        try:
            async with asyncio.timeout(self._connect):
                reader, writer = await self._dial(url)
        except TimeoutError:
            raise clocks.connect_ran_out(url.netloc, self._connect) from None
        except OSError as error:
            raise _unreachable(url, error) from error
        self._reader, self._writer, self._origin = reader, writer, origin
        return reader, writer, False

    async def _dial(self, url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = url.hostname or ""
        if url.scheme == "http":
            return await asyncio.open_connection(host, url.port or 80)
        self._tls = self._tls or _tls_context()
        proxy = proxy_for(host)
        if proxy is None:
            return await asyncio.open_connection(host, url.port or 443, ssl=self._tls, server_hostname=host)
        reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 80)
        try:
            await _tunnel(reader, writer, proxy, f"{host}:{url.port or 443}")
            await writer.start_tls(self._tls, server_hostname=host)
        except BaseException:  # why: cancelled or failed, a half-made tunnel is of no use
            writer.transport.abort()
            raise
        return reader, writer


class Exchange:
    """One request and its answer: `status`, `headers` (names in lower case) and the body by `read`.

    Leaving it before the body's end closes the connection, at once when an exception leaves it.
    """

    def __init__(
        self, connection: Connection, method: str, url: str, headers: Mapping[str, str], body: bytes, first: float
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._connection = connection
        self._url = urlsplit(url)
        self._request = _head(method, self._url, headers, len(body)) + body
        self._first = first
        self._ended = False
        self._chunked = False
        self._left = -1  # bytes left of the body or of the chunk; -1: until the connection ends

    async def __aenter__(self) -> Exchange:
        try:
            return await self._enter()
        except BaseException:  # why: cancelled or failed, no answer may be left in the line
            self._connection.drop()
            raise

    async def _enter(self) -> Exchange:
        while True:
            reader, writer, reused = await self._connection.open(self._url)
            self._reader = reader
            try:
                await self._send(writer)
                return self
            except (OSError, _Cut) as error:
                self._connection.drop()
                # A connection that the server closed while it lay idle says so only now, and nothing was answered.
                if reused and not isinstance(error, TimeoutError):
                    continue
                if isinstance(error, TimeoutError):
                    raise clocks.first_ran_out(self._first) from None
                raise fault("network", "the connection was closed before the answer") from error

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(self._first):
            writer.write(self._request)
            # A server may refuse, answer and close before it has read all: its answer is then the thing to read.
            with suppress(ConnectionError):
                await writer.drain()
            status = 100
            while 100 <= status < 200:
                status, headers = await _read_head(self._reader)
        self.status, self.headers = status, headers
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length", "")
        self._left = 0 if self._chunked else int(length) if length.isdigit() else -1
        self._ended = status in (204, 304) or (not self._chunked and self._left == 0)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._ended:
            with suppress(TimeoutError, ModelError):
                async with asyncio.timeout(_DRAIN):
                    while await self.read():
                        pass
        if kind is None and self._ended and self._left >= 0 and self.headers.get("connection", "").lower() != "close":
            self._connection.keep()
        else:
            self._connection.drop()

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end. Raises TemporaryError when the connection breaks before that."""
        if self._ended:
            return b""
        try:
            return await (self._read_chunk() if self._chunked else self._read_plain())
        except (OSError, _Cut, asyncio.IncompleteReadError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise fault("cut", "the connection broke in the middle") from error

    async def read_all(self, most: int = 64 * 1024 * 1024) -> bytes:
        """The whole body, or its first `most` bytes."""
        pieces: list[bytes] = []
        size = 0
        while size < most and (piece := await self.read()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    async def _read_plain(self) -> bytes:
        piece = await self._reader.read(_PIECE if self._left < 0 else min(_PIECE, self._left))
        if self._left > 0:
            if not piece:
                raise _Cut
            self._left -= len(piece)
        self._ended = not piece or self._left == 0
        return piece

    async def _read_chunk(self) -> bytes:
        if self._left == 0:
            line = await _line(self._reader)
            self._left = int(line.partition(b";")[0].strip(), 16)
            if self._left == 0:
                while await _line(self._reader):
                    pass
                self._ended = True
                return b""
        piece = await self._reader.read(min(_PIECE, self._left))
        if not piece:
            raise _Cut
        self._left -= len(piece)
        if self._left == 0:
            await self._reader.readexactly(2)
        return piece


def _head(method: str, url: SplitResult, headers: Mapping[str, str], length: int) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc}", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method == "POST":
        lines.append(f"Content-Length: {length}")
    if any("\r" in line or "\n" in line or not line.isascii() for line in lines):
        raise ConfigError("The key or the base URL holds a line break or a letter outside ASCII. Enter it again.")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _line(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise _Cut
    return line.rstrip(b"\r\n")


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        first = await _line(reader)
        words = first.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise fault("garbled", "the answer is not HTTP")
        headers: dict[str, str] = {}
        size = len(first)
        while line := await _line(reader):
            size += len(line)
            if size > _HEAD_LIMIT:
                raise fault("garbled", "the head of the answer has no end")
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
    except ValueError as error:
        raise fault("garbled", "the head of the answer is too long") from error
    return int(words[1]), headers


def _unreachable(url: SplitResult, error: OSError) -> ModelError:
    import socket
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return fault("tls", error.verify_message)
    if isinstance(error, socket.gaierror):
        return fault("network", f"there is no host {url.hostname}")
    if isinstance(error, ConnectionRefusedError):
        return fault("network", f"nothing listens at {url.netloc}")
    return fault("network", f"{url.netloc}: {error.strerror or type(error).__name__}")


def _tls_context() -> ssl.SSLContext:
    """The system's trust, or the file that SSL_CERT_FILE names."""
    import ssl

    file = os.environ.get("SSL_CERT_FILE")
    if file:
        try:
            return ssl.create_default_context(cafile=file)
        except OSError as error:
            raise ConfigError(f"SSL_CERT_FILE names {file}, which holds no certificates: {error}.") from error
    try:
        import truststore
    except ImportError:
        return ssl.create_default_context()
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def proxy_for(host: str) -> SplitResult | None:
    """The proxy the environment names for https. Loopback, the only plain http there is, never comes here."""
    env = os.environ
    given = next((v for n in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY") if (v := env.get(n))), "")
    if not given or host in ("localhost", "::1") or host.startswith("127."):
        return None
    for name in (env.get("no_proxy") or env.get("NO_PROXY") or "").lower().split(","):
        name = name.strip().removeprefix("*").lstrip(".").partition(":")[0]
        if name and (host == name or host.endswith(f".{name}")):
            return None
    if env.get("no_proxy", env.get("NO_PROXY", "")).strip() == "*":
        return None
    proxy = urlsplit(given if "://" in given else f"http://{given}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ConfigError(
            f"The proxy {proxy.scheme}://{proxy.hostname} is of a kind minicode cannot use; it takes http://."
        )
    return proxy


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: SplitResult, target: str) -> None:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username:
        from base64 import b64encode

        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}")
    writer.write("\r\n".join([*lines, "", ""]).encode("ascii"))
    await writer.drain()
    try:
        status, _ = await _read_head(reader)
    except _Cut:
        raise fault("network", "the proxy closed the connection") from None
    if status != 200:
        raise fault("network", f"the proxy answered {status} to the request for a tunnel")
