"""Pages fetched over real sockets: what they become, and what becomes of bad ones."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from minicode.web.pages import Page, fetch
from minicode.web.wire import MOST
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:
    from tests.web.conftest import Site

Read = Callable[..., Awaitable[Page]]

MANUAL = """<!doctype html><html><head><title>Pool &amp; limits</title><base href="/docs/v2/"></head><body>
<nav><a href="/">Home</a> Cookie banner</nav><script>var x = "<p>not text</p>"</script>
<main><h1>Limits</h1><p>A pool holds <b>ten</b> connections; see <a href="timeouts.html#top">timeouts</a>.</p>
<p style="display: none">Hidden words for machines.</p><!-- a remark --><p hidden>Also hidden.</p>
<div class="highlight-python"><pre><span>with</span> Pool(limit_all=3) <span>as</span> p:
    p.get("a*b*")</pre></div>
<table><tr><th>Name</th><th>Default</th></tr><tr><td>limit</td><td>10</td></tr></table>
<ul><li>one</li><li>two</li></ul><p><img src="a.png" alt="a plan"><a href="javascript:go()">click</a></p>
<p>%s</p></main><footer>© somebody</footer></body></html>""" % ("More of the same. " * 20)


async def test_html_becomes_markdown(site: Site, read: Read) -> None:
    page = await read(site.page("/docs/index.html", MANUAL))
    assert (page.title, page.kind, page.notes) == ("Pool & limits", "text/html", ())
    assert page.text.startswith("# Limits\n")
    assert f"[timeouts]({site.root}/docs/v2/timeouts.html#top)" in page.text
    assert '```python\nwith Pool(limit_all=3) as p:\n    p.get("a*b*")\n```' in page.text
    assert "| limit | 10 |" in page.text and "- one\n- two" in page.text and "**ten**" in page.text
    assert "[image: a plan]" in page.text and "click" in page.text
    for gone in ("Cookie", "not text", "idden", "remark", "somebody", "javascript", "a.png"):
        assert gone not in page.text
    line, headers, _ = site.asked[0]
    assert line == "GET /docs/index.html HTTP/1.1" and headers["host"] == f"127.0.0.1:{site.port}"
    assert "cookie" not in headers and "authorization" not in headers


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("text/plain; charset=iso-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ("text/plain; charset=utf-8", "Grüße".encode("latin-1"), "Grüße"),  # it lies
        ("text/html", '<meta charset="shift_jis"><p>日本語</p>'.encode("shift_jis"), "日本語"),
        ("text/plain; charset=punycode", b"abc", "abc"),
        ("text/plain; charset=no-such", "é".encode(), "é"),
        ("text/plain", b"\xef\xbb\xbfmarked", "marked"),
        ("text/plain; charset=utf-16", "wide".encode("utf-16"), "wide"),
        ("", b"<!DOCTYPE html><h1>Bare</h1>", "# Bare"),
        ("application/json", b'{"a": [1, 2]}', '{"a": [1, 2]}'),
        ("application/vnd.api+json", b"[]", "[]"),
        ("text/plain", b"a\x1b[31mred\x1b[0m \xe2\x80\xaeback", "ared <U+202E>back"),
        ("text/plain", b"one\r\ntwo\r\n", "one\ntwo"),
    ],
)
async def test_encodings_and_kinds(site: Site, read: Read, kind: str, body: bytes, words: str) -> None:
    assert (await read(site.page("/x", body, kind))).text == words


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/pdf", b"%PDF-1.7", "is a PDF"),
        ("text/plain", b"%PDF-1.7", "is a PDF"),
        ("image/png", b"\x89PNG", "image/png"),
        ("text/plain", b"a\0b", "no text"),
        ("text/plain; charset=utf-16", b"h\0i\0", "no text"),
    ],
)
async def test_what_is_no_text_is_said(site: Site, read: Read, kind: str, body: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        await read(site.page("/x", body, kind))


async def test_redirects(site: Site, read: Read) -> None:
    site.page("/end", "<p>here</p>")
    site.redirect("/b", "/end", 308)
    page = await read(site.redirect("/a", "b"))
    assert page.url == f"{site.root}/end" and page.text == "here"
    site.redirect("/loop", "/pool")
    with pytest.raises(Refused, match="circle"):
        await read(site.redirect("/pool", "/loop"))
    for at in range(7):
        site.redirect(f"/r{at}", f"/r{at + 1}")
    with pytest.raises(Refused, match="more than 5 times"):
        await read(f"{site.root}/r0")
    asked = len(site.asked)
    with pytest.raises(Refused, match=r"another domain: https://example\.org/x \."):
        await read(site.redirect("/away", "https://example.org/x"))
    assert len(site.asked) == asked + 1
    bad = ("file:///etc/passwd", "Only http"), ("http://2130706433/", "not read as an address"), ("http://[", "Invalid")
    for goal, said in bad:
        with pytest.raises(Refused, match=said):
            await read(site.redirect("/bad", goal))


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (404, {}, "404 Not Found: there is no such page"),
        (403, {}, "not open to everyone"),
        (500, {}, "500 Internal Server Error"),
        (429, {"Retry-After": "30"}, "try again in 30 s"),
        (429, {"Retry-After": "\xb2"}, "429 Too Many Requests"),
        (429, {"Retry-After": "9" * 5000}, "429 Too Many Requests"),
        (799, {}, "answers 799"),
    ],
)
async def test_errors_are_sentences(site: Site, read: Read, status: int, headers: dict[str, str], said: str) -> None:
    site.routes["/x"] = status, headers, b"<html>long page</html>"
    with pytest.raises(Refused, match=said):
        await read(f"{site.root}/x")


async def test_large_pages_and_bombs_are_cut(site: Site, read: Read) -> None:
    line = b"All work and no play. " * 20 + b"\n"
    page = await read(site.page("/big", line * (6 * 2**20 // len(line)), "text/plain"))
    assert MOST - len(line) <= len(page.text) <= MOST and page.notes == ("only the first 5 MB were read",)
    bomb = site.page("/bomb", gzip.compress(b"\0" * 60 * 2**20, 9), "text/plain", **{"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=r"no text \(5,242,880 bytes or more\)"):
            await read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20  # one piece of it is more
    finally:
        tracemalloc.stop()
    packed = zlib.compressobj(wbits=-15)
    raw = packed.compress(b"deflated") + packed.flush()
    assert (await read(site.page("/raw", raw, "text/plain", **{"Content-Encoding": "deflate"}))).text == "deflated"
    for how, said in (("br", "'br'"), ("gzip", "broken way")):
        with pytest.raises(Refused, match=said):
            await read(site.page("/odd", b"plain", "text/plain", **{"Content-Encoding": how}))


async def test_a_page_of_scripts_says_so(site: Site, read: Read) -> None:
    page = await read(site.page("/app", '<div id="root"></div>' + "<script>var a = 1</script>" * 3))
    assert page.text == "" and page.notes == ("it has hardly any text: it is made by scripts, which are not run",)


async def test_hostile_html_is_bounded_and_does_not_block(site: Site, read: Read, workspace: Workspace) -> None:
    """Deep, broken and repetitive pages; meanwhile the loop answers."""
    worst, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal worst
        while not done.is_set():
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - begin)

    watching = asyncio.create_task(watch())
    deep = await read(site.page("/deep", "<div>" * 5_000 + "deepest word" + "</div>" * 5_000))
    assert "deepest word" in deep.text
    lists = await read(site.page("/lists", "<ul><li>" * 500 + "x"))
    assert "x" in lists.text
    endless = site.page("/endless", "<p>before<" + "<script" * 50_000 + "&" * 50_000)
    with pytest.raises(Refused, match="it takes too long"):  # Python's parser is not proof against all
        await fetch(workspace, endless, site.allow, patience=2)
    base = f"<base href='http://example.org/{'y' * 3500}/'>"
    with pytest.raises(Refused, match="becomes too long"):
        await read(site.page("/base", base + "<p><a href=a>b</a></p>" * 3000))
    odd = await read(site.page("/odd", b"\x01\x02\x03" * 1_700_000, "text/plain"))
    assert len(odd.text) == 5_100_000
    await read(site.page("/scripts", "<script></script>" * 300_000))
    done.set()
    await watching
    assert worst < 0.5


async def test_who_is_slow_or_silent_is_left(site: Site, read: Read) -> None:
    async def drip(site: Site, line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                site.dripped.set()
                await asyncio.sleep(0.02)
        except ConnectionError:
            site.gone.set()

    site.routes["/drip"] = drip
    with pytest.raises(Refused, match="did not answer in full"):
        await read(f"{site.root}/drip", seconds=0.3)
    await asyncio.wait_for(site.gone.wait(), 10)  # the connection is closed, not left
    site.gone.clear()
    site.dripped.clear()
    task = asyncio.create_task(read(f"{site.root}/drip"))
    await asyncio.wait_for(site.dripped.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(site.gone.wait(), 10)


async def test_who_keeps_silent_in_tls_is_left(workspace: Workspace) -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # to the end
        gone.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Refused, match="did not answer in full"):
            await fetch(workspace, f"https://{place}/", (place,), 0.5)
        await asyncio.wait_for(gone.wait(), 10)


async def test_no_connection_is_said(site: Site, workspace: Workspace) -> None:
    async def hang_up(site: Site, line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello?\r\n\r\n")

    site.routes["/odd"] = hang_up
    with pytest.raises(Refused, match="not HTTP"):
        await fetch(workspace, f"{site.root}/odd", site.allow)
    with pytest.raises(Refused, match="no such name"):
        await fetch(workspace, "https://no-such-name.invalid/", ())

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as plain:
        place = f"127.0.0.1:{plain.sockets[0].getsockname()[1]}"
        with pytest.raises(Refused, match="does not speak TLS"):
            await fetch(workspace, f"https://{place}/", (place,))
    closed = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    with pytest.raises(Refused, match="connection is refused"):
        await fetch(workspace, f"http://127.0.0.1:{port}/", (f"127.0.0.1:{port}",))
