"""Entries in, a Story out: pure, and lenient, for a session may come from a newer version or from a stranger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from minicode.export.story import Action, Cut, Fold, Moment, Outcome, Part, Remark, Said, Side, Step, Story, total
from minicode.journal.entry import ASIDE, Entry
from minicode.journal.reader import Loaded, branch_to, leaf_of
from minicode.journal.tree import in_full
from minicode.messages import Text, Thinking, ToolSpec, Usage, usage_from_json
from minicode.model import catalogue
from minicode.show import show_from_json
from minicode.text import count

# How a permission is told, by who gave it; the reasons are whole sentences for "ask" and fragments for "deny".
_VERDICTS = {"allow": "allowed", "deny": "refused", "ask": "asked"}


def tell(loaded: Loaded, *, sides: bool = False, thinking: bool = True) -> Story:
    """sides: tell the branches that were left, too. thinking: with the thoughts."""
    entries = loaded.entries
    live = branch_to(entries, leaf_of(entries))
    system = next((entry.data for entry in reversed(live) if entry.kind == "system"), {})
    folds = _folds(live)
    upto = next((entry.data["upto"] for entry in reversed(folds) if _text(entry.data, "upto")), "")
    teller = _Teller(entries, live, folds, thinking)
    moments = tuple(teller.moments(live))
    left = tuple(_sides(teller, entries, live)) if sides else ()
    header = loaded.header
    return Story(
        id=header.id,
        at=str(header.at),
        folder=_text(header.data, "folder"),
        version=_text(header.data, "minicode"),
        name=_last(entries, "name", "name") or _text(header.data, "name"),
        title=_last(entries, "title", "title"),
        origin=_text(header.data, "from"),
        system=_text(system, "prompt"),
        tools=tuple(_tools(system)),
        moments=moments,
        sides=left,
        past=_past(live, moments, upto),
        labels={_text(e.data, "entry"): _text(e.data, "text") for e in entries if e.kind == "label"},
        damage=_damage(loaded),
        totals=total([*moments, *(moment for side in left for moment in side.moments)]),
    )


class _Teller:
    """Tells entries in their order; steps are numbered on and on."""

    def __init__(
        self, entries: Sequence[Entry], live: Sequence[Entry], in_force: Sequence[Entry], thinking: bool
    ) -> None:
        self._first = next((entry.id for entry in live if entry.kind in ("user", "reply")), "")
        self._undone = {_text(entry.data, "fold") for entry in entries if entry.kind == "unfold"}
        self._clipped = {id_ for entry in in_force for id_ in _list(entry.data, "clipped") if isinstance(id_, str)}
        blocks = (block for entry in entries if entry.kind == "reply" for block in _list(entry.data, "content"))
        self._calls = {_text(block, "id") for block in blocks if isinstance(block, dict)}
        self._thinking = thinking
        self._steps = 0
        self._asked = ""  # when the last request was sent
        self._model = ""

    def moments(self, entries: Sequence[Entry]) -> Iterator[Moment]:
        for number, entry in enumerate(entries):
            if entry.kind == "request":
                self._asked = str(entry.at)
                self._model = _text(_dict(entry.data, "params"), "model")
            elif entry.kind == "reply":
                yield self._step(entry, _following(entries, number))
            elif moment := self._other(entry):
                yield moment

    def _step(self, entry: Entry, after: Sequence[Entry]) -> Step:
        self._steps += 1
        usage = usage_from_json(_dict(entry.data, "usage"))
        model = self._model or _text(entry.data, "model")
        answers = _by_call(after)
        return Step(
            id=entry.id,
            at=str(entry.at),
            number=self._steps,
            model=model,
            seconds=_between(self._asked, str(entry.at)),
            parts=tuple(self._parts(entry, answers)),
            usage=usage,
            cost=_price(usage, model),
            stop=_text(entry.data, "stop"),
        )

    def _parts(self, entry: Entry, answers: dict[str, list[Entry]]) -> Iterator[Part]:
        for block in _list(entry.data, "content"):
            match block:
                case {"type": "thinking", "thinking": str(text)} if self._thinking:
                    yield Thinking(text)
                case {"type": "text", "text": str(text)}:
                    yield Text(text)
                case {"type": "tool_use", "id": str(id_), "name": str(name)}:
                    arguments, broken = _dict(block, "input"), _text(block, "broken")
                    yield Action(id_, name, arguments, broken, *self._answer(answers.get(id_, [])))

    def _answer(self, about: list[Entry]) -> tuple[tuple[str, ...], Outcome | None]:
        """What is told of a call, out of `about`: what belongs to it is taken, for ids may come twice in a reply."""
        remarks: list[str] = []
        while about:
            entry = about.pop(0)
            data = entry.data
            if entry.kind == "result":
                show = tuple(block for raw in _list(data, "show") if (block := show_from_json(raw)))
                clipped = entry.id in self._clipped
                failed, seconds = bool(data.get("failed")), _number(data, "seconds")
                return tuple(remarks), Outcome(entry.id, _text(data, "text"), failed, seconds, show, clipped)
            if entry.kind == "alarm":
                remarks.append(_text(data, "text"))
            else:
                verdict = _text(data, "verdict")
                said = f"{_VERDICTS.get(verdict, verdict)} by {_text(data, 'by')}: {_text(data, 'reason')}"
                remarks.append(said.rstrip(": "))
        return tuple(remarks), None

    def _other(self, entry: Entry) -> Moment | None:
        data = entry.data
        match entry.kind:
            case "user":
                by = "minicode" if data.get("by") == "minicode" else "you"
                return Said(entry.id, str(entry.at), by, in_full(entry))
            case "partial":
                kept = _text(data, "thinking") if self._thinking else ""
                return Cut(entry.id, str(entry.at), kept, _text(data, "text"), _text(data, "why"))
            case "fold":
                return self._fold(entry)
            case "result" if _text(data, "call_id") not in self._calls:
                words = f"A result whose call is lost:\n{_text(data, 'text')}"
                return Remark(entry.id, str(entry.at), entry.kind, words)
        words = _remark(entry)
        return Remark(entry.id, str(entry.at), entry.kind, words) if words else None

    def _fold(self, entry: Entry) -> Fold:
        data, upto, reply = entry.data, _text(entry.data, "upto"), _dict(entry.data, "reply")
        usage = usage_from_json(_dict(reply, "usage"))
        written = self._parts(Entry(entry.id, None, "", "reply", reply), {})
        return Fold(
            id=entry.id,
            at=str(entry.at),
            text=_text(data, "text"),
            thoughts=tuple(part.text for part in written if isinstance(part, Thinking)),
            first=self._first if upto else "",
            upto=upto,
            clipped=len(_list(data, "clipped")),
            guidance=_text(data, "guidance"),
            undone=entry.id in self._undone,
            usage=usage,
            cost=_price(usage, self._model) if usage != Usage() else None,
        )


def _remark(entry: Entry) -> str:
    """A sentence or two on an entry of a lesser kind; "" for kinds that we do not know."""
    data = entry.data
    match entry.kind:
        case "aside":
            by = "You said, while it worked" if data.get("by") == "user" else "minicode told M2"
            return f"{by}: {in_full(entry)}"
        case "note":
            return _text(data, "text")
        case "verify":
            words = f"Checked by {_text(data, 'command')}: {_text(data, 'verdict')}: {_text(data, 'outcome')}"
            return f"{words}\n{_text(data, 'evidence')}".rstrip()
        case "task" if "usage" in data:
            used = usage_from_json(_dict(data, "usage"))
            return (
                f"The task {_text(data, 'task')} was done in a session of its own; its "
                f"{used.context + used.output:,} tokens are not in the totals. {_text(data, 'description')}"
            ).rstrip()
        case "refused":
            return f"A prompt was refused: {_text(data, 'reason')}\n{_text(data, 'text')}"
        case "end" if (reason := _text(data, "reason")) not in ("", "done"):
            return f"The turn ended: {reason}. {_text(data, 'error')}".rstrip()
        case "unfold":
            return f"The fold {_text(data, 'fold')} was undone: M2 sees again what it stood for."
        case "files":
            changed = [path for path in _list(data, "paths") if isinstance(path, str)]
            verb = "came back with redo" if data.get("by") == "redo" else "went back with rewind"
            return f"{count(len(changed), 'file')} {verb}: {', '.join(changed)}".rstrip(": ")
        case "name" if name := _text(data, "name"):
            return f"The session was named {name}."
    return ""


def _sides(teller: _Teller, entries: Sequence[Entry], live: Sequence[Entry]) -> Iterator[Side]:
    told = {entry.id for entry in live}
    parents = {entry.parent for entry in entries if entry.kind not in ASIDE}
    leaves = [e.id for e in entries if e.kind not in ASIDE and e.id not in parents and e.id not in told]
    for leaf in leaves:
        branch = branch_to(list(entries), leaf)
        new = [entry for entry in branch if entry.id not in told]
        told.update(entry.id for entry in new)
        if moments := tuple(teller.moments(new)):
            yield Side(new[0].parent or "", moments)


def _folds(branch: Iterable[Entry]) -> list[Entry]:
    """Those in force, oldest first; the last that has an `upto` stands for all before that."""
    known: dict[str, Entry] = {}
    for entry in branch:
        if entry.kind == "fold":
            known[entry.id] = entry
        elif entry.kind == "unfold":
            known.pop(_text(entry.data, "fold"), None)
    return list(known.values())


def _past(branch: Sequence[Entry], moments: Iterable[Moment], upto: str) -> frozenset[str]:
    ids = [entry.id for entry in branch]
    if upto not in ids:
        return frozenset()
    folded = set(ids[: ids.index(upto) + 1])
    return frozenset(moment.id for moment in moments if moment.id in folded)


def _following(entries: Sequence[Entry], number: int) -> Sequence[Entry]:
    """What comes between a reply and the next."""
    end = next((n for n in range(number + 1, len(entries)) if entries[n].kind == "reply"), len(entries))
    return entries[number + 1 : end]


def _by_call(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind in ("result", "alarm", "permission"):
            found.setdefault(_text(entry.data, "call_id"), []).append(entry)
    return found


def _tools(system: Mapping[str, Any]) -> Iterator[ToolSpec]:
    for tool in _list(system, "tools"):
        if isinstance(tool, dict) and isinstance(tool.get("name"), str):
            yield ToolSpec(tool["name"], _text(tool, "description"), _dict(tool, "input_schema"))


def _damage(loaded: Loaded) -> str:
    lines = f"{count(loaded.damaged, 'unreadable line')} left out" if loaded.damaged else ""
    cut = f"{count(loaded.cut, 'record')} cut short while it was written" if loaded.cut else ""
    found = " and ".join(filter(None, (lines, cut)))
    return f"The session file is not whole: {found}." if found else ""


def _last(entries: Sequence[Entry], kind: str, field: str) -> str:
    return next((_text(entry.data, field) for entry in reversed(entries) if entry.kind == kind), "")


def _price(usage: Usage, model: str) -> float | None:
    dollars = catalogue.cost(usage, model)
    return None if dollars is None else round(dollars, 8)


def _between(start: str, end: str) -> float | None:
    try:
        seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError):
        return None
    return max(seconds, 0.0)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _number(data: Mapping[str, Any], name: str) -> float:
    value = data.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _dict(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    return value if isinstance(value, list) else []
