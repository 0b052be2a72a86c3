"""A diff of long texts in little time however much has changed: by the lines that are there once on both sides."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

_CONTEXT = 3
_COMPARED = 25_000_000  # lines times lines between two anchors that are compared; of more, all are said to differ

Opcode = tuple[str, int, int, int, int]


def anchored_rows(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """The hunks of a unified diff, row by row."""
    for group in _Known(list(_opcodes(old, new))).get_grouped_opcodes(_CONTEXT):
        (_, i, _, j, _), (*_, i_end, _, j_end) = group[0], group[-1]
        yield f"@@ -{_span(i, i_end)} +{_span(j, j_end)} @@"
        for tag, i, i_end, j, j_end in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[i:i_end])
            else:
                yield from (f"-{line}" for line in old[i:i_end])
                yield from (f"+{line}" for line in new[j:j_end])


class _Known(SequenceMatcher[str]):
    """For its grouping alone."""

    def __init__(self, opcodes: list[Opcode]) -> None:
        super().__init__()
        self._known = opcodes

    def get_opcodes(self) -> list[Opcode]:  # type: ignore[override]
        return self._known


def _span(begin: int, end: int) -> str:
    return f"{begin + 1}" if end - begin == 1 else f"{begin + (end > begin)},{end - begin}"


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[Opcode]:
    i = j = same = 0  # where the next gap begins; equal lines before it that are not told yet
    for at, other in [*_anchors(old, new), (len(old), len(new))]:
        gap = _between(old, new, (i, at), (j, other)) if (i, j) != (at, other) else ()
        for tag, a, a_end, b, b_end in gap:
            if tag == "equal":
                same += a_end - a
                continue
            if same:
                yield "equal", a - same, a, b - same, b
            same = 0
            yield tag, a, a_end, b, b_end
        i, j, same = at + 1, other + 1, same + 1
    if same > 1:
        yield "equal", len(old) - same + 1, len(old), len(new) - same + 1, len(new)


def _between(
    old: Sequence[str], new: Sequence[str], lines: tuple[int, int], others: tuple[int, int]
) -> Iterator[Opcode]:
    """Of what lies between two anchors."""
    (i, i_end), (j, j_end) = lines, others
    if (i_end - i) * (j_end - j) > _COMPARED:
        yield "replace", i, i_end, j, j_end
    else:
        for tag, a, a_end, b, b_end in SequenceMatcher(None, old[i:i_end], new[j:j_end]).get_opcodes():
            yield tag, i + a, i + a_end, j + b, j + b_end


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places of lines that both have once: the most of them that stand in the same order."""
    once = {line for line, times in Counter(old).items() if times == 1}
    places = {line: place for place, line in enumerate(old) if line in once}
    fresh = Counter(new)
    pairs = [(places[line], place) for place, line in enumerate(new) if line in places and fresh[line] == 1]
    tops: list[int] = []  # the least place with which a run of each length ends
    ends: list[int] = []  # the pair that is there
    before: list[int] = []  # the pair before each pair in its run
    for number, (place, _) in enumerate(pairs):
        length = bisect_left(tops, place)
        before.append(ends[length - 1] if length else -1)
        tops[length : length + 1] = [place]
        ends[length : length + 1] = [number]
    found = []
    number = ends[-1] if ends else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]
