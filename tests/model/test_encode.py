from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.messages import (
    Call,
    Message,
    Reply,
    Request,
    Results,
    Text,
    Thinking,
    ToolResult,
    ToolSpec,
    User,
    reply_from_json,
    reply_to_json,
)
from minicode.model.schema import plain_schema, wire_name
from minicode.model.wires import Encoder, encode_as

OPTIONS: dict[str, dict[str, Any]] = {
    "anthropic": {"cache": True, "signatures": True},
    "openai": {"split": True, "thoughts": "reasoning_details"},
}
WIRES = list(OPTIONS)
READ = ToolSpec("read", "Read a file.", {"type": "object", "properties": {"file_path": {"type": "string"}}})


def ask(*messages: Message, **more: Any) -> Request:
    return Request("MiniMax-M2.7", "Be brief.", (READ,), messages, **more)


def sent(wire: str, *messages: Message, **options: Any) -> list[dict[str, Any]]:
    found = json.loads(encode_as(ask(*messages), wire, {**OPTIONS[wire], **options}))["messages"]
    return [m for m in found if m["role"] != "system"]


def step(number: int, wire: str) -> tuple[Message, Message]:
    call = Call(f"c{number}", "read", {"file_path": f"é{number}.py"})
    reply = Reply((Thinking(f"thought {number}", "ab" * 32), Text("\n\nLook."), call), wire=wire)
    return reply, Results((ToolResult(call.id, "read", f"text {number}"),))


def unmarked(body: bytes) -> bytes:
    """From the tools on, without marks and without the end."""
    return re.sub(rb',"cache_control":\{"type":"ephemeral"\}', b"", body[body.index(b'"tools"') :]).removesuffix(b"]}")


@pytest.mark.parametrize("wire", WIRES)
def test_each_request_is_a_prefix_of_the_next_and_bytes_do_not_depend_on_memory(wire: str) -> None:
    encoder = Encoder(wire, OPTIONS[wire])
    messages: tuple[Message, ...] = (User("Fix it."),)
    before = b""
    for number in range(30):
        encoded = encoder.encode(ask(*messages))
        assert encoded.body == encode_as(ask(*messages), wire, encoded.options)
        assert encoded.sha256 == sha256(encoded.body).hexdigest()
        assert unmarked(encoded.body).startswith(before)
        before = unmarked(encoded.body)
        messages += step(number, wire)
        if number % 7 == 6:
            messages += (Reply((Text("Done."),), wire=wire), User("Go on."))


@pytest.mark.parametrize("wire", WIRES)
def test_another_history_is_not_taken_for_the_one_in_memory(wire: str) -> None:
    encoder = Encoder(wire, OPTIONS[wire])
    first, second = step(1, wire), step(2, wire)
    encoder.encode(ask(User("a"), *first, *second))
    for messages in [(User("a"), *second), (User("a"),), (User("b"), *first)]:
        encoded = encoder.encode(ask(*messages))
        assert encoded.body == encode_as(ask(*messages), wire, OPTIONS[wire])
        assert encoded.sha256 == sha256(encoded.body).hexdigest()
    other = ask(User("b"), *first)._replace(system="New.")
    assert encoder.encode(other).body == encode_as(other, wire, OPTIONS[wire])


@pytest.mark.parametrize("wire", WIRES)
def test_going_back_to_any_message_makes_the_bytes_anew(wire: str) -> None:
    messages: tuple[Message, ...] = (User("Fix it."),)
    for number in range(4):
        messages += (*step(number, wire), Reply((Text("Done."),), wire=wire), User("Go on."))
    for kept in range(len(messages)):
        encoder = Encoder(wire, OPTIONS[wire])
        for end in range(1, len(messages) + 1):
            if not isinstance(messages[end - 1], Reply):
                encoder.encode(ask(*messages[:end]))
        back = ask(*messages[:kept], User("Not so."))
        assert encoder.encode(back).body == encode_as(back, wire, OPTIONS[wire])


