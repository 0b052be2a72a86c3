"""Run one task under one perturbation, whole: a real session, a real server; and say what is not as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minicode.cli.trace import steps
from minicode.events import TurnEnded
from minicode.journal.check import verify
from minicode.journal.reader import load
from minicode.lab.rehearsal import Rehearsal, Shape
from minicode.lab.rehearsal.policy import Drift, Move, Policy, as_meant
from minicode.model.client import EndpointModel
from minicode.model.endpoint import endpoint
from minicode.model.retry import Schedule
from minicode.plan import Plan
from minicode.start import Started, start
from tests.perturb.stage import Stage, Tree, contents, environment, git, prepare, site, surroundings
from tests.perturb.tasks import Task

WIRES = {"anthropic": "/anthropic", "openai": "/v1"}
LIMIT = 60.0
PLAIN = Shape()
Talk = Callable[["Stage"], Awaitable[TurnEnded]]


async def once(stage: Stage) -> TurnEnded:
    """The task's words, and one turn."""
    started = stage.begin()
    try:
        return await stage.say(started, stage.said)
    finally:
        await started.close()


def nothing(stage: Stage) -> None:
    return None


def as_it_is(stage: Stage, tree: Tree) -> Tree:
    return tree


def no_remark(stage: Stage) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Row:
    """One perturbation of the catalogue.

    tasks: names of those it is run with, () for all; why: if not all. drift: makes what becomes of the model's replies,
    anew for each run. moves: what the model does instead. said: what the user says instead. scene: changes the folder,
    the home or the outside before the session. flags: settings; trust: of the folder. environment: variables while it
    runs. undo: takes out of the tree at the end what the scene put in. talk: how the session goes. remarks: what else
    is not as it should be, a sentence each, that the perturbation never came about among them. shape: of the server's
    answers. cleanup: what the scene needs at the very end. needs: why this cannot be done here, "" if it can; asked
    with a folder for trials. limit: seconds until a run counts as hanging.
    """

    id: str
    what: str
    tasks: tuple[str, ...] = ()
    why: str = ""
    drift: Callable[[Stage], Drift] = lambda stage: as_meant
    moves: Callable[[Task], tuple[Move, ...]] = lambda task: task.moves
    said: Callable[[str], str] = lambda text: text
    scene: Callable[[Stage], None] = nothing
    flags: Callable[[Stage], Mapping[str, Any]] = lambda stage: {}
    trust: bool = False
    environment: Callable[[Stage], Mapping[str, str]] = lambda stage: {}
    undo: Callable[[Stage, Tree], Tree] = as_it_is
    talk: Talk = once
    remarks: Callable[[Stage], Iterable[str]] = no_remark
    shape: Shape = PLAIN
    cleanup: Callable[[Stage], object] = nothing
    needs: Callable[[Path], str] = lambda base: ""
    limit: float = LIMIT


CLEAN = Row("clean", "nothing")


@dataclass(frozen=True, slots=True)
class Ran:
    """tree: of the folder at the end, the perturbation taken out. harm: a sentence for each thing that must not be."""

    tree: Tree
    answer: str
    code: int
    index: str
    harm: tuple[str, ...]


def wrong(task: Task, ran: Ran) -> list[str]:
    """What is not as it is after the unperturbed run, and all harm; a sentence each."""
    return [*differences(task, ran), *ran.harm]


def differences(task: Task, ran: Ran) -> list[str]:
    """What is not as it is after the unperturbed run."""
    wanted = task.wanted
    names = sorted(name for name in ran.tree.keys() | wanted.keys() if ran.tree.get(name) != wanted.get(name))
    found = [f"other files: {', '.join(names)}"] if names else []
    for what, got, due in (
        ("answer", ran.answer, task.answer),
        ("exit code", ran.code, 0),
        ("index", ran.index, task.index),
    ):
        if got != due:
            found.append(f"another {what}: {got!r} instead of {due!r}")
    return found


async def perform(row: Row, task: Task, base: Path, wire: str, measured: Path) -> Ran:
    """One run, whole. base: a new folder for it. wire: "anthropic" or "openai"."""
    stage = prepare(task, base, wire, measured)
    try:
        row.scene(stage)
        return await played(row, stage)
    finally:
        row.cleanup(stage)


async def played(row: Row, stage: Stage) -> Ran:
    """The run itself, and what came of it."""
    task = stage.task
    untouched = contents(stage.outside)
    stage.policy = policy = Policy(row.moves(task), task.answer, row.drift(stage))
    harm: list[str] = []
    with environment({**surroundings(stage), **row.environment(stage)}):
        async with Rehearsal(policy.script(row.shape)) as server, site(task) as stage.site:
            stage.server = server
            stage.said = row.said(task.prompt.replace("SITE", f"http://{stage.site}"))
            stage.starts = lambda **plan: begin(stage, row, plan)
            ended: TurnEnded | None = None
            try:
                async with asyncio.timeout(row.limit):
                    ended = await row.talk(stage)
            except TimeoutError:
                harm.append(f"hung for more than {row.limit:g} s")
            harm += [f"the server was asked wrongly: {failure}" for failure in server.failures]
            harm += [*stage.wrong, *row.remarks(stage)]
    if ended is not None and ended.error:
        harm.append(f"the turn ended badly: {ended.error}")
    if not policy.done:
        harm.append("the model could not come to its answer")
    if contents(stage.outside) != untouched:
        harm.append("files outside the workspace were touched")
    harm += unsound(stage)
    tree = row.undo(stage, contents(stage.top, stage.vast))
    index = git(stage.top, "status", "--short", "--untracked-files=no") if task.merging else ""
    return Ran(tree, ended.text if ended else "", ended.exit_code if ended else -1, index, tuple(harm))


def begin(stage: Stage, row: Row, plan: Mapping[str, Any]) -> Started:
    """A session of the stage, as the command line starts one; only the waits between tries are taken out."""
    url = stage.server.url + WIRES[stage.wire]
    flags: dict[str, Any] = {"base_url": url, "protocol": stage.wire, "snapshots": "off"}
    if not stage.held:
        flags["sandbox"] = "off"  # what the rows are about does not hang on it, and nobody is there to be asked
    if stage.site:
        flags |= {"network": "on", "web_allow": (stage.site,), "permissions_allow": ("web_fetch",)}
    flags |= {**row.flags(stage), **plan.get("flags", {})}
    started = start(Plan(stage.folder, trust=row.trust, **{**plan, "flags": flags}))

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    started.session.parts.model = EndpointModel(endpoint(url, stage.wire), schedule=Schedule(pause=at_once))
    return started


def unsound(stage: Stage) -> Iterator[str]:
    """What `sessions verify` would say against the sessions of the run, and any thought that was lost."""
    for path in sorted(stage.home.glob("sessions/*/*.jsonl")):
        replayed = steps(load(path))
        whole = 0

        def rebuild(entry: Any, replayed: Any = replayed) -> bytes:
            nonlocal whole
            step = next(replayed)
            whole += step.whole
            body: bytes = step.body
            return body

        report = verify(path, rebuild)
        if not report.ok:
            yield f"the session is not sound: {report}"
        if report.unanswered:
            yield f"calls without a result: {', '.join(report.unanswered)}"
        if whole < report.requests or report.returned < report.issued:
            yield f"thoughts were lost: {report.returned} of {report.issued} came back"
