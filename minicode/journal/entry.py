"""One record of a session and its line in the file.

A line is ASCII JSON, `{"id":"e1k","parent":"e1j","at":"2026-11-22T01:30:00.123Z","kind":"user",…,"crc":"0a1b2c3d"}`,
where crc is the CRC-32 of the line without its crc field. The first line is the header, whose kind is "session" and
whose id is the session's; every other id is "e" and a counter in base 36. Data by kind:

    session   version, folder, minicode (its version), name or null, from (the session it was forked from), and of a
              task's session task{session, call, access}
    system    prompt, tools[], facts                     user      text, note?, typed?, added?, kept?
    reply     messages.reply_to_json                     partial   thinking, text, why: a cut stream, only for display
    intent    call_id, name, arguments, effect           result    call_id, name, text, failed, show[], seconds, blob?
    request   wire, options, sha256, bytes, thinking, params{model, max_tokens, temperature, top_p, top_k}
    usage     messages.usage_to_json                     end       reason
    note      level, text                                snapshot  tree: id in the private store
    fold      upto, text, why, guidance, before, after, thoughts, entries, reply; or clipped[], head, tail, mark
    unfold    fold: id of the fold that is undone        files     from, to (trees), by, paths[]: a rewind of the files
    title     title, by                                  name      name
    label     entry, text                                aside     by, text: said while tools ran
    task      call_id, task: id of its session, access, description; when it ended also reason, steps, usage
    leaf      to: the entry to go on from, null for the start; from; by: rewind, redo, switch; part of no branch
    shell     text: as M2 hears of it with the user's next words, "" if it never does; command, code
    mode      mode: the permission mode from then on; part of no branch
    listing   gist.Gist: what a list of sessions shows, restated now and then near the end; part of no branch

typed: the user's own words, where `text`, which M2 reads, says more or less than they do; if they are very long, only
the blob `kept` holds them on disk, and `added` is what `text` has beside them.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from minicode.messages import Json

VERSION = 1
START = b'{"id":"'  # how every line begins
ASIDE = frozenset({"leaf", "listing", "mode"})  # kinds that say something about the tree and are not in it
_OWN = ("id", "parent", "at", "kind", "crc")
_CRC = b',"crc":"'
_TAIL = len(_CRC) + 8 + len(b'"}')
_PLAIN = re.compile(r"[\w.:+-]{0,320}", re.ASCII)  # what ids, times and kinds are made of: they are shown as they are
_DEEPEST = 150  # levels; the wire lets fewer in, and what is deeper breaks the recursion of whoever reads it
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TASK = re.compile(r"(\d{8}-\d{6}-[0-9a-z]{6})-t([1-9]\d{0,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """at: UTC, ISO 8601 with milliseconds. The order of entries is that of the file, never of the clock."""

    id: str
    parent: str | None
    at: str
    kind: str
    data: Json


def to_line(entry: Entry) -> bytes:
    """The line with its newline. Raises ValueError if the data uses a name that the line needs for itself."""
    taken = [name for name in _OWN if name in entry.data]
    if taken:
        raise ValueError(f"data of a {entry.kind!r} entry must not be called {', '.join(taken)}")
    fields = {"id": entry.id, "parent": entry.parent, "at": entry.at, "kind": entry.kind, **entry.data}
    text = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return b'%b,"crc":"%08x"}\n' % (text[:-1], crc32(text))


def from_line(line: bytes, parse: Callable[[bytes], Any] = json.loads) -> Entry | None:
    """The entry of a line (with or without its newline), None if the line is not exactly what was written."""
    line = line.rstrip(b"\r\n")
    if not line.startswith(START) or line[-_TAIL : -_TAIL + len(_CRC)] != _CRC:
        return None
    if line[-10:-2] != b"%08x" % crc32(b"}", crc32(memoryview(line)[:-_TAIL])):
        return None
    try:
        fields: Any = parse(line)
        head = (fields.pop("id"), fields.pop("parent"), fields.pop("at"), fields.pop("kind"))
        fields.pop("crc")
    except (ValueError, KeyError, RecursionError):
        return None
    words = (head[0], head[1] or "", head[2], head[3])
    if not all(map(_is_text, words)) or not _PLAIN.fullmatch("".join(words)):
        return None  # its checksum is right, so somebody made it so
    if line.count(b"[") + line.count(b"{") > _DEEPEST and _too_deep(fields):
        return None
    return Entry(*head, fields)


def _too_deep(value: Json) -> bool:
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        inside = (inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer))
        level = [inner for inner in inside if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def entry_id(count: int) -> str:
    """The id of the count-th entry, from 1."""
    digits = ""
    while count:
        count, digit = divmod(count, 36)
        digits = _DIGITS[digit] + digits
    return f"e{digits}"


def entry_count(id_: str) -> int:
    """The reverse of `entry_id`; 0 for an id we did not make."""
    try:
        return int(id_[1:], 36) if id_.startswith("e") else 0
    except ValueError:
        return 0


def session_id() -> str:
    """A new one, sortable by time (UTC): 20261122-013000-k3f9ab."""
    chance = "".join(_DIGITS[byte % 36] for byte in os.urandom(6))
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{chance}"


def task_id(session: str, number: int) -> str:
    """Of the session of its number-th task, from 1. The name is the link: no damage to a file can break it."""
    return f"{session}-t{number}"


def task_of(id_: str) -> tuple[str, int]:
    """The session that a task works for, and its number; ("", 0) for a session that is no task."""
    found = _TASK.fullmatch(id_)
    return (found[1], int(found[2])) if found else ("", 0)


def now() -> str:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03d}Z"
