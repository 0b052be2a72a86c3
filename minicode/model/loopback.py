"""HTTP/1.1 to this machine, in the clear: a rehearsal, vLLM, SGLang, llama.cpp.

Why not httpx here too: importing it takes half of the CPU time that a whole turn may cost, and to reach a neighbour
over plain http neither TLS nor a proxy is needed. asyncio brings the sockets and the buffering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from urllib.parse import SplitResult, urlsplit

from minicode.model import clocks
from minicode.model.faults import fault, unreachable

_PIECE = 65536
_HEAD_LIMIT = 256 * 1024
_KEPT = 120.0  # seconds an unused connection is trusted


class _Cut(Exception):
    """The connection ended where the answer did not."""


class Loopback:
    """An `http.Transport`. connect: seconds until a connection must stand."""

    def __init__(self, connect: float = 10.0) -> None:
        self._connect = connect
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._origin = ""
        self._used = 0.0
        self._ended = False  # the body of the answer was read to its end
        self._keep = False  # the server means to go on after this answer
        self._chunked = False
        self._left = -1  # bytes left of the body or of the chunk; -1: until the connection ends

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, first: float
    ) -> tuple[int, dict[str, str]]:
        target = urlsplit(url)
        request = _head(method, target, headers, len(body)) + body
        self._ended = self._keep = False
        while True:
            reader, writer, reused = await self._open(target)
            try:
                async with asyncio.timeout(first):
                    # Not drained: a server may refuse, answer and close before it has read all, and then its answer is
                    # the thing to read.
                    writer.write(request)
                    status = 100
                    while 100 <= status < 200:
                        status, found = await _read_head(reader)
            except TimeoutError:
                raise clocks.first_ran_out(first) from None
            except (OSError, _Cut) as error:
                self._drop()
                # A connection that the server closed while it lay idle says so only now, and nothing was answered.
                if reused:
                    continue
                raise fault("cut", cause="the connection was closed before the answer") from error
            self._expect(status, found)
            return status, found

    def _expect(self, status: int, headers: Mapping[str, str]) -> None:
        """How the body will end."""
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length", "")
        self._left = 0 if self._chunked or status in (204, 304) else int(length) if length.isdecimal() else -1
        self._ended = self._left == 0 and not self._chunked
        self._keep = self._left >= 0 and headers.get("connection", "").lower() != "close"

    async def read(self) -> bytes:
        if self._ended or self._reader is None:
            return b""
        try:
            return await (self._read_chunk(self._reader) if self._chunked else self._read_plain(self._reader))
        except TimeoutError:
            raise
        except (OSError, _Cut, asyncio.IncompleteReadError, ValueError) as error:
            raise fault("cut", cause="the connection broke in the middle") from error

    async def _read_plain(self, reader: asyncio.StreamReader) -> bytes:
        piece = await reader.read(_PIECE if self._left < 0 else min(_PIECE, self._left))
        if self._left > 0:
            if not piece:
                raise _Cut
            self._left -= len(piece)
        self._ended = not piece or self._left == 0
        return piece

    async def _read_chunk(self, reader: asyncio.StreamReader) -> bytes:
        if self._left == 0:
            size = (await _line(reader)).partition(b";")[0].strip()
            if not size.isalnum():  # int() would take a sign
                raise _Cut
            self._left = int(size, 16)
            if self._left == 0:
                while await _line(reader):
                    pass
                self._ended = True
                return b""
        piece = await reader.read(min(_PIECE, self._left))
        if not piece:
            raise _Cut
        self._left -= len(piece)
        if self._left == 0:
            await reader.readexactly(2)
        return piece

    async def release(self) -> None:
        if self._ended and self._keep:
            self._used = monotonic()
        else:
            self._drop()

    async def close(self) -> None:
        self._drop()

    def _drop(self) -> None:
        """Close at once, whatever is under way."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def _open(self, url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bool]:
        """A connection to the host of `url`, and whether it was used before."""
        if self._reader is not None and self._writer is not None:
            fresh = monotonic() - self._used < _KEPT and not self._reader.at_eof() and not self._writer.is_closing()
            if url.netloc == self._origin and fresh:
                return self._reader, self._writer, True
            self._drop()
        try:
            async with asyncio.timeout(self._connect):
                reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
        except TimeoutError:
            raise clocks.connect_ran_out(url.netloc, self._connect) from None
        except UnicodeError as error:  # the name has a part that is too long to be looked up
            raise unreachable(url.netloc, error) from error
        except OSError as error:
            # Without a number it stands for several, one for each address of the name: nobody was at any of them.
            raise unreachable(url.netloc, error if error.errno else ConnectionRefusedError()) from error
        self._reader, self._writer, self._origin = reader, writer, url.netloc
        return reader, writer, False


def _head(method: str, url: SplitResult, headers: Mapping[str, str], length: int) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc}", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method == "POST":
        lines.append(f"Content-Length: {length}")
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
            raise fault("garbled", cause="the answer is not HTTP")
        headers: dict[str, str] = {}
        size = len(first)
        while line := await _line(reader):
            size += len(line)
            if size > _HEAD_LIMIT:
                raise fault("garbled", cause="the head of the answer is too long")
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
    except ValueError as error:  # one line is longer than the reader's buffer
        raise fault("garbled", cause="the head of the answer is too long") from error
    return int(words[1]), headers
