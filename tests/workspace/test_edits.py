"""Finding the place: exact, then tolerant, always one or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.workspace.edits import find_edit, unified
from minicode.workspace.folder import Refused

CODE = "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n"


def test_exact() -> None:
    edit = find_edit(CODE, "return 2", "return 3")
    assert edit.text == CODE.replace("return 2", "return 3")
    assert edit.lines == (6,) and edit.how == ""


def test_not_unique_names_the_lines() -> None:
    with pytest.raises(Refused, match="2 times, at lines 2, 5"):
        find_edit(CODE, "(self)", "(cls)")
    assert find_edit(CODE, "(self)", "(cls)", everywhere=True).lines == (2, 5)


def test_trailing_blanks_are_overlooked() -> None:
    edit = find_edit("a  \nb\t\nc\n", "a\nb\n", "x\ny\n")
    assert edit.text == "x\ny\nc\n" and edit.how == "trailing blanks"


def test_indentation_that_was_lost_comes_back() -> None:
    edit = find_edit(CODE, "def g(self):\n    return 2\n", "def g(self):\n    if self:\n\n        return 3\n")
    assert edit.text == CODE.replace("        return 2\n", "        if self:\n\n            return 3\n")
    assert edit.how == "indentation"


def test_indentation_that_was_too_much_goes() -> None:
    edit = find_edit("def f():\n    return 1\n", "    def f():\n        return 1", "    def f():\n        return 2")
    assert edit.text == "def f():\n    return 2\n"


def test_the_stripped_beginning_of_a_parameter() -> None:
    # Some servers strip the value, so the first line lost its indentation and the others did not.
    edit = find_edit(CODE, "def f(self):\n        return 1", "def f(self):\n        return 9")
    assert edit.text == CODE.replace("return 1", "return 9") and edit.how == ""


def test_tolerance_is_unique_or_refused() -> None:
    text = "  a:\n    b\n      a:\n        b\n"
    with pytest.raises(Refused, match="2 times, at lines 1, 3"):
        find_edit(text, "a:\n  b", "c")


def test_uneven_indentation_is_no_match() -> None:
    with pytest.raises(Refused, match="nearest lines"):
        find_edit("    a\n    b\n", "a\n  b\n", "x")


def test_failure_shows_the_nearest_lines() -> None:
    with pytest.raises(Refused) as refused:
        find_edit(CODE, "    def g(self):\n        return 7\n", "x")
    assert "5\t    def g(self):\n6\t        return 2" in str(refused.value)


def test_failure_by_a_typing_error_shows_the_line_too() -> None:
    with pytest.raises(Refused, match="2\t    def f"):
        find_edit(CODE, "def ff(self)::", "x")


def test_done_already() -> None:
    with pytest.raises(Refused, match="already there, at line 6"):
        find_edit(CODE, "return 5", "return 2")


@pytest.mark.parametrize(("old", "new"), [("", "x"), ("a", "a"), ("a\r\n", "a\n")])
def test_no_edit_at_all(old: str, new: str) -> None:
    with pytest.raises(Refused):
        find_edit("a\nb\n", old, new)


@pytest.mark.parametrize(
    ("text", "old", "new", "result"),
    [
        ("a\r\nb\r\nc\r\n", "b\n", "x\ny\n", "a\r\nx\r\ny\r\nc\r\n"),
        ("a\nb\r\nc\n", "a\nb\nc\n", "a\nB\nc\n", "a\nB\r\nc\n"),
        ("a\r\nb\nc\r\n", "a\nb\nc", "a\nnew\nb\nc", "a\r\nnew\nb\nc\r\n"),
        ("a\r\nb", "b", "b\nc", "a\r\nb\r\nc"),
        ("a\r\nb\r\n", "a", "x", "x\r\nb\r\n"),
        ("one\r\ntwo\r\n", "one\ntwo\n", "", ""),
        ("lone\rcr\n", "cr", "x", "lone\rx\n"),
    ],
)
def test_line_ends_are_kept(text: str, old: str, new: str, result: str) -> None:
    assert find_edit(text, old, new).text == result


PIECES = st.lists(st.sampled_from(["a", "b", "  c", "\n", "\r\n", "é", "\r"]), max_size=30).map("".join)


@given(PIECES, PIECES, st.sampled_from(["X", "X\nY", "X\n", "\n\nZ"]))
def test_everything_around_the_place_is_untouched(before: str, after: str, new: str) -> None:
    edit = find_edit(before + "<place>" + after, "<place>", new)
    assert edit.text.startswith(before) and edit.text.endswith(after)
    assert edit.text[len(before) : len(edit.text) - len(after)].replace("\r\n", "\n") == new


def test_big_files_are_quick_to_change_and_to_compare() -> None:
    text = "".join(f"line {n}\n" for n in range(200_000))
    edit = find_edit(text, "line 150000\n", "changed\n")
    diff = unified("big", text, edit.text)
    assert "@@ -149998,7 +149998,7 @@" in diff and diff.count("\n") == 10


def test_unified_of_a_new_file() -> None:
    assert unified("n", "", "a\nb\n") == "--- a/n\n+++ b/n\n@@ -0,0 +1,2 @@\n+a\n+b"
