from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.model.arguments import read


@pytest.mark.parametrize(
    ("text", "value", "repair"),
    [
        ('{"a": 1}', {"a": 1}, ""),
        ("", {}, ""),
        (" \n", {}, ""),
        ("null", {}, ""),
        ('{"a": "x\ny\tz"}', {"a": "x\ny\tz"}, "raw line breaks"),
        ('"{\\"a\\": 1}"', {"a": 1}, "wrapped in a string"),
        ('{"a": 1}{"a": 2}', {"a": 2}, "2 objects"),
        ('{"a": 1} {}', {"a": 1}, "2 objects"),
        ('{"p": "\\d+\\s"}', {"p": "\\d+\\s"}, "backslashes"),
        ('{"a": 1,}', {"a": 1}, "repaired"),
        ("{'a': 'b', 'c': True}", {"a": "b", "c": True}, "repaired"),
        ('```json\n{"a": [1, 2,]}\n```', {"a": [1, 2]}, "repaired"),
        ('{"a": {"b": "}"}', {"a": {"b": "}"}}, "brackets"),
        ('{"a": ["é\\ud83e\\udd8a"', {"a": ["é🦊"]}, "brackets"),
    ],
)
def test_what_is_certain_is_mended_and_told(text: str, value: object, repair: str) -> None:
    found, repairs = read(text)
    assert found == value
    assert (repair in repairs[0]) if repair else repairs == ()


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]",
        "7",
        '"words"',
        "no JSON at all",
        '{"path": "a.p',
        '{"count": 12',
        '{"path": "a.py",',
        '{"a": "one "two" three"} and words',
        '{"a": 1} trailing words',
        "[" * 100_000,
    ],
)
def test_what_would_be_a_guess_is_refused(text: str) -> None:
    assert read(text) == (None, ())


@pytest.mark.parametrize("text", ['{"a": 1,}', '{"a": "x\ny"}', '{"a": 1', '{"a": 1}{"a": 2}', ""])
def test_nothing_is_mended_in_a_reply_that_was_cut(text: str) -> None:
    assert read(text, cut=True) == (None, ())


def test_what_is_whole_is_taken_from_a_reply_that_was_cut() -> None:
    assert read('{"a": 1}', cut=True) == ({"a": 1}, ())


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.booleans())))
def test_valid_json_is_taken_as_it_is(value: dict[str, object]) -> None:
    assert read(json.dumps(value)) == (value, ())


@given(st.dictionaries(st.text("abc", min_size=1), st.text() | st.integers(), min_size=1), st.integers(1, 30))
def test_a_torn_text_never_becomes_another_value(value: dict[str, object], cut: int) -> None:
    text = json.dumps(value)
    found, _ = read(text[: -min(cut, len(text) - 1)])
    assert found is None or all(found[k] == value[k] for k in found)
