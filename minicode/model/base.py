"""The one protocol behind which every surface of M2 stands, and the parts a reply arrives in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, Protocol

from minicode.messages import Reply, Request


class ThinkingPart(NamedTuple):
    text: str


class TextPart(NamedTuple):
    text: str


class CallPart(NamedTuple):
    """A piece of a call's arguments as text. number: the call's place among the calls of this reply, from 0."""

    number: int
    name: str
    fragment: str


class RetryPart(NamedTuple):
    """This try failed; the next starts in `wait` seconds. All parts before it are void."""

    attempt: int
    tries: int
    wait: float
    reason: str


class NotePart(NamedTuple):
    """Something the user should know, such as another model answering than the one asked for."""

    text: str


class WholePart(NamedTuple):
    """The complete reply. Always the last part, and only sent if the reply's end arrived."""

    reply: Reply


Part = ThinkingPart | TextPart | CallPart | RetryPart | NotePart | WholePart


class Encoded(NamedTuple):
    """A request as bytes, and what is needed to make the same bytes again from the same request.

    wire: "anthropic" or "openai". options: the wire's own switches, plain JSON. sha256: of the body, in hex.
    """

    body: bytes
    wire: str
    options: Mapping[str, Any]
    sha256: str


class Model(Protocol):
    """A model behind some endpoint. One request at a time."""

    @property
    def wire(self) -> str:
        """The surface spoken, "anthropic" or "openai"; settled by `ready`."""
        ...

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
