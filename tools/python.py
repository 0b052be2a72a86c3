"""Run Python in an interpreter that keeps its variables."""

import asyncio
from typing import Annotated

from minicode.toolkit import Finished, Result, Scope, clean_output, in_the_way, tool

LONGEST = 1800  # seconds
MILLISECONDS = 10_000  # other agents count in them; nobody means so many seconds
LATE = 4000  # bytes that are told of what was printed between two calls


@tool(effect="runs")
async def python(
    scope: Scope,
    code: str,
    timeout: Annotated[int, "Seconds until it is interrupted"] = 60,  # noqa: ASYNC109 - the name M2 knows
    restart: bool = False,
) -> Result:
    """Run code in an interpreter that keeps its variables between calls: the project's Python, in the sandbox. Gives
    what is printed and the value of the last expression."""
    workspace = scope.workspace
    seconds = min(max(timeout / 1000 if timeout >= MILLISECONDS else timeout, 1), LONGEST)
    with workspace.watched(scope.alarm, "The code") as alarms:
        ran = await workspace.interpreter.run(
            workspace.processes,
            workspace.folder,
            code,
            seconds=seconds,
            restart=restart,
            watches=workspace.mends,
            on_output=scope.live,
        )
    for alarm in ran.alarms:
        scope.alarm(alarm)
    answer, output, notes = ran.done
    told = [*ran.notes, *notes, *ran.alarms, *alarms]
    error = ""
    if answer is not None:
        error = answer.error
        told.insert(0, _outcome(answer.kind))
        said = [text.encode("utf-8", "backslashreplace") for text in (answer.value, error) if text]
        output = b"\n".join([*([output.rstrip(b"\n")] if output else []), *said])
    if error:
        complaint = Finished(1, error.encode("utf-8", "replace"), held=ran.held)
        blocked = in_the_way(complaint, workspace.processes.grant)
        told += [f"{blocked} in bash" if "needs=" in blocked else blocked] * bool(blocked)
    if ran.late:
        late = await asyncio.to_thread(clean_output, ran.late)  # megabytes of odd characters take seconds
        before = await asyncio.to_thread(scope.fit, late.rstrip("\n"), ran.late, LATE)
        output = f"[printed before this call:]\n{before}\n[and now:]\n".encode() + output
    return await scope.printed(output, told, failed=bool(notes or error))


def _outcome(kind: str) -> str:
    if kind == "SystemExit":
        return "sys.exit was called, the interpreter goes on"
    return f"raised {kind}" if kind else "ok"
