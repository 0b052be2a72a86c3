"""A site on loopback that misbehaves on demand, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from minicode.web.pages import Page, fetch
from minicode.workspace.workspace import Workspace

Reply = tuple[int, dict[str, str], bytes]
Route = Reply | Callable[["Site", str, bytes, asyncio.StreamWriter], Awaitable[Reply | None]]


class Site:
    """routes: by path, without the query. asked: (request line, headers, body) of each request."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.gone = asyncio.Event()  # a client hung up while it waited
        self.dripped = asyncio.Event()  # the first byte of a slow answer went out
        self.port = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def allow(self) -> tuple[str, ...]:
        return (f"127.0.0.1:{self.port}",)

    def page(self, path: str, body: str | bytes, kind: str = "text/html; charset=utf-8", **headers: str) -> str:
        data = body if isinstance(body, bytes) else body.encode()
        self.routes[path] = 200, {"Content-Type": kind, **headers}, data
        return self.root + path

    def redirect(self, path: str, goal: str, status: int = 302) -> str:
        self.routes[path] = status, {"Location": goal}, b""
        return self.root + path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
            headers = {name.lower(): value for name, value in headers.items()}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.asked.append((head[0], headers, body))
            route = self.routes.get(head[0].split()[1].partition("?")[0], (404, {}, b"nothing here"))
            reply = await route(self, head[0], body, writer) if callable(route) else route
            if reply is not None:
                status, more, data = reply
                lines = {"Content-Length": str(len(data)), "Connection": "close", **more}
                writer.write(f"HTTP/1.1 {status} Said\r\n".encode())
                writer.write(
                    "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1") + b"\r\n"
                )
                writer.write(data)
                await writer.drain()
        writer.close()
        self._tasks.discard(task)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    server.close()
    await site.stop()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path)


@pytest.fixture
def read(site: Site, workspace: Workspace) -> Callable[..., Awaitable[Page]]:
    """Fetch a page of the site, which is allowed."""

    async def read(address: str, seconds: float = 30.0) -> Page:
        return await fetch(workspace, address, site.allow, seconds)

    return read
