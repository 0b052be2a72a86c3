"""The demo's repository: a small calendar with one genuine bug, and tests that run with unittest and with pytest."""

from __future__ import annotations

README = """\
# planner

Finds free time in a day. Times are minutes since midnight, intervals are half-open.

    python -m unittest
"""

INTERVALS = '''\
"""Sets of half-open intervals (start, end)."""

from __future__ import annotations

Interval = tuple[int, int]


def merge(intervals: list[Interval]) -> list[Interval]:
    """The same time covered by as few intervals as possible, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def gaps(intervals: list[Interval], within: Interval) -> list[Interval]:
    """What of `within` is covered by none of the intervals."""
    free: list[Interval] = []
    at, close = within
    for start, end in merge(intervals):
        if start > at:
            free.append((at, min(start, close)))
        at = max(at, end)
        if at >= close:
            return free
    return [*free, (at, close)]
'''

CALENDAR = '''\
"""A day of meetings, and the time they leave."""

from __future__ import annotations

from dataclasses import dataclass

from planner.intervals import Interval, gaps


@dataclass(frozen=True)
class Meeting:
    title: str
    start: int
    end: int


def clock(text: str) -> int:
    """Minutes since midnight of a time such as "09:30"."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def free_slots(meetings: list[Meeting], day: Interval, minutes: int) -> list[Interval]:
    """The stretches of the day of at least so many minutes in which nobody meets."""
    busy = [(meeting.start, meeting.end) for meeting in meetings]
    return [(start, end) for start, end in gaps(busy, day) if end - start >= minutes]
'''

TESTS = """\
from __future__ import annotations

import unittest

from planner.calendar import Meeting, clock, free_slots

DAY = (clock("09:00"), clock("17:00"))


def meeting(title: str, start: str, end: str) -> Meeting:
    return Meeting(title, clock(start), clock(end))


class FreeSlots(unittest.TestCase):
    def test_empty_day_is_free(self) -> None:
        self.assertEqual(free_slots([], DAY, 30), [DAY])

    def test_overlapping_meetings(self) -> None:
        day = [meeting("review", "09:00", "11:00"), meeting("stand-up", "10:30", "12:00")]
        self.assertEqual(free_slots(day, DAY, 30), [(clock("12:00"), clock("17:00"))])

    def test_too_short_a_gap_is_left_out(self) -> None:
        day = [meeting("morning", "09:00", "12:00"), meeting("afternoon", "12:15", "17:00")]
        self.assertEqual(free_slots(day, DAY, 30), [])

    def test_call_within_a_workshop(self) -> None:
        day = [meeting("workshop", "10:00", "16:00"), meeting("call", "11:00", "11:30")]
        expected = [(clock("09:00"), clock("10:00")), (clock("16:00"), clock("17:00"))]
        self.assertEqual(free_slots(day, DAY, 30), expected)


if __name__ == "__main__":
    unittest.main()
"""

FILES = (
    ("README.md", README),
    (".gitignore", "__pycache__/\n.pytest_cache/\n"),
    ("planner/__init__.py", '"""Finds free time in a day."""\n'),
    ("planner/intervals.py", INTERVALS),
    ("planner/calendar.py", CALENDAR),
    ("tests/__init__.py", ""),
    ("tests/test_planner.py", TESTS),
)
