"""What stands for the past in a request: the folds in force, and old tool outputs reduced to head and tail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from minicode.context.entry import Entry


class Clip(NamedTuple):
    """How a tool output is shortened: characters kept at both ends, and the words between them, with places for the
    entry's {id} and the {left} out characters. All of it is journalled, so that no later version makes it otherwise.
    """

    head: int
    tail: int
    mark: str

    def shorten(self, text: str, id_: str) -> str:
        left = len(text) - self.head - self.tail
        if left <= 0:
            return text
        words = self.mark.replace("{id}", id_).replace("{left}", f"{left:,}")
        return f"{text[: self.head]}\n{words}\n{text[len(text) - self.tail :]}"


class Folded(NamedTuple):
    """upto: id of the last entry that `text` stands for, "" if nothing is folded. fold: the entry that says so.
    clips: by the id of a result entry. folds: ids of the fold entries in force, oldest first. undone: the user undid
    the last fold, and nothing was folded since."""

    upto: str = ""
    text: str = ""
    fold: str = ""
    clips: Mapping[str, Clip] = {}
    folds: tuple[str, ...] = ()
    undone: bool = False

    def text_of(self, id_: str, text: str) -> str:
        clip = self.clips.get(id_)
        return text if clip is None else clip.shorten(text, id_)


def in_force(entries: Iterable[Entry]) -> Folded:
    """Folds nest: the last one that was not undone stands for all before its `upto`, earlier folds included."""
    known = {}
    undone = False
    for entry in entries:
        if entry.kind == "fold":
            known[entry.id] = entry.data
            undone = False
        elif entry.kind == "unfold":
            known.pop(entry.data.get("fold", ""), None)
            undone = True
    clips: dict[str, Clip] = {}
    upto = text = fold = ""
    for id_, data in known.items():
        clip = Clip(data.get("head", 0), data.get("tail", 0), data.get("mark", ""))
        clips.update(dict.fromkeys(data.get("clipped", ()), clip))
        if data.get("upto"):
            upto, text, fold = data["upto"], data["text"], id_
    return Folded(upto, text, fold, clips, tuple(known), undone)
