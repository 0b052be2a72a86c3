"""Words that only look: at the session, its window, its requests, its past, and what is in force around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from minicode.cli.words.talk import Talk, ground_of, scope_of, tell
from minicode.errors import UsageError
from minicode.journal import tree as trees
from minicode.journal.entry import Entry
from minicode.journal.reader import Loaded
from minicode.messages import Usage, usage_from_json
from minicode.model import catalogue
from minicode.model.endpoint import endpoint
from minicode.sandbox.policy import Grant
from minicode.text import clip

_BODY = 6000  # bytes of a request that are shown; the command shows all of it


async def status(talk: Talk, rest: str) -> None:
    session, started = talk.session, talk.started
    back, issued = session.meter
    journal, gate = session.journal, session.gate
    s = started.settings
    called = f" · {journal.gist.name or journal.gist.title}".rstrip(" ·")
    kept = str(journal.path) if journal.path else "nowhere: this session is not kept"
    tell(
        talk,
        f"session {journal.id}{called} · thought {back}/{issued} · mode {gate.standing.mode}",
        f"model {session.parts.request.model} at {endpoint(s.base_url, s.protocol).host}",
        f"folder {started.folder}",
        f"kept in {kept}",
        f"sandbox {started.contained.words()}",
    )


async def context(talk: Talk, rest: str) -> None:
    from minicode.cli.context import of

    await talk.session.model.ready()
    tell(talk, *of(talk.session.parts))


async def usage(talk: Talk, rest: str) -> None:
    entries = tuple(talk.session.journal.entries)
    last = max((place for place, entry in enumerate(entries) if trees.is_said(entry)), default=0)
    rows = [("this turn", _spent(entries[last:], entries)), ("session", _spent(entries, entries))]
    tell(talk, f"{'':10} {'steps':>6} {'tokens in':>12} {'cached':>7} {'out':>10} {'USD':>9}")
    for name, spent in rows:
        use = spent.used
        cached = f"{use.cache_read * 100 // use.context} %" if use.context else "-"
        money = "unknown" if spent.money is None else f"{spent.money:.4f}"
        tell(talk, f"{name:10} {spent.steps:6,} {use.context:12,} {cached:>7} {use.output:10,} {money:>9}")
    tell(talk, f"Pay as you go, at the prices of {catalogue.prices_read()}; branches that were left count too.")


class Spent(NamedTuple):
    """steps: replies. money: US dollars, None if the price of some model is not known."""

    used: Usage
    steps: int
    money: float | None


def _spent(entries: Iterable[Entry], all_: Sequence[Entry]) -> Spent:
    """What the replies among `entries`, and the summaries, titles and tasks, took."""
    models: dict[str, str] = {}
    asked = ""
    for entry in all_:
        if entry.kind == "request":
            asked = str(entry.data.get("params", {}).get("model", ""))
        models[entry.id] = asked
    used, steps, money = Usage(), 0, 0.0
    known = True
    for entry in entries:
        data = entry.data.get("reply", entry.data) if entry.kind == "fold" else entry.data
        if entry.kind not in ("reply", "fold", "title", "task") or "usage" not in data:
            continue
        one = usage_from_json(data["usage"])
        price = catalogue.cost(one, models[entry.id])
        used, steps = used + one, steps + (entry.kind == "reply")
        known = known and (price is not None or one == Usage())
        money += price or 0.0
    return Spent(used, steps, money if known else None)


async def trace(talk: Talk, rest: str) -> None:
    """Of the session as it is now, a step's request: what is to be known of it, and its beginning and end."""
    journal = talk.session.journal
    loaded = Loaded(journal.header, list(journal.entries))
    total = sum(entry.kind == "request" for entry in loaded.entries)
    if not total:
        raise UsageError("Nothing was sent to the model yet.")
    number = int(rest) if rest.isdecimal() else 0 if rest else total
    if not 1 <= number <= total:
        raise UsageError(f"This session has steps 1 to {total}; there is no step {rest!r}.")
    tell(talk, *await asyncio.to_thread(lambda: list(_traced(loaded, number, total))))
    tell(talk, f"All of it: minicode trace {journal.id} {number}")


def _traced(loaded: Loaded, number: int, total: int) -> Iterator[str]:
    from minicode.cli.trace import about, lines_of, steps

    step = next(step for step in steps(loaded) if step.number == number)
    yield clip("\n".join(lines_of(step)), _BODY)
    yield from about(step, total, loaded)


async def recall(talk: Talk, rest: str) -> None:
    if not rest:
        raise UsageError("Write after /recall what to look for: words, or one /regular expression/.")
    found = await scope_of(talk, Grant()).recall(rest, (), "", "any", 8)
    tell(talk, found.text)


async def tools(talk: Talk, rest: str) -> None:
    from minicode.cli.inspect import broken_lines, tool_lines

    toolbox = talk.session.parts.toolbox
    tell(talk, *tool_lines(toolbox), *broken_lines(toolbox))


async def config(talk: Talk, rest: str) -> None:
    from minicode.cli.inspect import config_lines, differences

    base = await asyncio.to_thread(ground_of, talk)
    tell(talk, *(line for line in config_lines(base) if rest.lower() in line.lower()))
    if other := list(differences(base, talk.started.settings)):
        tell(talk, "# changed since this session began, which goes on with:", *other)
    if (model := talk.session.parts.request.model) != talk.started.settings.model:
        tell(talk, f"# /model chose {model} for this session")


async def doctor(talk: Talk, rest: str) -> None:
    from minicode.cli.doctor import findings

    found = findings(await asyncio.to_thread(ground_of, talk), talk.started.key)
    while (finding := await asyncio.to_thread(next, found, None)) is not None:
        tell(talk, finding.line)


async def tasks(talk: Talk, rest: str) -> None:
    """List the commands in the background; `stop N` ends one."""
    jobs = talk.session.jobs
    verb, _, number = rest.partition(" ")
    if rest:
        if verb != "stop" or not number.strip().isdecimal():
            raise UsageError("It is /tasks, or /tasks stop NUMBER.")
        await jobs.stop(int(number))
    views = jobs.views()
    if not any(not view.fate for view in views):
        tell(talk, "Nothing runs in the background.")
    for view in views:
        tell(
            talk, f" {view.id:2}  {view.fate or f'runs, {view.seconds:.0f} s'}  {' '.join(view.command.split())[:100]}"
        )


async def mcp(talk: Talk, rest: str) -> None:
    offered = (talk.started.folder / ".mcp.json").exists()
    here = " The .mcp.json of this folder is not used." if offered else ""
    tell(talk, f"This version speaks to no MCP servers yet.{here}")
