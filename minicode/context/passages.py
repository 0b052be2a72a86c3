"""What was said in a session, piece by piece, each with its name: pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from minicode.context.shortening import in_force
from minicode.journal.entry import Entry

OPENING = "[From the history of this session"  # how all that `recall` says begins: it must not find itself
TOOL = "recall"
KINDS = ("any", "thinking", "text", "tool_output", "call", "user")
_WHOLE_IS_IN = re.compile(r"; the whole is in ([^\n]*?\b([0-9a-f]{16})) …\]")  # see text.clip and journal.blobs
_ABOUT = 120  # characters of the call that an output came from


class Passage(NamedTuple):
    """ref: `e12`; `e12.2` for the second of several in one entry; `e12.0` for what was kept of it because it is long.
    place: of the entry in the branch.

    kind: one of KINDS but "any", or "fold" (a summary), or "minicode" (what we said to the model).
    about: what it came from, one line. blob: id of the long text that this is, and path where it was kept; `text` is
    empty then. now: it was said since the question M2 is at work on, and will be the question in other words.
    """

    ref: str
    entry: str
    place: int
    at: str
    kind: str
    text: str
    about: str = ""
    blob: str = ""
    path: str = ""
    now: bool = False


def passages(branch: Sequence[Entry]) -> list[Passage]:
    """In order. Left out are what `recall` was asked and answered, and the reply whose calls run just now."""
    found: list[Passage] = []
    starts = [0, *(n for n, entry in enumerate(branch) if entry.kind == "reply"), len(branch)]
    asked = _asked(branch)
    for start, end in pairwise(starts):
        part = branch[start:end]
        calls = _calls(part)
        answers = {e.data["call_id"]: e.data for e in part if e.kind == "result"}
        own = {id_ for id_, call in calls.items() if _is_recall(call, answers.get(id_))}
        runs = end == len(branch) and any(id_ not in answers for id_ in calls)
        for place, entry in enumerate(part, start):
            if entry.kind == "reply" and runs:
                continue
            pieces = [piece for piece in _pieces(entry, calls, own) if piece[1].strip()]
            for number, (kind, text, about) in enumerate(pieces, 1):
                ref = entry.id if len(pieces) == 1 else f"{entry.id}.{number}"
                now = place >= asked and kind != "tool_output"
                one = Passage(ref, entry.id, place, entry.at, kind, text, about, now=now)
                found.append(one)
                if whole := _kept(entry, text):
                    found.append(one._replace(ref=f"{ref}.0", text="", path=whole[1], blob=whole[2], now=False))
    return found


def _kept(entry: Entry, text: str) -> re.Match[str] | None:
    """Where what the text is cut from is kept; of the user's words only if they were cut, whatever they quote."""
    if entry.kind == "result":
        return _WHOLE_IS_IN.search(text)
    id_ = entry.data.get("kept")
    return next((found for found in _WHOLE_IS_IN.finditer(text) if found[2] == id_), None) if id_ else None


def _pieces(entry: Entry, calls: Mapping[str, Mapping[str, Any]], own: set[str]) -> Iterator[tuple[str, str, str]]:
    """(kind, text, about) of each thing that an entry says."""
    data = entry.data
    match entry.kind:
        case "user" | "aside":
            about = "" if entry.kind == "user" else "said while you worked"
            yield ("minicode" if data.get("by") == "minicode" else "user"), data["text"], about
        case "reply":
            for block in data["content"]:
                if block["type"] == "tool_use":
                    yield "call", "" if block["id"] in own else written_out(block), ""
                else:
                    yield block["type"], str(block.get(block["type"], "")), ""
        case "partial":
            about = "cut off; you were not given it back"
            yield "thinking", data.get("thinking", ""), about
            yield "text", data.get("text", ""), about
        case "result" if data["call_id"] not in own:
            about = in_brief(calls.get(data["call_id"], {"name": data["name"]}))
            yield "tool_output", data["text"], f"{about}, which failed" if data.get("failed") else about
        case "fold":
            yield "fold", data.get("text", ""), "a summary of older entries"


def written_out(call: Mapping[str, Any]) -> str:
    """A call with its texts as they are, not as JSON would have them."""
    rows = [f"{name}: {value if isinstance(value, str) else _json(value)}" for name, value in call["input"].items()]
    return "\n".join([call["name"], *rows, *([call["broken"]] if call.get("broken") else [])])


def in_brief(call: Mapping[str, Any]) -> str:
    """A call on one short line."""
    line = " ".join(f"{call['name']} {_json(call['input']) if call.get('input') else ''}".split())
    return line if len(line) <= _ABOUT else f"{line[:_ABOUT]}…"


def _calls(part: Sequence[Entry]) -> dict[str, Mapping[str, Any]]:
    if not part or part[0].kind != "reply":
        return {}
    return {block["id"]: block for block in part[0].data["content"] if block["type"] == "tool_use"}


def _is_recall(call: Mapping[str, Any], answer: Mapping[str, Any] | None) -> bool:
    """M2 may have called it by another name."""
    return call["name"] == TOOL or (answer is not None and answer["text"].startswith(OPENING))


def _asked(branch: Sequence[Entry]) -> int:
    """The place of the question M2 is at work on, or, if that is folded, of what it sees."""
    question = next((n for n in range(len(branch) - 1, -1, -1) if branch[n].kind == "user"), len(branch))
    upto = in_force(branch).upto
    return max(question, next((n + 1 for n, entry in enumerate(branch) if upto and entry.id == upto), 0))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
