"""Mistral Vibe: a folder a session. Until 2.1x (seen with 2.10) `messages.jsonl` beside `meta.json`; since then (seen
with 2.26 and 3.0) a store whose `CURRENT` names a checkpoint of the messages and the journal of what came after it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from minicode.foreign.chat import message
from minicode.foreign.items import (
    BROKEN,
    OWN,
    About,
    Answered,
    Item,
    Left,
    Said,
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

LABEL = "Mistral Vibe"
_OLD, _NEW = "messages.jsonl", "CURRENT"
_PLAIN = re.compile(r"[0-9a-f]{1,64}")  # names in a store: from elsewhere, so they must not lead out of it


def roots(env: Mapping[str, str], home: Path, folder: Path) -> list[Path]:
    """Where its versions keep the sessions of all folders."""
    top = Path(env["VIBE_HOME"]) if env.get("VIBE_HOME") else home / ".vibe"
    return [top / "logs" / "session"]


def session_at(path: Path) -> Path | None:
    """The session's folder: `path` itself, or that of one of its files."""
    if path.is_file():
        path = path.parent
    return path if (path / "meta.json").is_file() and any((path / name).is_file() for name in (_OLD, _NEW)) else None


def about(path: Path) -> About:
    meta = _json(path / "meta.json")
    where = obj(meta.get("environment")).get("working_directory") or meta.get("origin_directory")
    model = string(obj(meta.get("config")).get("active_model"))
    return About(string(meta.get("session_id")) or path.name, "", string(where), model, string(meta.get("title")))


def read(path: Path, left: Left) -> Iterator[Item]:
    """The messages carry no times: all have that of the session's start."""
    yield about(path)
    at = stamp(_json(path / "meta.json").get("start_time"))
    log = records(path / _OLD, left) if (path / _OLD).is_file() else _checkpoint(path, left)
    for record in log:
        yield from _timed(message(record, left), at)
    if (path / _NEW).is_file():
        yield from _timed(_after(path, left), at)


def _timed(items: Iterator[Item], at: str) -> Iterator[Item]:
    for item in items:
        yield item if isinstance(item, About | Undone) else item._replace(at=at)


def _manifest(path: Path) -> tuple[Path, Json]:
    """The folder of the newest checkpoint and what is said of it."""
    generation = string(_json(path / _NEW).get("generation"))
    folder = path / "generations" / (generation if _PLAIN.fullmatch(generation) else "0")
    return folder, _json(folder / "manifest.json")


def _checkpoint(path: Path, left: Left) -> Iterator[Json]:
    folder, manifest = _manifest(path)
    state = _json(folder / "checkpoint.json")
    if isinstance(summed := state.get("compaction_count"), int):
        left["times that the program summed up and kept no more than that"] += summed
    chunks = obj(manifest.get("checkpoint")).get("chunks")
    for chunk in chunks if isinstance(chunks, list) else ():
        kept = _load(path / "chunks" / f"{chunk}.json") if _PLAIN.fullmatch(str(chunk)) else None
        left[BROKEN] += kept is None
        yield from (obj(one.get("message")) for one in objects(kept))
    yield from (obj(one.get("message")) for one in objects(obj(state.get("context")).get("messages")))


def _after(path: Path, left: Left) -> Iterator[Item]:
    """What was done since the checkpoint: of a session that was killed, its last turn."""
    first = obj(_manifest(path)[1].get("recovery_journal_segment")).get("first_sequence")
    log = path / "journal" / f"{first:016d}.jsonl" if isinstance(first, int) else path / _NEW
    for record in records(log, left) if log.is_file() and log.suffix else ():
        payload = obj(record.get("payload"))
        done = obj(payload.get("result"))
        if record.get("type") == "command_reserved" and payload.get("method") == "turn/start":
            given = obj(payload.get("params"))
            yield Said(words(given.get("message") or "", left))
        elif record.get("type") != "action_result":
            left[OWN] += 1
        elif done.get("type") == "completion_succeeded":
            parts = obj(done.get("result")).get("parts")
            yield from message({"role": "assistant", "content": parts}, left)
        elif done.get("call_id"):
            result = obj(done.get("result"))
            told = words(result.get("content") or "", left) or _told(result.get("structured_content"))
            yield Answered(string(done.get("call_id")), told, result.get("type") != "success")


def _told(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json(path: Path) -> Json:
    return obj(_load(path))


def _load(path: Path) -> Any:
    with suppress(OSError, ValueError):
        return load(path.read_text("utf-8"))
    return None
