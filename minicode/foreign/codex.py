"""Codex: one JSONL file a session, `{timestamp, type, payload}`, by date. Seen with 0.45 and 0.169; the records
of early versions, which have no payload, are told by the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from minicode.foreign.items import (
    IMAGES,
    OWN,
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

LABEL = "Codex"
_HEAD = 20
_ITEMS = frozenset(
    (
        *(
            "message",
            "reasoning",
            "function_call",
            "function_call_output",
            "custom_tool_call",
            "custom_tool_call_output",
        ),
        *("local_shell_call", "local_shell_call_output"),
    )
)
_OTHER_ITEMS = frozenset(
    (
        *("web_search_call", "ghost_snapshot", "compaction", "compaction_summary", "tool_search_call"),
        *("tool_search_output", "other", "image_generation_call", "additional_tools", "agent_message"),
    )
)
_OWN_KINDS = frozenset(
    (*("world_state", "token_usage_record", "inter_agent_communication", "event_msg", "turn_context"),)
)
# What it says to the model in the user's name; newer versions also say so in `content_item_kinds`.
_NOT_SAID = (
    *("<environment_context>", "<user_instructions>", "<INSTRUCTIONS>", "# AGENTS.md instructions", "<turn_aborted>"),
    *("<skill>", "<skills_instructions>", "<permissions instructions>", "<subagent_notification>"),
)


def roots(env: Mapping[str, str], home: Path, folder: Path) -> list[Path]:
    """Where it keeps the sessions of all folders."""
    top = Path(env["CODEX_HOME"]) if env.get("CODEX_HOME") else home / ".codex"
    return [top / "sessions", top / "archived_sessions"]


def session_at(path: Path) -> Path | None:
    """The session that a file is, if it is one of this program."""
    if not path.is_file():
        return None
    for record in islice(records(path, Left()), _HEAD):
        kind = string(record.get("type"))
        if kind == "session_meta" or (kind == "response_item" and "payload" in record):
            return path
        if kind in _ITEMS and "role" in record and "sessionId" not in record:
            return path
    return None


def about(path: Path) -> About:
    """What the head of the file tells."""
    known = About()
    for record in islice(records(path, Left()), _HEAD):
        known = known.with_(_about(record))
    return known.with_(About(session=path.stem))


def read(path: Path, left: Left) -> Iterator[Item]:
    """All of it but what the user took back."""
    for record in records(path, left):
        yield _about(record)
        kind, at = string(record.get("type")), stamp(record.get("timestamp"))
        payload = obj(record.get("payload"))
        if kind == "response_item":
            yield from _item(payload, at, left)
        elif kind in _ITEMS:
            yield from _item(record, at, left)
        elif kind == "compacted":
            yield Summed(string(payload.get("message")), at)
        elif kind == "event_msg" and payload.get("type") == "thread_rolled_back":
            turns = payload.get("num_turns")
            yield Undone(turns if isinstance(turns, int) else 0)
        elif kind != "session_meta":
            left[OWN if kind in _OWN_KINDS else UNKNOWN] += 1
    yield About(session=path.stem)


def _about(record: Json) -> About:
    payload = obj(record.get("payload"))
    match record.get("type"):
        case "session_meta":
            return About(*(string(payload.get(name)) for name in ("id", "cli_version", "cwd")))
        case "turn_context":
            return About(folder=string(payload.get("cwd")), model=string(payload.get("model")))
    return About()


def _item(item: Json, at: str, left: Left) -> Iterator[Item]:
    kind = string(item.get("type"))
    match kind:
        case "message":
            yield from _message(item, at, left)
        case "reasoning":
            parts = objects(item.get("content")) or objects(item.get("summary"))
            yield Thought("\n\n".join(string(part.get("text")) for part in parts), at)
        case "function_call":
            yield Called(string(item.get("call_id")), string(item.get("name")), string(item.get("arguments")), at)
        case "custom_tool_call":
            # A tool that takes plain text: as an object it needs a name for it.
            given = {"input": string(item.get("input"))}
            yield Called(string(item.get("call_id")), string(item.get("name")), given, at)
        case "local_shell_call":
            command = {"command": obj(item.get("action")).get("command")}
            yield Called(string(item.get("call_id") or item.get("id")), "shell", command, at)
        case "function_call_output" | "custom_tool_call_output" | "local_shell_call_output":
            yield _answer(item, at, left)
        case _:
            left["calls that its server answered" if kind.endswith("_call") else OWN] += kind in _OTHER_ITEMS
            left[UNKNOWN] += kind not in _OTHER_ITEMS


def _message(item: Json, at: str, left: Left) -> Iterator[Item]:
    text = words(item.get("content") or "", left)
    if item.get("role") == "assistant":
        yield Spoke(text, at)
    elif item.get("role") == "user" and _by_user(item, text):
        yield Said(text, at)
    else:
        left[TOLD] += 1


def _by_user(item: Json, text: str) -> bool:
    kinds = obj(item.get("internal_chat_message_metadata_passthrough")).get("content_item_kinds")
    if isinstance(kinds, list) and kinds and all(isinstance(kind, str) for kind in kinds):
        return any(kind.startswith("user.") or kind == "unknown" for kind in kinds)
    return not text.lstrip().startswith(_NOT_SAID)


def _answer(item: Json, at: str, left: Left) -> Answered:
    output: Any = item.get("output")
    failed = False
    if isinstance(output, dict):
        failed = output.get("success") is False
        output = output.get("content") or output.get("content_items") or ""
    images = left[IMAGES]
    text = words(output or "", left)
    if not text and left[IMAGES] == images and output:
        text = str(output)
    return Answered(string(item.get("call_id") or item.get("id")), text, failed, at)
