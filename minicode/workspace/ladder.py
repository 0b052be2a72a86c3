"""Where in a file a block of lines is meant to be, by rungs that overlook more and more: pure functions.

What a rung overlooks is overlooked in the comparison only: lines that an edit keeps stay as they are in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

LOOKS = "look-alike characters"
INEXACT = "spacing and small differences in lines that stay"
_ALIKE = 0.95  # how like the whole block must be where lines that stay may differ
_MOST_TRIED = 200
_LARGEST = 4_000_000  # lines of old times lines of new: beyond it they are not aligned

# One character for one, so that a place in the one text is the place in the other.
_LOOKS = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u02bc\uff07",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d",
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
}
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), None)

Shift = Callable[[str], str]


class Range(NamedTuple):
    """Lines first to last of the old block become lines begin to end of the new one."""

    first: int
    last: int
    begin: int
    end: int


class Place(NamedTuple):
    """at: the line, from 0. shift: gives a line of the replacement the indentation it has there. how: what had to be
    overlooked, "" for nothing."""

    at: int
    shift: Shift
    how: str = ""


class Page:
    """The lines of a file, and how they look to each rung."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._seen: dict[Callable[[str], str], list[str]] = {}

    def through(self, key: Callable[[str], str]) -> list[str]:
        if key not in self._seen:
            if key is _letters:  # most lines have only plain ones
                seen = [line if line.isascii() else key(line) for line in self.through(str.strip)]
            elif key is _squashed:
                seen = ["".join(line.split()) for line in self.through(_letters)]
            else:
                seen = list(map(key, self.lines))
            self._seen[key] = seen
        return self._seen[key]

    def exact(self, old: Sequence[str]) -> list[Place]:
        return [Place(at, _as_it_is) for at in _blocks(self.lines, old)]

    def places(self, old: Sequence[str], ranges: Sequence[Range]) -> list[Place]:
        """All places on the first rung below the exact one on which there are any."""
        for how, key, shifted in _RUNGS:
            wanted = [key(line) for line in old]
            found = []
            for at in _blocks(self.through(key), wanted) if any(wanted) else ():
                shift = _shift(self.lines[at : at + len(old)], old) if shifted else _as_it_is
                if shift is not None:
                    found.append(Place(at, shift, how))
            if found:
                return found
        return self._alike(old, ranges)

    def _alike(self, old: Sequence[str], ranges: Sequence[Range]) -> list[Place]:
        """Blocks in which the lines to be changed are, but for spacing, and those that stay are nearly."""
        wanted = [_squashed(line) for line in old]
        needed = [k for k in _touched(ranges, len(old)) if wanted[k]]
        if not needed:
            return []
        squashed = self.through(_squashed)
        anchor = max(needed, key=lambda k: len(wanted[k]))
        last = len(squashed) - len(old)
        starts = [i - anchor for i, line in enumerate(squashed) if line == wanted[anchor] and 0 <= i - anchor <= last]
        found = []
        for at in starts if len(starts) <= _MOST_TRIED else ():
            if any(squashed[at + k] != wanted[k] for k in needed):
                continue
            shift = _shift([self.lines[at + k] for k in needed], [old[k] for k in needed])
            if shift is not None and _likeness(squashed[at : at + len(old)], wanted) >= _ALIKE:
                found.append(Place(at, shift, INEXACT))
        return found


