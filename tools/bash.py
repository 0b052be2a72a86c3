"""Run a shell command."""

import re
from typing import Annotated, Literal

from minicode.toolkit import Finished, Job, Refused, Result, Scope, fate_of, in_the_way, tool

LONGEST = 1800  # seconds
WANTS_TERMINAL = re.compile(
    rb"(?<!because )(?:input|output|stdin) is not (?:from |to )?a (?:terminal|tty)\b|failed tty get|Error opening term",
    re.IGNORECASE,
)
QUOTED = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
LEAVES = re.compile(r"(?<![&>|])&(?=\s|\)|$)(?![\s\S]*\bwait\b)")  # something in the background
MILLISECONDS = 10_000  # other agents count in them, and M2 has seen those; nobody means so many seconds


@tool(effect="runs")
async def bash(
    scope: Scope,
    command: Annotated[str, "Command line for bash"],
    timeout: Annotated[int, "Seconds to wait for it, at most 1800"] = 120,  # noqa: ASYNC109 - the name M2 knows
    description: Annotated[str, "What it does, in five words"] = "",
    cwd: Annotated[str, "Folder to run it in, if not the root"] = "",
    needs: Annotated[
        Literal["network", "host"] | None,
        "Only if the sandbox stands in the way: network, or host to run outside of it; the user is asked",
    ] = None,
    run_in_background: Annotated[bool, "Start it as a job and go on: servers, watchers, long builds"] = False,
    tty: Annotated[bool, "Give it a terminal; you get its screen, and jobs sends keys"] = False,
) -> Result:
    """Run a command in the workspace. Each call is a new shell, so `cd` and variables do not last, with empty stdin and
    no terminal. It ends when the shell does: whatever is left in the background is stopped. What takes longer than
    `timeout` becomes a job or is stopped. Output over 30 kB is cut in the middle. It runs in a sandbox: writes at most
    in the workspace and /tmp, .git read-only (use the git tool), no network if the user did not open it."""
    del description, needs  # for whoever approves the call
    jobs = scope.workspace.jobs
    if run_in_background:
        job = await scope.workspace.background(command, scope.call_id, cwd=cwd, tty=tty)
        note = f"job {job.id} ended at once: {job.fate}" if job.fate else f"job {job.id} runs in the background"
        failed = job.fate not in ("", "exit code 0")
        return await scope.printed(await jobs.news(job), [note + _how(scope, job)], failed=failed)
    seconds = min(max(timeout / 1000 if timeout >= MILLISECONDS else timeout, 1), LONGEST)
    with scope.workspace.watched(scope.alarm) as alarms:
        job = await scope.workspace.command(
            command, seconds=seconds, call_id=scope.call_id, on_output=scope.live, cwd=cwd, tty=tty
        )
    finished = job.finished
    if finished is None:
        who = "the user sent it to the background" if job.away.is_set() else "it goes on in the background"
        note = f"not ended after {job.seconds:.0f} s: {who} as job {job.id}{_how(scope, job)}"
        return await scope.printed(await jobs.news(job, torn=True), [note, *alarms])
    fate = f"stopped after {seconds:g} s (timeout); the output so far is above"
    if finished.ended != "time":
        fate = fate_of(finished)
    if not tty and finished.code and WANTS_TERMINAL.search(finished.output[-10_000:]):
        alarms = [*alarms, "if it needs a terminal, call again with tty"]
    notes = [
        fate,
        _behind(command, finished),
        *alarms,
        in_the_way(finished, job.grant),
        _moved(scope, finished.folder, cwd),
    ]
    output = await jobs.news(job) if tty else finished.output
    return await scope.printed(output, [*filter(None, notes)], failed=bool(finished.ended or finished.code))


def _how(scope: Scope, job: Job) -> str:
    """How to get on with a job that runs."""
    if not job.running:
        return ""
    passing = "; your answer ends it, so wait if you need it" if scope.workspace.jobs.passing else ""
    return f"; jobs reads it, waits for it and stops it{passing}"


def _behind(command: str, finished: Finished) -> str:
    """How to keep what the shell left in the background, which is stopped. A sandbox does that without a word."""
    if finished.left or (finished.held and not finished.ended and LEAVES.search(QUOTED.sub("_", command))):
        return "what a shell leaves in the background is stopped with it: run_in_background keeps a command"
    return ""


def _moved(scope: Scope, ended: str, cwd: str) -> str:
    """What to say if the shell ended in another folder than it began in; "" if not, or if that is not known."""
    if not ended:
        return ""
    folder = scope.workspace.folder
    again = "the next call starts in the root again"
    try:
        there = folder.resolve(ended)
    except Refused:
        return again
    if there in (folder.root, folder.resolve(cwd)):
        return ""
    name = folder.show(there)
    return f'it ended in {name}: {again}, unless you give cwd="{name}"'
