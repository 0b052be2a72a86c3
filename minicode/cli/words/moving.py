"""Words that move: back and forth in a session, to another one, to a copy, to a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from minicode import paths
from minicode.cli.words.talk import Talk, check_still, tell, yes
from minicode.errors import UsageError
from minicode.journal import store
from minicode.journal import tree as trees
from minicode.journal.reader import Summary, summaries
from minicode.rewinding import Moved
from minicode.text import clean, count

if TYPE_CHECKING:
    from minicode.cli.rewind import Way

_LISTED = 15  # messages, or sessions, that are offered


async def rewind(talk: Talk, rest: str) -> None:
    from minicode.cli.tree import listing

    check_still(talk, "rewind")
    messages = trees.said(talk.session.journal.branch)
    if not rest and messages:
        tell(talk, *(f"  {line}" for line in listing(messages[-_LISTED:])))
        rest = await talk.ask("Go back before which one? (its id; Enter for none) ")
        if not rest:
            return
    await _go_back(talk, trees.find(messages, rest, talk.session.journal.entries))


async def undo(talk: Talk, rest: str) -> None:
    check_still(talk, "rewind")
    messages = trees.said(talk.session.journal.branch)
    last = messages[-1].id if messages else ""
    await _go_back(talk, trees.find(messages, rest or last, talk.session.journal.entries))


async def _go_back(talk: Talk, message: trees.Said) -> None:
    from minicode.cli.rewind import choosing

    session = talk.session
    lines: list[str] = []
    asking = choosing(lines.append, session.parts.checkpoints.snapshots, tuple(session.journal.entries), message)
    step = _Step("")
    answer = None
    while step.question is not None:
        step = await asyncio.to_thread(_next, asking, answer)
        talk.say("".join(lines))
        lines.clear()
        answer = await talk.ask(step.question) if step.question is not None else None
    if (way := step.way) is None:
        tell(talk, "Nothing was changed.")
        return
    moved = await session.rewind(message.id, conversation=way.conversation, files=way.files, force=way.force)
    _tell(talk, moved)
    if way.conversation:
        talk.given = moved.text
        tell(talk, f"Back before {message.id}; /redo undoes that. What you said then is yours to edit:")
    else:
        tell(talk, "The conversation goes on where it was; /redo undoes this.")


class _Step(NamedTuple):
    question: str | None
    way: Way | None = None


def _next(asking: Generator[str, str | None, Way | None], answer: str | None) -> _Step:
    """Up to the next question, or the end. Not `send` itself: StopIteration cannot leave a thread."""
    try:
        return _Step(asking.send(answer))
    except StopIteration as end:
        return _Step(None, end.value)


async def redo(talk: Talk, rest: str) -> None:
    from minicode.workspace.snapshots.restore import ChangedSince

    try:
        moved = await talk.session.redo()
    except ChangedSince as error:
        tell(talk, str(error))
        if not yes(await talk.ask("Overwrite that, too? [y/N] ")):
            return
        moved = await talk.session.redo(force=True)
    _tell(talk, moved)
    talk.given = "" if moved.conversation else talk.given
    tell(talk, "Where it was before the last rewind or switch.")


async def switch(talk: Talk, rest: str) -> None:
    if not rest:
        raise UsageError("Write after /switch the id or label of an entry on that branch; /tree shows them.")
    _tell(talk, await talk.session.switch(rest))
    tell(talk, "The session goes on there; /redo undoes that.")


def _tell(talk: Talk, moved: Moved) -> None:
    from minicode.cli.rewind import told

    tell(talk, *told(moved))


async def tree(talk: Talk, rest: str) -> None:
    from minicode.cli.tree import drawing

    journal = talk.session.journal
    talk.say("".join(f"{line}\n" for line in drawing(journal.entries, journal.leaf)))


async def label(talk: Talk, rest: str) -> None:
    """On the last message, or the entry whose id comes first."""
    if not rest:
        raise UsageError("Write the label after /label. With an id and no text, that entry loses the label it has.")
    first, _, words = rest.partition(" ")
    messages = trees.said(talk.session.journal.branch)
    if any(entry.id == first for entry in talk.session.journal.entries):
        entry, text = first, words.strip()
    elif messages:
        entry, text = messages[-1].id, rest
    else:
        raise UsageError("There is nothing to label yet: say something first.")
    talk.session.label(entry, text)
    tell(talk, f"{entry} is labelled {text!r}." if text else f"{entry} has no label any more.")


async def rename(talk: Talk, rest: str) -> None:
    if not rest:
        raise UsageError("Write the new name after /rename.")
    talk.session.rename(rest)
    tell(talk, f"This session is called {rest}.")


async def fork(talk: Talk, rest: str) -> None:
    check_still(talk, "fork")
    journal = talk.session.journal
    if journal.path is None or not any(entry.kind == "user" for entry in journal.entries):
        raise UsageError("There is nothing to fork yet: say something first.")
    journal.save()  # it may itself be a fork in which nothing was said
    await talk.go_over(replace(talk.plan, resume=journal.id, fork=True, name=rest or None))
    talk.session.journal.save()  # who asks for a copy wants to find it again


async def clear(talk: Talk, rest: str) -> None:
    check_still(talk, "begin anew")
    await talk.go_over(replace(talk.plan, resume=None, fork=False, name=rest or None))


async def resume(talk: Talk, rest: str) -> None:
    """By id, the beginning of one, or name; or by the number in the list that is shown without it."""
    check_still(talk, "go over")
    places, here = paths.places(), paths.slug(talk.started.folder)
    if not rest:
        found = await asyncio.to_thread(_latest, here)
        if not found:
            tell(talk, "There is no session of this folder yet.")
            return
        tell(talk, *_listed(found, talk.session.journal.id))
        rest = await talk.ask("Go on in which one? (number, id or name; Enter for none) ")
        if not rest:
            return
        if rest.isdecimal() and 1 <= int(rest) <= len(found):
            rest = found[int(rest) - 1].id
    path = await asyncio.to_thread(store.find, places.sessions, rest, here)
    if path == talk.session.journal.path:
        tell(talk, "That is the session you are in.")
        return
    await talk.go_over(replace(talk.plan, resume=path.stem, fork=False, name=None))


def _latest(project: str) -> list[Summary]:
    found = summaries(paths.places().sessions, project)
    return sorted(found, key=lambda s: s.updated or s.started, reverse=True)[:_LISTED]


def _listed(found: list[Summary], current: str) -> list[str]:
    from minicode.cli.tree import local

    return [
        f" {number:2}  {local(s.updated)}  {count(s.gist.turns, 'turn'):9} {clean(s.label)[:60]}"
        + ("  (this one)" if s.id == current else "")
        for number, s in enumerate(found, 1)
    ]
