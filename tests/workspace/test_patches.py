"""Patches: both forms, found with tolerance, applied as a whole or not at all."""

from __future__ import annotations

from difflib import unified_diff

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.workspace.folder import Refused
from minicode.workspace.patch_text import FilePatch, parse_patch
from minicode.workspace.patches import apply_hunks, new_text

CODE = "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 1\n"


def apply(text: str, patch: str) -> str:
    (file,) = parse_patch(patch)
    return apply_hunks(text, file.hunks, "f").text


def diff(old: str, new: str, context: int = 3) -> str:
    """As `diff -u` writes it: difflib alone does not say that a last line has no newline."""
    rows = unified_diff(_pieces(old), _pieces(new), "a/f", "b/f", n=context)
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def _pieces(text: str) -> list[str]:
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


# Lines that look like parts of a patch, and few enough that blocks repeat.
LINES = st.sampled_from(["", "a", "b", "  a", "-- a/f", "++ b/f", "@@ -1 +1 @@", " ", "\\ x", "diff --git a/f b/f"])
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, st.lists(LINES, max_size=14), st.sampled_from(["", "\n"]))


@given(TEXTS, TEXTS)
@settings(max_examples=150, deadline=None)
def test_a_diff_of_two_texts_makes_one_of_the_other(old: str, new: str) -> None:
    patch = diff(old, new)
    if patch:
        assert apply(old, patch) == new


@given(TEXTS, TEXTS, st.integers(0, 6))
@settings(max_examples=150, deadline=None)
def test_shifted_by_some_lines_it_applies_or_refuses(old: str, new: str, shift: int) -> None:
    above = "".join(f"above {n}\n" for n in range(shift))
    patch = diff(old, new)
    if not patch or not old:
        return
    try:
        made = apply(above + old, patch)
    except Refused:
        return
    # Where all blocks repeat so that the patch fits as it is, no program can know better than its numbers.
    assert made in (above + new, strictly(above + old, patch))


def strictly(text: str, patch: str) -> str | None:
    """The patch with its hunks exactly where they say, else None: a second, simple reading of it."""
    (file,) = parse_patch(patch)
    lines, moved = text.split("\n"), 0
    for hunk in file.hunks:
        at = max((hunk.start or 0) - 1, 0) + moved
        if lines[at : at + len(hunk.old)] != hunk.old:
            return None
        lines[at : at + len(hunk.old)] = hunk.new
        moved += len(hunk.new) - len(hunk.old)
    made = "\n".join(lines)
    if file.hunks[-1].ends is None:
        return made
    return made.removesuffix("\n") + ("\n" if file.hunks[-1].ends else "")


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, unique=True), st.data())
@settings(deadline=None)
def test_crlf_stays_and_what_is_not_touched_too(lines: list[str], data: st.DataObject) -> None:
    ends = data.draw(st.lists(st.sampled_from(["\n", "\r\n"]), min_size=len(lines), max_size=len(lines)))
    at = data.draw(st.integers(0, len(lines) - 1))
    text = "".join(line + end for line, end in zip(lines, ends, strict=True))
    plain = text.replace("\r\n", "\n")
    new = [*lines[:at], "changed", *lines[at + 1 :]]
    made = apply(text, diff(plain, "".join(f"{line}\n" for line in new)))
    assert made == "".join(line + end for line, end in zip(new, ends, strict=True))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "a\n"), ("", "a"), ("a\n", ""), ("a", ""), ("a", "a\n"), ("a\n", "a"), ("a\nb", "a"), ("a\nb", "a\n"),
        ("a\nb\n", "a"), ("a", "a\nb"), ("a", "a\nb\n"), ("a\n", "a\nb"), ("\n", ""), ("\n\n", "\n"), ("x\ny", "y"),
    ],
)  # fmt: skip
def test_ends_of_files(old: str, new: str) -> None:
    assert apply(old, diff(old, new)) == new


def test_without_a_word_about_the_end_it_stays_as_it_was() -> None:
    assert apply("a\nb", "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n") == "a\nc"


def test_wrong_counts_and_numbers_are_overlooked() -> None:
    patch = "--- a/f\n+++ b/f\n@@ -40,9 +41,2 @@\n     def f(self):\n-        return 1\n+        return 2"
    assert apply(CODE, patch) == CODE.replace("return 1", "return 2", 1)
    assert apply(CODE, patch.replace("@@ -40,9 +41,2 @@", "@@ ... @@")) == CODE.replace("return 1", "return 2", 1)


def test_two_places_are_refused_with_their_lines() -> None:
    with pytest.raises(Refused, match="2 places, lines 3, 6"):
        apply(CODE, "--- a/f\n+++ b/f\n@@\n-        return 1\n+        return 2\n")


def test_an_anchor_tells_two_places_apart() -> None:
    patch = "*** Update File: f\n@@\n     def f(self):\n-        return 1\n+        return 2\n"
    patch += "@@\n-        return 1\n+        return 3\n"
    assert apply(CODE, patch) == CODE.replace("return 1", "return 2", 1).replace("return 1", "return 3")


def test_context_that_differs_a_little_stays_as_it_is() -> None:
    text = "def f():\n    # Adds one to the given number.\n    x = 1\n    return x\n"
    patch = "--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n def f():\n     # Adds one to the given number\n"
    patch += "-    x = 1\n+    x = 2\n     return x\n"
    (file,) = parse_patch(patch)
    made = apply_hunks(text, file.hunks, "f")
    assert made.text == text.replace("x = 1", "x = 2")
    assert "hunk 1 was found only ignoring" in made.notes[0]


