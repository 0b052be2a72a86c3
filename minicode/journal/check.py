"""Proof that a session is whole: nothing damaged, each call answered once, each request the same when made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from minicode.journal.entry import Entry
from minicode.journal.reader import branch_to, load
from minicode.journal.repair import calls_of

Rebuild = Callable[[Entry], bytes]


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. damaged, cut, torn: see reader.Loaded; what was cut was never acted on, so it is no harm.

    calls, results: of all branches. unanswered: call ids without a result, as a crash leaves them until resume.
    orphans: ids of result entries that answer no call of the reply above them, or answer it a second time.
    requests: how many there are. checked: how many were rebuilt. mismatched: ids of those that came out otherwise,
    or could not be rebuilt. issued, returned: thoughts M2 gave before the last request on its branch, and those in it.
    """

    entries: int
    damaged: int
    cut: int
    torn: bool
    calls: int
    results: int
    unanswered: tuple[str, ...]
    orphans: tuple[str, ...]
    requests: int
    checked: int
    mismatched: tuple[str, ...]
    issued: int
    returned: int

    @property
    def ok(self) -> bool:
        return not (self.damaged or self.orphans or self.mismatched)


def verify(path: Path, rebuild: Rebuild | None = None) -> Report:
    """Read a session and check it; the file is not touched. Raises SessionError if it cannot be read at all.

    rebuild: makes the body of a request entry again; called once for each, in the order of the file. Whatever it
    raises counts as a mismatch. Without it no request is checked.
    """
    loaded = load(path)
    answers = _pair(loaded.entries)
    requests = [entry for entry in loaded.entries if entry.kind == "request"]
    mismatched: tuple[str, ...] = ()
    if rebuild:
        mismatched = tuple(r.id for r in requests if not _same(rebuild, r))
    issued = returned = 0
    if requests:
        issued = sum(map(_thoughts, branch_to(loaded.entries, requests[-1].id)))
        returned = requests[-1].data.get("thinking", 0)
    return Report(
        entries=len(loaded.entries),
        damaged=loaded.damaged,
        cut=loaded.cut,
        torn=loaded.torn,
        calls=answers.calls,
        results=sum(entry.kind == "result" for entry in loaded.entries),
        unanswered=answers.unanswered,
        orphans=answers.orphans,
        requests=len(requests),
        checked=len(requests) if rebuild else 0,
        mismatched=mismatched,
        issued=issued,
        returned=returned,
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    calls: int
    unanswered: tuple[str, ...]
    orphans: tuple[str, ...]


def _pair(entries: Sequence[Entry]) -> _Answers:
    """Match results with the calls of the nearest reply above them, over all branches."""
    by_id = {entry.id: entry for entry in entries}
    calls = {(e.id, call_id): 0 for e in entries if e.kind == "reply" for call_id, _ in calls_of(e)}
    orphans = []
    for entry in entries:
        if entry.kind != "result":
            continue
        above = by_id.get(entry.parent or "")
        second = False
        while above and above.kind != "reply":
            second |= above.kind == "result" and above.data.get("call_id") == entry.data.get("call_id")
            above = by_id.get(above.parent or "")
        call = (above.id if above else "", entry.data.get("call_id", ""))
        if second or call not in calls:
            orphans.append(entry.id)
        else:
            calls[call] += 1
    unanswered = [call_id for (_, call_id), results in calls.items() if not results]
    return _Answers(len(calls), tuple(unanswered), tuple(orphans))


def _same(rebuild: Rebuild, request: Entry) -> bool:
    try:
        body = rebuild(request)
    except Exception:  # why: damage may break any assumption of the rebuilding rooms, and that is a finding
        return False
    return sha256(body).hexdigest() == request.data.get("sha256")


def _thoughts(entry: Entry) -> int:
    if entry.kind != "reply":
        return 0
    return sum(block.get("type") == "thinking" for block in entry.data.get("content", ()))
