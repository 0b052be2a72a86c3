"""Serve a rehearsal until a signal or the end of the script: what the command line and test processes call."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from minicode.errors import UsageError
from minicode.lab.rehearsal.script import Script
from minicode.lab.rehearsal.server import Exchange, Rehearsal


def serve_forever(
    script: Script,
    *,
    port: int = 0,
    key: str | None = None,
    surfaces: tuple[str, ...] = ("anthropic", "openai"),
    once: bool = False,
    started: Callable[[str], None] = lambda url: print(url, flush=True),
    log: Callable[[str], None] = lambda line: None,
) -> tuple[str, ...]:
    """Serve until SIGINT or SIGTERM, with `once` until the script is over. Returns the failures, a sentence each.

    started is given the URL once requests are answered; log gets a line for each request. Raises UsageError if the
    port cannot be had.
    """
    return asyncio.run(_serve(script, port, key, surfaces, once, started, log))


async def _serve(
    script: Script,
    port: int,
    key: str | None,
    surfaces: tuple[str, ...],
    once: bool,
    started: Callable[[str], None],
    log: Callable[[str], None],
) -> tuple[str, ...]:
    shown = 0

    def watch(exchange: Exchange) -> None:
        nonlocal shown
        log(line(exchange))
        for failure in server.failures[shown:]:
            log(failure)
        shown = len(server.failures)

    server = Rehearsal(script, port=port, key=key, surfaces=surfaces, watch=watch)
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    try:
        async with server:
            started(server.url)
            waits: list[asyncio.Task[object]] = [asyncio.create_task(told.wait())]
            if once:
                waits.append(asyncio.create_task(server.finished()))
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be listened on: {error.strerror}. Leave out --port to get one."
        ) from error
    return tuple(server.failures)


def line(exchange: Exchange) -> str:
    """One line for people: what was asked, what it got, in how many milliseconds."""
    played = "" if exchange.step is None else f" step {exchange.step + 1}"
    took = "" if exchange.ended is None else f" {(exchange.ended - exchange.arrived) * 1000:.0f} ms"
    cut = "" if exchange.complete else " (broken off)"
    return f"{exchange.method} {exchange.path} {exchange.status}{played}{took}{cut}"
