"""Looking for words in sessions: what of an entry can be found, what counts as a hit, and the slow way to look."""

from __future__ import annotations

import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from minicode.errors import UsageError
from minicode.journal.entry import START, VERSION, Entry, from_line
from minicode.journal.kept import whole
from minicode.journal.reader import SUFFIX, session_files
from minicode.journal.tree import in_full
from minicode.text import clean

KINDS = ("user", "thinking", "text", "tools")
# Scripts written without spaces: each sign is a word of its own, and what is looked for may begin anywhere.
UNSPACED = (("\u2e80", "\ud7ff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0003ffff"))
_BEFORE, _AFTER = 60, 140  # characters of a snippet around the first hit

Span = tuple[int, int]
Finder = Callable[[str, int, int], Iterator[Span]]  # of a text, from, to: where it is found, never empty


class Query(NamedTuple):
    """What to look for: each must be found in an entry, in a text of these kinds.

    words: the same as plain words, for an index; () if only reading helps.
    project: a slug, or None for all. since: seconds since 1970.
    """

    finders: tuple[Finder, ...]
    words: tuple[str, ...]
    kinds: tuple[str, ...] = KINDS
    project: str | None = None
    since: float = 0


class Hit(NamedTuple):
    """path: of the session file. kind: of KINDS. snippet: one clean line, with [what was found] in brackets."""

    path: Path
    entry: Entry
    kind: str
    snippet: str

    @property
    def origin(self) -> tuple[str, ...]:
        """The same for hits in a session and in its fork, which has the entries of its source."""
        return self.entry.id, self.entry.at, self.kind, self.snippet


def literal(words: Iterable[str]) -> tuple[Finder, ...]:
    """What finds these whole words, whatever signs they hold. Case is ignored; any blanks are alike."""

    def finder(word: str) -> Finder:
        pattern = re.compile(r"\s+".join(map(re.escape, word.split())), re.IGNORECASE)

        def find(text: str, start: int, end: int) -> Iterator[Span]:
            for match in pattern.finditer(text, start, end):
                if not (_inside_word(text, match.start()) or _inside_word(text, match.end())):
                    yield match.span()

        return find

    return tuple(map(finder, words))


def expressions(texts: Iterable[str]) -> tuple[Finder, ...]:
    """What finds these regular expressions, case as they say. Raises UsageError that tells what is wrong with one."""

    def finder(text: str) -> Finder:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a later Python may read otherwise is no trouble of the user's
                pattern = re.compile(text, re.MULTILINE)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(
                f"{clean(text)!r} is not a regular expression: {error}. Without --regex it is looked for as it stands."
            ) from None
        return lambda text, start, end: (match.span() for match in pattern.finditer(text, start, end) if match[0])

    return tuple(map(finder, texts))


def texts_of(entry: Entry) -> dict[str, str]:
    """What can be found in an entry, by kind. Names and labels count as the user's words; titles repeat them."""
    data = entry.data
    match entry.kind:
        case "user" | "name" | "label":
            return {"user": _join(in_full(entry), data.get("name"))}
        case "aside":
            return {"user" if data.get("by") == "user" else "tools": in_full(entry)}
        case "reply":
            return _texts_of_reply(data.get("content"))
        case "partial":
            return {"thinking": _join(data.get("thinking")), "text": _join(data.get("text"))}
        case "fold":
            return {"text": _join(data.get("text"))}
        case "result":
            return {"tools": _join(data.get("name"), data.get("text"))}
    return {}


def records(file: BinaryIO) -> Iterator[tuple[int, int, Entry]]:
    """(start, end, entry) of each line that can be read, as offsets, from where `file` stands. No header."""
    start = file.tell()
    for line in file:
        entry = from_line(line) or from_line(line[max(line.rfind(START), 0) :])  # one glued to half of another
        if entry and entry.kind != "session":
            yield start, start + len(line), entry
        start += len(line)


