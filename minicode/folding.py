"""Make room before a request outgrows the window: shorten old outputs, then let a summary stand for the past."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from minicode import turn
from minicode.context import fold as folds
from minicode.context.entry import Entry as ContextEntry
from minicode.context.fold import Cut, Quest
from minicode.context.history import History
from minicode.errors import ModelError, UsageError
from minicode.events import Event, Folded, Noted, Retrying
from minicode.journal.entry import Entry
from minicode.messages import Reply, Request, Usage, User, reply_to_json
from minicode.parts import Parts

TRIES = 2
# Parts of the room: below the first, shortened outputs were enough; the second is what the running turn may keep
# whole, the third what stays if it must be cut, the fourth what the user's own words may take.
ENOUGH, WHOLE, NEWEST, WORDS = 0.6, 0.5, 0.2, 0.3
LEAST = 500  # bytes of what is old, below which no summary would be shorter
MOST_NAMED = 20  # files changed by commands that a summary must name
AGAIN = 1.1  # how much a history must grow before what failed, or what did not help, is tried again

Emit = Callable[[Event], None]


class Done(NamedTuple):
    """entry: id of the fold, "" if there is none. reason: then why, as a sentence."""

    entry: str = ""
    reason: str = ""
    usage: Usage = Usage()


async def make_room(parts: Parts, emit: Emit) -> tuple[Request, Usage]:
    """The next request, shortened if it would come too near to the end of the window, and what that took. What cannot
    be folded stays, and the user is told why."""
    budget, history, request = parts.budget, parts.history, parts.next_request()
    room, tokens = budget.room(request), history.gauge.tokens(len(parts.model.encode(request).body))
    full = room if history.short.undone else budget.fold_at * room  # what the user undid, only need overrules
    if not budget.fold_at or tokens < max(full, parts.fold_after):
        return request, Usage()
    if clip(parts, emit, "auto") and _tokens(parts) <= ENOUGH * room:
        return parts.next_request(), Usage()
    done = await fold(parts, emit, "auto", running=True)
    if done.reason:
        emit(Noted("warning", f"The history is {tokens:,} tokens long and was not folded: {done.reason}"))
        if tokens >= room:
            clip(parts, emit, "auto", newest=1)
    left = _tokens(parts)
    parts.fold_after = round(min(AGAIN * left, room) if left < room else AGAIN * left)
    return parts.next_request(), done.usage


def clip(parts: Parts, emit: Emit, why: str, newest: int = folds.NEWEST) -> bool:
    """Old tool outputs shortened to head, tail and pointer, which costs no model call. False if there are none."""
    ids = folds.to_clip(parts.history.entries, parts.history.short, newest)
    if ids:
        before = _tokens(parts)
        how = {"clipped": list(ids), "head": folds.HEAD, "tail": folds.TAIL, "mark": folds.MARK}
        parts.write([("fold", {"upto": None, "text": "", **how, "why": why, "before": before})])
        emit(Folded(parts.history.short.folds[-1], why, before, _tokens(parts), 0, len(ids)))
    return bool(ids)


async def fold(parts: Parts, emit: Emit, why: str, guidance: str = "", *, running: bool) -> Done:
    """Let the model write a summary, and commit it only if it will do. why: "auto", "asked" or "overflow"."""
    trigger = "manual" if why == "asked" else "auto"
    said = await parts.gate.hooks.run("PreCompact", trigger=trigger, custom_instructions=guidance)
    for note in said.notes:
        emit(Noted("warning", note))
    if said.blocked:
        return Done(reason=f"A hook refused it: {said.blocked}")
    history = parts.history
    # Not the journal's branch: what is no part of any request is not known here, and must not be what a fold ends at.
    branch = tuple(history.entries)
    room = parts.budget.room(parts.request) / history.gauge.ratio  # in bytes
    newest = NEWEST * room if running else min(NEWEST * room, _weight(branch, history) / 5)
    cut = folds.choose(branch, history.short, running=running, whole=round(WHOLE * room), newest=round(newest))
    if cut is None or _weight(cut.taken, history) + folds.size(history.short.text) < LEAST:
        return Done(reason="There is nothing old and long enough to fold.")
    emit(Noted("info", f"Folding {len(cut.taken)} entries: M2 writes down what matters of them."))
    changed = await _changed(parts, *folds.snapshots(branch, cut))
    quest = folds.quest(cut, history.short, history.todos, round(ENOUGH * room), changed)
    summary, reason, usage = await _summary(parts, emit, cut, quest, guidance)
    if summary is None:
        return Done(reason=f"{reason} The history is as it was.", usage=usage)
    data: dict[str, Any] = {
        "upto": cut.upto,
        "text": folds.stand_in(summary.text, branch, cut, round(WORDS * room)),
        "why": why,
        "guidance": guidance,
        "reply": reply_to_json(summary),
    }
    trial = History([*branch, Entry("trial", None, "", "fold", data)])
    before, after = _tokens(parts), _tokens(parts, trial)
    if trouble := folds.broken(trial.messages()) or ("" if after < before else "it would not be shorter"):
        return Done(reason=f"The folded history would not do: {trouble}. It is as it was.", usage=usage)
    data |= {"before": before, "after": after, "thoughts": trial.folded, "entries": len(cut.taken)}
    # A fold moves the prefix anyway: an old session gets the tools that have come since, above all the one that looks
    # back.
    parts.write([*parts.tools_of_today(), ("fold", data)])
    entry = history.short.fold
    emit(Folded(entry, why, before, after, trial.folded, 0))
    return Done(entry, usage=usage)


def unfold(parts: Parts) -> str:
    """Undo the last fold in force. Returns a sentence. Raises UsageError if there is none."""
    known = parts.history.short.folds
    if not known:
        raise UsageError("Nothing is folded in this session, so there is nothing to undo.")
    before = _tokens(parts)
    parts.write([("unfold", {"fold": known[-1]})])
    room, after = parts.budget.room(parts.request), _tokens(parts)
    full = " That is more than the window holds, so the next request will fold again." if after > room else ""
    return f"Unfolded: the next request takes about {after:,} tokens instead of {before:,}.{full}"


async def _summary(parts: Parts, emit: Emit, cut: Cut, quest: Quest, guidance: str) -> tuple[Reply | None, str, Usage]:
    """A summary that will do, or None and the reason."""
    usage, flaw = Usage(), ""
    spare: Reply | None = None  # one that would do, but does not say where its items come from
    taken = _weight(cut.taken, parts.history) + folds.size(parts.history.short.text)

    def passing(event: Event) -> None:  # the summary itself is not part of the conversation
        if isinstance(event, Retrying | Noted):
            emit(event)

    for _ in range(TRIES):
        prompt = (User(quest.prompt(guidance, flaw)),)
        request = parts.request._replace(system=parts.fold_prompt(), tools=(), messages=prompt)
        try:
            reply = await turn.ask(parts.model, request, passing)
        except ModelError as error:  # asking again was tried already, where that could help
            return spare, f"M2 did not answer: {error}", usage
        usage += reply.usage
        flaw = folds.flaw(reply, quest, taken)
        if not flaw and folds.points_back(reply, parts.history.entries):
            return reply, "", usage
        if not flaw:
            spare, flaw = reply, "its items do not end with the ids they come from"
    return spare, f"No summary could be used in {TRIES} tries: {flaw}.", usage


async def _changed(parts: Parts, before: str, after: str) -> tuple[str, ...]:
    """The files that differ between two snapshots, commands' doings included, relative to the folder. None of too
    many: nobody names what an installation wrote."""
    paths = await parts.checkpoints.changed(before, after)
    folder = str(parts.journal.header.data.get("folder", ""))
    return tuple(path.removeprefix(f"{folder}/") for path in paths) if len(paths) <= MOST_NAMED else ()


def _weight(entries: Iterable[ContextEntry], history: History) -> int:
    return sum(folds.weight(entry, history.short) for entry in entries)


def _tokens(parts: Parts, history: History | None = None) -> int:
    """What the next request would take with this history (by default the one in force)."""
    request: Request = parts.next_request()
    if history is not None:
        request = request._replace(messages=history.messages())
    return parts.history.gauge.tokens(len(parts.model.encode(request).body))
