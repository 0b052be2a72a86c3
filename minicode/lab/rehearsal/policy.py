"""A scripted M2 with a plan instead of a transcript: it looks at what came of a move, and mends it or tries again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from minicode.lab.rehearsal.conversation import Asked, Refusal
from minicode.lab.rehearsal.script import Block, Call, Do, Say, Script, Shape, Step, Think
from minicode.lab.rehearsal.tools import call_for

Calls = Sequence[Do | Call]


@dataclass(frozen=True, slots=True)
class Move:
    """One reply that does something.

    do: what is done side by side; a function if that depends on the request. sees: regular expressions that must all
    be found in the results (^ and $ are of lines), else the move has failed: `mends` are done then, one after the
    other, and it is made again. think: the thought before it.
    """

    do: Calls | Callable[[Asked], Calls]
    sees: tuple[str, ...] = ()
    mends: tuple[Move, ...] = ()
    think: str = ""


class Moment(NamedTuple):
    """When a step is about to be played. move: its number from 0; the answer has the number after the last.

    again: how often this move was played before, whether its reply was lost or the move failed. mending: the step is
    one of the `mends` of that move.
    """

    asked: Asked
    move: int
    again: int
    mending: bool


Drift = Callable[[Step, Moment], Step]


def as_meant(step: Step, moment: Moment) -> Step:
    return step


class Policy:
    """Its moves one after the other, then its answer. `Script((policy,), after="repeat")` plays it; see `script`.

    drift: what becomes of a step, whose calls are settled, on its way out: other words, broken pieces, faults.
    tries: how often a move may be played before the server says that the policy cannot go on.
    """

    def __init__(self, moves: Sequence[Move], answer: str, drift: Drift = as_meant, tries: int = 12) -> None:
        self._moves = moves
        self._answer = answer
        self._drift = drift
        self._tries = tries
        self._at = 0
        self._again = 0
        self._mends: list[Move] = []
        self._played: Move | None = None
        self._heard = 0  # results that there were when it was played

    def script(self, shape: Shape | None = None, *, window: int | None = None) -> Script:
        return Script((self,), shape or Shape(), "repeat", window=window)

    @property
    def done(self) -> bool:
        """The answer was given."""
        return self._at == len(self._moves) and self._again > 0

    def __call__(self, asked: Asked) -> Step:
        heard = sum(len(turn.results) for turn in asked.turns)
        if self._played is not None and heard > self._heard:
            self._judge(self._played, asked.results)
        move = self._mends[0] if self._mends else self._moves[self._at] if self._at < len(self._moves) else None
        if self._again >= self._tries:
            raise Refusal("the policy cannot go on", f"move {self._at + 1} was tried {self._again} times")
        self._played, self._heard = move, heard
        step, moment = self._step(move, asked), Moment(asked, self._at, self._again, bool(self._mends))
        self._again += 1
        return self._drift(step, moment)

    def _judge(self, played: Move, results: str) -> None:
        saw = all(re.search(pattern, results, re.MULTILINE) for pattern in played.sees)
        if self._mends:
            if saw:
                self._mends.pop(0)
        elif saw:
            self._at, self._again = self._at + 1, 0
        else:
            self._mends = list(played.mends)

    def _step(self, move: Move | None, asked: Asked) -> Step:
        if move is None:
            return Step((Think("All of it is done; what is left is to say so."), Say(self._answer)))
        think = Think(move.think or f"Move {self._at + 1}, for the {self._again + 1}. time.")
        calls: list[Block] = [think]
        for one in move.do(asked) if callable(move.do) else move.do:
            try:
                calls.append(_settled(one, asked))
            except LookupError as error:
                raise Refusal("the policy cannot go on", error.args[0]) from error
        return Step(tuple(calls))


def _settled(one: Do | Call, asked: Asked) -> Call:
    if isinstance(one, Call):
        return one
    name, arguments = call_for(one.action, one.arguments, asked.tools)
    return Call(name, arguments)


def with_calls(step: Step, change: Callable[[Call], Call]) -> Step:
    """The step with each of its calls changed."""
    return replace(step, blocks=tuple(change(b) if isinstance(b, Call) else b for b in step.blocks))
