"""What a session of another program is made of, and what its readers share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from minicode.messages import Json
from minicode.model.compact import load

Left = Counter[str]  # what was left out, in words that a user understands, and how often

ENCRYPTED = "thoughts that cannot be read"
IMAGES = "images"
BROKEN = "broken lines"
UNKNOWN = "records of unknown kinds"
OWN = "records of the program itself"
TOLD = "instructions of the program"
SUBAGENTS = "messages of subagents"
BRANCHES = "messages on other branches"
SUMMARIES = "summaries of what is here in full"
UNDONE = "messages that were taken back"
NO_IMAGE = "[There was an image here. M2 reads no images, so it was left out.]"


class About(NamedTuple):
    """What is known of the session; "" if it is not told. folder: where it worked."""

    session: str = ""
    version: str = ""
    folder: str = ""
    model: str = ""
    title: str = ""

    def with_(self, later: About) -> About:
        """The first word on each counts: a fork repeats what it was made from. The last title does."""
        both = zip(self, later, strict=True)
        return About(*(old or new for old, new in both))._replace(title=later.title or self.title)


class Said(NamedTuple):
    """By the user. at, here and below: as journal.entry.Entry.at, "" if unknown."""

    text: str
    at: str = ""


class Summed(NamedTuple):
    """The program's own summary of all that came before."""

    text: str
    at: str = ""


class Thought(NamedTuple):
    """reply, here and below: what blocks of one reply have in common, "" if only their order tells."""

    text: str
    at: str = ""
    reply: str = ""


class Spoke(NamedTuple):
    text: str
    at: str = ""
    reply: str = ""


class Called(NamedTuple):
    """arguments: an object, or the text in which it stands."""

    id: str
    name: str
    arguments: Json | str
    at: str = ""
    reply: str = ""


class Answered(NamedTuple):
    id: str
    text: str
    failed: bool = False
    at: str = ""


class Undone(NamedTuple):
    """The user took back so many of their messages, with all that followed."""

    turns: int


Item = About | Said | Summed | Thought | Spoke | Called | Answered | Undone


def records(path: Path, left: Left) -> Iterator[Json]:
    """The objects in the lines of a file, one at a time: a log may be hundreds of MB."""
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                record = load(line.decode("utf-8-sig"))
            except ValueError:
                record = None
            if isinstance(record, dict):
                yield record
            else:
                left[BROKEN] += 1


def objects(value: Any) -> list[Json]:
    """The objects in a list; of anything else none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def obj(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def words(content: Any, left: Left) -> str:
    """The text of a message: a string, a part, or a list of them. Images leave a note."""
    if isinstance(content, str):
        return content
    told: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        match part:
            case str():
                told.append(part)
            case {"text": str(text)}:
                told.append(text)
            case {"type": str(kind)} if "image" in kind:
                left[IMAGES] += 1
                told.append(NO_IMAGE)
            case {"type": str(kind)}:
                left[f"parts of type {kind[:40]}"] += 1
    return "\n".join(told)


def stamp(value: Any) -> str:
    """A time as entries have it: from ISO 8601, or from seconds or milliseconds since 1970; "" for anything else."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            time = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        else:
            return ""
        return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
    except (ValueError, OverflowError, OSError):
        return ""
