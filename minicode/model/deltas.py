"""Merging what arrives in pieces: text that grows or is repeated whole, and calls told apart by index."""

from __future__ import annotations

import json
import os
from typing import Any

_SURE = 16  # a snapshot shorter than this may be repeated by chance ("a", then "and")


class Growing:
    """Text sent as increments or as snapshots of the whole; which of the two is found out from the text itself.

    `feed` returns what is new. While every piece repeats the one before it and adds to it, pieces after the first are
    held back; two such repeats of 16 or more characters settle for snapshots, any other piece settles for increments.
    hinted: the endpoint sent snapshots before; then short repeats are believed too.
    """

    def __init__(self, *, hinted: bool = False) -> None:
        self.hinted = hinted
        self._pieces: list[str] = []
        self._snapshot = ""
        self._repeats = 0
        self._grows = True  # still possible that pieces are snapshots
        self._snapshots = False
        self._shown = 0

    def feed(self, piece: str) -> str:
        if not piece:
            return ""
        if self._snapshots:
            return self._next_snapshot(piece)
        self._pieces.append(piece)
        if not self._grows:
            return piece
        if len(self._pieces) == 1:
            self._snapshot = piece
            self._shown = len(piece)
            return piece
        sure = 1 if self.hinted else _SURE
        if not piece.startswith(self._snapshot) or (piece == self._snapshot and len(piece) < sure):
            self._grows = False
            return "".join(self._pieces)[self._shown :]
        if len(self._snapshot) >= sure and len(piece) > len(self._snapshot):
            self._repeats += 1
        self._snapshot = piece
        return self._settle() if self._repeats == 2 else ""

    def close(self) -> str:
        """What was still held back when the stream ended."""
        if self._snapshots or not self._grows or len(self._pieces) < 2:
            return ""
        if self._repeats:
            return self._settle()
        self._grows = False
        return "".join(self._pieces)[self._shown :]

    @property
    def snapshots(self) -> bool:
        return self._snapshots

    @property
    def text(self) -> str:
        return self._snapshot if self._snapshots else "".join(self._pieces)

    def _settle(self) -> str:
        self._snapshots = True
        return self._snapshot[self._shown :]

    def _next_snapshot(self, piece: str) -> str:
        if piece.startswith(self._snapshot):
            new = piece[len(self._snapshot) :]
        else:
            new = "" if self._snapshot.startswith(piece) else piece
        self._snapshot += new
        return new


class FormingCall:
    """A call while it arrives. place: its number among the calls of the reply, from 0."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class FormingCalls:
    """OpenAI's `tool_calls` deltas, merged. The server's index may start anywhere, be missing, or never move."""

    def __init__(self) -> None:
        self._all: list[FormingCall] = []
        self._by_index: dict[Any, FormingCall] = {}

    def feed(self, entry: dict[str, Any]) -> tuple[FormingCall, str]:
        """The call that `entry` belongs to, and the argument text it adds."""
        function = entry.get("function")
        function = function if isinstance(function, dict) else {}
        id_, name = _string(entry.get("id")), _string(function.get("name"))
        index = entry.get("index")
        call = self._by_index.get(index)
        if call is None and index is None and self._all and not id_:
            call = self._all[-1]
        if call is None or (id_ and call.id and id_ != call.id):
            call = FormingCall(len(self._all))
            self._all.append(call)
            self._by_index[index] = call
        call.id = call.id or id_
        call.name = call.name or name
        fragment = function.get("arguments")
        if fragment is None:
            fragment = ""
        elif not isinstance(fragment, str):
            fragment = json.dumps(fragment, ensure_ascii=False)
        if fragment:
            call.pieces.append(fragment)
        return call, fragment

    def close(self) -> list[FormingCall]:
        """The calls that have a name. An entry without one is debris of a server's parser; only if the call before it
        has no arguments, its are taken for them."""
        for call, after in zip(self._all, self._all[1:], strict=False):
            if call.name and not call.pieces and not after.name:
                call.pieces = after.pieces
        return [call for call in self._all if call.name]


def new_call_id(number: int) -> str:
    """An id in the form M2's own take, for a call that came without one. number: its place in the reply, from 1."""
    return f"call_function_{os.urandom(6).hex()}_{number}"


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
