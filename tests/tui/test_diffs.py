"""A diff as Lines: what changed is seen by shape, number, word and colour, whatever the diff holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from minicode.tui.changes import tally
from minicode.tui.diffs import NARROWEST, side_by_side, unified
from minicode.tui.rows import Line, lay
from minicode.workspace.edits import unified as make

OLD = "import os\n\n\ndef area(side):\n    return side * side\n\n\nprint(area(2))\n"
NEW = "import os\n\n\ndef area(side, other):\n    return side * other\n\n\nprint(area(2, 3))\n"


def rows(lines: list[Line], width: int = 120) -> list[str]:
    return ["".join(span.text for span in row.spans).rstrip() for row in lay(lines, width)]


def marked(lines: list[Line], style: str) -> list[str]:
    return [span.text for line in lines for span in line.spans if style in span.style.split(" ")]


def test_lines_have_numbers_signs_and_a_ground() -> None:
    lines = unified(make("a.py", OLD, NEW), "a.py", 100)
    assert rows(lines)[2:8] == [
        "3",
        "4 - def area(side):",
        "5 -     return side * side",
        "4 + def area(side, other):",
        "5 +     return side * other",
        "6",
    ]
    assert [line.fill for line in lines[2:8]] == ["", "removed", "removed", "added", "added", ""]


def test_words_that_changed_are_marked_and_the_language_has_its_colours() -> None:
    lines = unified(make("a.py", OLD, NEW), "a.py", 100)
    assert "".join(marked(lines, "added.word")) == ", otherother, 3"
    assert marked(lines, "removed.word") == ["side"]
    assert "def" in marked(lines, "keyword") and "return" in marked(lines, "keyword")
    assert not marked(unified(make("a.unheard", OLD, NEW), "a.unheard", 100), "keyword")


def test_signs_can_be_words() -> None:
    shown = rows(unified(make("a.py", OLD, NEW), "a.py", 100, signs=False))
    assert "4 removed def area(side):" in shown and "4 added   def area(side, other):" in shown


def test_side_by_side_shows_the_pairs_on_one_row() -> None:
    lines = side_by_side(make("a.py", OLD, NEW), "a.py", 101)
    shown = rows(lines, 101)
    assert any("4 - def area(side):" in row and "│ 4 + def area(side, other):" in row for row in shown)
    assert all(row.index("│") == 50 for row in shown)
    assert all(cell_len("".join(s.text for s in line.spans)) <= 101 for line in lines)


def test_side_by_side_needs_room() -> None:
    diff = make("a.py", OLD, NEW)
    assert side_by_side(diff, "a.py", NARROWEST - 1) == unified(diff, "a.py", NARROWEST - 1)
    assert side_by_side(diff, "a.py", NARROWEST) != unified(diff, "a.py", NARROWEST)


def test_side_by_side_wraps_each_half_for_itself() -> None:
    diff = make("a.txt", "short\n日本" * 2, "word " * 30 + "\n" + "日本語" * 20)
    for row in lay(side_by_side(diff, "a.txt", 101), 101):
        text = "".join(span.text for span in row.spans)
        assert cell_len(text) == 101 or cell_len(text.rstrip()) <= 51
        assert cell_len(text[: text.index("│")]) == 50


def test_a_line_put_between_leaves_its_neighbours_paired() -> None:
    old = "alpha = one(1)\nbeta = two(2)\n"
    new = "fresh line of its own\nalpha = one(10)\nbeta = two(20)\n"
    lines = unified(make("a.txt", old, new), "a.txt", 100)
    assert marked(lines, "removed.word") == ["1", "2"] and marked(lines, "added.word") == ["10", "20"]


def test_a_change_of_blanks_alone_is_visible() -> None:
    shown = rows(unified(make("a.txt", "x = 1  \n\ty\n", "x = 1\n    y\n"), "a.txt", 100))
    assert shown == ["1 - x = 1··", "2 - →   y", "1 + x = 1", "2 + ····y"]


def test_lines_that_have_nothing_in_common_have_no_marks() -> None:
    lines = unified(make("a.txt", "alpha beta gamma\n", "one two three\n"), "a.txt", 100)
    assert not marked(lines, "added.word") and not marked(lines, "removed.word")


@pytest.mark.parametrize("lines", [101, 1])
def test_words_are_compared_only_where_it_costs_little(lines: int) -> None:
    text = "same words here {}\n" if lines > 1 else "same words here {}" + " and so on" * 60 + "\n"
    diff = make("a.txt", text.format(1) * lines, text.format(2) * lines)
    assert not marked(unified(diff, "a.txt", 100), "added.word")


def test_a_removed_line_that_looks_like_a_head_is_a_line() -> None:
    shown = rows(unified(make("a.sql", "-- old\n++ x\n", "-- new\n"), "a.sql", 100))
    assert shown == ["1 - -- old", "2 - ++ x", "1 + -- new"]


@pytest.mark.parametrize(
    ("diff", "said"),
    [
        ("", "no line differs"),
        ("\n", "no line differs"),
        ("Binary files a/x.png and b/x.png differ", "Binary files a/x.png and b/x.png differ"),
        ("diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y", "rename from x"),
        ("diff --git a/x b/x\nold mode 100644\nnew mode 100755", "new mode 100755"),
        ("diff --git a/x b/x\nindex 1..2\nGIT binary patch\nliteral 3\nKcmZQzU|?i", "no text"),
        ("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a", "the file is deleted"),
        ("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a", "the file is new"),
        ("@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file", "no newline at the end"),
        ("what is this?", "what is this?"),
        ("@@ -999999999999 +1 @@\n+a", "+a"),
    ],
)
def test_what_is_no_line_is_said(diff: str, said: str) -> None:
    shown = rows(unified(diff, "x", 100))
    assert any(said in row for row in shown)
    assert not any("KcmZ" in row for row in shown)


def test_the_files_of_a_diff_are_named() -> None:
    one = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"
    diff = one + "--- a/y.py\n+++ b/y.py\n@@ -1 +1 @@\n-class A: 1\n+class B: 2"
    shown = rows(unified(diff, "x.py", 100))
    assert "x.py" not in shown and shown[2] == "y.py"
    assert "class" in marked(unified(diff, "", 100), "keyword")


def test_between_hunks_is_a_break() -> None:
    old = "".join(f"line {n}\n" for n in range(50))
    shown = rows(unified(make("a.txt", old, old.replace("line 3\n", "x\n").replace("line 40", "y")), "a.txt", 100))
    assert [row for row in shown if row.startswith("⋯")] == ["⋯"]
    assert shown[-1] == "44   line 43"


def test_nothing_commands_the_terminal() -> None:
    evil = "\x1b[2J\x1b]0;x\x07\u202e[@click=app.quit]x[/]\x9b1m"
    diff = f"+++ b/{evil}\n@@ -1 +1 @@ {evil}\n-{evil}\n+{evil}{evil}\n{evil}"
    text = "".join(rows(unified(diff, "x.py", 100)) + rows(side_by_side(diff, "x.py", 120)))
    assert not set("\x1b\x07\u202e\x9b") & set(text) and "[@click=app.quit]x[/]" in text


def test_of_a_long_diff_the_beginning_is_made_and_the_rest_counted() -> None:
    diff = make("a.txt", "", "line\n" * 1_000)
    lines = unified(diff, "a.txt", 100, most=100)
    assert len(lines) <= 101 and rows(lines[-1:]) == ["… 903 more lines of the diff"]
    assert rows(side_by_side(diff, "a.txt", 120, most=100))[-1] == "… 903 more lines of the diff"
    assert tally(diff) == (1_000, 0)


words = st.lists(st.sampled_from(["a = 1", "b", "", "  c", "-- d", "++ e", "日本", "@@ -1 +1 @@", "\\ f"]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(words, words)
def test_every_line_of_both_sides_is_there(old: list[str], new: list[str]) -> None:
    """Whatever is marked or paired: the old and the new can be read from it, in their order."""
    diff = make("f.txt", "\n".join(old), "\n".join(new))
    lines = [
        (line.first[1].text.strip(), "".join(s.text for s in line.spans))
        for line in unified(diff, "f.txt", 80)
        if line.first
    ]
    want = [(row[0].strip(), row[1:]) for row in diff.split("\n")[2:] if not _head(row)]
    for sign in "-+":
        got = [text.replace("·", " ") for mark, text in lines if mark in ("", sign)]
        assert got == [text for mark, text in want if mark in ("", sign)]


def _head(row: str) -> bool:
    return row.startswith("@@")
