"""The difference of two snapshots as text that a person can read before saying yes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from minicode.text import clean
from minicode.workspace.charset import decode
from minicode.workspace.edits import unified
from minicode.workspace.folder import Refused
from minicode.workspace.snapshots.trees import FILE, FOLDER, LINK, SKIPPED, Change, Item

_LARGEST = 2**18  # bytes of a file that is compared line by line: it takes the square of them
_NOUNS = {FILE: "file", LINK: "link", FOLDER: "folder", SKIPPED: "something not kept"}


def describe(changes: Iterable[Change], content: Callable[[str], bytes], show: Callable[[str], str], limit: int) -> str:
    """One after the other, up to about `limit` characters, without control characters. content: of an id."""
    parts: list[str] = []
    room, more = limit, 0
    for change in changes:
        if room <= 0:
            more += 1
            continue
        text = clean(_one(change, content, show(change.path)))
        if len(text) > room:
            cut = text.rfind("\n", 0, room)
            text = text[: max(cut, 0)] + f"\n[{text.count(chr(10), max(cut, 0))} more lines of this file]"
        parts.append(text)
        room -= len(text)
    if more:
        parts.append(f"[{more} more paths differ]")
    return "\n".join(parts)


def _one(change: Change, content: Callable[[str], bytes], name: str) -> str:
    before, after = change.before, change.after
    name = name.replace("\n", "\u240a")
    if change.kind == "unkept":
        return f"{name}: changed, but it is not kept and stays as it is"
    if change.kind == "mode" and before and after:
        return f"{name}: permissions {before[1]:o} → {after[1]:o}"
    if not _is_text_of(before, after):
        return f"{name}: {_noun(before, content)} → {_noun(after, content)}"
    old, new = (content(item[2]) if item else b"" for item in (before, after))
    sizes = f"{len(old):,} → {len(new):,} bytes"
    if max(len(old), len(new)) > _LARGEST:
        return f"{name}: {change.kind}, {sizes}"
    try:
        lines = unified(name, decode(old, name).text, decode(new, name).text)
    except Refused:
        return f"{name}: binary, {change.kind}, {sizes}"
    modes = f" (permissions {before[1]:o} → {after[1]:o})" if before and after and before[1] != after[1] else ""
    return f"{name}: {change.kind}{modes}\n{lines}".rstrip("\n")


def _is_text_of(before: Item | None, after: Item | None) -> bool:
    return all(item is None or item[0] == FILE for item in (before, after))


def _noun(item: Item | None, content: Callable[[str], bytes]) -> str:
    if item is None:
        return "nothing"
    if item[0] == LINK:
        return f"link to {content(item[2]).decode('utf-8', 'replace')}"
    return _NOUNS[item[0]]
