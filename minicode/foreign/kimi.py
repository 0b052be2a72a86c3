"""Kimi: a folder a session. Kimi Code (seen with 2.1) keeps `agents/main/wire.jsonl`; kimi-cli (seen with 1.44) keeps
`wire.jsonl`, all that was shown, and `context.jsonl`, which compaction cuts and which is read only
where there is no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from minicode.foreign.chat import message
from minicode.foreign.items import (
    OWN,
    SUBAGENTS,
    TOLD,
    UNKNOWN,
    About,
    Answered,
    Called,
    Item,
    Left,
    Said,
    Spoke,
    Summed,
    Thought,
    Undone,
    obj,
    objects,
    records,
    stamp,
    string,
    words,
)
from minicode.messages import Json
from minicode.model.compact import load

LABEL = "Kimi"
_NEW, _WIRE, _CONTEXT = "agents/main/wire.jsonl", "wire.jsonl", "context.jsonl"
_HEAD = 8
_SHOWN = frozenset(
    (
        *("TurnEnd", "StepBegin", "StepInterrupted", "StepRetry", "CompactionBegin", "CompactionEnd", "StatusUpdate"),
        *("Notification", "PlanDisplay", "ApprovalRequest", "ApprovalResponse", "ApprovalRequestResolved"),
        *("ToolCallRequest", "QuestionRequest", "HookTriggered", "HookResolved", "HookRequest", "MCPLoadingBegin"),
        *("MCPLoadingEnd", "MCPStatusSnapshot", "BtwBegin", "BtwEnd"),
    )
)
_OWN_ROOMS = (
    *("runtime.", "profile.", "permission.", "turn.", "agent.", "plugin.", "llm.", "usage.", "token_counting."),
    *("prompt.", "full_compaction.", "micro_compaction.", "context.", "mcp.", "goal.", "plan", "task", "config."),
    *("tool", "swarm", "interaction.", "session.", "metadata"),
)


def roots(env: Mapping[str, str], home: Path, folder: Path) -> list[Path]:
    """Where its versions keep the sessions; the older one under a digest of the folder."""
    new = Path(env["KIMI_CODE_HOME"]) if env.get("KIMI_CODE_HOME") else home / ".kimi-code"
    old = Path(env["KIMI_SHARE_DIR"]) if env.get("KIMI_SHARE_DIR") else home / ".kimi"
    return [new / "sessions", old / "sessions" / _digest(folder)]


def session_at(path: Path) -> Path | None:
    """The session's folder: `path` itself, or where it is a file that is told by its name or its records."""
    if path.is_file():
        if path.name not in (_WIRE, _CONTEXT):
            return None
        path = path.parent.parent.parent if path.parent.parent.name == "agents" else path.parent
    return path if any(_is_log(path / name) for name in (_NEW, _WIRE, _CONTEXT)) else None


def about(path: Path) -> About:
    state = _state(path)
    title = string(state.get("custom_title") or state.get("title"))
    return About(path.name, folder=string(state.get("cwd")) or _folder_of(path), title=title)


def read(path: Path, left: Left) -> Iterator[Item]:
    yield about(path)
    if (path / _NEW).is_file():
        left[SUBAGENTS] += sum(1 for other in path.glob("agents/*/wire.jsonl") if other.parent.name != "main")
        for record in records(path / _NEW, left):
            yield from _of_code(record, left)
    elif _is_log(path / _WIRE):
        for record in records(path / _WIRE, left):
            yield from _of_cli(record, left)
    else:
        for record in records(path / _CONTEXT, left):
            yield from message(record, left)


def _is_log(path: Path) -> bool:
    if not path.is_file():
        return False
    head = islice(records(path, Left()), _HEAD)
    return any("protocol_version" in r or "message" in r or "role" in r for r in head)


def _of_code(record: Json, left: Left) -> Iterator[Item]:
    """A record of Kimi Code."""
    kind, at = string(record.get("type")), stamp(record.get("time"))
    match kind:
        case "context.append_message":
            yield from _appended(obj(record.get("message")), at, left)
        case "context.append_loop_event":
            yield from _happened(obj(record.get("event")), at, left)
        case "context.apply_compaction":
            yield Summed(string(record.get("summary") or record.get("contextSummary")), at)
        case "context.undo":
            count = record.get("count")
            yield Undone(count if isinstance(count, int) else 0)
        case "profile.bind":
            yield About(model=string(record.get("modelAlias")))
        case _:
            left[OWN if kind.startswith(_OWN_ROOMS) else UNKNOWN] += 1


def _appended(told: Json, at: str, left: Left) -> Iterator[Item]:
    origin = obj(told.get("origin")).get("kind", "user")
    if told.get("role") == "user" and origin in ("user", "skill_activation", "plugin_command", "shell_command"):
        yield Said(words(told.get("content"), left), at)
    else:
        left[TOLD] += 1


def _happened(event: Json, at: str, left: Left) -> Iterator[Item]:
    reply = string(event.get("stepUuid"))
    match event.get("type"):
        case "content.part":
            yield from _part(obj(event.get("part")), at, reply, left)
        case "tool.call":
            arguments = obj(event.get("args"))
            yield Called(string(event.get("toolCallId")), string(event.get("name")), arguments, at, reply)
        case "tool.result":
            result = obj(event.get("result"))
            told = words(result.get("output") or "", left)
            yield Answered(string(event.get("toolCallId")), told, result.get("isError") is True, at)
        case "step.begin" | "step.end":
            left[OWN] += 1
        case _:
            left[UNKNOWN] += 1


def _of_cli(record: Json, left: Left) -> Iterator[Item]:
    """A record of kimi-cli."""
    told, at = obj(record.get("message")), stamp(record.get("timestamp"))
    payload = obj(told.get("payload"))
    match told.get("type"):
        case "TurnBegin" | "SteerInput":
            yield Said(words(payload.get("user_input"), left), at)
        case "ContentPart":
            yield from _part(payload, at, "", left)
        case "ToolCall":
            function = obj(payload.get("function"))
            arguments = string(function.get("arguments"))
            yield Called(string(payload.get("id")), string(function.get("name")), arguments, at)
        case "ToolResult":
            value = obj(payload.get("return_value"))
            # What it says of a result and the output itself: the model was told both.
            both = (string(value.get("message")), words(value.get("output") or "", left))
            text = "\n".join(filter(None, both))
            yield Answered(string(payload.get("tool_call_id")), text, value.get("is_error") is True, at)
        case "SubagentEvent":
            left[SUBAGENTS] += 1
        case kind:
            left[OWN if string(kind) in _SHOWN or "protocol_version" in record else UNKNOWN] += 1


def _part(part: Json, at: str, reply: str, left: Left) -> Iterator[Item]:
    if part.get("type") == "think":
        yield Thought(string(part.get("think")), at, reply)
    else:
        yield Spoke(words(part, left), at, reply)


def _state(path: Path) -> Json:
    with suppress(OSError, ValueError):
        return obj(load((path / "state.json").read_text("utf-8")))
    return {}


def _folder_of(path: Path) -> str:
    """kimi-cli keeps only a digest of the folder in the path, and beside all sessions the list of folders."""
    with suppress(OSError, ValueError):
        known = objects(obj(load((path.parent.parent.parent / "kimi.json").read_text("utf-8"))).get("work_dirs"))
        folders = [string(one.get("path")) for one in known]
        return next((folder for folder in folders if _digest(Path(folder)) == path.parent.name), "")
    return ""


def _digest(folder: Path) -> str:
    return hashlib.md5(str(folder).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
