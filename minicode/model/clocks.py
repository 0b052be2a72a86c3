"""The four clocks of a request, in seconds, and the sentence for each when it runs out."""

from __future__ import annotations

from typing import NamedTuple

from minicode.errors import TemporaryError


class Clocks(NamedTuple):
    """connect: until the connection stands. first: until the first byte of the answer. idle: between bytes.
    progress: between events that carry content; pings do not count. tail: after the reply's end was seen, for what
    may still follow it."""

    connect: float = 10.0
    first: float = 120.0
    idle: float = 120.0
    progress: float = 300.0
    tail: float = 5.0


def connect_ran_out(host: str, seconds: float) -> TemporaryError:
    return TemporaryError(
        f"No connection to {host} within {seconds:g} s. Check the network, the proxy and the base URL.", kind="network"
    )


def first_ran_out(seconds: float) -> TemporaryError:
    return TemporaryError(f"The endpoint took the request but sent nothing for {seconds:g} s.", kind="timeout")


def idle_ran_out(seconds: float) -> TemporaryError:
    return TemporaryError(f"The reply stopped in the middle: no byte for {seconds:g} s.", kind="timeout")


def progress_ran_out(seconds: float) -> TemporaryError:
    return TemporaryError(
        f"The endpoint kept the line open but sent nothing of the reply for {seconds:g} s.", kind="timeout"
    )
