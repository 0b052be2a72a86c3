"""The package ddgs as it is, before a DuckDuckGo of our own: a proxy on loopback that ends the tunnel itself."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from minicode.web.providers import Hit
from minicode.web.search import Service, search
from minicode.workspace.folder import Refused

pytest.importorskip("ddgs", reason="the extra `search` is not installed")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
HIT = '<div class="body"><h2><a>T &amp; t</a></h2><a href="https://a.example/{n}">Some <b>words</b></a></div>'
PAGE = f"<html><body>{''.join(HIT.replace('{n}', str(n)) for n in range(12))}</body></html>"


class Duck:
    """Answers in the place of whatever host a tunnel is asked for. tunnels: to where. asked: words of the queries."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.tunnels: list[str] = []
        self.asked: list[str] = []
        self.status, self.page = "200 OK", PAGE
        self.silent = asyncio.Event()  # set while it waits for ever
        self.gone = asyncio.Event()
        self.waits = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tunnels.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self.context)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.partition("content-length: ")[2].split()[0])
        body = (await reader.readexactly(size)).decode()
        self.asked.append(parse_qs(body)["q"][0])
        if self.waits:
            self.silent.set()
            with suppress(ConnectionError):
                await reader.read()
            self.gone.set()
        else:
            page = self.page.encode()
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: {len(page)}\r\n".encode())
            writer.write(b"Content-Type: text/html\r\nConnection: close\r\n\r\n" + page)
            await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key)"""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=duck.test"
    more = "-addext subjectAltName=DNS:html.duckduckgo.com -addext basicConstraints=critical,CA:FALSE"
    command: list[str | Path] = [*make.split(), *more.split(), "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.fixture
async def duck(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Duck]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    duck = Duck(context)
    async with await asyncio.start_server(duck.serve, "127.0.0.1", 0) as server:
        for variable in ("http_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        yield duck


async def test_duckduckgo_alone_is_asked(duck: Duck) -> None:
    found = await search(Service("ddgs", None), "größe & x")
    assert found[0] == Hit("T & t", "https://a.example/0", "Some words") and len(found) == 8
    assert (duck.tunnels, duck.asked) == (["html.duckduckgo.com:443"], ["größe & x"])


async def test_what_goes_wrong_is_a_sentence(duck: Duck, monkeypatch: pytest.MonkeyPatch) -> None:
    duck.status = "202 Accepted"  # how it turns programs away; the package says the same as of a page without results
    assert await search(Service("ddgs", None), "x") == []
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(Refused, match=r"ddgs could not be searched: .*[Cc]onnect"):
        await search(Service("ddgs", None), "x")


async def test_a_search_is_stopped_at_once(duck: Duck) -> None:
    duck.waits = True
    asked = asyncio.create_task(search(Service("ddgs", None), "x"))
    await asyncio.wait_for(duck.silent.wait(), 20)
    asked.cancel()
    async with asyncio.timeout(10):  # by itself it would go on for 20 s
        with pytest.raises(asyncio.CancelledError):
            await asked
        await duck.gone.wait()
