"""One HTTP exchange with a stranger: the address that was checked is the one that is spoken to, and all is bounded."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from minicode import __version__, outward
from minicode.text import clean
from minicode.web.address import PORTS, Url, check_address, check_place
from minicode.workspace.folder import Refused

if TYPE_CHECKING:
    import httpcore

CONNECT = 10.0  # seconds for a connection, and again for its TLS
WHOLE = 30.0  # seconds for an exchange with all its redirects
MOST = 5 * 2**20  # bytes of an answer, as they come and as they are unpacked
_TRIED = 3  # addresses of one name
_HEADERS = {
    "User-Agent": f"Mozilla/5.0 (compatible; minicode/{__version__})",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en,*;q=0.5",
}


class Answer(NamedTuple):
    """headers: names in lower case. body: unpacked. cut: it was longer than MOST."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


class Question(NamedTuple):
    """What is sent. free: the user's own settings name this place, so that it may be anywhere."""

    url: Url
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes = b""
    free: bool = False


async def exchange(question: Question, allow: Sequence[str], seconds: float = WHOLE) -> Answer:
    """Ask once; a redirect is an answer like any other. allow: as for `check_place`.

    With a proxy of the environment it is the proxy that looks up the name: what the name means here is checked then,
    and the proxy has its own say. Raises Refused for all that goes wrong.
    """
    import httpcore

    url = question.url
    opened = question.free or check_place(url, allow)
    proxy = outward.proxy(url.scheme, url.host, url.place)
    opened_streams: list[httpcore.AsyncNetworkStream] = []
    backend = Checked(opened_streams, None if proxy or opened else lambda address: check_address(address, url))
    try:
        async with asyncio.timeout(seconds):
            if proxy and not opened:
                with suppress(OSError):  # a name that only the proxy knows
                    await _addresses(url.host, url.port, lambda address: check_address(address, url))
            return await _ask(question, backend, proxy)
    except TimeoutError:
        raise Refused(f"{url.place} did not answer in full within {seconds:.0f} s.") from None
    except (httpcore.ConnectTimeout, httpcore.PoolTimeout):
        raise Refused(f"{url.place} cannot be reached: no connection within {CONNECT:.0f} s.") from None
    except httpcore.ProxyError as error:
        raise Refused(f"The proxy gives no way to {url.place}: {clean(str(error))[:200]}.") from None
    except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError, ImportError, ValueError) as error:
        raise Refused(f"{url.place} cannot be asked: {clean(str(error))[:200]}.") from None
    except httpcore.RemoteProtocolError:
        raise Refused(f"What {url.place} answers is not HTTP, or it hung up.") from None
    except (httpcore.NetworkError, OSError) as error:
        raise Refused(f"{url.place} cannot be reached: {_why(error)}.") from None
    finally:
        for stream in opened_streams:  # one that is cancelled within its TLS would be left open
            await stream.aclose()


async def _ask(question: Question, backend: Checked, proxy: str) -> Answer:
    import httpcore

    url = question.url
    headers = {"Host": url.place, **_HEADERS, **question.headers}
    if question.body:
        headers["Content-Length"] = str(len(question.body))
    pool = httpcore.AsyncConnectionPool(
        ssl_context=outward.trust(os.environ.get("SSL_CERT_FILE", "")) if "https" in (url.scheme, proxy[:5]) else None,
        proxy=httpcore.Proxy(proxy) if proxy else None,
        network_backend=backend,  # type: ignore[arg-type]
    )
    port = None if url.port == PORTS[url.scheme] else url.port
    target = httpcore.URL(scheme=url.scheme.encode(), host=url.host.encode(), port=port, target=url.path.encode())
    async with (
        pool,
        pool.stream(
            question.method,
            target,
            headers=list(headers.items()),
            content=question.body or None,
            extensions={"timeout": {"connect": CONNECT}},
        ) as response,
    ):
        names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        body, cut = await _unpacked(response.aiter_stream(), names.get("content-encoding", "").strip().lower(), url)
        return Answer(response.status, names, body, cut)


async def _unpacked(pieces: AsyncIterator[bytes], packed: str, url: Url) -> tuple[bytes, bool]:
    """The body, and whether it goes on behind its first MOST bytes."""
    if packed not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Refused(f"{url.place} packs its answer as {clean(packed)[:40]!r}, which was not asked for.")
    body, came = bytearray(), 0
    unpack: Any = None
    async for piece in pieces:
        came += len(piece)
        room = MOST + 1 - len(body)
        if packed in ("", "identity"):
            body += piece[:room]
        else:
            if unpack is None:
                # Some servers send "deflate" without the frame that belongs to it.
                unpack = zlib.decompressobj(47 if packed != "deflate" or piece[:1] == b"\x78" else -15)
            try:
                body += unpack.decompress(piece, room)
            except zlib.error:
                raise Refused(f"The answer of {url.place} is packed in a broken way.") from None
        if len(body) > MOST or came > MOST:
            return bytes(body[:MOST]), True
    return bytes(body), False


class Checked:
    """What httpcore opens its connections by: names are looked up here, and what was checked is what is dialled.

    streams: collects what was opened. check: raises Refused for an address that may not be reached, None for no check.
    """

    def __init__(self, streams: list[httpcore.AsyncNetworkStream], check: Callable[[str], None] | None) -> None:
        import httpcore

        self._streams, self._check = streams, check
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        import httpcore

        try:
            async with asyncio.timeout(timeout):
                found = await _addresses(host, port, self._check)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        trouble: Exception = OSError("no address")
        for address in found[:_TRIED]:
            try:
                stream = await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                trouble = error
                continue
            self._streams.append(stream)
            return stream
        raise trouble

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _addresses(host: str, port: int, check: Callable[[str], None] | None) -> list[str]:
    """All that the name stands for; one that is not allowed spoils them all. Raises OSError and what check raises."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in addresses if check else ():
        assert check is not None
        check(address)
    return addresses


def _why(error: BaseException) -> str:
    """What kept a connection from being made, in a clause."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < 10:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({clean(one.verify_message or str(one))[:120]})"
        if isinstance(one, socket.gaierror):
            return "there is no such name"
        if isinstance(one, ConnectionRefusedError):
            return "the connection is refused"
        if isinstance(one, ssl.SSLError):
            return "it does not speak TLS as it should"
    said = next((one.strerror for one in causes if isinstance(one, OSError) and one.strerror), "")
    return clean(said or str(error))[:120].rstrip(".") or "the connection broke off"
