"""The surfaces by name: encoding that serialises a message once, and reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from minicode.messages import Message, Reply, Request
from minicode.model import anthropic, openai
from minicode.model.asked import asked
from minicode.model.base import Encoded, Part


class Reader(Protocol):
    """What `anthropic.Reader` and `openai.Reader` have in common."""

    complete: bool
    over: bool
    moved: int
    model: str

    @property
    def snapshots(self) -> bool: ...

    def feed(self, event: str, data: str) -> Sequence[Part]: ...

    def close(self) -> tuple[Sequence[Part], Reply]: ...


def reader(wire: str, request: Request, *, snapshots: bool = False) -> Reader:
    """A reader for one answer to `request`. snapshots: an earlier reader of this endpoint's answers said so."""
    question = asked(request, snapshots=snapshots)
    return anthropic.Reader(question) if wire == anthropic.WIRE else openai.Reader(question)


class Encoder:
    """Requests to bytes for one wire and one set of options.

    The bytes of messages are kept and used again while the next request begins with the very same objects.
    """

    def __init__(self, wire: str, options: Mapping[str, Any]) -> None:
        self._surface = anthropic if wire == anthropic.WIRE else openai
        self._wire = wire
        self._options = options
        self._kept: list[tuple[Message, bytes]] = []
        self._head_of: tuple[object, ...] = ()
        self._head = (b"", b"")
        self._last: tuple[Request, Encoded] | None = None

    def encode(self, request: Request) -> Encoded:
        if self._last is None or self._last[0] is not request:  # it is recorded first, then sent
            self._last = request, self._encode(request)
        return self._last[1]

    def _encode(self, request: Request) -> Encoded:
        parts = self._parts(request)
        if self._wire == anthropic.WIRE and self._options.get("cache"):
            for place in _marked_places(request.messages, parts):
                parts[place] = self._surface.message(request.messages[place], self._options, marked=True)
        start, first = self._start(request)
        body = start + b",".join([p for p in (first, *parts) if p]) + b"]}"
        return Encoded(body, self._wire, self._options)

    def _parts(self, request: Request) -> list[bytes]:
        kept = self._kept
        same = 0
        for (old, _), new in zip(kept, request.messages, strict=False):
            if old is not new:
                break
            same += 1
        del kept[same:]
        kept.extend((m, self._surface.message(m, self._options)) for m in request.messages[same:])
        return [data for _, data in kept]

    def _start(self, request: Request) -> tuple[bytes, bytes]:
        r = request
        key = (r.model, r.system, r.tools, r.max_tokens, r.temperature, r.top_p, r.top_k)
        if key != self._head_of:
            self._head, self._head_of = self._surface.head(request, self._options), key
        return self._head


def encode_as(request: Request, wire: str, options: Mapping[str, Any]) -> bytes:
    """The bytes that were sent for `request` with the options an Encoded carries, made anew."""
    return Encoder(wire, options).encode(request).body


def _marked_places(messages: Sequence[Message], parts: Sequence[bytes]) -> list[int]:
    """The last message, where this request's prefix is to be stored, and the one before it that is not M2's own,
    where the last request's was: looking back from a mark, the cache gives up after 20 blocks."""
    places: list[int] = []
    for n in range(len(parts) - 1, -1, -1):
        if parts[n] and not (places and isinstance(messages[n], Reply)):
            places.append(n)
            if len(places) == 2:
                break
    return places
