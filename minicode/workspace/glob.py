"""Glob patterns as .gitignore and ripgrep read them."""

from __future__ import annotations

import re
from collections.abc import Callable

from minicode.workspace.folder import Refused


def glob_filter(pattern: str) -> Callable[[str], bool]:
    """Whether a path, relative and with slashes, fits. "" fits all.

    Without a slash the pattern is for the name in any folder; with one for the whole path. `**` crosses folders, `*`
    and `?` do not, `{a,b}` is a choice, a leading `!` turns it round. Raises Refused for one that has no meaning.
    """
    if not pattern:
        return lambda path: True
    wanted = not pattern.startswith("!")
    rooted = pattern.removeprefix("!").removeprefix("./").removeprefix("/")
    try:
        match = re.compile(_expression(rooted if "/" in rooted else f"**/{rooted}")).fullmatch
    except re.error as error:
        raise Refused(f"`{pattern}` is not a glob pattern: {error.msg}.") from None
    return lambda path: (match(path) is not None) is wanted


def _expression(pattern: str) -> str:
    parts, at, depth = [], 0, 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
            continue
        if pattern.startswith("**", at):
            parts.append(".*")
            at += 2
            continue
        if char == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            parts.append(f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            at = end + 1
            continue
        if char == "{" and "}" in pattern[at:]:
            depth += 1
            parts.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            parts.append(")")
        elif char == "," and depth:
            parts.append("|")
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        at += 1
    return "(?s:" + "".join(parts) + ")" * (depth + 1)
