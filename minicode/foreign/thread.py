"""The items of a foreign session put in order: replies with their calls, each call with one result, as our journal
holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from minicode.foreign.items import (
    ENCRYPTED,
    SUMMARIES,
    UNDONE,
    About,
    Answered,
    Called,
    Item,
    Left,
    Said,
    Spoke,
    Summed,
    Thought,
    Undone,
)
from minicode.messages import Block, Call, Json, Reply, Text, Thinking, reply_to_json
from minicode.model.compact import load

NO_RESULT = "interrupted: no result of this call was kept; it may have taken effect, check before repeating"
HEADLESS = "[minicode: the beginning of this session was not kept by the program it comes from.]"
_ODD = re.compile(r"[^A-Za-z0-9_-]")


class Record(NamedTuple):
    """An entry to be. at: "" if the program kept no time."""

    kind: str
    data: Json
    at: str


class Thread:
    """One conversation while it is read. hide: takes secrets out of a text."""

    def __init__(self, program: str, left: Left, hide: Callable[[str], str]) -> None:
        self.about = About()
        self._program = program
        self._left = left
        self._hide = hide
        self._line: list[Said | _Round] = []
        self._rounds: dict[str, tuple[_Round, str]] = {}  # by the program's call id: where it is, and our id for it
        self._ids: set[str] = set()

    def read(self, items: Iterable[Item]) -> None:
        for item in items:
            self._add(item)

    def records(self) -> list[Record]:
        """What to write, in order; empty if nothing was said."""
        line = [one for one in self._line if isinstance(one, Said) or one.blocks]
        if line and not isinstance(line[0], Said):
            line.insert(0, Said(HEADLESS, line[0].at))
        records: list[Record] = []
        for one in line:
            if isinstance(one, Said):
                records.append(Record("user", {"text": one.text}, one.at))
            else:
                records += self._settled(one)
        return records

    def _add(self, item: Item) -> None:
        match item:
            case About():
                self.about = self.about.with_(item)
            case Said() | Summed():
                self._say(item)
            case Thought(text) if not text.strip():
                self._left[ENCRYPTED] += 1
            case Thought(text, at, reply):
                # A thought stays a thought: M2 takes unsigned ones (its own agent sends them so), while a signature in
                # another place is refused, and thoughts in the text would teach it to think aloud. The wire of the
                # reply is the other program, so that no surface takes it for its own.
                self._round(at, reply).blocks.append(Thinking(self._clean(text)))
            case Spoke(text, at, reply):
                if text.strip():
                    self._round(at, reply).blocks.append(Text(self._clean(text)))
            case Called():
                self._call(item)
            case Answered():
                self._answer(item)
            case Undone(turns):
                self._undo(turns)

    def _say(self, item: Said | Summed) -> None:
        text = self._clean(item.text)
        if isinstance(item, Summed):
            if self._line:
                self._left[SUMMARIES] += 1
                return
            text = text and f"[Of what came before, only this summary was kept:]\n\n{text}"
        if text.strip():
            self._line.append(Said(text, item.at))

    def _round(self, at: str, reply: str) -> _Round:
        """The reply that a block belongs to: the one of that name if it is the last, else a new one after results."""
        last = self._line[-1] if self._line else None
        if isinstance(last, _Round) and (last.reply == reply if reply else not last.results):
            return last
        fresh = _Round(at, reply)
        self._line.append(fresh)
        return fresh

    def _call(self, call: Called) -> None:
        arguments, broken = _object(call.arguments)
        id_ = self._fresh_id(call.id)
        here = self._round(call.at, call.reply)
        name = self._clean(call.name) or "unknown"
        here.blocks.append(Call(id_, name, self._cleaned(arguments), None if broken is None else self._clean(broken)))
        self._rounds[call.id] = here, id_

    def _fresh_id(self, theirs: str) -> str:
        """Ids repeat in some programs, and some have letters that other servers refuse."""
        base = id_ = _ODD.sub("_", theirs)[:80] or "call"
        count = 1
        while id_ in self._ids:
            count += 1
            id_ = f"{base}-{count}"
        self._ids.add(id_)
        return id_

    def _answer(self, answer: Answered) -> None:
        here, id_ = self._rounds.get(answer.id, (None, ""))
        if here is None or id_ in here.results:
            self._left["results of no call"] += 1
            return
        here.results[id_] = answer._replace(text=self._clean(answer.text))

    def _undo(self, turns: int) -> None:
        while turns > 0 and self._line:
            gone = self._line.pop()
            turns -= isinstance(gone, Said)
            self._left[UNDONE] += 1

    def _settled(self, one: _Round) -> list[Record]:
        calls = [block for block in one.blocks if isinstance(block, Call)]
        reply = Reply(
            tuple(one.blocks), "tool_use" if calls else "end_turn", wire=self._program, model=self.about.model
        )
        records = [Record("reply", reply_to_json(reply), one.at)]
        for call in calls:
            answer = one.results.get(call.id)
            if answer is None:
                self._left["calls without a result, which are marked so"] += 1
                answer = Answered(call.id, NO_RESULT, failed=True, at=one.at)
            data = {"call_id": call.id, "name": call.name, "text": answer.text, "failed": answer.failed}
            records.append(Record("result", {**data, "seconds": 0.0}, answer.at))
        return records

    def _clean(self, text: str) -> str:
        """Without secrets, and without halves of surrogate pairs, which no file and no server takes."""
        whole = text.encode("utf-8", "replace").decode()
        hidden = self._hide(whole)
        self._left["texts with secrets, which are redacted"] += hidden != whole
        return hidden

    def _cleaned(self, value: Any) -> Any:
        match value:
            case str():
                return self._clean(value)
            case dict():
                return {self._clean(str(key)): self._cleaned(inner) for key, inner in value.items()}
            case list():
                return [self._cleaned(inner) for inner in value]
        return value


class _Round:
    """A reply and, by our call ids, what its calls were answered."""

    def __init__(self, at: str, reply: str) -> None:
        self.at = at
        self.reply = reply
        self.blocks: list[Block] = []
        self.results: dict[str, Answered] = {}


def _object(arguments: Json | str) -> tuple[Json, str | None]:
    """The arguments as an object; or none, and the text that is no object."""
    if isinstance(arguments, dict):
        return arguments, None
    if not isinstance(arguments, str):
        return {}, None
    try:
        value = load(arguments or "{}")
    except ValueError:
        return {}, arguments
    return (value, None) if isinstance(value, dict) else ({}, arguments)
