"""A session as data: one JSON object for programs, or its own records for another minicode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from minicode.export.story import Action, Cut, Fold, Moment, Remark, Said, Step, Story
from minicode.journal.entry import Entry, to_line
from minicode.journal.reader import Loaded, branch_to, leaf_of
from minicode.messages import Json, Text, Thinking, Usage, usage_to_json
from minicode.show import show_to_json

FORMAT = "minicode-session"
VERSION = 1


def whole(story: Story) -> Json:
    """The session as one object: who, what it cost, and its entries as messages in plain words."""
    totals = story.totals
    data: Json = {
        "format": FORMAT,
        "version": VERSION,
        "session": {
            "id": story.id,
            "started": story.at,
            "folder": story.folder,
            "minicode": story.version,
            "name": story.name or None,
            "title": story.title or None,
            "forked_from": story.origin or None,
            "damage": story.damage or None,
        },
        "totals": {
            "turns": totals.turns,
            "steps": totals.steps,
            "thoughts": totals.thoughts,
            "calls": totals.calls,
            "failed_calls": totals.failed,
            "folds": totals.folds,
            "usage": usage_to_json(totals.usage),
            "cost_usd": totals.cost,
            "replies_without_price": totals.unpriced,
            "model_seconds": round(totals.asking, 3),
            "tool_seconds": round(totals.working, 3),
            "models": list(totals.models),
        },
        "system": story.system,
        "tools": [spec.name for spec in story.tools],
        "entries": [_entry(story, moment) for moment in story.moments],
    }
    if story.sides:
        data["left_branches"] = [
            {"from": side.base or None, "entries": [_entry(story, moment) for moment in side.moments]}
            for side in story.sides
        ]
    return data


def _entry(story: Story, moment: Moment) -> Json:
    more: Json = {"folded": True} if moment.id in story.past else {}
    if label := story.labels.get(moment.id):
        more["label"] = label
    return {"id": moment.id, "at": moment.at} | _moment(moment) | more


def _moment(moment: Moment) -> Json:
    match moment:
        case Said():
            return {"role": "user", "by": moment.by, "text": moment.text}
        case Step():
            return _step(moment)
        case Fold():
            return {"role": "fold", "text": moment.text, **_fold(moment)}
        case Cut():
            return {"role": "cut", "thinking": moment.thinking, "text": moment.text, "why": moment.why}
        case Remark():
            return {"role": "note", "kind": moment.kind, "text": moment.text}


def _step(step: Step) -> Json:
    return {
        "role": "assistant",
        "step": step.number,
        "model": step.model,
        "seconds": step.seconds,
        "stop": step.stop,
        "usage": usage_to_json(step.usage),
        "cost_usd": step.cost,
        "content": [_part(part) for part in step.parts],
    }


def _part(part: Thinking | Text | Action) -> Json:
    match part:
        case Thinking(text):
            return {"thinking": text}
        case Text(text):
            return {"text": text}
        case Action():
            outcome = part.outcome
            result = outcome and {
                "id": outcome.id,
                "text": outcome.text,
                "failed": outcome.failed,
                "seconds": outcome.seconds,
                "show": [show_to_json(block) for block in outcome.show],
            }
            remarks = {"remarks": list(part.remarks)} if part.remarks else {}
            broken = {"unreadable_arguments": part.broken} if part.broken else {}
            call = {"id": part.id, "name": part.name, "arguments": dict(part.arguments)}
            return {"call": call | broken, "result": result} | remarks


def _fold(fold: Fold) -> Json:
    return {
        "first": fold.first or None,
        "upto": fold.upto or None,
        "shortened_outputs": fold.clipped,
        "guidance": fold.guidance,
        "undone": fold.undone,
        "thinking": list(fold.thoughts),
        "usage": usage_to_json(fold.usage) if fold.usage != Usage() else None,
        "cost_usd": fold.cost,
    }


def records(loaded: Loaded, *, everything: bool, thinking: bool) -> Iterator[bytes]:
    """The lines of a session file that minicode reads: of the live branch, or of all; kinds we do not know, too."""
    entries = loaded.entries if everything else branch_to(loaded.entries, leaf_of(loaded.entries))
    for entry in (loaded.header, *entries):
        yield to_line(entry if thinking else without_thinking(entry))


def without_thinking(entry: Entry) -> Entry:
    data: Any = _thoughtless(entry.data)
    return replace(entry, data=data | {"thinking": ""} if entry.kind == "partial" else data)


def _thoughtless(value: Any) -> Any:
    if isinstance(value, list):
        kept = (item for item in value if not (isinstance(item, dict) and item.get("type") == "thinking"))
        return [_thoughtless(item) for item in kept]
    if isinstance(value, dict):
        return {name: _thoughtless(item) for name, item in value.items()}
    return value
