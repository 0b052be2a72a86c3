"""The slash words: what is done between turns, in every face, without the model hearing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from difflib import get_close_matches

from minicode.cli.words import looking, moving, saying, setting, taking, verifying
from minicode.cli.words.talk import Talk, Word, WordHelp, ground_of, tell
from minicode.errors import MinicodeError, UsageError

__all__ = ["Talk", "WordHelp", "all_helps", "helps", "is_word", "obey"]

_QUIT = "/quit"


def is_word(line: str) -> bool:
    """Is it a command? `/etc/hosts is wrong` is something to say."""
    return line.startswith("/") and "/" not in line.split(None, 1)[0][1:]


async def obey(talk: Talk, line: str) -> bool:
    """Do what a line that begins with a slash says; False if it was to end the talk. Raises nothing of its own."""
    typed, *behind = line.split(None, 1)
    rest = behind[0].strip() if behind else ""
    name = ALIASES.get(typed.lower(), typed.lower())
    if name == _QUIT:
        return False
    try:
        if name in WORDS:
            await WORDS[name].does(talk, rest)
        elif not await saying.say_own(talk, typed, rest):
            raise UsageError(f"There is no {typed}. {await _hint(talk, typed)}")
    except MinicodeError as error:
        tell(talk, f"minicode: {error}")
    except OSError as error:
        tell(talk, f"minicode: {error.filename or typed}: {error.strerror or error}.")
    except Exception as error:  # why: a word that breaks must not end the talk
        tell(talk, f"minicode: internal error in {typed}: {type(error).__name__}: {error}.")
    return True


async def _hint(talk: Talk, typed: str) -> str:
    known = [name for word in await all_helps(talk) for name in (word.name, *word.aliases)]
    near = get_close_matches(typed, known, n=1)
    return f"Did you mean {near[0]}?" if near else "/help lists them."


def helps() -> list[WordHelp]:
    """Of the shipped words, in the order of a help screen."""
    words = [*WORDS.items(), (_QUIT, Word(_screen, "", "leave; Ctrl-D too. Ctrl-C stops what runs"))]
    return [WordHelp(name, word.takes, word.help, _aliases(name)) for name, word in words]


def _aliases(name: str) -> tuple[str, ...]:
    return tuple(alias for alias, meant in ALIASES.items() if meant == name)


async def all_helps(talk: Talk) -> list[WordHelp]:
    """With the user's own commands; one that is called like a shipped word is there, and said not to be in use."""
    try:
        own = await asyncio.to_thread(lambda: list(saying.described(ground_of(talk))))
    except MinicodeError:  # the settings are wrong at the moment, which whoever needs them will say
        own = []
    shipped = {*WORDS, *ALIASES, _QUIT}
    return [*helps(), *(_hidden(word) if word.name.lower() in shipped else word for word in own)]


def _hidden(word: WordHelp) -> WordHelp:
    return word._replace(help=f"(not in use: {word.name} is a word of minicode's own)")


async def _help(talk: Talk, rest: str) -> None:
    every = await all_helps(talk)
    tell(talk, *_listed(word for word in every if not word.own))
    if own := [word for word in every if word.own]:
        tell(talk, "Your own:", *_listed(own))


def _listed(words: Iterable[WordHelp]) -> list[str]:
    return [f"  {' '.join(filter(None, (', '.join((w.name, *w.aliases)), w.takes))):30} {w.help}" for w in words]


async def _screen(talk: Talk, rest: str) -> None:
    tell(talk, "This belongs to the full screen: start minicode without --plain, in a terminal that can show it.")


ALIASES = {
    "/new": "/clear",
    "/reset": "/clear",
    "/sessions": "/resume",
    "/cost": "/usage",
    "/exit": _QUIT,
    "/q": _QUIT,
}
WORDS = {
    "/help": Word(_help, "", "this list"),
    "/model": Word(setting.model, "[ID]", "list the models, or go on with another one"),
    "/mode": Word(setting.mode, "[MODE]", "show or set how much is asked"),
    "/plan": Word(setting.plan, "[TASK]", "plan mode: look and think, change nothing"),
    "/permissions": Word(setting.permissions, "[remove N]", "the rules in force, and taking one back"),
    "/resume": Word(moving.resume, "[SESSION]", "go on in another session of this folder"),
    "/clear": Word(moving.clear, "[NAME]", "begin anew; this session stays as it is"),
    "/fork": Word(moving.fork, "[NAME]", "go on in a copy; this session stays as it is"),
    "/rewind": Word(moving.rewind, "[ID]", "go back before a message of yours and edit it"),
    "/undo": Word(moving.undo, "", "go back before your last message"),
    "/redo": Word(moving.redo, "", "undo the last rewind or switch, until you say something new"),
    "/tree": Word(moving.tree, "", "your messages, those that were rewound too"),
    "/switch": Word(moving.switch, "ID", "go on at the end of a branch that was left"),
    "/rename": Word(moving.rename, "NAME", "name this session"),
    "/label": Word(moving.label, "[ID] TEXT", "label your last message, or what has this id"),
    "/compact": Word(setting.compact, "[WHAT MATTERS]", "fold what is old into a summary"),
    "/unfold": Word(setting.unfold, "", "undo the last fold"),
    "/recall": Word(looking.recall, "WORDS", "search this session, folded or not"),
    "/context": Word(looking.context, "", "what the window is full of"),
    "/usage": Word(looking.usage, "", "tokens, cache and money of this turn and session"),
    "/status": Word(looking.status, "", "session, model, thoughts, sandbox"),
    "/trace": Word(looking.trace, "[STEP]", "the exact request of a step"),
    "/diff": Word(taking.diff, "[PATH]", "what has changed in the files since the session began"),
    "/verify": Word(verifying.verify, "[COMMAND]", "M2's last claim beside what the tests, or a command, show"),
    "/review": Word(saying.review, "[WHAT]", "let M2 review your changes, a branch or a file"),
    "/init": Word(saying.init, "[WHAT MATTERS]", "let M2 write an AGENTS.md"),
    "/copy": Word(taking.copy, "", "copy the last answer"),
    "/export": Word(taking.export, "[FORMAT] [FILE]", "write the session to a file for others"),
    "/tasks": Word(looking.tasks, "[stop N]", "what runs in the background, and stopping it"),
    "/tools": Word(looking.tools, "", "what M2 can do"),
    "/mcp": Word(looking.mcp, "", "servers with more tools: none are spoken to yet"),
    "/config": Word(looking.config, "[WORD]", "the settings and where they come from"),
    "/doctor": Word(looking.doctor, "", "check everything minicode needs"),
    "/theme": Word(_screen, "[NAME]", "choose the colours"),
    "/thinking": Word(_screen, "[HOW]", "how thoughts are shown: folded, live, full, in a pane"),
}
