"""https, straight and through a proxy's tunnel, with a certificate made for the occasion."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import ConfigError, ModelError
from minicode.messages import Request, User
from minicode.model.base import WholePart
from minicode.model.client import EndpointModel
from minicode.model.endpoint import endpoint
from minicode.model.http import proxy_for
from minicode.model.retry import Schedule

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
REQUEST = Request("MiniMax-M2.7", "s", (), (User("hi"),))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    names = "subjectAltName=DNS:m2.test,DNS:localhost"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run(
        [*make, "-subj", "/CN=m2.test", "-addext", names, "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    return key, cert


@pytest.fixture
async def secure(server: Any, say: Any, stream: Any, certificate: tuple[Path, Path]) -> AsyncIterator[int]:
    """The port of the tiny endpoint behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    server.script = [say(stream()) for _ in range(2)]
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    yield listening.sockets[0].getsockname()[1]
    listening.close()


async def ask(root: str) -> str:
    client = EndpointModel(endpoint(f"{root}/anthropic"), "sk-secret", schedule=Schedule(tries=1))
    try:
        parts = [part async for part in client.stream(REQUEST)]
    finally:
        await client.close()
    assert isinstance(parts[-1], WholePart)
    return parts[-1].reply.text


async def test_a_trusted_certificate(
    secure: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    assert await ask(f"https://localhost:{secure}") == "Done."


async def test_a_strange_certificate_ends_it(secure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(ModelError, match="SSL_CERT_FILE") as caught:
        await ask(f"https://localhost:{secure}")
    assert caught.value.kind == "tls"


async def test_a_certificate_file_that_is_not_there(secure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(ConfigError, match=r"/nowhere\.pem"):
        await ask(f"https://localhost:{secure}")


def test_hosts_that_need_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "127.0.0.1:3128")
    assert proxy_for("api.minimax.io") is not None
    assert proxy_for("localhost") is None
    for names in ("minimax.io", "other, .minimax.io", "*.minimax.io:443", "api.minimax.io", "*"):
        monkeypatch.setenv("NO_PROXY", names)
        assert proxy_for("api.minimax.io") is None
        monkeypatch.setenv("NO_PROXY", "x.api.minimax.io,max.io")
        assert proxy_for("api.minimax.io") is not None


async def test_through_a_proxy(secure: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    pumps: list[asyncio.Task[None]] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if b"Basic dTpw" not in asked[-1]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", secure)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        pumps.extend([asyncio.create_task(pump(reader, back)), asyncio.create_task(pump(there, writer))])

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://u:p@127.0.0.1:{port}")
        assert await ask("https://m2.test") == "Done."
        assert asked[0].startswith(b"CONNECT m2.test:443 HTTP/1.1\r\n")
        assert b"sk-secret" not in asked[0]
        await asyncio.gather(*pumps)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(ModelError, match="407"):
            await ask("https://m2.test")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(ConfigError, match="socks5"):
        await ask("https://m2.test")
