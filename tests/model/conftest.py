"""A tiny endpoint on a real socket: it answers request after request from a list and keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest


def sse(*events: dict[str, object]) -> bytes:
    """The Anthropic way: named events."""
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def chunks(*values: dict[str, object]) -> bytes:
    """The OpenAI way: data only."""
    return "".join(f"data: {json.dumps(v)}\n\n" for v in values).encode()


def answered(text: str = "Done.", **message: object) -> bytes:
    """A complete Anthropic stream with one text block."""
    return sse(
        {"type": "message_start", "message": {"id": "m", "model": "MiniMax-M2.7", "usage": {}, **message}},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )


@dataclass
class Say:
    """One answer. end: "keep" (chunked, connection kept), "cut" (closed before the last chunk), "hang" (never ended),
    "reset" (no answer at all), "close" (no length, ended by closing)."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    end: str = "keep"
    then_close: bool = False


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


class TinyServer:
    def __init__(self) -> None:
        self.script: list[Say] = []
        self.got: list[Got] = []
        self.connections = 0
        self.lost = asyncio.Event()
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.got.append(Got(head[0].split()[1], headers, body))
        say = self.script.pop(0)
        if say.end == "reset":
            return False
        framing = "" if say.end == "close" else "Transfer-Encoding: chunked\r\n"
        extra = "".join(f"{k}: {v}\r\n" for k, v in say.headers.items())
        writer.write(f"HTTP/1.1 {say.status} X\r\n{framing}{extra}\r\n".encode())
        if say.end == "close":
            writer.write(say.body)
        else:
            for at in range(0, len(say.body), 61):
                piece = say.body[at : at + 61]
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if say.end == "keep":
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        if say.end == "hang":
            await reader.read(1)
            self.lost.set()
        if say.end != "keep":
            writer.close()
            await writer.wait_closed()
            return False
        return not say.then_close

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def server() -> AsyncIterator[TinyServer]:
    tiny = TinyServer()
    listening = await asyncio.start_server(tiny.serve, "127.0.0.1", 0)
    tiny.port = listening.sockets[0].getsockname()[1]
    yield tiny
    listening.close()
    await tiny.stop()


@pytest.fixture
def stream() -> Callable[..., bytes]:
    return answered


@pytest.fixture
def say() -> type[Say]:
    return Say


@pytest.fixture
def named() -> Callable[..., bytes]:
    return sse


@pytest.fixture
def unnamed() -> Callable[..., bytes]:
    return chunks
