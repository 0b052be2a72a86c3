"""Wishes, rules and decisions: plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from minicode.sandbox.policy import Grant

# From the strictest to the loosest.
MODES = ("plan", "default", "acceptEdits", "auto", "bypassPermissions")
NEEDS = ("network", "host")
WEB = ("web_fetch", "web_search")  # the tools whose rules are about domains
# May this name, as a command in the workspace would open it, be read unasked? True: with all that lies below it.
Sight = Callable[[str, bool], bool]
# Why not all that these globs are about can be found, to be kept from a command; "" if it can.
Finds = Callable[[Sequence[str]], str]


class Wish(NamedTuple):
    """What a call wants. effect: as the tool declares it. guarded: why the file it would write is protected, "" if it
    is not. path: the file it names, relative to the workspace where it lies in it, "" if it names none. below: it is
    about all that lies in that folder. sight: the eyes of the rules on the disk, which is looked at only when something
    depends on it; None if no command may be taken for harmless. finds: the same, for what commands are not to read.
    others: path and guarded of every further file. domain: whom in the web it would speak to, "" if that is nobody.
    """

    tool: str
    effect: str
    arguments: Mapping[str, Any]
    path: str = ""
    guarded: str = ""
    below: bool = False
    sight: Sight | None = None
    finds: Finds = lambda patterns: ""
    others: tuple[tuple[str, str], ...] = ()
    domain: str = ""


class Rules(NamedTuple):
    """`tool` or `tool(pattern)`, each as text. deny goes before ask, ask before allow."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class Standing(NamedTuple):
    """What is in force.

    contained: "kernel" if commands are held by a sandbox that was seen to hold, "waived" if the user turned it off,
    "none" if it was wanted and cannot be had. network: is it open for all commands? asks: can somebody be asked?
    """

    mode: str
    rules: Rules
    contained: Literal["kernel", "waived", "none"]
    network: bool = False
    asks: bool = False

    @property
    def grant(self) -> Grant:
        """What a command may do in the sandbox without asking."""
        return Grant(network=self.network, write=self.mode != "plan")


class Decision(NamedTuple):
    """reason: one sentence. grant: what the call may do if it runs. rule: the rule that decided, "" for none. always:
    the exact rule that "always" would save, "" if it is not offered.
    """

    verdict: Literal["allow", "ask", "deny"]
    reason: str = ""
    grant: Grant = Grant()
    rule: str = ""
    always: str = ""