def test_bytes_are_the_same_in_every_process() -> None:
    code = """
import hashlib, sys
from minicode.messages import *
from minicode.model.wires import encode_as
names = tuple(f"tool.{n}" for n in range(5))
properties = {"b": {"type": ["string", "null"]}, "a": {"$ref": "#/$defs/X"}}
schema = {"type": "object", "properties": properties, "$defs": {"X": {"enum": ["x", "y", None]}}}
tools = tuple(ToolSpec(n, "d", schema) for n in names)
r = Request("m", "s", tools, (User("hi"), Reply((Thinking("t"), Call("c", "tool.1", {"b": 1, "a": 2}))),
    Results((ToolResult("c", "tool.1", ""),))))
for wire in ("anthropic", "openai"):
    print(hashlib.sha256(encode_as(r, wire, {"cache": True})).hexdigest())
"""
    root = str(Path(__file__).parents[2])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_anthropic_sends_blocks_back_as_they_came() -> None:
    reply = Reply(
        (
            Thinking("a", "s" * 64),
            Text("\n\nx"),
            Thinking("", None),
            Thinking("b", ""),
            Call("c", "read", {"file_path": "a"}),
            Thinking("", keep={"block": {"type": "redacted_thinking", "data": "zz"}}),
        )
    )
    result = Results((ToolResult("c", "read", "", failed=True),))
    assert sent("anthropic", User("hi"), reply, result)[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "a", "signature": "s" * 64},
                {"type": "text", "text": "\n\nx"},
                {"type": "thinking", "thinking": ""},
                {"type": "thinking", "thinking": "b", "signature": ""},
                {"type": "tool_use", "id": "c", "name": "read", "input": {"file_path": "a"}},
                {"type": "redacted_thinking", "data": "zz"},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c",
                    "content": "(no output)",
                    "is_error": True,
                    "cache_control": {"type": "ephemeral"},
                }
            ],
        },
    ]
    unsigned = sent("anthropic", User("hi"), reply, signatures=False)[1]["content"]
    assert [b["thinking"] for b in unsigned if b["type"] == "thinking"] == ["a", "", "b"]
    assert not any("signature" in b for b in unsigned)


def test_openai_sends_thoughts_back_in_the_field_they_came_in() -> None:
    details = [{"id": "r1", "index": 0, "text": None, "signature": "s", "odd": 1}]
    for keep, fields in [
        ({"field": "reasoning"}, {"reasoning": "t"}),
        ({"field": "reasoning_content", "raw": "t</think>"}, {"reasoning_content": "t</think>"}),
        (
            {"field": "reasoning_details", "details": details},
            {"reasoning_details": [{"id": "r1", "index": 0, "text": "t", "signature": "s", "odd": 1}]},
        ),
    ]:
        reply = Reply((Thinking("t", keep=keep), Call("c", "read", {"a": 1}, keep={"spaced": True})), wire="openai")
        function = {"name": "read", "arguments": '{"a": 1}'}
        calls = [{"id": "c", "type": "function", "function": function}]
        assert sent("openai", User("x"), reply)[1] == {"role": "assistant", **fields, "tool_calls": calls}
    raw = "<think>\nt\n</think>\n\nx"
    reply = Reply((Thinking("t", keep={"field": "content", "raw": raw}), Text("\n\nx", {"raw": ""})), wire="openai")
    assert sent("openai", User("x"), reply)[1] == {"role": "assistant", "content": raw}


def test_a_reply_of_the_other_wire_keeps_its_thoughts_and_loses_its_signature() -> None:
    signed = Reply((Thinking("t", "s"), Text("x")), wire="anthropic")
    entry = {"type": "reasoning.text", "index": 0, "text": "t"}
    assert sent("openai", User("x"), signed)[1] == {"role": "assistant", "reasoning_details": [entry], "content": "x"}
    local = sent("openai", User("x"), signed, thoughts="reasoning_content")[1]
    assert local == {"role": "assistant", "reasoning_content": "t", "content": "x"}
    keep = {"field": "content", "raw": "<think>t</think>x"}
    other = Reply((Thinking("t", "s", keep), Text("x", {"raw": ""})), wire="openai")
    content = [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "x"}]
    assert sent("anthropic", User("x"), other, cache=False)[1]["content"] == content


