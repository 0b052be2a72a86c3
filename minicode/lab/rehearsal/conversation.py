"""A request as the server understands it, whatever surface it came by. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minicode.lab.rehearsal.script import Call, Say, Think
from minicode.messages import Usage

Json = dict[str, Any]


class Refusal(Exception):
    """A request the server refuses. sub: MiniMax's own words; detail: what exactly is wrong, for who debugs it."""

    def __init__(self, sub: str, detail: str = "", *, status: int = 400, code: int = 2013) -> None:
        super().__init__(f"{sub}: {detail}" if detail else sub)
        self.sub = sub
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: Mapping[str, Any]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. role: "user", "assistant" or "tool". raw: as it came.

    calls: ids in order. results: (id, text) in order; on the Anthropic surface they are in a user message.
    thoughts: the text of each thought that came with it. before: results stand before any text.
    """

    role: str
    text: str
    raw: Mapping[str, Any]
    calls: tuple[str, ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    thoughts: tuple[str, ...] = ()
    before: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. units: its cacheable parts as bytes, in cache order; marked: how many of them a cache mark covers."""

    surface: str
    body: Mapping[str, Any]
    model: str
    stream: bool
    system: str
    tools: tuple[Tool, ...]
    turns: tuple[Turn, ...]
    units: tuple[bytes, ...]
    marked: int

    @property
    def results(self) -> str:
        """The tool results since the last reply."""
        found: list[str] = []
        for turn in reversed(self.turns):
            if turn.role == "assistant":
                break
            found[:0] = [text for _, text in turn.results]
        return "\n".join(found)

    @property
    def said(self) -> str:
        """The last words of the user."""
        return next((t.text for t in reversed(self.turns) if t.role == "user" and t.text), "")

    @property
    def thoughts(self) -> int:
        return sum(len(turn.thoughts) for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: blocks with every id, signature and argument settled; `stop` in Anthropic's words."""

    id: str
    model: str
    blocks: tuple[Think | Say | Call, ...]
    stop: str
    usage: Usage


def whole(text: str | tuple[str, ...]) -> str:
    return text if isinstance(text, str) else "".join(text)


def pieces(text: str | tuple[str, ...], size: int) -> list[str]:
    """The deltas of a text: as the script says, or of `size` characters."""
    if not isinstance(text, str):
        return list(text)
    return [text[at : at + size] for at in range(0, len(text), max(size, 1))]
