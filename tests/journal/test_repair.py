from __future__ import annotations

from collections.abc import Iterable

import pytest

from minicode.journal.entry import Entry
from minicode.journal.repair import INTERRUPTED, LOST, NOT_RUN, closing, sound


def branch(*kinds: str) -> list[Entry]:
    """Entries from words: "user", "reply:a,b" (a reply with calls a and b), "intent:a", "result:a"."""
    entries = []
    for number, word in enumerate(kinds, 1):
        kind, _, ids = word.partition(":")
        data = {"call_id": ids}
        if kind == "reply":
            calls = [{"type": "tool_use", "id": id_, "name": "bash", "input": {}} for id_ in ids.split(",") if id_]
            data = {"content": [{"type": "text", "text": "now"}, *calls]}  # type: ignore[dict-item]
        parent = entries[-1].id if entries else None
        entries.append(Entry(f"e{number}", parent, "", kind, data))
    return entries


def told(entries: Iterable[Entry]) -> list[str]:
    """The words back; a result that stands in is "lost:id"."""
    return [
        f"{'result' if e.id else 'lost'}:{e.data['call_id']}" if e.kind == "result" else f"{e.kind}{e.id[1:]}"
        for e in entries
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", []),
        ("user", []),
        ("user reply:", []),
        ("user reply:a", [("a", NOT_RUN)]),
        ("user reply:a intent:a", [("a", INTERRUPTED)]),
        ("user reply:a intent:a result:a", []),
        ("user reply:a,b,c intent:b intent:a", [("a", INTERRUPTED), ("b", INTERRUPTED), ("c", NOT_RUN)]),
        ("user reply:a,b,c intent:b intent:a result:b", [("a", INTERRUPTED), ("c", NOT_RUN)]),
        ("user reply:a intent:a result:a reply:a", [("a", NOT_RUN)]),
        ("user reply:a reply:b intent:b result:b user", []),
        ("user reply:a,a intent:a result:a", [("a", NOT_RUN)]),
        ("user reply:a intent:a usage note result:x", [("a", INTERRUPTED)]),
    ],
)
def test_each_call_of_the_last_reply_gets_the_result_it_lacks(words: str, expected: list[tuple[str, str]]) -> None:
    records = closing(branch(*words.split()))
    assert [(data["call_id"], data["text"]) for _, data in records] == expected
    assert all(kind == "result" and data["failed"] and data["name"] == "bash" for kind, data in records)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "user reply:a,b intent:a intent:b result:b result:a user",
            "user1 reply2 result:a result:b intent3 intent4 user7",
        ),
        ("result:x user reply:a result:a result:a result:y", "user2 reply3 result:a"),
        ("user reply:a reply:b result:b", "user1 reply2 lost:a reply3 result:b"),
        ("user reply:a reply:b result:a result:b", "user1 reply2 lost:a reply3 result:b"),
        ("user reply:a result:a reply:a result:a", "user1 reply2 result:a reply4 result:a"),
        ("user reply:a,a result:a result:a result:a", "user1 reply2 result:a result:a"),
        ("user reply:a user result:a", "user1 reply2 result:a user3"),
    ],
)
def test_a_sound_branch_answers_each_call_once_in_order(words: str, expected: str) -> None:
    entries = sound(branch(*words.split()))
    assert told(entries) == expected.split()
    assert sound(entries) == entries
    assert all(e.data["text"] == LOST for e in entries if not e.id)


def test_after_closing_nothing_has_to_stand_in() -> None:
    entries = branch(*["user", "reply:a,b", "intent:b", "result:b"])
    for kind, data in closing(entries):
        entries.append(Entry(f"e{len(entries) + 1}", entries[-1].id, "", kind, data))
    assert told(sound(entries)) == ["user1", "reply2", "result:a", "result:b", "intent3"]
    assert closing(entries) == []
