"""The tool axis: what the tools are called, what they take, and what the model makes of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from minicode.events import CallStarted, Event, TurnEnded
from minicode.lab.rehearsal import Call, Do
from minicode.lab.rehearsal.policy import Drift, Moment, Move
from minicode.show import REPAIRED, Line
from tests.perturb import drifts, toolsets
from tests.perturb.drifts import every, stacked
from tests.perturb.play import Row
from tests.perturb.stage import Stage, Tree
from tests.perturb.tasks import Task
from tests.perturb.toolsets import Dress, dress

EXTRA = ("reason", "urgency")


def fine(stage: Stage) -> Iterator[str]:
    """No call of the run failed: the model had no error to read."""
    for done in stage.done:
        if done.result.failed:
            yield f"{done.call.name} failed: {done.result.text[:300]}"


def mended(stage: Stage) -> Iterator[str]:
    """As `fine`, and the perturbation did come about."""
    yield from fine(stage)
    yield from some_mended(stage)


def some_mended(stage: Stage) -> Iterator[str]:
    """Calls were mended, and said to be."""
    if not any(isinstance(b, Line) and b.text.startswith(REPAIRED) for done in stage.done for b in done.show):
        yield "no call had anything to mend"


def offered(stage: Stage, number: int = -1) -> dict[str, str]:
    """Name and description of each tool in a request, as the server understood them. A name that is there twice has
    both descriptions."""
    found: dict[str, str] = {}
    for tool in stage.bodies[number].get("tools", ()):
        told = tool.get("function", tool)
        found[told["name"]] = found.get(told["name"], "") + told["description"]
    return found


def renamed(stage: Stage) -> None:
    dress(stage.home / "tools", {name: Dress(f"fn_{n}") for n, name in enumerate(toolsets.names())})


def by_new_names(stage: Stage) -> dict[str, tuple[str, ...]]:
    """Without the shipped tools; what the user allows the tool for pages, by its new name too."""
    names = toolsets.names()
    return {"disallowed_tools": names, "permissions_allow": (f"fn_{names.index('web_fetch')}",)}


def all_renamed(stage: Stage) -> Iterator[str]:
    yield from fine(stage)
    if not all(name.startswith("fn_") for name in offered(stage)):
        yield f"tools went by their own names: {', '.join(offered(stage))}"


def backwards(stage: Stage) -> None:
    dress(stage.home / "tools", {name: Dress(backwards=True) for name in toolsets.names()})


def with_extra(stage: Stage) -> None:
    dress(stage.home / "tools", {name: Dress(extra=EXTRA) for name in toolsets.names()})


def extra_given(stage: Stage) -> Drift:
    def given(call: Call, moment: Moment) -> Call:
        return replace(call, arguments={**call.arguments, **dict.fromkeys(EXTRA, "because")})

    return stacked(every(given), every(drifts.adorned))


def told_otherwise(stage: Stage) -> None:
    """The descriptions speak of parameters by names that the schemas do not have."""
    said = ", ".join(f"`{names[0]}`" for names in drifts.OTHERS.values())
    dress(stage.home / "tools", {name: Dress(after=f" Takes {said}.") for name in toolsets.names()})


def by_turns(call: Call, moment: Moment) -> Call:
    """Now as the description has it, now as the schema has it."""
    if (moment.move + moment.again) % 2:
        return call
    return replace(call, arguments={drifts.OTHERS.get(k, (k,))[0]: v for k, v in call.arguments.items()})


def twice(stage: Stage) -> None:
    """Every tool in two places: the user's folder and the project's."""
    for place, says in ((stage.home, "By the user. "), (stage.folder / ".minicode", "By the project. ")):
        dress(place / "tools", {name: Dress(says=says) for name in toolsets.names()})


def without_guests(stage: Stage, tree: Tree) -> Tree:
    return {name: data for name, data in tree.items() if not name.startswith(".minicode/")}


def last_place_wins(stage: Stage) -> Iterator[str]:
    yield from fine(stage)
    names = [tool.get("function", tool)["name"] for tool in stage.bodies[0]["tools"]]
    if names != sorted(set(names)):
        yield f"the tools are not each there once, in order: {names}"
    yield from (f"{n} is not the project's" for n, text in offered(stage).items() if not text.startswith("By the proj"))


async def other_tools_later(stage: Stage) -> TurnEnded:
    """Stopped amid a command; gone on with in a new process that has a tool more and two less."""
    await stopped(stage)
    dress(stage.home / "tools", {"outline": Dress("lately")})
    started = stage.begin(resume="", flags={"disallowed_tools": ("map", "outline")})
    try:
        return await stage.say(started, "Go on.")
    finally:
        await started.close()


def stopped_amid(task: Task) -> tuple[Move, ...]:
    """With a second move that would take a minute, and is stopped."""
    sleep = Move((Do("shell", {"command": "sleep 60"}),), ("interrupted",))
    return (task.moves[0], sleep, *task.moves[1:])


async def stopped(stage: Stage) -> None:
    """The first part of such a run, in a process of its own."""
    started = stage.begin()

    def stop(event: Event) -> None:
        if isinstance(event, CallStarted) and "sleep 60" in event.call.arguments.values():
            started.session.cancel()

    try:
        ended = await stage.say(started, stage.said, stop)
    finally:
        await started.close()
    if ended.reason != "cancelled":
        stage.wrong.append(f"the run was not stopped: {ended.reason}")


def went_on(stage: Stage) -> Iterator[str]:
    """What went is offered no more, and a call of it answered with what there is; what came is offered."""
    if not any(done.call.name == "map" and "There is no tool `map`" in done.result.text for done in stage.done):
        yield "the tool that went was not missed"
    before, after = ({tool.get("function", tool)["name"] for tool in stage.bodies[n]["tools"]} for n in (0, -1))
    if (before - after, after - before) != ({"map", "outline"}, {"lately"}):
        yield f"the tools that are offered went from {sorted(before)} to {sorted(after)}"


TOOL_ROWS: tuple[Row, ...] = (
    Row(
        "T1",
        "all tools renamed (`fn_0`, `fn_1` …)",
        scene=renamed,
        flags=by_new_names,
        remarks=all_renamed,
    ),
    Row("T2", "parameters under others' names", drift=lambda _: every(drifts.named_otherwise), remarks=mended),
    Row(
        "T3",
        "parameters reordered, in the schema and in the calls",
        scene=backwards,
        drift=lambda _: every(drifts.reordered),
        remarks=fine,
    ),
    Row(
        "T4",
        'arguments of other types (`"12"`, `"true"`, JSON for a list)',
        drift=lambda _: every(drifts.retyped),
        remarks=mended,
    ),
    Row(
        "T5",
        "optional parameters too many, in the schema and unknown ones in the calls",
        scene=with_extra,
        drift=extra_given,
        remarks=mended,
    ),
    Row(
        "T9",
        "the description names other parameters than the schema",
        scene=told_otherwise,
        drift=lambda _: every(by_turns),
        remarks=mended,
    ),
    Row(
        "T10",
        "two folders bring tools of the same names (MCP servers: once there are any)",
        scene=twice,
        trust=True,
        undo=without_guests,
        remarks=last_place_wins,
        tasks=("rename function", "fix off-by-one", "edit JSON", "answer a question without edits"),
        why="names are settled before the first request, whatever the task; two tool folders stand in for two servers",
    ),
    Row(
        "T11",
        "tools added and taken away amid the session",
        talk=other_tools_later,
        moves=lambda task: (*stopped_amid(task), Move((Call("map", {}),), ("There is no tool `map`",))),
        remarks=went_on,
        tasks=("rename function", "edit JSON", "two-file refactor", "answer a question without edits"),
        why="a session is stopped and resumed in each",
    ),
    Row("T12", "tools that are not there, odd case, prefixes, spaces", drift=lambda _: every(drifts.misnamed)),
)
