from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.model.arguments import breaks_off, read


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
        ('{"a": "x",\n "b": "y"\n', {"a": "x", "b": "y"}, "brackets"),
        ('{}{"a": 1}', {"a": 1}, "2 objects"),
        ('{"a": 1}\n{"b": 2}', {"b": 2}, "2 objects"),
        ("{'a': 'it\\'s', 'b': \"it's\"}", {"a": "it's", "b": "it's"}, "repaired"),
        ("{'a': None, 'b': False, 'c': (1, 2)}", {"a": None, "b": False, "c": [1, 2]}, "repaired"),
        (
            "{'a': 'grep \"x\" f', 'b': 'one\\ntwo', 'c': '\\u00e9'}",
            {"a": 'grep "x" f', "b": "one\ntwo", "c": "é"},
            "repaired",
        ),
        ('{"a": """one "two" three"""}', {"a": 'one "two" three'}, "repaired"),
        ('{"a": true, "b": False}', {"a": True, "b": False}, "repaired"),
        ('{"a": [1, 2,],}', {"a": [1, 2]}, "repaired"),
        ('{a: "b"}', {"a": "b"}, "repaired"),
        ('{"a": "b" "c": 1}', {"a": "b", "c": 1}, "repaired"),
        ('{"a": "b",, "c": 1}', {"a": "b", "c": 1}, "repaired"),
        ('{"a": 1}}', {"a": 1}, "repaired"),
        ('{"a": 1}]', {"a": 1}, "repaired"),
        ("{“a”: “b”}", {"a": "b"}, "repaired"),
        ('{"a": "say "hi" now"}', {"a": 'say "hi" now'}, "repaired"),
        ('{"a": "rm "$X" /tmp/a"}', {"a": 'rm "$X" /tmp/a'}, "repaired"),
        ('{"a": "x = "a", y = "b"", "b": "f"}', {"a": 'x = "a", y = "b"', "b": "f"}, "repaired"),
        ('{"a": 1}</invoke>', {"a": 1}, "around the JSON"),
        ('{"a": 1}\n</parameter>\n</invoke>\n</minimax:tool_call>', {"a": 1}, "around the JSON"),
        ('{"a": 1}<|im_end|>', {"a": 1}, "around the JSON"),
        ('{"a": 1}\x00', {"a": 1}, "around the JSON"),
        ('\ufeff{"a": 1}', {"a": 1}, "around the JSON"),
        ('```json\n{"a": "x\ny"}\n```', {"a": "x\ny"}, "code fence"),
        ('```\n{"a": 1}\n```', {"a": 1}, "code fence"),
        ('[{"a": 1}]', {"a": 1}, "list of one"),
        ('"{\\"a\\": \\"b\\"}"', {"a": "b"}, "wrapped in a string"),
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
        "{'a': " * 5_000,
        '{"a": ' + "-" * 30_000 + "1}",
        '{"file_path": "a.py", "content": }',
        '{"content": , "file_path": "a.py"}',
        "{'a': 'x' 'y'}",
        '{"command": "echo """}',
        '{"command": "ls"}{"command": "r',
        '[{"a": 1}, {"a": 2}]',
        '{"a": "b\\"}',
        '{"command": "echo "" > f"}',
        '{"old_string": "a", "new_string": ""b""}',
        '{"command": "echo "x", "y": "z""}',
        "{'a': b'x'}",
        "{'a': __import__('os')}",
        'Here: {"a": 1}',
        '{"a": 1} // done',
        "command: ls",
        '<parameter name="a">1</parameter>',
    ],
)
def test_what_would_be_a_guess_is_refused(text: str) -> None:
    assert read(text) == (None, ())


@pytest.mark.parametrize("text", ['{"a": 1,}', '{"a": "x\ny"}', '{"a": 1', '{"a": 1}{"a": 2}', ""])
def test_nothing_is_mended_in_a_reply_that_was_cut(text: str) -> None:
    assert read(text, cut=True) == (None, ())


def test_what_is_whole_is_taken_from_a_reply_that_was_cut() -> None:
    assert read('{"a": 1}', cut=True) == ({"a": 1}, ())


@pytest.mark.parametrize(
    ("text", "torn"),
    [
        ('{"a": "b', True),
        ('{"a": ["b"]', True),
        ('{"a": {"b": 1}', True),
        ('{"a": "b}"', True),
        ('{"a": 1} words', False),
        ("words", False),
        ('{"a": "{"}x', False),
    ],
)
def test_what_breaks_off_is_known(text: str, torn: bool) -> None:
    assert breaks_off(text) is torn


@given(st.text(max_size=40) | st.text("{}[]\"',:ab1\\\\\n `", max_size=40))
def test_nothing_makes_it_raise(text: str) -> None:
    found, repairs = read(text)
    assert found is not None or repairs == ()
    breaks_off(text)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none() | st.lists(st.text())))
def test_what_python_writes_is_read_as_it_was(value: dict[str, object]) -> None:
    assert read(repr(value))[0] in (value, None)  # None: an escape that only Python has


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.booleans())))
def test_valid_json_is_taken_as_it_is(value: dict[str, object]) -> None:
    assert read(json.dumps(value)) == (value, ())


@given(st.dictionaries(st.text("abc", min_size=1), st.text() | st.integers(), min_size=1), st.integers(1, 30))
def test_a_torn_text_never_becomes_another_value(value: dict[str, object], cut: int) -> None:
    text = json.dumps(value)
    found, _ = read(text[: -min(cut, len(text) - 1)])
    assert found is None or all(found[k] == value[k] for k in found)
