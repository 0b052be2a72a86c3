"""Rules about reading: what they keep from commands, from searches and from git, and where a line names it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from minicode.permission.rules import read_rule, rules_about
from minicode.permission.shell import Line
from minicode.workspace.glob import covers


def keeps_from_reading(rules: Iterable[str]) -> bool:
    """Is any of them about reading files?"""
    return any(rule.tool in ("read", "grep", "glob", "outline", "map") for rule in map(read_rule, rules) if rule)


def patterns_of(rules: Iterable[str], tool: str) -> tuple[str, ...]:
    """The patterns of the rules about this tool."""
    return tuple(rule.pattern for rule in rules_about(rules, tool) if rule.pattern)


def kept_rule(rules: Iterable[str], path: str) -> str:
    """The first of the rules that name what is read and that fit this path, "" for none."""
    about = (rule for rule in rules_about(rules, "read") if rule.pattern)
    return next((rule.text for rule in about if covers([rule.pattern])(path)), "")


def committed_rule(rules: Iterable[str], line: Line) -> str:
    """The first of the rules about reading that fits what git is asked for out of its own store, as in
    `git show HEAD:.env`; "" for none.
    """
    asked = (argv for argv in line.commands if any(posixpath.basename(word) == "git" for word in argv))
    return _fitting(rules, [word.rpartition(":")[2] for argv in asked for word in argv if ":" in word])


def named_rule(rules: Iterable[str], line: Line, command: str) -> str:
    """The first of the rules about reading that fits what a word of the line names, be it behind a `=`, a `:` or a
    `<`, or in a text; "" for none. command: the line as it was written.
    """
    words = [word for argv in line.commands for word in argv[1:]]
    last = [word.rpartition(sign)[2] for word in words for sign in ":=" if sign in word]
    return _fitting(rules, [*words, *last, *re.split(r"[\s'\"`:=;,|&<>(){}$@]+", command)])


def _fitting(rules: Iterable[str], names: Iterable[str]) -> str:
    given = [name for name in dict.fromkeys(names) if name]
    for rule in rules_about(rules, "read"):
        if rule.pattern:
            covered = covers([rule.pattern])
            if any(covered(name) or _may_become(name, rule.pattern) for name in given):
                return rule.text
    return ""


def _may_become(word: str, pattern: str) -> bool:
    """Would the shell put the name that a rule is about in place of a word with stars?"""
    name, wild = posixpath.basename(pattern.rstrip("/")).casefold(), posixpath.basename(word).casefold()
    hidden = name.startswith(".") and not wild.startswith(".")
    return not hidden and re.search(r"[*?[]", wild) is not None and fnmatchcase(name, wild)
