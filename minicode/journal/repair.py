"""Every call has exactly one result, whatever happened: what to append after a crash, and how to read past damage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from minicode.journal.entry import Entry
from minicode.messages import Json

INTERRUPTED = "interrupted: minicode stopped while this ran; it may have taken effect, check before repeating"
UNFINISHED = (
    "interrupted: minicode stopped while this task ran. What it found is kept; go on with it by resume={task!r}"
)
NOT_RUN = "did not run: minicode stopped before it started"
LOST = "lost: the record of this result is damaged; it may have taken effect, check before repeating"


def closing(branch: Sequence[Entry]) -> list[tuple[str, Json]]:
    """The results to append so that each call of the branch's last reply has one, in the order of the calls.

    A call with an intent may have run and is told so; one without an intent did not. A task can be gone on with.
    """
    last = next((i for i in range(len(branch) - 1, -1, -1) if branch[i].kind == "reply"), None)
    if last is None:
        return []
    results = _by_call(branch[last + 1 :], "result")
    intents = _by_call(branch[last + 1 :], "intent")
    tasks = _by_call(branch[last + 1 :], "task")
    records: list[tuple[str, Json]] = []
    for call_id, name in calls_of(branch[last]):
        started, task = _take(intents, call_id), _take(tasks, call_id)
        if not _take(results, call_id):
            text = INTERRUPTED if started else NOT_RUN
            if task:
                text = UNFINISHED.format(task=str(task.data.get("task", "")))
            records.append(("result", _failed(call_id, name, text)))
    return records


def sound(branch: Sequence[Entry]) -> list[Entry]:
    """The branch as a request needs it: right after each reply one result for each of its calls, in their order.

    Results that belong to no call of the reply before them, and second ones, are dropped. A result that is missing
    stands in as an entry with the id "", the same each time. All else keeps its order.
    """
    entries: list[Entry] = []
    start = 0
    while start < len(branch):
        end = next((i for i in range(start + 1, len(branch)) if branch[i].kind == "reply"), len(branch))
        part = branch[start:end]
        if part[0].kind == "reply":
            entries.append(part[0])
            entries.extend(_results_of(part[0], _by_call(part, "result")))
            part = part[1:]
        entries.extend(entry for entry in part if entry.kind != "result")
        start = end
    return entries


def calls_of(reply: Entry) -> list[tuple[str, str]]:
    """(call id, tool name) of each call in a reply entry."""
    blocks = reply.data.get("content", ())
    return [(block["id"], block["name"]) for block in blocks if block.get("type") == "tool_use"]


def _results_of(reply: Entry, results: dict[str, list[Entry]]) -> Iterator[Entry]:
    for call_id, name in calls_of(reply):
        yield _take(results, call_id) or Entry("", reply.id, reply.at, "result", _failed(call_id, name, LOST))


def _failed(call_id: str, name: str, text: str) -> Json:
    return {"call_id": call_id, "name": name, "text": text, "failed": True, "show": [], "seconds": 0.0}


def _by_call(entries: Sequence[Entry], kind: str) -> dict[str, list[Entry]]:
    """Entries by call id, oldest first: a server may give two calls of a reply the same id."""
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.kind == kind:
            found[entry.data.get("call_id", "")].append(entry)
    return found


def _take(found: dict[str, list[Entry]], call_id: str) -> Entry | None:
    entries = found.get(call_id)
    return entries.pop(0) if entries else None
