"""Claude Code: one JSONL file a session, a tree of records by `uuid` and `parentUuid`.

Seen with 1.0 and 2.1: each block of a reply is a record of its own (same `message.id`), and the results of parallel
calls hang below the call they answer, so that the way from the leaf to the root misses all but one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from minicode.foreign.items import (
    BRANCHES,
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
    obj,
    objects,
    records,
    stamp,
    string,
    words,
)
from minicode.messages import Json

LABEL = "Claude Code"
_SYNTHETIC = "<synthetic>"
_HEAD = 40  # lines among which the first record of a conversation is
_KNOWN = frozenset(
    (
        *("summary", "system", "attachment", "progress", "mode", "last-prompt", "queue-operation"),
        *("file-history-snapshot", "ai-title", "custom-title", "agent-name", "tag", "pr-link", "permission-mode"),
        *("bridge-session", "content-replacement", "task-summary", "worktree-state"),
    )
)
_START, _END = "<system-reminder>", "</system-reminder>"
_REMINDER = re.compile(rf"{_START}.*?{_END}\s*", re.DOTALL)
_COMMAND = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_COMMAND_ARGS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)
# Commands to the program, which the model never heard; others are prompts that the user wrote.
_CLIENT = frozenset(
    (
        *(
            "/compact",
            "/clear",
            "/model",
            "/help",
            "/login",
            "/logout",
            "/cost",
            "/usage",
            "/config",
            "/exit",
            "/resume",
        ),
        *("/status", "/permissions", "/memory", "/mcp", "/context", "/effort", "/doctor", "/agents", "/hooks", "/ide"),
    )
)
_LOCAL = ("<local-command-caveat>", "<local-command-stdout>", "<local-command-stderr>")


def roots(env: Mapping[str, str], home: Path, folder: Path) -> list[Path]:
    """Where it keeps the sessions of a folder."""
    top = Path(env["CLAUDE_CONFIG_DIR"]) if env.get("CLAUDE_CONFIG_DIR") else home / ".claude"
    return [top / "projects" / re.sub(r"[^A-Za-z0-9]", "-", str(folder))]


def session_at(path: Path) -> Path | None:
    """The session that a file is, if it is one of this program."""
    if not path.is_file():
        return None
    head = list(islice(records(path, Left()), _HEAD))
    return path if any("sessionId" in one and ("parentUuid" in one or "isSidechain" in one) for one in head) else None


def about(path: Path) -> About:
    """What the head of the file tells."""
    known = About()
    for record in islice(records(path, Left()), _HEAD):
        known = known.with_(_about(record))
    return known.with_(About(session=path.stem))


def read(path: Path, left: Left) -> Iterator[Item]:
    """The live branch: that of the last message in the file."""
    live = _live(path)
    done: set[str] = set()
    for record in records(path, left):
        yield _about(record)
        if string(record.get("leafUuid")) in live.uuids:  # else it sums up another session of the folder
            yield About(title=string(record.get("summary")))
        kind, uuid = string(record.get("type")), string(record.get("uuid"))
        if record.get("isSidechain"):
            left[SUBAGENTS] += 1
        elif kind == "attachment" and live.holds(record):
            yield from _of_attachment(record, left)
        elif kind not in ("user", "assistant"):
            left[OWN if kind in _KNOWN else UNKNOWN] += 1
        elif uuid in done or not live.holds(record):
            left[BRANCHES] += uuid not in done
        else:
            done.add(uuid)
            yield from (_of_user if kind == "user" else _of_assistant)(record, left)
    yield About(session=path.stem)


def _about(record: Json) -> About:
    model = string(obj(record.get("message")).get("model"))
    title = string(record.get("customTitle") or record.get("aiTitle"))
    return About(
        string(record.get("sessionId")) if "parentUuid" in record else "",
        string(record.get("version")),
        string(record.get("cwd")),
        "" if model == _SYNTHETIC else model,
        title,
    )


class _Live(NamedTuple):
    """uuids: the way from the leaf to the root. replies: ids of the messages on it. calls: ids of their calls."""

    uuids: set[str]
    replies: set[str]
    calls: set[str]

    def holds(self, record: Json) -> bool:
        return (
            string(record.get("uuid")) in self.uuids
            or (record.get("type") == "assistant" and _reply(record) in self.replies)
            or any(string(block.get("tool_use_id")) in self.calls for block in _blocks(record))
        )


def _live(path: Path) -> _Live:
    parents: dict[str, str] = {}
    reply_of: dict[str, str] = {}
    calls: dict[str, set[str]] = {}
    before = leaf = ""
    for record in records(path, Left()):
        uuid = string(record.get("uuid"))
        if not uuid or record.get("isSidechain") or uuid in parents:
            continue
        above = string(record.get("parentUuid"))
        if not above and (record.get("isCompactSummary") or record.get("subtype") == "compact_boundary"):
            # A compaction starts a new root; what it sums up is what stood before it.
            logical = string(record.get("logicalParentUuid"))
            above = logical if logical in parents else before
        parents[uuid] = above
        before = uuid
        if record.get("type") == "assistant":
            reply = reply_of[uuid] = _reply(record)
            calls.setdefault(reply, set()).update(string(b.get("id")) for b in _blocks(record) if "input" in b)
        if record.get("type") in ("user", "assistant"):
            leaf = uuid
    way: set[str] = set()
    while leaf and leaf not in way:
        way.add(leaf)
        leaf = parents.get(leaf, "")
    replies = {reply_of[uuid] for uuid in way if uuid in reply_of}
    return _Live(way, replies, set().union(*(calls[reply] for reply in replies)))


def _of_attachment(record: Json, left: Left) -> Iterator[Item]:
    """Of what the program adds, only what the user said while the model worked is theirs."""
    attached = obj(record.get("attachment"))
    text = words(attached.get("prompt") or "", left) if attached.get("type") == "queued_command" else ""
    if text and not text.startswith("<task-notification>"):
        yield Said(text, stamp(record.get("timestamp")))
    else:
        left[OWN] += 1


def _of_user(record: Json, left: Left) -> Iterator[Item]:
    at = stamp(record.get("timestamp"))
    said: list[object] = []
    content = obj(record.get("message")).get("content")
    for block in [content] if isinstance(content, str) else objects(content):
        if isinstance(block, dict) and block.get("type") == "tool_result":
            told = _unreminded(words(block.get("content") or "", left), left)
            yield Answered(string(block.get("tool_use_id")), told, block.get("is_error") is True, at)
        else:
            said.append(block)
    text = words(said, left) if said else ""
    if record.get("isCompactSummary"):
        yield Summed(text, at)
    elif text and (record.get("isMeta") or text.startswith(_LOCAL)):
        left[TOLD] += 1
    elif text.startswith("<command-") and (command := _COMMAND.search(text)):
        given = _COMMAND_ARGS.search(text)
        if command[1] in _CLIENT:
            left[TOLD] += 1
            return
        yield Said(f"{command[1]} {given[1] if given else ''}".strip(), at)
    else:
        yield Said(_REMINDER.sub("", text), at)


def _unreminded(text: str, left: Left) -> str:
    """Without what the program told its own model at the end of a result: M2 might obey."""
    while (cut := text.rstrip()).endswith(_END) and (start := cut.rfind(_START)) >= 0:
        text = cut[:start].rstrip()
        left[TOLD] += 1
    return text


def _of_assistant(record: Json, left: Left) -> Iterator[Item]:
    if record.get("isApiErrorMessage") or obj(record.get("message")).get("model") == _SYNTHETIC:
        left["replies that the program made up"] += 1
        return
    at, reply = stamp(record.get("timestamp")), _reply(record)
    for block in _blocks(record):
        match block:
            case {"type": "thinking" | "redacted_thinking"}:
                yield Thought(string(block.get("thinking")), at, reply)
            case {"type": "text", "text": str(text)}:
                yield Spoke(text, at, reply)
            case {"type": "tool_use"}:
                yield Called(string(block.get("id")), string(block.get("name")), obj(block.get("input")), at, reply)
            case {"type": kind}:
                left[f"parts of type {str(kind)[:40]}"] += 1


def _reply(record: Json) -> str:
    return string(obj(record.get("message")).get("id")) or string(record.get("uuid"))


def _blocks(record: Json) -> list[Json]:
    content = obj(record.get("message")).get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
