"""A client of the rehearsal server in the standard library's words."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

SHELL = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
ANTHROPIC, OPENAI = "/anthropic/v1/messages", "/v1/chat/completions"


class Client:
    """One kept-alive connection. `history` grows by hand, as a client's would."""

    def __init__(self, url: str, surface: str = "anthropic", **options: Any) -> None:
        self.path = ANTHROPIC if surface == "anthropic" else OPENAI
        self.surface = surface
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        self.history: list[dict[str, Any]] = [{"role": "user", "content": "Go."}]
        if surface == "anthropic":
            tools = [{"name": "sh", "description": "", "input_schema": SHELL}]
            self.options = {"model": "MiniMax-M2", "max_tokens": 100, "tools": tools} | options
        else:
            function = {"name": "sh", "description": "", "parameters": SHELL}
            tools = [{"type": "function", "function": function}]
            self.options = {"model": "MiniMax-M2", "tools": tools, "reasoning_split": True} | options

    def send(self, path: str = "", *, raw: bytes | None = None, headers: Any = None, **more: Any) -> tuple[int, bytes]:
        body = json.dumps(self.options | {"messages": self.history} | more).encode() if raw is None else raw
        self.connection.request("POST", path or self.path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def ask(self, **more: Any) -> dict[str, Any]:
        """The reply as a plain message, appended to the history as it came."""
        status, body = self.send(**more)
        assert status == 200, body
        data = json.loads(body)
        if self.surface == "anthropic":
            message = {"role": "assistant", "content": data["content"]}
        else:
            message = data["choices"][0]["message"]
        self.history.append(message)
        return data

    def result(self, id_: str, text: str) -> None:
        if self.surface == "anthropic":
            block = {"type": "tool_result", "tool_use_id": id_, "content": text}
            self.history.append({"role": "user", "content": [block]})
        else:
            self.history.append({"role": "tool", "tool_call_id": id_, "content": text})

    def answer_calls(self, text: str = "ok") -> None:
        last = self.history[-1]
        if self.surface == "anthropic":
            ids = [b["id"] for b in last["content"] if b["type"] == "tool_use"]
            blocks = [{"type": "tool_result", "tool_use_id": i, "content": text} for i in ids]
            self.history.append({"role": "user", "content": blocks})
        else:
            self.history += [{"role": "tool", "tool_call_id": c["id"], "content": text} for c in last["tool_calls"]]


@pytest.fixture
def client() -> Iterator[Any]:
    """client(url, surface="anthropic", **options) → Client, closed at the end."""
    made: list[Client] = []

    def make(url: str, surface: str = "anthropic", **options: Any) -> Client:
        made.append(Client(url, surface, **options))
        return made[-1]

    yield make
    for one in made:
        one.connection.close()


@pytest.fixture
def events() -> Any:
    """events(body) → the data of each SSE event, in LF, CRLF or CR."""

    def read(body: bytes) -> list[Any]:
        text = body.decode().replace("\r\n", "\n").replace("\r", "\n")
        rows = [line[5:].lstrip() for line in text.split("\n") if line.startswith("data:")]
        return [row if row == "[DONE]" else json.loads(row) for row in rows]

    return read
