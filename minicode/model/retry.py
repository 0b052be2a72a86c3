"""When to ask again, and after how long: full jitter, the server's own wishes, and a limit to patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from minicode.errors import ModelError, TemporaryError


def _chance() -> float:
    from random import random

    return random()


@dataclass(frozen=True, slots=True)
class Schedule:
    """base, cap: seconds. tries: requests in all for an ordinary temporary error; overload_tries: for an overloaded
    model, which may last. pause waits that many seconds; chance gives a number in [0, 1)."""

    base: float = 1.0
    cap: float = 60.0
    tries: int = 6
    overload_tries: int = 10
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = _chance

    def tries_for(self, error: ModelError) -> int:
        """How many requests such an error is worth in all."""
        if not isinstance(error, TemporaryError) or error.kind == "quota":
            return 1
        if error.kind in ("empty", "network"):  # no connection can be made: a mistyped address is told soon
            return min(3, self.tries)
        return self.overload_tries if error.kind == "overloaded" else self.tries

    def wait(self, error: ModelError, attempt: int) -> float | None:
        """Seconds until the next try after the `attempt`-th (from 1) failed; None when it is not worth one.

        Raises TemporaryError, with the time, when the server asks for more than `cap` seconds.
        """
        if attempt >= self.tries_for(error):
            return None
        least = error.retry_after or 0.0
        if least > self.cap:
            raise TemporaryError(
                f"{error} The endpoint asks to wait {_span(least)} before the next request.",
                kind=error.kind,
                code=error.code,
                status=error.status,
                request_id=error.request_id,
                retry_after=least,
            )
        jitter: float = self.chance() * min(self.cap, self.base * 2.0 ** (attempt - 1))
        return max(least, jitter)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
