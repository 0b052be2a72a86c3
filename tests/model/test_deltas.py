from __future__ import annotations

import pytest

from minicode.model.deltas import FormingCalls, Growing

LONG = "The file has to be read first."


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a", "and the"], "aand the"),
        (["I ", "see", " it"], "I see it"),
        ([LONG], LONG),
        (["I", "I see", f"I see. {LONG}"], f"II seeI see. {LONG}"),
        ([LONG, f"{LONG} Then", f"{LONG} Then edit", f"{LONG} Then edit it."], f"{LONG} Then edit it."),
        ([LONG, f"{LONG} Then"], f"{LONG} Then"),
        ([LONG, f"{LONG} Then", "x"], f"{LONG}{LONG} Thenx"),
        (["-" * 20, "-" * 20, "x"], "-" * 40 + "x"),
        (["\n", "\n", "x"], "\n\nx"),
        (["", "a", "", "b"], "ab"),
        ([LONG, f"{LONG} a", f"{LONG} ab", f"{LONG} ab", f"{LONG} abc"], f"{LONG} abc"),
    ],
)
def test_increments_and_snapshots_are_told_apart(pieces: list[str], text: str) -> None:
    growing = Growing()
    shown = "".join([growing.feed(piece) for piece in pieces]) + growing.close()
    assert growing.text == text
    assert shown == text


def test_increments_are_shown_as_they_come() -> None:
    growing = Growing()
    assert [growing.feed(p) for p in ("I ", "see", " it")] == ["I ", "see", " it"]


def test_an_endpoint_known_for_snapshots_is_believed_sooner() -> None:
    for pieces, text in [(["It is", "It is 1."], "It is 1."), (["It", " is"], "It is"), (["a", "ab", "abc"], "abc")]:
        growing = Growing(hinted=True)
        assert "".join([growing.feed(piece) for piece in pieces]) + growing.close() == growing.text == text


def entry(index: int | None, arguments: object, id_: str | None = None, name: str | None = None) -> dict[str, object]:
    return {"index": index, "id": id_, "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("entries", "calls"),
    [
        (
            [entry(0, "", "a", "f"), entry(1, "", "b", "g"), entry(0, "{"), entry(1, "["), entry(0, "}")],
            [("a", "f", "{}"), ("b", "g", "[")],
        ),
        ([entry(1, "{}", "a", "f"), entry(2, "{}", "b", "g")], [("a", "f", "{}"), ("b", "g", "{}")]),
        ([entry(None, "{", "a", "f"), entry(None, "}")], [("a", "f", "{}")]),
        ([entry(0, "{}", "a", "f"), entry(0, "[]", "b", "g")], [("a", "f", "{}"), ("b", "g", "[]")]),
        ([entry(0, {"x": "é"}, "a", "f")], [("a", "f", '{"x": "é"}')]),
        ([entry(0, '{"x": 1}', "a", "f"), entry(1, '{"y": 2}')], [("a", "f", '{"x": 1}')]),
        ([entry(0, "", "a", "f"), entry(1, '{}{"y": 2}')], [("a", "f", '{}{"y": 2}')]),
        ([entry(0, None, "a", "f")], [("a", "f", "")]),
        ([entry(0, "{", "a", "f"), entry(0, "}", "a", "f")], [("a", "f", "{}")]),
    ],
)
def test_calls_are_merged(entries: list[dict[str, object]], calls: list[tuple[str, str, str]]) -> None:
    forming = FormingCalls()
    for one in entries:
        forming.feed(one)
    assert [(c.id, c.name, c.text) for c in forming.close()] == calls
