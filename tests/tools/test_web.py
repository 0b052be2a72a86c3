"""The two web tools as a model calls them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from minicode.messages import Call, spec_to_json
from minicode.show import Line, Output
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope
from minicode.web.search import service
from minicode.web.web import Web

PAGE = "# Pool\n\nA pool holds ten connections.\n"
HITS = {"results": [{"title": f"Hit {n}", "url": f"https://a.example/{n}", "content": "Words."} for n in range(30)]}


@pytest.fixture
async def place() -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = json.dumps(HITS) if "/search?" in line else PAGE
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def online(scope: Scope, place: str) -> Scope:
    return replace(scope, web=Web((place,), service("searxng", f"http://{place}", {}, "")))


async def test_a_page(toolbox: Toolbox, online: Scope, place: str) -> None:
    call = toolbox.prepare(Call("c", "WebFetch", {"url": f"http://{place}/pool", "prompt": "how many?"}))
    assert call.effect == "web" and call.arguments["query"] == "how many?"
    result = await toolbox.run(call, online)
    assert not result.failed and "A pool holds ten connections." in result.text
    about, shown, *_ = result.show
    assert about == Line(f"http://{place}/pool · 37 characters") and isinstance(shown, Output)
    missing = await toolbox.run(
        toolbox.prepare(Call("c", "web_fetch", {"url": f"http://{place}/pool", "page": 2})), online
    )
    assert missing.failed and "no page 2" in missing.text


async def test_a_search(toolbox: Toolbox, online: Scope) -> None:
    result = await toolbox.run(toolbox.prepare(Call("c", "search_web", {"q": "pool  limits"})), online)
    assert not result.failed and result.text.startswith("20 results by searxng") and "20. Hit 19" in result.text
    assert result.show[0] == Line("20 results by searxng")
    for queries in ([], [" "], list("abcdef")):
        refused = await toolbox.run(toolbox.prepare(Call("c", "web_search", {"queries": queries})), online)
        assert refused.failed and "From one to 5 queries" in refused.text


@pytest.mark.parametrize(
    ("name", "arguments"), [("web_fetch", {"url": "a.example"}), ("web_search", {"queries": ["x"]})]
)
async def test_the_network_is_off(toolbox: Toolbox, scope: Scope, name: str, arguments: dict[str, Any]) -> None:
    result = await toolbox.run(toolbox.prepare(Call("c", name, arguments)), scope)
    assert result.failed and "--network on" in result.text


def test_they_are_short_to_tell(toolbox: Toolbox) -> None:
    sizes = {spec.name: len(json.dumps(spec_to_json(spec))) for spec in toolbox.specs if spec.name.startswith("web_")}
    assert set(sizes) == {"web_fetch", "web_search"} and max(sizes.values()) <= 480, sizes
