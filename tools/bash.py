"""Run a shell command."""

import time
from collections.abc import Callable
from typing import Annotated

from minicode.toolkit import CAP, Output, Result, Scope, clean_output, tool

LONGEST = 1800  # seconds
MILLISECONDS = 10_000  # other agents count in them, and M2 has seen those; nobody means so many seconds


@tool(effect="runs")
async def bash(
    scope: Scope,
    command: Annotated[str, "Command line for bash"],
    timeout: Annotated[int, "Seconds until it is stopped, at most 1800"] = 120,  # noqa: ASYNC109 - the name M2 knows
    description: Annotated[str, "What it does, in five words"] = "",
) -> Result:
    """Run a command in the workspace root. Each call is a new shell with empty stdin and no terminal. It ends when the
    shell does: whatever is left in the background is stopped. Output over 30 kB is cut in the middle."""
    del description  # for the eyes of whoever approves the call
    seconds = min(max(timeout / 1000 if timeout >= MILLISECONDS else timeout, 1), LONGEST)
    finished = await scope.workspace.shell(command, seconds=seconds, on_output=_teller(scope.say))
    text = clean_output(finished.output).rstrip("\n")
    notes = []
    if finished.ended == "time":
        notes.append(f"stopped after {seconds:g} s (timeout); the output so far is above")
    elif finished.ended == "flood":
        notes.append(f"stopped: it printed more than {finished.total // 2**20} MB")
    else:
        notes.append(f"exit code {finished.code}" if finished.code >= 0 else f"ended by signal {-finished.code}")
    if finished.left:
        notes.append(f"stopped in the background: {', '.join(finished.left[:5])}")
    body = scope.fit(text, finished.output, CAP - 1000)
    return Result(f"{body}\n[{'; '.join(notes)}]", (Output(body),), failed=bool(finished.ended or finished.code))


def _teller(say: Callable[[str], None]) -> Callable[[bytes], None]:
    """Tells the human of new output, a little of it and not too often."""
    last = float("-inf")

    def tell(data: bytes) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 0.2:
            last = now
            say(clean_output(data[-2000:]))

    return tell
