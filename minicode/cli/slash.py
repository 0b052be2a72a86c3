"""The slash words of the talk: what is done between turns, without the model hearing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import NamedTuple, Protocol

from minicode.errors import MinicodeError, UsageError
from minicode.events import Event
from minicode.journal import tree as trees
from minicode.permission.values import MODES
from minicode.rewinding import Moved
from minicode.session import Session
from minicode.start import Plan, Started
from minicode.text import clean

_LISTED = 15  # messages that are offered


class Talk(Protocol):
    """What the words work on. plan: what this talk was started with. given: text for the next prompt, to be edited."""

    plan: Plan
    runner: asyncio.Runner
    given: str

    @property
    def started(self) -> Started: ...
    @property
    def session(self) -> Session: ...
    def say(self, text: str) -> None: ...
    def ask(self, prompt: str) -> str:
        """A line from the user, "" if they want none of it."""
        ...

    def show(self, event: Event) -> None: ...
    def go_over(self, plan: Plan) -> None:
        """Leave this session for another one."""
        ...


class Word(NamedTuple):
    does: Callable[[Talk, str], None]
    takes: str
    help: str


def obey(talk: Talk, line: str) -> bool:
    """Do what a line that begins with a slash says. False if it was to end the talk."""
    word, _, rest = line.partition(" ")
    word = ALIASES.get(word, word)
    if word == "/quit":
        return False
    try:
        if word not in WORDS:
            near = get_close_matches(word, [*WORDS, *ALIASES, "/quit"], n=1)
            hint = f"Did you mean {near[0]}?" if near else "/help lists them."
            raise UsageError(f"There is no {word}. {hint}")
        WORDS[word].does(talk, rest.strip())
    except MinicodeError as error:
        talk.say(f"minicode: {clean(str(error))}\n")
    return True


def _help(talk: Talk, rest: str) -> None:
    for name, word in WORDS.items():
        others = "".join(f", {alias}" for alias, meant in ALIASES.items() if meant == name)
        talk.say(f"  {f'{name} {word.takes}'.rstrip() + others:28} {word.help}\n")
    talk.say("  /quit or Ctrl-D              leave; Ctrl-C stops what runs\n")


def _mode(talk: Talk, rest: str) -> None:
    gate = talk.session.gate
    if rest in MODES:
        gate.standing = gate.standing._replace(mode=rest)
    elif rest:
        raise UsageError(f"There is no mode {rest!r}; there are {', '.join(MODES)}.")
    talk.say(f"mode {gate.standing.mode}; there are {', '.join(MODES)}\n")


def _status(talk: Talk, rest: str) -> None:
    back, issued = talk.session.meter
    journal = talk.session.journal
    called = f" · {journal.gist.name or journal.gist.title}".rstrip(" ·")
    talk.say(
        clean(f"session {journal.id}{called} · thought {back}/{issued} · mode {talk.session.gate.standing.mode}\n")
    )
    talk.say(f"sandbox {talk.started.contained.words()}\n")


def _rewind(talk: Talk, rest: str) -> None:
    from minicode.cli.tree import listing

    messages = trees.said(talk.session.journal.branch)
    if not rest and messages:
        for line in listing(messages[-_LISTED:]):
            talk.say(f"  {line}\n")
        rest = talk.ask("Go back before which one? (its id; Enter for none) ")
        if not rest:
            return
    _go_back(talk, trees.find(messages, rest, talk.session.journal.entries))


def _undo(talk: Talk, rest: str) -> None:
    messages = trees.said(talk.session.journal.branch)
    last = messages[-1].id if messages else ""
    _go_back(talk, trees.find(messages, rest or last, talk.session.journal.entries))


def _go_back(talk: Talk, message: trees.Said) -> None:
    from minicode.cli import rewind

    session = talk.session
    desk = rewind.Desk(talk.say, talk.ask)
    snapshots = session.parts.checkpoints.snapshots
    way = rewind.choose(desk, snapshots, session.journal.entries, message, None)
    if way is None:
        talk.say("Nothing was changed.\n")
        return
    moved = talk.runner.run(session.rewind(message.id, conversation=way.conversation, files=way.files, force=way.force))
    _tell(talk, moved)
    if way.conversation:
        talk.given = moved.text
        talk.say(f"Back before {message.id}; /redo undoes that. What you said then is yours to edit:\n")
    else:
        talk.say("The conversation goes on where it was; /redo undoes this.\n")


def _redo(talk: Talk, rest: str) -> None:
    from minicode.workspace.snapshots.restore import ChangedSince

    try:
        moved = talk.runner.run(talk.session.redo())
    except ChangedSince as error:
        talk.say(f"{clean(str(error))}\n")
        if talk.ask("Overwrite that, too? [y/N] ").lower() not in ("y", "yes"):
            return
        moved = talk.runner.run(talk.session.redo(force=True))
    _tell(talk, moved)
    talk.given = "" if moved.conversation else talk.given
    talk.say("Where it was before the last rewind or switch.\n")


def _switch(talk: Talk, rest: str) -> None:
    if not rest:
        raise UsageError("Write after /switch the id or label of an entry on that branch; /tree shows them.")
    _tell(talk, talk.runner.run(talk.session.switch(rest)))
    talk.say("The session goes on there; /redo undoes that.\n")


def _tell(talk: Talk, moved: Moved) -> None:
    from minicode.cli.rewind import told

    for line in told(moved):
        talk.say(f"{clean(line)}\n")


def _tree(talk: Talk, rest: str) -> None:
    from minicode.cli.tree import drawing

    journal = talk.session.journal
    for line in drawing(journal.entries, journal.leaf):
        talk.say(f"{line}\n")


def _fork(talk: Talk, rest: str) -> None:
    journal = talk.session.journal
    if journal.path is None or not any(entry.kind == "user" for entry in journal.entries):
        raise UsageError("There is nothing to fork yet: say something first.")
    journal.save()  # it may itself be a fork in which nothing was said
    talk.go_over(replace(talk.plan, resume=journal.id, fork=True, name=rest or None))
    talk.session.journal.save()  # who asks for a copy wants to find it again


def _clear(talk: Talk, rest: str) -> None:
    talk.go_over(replace(talk.plan, resume=None, fork=False, name=rest or None))


def _rename(talk: Talk, rest: str) -> None:
    if not rest:
        raise UsageError("Write the new name after /rename.")
    talk.session.rename(rest)
    talk.say(f"This session is called {clean(rest)}.\n")


def _label(talk: Talk, rest: str) -> None:
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
    talk.say(clean(f"{entry} is labelled {text!r}.\n" if text else f"{entry} has no label any more.\n"))


def _compact(talk: Talk, rest: str) -> None:
    talk.runner.run(talk.session.fold(talk.show, rest))


def _unfold(talk: Talk, rest: str) -> None:
    talk.runner.run(talk.session.model.ready())  # how long the history is, is told as it will be sent
    talk.say(f"{clean(talk.session.unfold())}\n")


def _context(talk: Talk, rest: str) -> None:
    from minicode.cli.context import of

    talk.runner.run(talk.session.model.ready())
    for line in of(talk.session.parts):
        talk.say(f"{clean(line)}\n")


ALIASES = {"/new": "/clear", "/exit": "/quit", "/q": "/quit"}
WORDS = {
    "/help": Word(_help, "", "this list"),
    "/rewind": Word(_rewind, "[ID]", "go back before a message of yours and edit it"),
    "/undo": Word(_undo, "", "go back before your last message"),
    "/redo": Word(_redo, "", "undo the last rewind or switch, until you say something new"),
    "/tree": Word(_tree, "", "your messages, those that were rewound too"),
    "/switch": Word(_switch, "ID", "go on at the end of a branch that was left"),
    "/fork": Word(_fork, "[NAME]", "go on in a copy; this session stays as it is"),
    "/clear": Word(_clear, "[NAME]", "begin anew; this session stays as it is"),
    "/rename": Word(_rename, "NAME", "name this session"),
    "/label": Word(_label, "[ID] TEXT", "label your last message, or what has this id"),
    "/compact": Word(_compact, "[WHAT MATTERS]", "fold what is old into a summary"),
    "/unfold": Word(_unfold, "", "undo the last fold"),
    "/context": Word(_context, "", "what the window is full of"),
    "/mode": Word(_mode, "[MODE]", "show or set how much is asked"),
    "/status": Word(_status, "", "session, thoughts, sandbox"),
}
