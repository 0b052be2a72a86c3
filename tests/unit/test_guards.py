"""The model goes in circles, stops half-way, or is cut: noticed, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.guards import STOPPED, TOLD, Guards
from minicode.messages import Call, Reply, Text, Thinking

LONG = "I should look at the parser again because the failing test points at the way in which it reads numbers"


def counted(guards: Guards, call_: Call) -> int:
    guards.see(Reply((call_,)))
    return guards.repeated(call_)


def call(name: str = "read", /, **arguments: Any) -> Call:
    return Call("any", name, arguments)


def said(thought: str = "", text: str = "", *calls: Call, stop: str = "end_turn", flaw: str = "") -> Reply:
    return Reply((Thinking(thought), Text(text), *calls), stop, flaw=flaw)


def test_the_same_call_is_counted_in_a_row() -> None:
    guards = Guards()
    same, other = call(file_path="a"), call(file_path="b")
    made = [same, same, same, other, same, same, same, same, same]
    assert [counted(guards, c) for c in made] == [1, 2, 3, 1, 1, 2, 3, 4, 5]
    assert (TOLD, STOPPED) == (3, 5)


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        (call(a=1, b=2), call(b=2, a=1), True),
        (Call("id-1", "read", {"a": 1}), Call("id-2", "read", {"a": 1}), True),
        (call(a={"x": [1, 2]}), call(a={"x": [2, 1]}), False),
        (call(a=1), call(a="1"), False),
        (call("read", a=1), call("grep", a=1), False),
        (Call("x", "write", {}, broken='{"a'), Call("x", "write", {}, broken='{"b'), False),
        (Call("x", "write", {}, broken='{"a'), Call("y", "write", {}, broken='{"a'), True),
    ],
)
def test_what_the_same_call_is(one: Call, two: Call, same: bool) -> None:
    guards = Guards()
    counted(guards, one)
    assert (counted(guards, two) == 2) is same


def test_near_identical_thoughts_that_call_nothing_new_are_circling() -> None:
    guards = Guards()
    again = call(file_path="a")
    assert [guards.see(said(LONG, "", again)) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_few_other_words_do_not_hide_a_circle() -> None:
    guards = Guards()
    long = " ".join(f"word{n}" for n in range(100))
    assert [guards.see(said(f"{long} try{n}")) for n in range(3)] == [1, 2, 3]


def test_going_back_and_forth_between_old_calls_is_circling() -> None:
    guards = Guards()
    moves = [call(file_path="ab"[n % 2]) for n in range(6)]
    assert [guards.see(said(LONG, "", move)) for move in moves] == [1, 1, 2, 3, 4, 5]


def test_thirty_fresh_calls_with_near_identical_thoughts_are_progress() -> None:
    guards = Guards()
    counts = [guards.see(said(LONG, "Next file.", call(file_path=f"f{n}.py"))) for n in range(30)]
    assert counts == [1] * 30


@pytest.mark.parametrize(
    "thoughts",
    [
        ["ok", "ok", "ok"],  # too short to judge
        ["", "", ""],
        [LONG, LONG.replace("parser", "lexer").replace("test", "build"), " ".join(reversed(LONG.split()))],
    ],
)
def test_other_or_short_thoughts_are_not_circling(thoughts: list[str]) -> None:
    guards = Guards()
    assert [guards.see(said(thought)) for thought in thoughts] == [1, 1, 1]


def test_a_new_thought_breaks_the_circle() -> None:
    guards = Guards()
    other = "Now it is clear what happens here: the sign is lost when the exponent has more than two digits"
    assert [guards.see(said(t)) for t in (LONG, LONG, other, LONG, LONG)] == [1, 2, 1, 1, 2]


TODO = ("write the test",)


@pytest.mark.parametrize(
    ("reply", "todos", "why", "words"),
    [
        (said("long thought", stop="max_tokens"), (), "cut", "long thought"),
        (said("t", "The answer is", stop="max_tokens"), (), "cut", "exactly where it stopped"),
        (said("t", "<minimax:tool_call>", flaw="leaked"), (), "leaked", "real tool call"),
        (said("only thoughts"), (), "silent", "thoughts only"),
        (said("t", " \n"), (), "silent", "thoughts only"),
        (said("t", "The cause is clear.\nLet me fix it now."), TODO, "undone", "write the test"),
        (said("t", "I'll run the tests."), TODO, "undone", "write the test"),
        (said("t", "I’ll run the tests."), TODO, "undone", "write the test"),
        (said("t", "Let me fix it now."), (), "", ""),
        (said("t", "Let me fix it: done.\nAll tests pass."), TODO, "", ""),
        (said("t", "All tests pass. Let me know if you need more."), TODO, "", ""),
        (said("t", "All tests pass."), TODO, "", ""),
    ],
)
def test_nudges(reply: Reply, todos: tuple[str, ...], why: str, words: str) -> None:
    found, text = Guards().nudge(reply, todos)
    assert found == why
    assert words in text
    assert bool(text) is bool(why)


def test_a_cut_thought_is_quoted_by_its_end_whatever_it_holds() -> None:
    _, text = Guards().nudge(said("start " + "x" * 5000 + " {tail} {0} end", stop="max_tokens"), ())
    assert "{tail} {0} end" in text
    assert "start" not in text
    assert len(text) < 2000


@pytest.mark.parametrize(
    ("reply", "times"),
    [
        (said("t", stop="max_tokens"), 1),
        (said("t", "x", flaw="leaked"), 2),
        (said("t"), 1),
        (said("t", "I'll go on."), 1),
    ],
)
def test_each_nudge_is_given_once_and_leaked_twice(reply: Reply, times: int) -> None:
    guards = Guards()
    given = [bool(guards.nudge(reply, TODO)[0]) for _ in range(4)]
    assert given == [n < times for n in range(4)]


def test_kinds_of_nudges_do_not_use_each_other_up() -> None:
    guards = Guards()
    replies = [said("t"), said("t", stop="max_tokens"), said("t", "x", flaw="leaked"), said("t", "I'll go.")]
    assert [guards.nudge(reply, TODO)[0] for reply in replies] == ["silent", "cut", "leaked", "undone"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (said("t", "Fixed."), ""),
        (said("t", "Half an ans", stop="max_tokens"), "output_tokens"),
        (said("t", "<minimax:tool_call>", flaw="leaked"), "plain text"),
        (said("t"), "without an answer"),
        (Reply(()), "without an answer"),
    ],
)
def test_unfinished(reply: Reply, words: str) -> None:
    assert (words in Guards.unfinished(reply)) if words else Guards.unfinished(reply) == ""


def test_a_circle_of_two_calls_is_a_circle() -> None:
    guards = Guards()
    calls = (Call("1", "bash", {"command": "echo a"}), Call("2", "read", {"file_path": "a.py"}))
    for _ in range(STOPPED):
        guards.see(Reply(calls))
    assert [guards.repeated(call) for call in calls] == [STOPPED, STOPPED]


def test_many_of_a_kind_in_one_reply_are_one_move() -> None:
    guards = Guards()
    guards.see(Reply(tuple(Call(str(n), "read", {"file_path": "a.py"}) for n in range(50))))
    assert guards.repeated(Call("x", "read", {"file_path": "a.py"})) == 1


def test_what_is_done_again_after_something_new_is_no_circle() -> None:
    guards = Guards()
    tests = Call("t", "run_tests", {})
    for number in range(10):
        assert counted(guards, tests) == 1
        counted(guards, Call("e", "edit", {"file_path": "a.py", "old_string": str(number)}))
