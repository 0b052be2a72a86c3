"""What going on in an old session means, told before anything is sent: the mode it was left in, and the cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minicode.context.fold import weight
from minicode.journal.entry import Entry
from minicode.messages import Json, Request
from minicode.parts import Parts
from minicode.permission.values import MODES
from minicode.planning import MODE as PLAN


class Left(NamedTuple):
    """mode: the permission mode that a session was left in, "" if that is not on record. chosen: by its user, there."""

    mode: str = ""
    chosen: bool = False


def left(entries: Sequence[Entry]) -> Left:
    """entries: all of the session: a mode belongs to no branch. To go on in a chosen mode does not end the choice."""
    left_in = ""
    for entry in reversed(entries):
        mode = entry.data.get("mode")
        if entry.kind not in ("mode", "permission", "sandbox") or mode not in MODES:
            continue
        if left_in not in ("", mode):
            break
        left_in = mode
        if entry.kind != "sandbox":
            return Left(mode, chosen=True)
    return Left(left_in)


def take_up(parts: Parts) -> list[str]:
    """Go on in the mode that the session was left in, if that is plan mode: what was not to write still is not, and
    nothing looser comes back by itself. A flag of a run without a screen was for that run alone: scripts plan first,
    and then go on. Returns what its user should know of it."""
    was, gate = left(parts.journal.entries), parts.gate
    usual, asks = gate.standing.mode, gate.standing.asks
    if was.mode == PLAN != usual and (asks or was.chosen):
        gate.become(PLAN)
        ends = f"{'/mode' if asks else '--permission-mode'} {usual} ends that"
        return [f"This session was left in plan mode and goes on so: nothing is changed. {ends}."]
    loose = was.mode in MODES and MODES.index(was.mode) > MODES.index(usual)
    if not loose or (was.mode == "auto" and not was.chosen):  # that is but the usual one where nobody can be asked
        return []
    flag = "-y" if was.mode == MODES[-1] else f"--permission-mode {was.mode}"
    back = f"/mode {was.mode} or {flag}" if asks else flag
    return [f"This session was left in {was.mode} mode. That never comes back by itself: it is {usual} now. {back}."]


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
    common = data.get("bytes", 0)
    if kinds & {"fold", "unfold"}:
        request = parts.next_request()
        size, common = _size(data, request), _size(data, request._replace(messages=()))
    else:
        size = common + sum(weight(entry, parts.history.short) for entry in since)
    elsewhere = (data["params"]["model"], data["wire"]) != (parts.request.model, parts.model.wire)
    if elsewhere or "system" in kinds or parts.other_tools():
        common = 0
    return Cost(parts.history.gauge.tokens(size), min(100, common * 100 // max(size, 1)), data["params"]["model"])


def _size(data: Json, request: Request) -> int:
    """In bytes, as the last request was sent."""
    from minicode.model.wires import Encoder

    return len(Encoder(data["wire"], data["options"]).encode(request).body)
