"""Calls that M2 wrote as markup because a server failed to read them: found, typed by the tool's schema, believed only
if whole and meant for a tool that was offered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from minicode.messages import Call, Json, ToolSpec
from minicode.model.arguments import read as read_arguments
from minicode.model.compact import too_deep
from minicode.model.deltas import new_call_id
from minicode.model.schema import NAMESPACE

READ_FROM_TEXT = "read from tool-call markup in the text"

_WRAPPER_OPEN = re.compile(r"\s*<(minimax:tool_call|tool_calls|tool_call|function_calls)>")
_WRAPPER_CLOSE = re.compile(r"\s*</(?:minimax:tool_call|tool_calls|tool_call|function_calls)>")
_INVOKE = re.compile(r"""\s*<(?:invoke\s+name=|function=)(?:"([^"]*)"|'([^']*)'|([^\s>]+))\s*>""")
_INVOKE_END = re.compile(r"\s*</(?:invoke|function)>")
_PARAMETER = re.compile(r"""\s*<parameter(?:\s+name=|=)(?:"([^"]*)"|'([^']*)'|([^\s>]+))\s*>""")
# A value ends where the next structure follows: a closing tag inside file content is not its end.
_VALUE_END = re.compile(r"</parameter>(?=\s*(?:<parameter(?:\s+name=|=)|</(?:invoke|function)>))")
_UNCLOSED_END = re.compile(r"(?=\s*<parameter(?:\s+name=|=))|(?=\s*</(?:invoke|function)>)")
_FRAGMENT = re.compile(r"<(?:invoke\s+name=|function=).*?</(?:invoke|function)>|\{[^{}]*\"name\".*\}", re.DOTALL)
_NUMBERED = re.compile(r"^\s*(?:[^\s:]+:)?\d+[\t:-]", re.MULTILINE)  # as tools print lines


def read(markup: str, tools: Mapping[str, ToolSpec]) -> tuple[list[Call], str] | None:
    """The calls in `markup` and the text that stood between and after them.

    None if any of it is incomplete, is no call, or names a tool that is not in `tools`: then nothing may be run.
    """
    calls: list[Call] = []
    between: list[str] = []
    at = 0
    while at < len(markup):
        opened = _WRAPPER_OPEN.match(markup, at)
        if opened:
            found = _wrapped(markup, opened.end(), tools)
        elif _INVOKE.match(markup, at):
            found = _invokes(markup, at, tools)
        else:
            next_tag = markup.find("<", at + 1)
            end = next_tag if next_tag >= 0 else len(markup)
            between.append(markup[at:end])
            at = end
            continue
        if found is None or not found[0]:
            return None
        calls.extend(found[0])
        at = found[1]
    text = "".join(between)
    numbered = [
        Call(new_call_id(n), call.name, call.arguments, repairs=call.repairs) for n, call in enumerate(calls, 1)
    ]
    return (numbered, text if text.strip() else "") if numbered else None


def echoes(markup: str, heard: Iterable[str]) -> bool:
    """Does any call in `markup` stand word for word in what M2 was told? Then it quotes, and a file that it quotes may
    have been made to be quoted."""
    calls = [_without_blanks(fragment) for fragment in _FRAGMENT.findall(markup)]
    return bool(calls) and any(
        call in told for told in (_without_blanks(_NUMBERED.sub("", text)) for text in heard) for call in calls
    )


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _tool(name: str, tools: Mapping[str, ToolSpec]) -> ToolSpec | None:
    """The tool of that name, whatever its case, and whatever other templates put before it."""
    bare = NAMESPACE.sub("", name.strip())
    same = [tool for known, tool in tools.items() if known.lower() == bare.lower()]
    return tools.get(bare) or (same[0] if len(same) == 1 else None)


def _wrapped(markup: str, at: int, tools: Mapping[str, ToolSpec]) -> tuple[list[Call], int] | None:
    found = _invokes(markup, at, tools) if _INVOKE.match(markup, at) else _json_calls(markup, at, tools)
    if found is None:
        return None
    calls, at = found
    closed = _WRAPPER_CLOSE.match(markup, at)
    if closed:
        return calls, closed.end()
    # Some servers swallow the outer closing tag; what was inside is whole all the same.
    return (calls, at) if not markup[at:].strip() else None


