"""Run a shell command."""

import re
from typing import Annotated, Literal

from minicode.toolkit import CAP, Finished, Output, Result, Scope, clean_output, tool

LONGEST = 1800  # seconds
MILLISECONDS = 10_000  # other agents count in them, and M2 has seen those; nobody means so many seconds
# How programs complain of what the sandbox keeps from them.
OFFLINE = re.compile(
    r"could not resolve|name resolution|name or service not known|nodename nor servname|network is unreachable"
    r"|EAI_AGAIN|ENETUNREACH|failed to lookup address|no such host|temporary failure resolving",
    re.IGNORECASE,
)
GIT = re.compile(r"\.git\b.*(read-only file system|permission denied|device or resource busy)", re.IGNORECASE)
CLOSED = re.compile(r"read-only file system|permission denied|\bE(ROFS|ACCES)\b", re.IGNORECASE)
REFUSED = re.compile(r"operation not permitted|\bEPERM\b", re.IGNORECASE)


@tool(effect="runs")
async def bash(
    scope: Scope,
    command: Annotated[str, "Command line for bash"],
    timeout: Annotated[int, "Seconds until it is stopped, at most 1800"] = 120,  # noqa: ASYNC109 - the name M2 knows
    description: Annotated[str, "What it does, in five words"] = "",
    needs: Annotated[
        Literal["network", "host"] | None,
        "Only if the sandbox stands in the way: network, or host to run outside of it; the user is asked",
    ] = None,
) -> Result:
    """Run a command in the workspace root. Each call is a new shell with empty stdin and no terminal. It ends when the
    shell does: whatever is left in the background is stopped. Output over 30 kB is cut in the middle. It runs in a
    sandbox: writes only in the workspace and /tmp, .git read-only (use the git tool), no network if the user did not
    open it."""
    del description, needs  # for whoever approves the call
    seconds = min(max(timeout / 1000 if timeout >= MILLISECONDS else timeout, 1), LONGEST)
    with scope.workspace.watched(scope.alarm) as alarms:
        finished = await scope.workspace.shell(command, seconds=seconds, on_output=scope.live)
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
    notes += alarms
    if blocked := in_the_way(scope, finished, text):
        notes.append(blocked)
    body = scope.fit(text, finished.output, CAP - 1000)
    return Result(f"{body}\n[{'; '.join(notes)}]", (Output(body),), failed=bool(finished.ended or finished.code))


def in_the_way(scope: Scope, finished: Finished, text: str) -> str:
    """What of the sandbox a command seems to have failed at, and how to get on; "" if it did not."""
    if not finished.held or not finished.code:
        return ""
    said = text[-20_000:]
    if OFFLINE.search(said) and not scope.workspace.processes.grant.network:
        return 'the sandbox has no network; if it must be, call again with needs="network"'
    if GIT.search(said):
        return ".git is read-only in the sandbox; use the git tool"
    if CLOSED.search(said):
        kept = ", and rules keep files from being read" if scope.workspace.processes.grant.unread else ""
        return f'the sandbox writes only in the workspace and /tmp{kept}; if it must be, call again with needs="host"'
    if REFUSED.search(said):  # a socket, a write, a privilege: it does not say which
        closed = "has no network and writes" if not scope.workspace.processes.grant.network else "writes"
        return f'the sandbox {closed} only in the workspace and /tmp; if need be call with needs="network" or "host"'
    return ""