def test_a_line_to_be_removed_must_be_there() -> None:
    text = "def f():\n    # Adds one to the given number.\n    total_of_all_the_values = 1\n    return x\n"
    patch = "--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n def f():\n     # Adds one to the given number.\n"
    patch += "-    total_of_all_the_values = 3\n+    y = 2\n     return x\n"
    with pytest.raises(Refused, match=r"3\t    total_of_all_the_values = 1"):
        apply(text, patch)


def test_blanks_and_indentation() -> None:
    text = "if x:\n\tif y:\n\t\trun()  \n"
    assert (
        apply(text, "*** Update File: f\n@@\n     if y:\n-        run()\n+        walk()\n")
        == "if x:\n\tif y:\n\t\twalk()\n"
    )


def test_context_without_its_blank_lines_marked() -> None:
    assert apply("a\n\nb\n", "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n\n") == "a\n\nc\n"


def test_two_hunks_may_share_context_but_no_change() -> None:
    assert apply("a\nb\nc\n", "*** Update File: f\n@@\n-a\n+A\n b\n@@\n b\n-c\n+C\n") == "A\nb\nC\n"
    with pytest.raises(Refused, match="same line 2"):
        apply("a\nb\nc\n", "*** Update File: f\n@@\n a\n-b\n+B\n@@\n-b\n+C\n c\n")


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("hello", "no patch"),
        ("@@ -1 +1 @@\n-a\n+b\n", "names no file"),
        ("--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "rename from x"),
        ("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\nxyz\n-a\n+b\n", "Line 5 of the patch"),
        ("*** Add File: x\nxyz\n", "Line 2 of the patch"),
        ("*** Begin Patch\n*** Add File: x\n+a\n", "was it cut off"),
        ("*** Update File: x\n@@\n-a\n+b\n*** Update File: x\n@@\n-a\n+b\n", "x twice"),
        ("diff --git a/x b/x\nnew file mode 100644\nindex 000..e69\n", "changes no text"),
        ("diff --git a/x b/x\nGIT binary patch\nliteral 3\n", "binary"),
    ],
)
def test_what_is_no_patch(patch: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        parse_patch(patch)


PARTS = [
    *(
        "--- a/x",
        "+++ b/x",
        "@@ -1 +1 @@",
        "@@",
        "-a",
        "+b",
        " c",
        "",
        "\\ No",
        "*** Add File: x",
        "*** Update File: y",
    ),
    *("*** Move to: z", "*** End of File", "*** Delete File: q", "rename from u", "rename to v", "zzz"),
]


@given(st.lists(st.sampled_from(PARTS), max_size=12))
@settings(deadline=None)
def test_reading_a_patch_ends_in_values_or_a_refusal(lines: list[str]) -> None:
    try:
        files = parse_patch("\n".join(lines))
        for file in files:
            apply_hunks("c\na\nc\n", file.hunks, "f")
    except Refused:
        pass


def test_many_files_of_git() -> None:
    patch = (
        "diff --git a/old name b/new name\nsimilarity index 90%\nrename from old name\nrename to new name\n"
        "--- a/old name\n+++ b/new name\n@@ -1 +1 @@\n-a\n+b\n"
        'diff --git "a/\\303\\274" "b/\\303\\274"\n--- "a/\\303\\274"\n+++ "b/\\303\\274"\n@@ -1 +1 @@\n-a\n+b\n'
        "diff --git a/gone b/gone\ndeleted file mode 100644\nindex 1..0\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
        "diff --git a/n b/n\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+a\n-- \n2.40\n"
    )
    files = parse_patch(patch)
    assert [(f.kind, f.path, f.moved) for f in files] == [
        ("update", "old name", "new name"), ("update", "ü", ""), ("delete", "gone", ""), ("add", "n", ""),
    ]  # fmt: skip
    assert new_text(files[-1].hunks) == "a\n"


def test_the_marked_form() -> None:
    patch = (
        "*** Begin Patch\n*** Add File: a\n+one\n+\n+two\n*** Delete File: b\n"
        "*** Update File: c\n*** Move to: d\n@@\n-x\n+y\n*** End Patch\n"
    )
    add, delete, update = parse_patch(patch)
    assert new_text(add.hunks) == "one\n\ntwo\n"
    assert delete == FilePatch("delete", "b")
    assert (update.path, update.moved, update.hunks[0].rows) == ("c", "d", (("-", "x"), ("+", "y")))


def test_a_long_file_is_quick() -> None:
    text = "".join(f"line {n}\n" for n in range(50_000))
    new = text.replace("line 100\n", "changed\n").replace("line 49000\n", "changed too\n")
    assert apply(text, diff(text, new)) == new


def test_counts_that_are_too_small_drop_no_row() -> None:
    patch = "--- a/f\n+++ b/f\n@@ -2,2 +2,2 @@\n     def f(self):\n-        return 1\n+        return 2\n"
    patch += " \n-    def g(self):\n+    def h(self):\n"
    assert apply(CODE, patch) == CODE.replace("return 1", "return 2", 1).replace("g(", "h(")


def test_a_number_that_points_elsewhere_does_not_choose() -> None:
    with pytest.raises(Refused, match="2 places, lines 3, 6"):
        apply(CODE, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-        return 1\n+        return 2\n")
    assert apply(CODE, "--- a/f\n+++ b/f\n@@ -6 +6 @@\n-        return 1\n+        return 2\n").endswith("return 2\n")


def test_lines_that_only_come_in_need_neighbours() -> None:
    for patch in ("--- a/f\n+++ b/f\n@@ -2,0 +3 @@\n+x\n", "*** Update File: f\n@@ class A:\n+x\n"):
        with pytest.raises(Refused, match="above and below"):
            apply(CODE, patch)
