"""https, straight and through a proxy's tunnel, with a certificate made for the occasion."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import ConfigError, ModelError, TemporaryError
from minicode.messages import Request, User
from minicode.model.base import WholePart
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import endpoint
from minicode.model.http import Connection
from minicode.model.remote import Remote
from minicode.model.retry import Schedule

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
REQUEST = Request("MiniMax-M2.7", "s", (), (User("hi"),))
SOON = 5


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=m2.test -addext"
    names = "subjectAltName=DNS:m2.test,DNS:localhost,IP:127.0.0.2"
    subprocess.run([*make.split(), names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


@pytest.fixture
def context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))


@pytest.fixture
async def secure(server: Any, say: Any, stream: Any, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of the tiny endpoint behind TLS, at all addresses of this machine."""
    server.script = [say(stream()) for _ in range(5)]
    listening = await asyncio.start_server(server.serve, "0.0.0.0", 0, ssl=context)
    yield listening.sockets[0].getsockname()[1]
    listening.close()


async def ask(root: str, clocks: Clocks | None = None, times: int = 1) -> str:
    client = EndpointModel(endpoint(f"{root}/anthropic"), "sk-secret", schedule=Schedule(tries=1), clocks=clocks)
    try:
        for _ in range(times):
            parts = [part async for part in client.stream(REQUEST)]
    finally:
        await client.close()
    assert isinstance(parts[-1], WholePart)
    return parts[-1].reply.text


async def test_a_trusted_certificate(trusted: None, secure: int, server: Any) -> None:
    assert await ask(f"https://localhost:{secure}", times=3) == "Done."
    assert server.connections == 1


