"""HTTP/1.1 as far as a rehearsal needs it: read a request, send an answer, break off on demand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

MOST = 256 * 1024 * 1024
EVENT_STREAM = "text/event-stream"


class BadRequest(Exception):
    """Not HTTP, or more than we read."""


@dataclass(frozen=True, slots=True)
class Request:
    """headers: names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    version: str = "HTTP/1.1"

    @property
    def keep_alive(self) -> bool:
        return self.version == "HTTP/1.1" and self.headers.get("connection", "").lower() != "close"


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes to send. pieces: one write each, in chunked encoding if `stream`.

    end: None for a proper end, else what happens after `stop_at` bytes of the body: "fin", "rst", "silence".
    raw: sent instead of everything. mute: nothing is sent at all. delay, pause: seconds before the first byte and
    between writes.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = ()
    stream: bool = False
    stop_at: int = 0
    end: str | None = None
    raw: bytes | None = None
    mute: bool = False
    delay: float = 0.0
    pause: float = 0.0


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request of a connection; None if the client has closed it. Raises BadRequest."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest("the headers are too long") from error
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    try:
        method, path, version = first.split(" ")
    except ValueError as error:
        raise BadRequest(f"not a request line: {first!r}") from error
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = await _read_body(reader, headers)
    except asyncio.IncompleteReadError:
        return None
    except ValueError as error:
        raise BadRequest("the length of the body or of a chunk of it is not a number") from error
    return Request(method, path, headers, body, version)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        parts: list[bytes] = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return b"".join(parts)
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= MOST:
        raise BadRequest(f"a body of {length} bytes")
    return await reader.readexactly(length)


async def send(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Send it; True if it went out whole and properly ended. Raises ConnectionError if the client is gone."""
    if answer.delay:
        await _unless_gone(reader, answer.delay)
    if answer.mute:
        await _unless_gone(reader, None)
    if answer.raw is not None:
        writer.write(answer.raw)
        await writer.drain()
        writer.close()
        return False
    writer.write(_head(answer))
    left = answer.stop_at if answer.end else None
    for number, piece in enumerate(answer.pieces):
        if left is not None:
            piece = piece[:left]
            left -= len(piece)
        if number and answer.pause:
            await _unless_gone(reader, answer.pause)
        if piece:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.stream else piece)
            await writer.drain()
        if left == 0:
            break
    if answer.end:
        await _break_off(answer.end, reader, writer)
        return False
    if answer.stream:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _head(answer: Answer) -> bytes:
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Overloaded" if answer.status == 529 else "Status"
    headers = dict(answer.headers)
    if answer.stream:
        headers["Transfer-Encoding"] = "chunked"
        headers["Cache-Control"] = "no-cache"
    else:
        headers["Content-Length"] = str(sum(map(len, answer.pieces)))
    lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


async def _break_off(how: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if how == "silence":
        await _unless_gone(reader, None)
    elif how == "rst":
        sock = writer.get_extra_info("socket")
        # why: closing with a linger of 0 seconds is what makes the kernel send RST instead of FIN
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def _unless_gone(reader: asyncio.StreamReader, seconds: float | None) -> None:
    """Wait, for ever if None; a client that closes meanwhile is noticed at once."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            # A request sent ahead of its turn would be swallowed here; no client of a model pipelines.
            await reader.read(1)
            raise ConnectionResetError("the client closed the connection")
