"""Tell from what a command printed that the sandbox was in its way."""

from __future__ import annotations

import re

from minicode.sandbox.policy import Grant
from minicode.text import clean_output
from minicode.workspace.processes import Finished

# How programs complain of what the sandbox keeps from them.
_OFFLINE = (
    r"(?i)could not resolve|name resolution|name or service not known|nodename nor servname|network is unreachable"
    r"|EAI_AGAIN|ENETUNREACH|failed to lookup address|no such host|temporary failure resolving"
)
_GIT = r"(?i)\.git\b.*(read-only file system|permission denied|device or resource busy)"
_CLOSED = r"(?i)read-only file system|permission denied|\bE(ROFS|ACCES)\b"
_REFUSED = r"(?i)operation not permitted|\bEPERM\b"
_END = 20_000  # bytes from the end of the output in which a complaint is looked for


def in_the_way(finished: Finished, grant: Grant) -> str:
    """What of the sandbox a command seems to have failed at, and how to get on, as words for the model; "" if it did
    not. grant: of its call."""
    held = finished.held
    if held is None or not finished.code:
        return ""
    said = clean_output(finished.output[-_END:])
    places = f"the workspace and {held.tmp}" if held.write else held.tmp
    kept = ", and rules keep files from being read" if held.unread else ""
    if re.search(_OFFLINE, said) and not held.network:
        return _unless("the sandbox has no network", 'if it must be, call again with needs="network"', grant)
    if re.search(_GIT, said) and held.write:
        return ".git is read-only in the sandbox; use the git tool"
    if re.search(_CLOSED, said):
        return _unless(
            f"the sandbox writes only in {places}{kept}", 'if it must be, call again with needs="host"', grant
        )
    if re.search(_REFUSED, said):  # a socket, a write, a privilege: it does not say which
        closed = "writes" if held.network else "has no network and writes"
        return _unless(
            f"the sandbox {closed} only in {places}", 'if need be call with needs="network" or "host"', grant
        )
    return ""


def _unless(wall: str, way: str, grant: Grant) -> str:
    return f"{wall}; {way}" if grant.write else f"in plan mode {wall}"  # where asking for more is of no use