def open_session(path: Path) -> BinaryIO | None:
    """The file at its start; None if it is gone, not ours, or of another format."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    file = os.fdopen(fd, "rb")
    header = from_line(file.readline())
    foreign = header and header.kind == "session" and header.data.get("version") != VERSION
    if foreign or os.fstat(fd).st_uid != os.geteuid():
        file.close()
        return None
    file.seek(0)
    return file


def judge(path: Path, entry: Entry, query: Query) -> Hit | None:
    """The hit, if every pattern is found in the entry."""
    if query.since and seconds(entry.at) < query.since:
        return None
    entry = whole(entry, path)
    texts = {kind: text for kind, text in texts_of(entry).items() if kind in query.kinds}
    first: tuple[str, Span] | None = None
    for find in query.finders:
        found = next(((kind, span) for kind, text in texts.items() for span in find(text, 0, len(text))), None)
        if found is None:
            return None
        first = first or found
    if first is None:
        return None
    kind, span = first
    return Hit(path, entry, kind, _snippet(texts[kind], span, query.finders))


def scan(sessions: Path, query: Query, most: int) -> Iterator[Hit]:
    """Read every session, the last written first: at most so many of the latest hits. Needs no index."""
    seen: set[tuple[str, ...]] = set()
    for path in _latest_first(sessions, query):
        file = open_session(path)
        if file is None:
            continue
        found: deque[Hit] = deque(maxlen=most)
        with file:
            found.extend(hit for _, _, entry in records(file) if (hit := judge(path, entry, query)))
        for hit in reversed(found):
            if hit.origin not in seen:
                seen.add(hit.origin)
                yield hit
                if len(seen) == most:
                    return


def seconds(at: str) -> int:
    """An entry's time in whole seconds since 1970; 0 if it says none."""
    try:
        return int(datetime.fromisoformat(at).timestamp())
    except (ValueError, OverflowError):
        return 0


def file_of(sessions: Path, project: str, name: str) -> Path:
    return sessions / project / f"{name}{SUFFIX}"


def _latest_first(sessions: Path, query: Query) -> list[Path]:
    written: list[tuple[float, Path]] = []
    for path in session_files(sessions, query.project, tasks=True):
        with suppress(FileNotFoundError):
            written.append((path.lstat().st_mtime, path))
    return [path for when, path in sorted(written, reverse=True) if when >= query.since]


def _texts_of_reply(content: Any) -> dict[str, str]:
    texts: dict[str, list[str]] = {"thinking": [], "text": [], "tools": []}
    for block in content if isinstance(content, list) else ():
        match block:
            case {"type": "thinking", "thinking": str(text)}:
                texts["thinking"].append(text)
            case {"type": "text", "text": str(text)}:
                texts["text"].append(text)
            case {"type": "tool_use", "name": str(name)}:
                texts["tools"] += [name, *_strings(block.get("input")), _join(block.get("broken"))]
    return {kind: "\n".join(parts) for kind, parts in texts.items() if parts}


def _strings(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)
        case str() | int() | float():
            yield str(value)


def _join(*values: Any) -> str:
    return "\n".join(value for value in values if isinstance(value, str) and value)


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and _is_letter(text[at - 1]) and _is_letter(text[at])


def _is_letter(sign: str) -> bool:
    return sign.isalnum() and not any(low <= sign <= high for low, high in UNSPACED)


def _snippet(text: str, first: Span, finders: Iterable[Finder]) -> str:
    """The surroundings of the first hit on one line, all hits in them marked."""
    low, high = max(first[0] - _BEFORE, 0), min(first[0] + _AFTER, len(text))
    spans = sorted(span for find in finders for span in find(text, low, high))
    parts = []
    at = low
    for start, end in spans or [(first[0], high)]:
        if start >= at:
            parts += [clean(text[at:start]), "[", clean(text[start:end]), "]"]
            at = end
    parts.append(clean(text[at:high]))
    line = " ".join("".join(parts).split())
    return f"{'…' if low else ''}{line}{'…' if high < len(text) else ''}"
