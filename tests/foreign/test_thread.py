"""Order, pairs and secrets, whatever program it comes from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minicode.foreign.items import About, Answered, Called, Item, Left, Said, Spoke, Summed, Thought, Undone
from minicode.foreign.thread import HEADLESS, NO_RESULT, Record, Thread
from minicode.redact import Redactor

SECRET = "sk-ant-api03-Zx9Yw8Vu7Ts6Rq5Po4Nm3Lk2Ji1Hg0"


def read(*items: Item) -> tuple[list[Record], dict[str, int]]:
    left = Left()
    thread = Thread("codex", left, Redactor(()).text)
    thread.read(items)
    return thread.records(), {what: count for what, count in left.items() if count}


def shape(records: list[Record]) -> list[str]:
    """user text, the blocks of a reply, the text of a result: one string each."""
    return [
        "+".join(b.get("text") or b.get("thinking") or b["id"] for b in data["content"])
        if "content" in data
        else data["text"]
        for _, data, _ in records
    ]


def test_results_stand_in_the_order_of_the_calls() -> None:
    records, left = read(
        Said("do"), Called("a", "x", {}), Called("b", "y", "{}"), Answered("b", "second"), Answered("a", "first")
    )
    assert shape(records) == ["do", "a+b", "first", "second"]
    assert left == {}


def test_a_block_that_came_after_a_result_still_belongs_to_its_reply() -> None:
    records, _ = read(
        Said("do"),
        Called("a", "x", {}, reply="r1"),
        Answered("a", "1"),
        Called("b", "x", {}, reply="r1"),
        Answered("b", "2"),
        Spoke("done", reply="r2"),
    )
    assert shape(records) == ["do", "a+b", "1", "2", "done"]


def test_what_has_no_partner() -> None:
    records, left = read(Said("do"), Called("a", "x", {}), Said("stop"), Answered("z", "?"), Answered("a", "late"))
    assert shape(records) == ["do", "a", "late", "stop"]
    assert left == {"results of no call": 1}
    records, left = read(Said("do"), Called("a", "x", {}), Said("stop"))
    assert shape(records) == ["do", "a", NO_RESULT, "stop"]
    assert records[2].data["failed"]
    assert left == {"calls without a result, which are marked so": 1}


def test_ids_that_repeat_or_are_odd() -> None:
    records, _ = read(
        Said("do"),
        Called("functions.x:0", "x", {}),
        Answered("functions.x:0", "one"),
        Called("functions.x:0", "x", {}),
        Called("", "x", {}),
        Answered("functions.x:0", "two"),
    )
    assert shape(records)[1:] == ["functions_x_0", "one", "functions_x_0-2+call", "two", NO_RESULT]


def test_arguments_that_are_no_object() -> None:
    records, _ = read(Said("do"), Called("a", "x", '{"k": 1}'), Called("b", "x", '{"k'), Called("c", "x", "[1]"))
    blocks = records[1].data["content"]
    assert [(b["input"], b.get("broken")) for b in blocks] == [({"k": 1}, None), ({}, '{"k'), ({}, "[1]")]
    for depth in (150, 990, 50_000):  # what comes in must go out again, through any reader of JSON
        deep = f'{{"a": {"[" * depth}{"]" * depth}}}'
        [block] = read(Said("do"), Called("a", "x", deep))[0][1].data["content"]
        assert (block["input"], block["broken"]) == ({}, deep)


def test_a_session_that_begins_in_the_middle() -> None:
    assert shape(read(Spoke("hello"))[0]) == [HEADLESS, "hello"]
    [first, _], left = read(Summed("we did much"), Spoke("hello"))
    assert "we did much" in first.data["text"]
    assert left == {}
    records, left = read(Said("do"), Summed("we did much"), Spoke("hello"))
    assert shape(records) == ["do", "hello"]
    assert left == {"summaries of what is here in full": 1}


def test_what_was_taken_back() -> None:
    records, left = read(Said("a"), Spoke("A"), Said("b"), Spoke("B"), Undone(1), Said("c"), Undone(0))
    assert shape(records) == ["a", "A", "c"]
    assert left == {"messages that were taken back": 2}
    assert read(Said("a"), Undone(99))[0] == []


def test_thoughts_without_words_are_counted() -> None:
    records, left = read(Said("do"), Thought(""), Spoke("done"))
    assert shape(records) == ["do", "done"]
    assert left == {"thoughts that cannot be read": 1}


@pytest.mark.parametrize("where", ["said", "thought", "spoke", "arguments", "broken", "result"])
def test_no_secret_comes_along(where: str) -> None:
    text = {where: f"key={SECRET} \ud800"}
    records, left = read(
        About(session="s"),
        Said(text.get("said", "do")),
        Thought(text.get("thought", "hm")),
        Spoke(text.get("spoke", "so")),
        Called("a", "x", {"deep": [{"k": text.get("arguments", "v")}]}),
        Called("b", "x", text.get("broken", "{}")),
        Answered("a", text.get("result", "ok")),
    )
    whole = json.dumps([record.data for record in records], ensure_ascii=False)
    assert SECRET not in whole
    assert "redacted:api-key" in whole
    whole.encode()  # no half of a surrogate pair
    assert left["texts with secrets, which are redacted"] == 1


def test_nothing_at_all() -> None:
    nothing: Any = read(About(session="s"), Said("  "), Spoke(""))
    assert nothing == ([], {})
