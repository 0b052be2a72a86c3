"""How M2 would see a conversation of ours: its own chat template, asked at a real server."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

from minicode.messages import Call, Message, Reply, Request, Results, Text, Thinking, ToolResult, ToolSpec, User
from minicode.model.wires import encode_as

ROUNDS = 5
LOOK = ToolSpec("look", "Look at a thing.", {"type": "object", "properties": {"thing": {"type": "string"}}})


def conversation() -> Iterator[Message]:
    """A finished turn, then a running one of five rounds with two calls each."""
    yield User("What is here?")
    yield Reply((Thinking("OLD-THOUGHT"), Text("A folder.")), wire="openai")
    yield User("Look at everything.")
    for n in range(ROUNDS):
        calls = tuple(Call(f"call_{n}_{i}", "look", {"thing": f"thing {n}.{i}"}) for i in range(2))
        yield Reply((Thinking(f"THOUGHT-{n}"), Text(f"TEXT-{n}"), *calls), stop="tool_use", wire="openai")
        yield Results(tuple(ToolResult(call.id, "look", f"RESULT-{n}-{i}") for i, call in enumerate(calls)))


def test_every_thought_of_the_running_turn_reaches_m2(template_url: str) -> None:
    request = Request("m2", "You look at things.", (LOOK,), tuple(conversation()))
    body = json.loads(encode_as(request, "openai", {"split": True, "thoughts": "reasoning_content"}))
    asked = urllib.request.Request(
        f"{template_url}/apply-template",
        json.dumps({"messages": body["messages"], "tools": body["tools"]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        prompt = json.load(answer)["prompt"]
    print(prompt)
    places = [
        prompt.index(word)
        for n in range(ROUNDS)
        for word in (
            f"<think>\nTHOUGHT-{n}\n</think>",
            f"TEXT-{n}",
            f"thing {n}.0",
            f"thing {n}.1",
            f"RESULT-{n}-0",
            f"RESULT-{n}-1",
        )
    ]
    assert places == sorted(places)
    assert "OLD-THOUGHT" not in prompt  # the template's own rule: what came before the last user message is not shown
    assert prompt.rstrip().endswith("<think>")
