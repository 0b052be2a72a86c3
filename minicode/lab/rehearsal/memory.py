"""What the server remembers: every thought it gave, to see it come back, and every prefix, to count the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from minicode.lab.rehearsal import anthropic, openai
from minicode.lab.rehearsal.conversation import Asked, Json, Turn, whole
from minicode.lab.rehearsal.script import Think


@dataclass(frozen=True, slots=True)
class Issued:
    """A reply as it must come back. message: in the form of its surface; place: where its thoughts are in it."""

    surface: str
    message: Json
    place: str
    calls: tuple[str, ...]
    told: str


class Memory:
    """Replies are found again by the ids of their calls, else by the conversation before them, else by their text.

    So several conversations and branches can be told apart, and a history from elsewhere is simply unknown.
    """

    def __init__(self) -> None:
        self._issued: dict[str, list[Issued]] = {}
        self._prefixes: set[bytes] = set()

    def remember(self, asked: Asked, message: Json, place: str, thoughts: list[Think]) -> None:
        said = anthropic.turn_of(message) if asked.surface == "anthropic" else openai.turn_of(message)
        issued = Issued(asked.surface, message, place, said.calls, "".join(whole(t.text) for t in thoughts))
        *_, here = _skeletons(asked.turns)
        for key in (here, *said.calls, f"text {said.text}"):
            self._issued.setdefault(key, []).append(issued)

    def forget(self, message: Json) -> None:
        """The client did not get it whole: it need not come back."""
        for found in self._issued.values():
            found[:] = [one for one in found if one.message is not message]

    def changed_thought(self, asked: Asked, signatures: bool) -> str:
        """A sentence about the first reply whose thoughts did not come back unchanged; "" if there is none."""
        for number, (turn, before) in enumerate(zip(asked.turns, _skeletons(asked.turns), strict=False)):
            if turn.role != "assistant":
                continue
            candidates = self._candidates(turn, before)
            if candidates and not any(_same(asked.surface, turn, one, signatures) for one in candidates):
                return f"message {number}: {_difference(turn, candidates[-1])}"
        return ""

    def _candidates(self, turn: Turn, before: str) -> list[Issued]:
        for key in (*turn.calls, before, *([f"text {turn.text}"] if turn.text else [])):
            if found := self._issued.get(key):
                return found
        return []

    def count(self, asked: Asked) -> tuple[int, int, int]:
        """Tokens (a fourth of the bytes) of the request: in all, read from the cache, under a cache mark."""
        digest = hashlib.sha256()
        total = read = marked = 0
        for number, unit in enumerate(asked.units, 1):
            digest.update(b"%d:" % len(unit) + unit)
            total += len(unit)
            if digest.digest() in self._prefixes:
                read = total
            self._prefixes.add(digest.digest())
            if number == asked.marked:
                marked = total
        return -(-total // 4), read // 4, -(-marked // 4)


def _skeletons(turns: tuple[Turn, ...]) -> Iterator[str]:
    """For each message, and the place after the last, a key of the conversation before it without its thoughts."""
    digest = hashlib.sha256()
    for turn in turns:
        yield digest.hexdigest()
        digest.update(json.dumps([turn.role, turn.text, turn.calls, turn.results]).encode())
    yield digest.hexdigest()


def _same(surface: str, turn: Turn, issued: Issued, signatures: bool) -> bool:
    if surface != issued.surface:  # the conversation changed surfaces: the words must be there, the form cannot
        return "".join(turn.thoughts) == issued.told

    def evidence(message: Any) -> Any:
        look = anthropic.evidence if surface == "anthropic" else openai.evidence
        return look(message, issued.place, signatures)

    return bool(evidence(turn.raw) == evidence(issued.message))


def _difference(turn: Turn, issued: Issued) -> str:
    if not issued.told:
        return "a thought was made up that the model never had"
    if not turn.thoughts:
        return "the thought the model had here did not come back"
    if "".join(turn.thoughts) != issued.told:
        return "the thought the model had here came back with other words"
    return "the thought the model had here came back with another signature, form or place"
