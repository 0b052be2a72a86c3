"""The way to the world outside: the proxies that the environment names, and whose certificates are trusted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from minicode.errors import ConfigError

if TYPE_CHECKING:
    import ssl

_HERE = ("localhost", "127.0.0.1", "::1")


def proxy(scheme: str, host: str, place: str) -> str:
    """The URL of the proxy that the environment, or the system, names; "" for none. place: the host, with the port if
    it is not the usual one."""
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    given = proxies.get(scheme) or proxies.get("all") or ""
    if not given or host in _HERE or proxy_bypass(place):
        return ""
    return given if "://" in given else f"http://{given}"


@cache  # the system's certificates take 90 ms to read
def trust(file: str) -> ssl.SSLContext:
    """The system's trust, or that of the file which SSL_CERT_FILE names. Raises ConfigError if that holds none."""
    import ssl

    if file:
        try:
            return ssl.create_default_context(cafile=file)
        except OSError as error:
            raise ConfigError(f"SSL_CERT_FILE names {file}, which holds no certificates: {error}.") from error
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
