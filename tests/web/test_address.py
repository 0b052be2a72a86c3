"""No way into the user's own network: addresses, their disguises, redirects, names that change, proxies."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minicode.web.address import check_address, check_place, read_url
from minicode.web.pages import fetch
from minicode.web.wire import Checked, Question, exchange
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:
    from tests.web.conftest import Site


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("example.org", "https://example.org/"),
        (" http://EXAMPLE.org:80/a b?q=ü#part ", "http://example.org/a%20b?q=%C3%BC"),
        ("https://bücher.example:444/x", "https://xn--bcher-kva.example:444/x"),
        ("http://192.0.2.1./", "http://192.0.2.1/"),
        ("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080/"),
    ],
)
def test_addresses_are_read_one_way(given: str, read: str) -> None:
    assert str(read_url(given)) == read


@pytest.mark.parametrize(
    "given",
    [
        *("http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/"),
        *("http://user@example.org/", "http://example.org@127.0.0.1/", "http://a\\@127.0.0.1/", "http://a\n.b/"),
        *("file:///etc/passwd", "ftp://example.org/", "gopher://x/", "javascript:alert(1)", "//example.org", "", "x"),
        *("http://", "http://a..b/", "http://-/", "http://%31%32%37.0.0.1/", "http://a:99999/", "http://[::1/"),
        "https://example.org/" + "x" * 5000,
    ],
)
def test_disguises_and_other_schemes_are_refused(given: str) -> None:
    with pytest.raises(Refused):
        read_url(given)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "168.63.129.16", "::", "::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "fe80::1%eth0"),
        *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2002:7f00:1::1", "2001:db8::1", "no address"),
    ],
)
def test_what_is_not_public(address: str) -> None:
    with pytest.raises(Refused, match=r"web\.allow"):
        check_address(address, read_url("https://example.org"))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    check_address(address, read_url("https://example.org"))


def test_places_that_the_user_opens() -> None:
    def opened(url: str, *allow: str) -> bool:
        return check_place(read_url(url), allow)

    assert not opened("https://example.org", "example.com", "example.org:8080")
    assert opened("http://127.0.0.1:8081", "127.0.0.1:8081") and opened("http://[::1]:81", "[::1]:81")
    assert opened("http://wiki.corp", "wiki.corp") and opened("https://a.corp.example", "*.corp.example")
    for url, allow in (
        ("http://127.0.0.1:8082", "127.0.0.1:8081"),
        ("http://127.0.0.1:8081", "127.0.0.1"),
        ("http://x.org:22", "*.org"),
    ):
        with pytest.raises(Refused, match="only 80 and 443"):
            opened(url, allow)


async def test_a_local_site_is_not_read_unless_it_is_opened(site: Site, workspace: Workspace) -> None:
    site.page("/", "secret")
    with pytest.raises(Refused, match="only 80 and 443"):
        await fetch(workspace, site.root, ())
    for name in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"):
        with pytest.raises(Refused, match="inside a network or of this machine"):
            await fetch(workspace, f"http://{name}/latest/meta-data/", site.allow)
    for name, said in (
        ("169.254.169.254", "169.254.169.254 is an"),
        ("localhost", r"localhost is (::1|127\.0\.0\.1), an"),
    ):
        with pytest.raises(Refused, match=f"^{said} address inside"):
            await fetch(workspace, f"http://{name}/", site.allow)
    assert not site.asked
    assert (await fetch(workspace, site.root, site.allow)).text == "secret"


async def test_a_redirect_is_checked_again(site: Site, workspace: Workspace) -> None:
    other = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    async with other:
        for goal in (f"http://127.0.0.1:{port}/inner", "http://169.254.169.254/", "http://localhost/"):
            with pytest.raises(Refused, match="another domain"):
                await fetch(workspace, site.redirect("/go", goal), site.allow)
    assert [line for line, _, _ in site.asked] == ["GET /go HTTP/1.1"] * 3


async def test_the_address_that_was_checked_is_dialled(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means another address a moment later: it is looked up once, and what was checked is spoken to."""
    looked, checked = [], []
    loop = asyncio.get_running_loop()

    async def changing(host: str, port: int, **more: object) -> object:
        looked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(looked) == 1 else "127.0.0.2", port))]

    monkeypatch.setattr(loop, "getaddrinfo", changing)  # the system's resolver, not ours
    stream = await Checked([], checked.append).connect_tcp("rebinds.example", site.port)
    assert stream.get_extra_info("server_addr") == ("127.0.0.1", site.port)
    await stream.aclose()
    assert (looked, checked) == (["rebinds.example"], ["127.0.0.1"])
    with pytest.raises(Refused, match=r"127\.0\.0\.2, an address inside"):
        await exchange(Question(read_url("http://rebinds.example/")), ())


async def test_one_forbidden_address_spoils_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def two(host: str, port: int, **more: object) -> object:
        return [(2, 1, 6, "", ("8.8.8.8", port)), (2, 1, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", two)
    with pytest.raises(Refused, match=r"10\.0\.0\.1, an address inside"):
        await exchange(Question(read_url("http://both.example/")), ())


async def test_by_way_of_a_proxy(site: Site, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is asked for the name; what the name means here is checked all the same."""

    async def proxy(
        site: Site, line: str, body: bytes, writer: asyncio.StreamWriter
    ) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "text/plain"}, b"from the proxy"

    site.routes["http://name.only.the.proxy.knows.invalid/"] = proxy
    monkeypatch.setenv("http_proxy", site.root)
    monkeypatch.setenv("no_proxy", "")
    page = await fetch(workspace, "http://name.only.the.proxy.knows.invalid/", ())
    assert page.text == "from the proxy"
    assert site.asked[0][0] == "GET http://name.only.the.proxy.knows.invalid/ HTTP/1.1"
    with pytest.raises(Refused, match="inside a network"):
        await fetch(workspace, "http://169.254.169.254/", ())
    assert len(site.asked) == 1


async def test_tls_is_spoken_with_the_name(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate has to be of the name, though a number is dialled."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-days", "2", "-subj", "/CN=docs.example", "-addext", "subjectAltName=DNS:docs.example"]
    subprocess.run([*made, "-keyout", key, "-out", cert], check=True, capture_output=True)  # noqa: ASYNC221
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    loop = asyncio.get_running_loop()

    async def here(host: str, port: int, **more: object) -> object:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nsafe")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(loop, "getaddrinfo", here)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    async with server:
        allow = (f"docs.example:{port}", f"other.example:{port}")
        assert (await fetch(workspace, f"https://docs.example:{port}/", allow)).text == "safe"
        with pytest.raises(Refused, match="certificate is not trusted"):
            await fetch(workspace, f"https://other.example:{port}/", allow)
