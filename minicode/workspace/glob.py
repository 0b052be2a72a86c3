"""Glob patterns as .gitignore and ripgrep read them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable

from minicode.workspace.folder import Refused

MOST_CHOICES = 1_000  # patterns that the braces in one stand for
_SIGN = re.compile(r"\[[!^]?.[^]]*\]|(?<![^/])\*\*/|\*\*|.", re.DOTALL)
_CROSS = {"**/": "(?:.*?/)??", "**": ".*?"}


def glob_filter(pattern: str) -> Callable[[str], bool]:
    """Whether a path, relative and with slashes, fits. "" fits all.

    Without a slash the pattern is for the name in any folder; with one for the whole path. `**` crosses folders, `*`
    and `?` do not, `{a,b}` is a choice, a leading `!` turns it round. Raises Refused for one that has no meaning, or
    more than MOST_CHOICES.
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
    """All that the braces stand for, one by one."""
    found: list[str] = []
    waiting = [pattern]
    while waiting:
        one = waiting.pop()
        if len(found) + len(waiting) > MOST_CHOICES:
            raise Refused(f"`{pattern[:100]}` stands for more than {MOST_CHOICES} patterns.")
        start, end = _braces(one)
        if end:
            waiting += [one[:start] + part + one[end:] for part in reversed(one[start + 1 : end - 1].split(","))]
        else:
            found.append(one)
    return found


def _braces(pattern: str) -> tuple[int, int]:
    """Where the first pair with none in it begins, and where it has ended; 0 if there is none."""
    start = -1
    for sign in _SIGN.finditer(pattern):
        if sign[0] == "{":
            start = sign.start()
        elif sign[0] == "}" and start >= 0:
            return start, sign.end()
    return 0, 0


def _from_the_top(pattern: str) -> str:
    rooted = pattern.removeprefix("./").removeprefix("/")
    return rooted if "/" in rooted else f"**/{rooted}"


def _expression(pattern: str) -> str:
    return "|".join(map(_expression_of_one, _choices(pattern)))


def _expression_of_one(pattern: str) -> str:
    """Of a pattern without choices: the stars that cross folders, and between them those that do not."""
    pieces: list[tuple[str, list[tuple[str, str]]]] = [("", [("", "")])]
    for sign in _SIGN.findall(pattern):
        within = pieces[-1][1]
        if sign in _CROSS:
            if pieces[-1] != (_CROSS[sign], [("", "")]):  # the same twice says no more
                pieces.append((_CROSS[sign], [("", "")]))
        elif sign == "*":
            within.append(("[^/]*?", ""))
        else:
            within[-1] = (within[-1][0], within[-1][1] + _literal(sign))
    return f"(?s:{_joined([(star, _joined(within)) for star, within in pieces])})"


def _joined(pieces: list[tuple[str, str]]) -> str:
    """Stars, each with what stands behind it. That is taken at the first place where it is found: the next star takes
    whatever comes then, so another place would not help. To go back over many stars could take for ever.
    """
    *others, last = pieces
    return "".join(f"(?>{star}{rest})" if star else rest for star, rest in others) + "".join(last)


def _literal(sign: str) -> str:
    if sign == "?":
        return "[^/]"
    if len(sign) == 1:
        return re.escape(sign)
    inner = re.sub(r"([\\\[&~|])", r"\\\1", sign[1:-1])
    return f"(?!/)[{'^' + inner[1:] if inner[0] in '!^' else inner}]"
