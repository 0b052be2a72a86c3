"""Diffs of long texts: whatever is found to be the same line, the diff makes one text of the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.workspace.anchored import anchored_rows
from minicode.workspace.edits import unified

TEXTS = st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=30)
_HEAD = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def rebuilt(old: Sequence[str], rows: Iterable[str]) -> list[str]:
    """What a diff makes of it, if all its lines and numbers are as they say."""
    made: list[str] = []
    at = 0
    for row in rows:
        if head := _HEAD.match(row):
            first = int(head[1]) - (head[2] != "0")
            made, at = [*made, *old[at:first]], first
            assert len(made) == int(head[3]) - (head[4] != "0")
            continue
        if row[0] != "+":
            assert old[at] == row[1:]
            at += 1
        if row[0] != "-":
            made.append(row[1:])
    return [*made, *old[at:]]


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_one_text_becomes_the_other(old: list[str], new: list[str]) -> None:
    rows = list(anchored_rows(old, new))
    assert rebuilt(old, rows) == new and bool(rows) == (old != new)
    rows = list(anchored_rows(old, [*old[3:9], *new, *old[9:]]))
    assert rebuilt(old, rows) == [*old[3:9], *new, *old[9:]]


def test_only_what_changed_is_in_it() -> None:
    old = [f"line {n}" for n in range(40)]
    new = [*old[:10], "new", *old[10:30], *old[31:]]
    assert list(anchored_rows(old, new)) == [
        *("@@ -8,6 +8,7 @@", " line 7", " line 8", " line 9", "+new", " line 10", " line 11", " line 12"),
        *("@@ -28,7 +29,6 @@", " line 27", " line 28", " line 29", "-line 30", " line 31", " line 32", " line 33"),
    ]


def test_many_changes_in_a_long_file_take_no_time() -> None:
    lines = [f"line {n}" for n in range(20_000)]
    new = [f"{line}!" if n % 7 == 0 else line for n, line in enumerate(lines)]
    began = process_time()
    rows = unified("f", "\n".join(lines), "\n".join([*new, "more"])).split("\n")[2:]
    assert process_time() - began < 3  # 0.3 s where nobody else works; 40 s line by line
    assert len(rows) < 25_000 and rebuilt(lines, rows) == [*new, "more"]
