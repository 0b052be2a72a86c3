"""Finding the place: exact, then tolerant, always one or none."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.workspace.edits import find_edit, unified
from minicode.workspace.folder import Refused
from minicode.workspace.patch_text import parse_patch
from minicode.workspace.patches import apply_hunks

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


def test_the_new_text_is_indented_with_tabs_as_the_file_is() -> None:
    text = "func f() {\n\tif x {\n\t\treturn 1\n\t}\n}\n"
    edit = find_edit(
        text, "    if x {\n        return 1\n    }\n", "    if x {\n        y()\n        return 2\n    }\n"
    )
    assert edit.text == text.replace("\t\treturn 1", "\t\ty()\n\t\treturn 2") and edit.how == "indentation"


def test_lines_that_stay_keep_what_was_overlooked() -> None:
    text = "# “quoted” – so  \nx = 1\t\ny = 2\n"
    edit = find_edit(text, '# "quoted" - so\nx = 1\ny = 2\n', '# "quoted" - so\nx = 1\ny = 3\n')
    assert edit.text == text.replace("y = 2", "y = 3") and edit.how == "look-alike characters"


def test_look_alikes_within_a_line() -> None:
    edit = find_edit("print(“a”)  # it’s\u00a0so\n", "it's so", "it's not so")
    assert edit.text == "print(“a”)  # it’s\u00a0not so\n"
    with pytest.raises(Refused, match="2 times, at lines 1, 2"):
        find_edit("it’s\nit’s\n", "it's", "x")
    with pytest.raises(Refused, match="already reads"):
        find_edit("it’s", "it's", "it’s")


def test_letters_composed_in_another_way() -> None:
    assert find_edit("x = 'cafe\u0301'\ny = 1\n", "x = 'caf\u00e9'\ny = 1\n", "x = 'caf\u00e9'\ny = 2\n").text == (
        "x = 'cafe\u0301'\ny = 2\n"
    )


def test_a_slip_in_a_line_that_stays() -> None:
    text = "def total(prices):\n    # Sums up all of the prices.\n    return sum(prices)\n"
    edit = find_edit(
        text,
        "def total(prices):\n    # Sums up all the prices\n    return sum(prices)\n",
        "def total(prices):\n    # Sums up all the prices\n    return sum(prices, 0)\n",
    )
    assert edit.text == text.replace("sum(prices)", "sum(prices, 0)")
    assert "small differences in lines that stay" in edit.how


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # The line that is to change is another one in the file.
        (
            "def total(prices):\n    # Sums up all of the prices.\n    return max(prices)\n",
            "def total(prices):\n    pass\n",
        ),
        ("    return sum(price)\n", "    return sum(prices, 0)\n"),
        # Too little of it is there.
        (
            "class Basket:\n    colour = 'red'\n    return sum(prices)\n",
            "class Basket:\n    colour = 'red'\n    pass\n",
        ),
    ],
)
def test_what_would_be_a_guess_is_refused(old: str, new: str) -> None:
    text = "def total(prices):\n    # Sums up all of the prices.\n    return sum(prices)\n"
    with pytest.raises(Refused, match="nearest lines are"):
        find_edit(text, old, new)


def test_two_blocks_that_are_alike_are_refused() -> None:
    text = "# Part A of a list of long parts.\nx = 1\n# Part B of a list of long parts.\nx = 1\n"
    old = "# Part C of a list of long parts.\nx = 1\n"
    with pytest.raises(Refused, match=r"2 times, at lines 1, 3.*small differences"):
        find_edit(text, old, old.replace("1", "2"))
    with pytest.raises(Refused, match="nearest lines are"):
        find_edit(text, old.replace("C", "Last"), old)


WORDS = st.lists(
    st.sampled_from(["a b", "  a b", "\ta b", "a b  ", "“a”", '"a"', "", "x = 1", "é", "e\u0301"]), max_size=12
)


@given(WORDS, WORDS, WORDS, st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None)
def test_whatever_is_overlooked_only_the_block_changes(
    lines: list[str], old: list[str], new: list[str], end: str
) -> None:
    text = "".join(f"{line}{end}" for line in lines)
    try:
        edit = find_edit(text, "".join(f"{line}\n" for line in old), "".join(f"{line}\n" for line in new))
    except Refused:
        return
    if not edit.how:
        return  # it may begin within a line
    (line,) = edit.lines
    before, after = text.split(end), edit.text.split(end)
    assert after[: line - 1] == before[: line - 1]
    rest = before[line - 1 + len(old) :]
    assert after[len(after) - len(rest) :] == rest and len(after) == len(before) - len(old) + len(new)


@given(WORDS, WORDS)
@settings(deadline=None)
def test_a_shown_change_is_the_change(old: list[str], new: list[str]) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    diff = unified("f", before, after)
    assert bool(diff) == (before != after)
    if diff:
        (file,) = parse_patch(diff)
        assert apply_hunks(before, file.hunks, "f").text == after


def test_a_change_of_many_lines_is_shown_at_once() -> None:
    lines = [f"line {n}" for n in range(50_000)]
    new = [f"{line}!" if n % 5 == 0 or n in (7, 8) or n == 49_999 else line for n, line in enumerate(lines)]
    before, after = ("".join(f"{line}\n" for line in each) for each in (lines, new))
    began = process_time()
    (file,) = parse_patch(unified("f", before, after))
    assert process_time() - began < 5
    assert [row for hunk in file.hunks for row in hunk.rows][:4] == [
        ("-", "line 0"), ("+", "line 0!"), (" ", "line 1"), (" ", "line 2"),
    ]  # fmt: skip
    assert apply_hunks(before, file.hunks, "f").text == after
    sparse = unified("f", before, before.replace("line 100\n", "x\n").replace("line 40000\n", "y\n"))
    assert "@@ -98,7 +98,7 @@" in sparse and "@@ -39998,7 +39998,7 @@" in sparse and sparse.count("\n") == 19


def test_long_lines_are_cut_where_that_is_wanted() -> None:
    diff = unified("f", "a" * 5000, "b" * 5000, 100)
    assert diff.endswith(f"+{'b' * 99} [… 4,901 more characters]") and len(diff) < 400


def test_look_alikes_stay_in_a_line_that_changes() -> None:
    edit = find_edit("x = 1  \nprint(“a”, 1)\n", 'x = 1\nprint("a", 1)\n', 'x = 1\nprint("a", 2)\n')
    assert edit.text == "x = 1  \nprint(“a”, 2)\n"