@pytest.mark.parametrize("wire", WIRES)
def test_what_servers_refuse_is_never_sent(wire: str) -> None:
    odd = "lone \ud800, pair \ud83d\ude00, null \x00, line \u2028"
    call = Call("c", "my.tool", {"a": odd, "b": float("inf"), "c": [float("nan")]}, broken="{", keep={})
    tool = ToolSpec("my.tool", "d", {})
    reply = Reply((Text(""), call), wire=wire)
    messages = (User(odd), Reply((Text(""),), wire=wire), reply, Results((ToolResult("c", "my.tool", ""),)), User(""))
    body = encode_as(Request("m", odd, (tool,), messages, temperature=0.0), wire, OPTIONS[wire])
    data = json.loads(body.decode("utf-8"), parse_constant=pytest.fail)
    assert data["temperature"] > 0
    assert not re.search("[\ud800-\udfff]", json.dumps(data, ensure_ascii=False))
    assert '""' not in body.decode().replace('"description":""', "")
    assert [m["role"] for m in data["messages"]].count("system") == (1 if wire == "openai" else 0)
    tools = data["tools"]
    function = tools[0] if wire == "anthropic" else tools[0]["function"]
    schema = function["input_schema" if wire == "anthropic" else "parameters"]
    assert schema == {"type": "object", "properties": {}}
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", function["name"])
    assert body.count(function["name"].encode()) == 2


def test_marks_stand_on_the_prefixes_the_next_request_shares() -> None:
    messages: tuple[Message, ...] = (User("hi"), *step(1, "anthropic"), *step(2, "anthropic"))
    data = json.loads(encode_as(ask(*messages), "anthropic", OPTIONS["anthropic"]))
    assert "cache_control" in data["system"][-1]
    assert ["cache_control" in m["content"][-1] for m in data["messages"]] == [False, False, True, False, True]
    assert json.dumps(data).count("cache_control") == 3
    ends_in_thought = ask(User("hi"), Reply((Text("x"), Thinking("t", "s"))))
    last = json.loads(encode_as(ends_in_thought, "anthropic", OPTIONS["anthropic"]))["messages"][-1]["content"]
    assert ["cache_control" in b for b in last] == [True, False]
    bare = json.loads(encode_as(ask(User("hi"))._replace(system=""), "anthropic", OPTIONS["anthropic"]))
    assert "system" not in bare
    assert "cache_control" in bare["tools"][-1]


def test_sampling_and_thinking_follow_the_model() -> None:
    def body(**more: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(encode_as(ask(User("x"))._replace(**more), "anthropic", {"top_k": 40}))
        return found

    assert "thinking" not in body()
    assert body(model="MiniMax-M3")["thinking"] == {"type": "adaptive"}
    assert body(temperature=1.7)["temperature"] == 1
    assert body(temperature=1.7, model="MiniMax-M3")["temperature"] == 1.7
    assert (body()["top_k"], body(top_k=7)["top_k"]) == (40, 7)
    assert "top_p" not in body()


def test_schemas_become_plain() -> None:
    schema = {
        "$schema": "x",
        "type": "object",
        "properties": {
            "default": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "T"},
            "n": {"type": ["integer", "null"]},
            "e": {"enum": ["a", None]},
            "ref": {"$ref": "#/$defs/A", "description": "own"},
            "tree": {"$ref": "#/$defs/Tree"},
            "lost": {"$ref": "#/nowhere"},
        },
        "required": ["n"],
        "$defs": {
            "A": {"$ref": "#/$defs/B"},
            "B": {"type": "array", "items": {"type": "string", "nullable": True}},
            "Tree": {"type": "object", "properties": {"child": {"$ref": "#/$defs/Tree"}}},
        },
    }
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {
            "default": {"type": "string", "title": "T"},
            "n": {"type": "integer"},
            "e": {"enum": ["a"]},
            "ref": {"type": "array", "items": {"type": "string"}, "description": "own"},
            "tree": {"type": "object", "properties": {"child": {}}},
            "lost": {},
        },
        "required": ["n"],
    }


def test_names_become_safe_and_stay_different() -> None:
    names = ["read", "a.b", "a_b", "a b", "ü" * 80, "ü" * 81, "x" * 64, "x" * 65]
    assert wire_name("read") == "read"
    assert len({wire_name(n) for n in names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", wire_name(n)) for n in names)


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()))
def test_a_journalled_reply_makes_the_same_bytes(thought: str, text: str, arguments: dict[str, str]) -> None:
    for wire in WIRES:
        reply = Reply((Thinking(thought, "s"), Text(text), Call("c", "read", arguments)), wire=wire)
        again = reply_from_json(json.loads(json.dumps(reply_to_json(reply))))
        assert sent(wire, User("x"), reply) == sent(wire, User("x"), again)
