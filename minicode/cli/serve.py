"""`minicode serve`: the screen in a browser on this machine, for whoever has the address with the token."""

import asyncio
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from minicode.errors import UsageError
from minicode.paths import work_folder

if TYPE_CHECKING:
    from aiohttp import web

HOST = "127.0.0.1"
GRACE = 10.0  # seconds the sessions have to end
# Nothing is fetched from elsewhere, and no other page may hold this one in a frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self' ws://{at}; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# By its file, and with no folder of ours before it: the folder worked in may hold a minicode.py.
_START = "import sys; sys.path.append(sys.argv.pop(1)); from minicode.__main__ import main; main()"


def serve(arguments: list[str], port: int, folder: Path | None, chat: Callable[..., int]) -> int:
    """arguments: for the `minicode` of each window, whose command is `chat`."""
    try:
        import textual_serve.server  # noqa: F401
    except ImportError:
        raise UsageError("`minicode serve` needs one more package: pip install 'minicode[serve]'.") from None
    _check(arguments, chat)
    where = work_folder(folder)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-P", "-c", _START, str(root), "chat", "-C", str(where), *arguments]
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(f"Port {port} of {HOST} cannot be had: {error.strerror}. Take another: --port 0.") from None
    with listening:
        return asyncio.run(_serve(shlex.join(command), listening, secrets.token_urlsafe(24)))


def _check(arguments: list[str], chat: Callable[..., int]) -> None:
    """Raises typer's usage error now, and not in each window."""
    app = typer.Typer(add_completion=False)
    app.command(add_help_option=False)(chat)
    typer.main.get_command(app).make_context("minicode serve", list(arguments))


async def _serve(command: str, listening: socket.socket, token: str) -> int:
    """Until a signal comes; returns the exit code."""
    from aiohttp import web

    ended: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.put_nowait, 128 + number)
    at = f"{HOST}:{listening.getsockname()[1]}"
    windows: set[asyncio.Task[object]] = set()
    runner = web.AppRunner(application(command, at, token, windows), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    typer.echo(f"http://{at}/{token}/")
    typer.echo("Open this address. Who has it can do here what you can. Ctrl-C ends it.", err=True)
    code = await ended.get()
    for window in windows:
        window.cancel()
    if windows:
        await asyncio.wait(windows, timeout=GRACE)
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(runner.cleanup(), GRACE)
    return code


def application(command: str, at: str, token: str, windows: set["asyncio.Task[object]"]) -> "web.Application":
    """All lies under /TOKEN/; whatever else is asked for is refused. windows: gets the tasks of the open ones."""
    import aiohttp_jinja2
    import jinja2
    from aiohttp import web
    from textual_serve.server import Server

    origin = f"http://{at}"
    server = Server(command, title="minicode", public_url=origin)

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = request.path.split("/")[1].encode("utf-8", "replace")
        # Host: a name of another site may have been made to point here. Origin: other sites may ask, too.
        asked_from = request.headers.get("Origin", "" if request.path.endswith("/ws") else origin)
        if (
            not secrets.compare_digest(given, token.encode())
            or request.headers.get("Host") != at
            or asked_from != origin
        ):
            return web.Response(status=403, text="Refused: this is not the address that `minicode serve` printed.\n")
        return await handler(request)

    async def window(request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        windows.add(task)
        task.add_done_callback(windows.discard)
        return await server.handle_websocket(request)

    async def dress(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in _HEADERS.items():
            response.headers[name] = value.replace("{at}", at)

    inner = web.Application()
    aiohttp_jinja2.setup(inner, loader=jinja2.FileSystemLoader(server.templates_path))
    inner.add_routes(
        [
            web.get("/", server.handle_index, name="index"),
            web.get("/ws", window, name="websocket"),
            web.get("/download/{key}", server.handle_download, name="download"),
            web.static("/static", server.statics_path, name="static"),
        ]
    )
    outer = web.Application(middlewares=[guard])
    outer.on_response_prepare.append(dress)
    outer.add_subapp(f"/{token}", inner)
    return outer
