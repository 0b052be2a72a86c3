"""Answers of both surfaces, well-formed and not, read from their events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minicode.errors import ModelError, TemporaryError
from minicode.messages import Call, Reply, Request, Text, Thinking, ToolSpec, Usage, User
from minicode.model.base import CallPart, Part, TextPart, ThinkingPart
from minicode.model.wires import encode_as, reader

READ = ToolSpec("read", "", {"type": "object", "properties": {"file_path": {"type": "string"}}})
REQUEST = Request("MiniMax-M2.7", "s", (READ, ToolSpec("my.tool", "", {})), (User("Fix it."),))
INVOKE = '<invoke name="read">\n<parameter name="file_path">a.py</parameter>\n</invoke>'
LEAK = f"<minimax:tool_call>\n{INVOKE}\n</minimax:tool_call>"

Event = dict[str, Any]


def hear(wire: str, *events: Event, request: Request = REQUEST, done: bool = True) -> tuple[list[Part], Reply]:
    reading = reader(wire, request)
    parts = [part for event in events for part in reading.feed(event.get("type", ""), json.dumps(event))]
    assert reading.complete is done
    last, reply = reading.close()
    return [*parts, *last], reply


def said(parts: list[Part], kind: type[Any]) -> str:
    return "".join(p.fragment if isinstance(p, CallPart) else p.text for p in parts if isinstance(p, kind))


def start(index: int | None, **block: Any) -> Event:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int | None, **change: Any) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": change}


def think(text: str, index: int = 0) -> list[Event]:
    return [start(index, type="thinking", thinking=""), delta(index, type="thinking_delta", thinking=text)]


def sign(index: int = 0) -> Event:
    return delta(index, type="signature_delta", signature="ab" * 32)


def write(text: str, index: int = 1) -> list[Event]:
    return [start(index, type="text", text=""), *(delta(index, type="text_delta", text=c) for c in text)]


def end(reason: str = "end_turn", **usage: Any) -> list[Event]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}, {"type": "message_stop"}]


SIGNED = Thinking("plan", "ab" * 32)


@pytest.mark.parametrize(
    ("events", "blocks"),
    [
        ([*think("plan"), sign(), *write("\n\nHi")], (SIGNED, Text("\n\nHi"))),
        ([*think("plan"), {"type": "content_block_stop", "index": 0}, *write("Hi"), sign()], (SIGNED, Text("Hi"))),
        ([*think("plan"), *write("Hi"), sign(1)], (SIGNED, Text("Hi"))),
        ([start(0, type="thinking", thinking=""), sign()], (Thinking("", "ab" * 32),)),
        ([sign()], (Thinking("", "ab" * 32),)),
        ([start(0, type="thinking", thinking="plan", signature="ab" * 32)], (SIGNED,)),
        ([*think("plan")], (Thinking("plan"),)),
        (
            [*think("a"), *write("x"), *think("b", 2), *write("y", 3)],
            (Thinking("a"), Text("x"), Thinking("b"), Text("y")),
        ),
        ([*think("a"), *write("x", 0)], (Thinking("a"), Text("x"))),
        (
            [delta(0, type="thinking_delta", thinking="a"), delta(1, type="text_delta", text="x")],
            (Thinking("a"), Text("x")),
        ),
        ([delta(None, type="text_delta", text="x"), delta(None, type="text_delta", text="y")], (Text("xy"),)),
        ([delta(0, reasoning_content="a"), delta(0, reasoning_content="b"), *write("x")], (Thinking("ab"), Text("x"))),
        ([start(0, type="tool_use", id="c", name="read", input={})], (Call("c", "read", {}),)),
        (
            [start(0, type="tool_use", id="c", name="read", input={"file_path": "a"})],
            (Call("c", "read", {"file_path": "a"}),),
        ),
        (
            [
                start(0, type="tool_use", id="c", name="my_tool_f8d5d4d4", input={}),
                delta(0, type="input_json_delta", partial_json=""),
                *(delta(0, type="input_json_delta", partial_json=c) for c in '{"x":1}'),
            ],
            (Call("c", "my_tool_f8d5d4d4", {"x": 1}),),
        ),
        ([start(0, type="mystery", data=1), {"type": "what"}, {"type": "ping"}, *write("x")], (Text("x"),)),
    ],
)
def test_anthropic_blocks(events: list[Event], blocks: tuple[Any, ...]) -> None:
    assert hear("anthropic", *events, *end())[1].blocks == blocks


def test_anthropic_usage_is_that_of_the_end_unless_it_is_missing() -> None:
    begin = {"type": "message_start", "message": {"id": "i", "model": "m", "usage": {"input_tokens": 2707}}}
    usage = {"input_tokens": 9195, "output_tokens": 5, "cache_read_input_tokens": 1792}
    assert hear("anthropic", begin, *write("x"), *end(**usage))[1].usage == Usage(9195, 5, 1792)
    assert hear("anthropic", begin, *write("x"), *end(output_tokens=5, input_tokens=0))[1].usage == Usage(2707, 5)
    reply = hear(
        "anthropic", begin, *write("x"), {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": None}
    )[1]
    assert (reply.usage, reply.id, reply.model) == (Usage(2707), "i", "m")


def test_anthropic_whole_message() -> None:
    content = [
        {"type": "thinking", "thinking": "plan", "signature": "ab" * 32},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "c", "name": "read", "input": {"file_path": "a"}},
    ]
    message = {
        "type": "message",
        "id": "i",
        "content": content,
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3},
    }
    parts, reply = hear("anthropic", message)
    assert reply.blocks == (SIGNED, Text("Hi"), Call("c", "read", {"file_path": "a"}))
    assert (reply.stop, reply.usage, said(parts, TextPart)) == ("tool_use", Usage(3), "Hi")


def test_parts_come_as_they_come() -> None:
    call = [
        start(2, type="tool_use", id="c", name="read", input={}),
        delta(2, type="input_json_delta", partial_json="{}"),
    ]
    parts, _ = hear("anthropic", *think("plan"), *write("Hi"), *call, *end("tool_use"))
    assert [type(p) for p in parts] == [ThinkingPart, TextPart, TextPart, CallPart, CallPart]
    assert parts == [
        ThinkingPart("plan"),
        TextPart("H"),
        TextPart("i"),
        CallPart(0, "read", ""),
        CallPart(0, "read", "{}"),
    ]


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_errors_and_emptiness(wire: str) -> None:
    with pytest.raises(TemporaryError) as caught:
        hear(wire, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    assert caught.value.kind == "overloaded"
    with pytest.raises(ModelError) as refused:
        hear(wire, {"base_resp": {"status_code": 1004, "status_msg": "no"}})
    assert refused.value.kind == "auth"
    with pytest.raises(ModelError) as empty:
        hear(wire, *end(), {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    assert empty.value.kind == "empty"
    with pytest.raises(TemporaryError) as torn:
        reader(wire, REQUEST).feed("", '{"type": "mess')
    assert torn.value.kind == "garbled"


def chunk(reason: str | None = None, **change: Any) -> Event:
    return {"id": "i", "model": "m", "choices": [{"index": 0, "delta": change, "finish_reason": reason}], "usage": None}


def detail(text: str | None = None, **more: Any) -> dict[str, Any]:
    return {"index": 0, **({"text": text} if text is not None else {}), **more}


def tool(index: int | None, arguments: Any, id_: str | None = None, name: str | None = None) -> dict[str, Any]:
    return {"index": index, "id": id_, "function": {"name": name, "arguments": arguments}}


def back(reply: Reply) -> dict[str, Any]:
    """The reply as the next request sends it back."""
    request = Request("m", "", (), (User("x"), reply))
    found: dict[str, Any] = json.loads(encode_as(request, "openai", {}))["messages"][1]
    found.pop("role")
    return found


LONG = "First the file is read,"
STOP = chunk("stop")


@pytest.mark.parametrize(
    ("events", "thought", "text", "returned"),
    [
        (
            [
                chunk(role="assistant", content=""),
                *(chunk(reasoning_details=[detail(t, id="r")]) for t in ("pl", "an")),
                chunk(content="Hi"),
            ],
            "plan",
            "Hi",
            {"reasoning_details": [{"index": 0, "text": "plan", "id": "r"}], "content": "Hi"},
        ),
        (
            [
                chunk(reasoning_details=[detail("plan", id="r", format="f", odd=None)]),
                chunk(reasoning_details=[detail(signature="sig")]),
                chunk(content="Hi"),
            ],
            "plan",
            "Hi",
            {
                "reasoning_details": [
                    {"index": 0, "text": "plan", "id": "r", "format": "f", "odd": None, "signature": "sig"}
                ],
                "content": "Hi",
            },
        ),
        (
            [chunk(reasoning_details=[detail(LONG[:n])], content=None) for n in (16, 18, 20, len(LONG))],
            LONG,
            "",
            {"reasoning_details": [{"index": 0, "text": LONG}]},
        ),
        (
            [chunk(reasoning_details=[detail(t)], reasoning_content=t) for t in ("a", "and the")],
            "aand the",
            "",
            {"reasoning_details": [{"index": 0, "text": "aand the"}]},
        ),
        (
            [chunk(reasoning_details=[detail("a", id="x"), detail("b", id="y", index=1)])],
            "ab",
            "",
            {"reasoning_details": [{"index": 0, "text": "a", "id": "x"}, {"index": 1, "text": "b", "id": "y"}]},
        ),
        (
            [chunk(reasoning="pl"), chunk(reasoning="an"), chunk(content="Hi")],
            "plan",
            "Hi",
            {"reasoning": "plan", "content": "Hi"},
        ),
        (
            [chunk(role="", reasoning_content="plan", content=""), chunk(reasoning_content="", content="Hi")],
            "plan",
            "Hi",
            {"reasoning_content": "plan", "content": "Hi"},
        ),
        (
            [chunk(reasoning_content="plan</thi"), chunk(reasoning_content="nk>"), chunk(content="Hi")],
            "plan",
            "Hi",
            {"reasoning_content": "plan</think>", "content": "Hi"},
        ),
        (
            [chunk(content=c) for c in "<think>\nplan\n</think>\n\nHi"],
            "plan",
            "\n\nHi",
            {"content": "<think>\nplan\n</think>\n\nHi"},
        ),
        ([chunk(content="plan</think>Hi")], "plan", "Hi", {"content": "plan</think>Hi"}),
        (
            [chunk(reasoning_content="plan"), chunk(content="Hi\n"), chunk(content="</think>")],
            "plan",
            "Hi\n",
            {"reasoning_content": "plan", "content": "Hi\n</think>"},
        ),
        ([chunk(content=[{"type": "text", "text": "Hi"}])], "", "Hi", {"content": "Hi"}),
    ],
)
def test_openai_thoughts(events: list[Event], thought: str, text: str, returned: Event) -> None:
    parts, reply = hear("openai", *events, STOP)
    assert "".join(t.text for t in reply.thinking) == thought
    assert reply.text == text
    assert back(reply) == returned
    assert said(parts, TextPart).endswith(text)


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        (
            [
                chunk(tool_calls=[tool(0, "", "a", "read"), tool(1, "", "b", "read")]),
                chunk(tool_calls=[tool(0, '{"file_path"'), tool(1, '{"file_path": "y"}')]),
                chunk("tool_calls", tool_calls=[tool(0, ': "x"}')]),
                chunk("tool_calls"),
            ],
            [("a", {"file_path": "x"}), ("b", {"file_path": "y"})],
        ),
        ([chunk("tool_calls", tool_calls=[tool(1, "{}", "a", "read")])], [("a", {})]),
        ([chunk("tool_calls", tool_calls=[tool(0, {"file_path": "x"}, "a", "read")])], [("a", {"file_path": "x"})]),
        (
            [chunk("tool_calls", tool_calls=[tool(0, "", "a", "read"), tool(1, '{}{"file_path": "x"}')])],
            [("a", {"file_path": "x"})],
        ),
        ([chunk("stop", tool_calls=[tool(0, "{}", "a", "read")], content=None)], [("a", {})]),
    ],
)
def test_openai_calls(events: list[Event], calls: list[tuple[str, dict[str, str]]]) -> None:
    _, reply = hear("openai", *events)
    assert [(c.id, c.arguments) for c in reply.calls] == calls


def test_openai_whole_message_and_usage() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 6}}
    message = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "plan",
        "tool_calls": [tool(None, "{}", "a", "read")],
    }
    whole = {"id": "i", "choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage}
    _, reply = hear("openai", whole)
    assert (reply.text, reply.thinking[0].text, reply.usage, reply.stop) == ("Hi", "plan", Usage(4, 4, 6), "tool_use")
    assert reply.calls[0].id == "a"
    placeholder = {"choices": [], "usage": {"total_tokens": 0}}
    late = {"choices": [], "usage": usage}
    assert hear("openai", chunk(content="x"), STOP, late, placeholder)[1].usage == Usage(4, 4, 6)


def test_the_end_is_known() -> None:
    reading = reader("openai", REQUEST)
    reading.feed("", json.dumps(chunk(content="x")))
    assert not reading.complete
    reading.feed("", "[DONE]")
    assert reading.complete
    assert hear("openai", chunk("length", content="x"))[1].stop == "max_tokens"
    assert hear("openai", chunk("content_filter", content="x"))[1].stop == "sensitive"


def test_arguments_go_back_as_the_text_they_were_or_as_valid_json() -> None:
    for text, returned in [
        ('{"file_path": "a"}', '{"file_path": "a"}'),
        ('{"file_path":"a"}', '{"file_path":"a"}'),
        ('{ "file_path" : "\\u00e9" }', '{ "file_path" : "\\u00e9" }'),
        ("{'file_path': 'a'}", '{"file_path":"a"}'),
        ('{"file_path": "a', "{}"),
    ]:
        _, reply = hear("openai", chunk("tool_calls", tool_calls=[tool(0, text, "a", "read")]))
        assert back(reply)["tool_calls"][0]["function"]["arguments"] == returned
    assert reply.calls[0].broken == '{"file_path": "a'


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_a_call_that_the_token_limit_cut_is_broken(wire: str) -> None:
    text = '{"file_path": "a"'
    if wire == "openai":
        events = [chunk("length", tool_calls=[tool(0, text, "a", "read")])]
    else:
        block = start(0, type="tool_use", id="a", name="read", input={})
        events = [block, delta(0, type="input_json_delta", partial_json=text), *end("max_tokens")]
    _, reply = hear(wire, *events)
    assert (reply.stop, reply.calls[0].broken, reply.calls[0].arguments) == ("max_tokens", text, {})


def leaky(wire: str, text: str, reason: str = "") -> list[Event]:
    if wire == "openai":
        return [*(chunk(content=c) for c in text), chunk(reason or "stop")]
    return [*write(text), *end({"length": "max_tokens"}.get(reason, "end_turn"))]


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_leaked_markup_becomes_a_call_and_is_never_shown(wire: str) -> None:
    parts, reply = hear(wire, *leaky(wire, f"Look.\n{LEAK}"))
    assert said(parts, TextPart) == "Look.\n"
    assert reply.text == "Look.\n"
    assert [(c.name, c.arguments) for c in reply.calls] == [("read", {"file_path": "a.py"})]
    assert reply.calls[0].repairs == ("read from tool-call markup in the text",)
    assert (reply.stop, reply.flaw) == ("tool_use", "")
    body = encode_as(Request("m", "", (), (User("x"), reply)), wire, {}).decode()
    assert "invoke" not in body


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_markup_that_cannot_be_trusted_is_a_flaw(wire: str) -> None:
    for text in (LEAK[:-60], LEAK.replace('"read"', '"rm"')):
        parts, reply = hear(wire, *leaky(wire, f"Look.\n{text}"))
        assert (reply.flaw, reply.calls, said(parts, TextPart)) == ("leaked", (), "Look.\n")
        raw = json.loads(encode_as(Request("m", "", (), (User("x"), reply)), wire, {}))["messages"][1]["content"]
        assert text in (raw if wire == "openai" else raw[0]["text"])
    cut = hear(wire, *leaky(wire, LEAK[:-60], "length"))[1]
    assert (cut.calls, cut.flaw) == ((), "")
    whole = hear(wire, *leaky(wire, LEAK, "length"))[1]
    assert whole.calls == ()


def test_markup_that_is_spoken_of_is_text() -> None:
    fenced = f"```\n{LEAK}\n```"
    parts, reply = hear("openai", *leaky("openai", fenced))
    assert (said(parts, TextPart), reply.flaw, reply.calls) == (fenced, "", ())
    asked = Request("m", "", (READ,), (User("What does <minimax:tool_call> do?"),))
    parts, reply = hear("openai", *leaky("openai", LEAK), request=asked)
    assert (said(parts, TextPart), reply.flaw, reply.calls) == (LEAK, "", ())


def test_markup_in_a_thought_without_a_call_is_a_flaw() -> None:
    assert hear("anthropic", *think(LEAK), *end())[1].flaw == "leaked"
    call = start(1, type="tool_use", id="c", name="read", input={})
    assert hear("anthropic", *think(LEAK), call, *end("tool_use"))[1].flaw == ""


def test_names_that_were_made_safe_come_back_as_ours() -> None:
    body = json.loads(encode_as(REQUEST, "openai", {}))
    safe = body["tools"][1]["function"]["name"]
    assert safe != "my.tool"
    parts, reply = hear("openai", chunk("tool_calls", tool_calls=[tool(0, "{}", "a", safe)]))
    assert reply.calls[0].name == "my.tool"
    assert parts == [CallPart(0, "my.tool", "{}")]
