"""What M2's endpoint refuses, in its own words. Everything here answers HTTP 400 with code 2013."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from minicode.lab.rehearsal import anthropic, openai
from minicode.lab.rehearsal.conversation import Asked, Json, Refusal, Turn

EMPTY = "chat content is empty"
NO_MESSAGES = "messages must not be empty"
NOT_FOLLOWING = "tool call result does not follow tool call"
BAD_ARGUMENTS = "invalid function arguments json string, tool_call_id: {}"


def parse(raw: bytes) -> Json:
    """The body as an object of well-formed Unicode. Raises Refusal."""
    try:
        body = json.loads(raw.decode("utf-8"))
        if rb"\ud" in raw.lower():  # only an escape can smuggle in half of a pair
            json.dumps(body, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("invalid params", f"the body is not UTF-8 at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise Refusal("invalid params", "the body has half of a surrogate pair") from error
    except ValueError as error:
        raise Refusal("invalid params", f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal("invalid params", "the body is not an object")
    return body


def understand(surface: str, body: Json) -> Asked:
    """Read and check a request. Raises Refusal."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(NO_MESSAGES)
    _parameters(surface, body)
    asked = anthropic.read(body) if surface == "anthropic" else openai.read(body)
    _tools(asked)
    _roles(asked)
    for turn in asked.turns:
        (_anthropic_content if surface == "anthropic" else _openai_content)(turn)
    _pairs(asked.turns)
    return asked


def _parameters(surface: str, body: Mapping[str, Any]) -> None:
    def number(name: str, fine: Callable[[float], bool], rule: str) -> None:
        value = body.get(name)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not fine(value):
            raise Refusal("invalid params", f"{name} is {value!r}, not {rule}")

    if not isinstance(body.get("model"), str) or not body["model"]:
        raise Refusal("invalid params", "model is missing")
    for name in ("temperature", "top_p"):
        number(name, lambda v: 0 < v <= 1, "in (0, 1]")
    for name in ("max_tokens", "max_completion_tokens"):
        number(name, lambda v: v >= 1 and v == int(v), "a positive whole number")
    number("n", lambda v: v == 1, "1")
    if surface == "anthropic" and body.get("max_tokens") is None:
        raise Refusal("invalid params", "max_tokens is missing")
    if "output_config" in body:
        raise Refusal("invalid params", "output_config is not supported")
    form = body.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_schema":
        raise Refusal("invalid params", "response_format json_schema is not supported")


def _tools(asked: Asked) -> None:
    for number, tool in enumerate(asked.tools):
        fine = tool.schema.get("type") == "object" and isinstance(tool.schema.get("properties"), dict)
        if not tool.name or not fine:
            name = tool.name or f"number {number}"
            raise Refusal("function name or parameters is empty", f"tool {name} needs an object schema with properties")


def _roles(asked: Asked) -> None:
    roles = [turn.role for turn in asked.turns]
    known = {"user", "assistant"} if asked.surface == "anthropic" else {"system", "user", "assistant", "tool"}
    if asked.surface == "openai" and roles.count("system") > 1:
        raise Refusal("invalid chat setting", "more than one system message")
    for number, role in enumerate(roles):
        if role not in known or (role == "system" and number):
            raise Refusal(f"chat content has invalid message role: {role}", f"message {number}")
    if "user" not in roles:
        raise Refusal("invalid chat setting", "no user message")


def _anthropic_content(turn: Turn) -> None:
    found = anthropic.blocks(turn.raw.get("content") or [])
    if not found:
        raise Refusal(EMPTY, f"a message of the {turn.role}")
    allowed = {"user": {"text", "tool_result"}, "assistant": {"text", "tool_use", "thinking"}}[turn.role]
    for block in found:
        kind = block.get("type")
        if kind in ("image", "document"):
            raise Refusal(EMPTY, f"M2 takes no {kind}")
        if kind not in allowed:
            raise Refusal("invalid params", f"a block of type {kind!r} in a message of the {turn.role}")
        if kind == "text" and not block.get("text"):
            raise Refusal(EMPTY, f"a text block of the {turn.role}")
        if kind == "tool_use":
            if not block.get("name") or not isinstance(block.get("id"), str):
                raise Refusal("function name or parameters is empty", "a tool_use needs name and id")
            if not isinstance(block.get("input"), dict):
                raise Refusal(BAD_ARGUMENTS.format(block.get("id")))
        if kind == "tool_result":
            inner = anthropic.blocks(block.get("content") or [])
            if any(i.get("type") != "text" or not i.get("text") for i in inner) or not inner:
                raise Refusal(EMPTY, f"the result of {block.get('tool_use_id')}")


def _openai_content(turn: Turn) -> None:
    content = turn.raw.get("content")
    parts = anthropic.blocks(content) if content is not None else []
    if any(p.get("type") != "text" for p in parts):
        raise Refusal(EMPTY, "M2 takes text only")
    reasoned = any(turn.raw.get(k) for k in ("reasoning_details", "reasoning_content", "reasoning"))
    bare_call = turn.role == "assistant" and content is None and (turn.calls or reasoned)
    if not bare_call and not "".join(str(p.get("text", "")) for p in parts):
        raise Refusal(EMPTY, f"a message of the {turn.role}")
    for call in turn.raw.get("tool_calls") or ():
        function = call.get("function") or {}
        if not function.get("name"):
            raise Refusal("function name or parameters is empty", "a tool call has no name")
        try:
            fine = isinstance(json.loads(function["arguments"]), dict)
        except (KeyError, TypeError, ValueError):
            fine = False
        if not fine:
            raise Refusal(BAD_ARGUMENTS.format(call.get("id")))


def _pairs(turns: tuple[Turn, ...]) -> None:
    """Every call has one result, at once, in order; every result has its call."""
    waiting: list[str] = []
    known: set[str] = set()
    for number, turn in enumerate(turns):
        for id_, _ in turn.results:
            if id_ not in known:
                raise Refusal(f"tool result's tool id({id_}) not found", f"message {number}")
            if not waiting or waiting[0] != id_:
                wanted = f"the result of {waiting[0]} was due" if waiting else "no result was due"
                raise Refusal(NOT_FOLLOWING, f"message {number} has the result of {id_} where {wanted}")
            waiting.pop(0)
        if turn.results and not turn.before:
            raise Refusal(NOT_FOLLOWING, f"message {number} has text before its results")
        if waiting and not (turn.results and not turn.text):
            raise Refusal(NOT_FOLLOWING, f"message {number} comes where the result of {waiting[0]} was due")
        waiting = [*waiting, *turn.calls]
        known.update(turn.calls)
    if waiting:
        raise Refusal(NOT_FOLLOWING, f"the result of {waiting[0]} is missing at the end")
