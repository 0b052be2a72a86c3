"""Policy around the loop: notice when the model goes in circles, stops half-way or is cut. Pure state, no I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from minicode.messages import Call, Reply

TOLD, STOPPED = 3, 5

CUT_IN_THOUGHT = (
    "Your reply was cut off at the output limit while you were thinking, before you answered or called a tool. "
    "This is how your thought ended:\n\n…{tail}\n\nGo on from there; think briefly and act."
)
CUT_IN_TEXT = "Your answer was cut off at the output limit. Go on exactly where it stopped."
LEAKED = (
    "Your last reply held tool-call markup as plain text, so nothing was run. Make the call again as a real tool call."
)
SILENT = "You ended with thoughts only. Give your answer, or take the next step with a tool."
UNDONE = (
    "You announced a step and stopped, and the todo list still has open items: {todos}. Go on, or say why you stop."
)
FILTERED = (
    "MiniMax's content filter broke off this reply. Asking again unchanged is useless: say it in other words or leave "
    "out what may have set it off."
)

_FILTER_STOPS = ("sensitive", "content_filter", "refusal")  # whatever the server calls it
_ANNOUNCES = re.compile(
    r"\b(i(?:['’]ll| will| am going to|['’]m going to)|let me(?! know)|let['’]s|next,? i|now i|i need to|i['’]m now)\b",
    re.IGNORECASE,
)


def same_call(times: int) -> str:
    return (
        f"You made this very call {times} times with nothing new between. Its result will not change: try another way."
    )


def same_thought(times: int) -> str:
    return f"Your last {times} replies were nearly the same. Step back: what do you know, what have you not tried?"


@dataclass(slots=True)
class Guards:
    """One turn's memory of what the model did. Make a new one for each turn."""

    _counts: dict[str, int] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)
    _said: frozenset[str] = frozenset()
    _same: int = 0
    _nudged: set[str] = field(default_factory=set)

    def see(self, reply: Reply, *, news: bool = False) -> int:
        """Take note of a reply. Returns how many in a row said or thought nearly the same and called nothing new.

        news: something came since the last reply that the model had to wait for."""
        calls = {_key(call) for call in reply.calls}
        fresh = news or bool(calls - self._made)
        if fresh:
            self._counts.clear()  # a new call is progress, and old ones may well be due again
        self._made |= calls
        for key in calls:
            self._counts[key] = self._counts.get(key, 0) + 1
        words = _shingles("".join(t.text for t in reply.thinking) + reply.text)
        alike = not fresh and bool(words) and _likeness(words, self._said) > 0.9
        self._same = self._same + 1 if alike else 1
        self._said = words
        return self._same

    def repeated(self, call: Call) -> int:
        """In how many replies this very call was made since anything new was called, the last one included."""
        return self._counts.get(_key(call), 0)

    def nudge(self, reply: Reply, todos: tuple[str, ...]) -> tuple[str, str]:
        """(why, words) to send after a reply that called nothing but is not an end; ("", "") if it is one.

        Each kind of nudge is given once a turn, leaked markup twice.
        """
        for why, words in _flaws(reply, todos):
            if why not in self._nudged:
                self._nudged.add(why)
                return why, words
            if why == "leaked" and "leaked twice" not in self._nudged:
                self._nudged.add("leaked twice")
                return why, words
        return "", ""

    @staticmethod
    def unfinished(reply: Reply) -> str:
        """Why a last reply cannot count as an answer; "" if it can."""
        if reply.stop == "max_tokens":
            return "The model's reply was cut at the output limit; raise output_tokens or ask for less."
        if reply.stop in _FILTER_STOPS:
            return FILTERED
        if reply.flaw:
            return "The model wrote a tool call as plain text, and could not be brought to make it."
        if not reply.text.strip():
            return "The model ended without an answer."
        return ""


def _flaws(reply: Reply, todos: tuple[str, ...]) -> list[tuple[str, str]]:
    thoughts = "".join(t.text for t in reply.thinking)
    if reply.stop == "max_tokens":
        if reply.text.strip():
            return [("cut", CUT_IN_TEXT)]
        return [("cut", CUT_IN_THOUGHT.format(tail=thoughts[-1500:].strip()))]
    if reply.stop in _FILTER_STOPS:
        return []
    if reply.flaw == "leaked":
        return [("leaked", LEAKED)]
    if not reply.text.strip():
        return [("silent", SILENT)]
    last = reply.text.strip().rsplit("\n", 1)[-1]
    if todos and _ANNOUNCES.search(last):
        return [("undone", UNDONE.format(todos="; ".join(todos[:5])))]
    return []


def _key(call: Call) -> str:
    return call.name + json.dumps([dict(call.arguments), call.broken], sort_keys=True, default=str)


def _shingles(text: str, most: int = 4000) -> frozenset[str]:
    """Runs of three words, which tell near copies from new thoughts; empty for a text too short to judge."""
    words = re.findall(r"\w+", text[:most].lower())
    return frozenset(" ".join(words[i : i + 3]) for i in range(len(words) - 2)) if len(words) >= 12 else frozenset()


def _likeness(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(len(a | b), 1)
