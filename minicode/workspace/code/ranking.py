"""Which definitions count most: PageRank over files that use what others define, and walks from where one looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from operator import mul

_DAMPING, _ROUNDS = 0.85, 15
_COMMON = 12  # files that define a name, from which on it says nothing about whose is meant
_DOUBT = 0.02  # for a name that may be anybody's, in a file of which nothing else is used
_STEPS, _WIDTH = 2, 40  # of a walk: how far, and how many files are gone on from

Links = dict[tuple[str, str], float]  # (file that defines it, name): weight
Definers = Callable[[Iterable[str]], Mapping[str, Sequence[str]]]


def links(
    path: str, uses: Mapping[str, int], definers: Mapping[str, Sequence[str]], aside: Callable[[str], bool]
) -> Links:
    """What a file uses of others; the weights add up to 1, or less if little is sure.

    aside: is a file one that only tests and the like use?
    """
    found: Links = {}
    plain: list[tuple[tuple[str, str], float]] = []
    known: set[str] = set()
    inner = not aside(path)
    for name, times in uses.items():
        there = definers.get(name, ())
        if not 0 < len(there) <= _COMMON or path in there:  # its own is what it means
            continue
        weight = sqrt(times) / len(there)
        for other in there:
            if inner and aside(other):
                continue
            if _telling(name):
                found[other, name] = weight
                known.add(other)
            else:
                plain.append(((other, name), weight))
    for place, weight in plain:
        found[place] = weight / 4 if place[0] in known else weight * _DOUBT
    total = max(sum(found.values()), 1.0)
    return {place: weight / total for place, weight in found.items()}


def _telling(name: str) -> bool:
    """Is it hardly another's by chance? `get` and `append` may be anybody's."""
    bare = name.strip("_")
    return len(bare) > 3 and ("_" in bare or not bare.islower())


def rank(linked: Mapping[str, Links]) -> Links:
    """The share of each definition in all attention, if a reader goes from file to file along what they use. linked:
    the links of all files, those without any included."""
    if not linked:
        return {}
    number = {path: at for at, path in enumerate(linked)}
    whole = [0.0] * len(number)
    edges: list[defaultdict[int, float]] = [defaultdict(float) for _ in number]  # for each file, from those that use it
    for at, links in enumerate(linked.values()):
        for (other, _), weight in links.items():
            if (there := number.get(other)) is not None:
                edges[there][at] += weight
                whole[at] += weight
    into = [(tuple(sources), tuple(sources.values())) for sources in edges]
    ranks = [1 / len(number)] * len(number)
    for _ in range(_ROUNDS):
        rest = (1 - _DAMPING + _DAMPING * (1 - sum(map(mul, ranks, whole)))) / len(number)
        ranks = [rest + _DAMPING * sum(map(mul, map(ranks.__getitem__, some), weights)) for some, weights in into]
    scores: defaultdict[tuple[str, str], float] = defaultdict(float)
    for path, rank in zip(linked, ranks, strict=True):
        for place, weight in linked[path].items():
            scores[place] += rank * weight
    return _shared(scores)


def near(
    seeds: Mapping[str, float],
    uses: Callable[[Iterable[str]], Mapping[str, Mapping[str, int]]],
    definers: Definers,
    aside: Callable[[str], bool],
) -> Links:
    """The same for a reader who begins at the seeds, files with their weights, and does not go far."""
    scores: defaultdict[tuple[str, str], float] = defaultdict(float)
    here = dict(seeds)
    for _ in range(_STEPS):
        there: defaultdict[str, float] = defaultdict(float)
        first = sorted(here, key=lambda path: (-here[path], path))[:_WIDTH]
        for path, used in uses(first).items():
            for (other, name), weight in links(path, used, definers(used), aside).items():
                scores[other, name] += here[path] * weight
                there[other] += here[path] * weight * _DAMPING
        here = there
    return _shared(scores)


def _shared(scores: Mapping[tuple[str, str], float]) -> Links:
    total = sum(scores.values())
    return {place: score / total for place, score in scores.items()} if total else {}