def ranges_of(old: Sequence[str], new: Sequence[str]) -> list[Range]:
    """What changes between two blocks."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    inner, fresh = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(inner) * len(fresh) > _LARGEST:
        return [Range(head, head + len(inner), head, head + len(fresh))]
    steps = _steps(inner, fresh)
    return [Range(a + head, b + head, c + head, d + head) for tag, a, b, c, d in steps if tag != "equal"]


def _steps(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    from difflib import SequenceMatcher

    return list(SequenceMatcher(None, old, new, autojunk=False).get_opcodes())


def fresh_lines(page: Page, place: Place, old: Sequence[str], new: Sequence[str], part: Range) -> tuple[str, ...]:
    """What one range of a block becomes in the file. Look-alikes in the part of a line that stays are kept."""
    fresh = [place.shift(line) for line in new[part.begin : part.end]]
    if place.how and part.last - part.first == len(fresh):
        for n, line in enumerate(fresh):
            fresh[n] = kept(page.lines[place.at + part.first + n], place.shift(old[part.first + n]), line)
    return tuple(fresh)


def kept(there: str, old: str, new: str) -> str:
    """The new text, with the look-alikes of what is there in all that stays of the old one."""
    if len(there) != len(old) or like(there) != like(old):
        return new
    return "".join(there[a:b] if tag == "equal" else new[c:d] for tag, a, b, c, d in _steps(old, new))


def like(text: str) -> str:
    """The same text with plain quotes, dashes and blanks, of the same length."""
    if text.isascii():
        return text
    for plain, others in _LOOKS.items():
        for other in others:
            text = text.replace(other, plain)  # much quicker than to translate
    return text


def _as_it_is(line: str) -> str:
    return line


def _letters(line: str) -> str:
    """As it looks: also composed, and without what is not seen."""
    if line.isascii():
        return line.strip()
    from unicodedata import normalize

    return like(normalize("NFC", line.translate(_INVISIBLE)).replace("\u2026", "...")).strip()


def _squashed(line: str) -> str:
    return "".join(_letters(line).split())


# What is overlooked, how a line looks then, and whether the block may be shifted as a whole.
_RUNGS: tuple[tuple[str, Callable[[str], str], bool], ...] = (
    ("trailing blanks", str.rstrip, False),
    ("indentation", str.strip, True),
    (LOOKS, _letters, True),
)


def _blocks(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the block is: told by its longest line, so that a common line such as `}` costs nothing."""
    if not wanted:
        return []
    key = max(range(len(wanted)), key=lambda k: len(wanted[k]))
    last, size, block = len(lines) - len(wanted), len(wanted), list(wanted)
    found: list[int] = []
    at = -1
    while True:
        try:
            at = lines.index(block[key], at + 1)
        except ValueError:
            return found
        if 0 <= at - key <= last and lines[at - key : at - key + size] == block:
            found.append(at - key)


def _indent(line: str) -> str:
    return like(line[: len(line) - len(line.lstrip())])


def _shift(theirs: Sequence[str], ours: Sequence[str]) -> Shift | None:
    """How our lines have to be indented to lie as theirs: one indentation more or less, or tabs for blanks."""
    pairs = [(_indent(t), _indent(o)) for t, o in zip(theirs, ours, strict=True) if o.strip() and t.strip()]
    if all(t == o for t, o in pairs):
        return _as_it_is
    there, here = pairs[0]
    if there.endswith(here) and all(t == there.removesuffix(here) + o for t, o in pairs):
        more = there.removesuffix(here)
        return lambda line: more + line if line.strip() else line
    if here.endswith(there) and all(here.removesuffix(there) + t == o for t, o in pairs):
        less = here.removesuffix(there)
        return lambda line: line.removeprefix(less)
    for width in (4, 2, 8, 3):
        blanks = " " * width
        if all(set(t) <= {"\t"} and o == t.replace("\t", blanks) for t, o in pairs):
            return lambda line: _indent(line).replace(blanks, "\t") + line.lstrip()
        if all(set(o) <= {"\t"} and t == o.replace("\t", blanks) for t, o in pairs):
            return lambda line: _indent(line).replace("\t", blanks) + line.lstrip()
    return None


def _touched(ranges: Sequence[Range], size: int) -> list[int]:
    """The lines that must be there: those that change, and the neighbours of lines that only come in."""
    found: set[int] = set()
    for first, last, _, _ in ranges:
        found.update(range(first, last) if last > first else (first - 1, first))
    return sorted(k for k in found if 0 <= k < size)


def _likeness(there: Sequence[str], wanted: Sequence[str]) -> float:
    """1.0 if all lines are the same, their length counting."""
    from difflib import SequenceMatcher

    same = whole = 0.0
    for line, other in zip(there, wanted, strict=True):
        weight = max(len(line), len(other))
        whole += weight
        same += weight if line == other else weight * SequenceMatcher(None, line, other, autojunk=False).ratio()
    return same / whole if whole else 0.0
