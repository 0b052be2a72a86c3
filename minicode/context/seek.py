"""Where words or a regular expression are in many texts. A pattern that would run for ever is stopped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from math import log
from operator import mul
from typing import NamedTuple

NEAR = 300  # characters: words no farther from each other than this stand together
CLOSE = 12  # characters between two words that make the one worth about two thirds
BESIDE = 0.5  # what a word is worth that is only in what the text came from
PART = 0.6  # what a word is worth that is only part of one
SPOTS = 3  # places that are kept of one text
LONGEST = 1000  # characters of a pattern
TERMS = 20
LITTLE = "a an and are at be did do for from had has have how in is it of on or the to was we what with"
_PLACES = 20_000  # of the rarest word of a text that are looked at
# Python's engine backtracks without end on some patterns and cannot be stopped in a thread: it works in a process of
# its own, to which the kernel sends an alarm, whatever becomes of ours.
_CHILD = f"""
import json, re, signal, sys
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
def say(value):
    print(json.dumps(value), flush=True)
try:
    told, ignore_case = json.loads(sys.stdin.readline())
    pattern = re.compile(told, re.MULTILINE | (re.IGNORECASE if ignore_case else 0))
except Exception as error:
    say([getattr(error, "pos", None) or 0, getattr(error, "msg", None) or str(error) or type(error).__name__])
    sys.exit()
say(None)
for line in sys.stdin:
    answer = []
    for text in json.loads(line):
        spots, count = [], 0
        for m in pattern.finditer(text):
            if m.end() > m.start():
                count += 1
                if count <= {SPOTS}:
                    spots.append(m.span())
        answer.append([count, spots])
    say(answer)
"""


class Spot(NamedTuple):
    """start, end: characters. shares: of each word, how much of it stands there: 0 if it does not, 1 if it does, as a
    whole word and close by."""

    start: int
    end: int
    shares: tuple[float, ...] = ()


class Match(NamedTuple):
    """What of the search was found in one text. terms: which words it has anywhere. spots: the best. places: of all."""

    terms: int
    spots: tuple[Spot, ...]
    places: int


class BrokenPatternError(Exception):
    """The pattern is no regular expression. at: which of its characters is wrong, from 0."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(text)
        self.at = at


class OutOfTimeError(Exception):
    """The pattern took too long."""


def terms(query: str) -> list[str]:
    """The words of a query, lower case; what stands in double quotes is one. Little words go if others are there."""
    words = ((quoted or word.rstrip("?!,;:") or word).lower() for quoted, word in re.findall(r'"([^"]+)"|(\S+)', query))
    found = list(dict.fromkeys(words))
    return ([word for word in found if word not in LITTLE.split()] or found)[:TERMS]


def find_words(text: str, words: Sequence[str], about: str = "") -> Match | None:
    """The places with the most of the words close together. words: lower case. A word that is only in `about` counts
    as found, but one at least must be in the text. None if there is none."""
    low, beside = lowered(text), about.lower()
    counts = [low.count(word) for word in words]
    there = [n for n, count in enumerate(counts) if count]
    if not there:
        return None
    rarest = min(there, key=lambda n: counts[n])
    spots = [_around(low, words, rarest, at, beside) for at in _occurrences(low, words[rarest])]
    kept = sorted(spots, key=lambda spot: (-sum(spot.shares), spot.start))[:SPOTS]
    for n in there:  # one that is far from the others has a place of its own
        if not any(spot.shares[n] for spot in kept) and len(kept) < SPOTS + 2:
            kept.append(_around(low, words, n, low.find(words[n]), beside))
    terms = sum(1 << n for n, word in enumerate(words) if counts[n] or word in beside)
    return Match(terms, tuple(kept), counts[rarest])


def find_pattern(
    pattern: str, ignore_case: bool, batches: Iterable[list[str]], seconds: float
) -> Iterator[list[Match | None]]:
    """For each batch of texts what was found in each. ^ and $ are at lines.

    Raises BrokenPatternError, and OutOfTimeError after so many seconds.
    """
    if len(pattern) > LONGEST:
        raise BrokenPatternError(f"it is longer than {LONGEST:,} characters", LONGEST)
    command = [sys.executable, "-I", "-S", "-c", _CHILD, str(max(seconds, 0.01))]
    try:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            if (flaw := _ask(child, [pattern, ignore_case])) is not None:
                raise BrokenPatternError(flaw[1], flaw[0])
            for batch in batches:
                answer = _ask(child, batch)
                yield [Match(0, tuple(Spot(*span) for span in spans), n) if n else None for n, spans in answer]
    except BrokenPipeError:
        raise OutOfTimeError from None


def rarities(matches: Iterable[Match], words: int, texts: int) -> list[float]:
    """What each word is worth: the fewer texts have it, the more."""
    having = [0] * words
    for match in matches:
        for n in range(words):
            having[n] += match.terms >> n & 1
    return [log(1 + texts / count) if count else 0.0 for count in having]


def score(match: Match, worth: Sequence[float]) -> float:
    """What stands together counts whole, the rest of the text a quarter."""
    together: float = max(sum(map(mul, worth, spot.shares)) for spot in match.spots)
    return together + 0.25 * sum(one for n, one in enumerate(worth) if match.terms >> n & 1)


def lowered(text: str) -> str:
    """In lower case and as long as before, so that places are the same."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def _ask(child: subprocess.Popen[bytes], value: object) -> list:  # type: ignore[type-arg]
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps(value).encode() + b"\n")
    child.stdin.flush()
    line = child.stdout.readline()
    if not line.endswith(b"\n"):
        raise BrokenPipeError
    return json.loads(line)  # type: ignore[no-any-return]


def _occurrences(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    for _ in range(_PLACES):
        if at < 0:
            return
        yield at
        at = text.find(word, at + len(word))


def _around(text: str, words: Sequence[str], anchor: int, at: int, beside: str) -> Spot:
    """The words near to a place where one of them is."""
    start, end = first, last = at, at + len(words[anchor])
    shares = []
    for n, word in enumerate(words):
        place = at if n == anchor else _nearest(text, word, at)
        if place < 0:
            shares.append(BESIDE if word in beside else 0.0)
            continue
        gap = max(place - last, first - place - len(word), 0)
        near = 0.3 + 0.7 / (1 + gap / CLOSE)
        shares.append(near if _is_word(text, place, place + len(word)) else PART * near)
        start, end = min(start, place), max(end, place + len(word))
    return Spot(start, end, tuple(shares))


def _nearest(text: str, word: str, at: int) -> int:
    behind = text.find(word, at, at + NEAR + len(word))
    before = text.rfind(word, max(at - NEAR, 0), at)
    if behind < 0 or before < 0:
        return max(behind, before)
    return behind if behind - at <= at - before else before


def _is_word(text: str, start: int, end: int) -> bool:
    def letter(at: int) -> bool:
        return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")

    return not (letter(start - 1) and letter(start)) and not (letter(end - 1) and letter(end))
