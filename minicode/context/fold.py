"""Folding: which old entries a summary is to stand for, what the summariser reads, and whether its words will do.

Pure. A fold never deletes: the entries stay in the journal, and `recall` quotes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from minicode.context.entry import Entry
from minicode.context.shortening import Clip, Folded
from minicode.messages import Message, Reply, Results, User
from minicode.show import Diff, show_from_json

HEAD, TAIL = 700, 300  # characters that stay of an old tool output
NEWEST = 3  # rounds whose outputs are not shortened
MARK = '[{left} characters are left out here to save room; `recall` with ids ["{id}"] quotes them]'
_OPENING = (
    "[minicode: the conversation so far was folded to make room. Nothing of it is lost: every entry is kept, and "
    "`recall` finds and quotes it, by words or by the ids in brackets.]"
)
_ASK = "Write the memory now, in the sections you were told."


class Cut(NamedTuple):
    """What a fold takes out of the request. upto: id of the last entry of it. taken: the entries since the last fold.
    more: newer entries stay behind it."""

    upto: str
    taken: tuple[Entry, ...]
    more: bool


def choose(branch: Sequence[Entry], short: Folded, *, running: bool, whole: int, newest: int) -> Cut | None:
    """Where to cut, None if nothing can be folded. whole, newest: bytes.

    While a turn runs, the cut comes before its user message and none of its thoughts is folded, if the turn has no
    more than `whole`. A longer one loses its older steps too, and its newest, up to `newest`, stay. Between turns the
    newest exchanges that fit into `newest` stay.
    """
    start = _after(branch, short.upto)
    places = [n for n in range(start, len(branch)) if branch[n].kind in ("user", "reply")]
    if not places:
        return None
    sizes = [0] * (len(branch) + 1)  # bytes from an entry to the end
    for n in range(len(branch) - 1, -1, -1):
        sizes[n] = sizes[n + 1] + weight(branch[n], short)
    asked = max((n for n in places if _by_user(branch[n])), default=places[0])
    turns = [asked] if running else [n for n in places if _by_user(branch[n])]
    at = next((n for n in turns if n > places[0] and sizes[n] <= (whole if running else newest)), None)
    if at is None and (not running or sizes[asked] > whole):
        steps = [n for n in places if n > asked and branch[n].kind == "reply"]
        last = steps[-1] if steps and running else len(branch)
        at = next((n for n in steps if sizes[n] <= newest), last)
    if at is None or all(entry.kind != "reply" for entry in branch[start:at]):
        return None  # the user's own words stay as they are, so there would be nothing to gain
    upto = next(e.id for e in reversed(branch[:at]) if e.id)  # a result that was lost has none
    return Cut(upto, tuple(branch[start:at]), at < len(branch))


def to_clip(branch: Sequence[Entry], short: Folded, newest: int = NEWEST) -> tuple[str, ...]:
    """Ids of result entries that can be shortened: those before the `newest` rounds, long and not yet short."""
    start = _after(branch, short.upto)
    rounds = [n for n in range(start, len(branch)) if branch[n].kind == "reply"]
    end = len(branch) if not newest else rounds[-newest] if len(rounds) >= newest else start
    old = (e for e in branch[start:end] if e.kind == "result" and e.id and e.id not in short.clips)
    return tuple(e.id for e in old if len(e.data["text"]) > 2 * (HEAD + TAIL))


def weight(entry: Entry, short: Folded) -> int:
    """Bytes an entry puts into a request, more or less."""
    match entry.kind:
        case "user" | "aside" | "result":
            return size(short.text_of(entry.id, entry.data["text"]))
        case "reply":
            return sum(size(json.dumps(block, ensure_ascii=False)) for block in entry.data["content"])
    return 0


def size(text: str) -> int:
    """In bytes, which is what a window is counted by."""
    return len(text.encode("utf-8", "replace"))


class Quest(NamedTuple):
    """What the summariser gets. record: the entries as text. files, todos: what its words must mention."""

    record: str
    files: tuple[str, ...]
    todos: tuple[str, ...]

    def prompt(self, guidance: str = "", flaw: str = "") -> str:
        """flaw: what was wrong with the words it wrote before."""
        parts = ["# The record", self.record]
        if self.files:
            parts.append("Files that were changed, each to be named: " + ", ".join(self.files))
        if self.todos:
            parts.append("Open todos, each to be named:\n" + "\n".join(f"- {todo}" for todo in self.todos))
        if guidance:
            parts.append(f"The user asks of this memory: {guidance}")
        if flaw:
            parts.append(f"Your first try was not used: {flaw}. Mend that.")
        return "\n\n".join([*parts, _ASK])


def snapshots(entries: Sequence[Entry], cut: Cut) -> tuple[str, str]:
    """Ids of the snapshots of the files before the first step of the cut, and of what its last step left; "" if there
    is none."""
    before = next((entry.data["tree"] for entry in cut.taken if entry.kind == "snapshot"), "")
    after = (e.data["tree"] for e in entries[_after(entries, cut.upto) :] if e.kind == "snapshot")
    return before, next(after, "")


def quest(cut: Cut, short: Folded, todos: Sequence[str], most: int, files: Sequence[str] = ()) -> Quest:
    """most: bytes the record may have. Outputs are shortened until it fits, then all else but what was said. files:
    paths that are known to have changed, beside those that tools said they changed."""
    before = f"[earlier memory, itself a fold]\n{short.text}\n\n" if short.text else ""
    record = ""
    for outputs, others in ((4000, 1 << 30), (1200, 1 << 30), (400, 4000), (120, 1000), (60, 200)):
        record = before + "\n\n".join(_lines(cut.taken, outputs, others))
        if size(record) <= most:
            break
    else:
        record = _middle_out(record, most * len(record) // size(record))
    return Quest(record, tuple(dict.fromkeys([*_changed(cut.taken), *files])), tuple(todos))


def flaw(summary: Reply, asked: Quest, taken: int) -> str:
    """What keeps the summary from being used, "" if nothing. taken: bytes of what it would stand for."""
    text = summary.text.strip()
    if summary.calls or summary.flaw == "leaked":
        return "it calls a tool instead of writing the memory"
    if summary.stop == "max_tokens":
        return "it was cut off at the output limit: be shorter"
    if not text:
        return "it is empty"
    if size(text) >= taken:
        return f"it is not shorter than what it stands for ({size(text):,} bytes for {taken:,})"
    if missing := [path for path in asked.files if not _names(text, path)]:
        return f"it does not name the changed files {', '.join(missing[:10])}"
    if missing := [todo for todo in asked.todos if not _tells(text, todo)]:
        return f"it does not name the open todos: {'; '.join(missing[:5])}"
    return ""


def points_back(summary: Reply, entries: Iterable[Entry]) -> bool:
    """Does it name at least one of the entries, so that what it leaves out can be found?"""
    words = set(re.findall(r"\be[0-9a-z]+\b", summary.text))
    return any(entry.id in words for entry in entries)


def stand_in(summary: str, branch: Sequence[Entry], cut: Cut, most: int) -> str:
    """The user message that stands for everything up to the cut. most: bytes the user's own words may take, more or
    less: the longest are shortened if they do not fit."""
    end = next(n for n, entry in enumerate(branch) if entry.id == cut.upto) + 1
    said = [e for e in branch[:end] if _by_user(e) or (e.kind == "aside" and e.data.get("by") == "user")]
    longest = _fair([size(entry.data["text"]) for entry in said], most)
    words = []
    for entry in said:
        text = entry.data["text"]
        if (full := size(text)) > longest:
            left = longest * len(text) // full
            text = Clip(left * 2 // 3, left // 3, MARK).shorten(text, entry.id)
        words.append(f"[{entry.id}{', said while you worked' if entry.kind == 'aside' else ''}] {text}")
    first = next((e.id for e in branch if e.id), "")
    parts = [_OPENING, f"# Memory of {first} to {cut.upto}\n\n{summary.strip()}"]
    if words:
        parts.append("# What the user said in that time, verbatim\n\n" + "\n\n".join(words))
    if cut.more:
        parts.append("# Now\n\nWhat follows is the newest part, as it was. Go on from there.")
    return "\n\n".join(parts)


def _fair(sizes: Sequence[int], most: int) -> int:
    """What each may have, so that all together have no more than `most`: the short leave room to the long."""
    for n, one in enumerate(sorted(sizes)):
        share = most // (len(sizes) - n)
        if one > share:
            return share
        most -= one
    return max(sizes, default=0)


def broken(messages: Sequence[Message]) -> str:
    """Why no server would take these messages, "" if nothing: every call has its result right behind it."""
    if not messages or not isinstance(messages[0], User):
        return "the first message is not the user's"
    for n, message in enumerate(messages):
        after = messages[n + 1] if n + 1 < len(messages) else None
        if isinstance(message, Reply) and message.calls:
            ids = [call.id for call in message.calls]
            if not isinstance(after, Results) or [r.call_id for r in after.results] != ids:
                return f"calls without their results at message {n + 1}"
        elif isinstance(after, Results):
            return f"results without their calls at message {n + 2}"
    return ""


def _after(branch: Sequence[Entry], upto: str) -> int:
    return next((n + 1 for n, entry in enumerate(branch) if upto and entry.id == upto), 0)


def _by_user(entry: Entry) -> bool:
    return entry.kind == "user" and entry.data.get("by") != "minicode"


def _lines(entries: Iterable[Entry], outputs: int, others: int) -> Iterator[str]:
    """The record. outputs, others: characters of a tool output, and of a thought, an answer or a call's arguments."""
    for entry in entries:
        data, at = entry.data, f"[{entry.id}]"
        match entry.kind:
            case "user":
                by = "minicode" if data.get("by") == "minicode" else "the user"
                yield f"{at} {by}: {data['text']}"
            case "aside":
                yield f"{at} {'the user' if data['by'] == 'user' else 'minicode'}, meanwhile: {data['text']}"
            case "reply":
                for block in data["content"]:
                    yield f"{at} {_block(block, others)}"
            case "result":
                failed = " (failed)" if data.get("failed") else ""
                yield f"{at} {data['name']} answered{failed}: {_middle_out(data['text'], outputs)}"


