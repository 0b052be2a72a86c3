"""The rehearsal refuses what M2's endpoint refuses, in its words, and thoughts that did not come back unchanged."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from minicode.lab.rehearsal import Call, Do, Fault, Rehearsal, Say, Script, Shape, Step, Think, steps

USER = {"role": "user", "content": "Go."}
ROUND = (Think("Look first."), Say("Looking."), Call("sh", {"command": "a"}), Call("sh", {"command": "b"}))


def use(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": i, "name": "sh", "input": {}} for i in ids]}


def got(*ids: str, text: Any = "ok") -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": text} for i in ids]}


def called(*ids: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    calls = [{"id": i, "type": "function", "function": {"name": "sh", "arguments": arguments}} for i in ids]
    return {"role": "assistant", "tool_calls": calls} | more


def told(id_: str, text: str = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": text}


NOT_FOLLOWING = "tool call result does not follow tool call"
IMAGE = {"type": "image", "source": {}}
ANTHROPIC: list[tuple[str, Any, str]] = [
    ("no messages", {"messages": []}, "messages must not be empty"),
    ("assistant only", {"messages": [use("x")]}, "invalid chat setting"),
    ("unknown id", {"messages": [USER, got("x")]}, "tool result's tool id(x) not found"),
    ("late result", {"messages": [USER, use("x"), got("x"), USER, got("x")]}, NOT_FOLLOWING),
    ("missing", {"messages": [USER, use("x", "y"), got("x")]}, NOT_FOLLOWING),
    ("none at all", {"messages": [USER, use("x"), USER]}, NOT_FOLLOWING),
    ("duplicate", {"messages": [USER, use("x", "y"), got("x", "x")]}, NOT_FOLLOWING),
    ("order", {"messages": [USER, use("x", "y"), got("y", "x")]}, NOT_FOLLOWING),
    (
        "text before",
        {
            "messages": [
                USER,
                use("x"),
                {"role": "user", "content": [{"type": "text", "text": "a"}, *got("x")["content"]]},
            ]
        },
        NOT_FOLLOWING,
    ),
    ("empty text", {"messages": [{"role": "user", "content": ""}]}, "chat content is empty"),
    (
        "empty block",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
        "chat content is empty",
    ),
    ("empty result", {"messages": [USER, use("x"), got("x", text="")]}, "chat content is empty"),
    ("image", {"messages": [{"role": "user", "content": [IMAGE]}]}, "chat content is empty"),
    ("image in result", {"messages": [USER, use("x"), got("x", text=[IMAGE])]}, "chat content is empty"),
    (
        "system inside",
        {"messages": [USER, {"role": "system", "content": "a"}]},
        "chat content has invalid message role: system",
    ),
    (
        "input no object",
        {
            "messages": [
                USER,
                {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "sh", "input": "a"}]},
                got("x"),
            ]
        },
        "invalid function arguments json string, tool_call_id: x",
    ),
    ("empty schema", {"tools": [{"name": "a", "input_schema": {}}]}, "function name or parameters is empty"),
    (
        "no tool name",
        {"tools": [{"name": "", "input_schema": {"type": "object", "properties": {}}}]},
        "function name or parameters is empty",
    ),
    ("cold", {"temperature": 0}, "invalid params"),
    ("hot", {"temperature": 1.5}, "invalid params"),
    ("no limit", {"max_tokens": None}, "invalid params"),
    ("output_config", {"output_config": {}}, "invalid params"),
    ("half a pair", {"messages": [{"role": "user", "content": "\ud83d"}]}, "invalid params"),
    ("odd content", {"messages": [{"role": "user", "content": 5}]}, "invalid params"),
    ("odd message", {"messages": ["hello"]}, "invalid params"),
]
OPENAI: list[tuple[str, Any, str]] = [
    (
        "two systems",
        {"messages": [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER]},
        "invalid chat setting",
    ),
    (
        "late system",
        {"messages": [USER, {"role": "system", "content": "a"}]},
        "chat content has invalid message role: system",
    ),
    ("empty call text", {"messages": [USER, called("x", content=""), told("x")]}, "chat content is empty"),
    ("empty result", {"messages": [USER, called("x"), told("x", "")]}, "chat content is empty"),
    ("unknown id", {"messages": [USER, told("x")]}, "tool result's tool id(x) not found"),
    ("user between", {"messages": [USER, called("x"), USER, told("x")]}, NOT_FOLLOWING),
    ("missing", {"messages": [USER, called("x", "y"), told("x")]}, NOT_FOLLOWING),
    ("order", {"messages": [USER, called("x", "y"), told("y"), told("x")]}, NOT_FOLLOWING),
    (
        "broken json",
        {"messages": [USER, called("x", arguments="{'a'"), told("x")]},
        "invalid function arguments json string, tool_call_id: x",
    ),
    (
        "json no object",
        {"messages": [USER, called("x", arguments="[]"), told("x")]},
        "invalid function arguments json string, tool_call_id: x",
    ),
    ("tool type", {"tools": [{"type": "web", "name": "a"}]}, "invalid tool type: web"),
    (
        "empty parameters",
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": {}}}]},
        "function name or parameters is empty",
    ),
    ("json_schema", {"response_format": {"type": "json_schema"}}, "invalid params"),
    ("n", {"n": 2}, "invalid params"),
]


@pytest.mark.parametrize(
    ("surface", "more", "sub"),
    [("anthropic", more, sub) for _, more, sub in ANTHROPIC] + [("openai", more, sub) for _, more, sub in OPENAI],
    ids=[f"anthropic {n}" for n, _, _ in ANTHROPIC] + [f"openai {n}" for n, _, _ in OPENAI],
)
def test_refused_as_the_real_one_does(client: Any, surface: str, more: Any, sub: str) -> None:
    with Rehearsal(steps(Say("hi"))) as server:
        status, body = client(server.url, surface).send(**more)
    error = json.loads(body)["error"]
    said = sub if sub == "invalid params" else f"invalid params, {sub}"
    assert (status, error["message"]) == (400, f"{said} (2013)")
    assert error["type"] == ("invalid_request_error" if surface == "anthropic" else "bad_request_error")
    assert error.get("http_code") == (None if surface == "anthropic" else "400")
    assert server.played == 0 and len(server.failures) == 1 and sub in server.failures[0]


def test_bytes_that_are_no_json(client: Any) -> None:
    with Rehearsal(steps(Say("hi"))) as server:
        one = client(server.url)
        for raw in (b"", b"[1]", b"{", b'{"a": "\xff"}'):
            assert one.send(raw=raw)[0] == 400
    assert len(server.failures) == 4 and "not UTF-8 at byte 7" in server.failures[3]


def test_sound_histories_are_accepted(client: Any) -> None:
    sound = {
        "anthropic": [
            [USER, use("x", "y"), got("x", "y"), USER],
            [USER, use("x", "y"), got("x"), got("y")],
            [USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "from elsewhere"}]}, USER],
        ],
        "openai": [
            [{"role": "system", "content": "a"}, USER, called("x", "y"), told("x"), told("y"), USER],
            [USER, called("x", content=None, reasoning_content="from elsewhere"), told("x")],
        ],
    }
    for surface, histories in sound.items():
        for history in histories:
            with Rehearsal(steps(Say("hi"))) as server:
                assert client(server.url, surface).send(messages=history)[0] == 200, server.failures


def test_the_window(client: Any) -> None:
    with Rehearsal(Script((Step((Say("hi"),)),), window=500)) as server:
        status, body = client(server.url).send(messages=[{"role": "user", "content": "x" * 4000}])
        assert status == 400 and b"context window exceeds limit (2013)" in body
        assert client(server.url).send()[0] == 200


def mutations(surface: str) -> list[tuple[str, Any]]:
    """What may happen to a reply on its way back."""
    if surface == "anthropic":
        return [
            ("dropped", lambda m: m["content"].pop(0)),
            ("trimmed", lambda m: m["content"][0].update(thinking="Look first")),
            ("signature", lambda m: m["content"][0].pop("signature")),
            ("moved", lambda m: m["content"].append(m["content"].pop(0))),
            ("doubled", lambda m: m["content"].insert(0, dict(m["content"][0]))),
        ]
    return [
        ("dropped", lambda m: (m.pop("reasoning_details"), m.pop("reasoning_content"))),
        ("trimmed", lambda m: m["reasoning_details"][0].update(text="Look first")),
        ("form", lambda m: m["reasoning_details"][0].pop("format")),
        ("field", lambda m: m.pop("reasoning_details")),
    ]


@pytest.mark.parametrize("surface", ["anthropic", "openai"])
def test_thoughts_must_come_back_unchanged(client: Any, surface: str) -> None:
    script = steps(ROUND, (Think("And again."), Say("Done.")), Say("Never."))
    for name, mutate in mutations(surface):
        with Rehearsal(script) as server:
            one = client(server.url, surface)
            one.ask()
            one.answer_calls()
            one.ask()
            one.history.append(USER)
            changed = copy.deepcopy(one.history)
            mutate(changed[1])
            status, body = one.send(messages=changed)
            assert status == 400 and b"thinking must come back unchanged (2013)" in body, name
            assert "message 1" in server.failures[0] and "thought" in server.failures[0]
            assert one.send()[0] == 200


def test_a_thought_beside_mere_text_is_remembered_too(client: Any) -> None:
    with Rehearsal(steps((Think("hm"), Say("Yes.")), Say("Never."))) as server:
        one = client(server.url)
        one.ask()
        one.history.append(USER)
        one.history[1]["content"].pop(0)
        assert one.send()[0] == 400
        assert "did not come back" in server.failures[0]


@pytest.mark.parametrize("way", ["reasoning_content", "reasoning", "tags", "untagged"])
def test_openai_thoughts_come_back_where_they_were(client: Any, way: Any) -> None:
    script = Script((Step(ROUND), Step((Say("ok"),))), shape=Shape(reasoning=way))
    with Rehearsal(script) as server:
        one = client(server.url, "openai")
        one.ask()
        one.answer_calls()
        changed = copy.deepcopy(one.history)
        if way.startswith("reasoning"):
            changed[1]["reasoning_details"] = [{"text": changed[1].pop(way)}]
        else:
            changed[1]["content"] = changed[1]["content"].rpartition("</think>\n\n")[2]
        assert one.send(messages=changed)[0] == 400
        assert one.send()[0] == 200


def test_strictness_can_be_switched(client: Any) -> None:
    for options, stripped, changed in (
        ({"strict_signatures": False}, 200, 400),
        ({"strict_thinking": False}, 200, 200),
    ):
        with Rehearsal(Script((Step(ROUND),), after="repeat", **options)) as server:
            one = client(server.url)
            one.ask()
            one.answer_calls()
            one.history[1]["content"][0].pop("signature")
            assert one.send()[0] == stripped
            one.history[1]["content"][0]["thinking"] = "else"
            assert one.send()[0] == changed


def test_branches_and_conversations_are_told_apart(client: Any) -> None:
    first, second = (Think("one"), Say("Same.")), (Think("two"), Say("Same."))
    with Rehearsal(steps(first, second, Say("a"), Say("b"))) as server:
        one, other = client(server.url), client(server.url)
        other.history = [{"role": "user", "content": "Something else."}]
        one.ask()
        other.ask()
        one.history.append(USER)
        other.history.append(USER)
        swapped = [one.history[0], other.history[1], USER]
        assert one.send(messages=swapped)[0] == 400
        one.ask()
        other.ask()
    assert len(server.failures) == 1


def test_a_reply_that_never_arrived_whole_need_not_come_back(client: Any) -> None:
    cut = Step((Think("lost"), Say("Same.")), fault=Fault(cut=600))
    with Rehearsal(Script((cut, Step((Think("kept"), Say("Same."))), Step((Say("end"),))))) as server:
        one = client(server.url)
        with pytest.raises(Exception, match="IncompleteRead"):
            one.send(stream=True)
        one.connection.close()
        one.ask()
        one.history.append(USER)
        one.ask()
    assert not server.failures


def test_a_conversation_may_change_surfaces(client: Any) -> None:
    script = Script((Step((Think("hm"), Do("shell", {"command": "a"}))),), after="repeat")
    with Rehearsal(script) as server:
        one, other = client(server.url), client(server.url, "openai")
        _, _, call = [None, *one.ask()["content"]]
        back = called(call["id"], arguments=json.dumps(call["input"]), reasoning_content="hm")
        other.history += [back, told(call["id"])]
        assert other.send()[0] == 200
        back["reasoning_content"] = "h"
        assert other.send()[0] == 400
