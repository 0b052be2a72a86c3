"""Rules about reading: what they keep from commands, from searches and from git, and where a line names it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from minicode.permission.rules import read_rule, rules_about
from minicode.permission.shell import Line
from minicode.workspace.glob import covers


def keeps_from_reading(rules: Iterable[str]) -> bool:
    """Is any of them about reading files?"""
    return any(rule.tool in ("read", "grep", "glob") for rule in map(read_rule, rules) if rule)


def patterns_of(rules: Iterable[str], tool: str) -> tuple[str, ...]:
    """The patterns of the rules about this tool."""
    return tuple(rule.pattern for rule in rules_about(rules, tool) if rule.pattern)


def kept_rule(rules: Iterable[str], path: str) -> str:
    """The first of the rules that name what is read and that fit this path, "" for none."""
    about = (rule for rule in rules_about(rules, "read") if rule.pattern)
    return next((rule.text for rule in about if covers([rule.pattern])(path)), "")


def named_rule(rules: Iterable[str], line: Line, *, committed: bool = False) -> str:
    """The first of the rules about reading that fits what a word of the line names, be it behind a `=` or a `:`; ""
    for none. committed: only what git is asked for out of its own store, as in `git show HEAD:.env`.
    """
    about = [rule for rule in rules_about(rules, "read") if rule.pattern]
    for argv in line.commands if about else ():
        if committed and not any(posixpath.basename(word) == "git" for word in argv):
            continue
        last = [word.rpartition(":")[2] for word in argv if ":" in word]
        names = last if committed else [*argv[1:], *last, *(word.partition("=")[2] for word in argv)]
        for rule in about:
            if any(map(covers([rule.pattern]), filter(None, names))):
                return rule.text
    return ""
