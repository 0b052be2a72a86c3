"""`minicode serve`: refused without its token, and in a real browser the same screen as in a terminal."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyte
import pytest

from minicode.lab.rehearsal import Say, Think, steps

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
PATIENCE = 30.0


@pytest.fixture
def served(program: Any, rehearse: Callable[..., Any]) -> tuple[str, Any]:
    """The address, and the process."""
    server = rehearse(steps((Think("Hm."), Say("The answer is **42**."))))
    running = program.start("serve", server=server, start_new_session=True)
    address = running.first_line()
    running.says("Ctrl-C ends it")
    return address, running


async def test_only_who_has_the_address_gets_in(served: tuple[str, Any]) -> None:
    address, running = served
    root = address.rsplit("/", 2)[0]
    own = {"Host": root.removeprefix("http://"), "Origin": root}
    almost = address[:-2] + ("A/" if address[-2] != "A" else "B/")
    async with aiohttp.ClientSession() as client:

        async def status(url: str, **headers: str) -> int:
            async with client.get(url, headers=headers, allow_redirects=False) as answer:
                assert (answer.status == 403) == ("Refused" in await answer.text())
                return int(answer.status)

        for path in ("/", "/ws", "/static/js/textual.js", "/download/x", "/static/"):
            assert await status(f"{root}{path}", **own) == 403
            assert await status(f"{almost}{path[1:]}", **own) == 403
            for header in ({"Host": "rebound.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
                assert await status(f"{address}{path[1:]}", **(own | header)) == 403, (path, header)
        assert await status(f"{address}static/js/textual.js") == 200
        async with client.get(address) as page:
            assert page.status == 200 and f'"ws:{address[5:]}ws"' in await page.text()
            assert page.headers["Referrer-Policy"] == "no-referrer"
        for url, origin in ((f"{address}ws", None), (f"{root}/ws", root), (f"{address}ws", "http://evil.example")):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(url, origin=origin)
            assert refused.value.status == 403
    assert running.end(signal.SIGINT).code == 130


async def test_only_this_machine_can_ask(served: tuple[str, Any]) -> None:
    address, running = served
    port = int(address.split(":")[2].split("/")[0])
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    own = [line.split()[1] for line in listening.splitlines() if line.split()[1].endswith(f":{port:04X}")]
    assert own == [f"0100007F:{port:04X}"]
    assert running.end(signal.SIGTERM).code == 143


class Page:
    """A tab of a real browser, and what its websocket got."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._number = 0
        self._screen = pyte.Screen(300, 100)  # larger than the page, so that no line wraps
        self._stream = pyte.ByteStream(self._screen)

    async def _next(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((await asyncio.wait_for(self._socket.receive(), PATIENCE)).data)
        if said.get("method") == "Network.webSocketFrameReceived" and said["params"]["response"]["opcode"] == 2:
            self._stream.feed(base64.b64decode(said["params"]["response"]["payloadData"]))
        return said

    async def does(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while (said := await self._next()).get("id") != self._number:
            pass
        return dict(said["result"])

    async def evaluate(self, script: str) -> Any:
        return (await self.does("Runtime.evaluate", expression=script, awaitPromise=True))["result"].get("value")

    async def shows(self, text: str) -> None:
        while text not in "\n".join(self._screen.display):
            await self._next()

    async def opens(self, address: str) -> None:
        for domain in ("Network", "Page", "Runtime"):
            await self.does(f"{domain}.enable")
        await self.does("Page.navigate", url=address)


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    assert CHROMIUM is not None
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0")
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *flags, f"--user-data-dir={folder}", "about:blank"),
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"HOME": str(folder)},
    )
    try:
        assert process.stderr is not None
        while b"DevTools listening on" not in (line := await asyncio.wait_for(process.stderr.readline(), PATIENCE)):
            assert line, "the browser did not start"
        root = line.decode().split("ws://")[1].split("/")[0]
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://{root}/json") as answer:
                [tab] = [tab for tab in await answer.json() if tab["type"] == "page"]
            async with client.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
async def test_in_a_browser(served: tuple[str, Any], program: Any, tmp_path: Path) -> None:
    """The screen comes up, keys arrive, M2's answer is seen; the end of the page is the end of its session."""
    address, running = served
    async with browser(tmp_path) as page:
        await page.opens(address)
        await page.shows("workspace-write")  # the session is open
        await page.evaluate("document.querySelector('textarea').focus()")
        await page.does("Input.insertText", text="what is it?")
        await page.shows("what is it?")
        await page.does(
            "Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
        await page.shows("The answer is 42.")
        assert "-first-byte" in await page.evaluate("document.body.className")
        hosts = await page.evaluate(
            "performance.getEntriesByType('resource').filter(r => r.responseStatus)"
            ".map(r => new URL(r.name).host).join()"
        )
        assert set(hosts.split(",")) == {address.split("/")[2]}
        if picture := os.environ.get("PICTURE"):
            png = await page.does("Page.captureScreenshot")
            Path(picture).write_bytes(base64.b64decode(png["data"]))
        await page.does("Page.navigate", url="about:blank")
    assert running.end(signal.SIGTERM).code == 143
    assert program.kinds()[-1] == "end"


def test_a_wrong_flag_is_said_at_once(program: Any) -> None:
    ran = program("serve", "--modle", "x")
    assert ran.code == 2 and "--modle" in ran.err and ran.out == ""


def test_a_port_that_is_taken(program: Any, served: tuple[str, Any]) -> None:
    address, running = served
    port = address.split(":")[2].split("/")[0]
    ran = program("serve", "--port", port)
    assert ran.code == 2 and port in ran.err and "--port 0" in ran.err
    running.end(signal.SIGTERM)
