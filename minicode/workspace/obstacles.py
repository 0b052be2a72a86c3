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
    not. grant: what it might do."""
    if not finished.held or not finished.code:
        return ""
    said = clean_output(finished.output[-_END:])
    if re.search(_OFFLINE, said) and not grant.network:
        return 'the sandbox has no network; if it must be, call again with needs="network"'
    if re.search(_GIT, said):
        return ".git is read-only in the sandbox; use the git tool"
    if re.search(_CLOSED, said) and not grant.write:
        return "in plan mode commands write only in /tmp"  # and asking for more is of no use
    if re.search(_CLOSED, said):
        kept = ", and rules keep files from being read" if grant.unread else ""
        return f'the sandbox writes only in the workspace and /tmp{kept}; if it must be, call again with needs="host"'
    if re.search(_REFUSED, said):  # a socket, a write, a privilege: it does not say which
        closed = "writes" if grant.network else "has no network and writes"
        return f'the sandbox {closed} only in the workspace and /tmp; if need be call with needs="network" or "host"'
    return ""
