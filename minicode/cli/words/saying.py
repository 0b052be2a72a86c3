"""Words that end in something said to M2: a review, the first AGENTS.md, and the commands a user wrote down."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minicode import prompts
from minicode.cli.words.talk import Talk, WordHelp, ground_of, tell
from minicode.errors import ConfigError, UsageError
from minicode.ground import Ground
from minicode.text import clean, count

LARGEST = 100_000  # bytes of a command
MOST = 500  # commands of a folder
_NAME = re.compile(r"[\w.-]+(?::[\w.-]+)*")
_HOLE = re.compile(r"\$(ARGUMENTS|[1-9])(?!\w)")


async def review(talk: Talk, rest: str) -> None:
    talk.send(await asyncio.to_thread(_prompt, talk, "review", what=rest or "the changes that are not committed yet"))


async def init(talk: Talk, rest: str) -> None:
    talk.send(await asyncio.to_thread(_prompt, talk, "init", more=rest))


def _prompt(talk: Talk, name: str, **values: str) -> str:
    base = ground_of(talk)
    places = base.places.guests("prompts", base.trusted)
    return prompts.load(name, places, base.judged.verify if base.trusted else None, **values)


class Own(NamedTuple):
    """A command of the user's. name: with its slash. pinned: its bytes must be those that were trusted."""

    name: str
    path: Path
    pinned: bool


def commands(base: Ground) -> dict[str, Own]:
    """By name: `commands/*.md` of the user's, and over them those of a trusted project. In a folder of its own
    `a/b.md` is `/a:b`."""
    found: dict[str, Own] = {}
    for folder in base.places.guests("commands", base.trusted)[1:]:  # none are shipped
        pinned = base.trusted is not None and folder.is_relative_to(base.trusted)
        for path in sorted(folder.rglob("*.md"))[:MOST]:
            name = ":".join(path.relative_to(folder).with_suffix("").parts)
            if _NAME.fullmatch(name) and path.is_file():  # to open a pipe would be to wait for ever
                found[f"/{name}"] = Own(f"/{name}", path, pinned)
    return found


def described(base: Ground) -> Iterator[WordHelp]:
    """What the list of words says of them: their description, else their first line; or what is wrong."""
    for own in commands(base).values():
        try:
            head, text = _read(own, base)
        except ConfigError as error:
            yield WordHelp(own.name, "", str(error), own=True)
        else:
            help_ = clean(head.get("description", "")) or clean(text.splitlines()[0]).lstrip("# ")
            takes = head.get("argument-hint") or ("[ARGUMENTS]" if _HOLE.search(text) else "")
            yield WordHelp(own.name, clean(takes)[:40], help_.strip()[:80], own=True)


def text_of(own: Own, base: Ground) -> str:
    """What is sent. Raises ConfigError."""
    return _read(own, base)[1]


def _read(own: Own, base: Ground) -> tuple[dict[str, str], str]:
    """(front matter, what is sent). Raises ConfigError for a file that cannot be read, is too long, empty, or not what
    was trusted."""
    try:
        with own.path.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data[:LARGEST].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{own.path}: cannot be read as UTF-8 text ({error}).") from None
    if own.pinned:
        base.judged.verify(own.path, data)
    if len(data) > LARGEST:
        raise ConfigError(f"{own.path}: a command has at most {count(LARGEST, 'byte')}.")
    head, text = _parted(text)
    if not text:
        raise ConfigError(f"{own.path}: it is empty, so there is nothing to send.")
    return head, text


def _parted(text: str) -> tuple[dict[str, str], str]:
    """(front matter, the rest): `key: value` lines between two lines `---`. Without the second there is none."""
    first, *lines = text.split("\n")
    end = next((number for number, line in enumerate(lines) if line.rstrip() == "---"), None)
    if first.rstrip() != "---" or end is None:
        return {}, text
    pairs = (line.partition(":") for line in lines[:end])
    head = {key.strip(): _unquoted(value.strip()) for key, _, value in pairs}
    return head, "\n".join(lines[end + 1 :]).strip()


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def filled(text: str, rest: str) -> str:
    """With what stood behind the word: `$ARGUMENTS` is all of it, `$1` to `$9` its words. Where there is no place for
    it, it follows."""
    if not _HOLE.search(text):
        return f"{text}\n\n{rest}" if rest else text
    try:
        words = shlex.split(rest)
    except ValueError:  # an apostrophe is no open quote
        words = rest.split()
    given = {"ARGUMENTS": rest, **{str(number): word for number, word in enumerate(words[:9], 1)}}
    return _HOLE.sub(lambda hole: given.get(hole[1], ""), text)


async def say_own(talk: Talk, name: str, rest: str) -> bool:
    """Send the user's own command of this name; False if there is none."""

    def look() -> str | None:
        base = ground_of(talk)
        own = commands(base).get(name)
        return filled(text_of(own, base), rest) if own else None

    text = await asyncio.to_thread(look)
    if text is None:
        return False
    if not text.strip():
        raise UsageError(f"With nothing behind it {name} says nothing.")
    tell(talk, f"{name}: {count(len(text), 'character')} for M2")
    talk.send(text)
    return True
