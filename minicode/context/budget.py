"""How full the model's window is: counted by what the server reports, never by a fixed size of a token."""

from __future__ import annotations

from typing import NamedTuple

from minicode.messages import Request, Usage
from minicode.model import catalogue

FIRST_GUESS = 0.3  # tokens a byte, until the first report of the session
_ODD = (0.1, 1.5)  # a report outside these is not about the whole request that was sent


class Gauge(NamedTuple):
    """tokens a byte of the request's body, by the last report of this session. sent: bytes of the last request."""

    ratio: float = FIRST_GUESS
    sent: int = 0
    reported: bool = False

    def asked(self, size: int) -> Gauge:
        return self._replace(sent=size)

    def answered(self, usage: Usage) -> Gauge:
        """Servers that report nothing, or only what was not cached, leave the gauge as it was."""
        if not self.sent or not _ODD[0] <= usage.context / self.sent <= _ODD[1]:
            return self
        return self._replace(ratio=usage.context / self.sent, reported=True)

    def tokens(self, size: int) -> int:
        """What a body of `size` bytes will take."""
        return round(size * self.ratio)


class Budget(NamedTuple):
    """window: tokens, 0 for what is known of the model. fold_at: the part of the room at which old entries are folded;
    0 if the user alone says when."""

    window: int = 0
    fold_at: float = 0.8

    def whole(self, model: str) -> int:
        """Tokens of the window."""
        return self.window or catalogue.look_up(model).context

    def room(self, request: Request) -> int:
        """Tokens a request may take, so that a whole reply, thinking included, still fits behind it."""
        window = self.whole(request.model)
        return window - min(request.max_tokens, window // 3)
