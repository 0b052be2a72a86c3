"""`minicode sessions`: what is kept on disk, for people and scripts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from minicode import paths
from minicode.journal import store
from minicode.journal.entry import Entry, task_of
from minicode.journal.reader import branch_to, leaf_of, load, session_files, summaries
from minicode.journal.tree import in_full
from minicode.plain import brief, warn
from minicode.repair import NOT_RUN, kind_of, refusal_of
from minicode.show import REPAIRED, Line, show_from_json
from minicode.text import clean, count


def list_(folder: Path | None, everywhere: bool, as_json: bool) -> int:
    project = None if everywhere else paths.slug(paths.work_folder(folder))
    root = paths.places().sessions
    found = sorted(summaries(root, project), key=lambda s: s.updated or s.started, reverse=True)
    for one in found:
        if as_json:
            row = {"id": one.id, "name": one.gist.name, "folder": one.folder, "updated": one.updated, "bytes": one.size}
            print(json.dumps({**row, "turns": one.gist.turns, "label": one.label}, ensure_ascii=False))
        else:
            where = f"  {one.folder}" if everywhere else ""
            print(clean(f"{one.id}  {_local(one.updated)}  {count(one.gist.turns, 'turn'):9} {one.label[:70]}{where}"))
    unread = sorted({path.stem for path in session_files(root, project)} - {one.path.stem for one in found})
    if unread:
        some = ", ".join(unread[:5]) + (" …" if unread[5:] else "")
        warn(f"Not listed, for it cannot be read: {some}. `minicode sessions show` tells why.")
    if not found and not unread and not as_json:
        print("No sessions yet." if everywhere else "No sessions of this folder yet; --all lists those of all folders.")
    return 0


def show(session: str, thinking: bool) -> int:
    """The live branch as text. Damage is said first."""
    path = store.find(paths.places().sessions, session)
    loaded = load(path)
    print(clean(f"session {loaded.header.id} · {loaded.header.data.get('folder', '')} · {_local(loaded.header.at)}"))
    if owner := task_of(path.stem)[0]:
        print(f"a task of session {owner}")
    if loaded.damaged:
        print(f"damaged: {loaded.damaged} unreadable lines are skipped")
    for entry in branch_to(loaded.entries, leaf_of(loaded.entries)):
        for line in _told(entry, thinking):
            print(clean(line))
    return 0


def show_repairs(session: str) -> int:
    """What was mended in the calls of the live branch, and what could not be, by kind and tool."""
    loaded = load(store.find(paths.places().sessions, session))
    calls, counted = repairs_of(branch_to(loaded.entries, leaf_of(loaded.entries)))
    unread = sum(times for (kind, _), times in counted.items() if kind.startswith(NOT_RUN))
    mended = counted.total() - unread
    print(f"session {loaded.header.id}: {count(calls, 'call')}, {count(mended, 'repair')}, {unread} not run")
    if counted:
        wide = max(len(kind) for kind, _ in counted)
        for (kind, tool), times in sorted(counted.items(), key=lambda row: (-row[1], row[0])):
            print(clean(f"  {times:5}  {kind:{wide}}  {tool}"))
    return 0


def repairs_of(branch: Iterable[Entry]) -> tuple[int, Counter[tuple[str, str]]]:
    """How many calls there are, and how often each (kind of repair, tool as it was called) was due."""
    calls = 0
    counted: Counter[tuple[str, str]] = Counter()
    told: dict[str, list[str]] = {}  # by a call's id, what its reply told already; ids come again in later replies
    for entry in branch:
        if entry.kind == "reply":
            made = [block for block in entry.data["content"] if block["type"] == "tool_use"]
            calls += len(made)
            told = {block["id"]: list(block.get("repairs", ())) for block in made}
            counted.update((kind_of(phrase), block["name"]) for block in made for phrase in block.get("repairs", ()))
        elif entry.kind == "result":
            name, before = entry.data["name"], told.get(entry.data["call_id"], [])
            lines = (show_from_json(block) for block in entry.data.get("show", ()))
            said = [line.text.removeprefix(REPAIRED) for line in lines if isinstance(line, Line) and _is_repair(line)]
            counted.update((kind_of(phrase), name) for phrase in said if phrase not in before)
            if entry.data.get("failed") and (kind := refusal_of(entry.data["text"])):
                counted[kind, name] += 1
    return calls, counted


def _is_repair(line: Line) -> bool:
    return line.text.startswith(REPAIRED)


def _told(entry: Entry, thinking: bool) -> list[str]:
    data: dict[str, Any] = entry.data
    match entry.kind:
        case "user":
            by = "minicode" if data.get("by") == "minicode" else "you"
            return ["", f"[{entry.id}] {by}: {in_full(entry)}"]
        case "reply":
            return _replied(entry, thinking)
        case "result":
            mark = "✗" if data.get("failed") else "✓"
            return [f"[{entry.id}]   {mark} " + data["text"].strip().replace("\n", "\n        ")]
        case "partial":
            kept = data.get("thinking", "") if thinking else ""
            return [f"[{entry.id}] (cut: {data.get('why', '')}; never sent) {kept}{data.get('text', '')}".rstrip()]
        case "task" if "usage" not in data:
            return [f"[{entry.id}]   task {data['task']} ({data['access']}) {data['description']}".rstrip()]
        case "aside":
            return [f"[{entry.id}] aside from {data['by']}: {in_full(entry)}"]
        case "verify":
            shown = str(data.get("evidence", "")).strip().replace("\n", "\n        ")
            words = f"checked by {data['command']}: {data['verdict']}: {data['outcome']}"
            return [f"[{entry.id}] {words}" + (f"\n        {shown}" if shown else "")]
        case "end" if data.get("reason") != "done":
            return [f"[{entry.id}] the turn ended: {data['reason']} {data.get('error', '')}".rstrip()]
    return []


def _replied(entry: Entry, thinking: bool) -> list[str]:
    lines = []
    for block in entry.data["content"]:
        if block["type"] == "thinking" and thinking:
            lines.append(f"[{entry.id}] ∴ {block['thinking'].strip()}")
        elif block["type"] == "text" and block["text"].strip():
            lines.append(f"[{entry.id}] M2: {block['text'].strip()}")
        elif block["type"] == "tool_use":
            lines.append(f"[{entry.id}] ● {block['name']} {brief(block['input'])}")
    return lines


def verify(session: str) -> int:
    """Exit 0 only if nothing is damaged, every call has one result, and every request can be made again exactly."""
    from minicode.cli.trace import steps
    from minicode.journal.check import verify as check

    path = store.find(paths.places().sessions, session)
    replayed = steps(load(path))
    whole = 0

    def rebuild(request: Entry) -> bytes:
        nonlocal whole
        step = next(replayed)
        whole += step.whole
        return step.body

    report = check(path, rebuild)
    wrong = [
        *([f"{report.damaged} unreadable lines"] if report.damaged else []),
        *([f"results that answer no call: {', '.join(report.orphans)}"] if report.orphans else []),
        *([f"requests that come out otherwise: {', '.join(report.mismatched)}"] if report.mismatched else []),
        *(["thoughts that are not in a later request"] if whole < report.requests else []),
    ]
    print(f"session {path.stem}: {'NOT SOUND: ' + '; '.join(wrong) if wrong else 'sound'}")
    if report.unanswered:
        print("  calls without a result yet: it is running, or was cut short; `-c` tells M2 so and goes on")
    print(f"  entries {report.entries}, unreadable lines {report.damaged}, records cut by a crash {report.cut}")
    print(f"  calls {report.calls}, unanswered {len(report.unanswered)}, results of no call {len(report.orphans)}")
    print(f"  requests {report.requests}, rebuilt byte for byte {report.checked - len(report.mismatched)}")
    print(f"  requests that give back every earlier thought word for word {whole}")
    print(f"  thought {report.returned}/{report.issued} in the last request")
    return 1 if wrong else 0


def _local(stamp: str) -> str:
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return "unknown time    "
