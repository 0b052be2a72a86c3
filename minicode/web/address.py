"""Which addresses may be reached: no machine inside the user's own network, whatever a name or a page says."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from minicode.workspace.folder import Refused

PORTS = {"http": 80, "https": 443}
LONGEST = 4000  # characters of a URL
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|\d+")
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_EMBEDDING = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64: an IPv4 address lies in the last four bytes
_OF_CLOUDS = ipaddress.IPv4Address("168.63.129.16")  # Azure's, public by its number only


class Url(NamedTuple):
    """scheme: http or https. host: in lower case and ASCII, an IPv6 address without brackets. path: with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def place(self) -> str:
        """Host, with the port if it is not the usual one; as it goes into a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"

    @property
    def domain(self) -> str:
        """What a user is asked about: the place without `www.`."""
        return self.place.removeprefix("www.")


def read_url(text: str, base: Url | None = None) -> Url:
    """Raises Refused for what is no web address, or one that is written so as to look like another.

    base: what a redirect is relative to.
    """
    given = text.strip()
    if base is not None:
        with suppress(ValueError):  # it is told below
            given = urljoin(str(base), given)
    elif re.match(r"[\w-]+(\.[\w-]+)+([:/?#]|$)", given):
        given = f"https://{given}"
    shown = given[:200]
    if len(given) > LONGEST or re.search(r"[\x00-\x1f\x7f\\]", given):
        raise Refused(f"This is no web address: {shown!r}. Backslashes and control characters must be quoted.")
    try:
        parts = urlsplit(given)
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError as error:
        raise Refused(f"This is no web address: {shown!r} ({error}).") from None
    if scheme not in PORTS or not parts.hostname:
        raise Refused(f"Only http:// and https:// addresses are read, not {shown!r}. Use `read` for files.")
    if "@" in parts.netloc:
        raise Refused("The address holds a user name or password, which is not sent. Leave out what is before the @.")
    path = quote(parts.path or "/", safe="%/:=&~+!$,;'@()*[]") + (f"?{_query(parts.query)}" if parts.query else "")
    return Url(scheme, _host(parts.hostname, shown), port if port is not None else PORTS[scheme], path)


def _query(query: str) -> str:
    return quote(query, safe="%/:=&?~+!$,;'@()*[]")


def _host(name: str, shown: str) -> str:
    """Raises Refused. A number is taken in the usual form only: `2130706433`, `0x7f.1` and `017700000001` are disguises
    of 127.0.0.1.
    """
    if ":" in name:
        try:
            return str(ipaddress.IPv6Address(name.partition("%")[0]))
        except ValueError:
            raise Refused(f"This is no web address: {shown!r}.") from None
    try:
        host = name.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        host = ""
    labels = host.split(".")
    if not host or len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise Refused(f"This is no web address: {shown!r}.")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise Refused(f"The number {host!r} is not read as an address: write it as 192.0.2.1.") from None
    return host


def check_place(url: Url, allow: Sequence[str]) -> bool:
    """Whether the user's own setting opens this place, be it inside or on another port. Raises Refused for a port
    that is neither usual nor opened.

    allow: `host` or `host:port` each, of the setting web.allow; `*.host` is for all below it.
    """
    usual = url.port in PORTS.values()
    for entry in allow:
        name, port = _entry(entry)
        here = url.host == name or (name.startswith("*.") and url.host.endswith(name[1:]))
        if here and (port == url.port if port else usual):
            return True
    if not usual:
        raise Refused(f"Port {url.port} of {url.host} is not reached: only 80 and 443 are. {_cure(url)}")
    return False


def check_address(address: str, url: Url) -> None:
    """Raises Refused unless it is an address of the public internet."""
    if not _public(address):
        what = "is" if url.host == address else f"is {address},"
        raise Refused(
            f"{url.host} {what} an address inside a network or of this machine, which web pages are not read from. "
            f"{_cure(url)}"
        )


def _cure(url: Url) -> str:
    return f"The user can open it in config.toml: web.allow = [{f'{url.host}:{url.port}'!r}]."


def _entry(entry: str) -> tuple[str, int]:
    name, colon, port = entry.strip().lower().rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.endswith("]")):
        return name.strip("[]"), int(port)
    return entry.strip().lower().strip("[]"), 0


def _public(address: str) -> bool:
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(number, ipaddress.IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour
        if number in _EMBEDDING:
            inner = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
        if inner is None:
            return number in _GLOBAL_6 and number.is_global and not number.is_multicast
        number = inner
    return number.is_global and not number.is_multicast and number != _OF_CLOUDS
