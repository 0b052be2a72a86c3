"""What of a long text is given: its pages, or the passages that answer a question, to the letter. Pure, linear."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from math import log
from typing import NamedTuple

PAGE = 16_000  # characters
CHUNK = 1_500  # characters of a passage, about
PICKED = 6_000  # characters of all that are picked
_K1, _B = 1.2, 0.6  # BM25's own constants
_RUN = 20  # headings, one right after the other, that go to the next page; a list of more belongs to nothing
_IN_HEADING = 2  # times that a word of the heading above counts
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_HEADING = re.compile(r"#{1,6} +(\S.{0,200})")
_LITTLE = "a an and are at be by can do does for from how i in is it of on or the to was what when which with"


class Passage(NamedTuple):
    """A piece of a text: text[start:end]. heading: the one above it, "" if there is none."""

    start: int
    end: int
    heading: str = ""


class Pages:
    """A text in pieces of about one size, numbered from 1, cut between paragraphs, lines or words, and before headings
    rather than behind them; together they are the text.
    """

    def __init__(self, text: str, size: int = PAGE) -> None:
        self.text = text
        self._ends = []
        at = 0
        while len(text) - at > size:
            cut = next((c for sign in ("\n\n", "\n", " ") if (c := text.rfind(sign, at + size // 2, at + size)) > 0), 0)
            at = _before_headings(text, at + size // 8, cut + 1) if cut else at + size
            self._ends.append(at)
        self._ends.append(len(text))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        return self.text[self._ends[number - 2] if number > 1 else 0 : self._ends[number - 1]]

    def of(self, place: int) -> int:
        """The number of the page on which that character is."""
        return min(bisect_right(self._ends, place), len(self) - 1) + 1


def _before_headings(text: str, start: int, end: int) -> int:
    """Where to end instead, so that no heading is the last: it belongs to what follows. Not before `start`."""
    for _ in range(_RUN):
        line = text.rfind("\n", start, len(text[start:end].rstrip()) + start) + 1
        if not line or not _HEADING.match(text, line):
            break
        end = line
    return end


def chunks(text: str, size: int = CHUNK) -> list[Passage]:
    """The text in pieces: what stands under one heading, cut between paragraphs where that is long."""
    found: list[Passage] = []
    heading, begin, at, fenced = "", 0, 0, False

    def close(end: int) -> None:
        if text[begin:end].strip():
            found.append(Passage(begin, end, heading))

    for line in text.splitlines(keepends=True):
        fenced ^= line.lstrip().startswith("```")
        title = None if fenced else _HEADING.match(line)
        blank = not line.strip() and not fenced
        if title or (blank and at - begin >= size) or at - begin >= 2 * size:
            close(at)
            begin = at
        if title:
            heading = title[1].strip()
        at += len(line)
        while at - begin > 3 * size:  # a line without an end
            begin, end = begin + 2 * size, begin + 2 * size
            found.append(Passage(end - 2 * size, end, heading))
    close(at)
    return found


def words_of(text: str) -> list[str]:
    """In lower case; each sign of Chinese, Japanese and Korean is one."""
    return [_stem(word) for word in _WORD.findall(text.lower())]


def pick(text: str, query: str, most: int = PICKED) -> list[Passage]:
    """The passages that have most to do with the query, by BM25, in the order of the text; none if no word is there."""
    asked = list(dict.fromkeys(words_of(query)))
    asked = [word for word in asked if word not in _LITTLE.split()] or asked
    pieces = chunks(text)
    bags = [_bag(text, piece) for piece in pieces]
    sizes = [max(sum(bag.values()), 1) for bag in bags]
    usual = sum(sizes) / max(len(sizes), 1)
    having = {word: sum(word in bag for bag in bags) for word in asked}
    worth = {word: log(1 + (len(bags) - n + 0.5) / (n + 0.5)) for word, n in having.items() if n}

    def score(at: int) -> float:
        bag, longer = bags[at], 1 - _B + _B * sizes[at] / usual
        return sum(one * bag[word] * (_K1 + 1) / (bag[word] + _K1 * longer) for word, one in worth.items())

    ranked = sorted(((score(at), -at) for at in range(len(pieces))), reverse=True)
    best = ranked[0][0] if ranked else 0.0
    chosen: list[Passage] = []
    room = most
    for points, at in ranked:
        piece = pieces[-at]
        if points < max(best / 3, 1e-9) or (chosen and piece.end - piece.start > room):
            continue
        chosen.append(piece)
        room -= piece.end - piece.start
    return sorted(chosen)


def headings(text: str, most: int = 40) -> Sequence[str]:
    """The headings there are, for one who found nothing."""
    return tuple(dict.fromkeys(piece.heading for piece in chunks(text) if piece.heading))[:most]


def _bag(text: str, piece: Passage) -> Counter[str]:
    bag = Counter(words_of(text[piece.start : piece.end]))
    for word in set(words_of(piece.heading)):
        bag[word] += _IN_HEADING
    return bag


def _stem(word: str) -> str:
    """`timeouts` and `timeout` are one."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
