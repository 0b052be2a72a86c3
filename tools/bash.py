"""Run a shell command."""

from typing import Annotated, Literal

from minicode.toolkit import Result, Scope, fate_of, in_the_way, tool

LONGEST = 1800  # seconds
MILLISECONDS = 10_000  # other agents count in them, and M2 has seen those; nobody means so many seconds


@tool(effect="runs")
async def bash(
    scope: Scope,
    command: Annotated[str, "Command line for bash"],
    timeout: Annotated[int, "Seconds to wait for it, at most 1800"] = 120,  # noqa: ASYNC109 - the name M2 knows
    description: Annotated[str, "What it does, in five words"] = "",
    needs: Annotated[
        Literal["network", "host"] | None,
        "Only if the sandbox stands in the way: network, or host to run outside of it; the user is asked",
    ] = None,
    run_in_background: Annotated[bool, "Start it as a job and go on: servers, watchers, long builds"] = False,
) -> Result:
    """Run a command in the workspace root. Each call is a new shell with empty stdin and no terminal. It ends when the
    shell does: whatever is left in the background is stopped. What takes longer than `timeout` becomes a job or is
    stopped. Output over 30 kB is cut in the middle. It runs in a sandbox: writes only in the workspace and /tmp, .git
    read-only (use the git tool), no network if the user did not open it."""
    del description, needs  # for whoever approves the call
    if run_in_background:
        job = await scope.workspace.background(command, scope.call_id)
        where = f"job {job.id}"
        note = f"{where} ended at once: {job.fate}" if job.fate else f"{where} runs in the background; see it with jobs"
        return await scope.printed(scope.workspace.jobs.read(job), [note], failed=bool(job.fate))
    seconds = min(max(timeout / 1000 if timeout >= MILLISECONDS else timeout, 1), LONGEST)
    with scope.workspace.watched(scope.alarm) as alarms:
        job = await scope.workspace.command(command, seconds=seconds, call_id=scope.call_id, on_output=scope.live)
    finished = job.finished
    if finished is None:
        who = "the user sent it to the background" if job.away.is_set() else "it goes on in the background"
        note = f"not ended after {job.seconds:.0f} s: {who} as job {job.id}; see it with jobs"
        return await scope.printed(scope.workspace.jobs.read(job, torn=True), [note, *alarms])
    fate = f"stopped after {seconds:g} s (timeout); the output so far is above"
    if finished.ended != "time":
        fate = fate_of(finished)
    blocked = in_the_way(finished, job.grant)
    notes = [fate, *alarms, *([blocked] if blocked else ())]
    return await scope.printed(finished.output, notes, failed=bool(finished.ended or finished.code))
