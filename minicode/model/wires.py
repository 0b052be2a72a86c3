"""The surfaces by name: encoding that serialises a message once, and reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
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

    A message is serialised once, and what a request has in common with the one before it is neither joined nor hashed
    again, so that the cost of a step does not grow with the conversation. What is common shows by identity: messages
    are values that are made once.
    """

    def __init__(self, wire: str, options: Mapping[str, Any]) -> None:
        self._surface = anthropic if wire == anthropic.WIRE else openai
        self._wire = wire
        self._options = options
        self._head_of: tuple[object, ...] = ()
        self._settle((), b"", b"")
        self._last: tuple[Request, Encoded] | None = None

    def encode(self, request: Request) -> Encoded:
        if self._last is None or self._last[0] is not request:  # it is recorded first, then sent
            self._last = request, self._encode(request)
        return self._last[1]

    def _settle(self, head_of: tuple[object, ...], start: bytes, first: bytes) -> None:
        """Begin anew with this head. _settled: messages whose bytes are in _body for good; _open: (message, its bytes)
        of those after them, which may still carry or get a cache mark."""
        self._head_of = head_of
        self._settled: tuple[Message, ...] = ()
        self._body = bytearray(start + first)
        self._hash = sha256(self._body)
        self._comma = b"," if first else b""
        self._open: list[tuple[Message, bytes]] = []

    def _encode(self, request: Request) -> Encoded:
        r = request
        head_of = (r.model, r.system, r.tools, r.max_tokens, r.temperature, r.top_p, r.top_k)
        known = (*self._settled, *(message for message, _ in self._open))
        # Not only the settled ones: after a rewind the place of a mark may be among them, where it was.
        if head_of != self._head_of or r.messages[: len(known)] != known:
            self._settle(head_of, *self._surface.head(request, self._options))
        done = len(self._settled)
        kept = {id(message): data for message, data in self._open}
        rest = r.messages[done:]
        self._open = [(m, kept.get(id(m)) or self._surface.message(m, self._options)) for m in rest]
        parts = [data for _, data in self._open]
        marked = self._wire == anthropic.WIRE and bool(self._options.get("cache"))
        places = _marked_places(rest, parts) if marked else []
        self._advance(r.messages, min(places) if len(places) == 2 else 0 if marked else len(parts))
        gone = len(parts) - len(self._open)
        tail = parts[gone:]
        for place in places:
            tail[place - gone] = self._surface.message(rest[place], self._options, marked=True)
        end = b",".join(filter(None, tail))
        end = (self._comma if end else b"") + end + b"]}"
        whole = self._hash.copy()
        whole.update(end)
        return Encoded(bytes(self._body) + end, self._wire, self._options, whole.hexdigest())

    def _advance(self, messages: tuple[Message, ...], count: int) -> None:
        """The first `count` open messages are settled: a mark only ever moves on."""
        for _, data in self._open[:count]:
            if data:
                self._body += self._comma + data
                self._hash.update(self._comma + data)
                self._comma = b","
        del self._open[:count]
        self._settled = messages[: len(self._settled) + count]


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