async def test_a_strange_certificate_ends_it(secure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(ModelError) as caught:
        await ask(f"https://localhost:{secure}")
    assert caught.value.kind == "tls"
    assert str(caught.value).startswith("The endpoint's certificate is not trusted: self-signed certificate. Set SSL_")


async def test_a_certificate_for_another_name(trusted: None, secure: int) -> None:
    with pytest.raises(ModelError, match=r"mismatch, certificate is not valid for '127\.0\.0\.1'\. Set") as caught:
        await ask(f"https://127.0.0.1:{secure}")
    assert caught.value.kind == "tls"


async def test_a_certificate_file_that_is_not_there(secure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(ConfigError, match=r"/nowhere\.pem"):
        await ask(f"https://localhost:{secure}")


class Once:
    """A server for one client: it waits for a request, or any bytes if it speaks no TLS, says so much, and sees the
    client go, or breaks off itself."""

    def __init__(self) -> None:
        self.met, self.left = asyncio.Event(), asyncio.Event()

    async def start(self, data: bytes, context: ssl.SSLContext | None, *, cut: bool = False) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await (reader.readuntil(b"\r\n\r\n") if context else reader.read(1))
            self.met.set()
            writer.write(data)
            with suppress(ConnectionError):
                await (writer.drain() if cut else reader.read())
            writer.transport.abort()
            self.left.set()

        self.server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        return f"localhost:{self.server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def once(trusted: None) -> AsyncIterator[Once]:
    made = Once()
    yield made
    await asyncio.wait_for(made.left.wait(), SOON)
    made.server.close()


async def test_https_where_plain_http_is_spoken(once: Once) -> None:
    place = await once.start(b"HTTP/1.1 400 Bad Request\r\n\r\n", None)
    with pytest.raises(TemporaryError, match=rf"^The connection failed: TLS with {place} failed, ") as caught:
        await ask(f"https://{place}")
    assert caught.value.kind == "network"


async def test_the_clock_of_the_connection_holds_for_tls(once: Once) -> None:
    place = await once.start(b"", None)
    with pytest.raises(TemporaryError, match=rf"^No connection to {place} within 0\.1 s\."):
        await ask(f"https://{place}", Clocks(connect=0.1))


async def test_cancelling_in_the_middle_of_tls_leaves_nothing_open(once: Once) -> None:
    task = asyncio.create_task(ask(f"https://{await once.start(b'', None)}"))
    await asyncio.wait_for(once.met.wait(), SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nobody_at_https(trusted: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TemporaryError, match=f"^The connection failed: nothing listens at localhost:{port}. Check"):
        await ask(f"https://localhost:{port}")


async def test_tls_that_breaks_off(once: Once, context: ssl.SSLContext) -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    place = await once.start(said, context, cut=True)
    line = Connection(Remote())
    with pytest.raises(TemporaryError, match="broke in the middle") as caught:
        async with line.get(f"https://{place}/", {}) as exchange:
            assert await exchange.read() == b"hello"
            await exchange.read()
    assert caught.value.kind == "cut"
    await line.close()


async def test_cancelling_closes_tls_at_once(once: Once, context: ssl.SSLContext) -> None:
    place = await once.start(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", context)
    line = Connection(Remote())
    heard = asyncio.Event()

    async def follow() -> None:
        async with line.get(f"https://{place}/", {}) as exchange:
            while await exchange.read():
                heard.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(heard.wait(), SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(once.left.wait(), SOON)
    await line.close()


class Proxy:
    """Takes a CONNECT and answers what it is told, or makes the tunnel, always to one port of this machine."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.says: bytes | None = None
        self.asked: list[bytes] = []
        self.pumps: list[asyncio.Task[None]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        if self.says is not None:
            writer.write(self.says)
            if not self.says:
                await reader.read()
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        self.pumps += [asyncio.create_task(pump(reader, back)), asyncio.create_task(pump(there, writer))]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@pytest.fixture
async def proxy(trusted: None, secure: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """The environment's proxy."""
    for name in ("NO_PROXY", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = Proxy(secure)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://u:p@127.0.0.1:{made.port}")
    yield made
    listening.close()
    await asyncio.wait_for(asyncio.gather(*made.pumps), SOON)


async def test_through_a_proxy(proxy: Proxy) -> None:
    assert await ask("https://m2.test", times=3) == "Done."
    assert len(proxy.asked) == 1
    assert proxy.asked[0].startswith(b"CONNECT m2.test:443 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic dTpw\r\n" in proxy.asked[0]
    assert b"sk-secret" not in proxy.asked[0]


async def test_hosts_that_need_no_proxy(proxy: Proxy, secure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await ask(f"https://localhost:{secure}") == "Done."
    assert proxy.asked == []
    assert await ask(f"https://127.0.0.2:{secure}") == "Done."
    assert len(proxy.asked) == 1
    for names in ("example.com, 127.0.0.2", f"127.0.0.2:{secure}", "*"):
        monkeypatch.setenv("NO_PROXY", names)
        assert await ask(f"https://127.0.0.2:{secure}") == "Done."
    assert len(proxy.asked) == 1


async def test_one_proxy_for_all_and_one_of_another_kind(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    assert await ask("https://m2.test") == "Done."
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("ALL_PROXY", f"u:p@127.0.0.1:{proxy.port}")
    assert await ask("https://m2.test") == "Done."
    assert len(proxy.asked) == 2


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "PROXY gives no way to m2.test, it answers 407 Proxy Au",
        ),
        (b"HTTP/1.1 503 No\x1b[2J\r\nContent-Length: 0\r\n\r\n", "PROXY "),
        (b"220 mail.example ESMTP\r\n", "PROXY broke it off"),
        (b"\r\n", "PROXY broke it off"),
        (b"", r"No connection to PROXY within 0\.5 s"),
    ],
    ids=["407", "503", "no proxy", "closed", "silent"],
)
async def test_a_proxy_that_makes_no_tunnel(proxy: Proxy, says: bytes, words: str) -> None:
    proxy.says = says
    with pytest.raises(TemporaryError, match=words.replace("PROXY", rf"127\.0\.0\.1:{proxy.port}")) as caught:
        await ask("https://m2.test", Clocks(connect=0.5))
    assert caught.value.kind == "network"
    assert "\x1b" not in str(caught.value)


async def test_a_proxy_that_cannot_be_used(trusted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(TemporaryError, match=f"nothing listens at 127.0.0.1:{port}"):
        await ask("https://m2.test")
    for bad in ("ftp://127.0.0.1:1", "http://127.0.0.1:port"):
        monkeypatch.setenv("HTTPS_PROXY", bad)
        with pytest.raises(ConfigError, match="HTTPS_PROXY takes"):
            await ask("https://m2.test")
