"""Words that set how the session goes on: the model, the mode, what is allowed, how much of the past is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import NamedTuple

from minicode import paths, safety
from minicode.cli.words.talk import Talk, ground_of, tell
from minicode.context.budget import Budget
from minicode.errors import UsageError
from minicode.model import catalogue
from minicode.permission.values import MODES


async def model(talk: Talk, rest: str) -> None:
    parts = talk.session.parts
    if not rest:
        from minicode.cli.inspect import model_lines

        tell(talk, *model_lines(parts.request.model), f"now {parts.request.model}; /model ID takes another one")
        return
    if len(rest.split()) > 1:
        raise UsageError("A model's id has no blanks. /model lists what minicode knows.")
    info, s = catalogue.look_up(rest), talk.started.settings
    parts.request = parts.request._replace(model=rest, max_tokens=s.output_tokens)
    # What an overflow taught of the window was about the other model.
    parts.budget, parts.fold_after = Budget(s.context_window, s.fold_at), 0
    talk.plan = replace(talk.plan, flags={**talk.plan.flags, "model": rest})
    tell(talk, f"model {rest}, from the next step on; its window holds {parts.budget.whole(rest):,} tokens")
    if not info.known:
        known = {m.id.lower(): m.id for m in catalogue.models()}
        near = get_close_matches(rest.lower(), known, 1, 0.8)
        meant = f" Did you mean {known[near[0]]}?" if near else ""
        tell(talk, f"minicode does not know it, so its limits are safe guesses and it has no price.{meant}")


async def mode(talk: Talk, rest: str) -> None:
    if rest:
        _set_mode(talk, rest)
    tell(talk, f"mode {talk.session.gate.standing.mode}; there are {', '.join(MODES)}")


async def plan(talk: Talk, rest: str) -> None:
    _set_mode(talk, "plan")
    tell(talk, "mode plan: M2 looks, thinks and changes nothing until you agree to its plan. /mode default ends it.")
    if rest:
        talk.send(rest)


def _set_mode(talk: Talk, name: str) -> None:
    if name not in MODES:
        raise UsageError(f"There is no mode {name!r}; there are {', '.join(MODES)}.")
    talk.session.set_mode(name)


class _Rule(NamedTuple):
    """where: whence it comes. kept: "project" or "session" if it was allowed in a question, and can be taken back."""

    verdict: str
    text: str
    where: str
    kept: str = ""


async def permissions(talk: Talk, rest: str) -> None:
    """List the rules; `remove N` takes back what was allowed in a question."""
    base = await asyncio.to_thread(ground_of, talk)
    saved = safety.saved_rules(base.places.state, base.folder)
    rules = list(_rules(talk, base.layered.origins, saved))
    removable = [rule for rule in rules if rule.kept]
    verb, _, number = rest.partition(" ")
    if rest:
        if verb not in ("remove", "rm") or not number.strip().isdecimal():
            raise UsageError("It is /permissions, or /permissions remove NUMBER.")
        if not 1 <= int(number) <= len(removable):
            raise UsageError(f"There is no rule {number}: {len(removable)} can be removed. /permissions lists them.")
        await _take_back(talk, removable[int(number) - 1])
        return
    standing = talk.session.gate.standing
    tell(talk, f"mode {standing.mode} · sandbox {talk.started.contained.words()}")
    for rule in rules:
        mark = f"{removable.index(rule) + 1:2}" if rule.kept else "  "
        tell(talk, f"{mark}  {rule.verdict:6} {rule.text}  ({rule.where})")
    if not rules:
        tell(talk, "No rules: the mode alone decides.")
    if removable:
        tell(talk, "/permissions remove NUMBER takes one back.")


def _rules(talk: Talk, origins: Mapping[str, str], saved: tuple[str, ...]) -> Iterator[_Rule]:
    rules, s = talk.session.gate.standing.rules, talk.started.settings
    for verdict in ("deny", "ask", "allow"):
        key = f"permissions_{verdict}"
        for text in getattr(rules, verdict):
            if text in getattr(s, key):
                yield _Rule(verdict, text, origins.get(key, "settings"))
            elif text in saved:
                yield _Rule(verdict, text, "you, for this project", "project")
            else:
                yield _Rule(verdict, text, "you, for this session", "session")


async def _take_back(talk: Talk, rule: _Rule) -> None:
    if rule.kept == "project":
        await asyncio.to_thread(safety.drop_rule, paths.places().state, talk.started.folder, rule.text)
    gate = talk.session.gate
    left = tuple(text for text in gate.standing.rules.allow if text != rule.text)
    gate.standing = gate.standing._replace(rules=gate.standing.rules._replace(allow=left))
    tell(talk, f"Not allowed unasked any more: {rule.text}")


async def compact(talk: Talk, rest: str) -> None:
    await talk.session.fold(talk.show, rest)


async def unfold(talk: Talk, rest: str) -> None:
    await talk.session.model.ready()  # how long the history is, is told as it will be sent
    tell(talk, talk.session.unfold())
