"""Glob patterns as .gitignore and ripgrep read them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable

from minicode.workspace.folder import Refused


def glob_filter(pattern: str) -> Callable[[str], bool]:
    """Whether a path, relative and with slashes, fits. "" fits all.

    Without a slash the pattern is for the name in any folder; with one for the whole path. `**` crosses folders, `*`
    and `?` do not, `{a,b}` is a choice, a leading `!` turns it round. Raises Refused for one that has no meaning.
    """
    if not pattern:
        return lambda path: True
    wanted = not pattern.startswith("!")
    try:
        match = re.compile(_expression(_from_the_top(pattern.removeprefix("!")))).fullmatch
    except re.error as error:
        raise Refused(f"`{pattern}` is not a glob pattern: {error.msg}.") from None
    return lambda path: (match(path) is not None) is wanted


def fits_any(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path fits any of the patterns, none of which begins with `!`. Letter case does not count."""
    whole = "|".join(_expression(_from_the_top(pattern.casefold().rstrip("/"))) for pattern in patterns)
    match = re.compile(whole or "(?!)").fullmatch
    return lambda path: match(path.casefold()) is not None


def covers(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path, relative or absolute, or any folder above it fits any of the patterns, as `fits_any`."""
    fits = fits_any(patterns)

    def covered(path: str) -> bool:
        parts = posixpath.normpath(path).lstrip("/").split("/")
        return any(fits("/".join(parts[:count])) for count in range(1, len(parts) + 1))

    return covered


def pathspecs(patterns: Iterable[str]) -> list[str]:
    """For git: words that leave out what the patterns cover, and here and there a little more. They are taken as seen
    from the folder that git runs in, but for those that are about any folder.
    """
    found = []
    for pattern in patterns:
        for choice in _choices(_from_the_top(pattern.rstrip("/"))):
            magic = f":(exclude,icase,glob{',top' if choice.startswith('**/') else ''})"
            parts = re.sub(r"\[.[^]]*\]|\[|\\", "?", choice).split("/")
            # Only as a whole part do two stars cross folders there.
            end = next((at for at, part in enumerate(parts) if "**" in part and part != "**"), None)
            words = "/".join([*parts[:end], "**"] if end is not None else parts)
            found += [magic + words, f"{magic}{words}/**"]
    return found


def _choices(pattern: str) -> list[str]:
    inner = re.search(r"\{([^{}]*)\}", pattern)
    if inner is None:
        return [pattern]
    before, after = pattern[: inner.start()], pattern[inner.end() :]
    return [one for part in inner[1].split(",") for one in _choices(before + part + after)]


def _from_the_top(pattern: str) -> str:
    rooted = pattern.removeprefix("./").removeprefix("/")
    return rooted if "/" in rooted else f"**/{rooted}"


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
