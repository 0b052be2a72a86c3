"""The one protocol behind which every surface of M2 stands, and the parts a reply arrives in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from minicode.messages import Reply, Request


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    text: str


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class CallPart:
    """A piece of a call's arguments as text. index: the call's place among the calls of this reply, from 0."""

    index: int
    name: str
    fragment: str


@dataclass(frozen=True, slots=True)
class RetryPart:
    """This try failed; the next starts in `wait` seconds. All parts before it are void."""

    attempt: int
    tries: int
    wait: float
    reason: str


@dataclass(frozen=True, slots=True)
class NotePart:
    """Something the user should know, such as another model answering than the one asked for."""

    text: str


@dataclass(frozen=True, slots=True)
class WholePart:
    """The complete reply. Always the last part, and only sent if the reply's end arrived."""

    reply: Reply


Part = ThinkingPart | TextPart | CallPart | RetryPart | NotePart | WholePart


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request as bytes, and what is needed to make the same bytes again from the same request.

    wire: "anthropic" or "openai". options: the wire's own switches, plain JSON.
    """

    body: bytes
    wire: str
    options: Mapping[str, Any]


class Model(Protocol):
    """A model behind some endpoint. One request at a time."""

    async def ready(self) -> None:
        """Settle which surface to speak; a probe that costs no tokens may be sent. Raises ModelError."""
        ...

    def encode(self, request: Request) -> Encoded:
        """What `stream` would send, after `ready`. Equal requests give equal bytes, in any process."""
        ...

    def stream(self, request: Request) -> AsyncIterator[Part]:
        """Ask, and yield parts as they come; the last is a WholePart.

        Raises ModelError (or a child of it) when the endpoint cannot or will not answer. May be cancelled at any
        await; the connection is closed then.
        """
        ...

    async def close(self) -> None: ...