def _block(block: dict[str, Any], most: int) -> str:
    match block["type"]:
        case "thinking":
            return f"thought: {_middle_out(block['thinking'], most)}"
        case "text":
            return f"said: {_middle_out(block['text'], most)}"
    arguments = json.dumps(block.get("input", {}), ensure_ascii=False)
    return f"called {block.get('name', '')} {_middle_out(arguments, min(most, 2000))}"


def _middle_out(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    head = most * 2 // 3
    return f"{text[:head]} [… {len(text) - most:,} characters …] {text[len(text) - (most - head) :]}"


def _changed(entries: Iterable[Entry]) -> Iterator[str]:
    """Paths of the files that tools said they changed."""
    for entry in entries:
        if entry.kind == "result" and not entry.data.get("failed"):
            yield from (s.path for s in map(show_from_json, entry.data.get("show", ())) if isinstance(s, Diff))


def _names(text: str, path: str) -> bool:
    """By its path, its name, or a folder it lies in that is written as one."""
    folders = path.split("/")[:-1]
    return path.rpartition("/")[2] in text or any(f"{folder}/" in text for folder in folders if folder)


def _tells(text: str, todo: str) -> bool:
    """Most of its words are there: a model rephrases."""
    words = re.findall(r"\w{4,}", todo.casefold()) or re.findall(r"\w+", todo.casefold())
    known = text.casefold()
    return 2 * sum(word in known for word in words) >= len(words)
