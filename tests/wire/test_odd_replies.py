"""Replies that no good server sends: each call still has its one result, and disk and wire hold the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minicode.cli.trace import steps as replay
from minicode.journal.reader import load
from minicode.lab.rehearsal import Call, Do, Fault, Say, Step, Think, steps
from minicode.messages import Reply

FILES = {"a.py": "1\n", "b.py": "2\n"}
DEEP = '{"file_path": "a.py", "x": ' + "[" * 980 + "]" * 980 + "}"  # a little less than JSON readers take


def read(id_: str, path: str = "a.py") -> Call:
    return Call("read", {"file_path": path}, id=id_)


def streamed(surface: str, thought: tuple[str, ...], text: tuple[str, ...], calls: tuple[Call, ...]) -> Step:
    """A reply in just these pieces, which may be no well-formed text: it is sent as escapes."""
    made = [(c.id, c.name, c.raw if c.raw is not None else json.dumps(c.arguments)) for c in calls]
    events: list[dict[str, Any]] = []
    if surface == "anthropic":

        def block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
            events.append({"type": "content_block_start", "index": index, "content_block": start})
            events.extend({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)

        block(0, {"type": "thinking"}, [{"type": "thinking_delta", "thinking": piece} for piece in thought])
        block(1, {"type": "text"}, [{"type": "text_delta", "text": piece} for piece in text])
        for index, (id_, name, arguments) in enumerate(made, 2):
            delta = {"type": "input_json_delta", "partial_json": arguments}
            block(index, {"type": "tool_use", "id": id_, "name": name}, [delta])
        events += [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    else:
        deltas: list[dict[str, Any]] = [{"reasoning_content": piece} for piece in thought]
        deltas += [{"content": piece} for piece in text]
        for index, (id_, name, arguments) in enumerate(made):
            function = {"name": name, "arguments": arguments}
            deltas.append({"tool_calls": [{"index": index, "id": id_, "function": function}]})
        events = [{"choices": [{"delta": delta}]} for delta in deltas]
        events.append({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return Step(fault=Fault(body=body, content_type="text/event-stream"))


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ((Call("", {"a": 1}, id="x"), read("y")), ["There is no tool ``", "1\t1"]),
        ((Call("read", raw="null", id="x"),), ["`file_path` is missing"]),
        ((Call("read", raw=DEEP, id="x"),), ["not readable"]),
        ((read("x"), read("x_3"), read("x", "b.py"), read("x_4")), ["1\t1", "1\t1", "1\t2", "1\t1"]),
        ((read("\ud83d"), read("\ude00", "b.py")), ["1\t1", "1\t2"]),
        ((Call("write", {"file_path": "c", "content": "\ud83d"}, id="x"),), ["lone surrogate"]),
    ],
    ids=["nameless", "null", "deep", "same ids", "half ids", "half content"],
)
async def test_an_odd_call_has_one_result(talk: Any, surface: str, calls: tuple[Call, ...], told: list[str]) -> None:
    if surface == "openai" and not calls[0].name:
        calls, told = calls[1:], told[1:]  # there, an entry without a name is debris
    t = await talk(
        steps(streamed(surface, ("Odd.",), ("See.",), calls), Say("Done."), Say("Yes.")), surface, files=FILES
    )
    assert (await t.say("Go")).reason == "done"
    results = t.results(2)
    assert len(results) == len(told)
    assert all(words in result for words, result in zip(told, results, strict=True)), results
    assert (await t.say("And?")).reason == "done"
    assert_sound(t)


@pytest.mark.parametrize(
    ("pieces", "kept"),
    [
        (("It smiles \ud83d", "\ude00 and goes."), "It smiles 😀 and goes."),
        (("Half \ud83d", " of it."), "Half \ufffd of it."),
    ],
    ids=["cut in two", "half"],
)
async def test_half_a_character(talk: Any, surface: str, pieces: tuple[str, ...], kept: str) -> None:
    """A server that counts in UTF-16 cuts in the middle of one. What is kept is what is sent."""
    script = steps(streamed(surface, pieces, pieces, (read("x"),)), Say("Done."))
    t = await talk(script, surface, files=FILES)
    assert (await t.say("Go")).reason == "done"
    reply = next(m for m in t.session.history.messages() if isinstance(m, Reply))
    assert (reply.thinking[0].text, reply.text) == (kept, kept)
    assert t.server.requests[-1].raw.count(kept.encode()) == 2
    assert_sound(t)


async def test_ids_that_are_used_again(talk: Any, surface: str) -> None:
    """Each call with an effect has its own intent, or a crash would be told as "did not run"."""

    def run(number: int, id_: str) -> Call:
        return Call("bash", {"command": f"echo {number}"}, id=id_)

    first = (Think("One."), run(1, "call_0"), run(2, "call_1"))
    second = (Think("Two."), run(3, "call_2"), run(4, "call_0"), Do("read", {"path": "a.py"}))
    t = await talk(steps(first, second, Say("Done.")), surface, files=FILES)
    assert (await t.say("Go")).reason == "done"
    intents = [e.data["call_id"] for e in load(t.session.journal.path).entries if e.kind == "intent"]
    assert intents == ["call_0", "call_1", "call_2", "call_0"]
    assert_sound(t)


def assert_sound(t: Any) -> None:
    replayed = list(replay(load(t.session.journal.path)))
    assert len(replayed) == len(t.server.requests)
    for step, exchange in zip(replayed, t.server.requests, strict=True):
        assert step.body == exchange.raw
        assert step.same and step.whole
