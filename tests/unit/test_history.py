"""Entries in, messages out: a table, and the property on which the cache of a prefix stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.context.history import History, thoughts
from minicode.messages import (
    Call,
    Message,
    Reply,
    Results,
    Text,
    Thinking,
    ToolResult,
    ToolSpec,
    User,
    reply_to_json,
    spec_to_json,
)
from minicode.show import Line, Todos, show_to_json


@dataclass(frozen=True)
class Entry:
    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    id: str = ""


REQUEST = Entry("request", {"sha256": "…"})


def given_by(history: History) -> int:
    """What the history says of itself, after a look at the messages."""
    assert history.given == len(thoughts(history.messages()))
    return history.given


def user(text: str) -> Entry:
    return Entry("user", {"text": text})


def reply(*calls: str, thought: str = "hm", text: str = "") -> Entry:
    return Entry("reply", reply_to_json(answer(*calls, thought=thought, text=text)))


def answer(*calls: str, thought: str = "hm", text: str = "") -> Reply:
    blocks = [Thinking(thought)] if thought else []
    return Reply((*blocks, *([Text(text)] if text else []), *(Call(c, "read", {}) for c in calls)))


def result(call_id: str, text: str = "ok", **more: Any) -> Entry:
    return Entry("result", {"call_id": call_id, "name": "read", "text": text, **more})


def results(**texts: str) -> Results:
    return Results(tuple(ToolResult(call_id, "read", text) for call_id, text in texts.items()))


def aside(text: str, by: str = "user") -> Entry:
    return Entry("aside", {"by": by, "text": text})


TABLE: dict[str, tuple[list[Entry], list[Message]]] = {
    "nothing": ([], []),
    "a question": ([user("hi")], [User("hi")]),
    "a question and its answer": ([user("hi"), REQUEST, reply(text="ho")], [User("hi"), answer(text="ho")]),
    "a round": (
        [user("hi"), reply("a", "b"), result("a", "1"), result("b", "2")],
        [User("hi"), answer("a", "b"), results(a="1", b="2")],
    ),
    "results stand in the order of the calls": (
        [user("hi"), reply("a", "b"), result("b", "2"), result("a", "1")],
        [User("hi"), answer("a", "b"), results(a="1", b="2")],
    ),
    "a failure says so": (
        [user("hi"), reply("a"), result("a", "no", failed=True)],
        [User("hi"), answer("a"), Results((ToolResult("a", "read", "no", failed=True),))],
    ),
    "a round that is not complete stays out": ([user("hi"), reply("a", "b"), result("a")], [User("hi")]),
    "a round that was never completed stays out": (
        [user("hi"), reply("a", "b"), result("a"), user("again")],
        [User("hi"), User("again")],
    ),
    "a result of no round": ([user("hi"), result("a"), reply(text="ho")], [User("hi"), answer(text="ho")]),
    "a result of another round": (
        [user("hi"), reply("a"), result("z"), result("a")],
        [User("hi"), answer("a"), results(a="ok")],
    ),
    "the first result of two": (
        [user("hi"), reply("a"), result("a", "first"), result("a", "second")],
        [User("hi"), answer("a"), results(a="first")],
    ),
    "a result that comes too late": (
        [user("hi"), reply("a"), result("a", "first"), REQUEST, result("a", "late")],
        [User("hi"), answer("a"), results(a="first")],
    ),
    "the same id in two rounds": (
        [user("hi"), reply("a"), result("a", "1"), REQUEST, reply("a"), result("a", "2")],
        [User("hi"), answer("a"), results(a="1"), answer("a"), results(a="2")],
    ),
    "asides end the last result": (
        [user("hi"), reply("a", "b"), result("b", "2"), aside("wait"), result("a", "1"), aside("slow", "minicode")],
        [
            User("hi"),
            answer("a", "b"),
            results(a="1", b="2\n\n[The user says, while you work: wait]\n\n[minicode: slow]"),
        ],
    ),
    "an aside after a silent tool": (
        [user("hi"), reply("a"), result("a", ""), aside("wait")],
        [User("hi"), answer("a"), results(a="(no output)\n\n[The user says, while you work: wait]")],
    ),
    "an aside keeps a failure one": (
        [user("hi"), reply("a"), result("a", "no", failed=True), aside("w", "minicode")],
        [User("hi"), answer("a"), Results((ToolResult("a", "read", "no\n\n[minicode: w]", failed=True),))],
    ),
    "an aside after a request whose answer was given up": (
        [user("hi"), reply("a"), result("a"), REQUEST, aside("wait"), REQUEST, reply("b"), result("b")],
        [
            User("hi"),
            answer("a"),
            results(a="ok\n\n[The user says, while you work: wait]"),
            answer("b"),
            results(b="ok"),
        ],
    ),
    "an aside with no result to stand in": (
        [user("hi"), REQUEST, aside("wait"), reply("a"), result("a")],
        [User("hi"), answer("a"), results(a="ok")],
    ),
    "a question closes the round": (
        [user("hi"), reply("a"), result("a"), user("more")],
        [User("hi"), answer("a"), results(a="ok"), User("more")],
    ),
    "what is not for the model": (
        [Entry("session"), user("hi"), Entry("partial", {"text": "x"}), Entry("end"), Entry("from the future")],
        [User("hi")],
    ),
}


@pytest.mark.parametrize(("entries", "expected"), TABLE.values(), ids=TABLE)
def test_messages(entries: list[Entry], expected: list[Message]) -> None:
    assert list(History(entries).messages()) == expected


def test_an_aside_still_finds_its_place_after_the_messages_were_looked_at() -> None:
    history = History([user("hi"), reply("a"), result("a")])
    assert history.messages()[-1] == results(a="ok")
    history.add(aside("wait"))
    assert history.messages()[-1] == results(a="ok\n\n[The user says, while you work: wait]")


def test_what_the_system_entry_says() -> None:
    spec = ToolSpec("read", "Read a file.", {"type": "object"})
    first = {"prompt": "You are.", "tools": [spec_to_json(spec)], "facts": {"instructions": {"A": "1"}, "kept": 1}}
    history = History([Entry("system", first)])
    assert (history.system, history.tools) == ("You are.", (spec,))
    history.add(Entry("told", {"instructions": {"A": "2"}}))
    assert history.facts == {"instructions": {"A": "2"}, "kept": 1}
    assert history.messages() == ()


def test_todos_are_the_last_ones_shown() -> None:
    def shown(*items: tuple[str, str]) -> list[Any]:
        return [show_to_json(Line("x")), show_to_json(Todos(items)), {"show": "hologram"}]

    history = History([user("hi"), reply("a", "b")])
    history.add(result("a", show=shown(("one", "completed"), ("two", "in_progress"), ("three", "pending"))))
    assert history.todos == ("two", "three")
    history.add(result("a", show=shown(("not", "pending"))))  # a second result to the same call counts for nothing
    assert history.todos == ("two", "three")
    history.add(result("b", show=shown(("one", "completed"))))
    assert history.todos == ()


def test_thoughts_are_counted() -> None:
    kept = [user("hi"), reply("a", thought="t1"), result("a"), REQUEST, reply(thought="", text="x"), user("on")]
    history = History([*kept, reply("b", thought="t2")])
    assert history.issued == 2
    assert given_by(history) == 1, "a thought whose round is open is not given back yet"
    history.add(result("b"))
    assert given_by(history) == 2
    assert [t.text for t in thoughts(history.messages())] == ["t1", "t2"]


def test_a_dropped_round_shows_in_the_count() -> None:
    history = History([user("hi"), reply("a"), user("on")])
    assert (given_by(history), history.issued) == (0, 1)


@pytest.mark.parametrize(
    ("entries", "waiting", "asking"),
    [
        ([], False, False),
        ([user("hi")], False, True),
        ([user("hi"), reply(text="ho")], False, False),
        ([user("hi"), reply("a")], True, True),  # its round stays out, so the question is open again
        ([user("hi"), reply("a"), result("a")], True, True),
        ([user("hi"), reply("a"), result("a"), REQUEST], False, True),
    ],
)
def test_waiting_and_asking(entries: list[Entry], waiting: bool, asking: bool) -> None:
    history = History(entries)
    assert (history.waiting, history.asking) == (waiting, asking)


IDS = st.sampled_from("abc")
ENTRIES = st.lists(
    st.one_of(
        st.builds(user, st.sampled_from(["hi", "on"])),
        st.builds(lambda calls: reply(*calls), st.lists(IDS, unique=True, max_size=2)),
        st.builds(result, IDS, st.sampled_from(["", "1", "2"])),
        st.builds(aside, st.just("wait")),
        st.just(REQUEST),
        st.just(Entry("partial", {"text": "x"})),
    ),
    max_size=25,
)


@settings(deadline=None)  # the machine may be busy
@given(ENTRIES)
def test_what_was_asked_with_is_a_prefix_for_ever(entries: list[Entry]) -> None:
    """The very same objects: a wire that kept their bytes never has to make them again. But of a request whose answer
    was given up for what the user says, the last message tells that, too."""
    history = History()
    asked: list[tuple[Message, ...]] = []
    for entry in entries:
        if entry.kind == "request":
            asked.append(history.messages())
        if entry.kind == "aside" and not history.waiting:
            last = history.messages()[-1:]
            asked = [before[:-1] if before and before[-1] is last[0] else before for before in asked]
        history.add(entry)
        now = history.messages()
        for before in asked:
            assert len(now) >= len(before)
            assert all(new is old for new, old in zip(now, before, strict=False))


@settings(deadline=None)  # the machine may be busy
@given(ENTRIES)
def test_every_request_is_one_the_server_takes(entries: list[Entry]) -> None:
    """Every call of a reply is answered by the next message, in order; nothing else answers; equal in any process."""
    history = History(entries)
    messages = history.messages()
    for here, after in zip(messages, (*messages[1:], None), strict=False):
        if isinstance(here, Reply) and here.calls:
            assert isinstance(after, Results)
            assert [r.call_id for r in after.results] == [c.id for c in here.calls]
        else:
            assert not isinstance(after, Results)
    assert History(entries).messages() == messages
    assert given_by(history) <= history.issued
