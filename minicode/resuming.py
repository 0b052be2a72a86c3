"""What going on in an old session will cost, told before anything is sent."""

from __future__ import annotations

from typing import NamedTuple

from minicode.messages import Json, Request
from minicode.model.wires import Encoder
from minicode.parts import Parts


class Cost(NamedTuple):
    """tokens: of the next request, before new words. cached: percent of them that the last request sent too, so that
    a cache which still lives has them."""

    tokens: int
    cached: int

    def __str__(self) -> str:
        tokens = f"{self.tokens / 1000:.0f}k" if self.tokens >= 10_000 else f"{self.tokens:,}"
        return f"about {tokens} tokens, {self.cached} % of them cached if the cache still lives"


def cost(parts: Parts) -> Cost | None:
    """None if nothing was ever sent on this branch."""
    branch = parts.journal.branch
    last = next((n for n in range(len(branch) - 1, -1, -1) if branch[n].kind == "request"), None)
    if last is None:
        return None
    data = branch[last].data
    request = parts.next_request()
    size = _size(data, request)
    since = {entry.kind for entry in branch[last:]}
    common = data["bytes"]
    if (data["params"]["model"], data["wire"]) != (parts.request.model, parts.model.wire) or "system" in since:
        common = 0
    elif since & {"fold", "unfold"}:
        common = _size(data, request._replace(messages=()))
    return Cost(parts.history.gauge.tokens(size), min(100, common * 100 // size))


def _size(data: Json, request: Request) -> int:
    """In bytes, as the last request was sent."""
    return len(Encoder(data["wire"], data["options"]).encode(request).body)