def _invokes(markup: str, at: int, tools: Mapping[str, ToolSpec]) -> tuple[list[Call], int] | None:
    calls: list[Call] = []
    while opened := _INVOKE.match(markup, at):
        tool = _tool(_name(opened), tools)
        if tool is None:
            return None
        body = _parameters(markup, opened.end(), tool)
        if body is None:
            return None
        arguments, repairs, at = body
        calls.append(Call("", tool.name, arguments, repairs=(READ_FROM_TEXT, *repairs)))
    return calls, at


def _parameters(markup: str, at: int, tool: ToolSpec) -> tuple[Json, tuple[str, ...], int] | None:
    properties: Mapping[str, Any] = tool.schema.get("properties") or {}
    required = tool.schema.get("required") or ()
    arguments: Json = {}
    repairs: list[str] = []
    while opened := _PARAMETER.match(markup, at):
        name = _name(opened)
        value, at = _value(markup, opened.end(), properties)
        if at < 0:
            return None
        if "</parameter>" in value:
            repairs.append(f"the value of {name} contains </parameter> and may have been cut there")
        typed = _typed(value, properties.get(name))
        if name and not (typed is None and name not in required):
            arguments[name] = value if typed is None else typed
    closed = _INVOKE_END.match(markup, at)
    return (arguments, tuple(repairs), closed.end()) if closed else None


def _value(markup: str, start: int, properties: Mapping[str, Any]) -> tuple[str, int]:
    """A raw value and where it ends; -1 if it does not end."""
    end = _VALUE_END.search(markup, start)
    stop, after = (end.start(), end.end()) if end else (-1, -1)
    # A value that lost its closing tag would swallow the parameter after it.
    for inner in _PARAMETER.finditer(markup, start, stop if end else len(markup)):
        if _name(inner) in properties and "</parameter>" not in markup[start : inner.start()]:
            return _bare(markup[start : inner.start()]), inner.start()
    if end:
        value = markup[start:stop]
        # On lines of its own, or as it is: then a newline at its end is the last one of a file.
        return _bare(value) if value.startswith("\n") else value, after
    unclosed = _UNCLOSED_END.search(markup, start)
    return (_bare(markup[start : unclosed.start()]), unclosed.start()) if unclosed else ("", -1)


def _bare(value: str) -> str:
    """Without the line ends of the markup around it."""
    return value.removeprefix("\n").removesuffix("\n")


def _name(match: re.Match[str]) -> str:
    return match.group(1) or match.group(2) or match.group(3) or ""


def _typed(value: str, schema: Any) -> Any:
    """By MiniMax's reference rules, but keeping the blanks of strings. None for a null."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    bare = value.strip()
    if bare.lower() == "null":
        return None
    try:
        match kind:
            case "integer":
                return int(bare)
            case "number":
                number = float(bare)
                return int(number) if number.is_integer() else number
            case "boolean":
                return bare.lower() in ("true", "1")
            case "object" | "array":
                parsed = json.loads(bare, strict=False)
                return value if too_deep(parsed) else parsed
            case _:
                return value
    except (ValueError, OverflowError, RecursionError):
        return value


def _json_calls(markup: str, at: int, tools: Mapping[str, ToolSpec]) -> tuple[list[Call], int] | None:
    """The older form: one JSON object with `name` and `arguments` a line."""
    decoder = json.JSONDecoder(strict=False)
    calls: list[Call] = []
    while True:
        while at < len(markup) and markup[at].isspace():
            at += 1
        if markup[at : at + 1] != "{":
            return calls, at
        try:
            value, at = decoder.raw_decode(markup, at)
        except (ValueError, RecursionError):
            return None
        arguments = value.get("arguments", value.get("parameters", {}))
        if isinstance(arguments, str):
            arguments = read_arguments(arguments)[0]
        tool = _tool(str(value.get("name")), tools)
        if tool is None or not isinstance(arguments, dict) or too_deep(arguments):
            return None
        calls.append(Call("", tool.name, arguments, repairs=(READ_FROM_TEXT,)))
