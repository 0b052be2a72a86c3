"""Journal entries in, the messages of the next request out: pure, and the same in every process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minicode.context.budget import Gauge
from minicode.context.entry import Entry
from minicode.context.shortening import in_force
from minicode.messages import (
    Message,
    Reply,
    Results,
    Thinking,
    ToolResult,
    ToolSpec,
    User,
    reply_from_json,
    spec_from_json,
)
from minicode.show import Todos, show_from_json


class History:
    """The state of one branch, grown entry by entry.

    Messages are made once and never touched again, so that a wire may keep their bytes. A round of results is closed
    when the next request is recorded: until then, asides (what the user or minicode says while tools run) still find
    their place in its last result; and after it if the answer was given up for them.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = list(entries)
        self._live_through()

    @property
    def entries(self) -> Sequence[Entry]:
        """All that it was made of, oldest first."""
        return self._entries

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        if entry.kind in ("fold", "unfold"):
            self._live_through()  # what stands for the past has changed; it happens seldom
        else:
            self._enter(entry)

    def _live_through(self) -> None:
        self.gauge = Gauge()
        self.system = ""
        self.tools: tuple[ToolSpec, ...] = ()
        self.facts: Mapping[str, Any] = {}
        self._first_facts = self.facts  # as the prompt tells them
        self.todos: tuple[str, ...] = ()
        self.issued = 0  # thoughts M2 gave on this branch
        self.folded = 0  # of these, those that a fold stands for
        self._lost = 0  # of these, those in replies that no request can hold
        self._messages: list[Message] = []
        self._open: Reply | None = None
        self._results: dict[str, ToolResult] = {}
        self._asides: list[str] = []
        self._round: Results | None = None
        self.short = in_force(self._entries)
        self._past = False  # all that a fold stands for has been read
        for entry in self._entries:
            self._enter(entry)

    def _enter(self, entry: Entry) -> None:
        # Not at `upto` itself: on a damaged disk other entries of its round may follow it.
        if self._past and entry.kind in ("user", "reply", "request", "fold"):
            self._past = False
            self._close()
            self.folded = self.issued - self._lost
            self._messages = [User(self.short.text)]
            self.facts = self._first_facts  # what it was told since is folded, and will be told again
        self._take_in(entry)
        if self.short.upto and entry.id == self.short.upto:
            self._past = True

    def _take_in(self, entry: Entry) -> None:
        data = entry.data
        match entry.kind:
            case "system":
                self.system = data["prompt"]
                self.tools = tuple(spec_from_json(t) for t in data["tools"])
                self._first_facts = data.get("facts", {})
                self.facts = {**self._first_facts, **self.facts}  # other tools do not make it forget what it was told
            case "told":
                self.facts = {**self.facts, **data}
            case "user":
                self._close()
                self._messages.append(User(data["text"]))
            case "reply":
                self._close()
                reply = reply_from_json(dict(data))
                self._take(reply)
                self.gauge = self.gauge.answered(reply.usage)
            case "result":
                self._settle(entry.id, data)
            case "aside":
                self._add(aside(data["by"], data["text"], self.facts.get("mark", "")))
            case "request":
                self._close()
                self.gauge = self.gauge.asked(data.get("bytes", 0))

    def messages(self) -> tuple[Message, ...]:
        """What a request made now would hold. An unanswered call keeps its whole round out of it."""
        if self._open is None:
            return tuple(self._messages)
        if self._complete(self._open):
            return (*self._messages, self._answers(self._open))
        return tuple(self._messages[:-1])

    @property
    def given(self) -> int:
        """Thoughts in `messages()`, without counting them anew: the history may be long."""
        unanswered = self._open is not None and not self._complete(self._open)
        return self.issued - self._lost - self.folded - (len(self._open.thinking) if self._open and unanswered else 0)

    @property
    def waiting(self) -> bool:
        """Is a round of results open?"""
        return self._open is not None

    @property
    def hears(self) -> bool:
        """Would an aside reach the model? Also after the request, if no reply to it is kept."""
        return self.waiting or (bool(self._messages) and isinstance(self._messages[-1], Results))

    @property
    def asking(self) -> bool:
        """Would a request made now end in something to answer?"""
        messages = self.messages()
        return bool(messages) and not isinstance(messages[-1], Reply)

    def _take(self, reply: Reply) -> None:
        self.issued += len(reply.thinking)
        self._messages.append(reply)
        if reply.calls:
            self._open, self._results, self._asides, self._round = reply, {}, [], None

    def _settle(self, id_: str, data: Mapping[str, Any]) -> None:
        call_id = data["call_id"]
        if self._open is None or call_id in self._results:
            return
        text = self.short.text_of(id_, data["text"])
        self._results[call_id] = ToolResult(call_id, data["name"], text, data.get("failed", False))
        for shown in map(show_from_json, data.get("show", ())):
            if isinstance(shown, Todos):
                self.todos = shown.open

    def _add(self, aside: str) -> None:
        last = self._messages[-1] if self._messages else None
        if self._open is not None:
            self._asides.append(aside)
            self._round = None
        elif isinstance(last, Results):  # it was asked with these, and the answer was given up
            self._messages[-1] = _heard(last, [aside])

    def _complete(self, reply: Reply) -> bool:
        return all(call.id in self._results for call in reply.calls)

    def _answers(self, reply: Reply) -> Results:
        if self._round is not None:
            return self._round
        self._round = _heard(Results(tuple(self._results[call.id] for call in reply.calls)), self._asides)
        return self._round

    def _close(self) -> None:
        if self._open is None:
            return
        if self._complete(self._open):
            self._messages.append(self._answers(self._open))
        else:
            self._messages.pop()  # a call that was never answered would poison every later request
            self._lost += len(self._open.thinking)
        self._open = None


def _heard(round_: Results, asides: Sequence[str]) -> Results:
    """With what was said while the tools ran, at the end of the last of them."""
    if not asides:
        return round_
    *others, last = round_.results
    text = "\n\n".join([last.text or "(no output)", *asides])
    return Results((*others, ToolResult(last.call_id, last.name, text, last.failed)))


def aside(by: str, text: str, mark: str = "") -> str:
    """How something said while tools run reads at the end of a tool result.

    mark: a word that only this session's prompt and journal know, so that a tool's output cannot speak so.
    """
    said = "The user says, while you work" if by == "user" else "minicode"
    return f"[{said}{f' ({mark})' if mark else ''}: {text}]"


def thoughts(messages: Iterable[Message]) -> list[Thinking]:
    return [t for m in messages if isinstance(m, Reply) for t in m.thinking]
