"""HTTP to the world outside, by httpx: TLS, certificates and proxies are the trade of a well-kept library.

httpx is imported with the first request and not before. Its own timeouts are off: what waits, waits by our clocks.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from minicode import outward
from minicode.errors import ConfigError, ModelError
from minicode.model import clocks
from minicode.model.faults import clean, fault, unreachable

if TYPE_CHECKING:
    import httpx

_KEPT = 120.0  # seconds an unused connection is trusted


class Remote:
    """An `http.Transport` to one host. connect: seconds until a connection must stand, with its tunnel and its TLS."""

    def __init__(self, connect: float = 10.0) -> None:
        self._connect = connect
        self._client: httpx.AsyncClient | None = None
        self._response: httpx.Response | None = None
        self._body: AsyncIterator[bytes] | None = None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, first: float
    ) -> tuple[int, dict[str, str]]:
        target = urlsplit(url)
        self._client = self._client or _client(target)
        import httpx

        headers = {"Accept-Encoding": "identity", **headers}
        while True:
            way = _Way(self._connect, first)
            try:
                request = self._client.build_request(
                    method, url, headers=headers, content=body or None, extensions={"trace": way.passed}
                )
                async with way.clock:
                    try:
                        self._response = await self._client.send(request, stream=True)
                    except BaseException:  # why: cancelled in the middle of TLS, httpx would leave its socket open
                        await way.close()
                        raise
            except TimeoutError:
                raise way.ran_out() from None
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
                raise ConfigError(f"The base URL {url} cannot be used: {error}.") from error
            except (httpx.HTTPError, OSError, UnicodeError) as error:
                trouble = way.trouble(error, target.hostname or url)
                # A connection that the server closed while it lay idle says so only now, and nothing was answered.
                if trouble.kind == "cut" and not way.dialled:
                    continue
                raise trouble from error
            self._body = self._response.aiter_raw()
            return self._response.status_code, dict(self._response.headers)

    async def read(self) -> bytes:
        if self._body is None:
            return b""
        import httpx

        try:
            return await anext(self._body, b"")
        except TimeoutError:
            raise
        except (httpx.HTTPError, OSError) as error:
            raise fault("cut", cause="the connection broke in the middle") from error

    async def release(self) -> None:
        response, body = self._response, self._body
        self._response = self._body = None
        if response is None or body is None:
            return
        import httpx

        with suppress(httpx.HTTPError, httpx.StreamError, OSError):
            await response.aclose()
            # The iterators inside httpx run to their end here, not when the garbage is collected: no more is received.
            async for _ in body:
                pass

    async def close(self) -> None:
        await self.release()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class _Way:
    """How far a request has come, as httpx tells it; each part of the way has its clock."""

    def __init__(self, connect: float, first: float) -> None:
        self._connect, self._first = connect, first
        self.clock = asyncio.timeout(first)
        self.dialled = ""  # host:port to which a new connection was made, a proxy's perhaps; "": an old one is used
        self._connecting = False
        self._stream: Any = None  # the new connection

    async def passed(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpx."""
        now = asyncio.get_running_loop().time()
        if event.endswith(".connect_tcp.started"):
            self.dialled, self._connecting = f"{info['host']}:{info['port']}", True
            self.clock.reschedule(now + self._connect)
        elif event.endswith(".connect_tcp.complete"):
            self._stream = info["return_value"]
        elif event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self._connecting = False
            self.clock.reschedule(now + self._first)

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()

    def ran_out(self) -> ModelError:
        if self._connecting:
            return clocks.connect_ran_out(self.dialled, self._connect)
        return clocks.first_ran_out(self._first)

    def trouble(self, error: Exception, host: str) -> ModelError:
        """What went wrong before there was an answer."""
        import httpx

        if isinstance(error, httpx.ProxyError):
            said = clean(str(error), 200)
            return fault("network", cause=f"the proxy {self.dialled} gives no way to {host}, it answers {said}")
        if self._connecting:
            return unreachable(self.dialled, error)
        if not isinstance(error, httpx.RemoteProtocolError) or str(error).startswith("Server disconnected"):
            return fault("cut", cause="the connection was closed before the answer")
        long = "too long" in str(error)
        return fault("garbled", cause="the head of the answer is too long" if long else "the answer is not HTTP")


def _client(url: SplitResult) -> httpx.AsyncClient:
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    # Else httpx imports its command line, and with it rich and click where they are installed: 90 ms.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    import httpx

    proxy = outward.proxy("https", url.hostname or "", url.netloc) or None
    try:
        return httpx.AsyncClient(
            verify=outward.trust(os.environ.get("SSL_CERT_FILE", "")),
            proxy=proxy,
            trust_env=False,  # it would stumble over a SOCKS proxy in ALL_PROXY where HTTPS_PROXY is what counts
            timeout=None,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=_KEPT),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # what was not asked for is not sent back
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise ConfigError(
            f"The proxy that the environment names cannot be used: {str(error).rstrip('.')}. "
            "HTTPS_PROXY takes http://HOST:PORT; NO_PROXY names hosts to be reached without."
        ) from error
