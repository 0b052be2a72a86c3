"""The difference of two snapshots, for a person to read: as text, or as blocks that a face can draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from minicode.show import Line, Show
from minicode.text import clean, count
from minicode.workspace.charset import decode
from minicode.workspace.edits import unified
from minicode.workspace.folder import Refused
from minicode.workspace.foreseen import foresee
from minicode.workspace.snapshots.trees import FILE, FOLDER, LINK, SKIPPED, Change, Item

_LARGEST = 2**18  # bytes of a file that is compared line by line: it takes the square of them
_MOST = 2**21  # characters of blocks
_NOUNS = {FILE: "file", LINK: "link", FOLDER: "folder", SKIPPED: "something not kept"}


def describe(changes: Iterable[Change], content: Callable[[str], bytes], show: Callable[[str], str], limit: int) -> str:
    """One after the other, up to about `limit` characters, without control characters. content: of an id."""
    parts: list[str] = []
    room, more = limit, 0
    for change in changes:
        if room <= 0:
            more += 1
            continue
        text = clean(_in_words(_compared(change, content, show(change.path))))
        if len(text) > room:
            cut = text.rfind("\n", 0, room)
            text = text[: max(cut, 0)] + f"\n[{text.count(chr(10), max(cut, 0))} more lines of this file]"
        parts.append(text)
        room -= len(text)
    if more:
        parts.append(f"[{more} more paths differ]")
    return "\n".join(parts)


def blocks(changes: Sequence[Change], content: Callable[[str], bytes], show: Callable[[str], str]) -> list[Show]:
    """A Diff for each file of text, a Line for all else; after about _MOST characters only how many there are more."""
    found: list[Show] = []
    room, more = _MOST, 0
    for change, following in zip(changes, [*changes[1:], None], strict=False):
        if following and following.path.startswith(f"{change.path}/") and _is_only_around(change):
            continue
        if room <= 0:
            more += 1
            continue
        seen = _compared(change, content, show(change.path))
        if seen.texts is None or "permissions" in seen.words:
            found.append(Line(f"{seen.name}: {seen.words}"))
        if seen.texts is not None:
            made = foresee(seen.name * bool(change.before), seen.name * bool(change.after), *seen.texts)
            found.append(made)
            room -= len(made.diff)
    return [*found, *([Line(f"{count(more, 'more path')} differ{'s' if more == 1 else ''}")] if more else [])]


def _is_only_around(change: Change) -> bool:
    """A folder that came, or went, with what is in it."""
    items = [item for item in (change.before, change.after) if item]
    return len(items) == 1 and items[0][0] == FOLDER


class _Compared(NamedTuple):
    """texts: before and after, None if it is no text that can be compared."""

    name: str
    words: str
    texts: tuple[str, str] | None = None


def _in_words(seen: _Compared) -> str:
    lines = unified(seen.name, *seen.texts) if seen.texts else ""
    return f"{seen.name}: {seen.words}\n{lines}".rstrip("\n")


def _compared(change: Change, content: Callable[[str], bytes], name: str) -> _Compared:
    before, after = change.before, change.after
    name = name.replace("\n", "\u240a")
    if change.kind == "unkept":
        return _Compared(name, "changed, but it is not kept and stays as it is")
    if change.kind == "mode" and before and after:
        return _Compared(name, f"permissions {before[1]:o} → {after[1]:o}")
    if not _is_text_of(before, after):
        return _Compared(name, f"{_noun(before, content)} → {_noun(after, content)}")
    old, new = (content(item[2]) if item else b"" for item in (before, after))
    sizes = f"{len(old):,} → {len(new):,} bytes"
    if max(len(old), len(new)) > _LARGEST:
        return _Compared(name, f"{change.kind}, {sizes}")
    try:
        texts = decode(old, name).text, decode(new, name).text
    except Refused:
        return _Compared(name, f"binary, {change.kind}, {sizes}")
    modes = f" (permissions {before[1]:o} → {after[1]:o})" if before and after and before[1] != after[1] else ""
    return _Compared(name, f"{change.kind}{modes}", texts)


def _is_text_of(before: Item | None, after: Item | None) -> bool:
    return all(item is None or item[0] == FILE for item in (before, after))


def _noun(item: Item | None, content: Callable[[str], bytes]) -> str:
    if item is None:
        return "nothing"
    if item[0] == LINK:
        return f"link to {content(item[2]).decode('utf-8', 'replace')}"
    return _NOUNS[item[0]]
