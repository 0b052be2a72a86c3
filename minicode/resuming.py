"""What going on in an old session will cost, told before anything is sent."""

from __future__ import annotations

from typing import NamedTuple

from minicode.context.fold import weight
from minicode.messages import Json, Request
from minicode.parts import Parts


class Cost(NamedTuple):
    """tokens: of the next request, before new words. cached: percent of them that the last request sent too, so that
    a cache which still lives has them. model: that of the last request."""

    tokens: int
    cached: int
    model: str

    def __str__(self) -> str:
        tokens = f"{self.tokens / 1000:.0f}k" if self.tokens >= 10_000 else f"{self.tokens:,}"
        return f"about {tokens} tokens, {self.cached} % of them cached if the cache still lives"


def told(parts: Parts) -> list[str]:
    """What to say of it before anything is sent."""
    price, now = cost(parts), parts.request.model
    if price is None:
        return []
    other = "" if price.model == now else f" with {now}; it was {price.model}"
    return [f"Going on in session {parts.journal.id}{other}: {price}."]


def cost(parts: Parts) -> Cost | None:
    """None if nothing was ever sent on this branch. An estimate where that will do: encoding a long history takes its
    time, and it is done once more before it is sent."""
    branch = parts.journal.branch
    last = next((n for n in range(len(branch) - 1, -1, -1) if branch[n].kind == "request"), None)
    if last is None:
        return None
    data, since = branch[last].data, branch[last + 1 :]
    kinds = {entry.kind for entry in since}
    common = data["bytes"]
    if kinds & {"fold", "unfold"}:
        request = parts.next_request()
        size, common = _size(data, request), _size(data, request._replace(messages=()))
    else:
        size = common + sum(weight(entry, parts.history.short) for entry in since)
    elsewhere = (data["params"]["model"], data["wire"]) != (parts.request.model, parts.model.wire)
    if elsewhere or "system" in kinds or parts.other_tools():
        common = 0
    return Cost(parts.history.gauge.tokens(size), min(100, common * 100 // size), data["params"]["model"])


def _size(data: Json, request: Request) -> int:
    """In bytes, as the last request was sent."""
    from minicode.model.wires import Encoder

    return len(Encoder(data["wire"], data["options"]).encode(request).body)
