"""Which of very many paths is meant by a few letters: those in this order, the likeliest first. Pure.

A keystroke must not be felt among 100,000 paths. So nothing is done in Python for each path, but for the few hundred
that are left by what C does quickly: finding a string in one long text, and joining flags of who has which letter.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import accumulate, compress, islice
from typing import NamedTuple

from minicode.text import clean

ENOUGH = 400  # candidates of a kind that are weighed
_PARTS = re.compile(r"[/_.\- ]+")


class Hit(NamedTuple):
    """marks: where in the path the letters are that were asked for."""

    path: str
    marks: tuple[int, ...] = ()


class Paths:
    """All the paths one can mean: files, and their folders with a slash at the end. Dear to make: do it in a thread."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """names: of files, relative, in any order."""
        files = _typable(names)
        self._paths = _short_first(files + _folders(files))
        self._lower = [path.lower() for path in self._paths]
        self._whole = _Text(self._lower)
        self._bases = _Text([path.removesuffix("/").rpartition("/")[2] for path in self._lower])
        # Who has a letter: a byte for each path, 1 or 0. Of ASCII only, for there is no end of letters. All have "".
        letters = {""}
        for path in self._lower:
            letters.update(path)
        self._flags = {letter: _flags(self._lower, letter) for letter in letters if letter.isascii()}
        self._last: tuple[str, list[int]] = ("", [])

    def find(self, letters: str, most: int = 50) -> list[Hit]:
        """The likeliest first; every path that is found has these letters in this order."""
        if not letters:
            return [Hit(path) for path in self._paths[:most]]
        wanted = letters.lower()
        found = dict.fromkeys(self._candidates(wanted, most))
        weighed = ((_weight(self._lower[at], wanted), -at) for at in found)
        return [_hit(self._paths[-at], wanted) for _, at in nlargest(most, weighed)]

    def _candidates(self, wanted: str, most: int) -> Iterator[int]:
        """From what is almost surely meant to what only might be; some twice."""
        exact = [
            *islice(self._bases.lines_with(f"\n{wanted}"), ENOUGH),
            *islice(self._bases.lines_with(wanted), ENOUGH),
            *islice(self._whole.lines_with(wanted), ENOUGH),
        ]
        yield from exact
        if len(exact) < most:
            yield from self._scattered(wanted)

    def _scattered(self, wanted: str) -> list[int]:
        """Those that have the letters in this order, short ones first, not all if there are very many."""
        before, last = self._last
        among = last if before and wanted.startswith(before) else self._with_letters(wanted)
        # Possessive: what was skipped is never given back, so this is linear.
        match = re.compile("".join(f"[^{re.escape(letter)}]*+{re.escape(letter)}" for letter in wanted)).match
        lower = self._lower
        found = list(islice((at for at in among if match(lower[at])), ENOUGH))
        self._last = (wanted, found) if len(found) < ENOUGH else ("", [])  # with more letters only these are left
        return found

    def _with_letters(self, wanted: str) -> Iterable[int]:
        """Those that have all the letters, in any order."""
        flags = self._flags[""]
        for letter in set(wanted):
            flags &= self._flags.get(letter, 0 if letter.isascii() else flags)
        return compress(range(len(self._lower)), flags.to_bytes(len(self._lower), "little"))


class _Text:
    """Many lines as one text, with a newline before each."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._text = "\n" + "\n".join(lines)
        self._starts = list(accumulate((len(line) + 1 for line in lines), initial=0))  # of the newlines

    def lines_with(self, part: str) -> Iterator[int]:
        """The numbers of the lines it is in, each once. A newline at its beginning: the lines that begin with it."""
        at = self._text.find(part)
        while at >= 0:
            line = bisect_right(self._starts, at) - 1
            yield line
            at = self._text.find(part, self._starts[line + 1])


def _flags(lines: Sequence[str], letter: str) -> int:
    return int.from_bytes(bytes([letter in line for line in lines]), "little")


def rank(names: Sequence[str], letters: str) -> list[Hit]:
    """Of a few names, such as those of commands: in the same order of likeliness, at the same weight as they came."""
    wanted = letters.lower()
    weighed = [
        (_weight(name.lower(), wanted), -at, name) for at, name in enumerate(names) if _within(wanted, name.lower())
    ]
    return [_hit(name, wanted) for _, _, name in sorted(weighed, reverse=True)]


def _typable(names: Iterable[str]) -> list[str]:
    """Without those that no prompt could hold: with a newline, a control character, bytes that are no text."""
    kept: list[str] = []
    rest = iter(names)
    # Block by block, for in one long regular expression nobody else could run.
    while block := list(islice(rest, 1_000)):
        whole = "\n".join(block)
        if whole.count("\n") == len(block) - 1 and clean(whole) == whole:
            kept += block
        else:
            kept += [name for name in block if "\n" not in name and clean(name) == name]
    return kept


def _folders(files: Iterable[str]) -> list[str]:
    found: set[str] = set()
    for folder in {file.rpartition("/")[0] for file in files}:
        while folder and f"{folder}/" not in found:
            found.add(f"{folder}/")
            folder = folder.rpartition("/")[0]
    return list(found)


def _short_first(paths: Iterable[str]) -> list[str]:
    """The shallow ones first, and of these the short ones. In small sorts: a big one would not let others run."""
    depths: dict[int, list[str]] = defaultdict(list)
    for path in paths:
        depths[path.count("/", 0, -1)].append(path)
    return [path for depth in sorted(depths) for path in sorted(depths[depth], key=len)]


def _weight(path: str, wanted: str) -> int:
    """path, wanted: in lower case."""
    whole = path.removesuffix("/")
    base = whole.rpartition("/")[2]
    at = base.find(wanted)
    if at == 0:
        weight = 1_000 + 200 * (wanted in (base, base.partition(".")[0]))
    elif at > 0:
        weight = 800 if not base[at - 1].isalnum() else 600
    elif wanted in path:
        at = path.find(wanted)
        weight = 500 if at == 0 or not path[at - 1].isalnum() else 400
    else:
        weight = 100
        if _within(wanted, base):
            weight = 500 if _within(wanted, "".join([part[:1] for part in _PARTS.split(base)])) else 250
    return weight - 10 * whole.count("/") - len(path)


def _within(wanted: str, text: str) -> bool:
    """The letters are in the text, in this order."""
    at = -1
    for letter in wanted:
        at = text.find(letter, at + 1)
        if at < 0:
            return False
    return True


def _hit(path: str, wanted: str) -> Hit:
    lower = path.lower()
    if len(lower) != len(path):  # letters that are two in lower case
        return Hit(path)
    name = lower.removesuffix("/").rfind("/") + 1
    for begin in (name, 0):
        at = lower.find(wanted, begin)
        if at >= 0:
            return Hit(path, tuple(range(at, at + len(wanted))))
    for begin in (name, 0):
        marks: list[int] = []
        at = begin - 1
        for letter in wanted:
            at = lower.find(letter, at + 1)
            marks.append(at)
            if at < 0:
                break
        else:
            return Hit(path, tuple(marks))
    return Hit(path)
