"""What the user is shown of a change before saying yes to it: the very change, whatever the files hold."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.messages import Call
from minicode.redact import Redactor
from minicode.show import Diff, Line, Show
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope, Workspace
from minicode.workspace.foreseen import foresee

SHIPPED = Path(__file__).parents[2] / "tools"
SECRET = "sk-canary-0000000000"

Preview = Callable[..., tuple[Show, ...]]


@pytest.fixture
def preview(toolbox: Toolbox, scope: Scope) -> Preview:
    def preview(name: str, **arguments: Any) -> tuple[Show, ...]:
        return toolbox.preview(toolbox.prepare(Call("call-1", name, arguments)), scope.workspace)

    return preview


def diff_of(shown: tuple[Show, ...]) -> str:
    (block,) = shown
    assert isinstance(block, Diff), block
    return block.diff


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def test_edit_write_and_patch_show_what_they_then_do(preview: Preview, run: Any, root: Path) -> None:
    (root / "a.py").write_text("x = 1\ny = 1\n")
    (root / "old").write_text("gone\n")
    await run("read", file_path="a.py")
    await run("read", file_path="old")
    patch = """*** Begin Patch
*** Update File: a.py
*** Move to: sub/b.py
@@
-x = 1
+x = 2
*** Add File: new
+first
*** Delete File: old
*** End Patch"""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("edit", {"file_path": "a.py", "old_string": "x = 1", "new_string": "x = 2"}),
        ("write", {"file_path": "a.py", "content": "all\nnew"}),
        ("write", {"file_path": "made/up", "content": "new\r\n"}),
        ("apply_patch", {"patch": patch}),
    ]
    before = files_of(root)
    shown = [preview(name, **arguments) for name, arguments in calls]
    assert files_of(root) == before and not (root / "made").exists(), "a preview changes nothing"
    assert [diff_of(blocks) for blocks in shown[:3]] == [
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 2\n y = 1",
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-x = 1\n-y = 1\n+all\n+new\n\\ No newline at end of file",
        "--- /dev/null\n+++ b/made/up\n@@ -0,0 +1 @@\n+new\r",
    ]
    assert shown[3] == (
        Diff(
            "sub/b.py",
            "rename from a.py\nrename to sub/b.py\n--- a/a.py\n+++ b/sub/b.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 2\n y = 1",
        ),
        Diff("new", "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+first"),
        Diff("old", "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone"),
    )
    assert not (await run("apply_patch", patch=patch)).failed
    assert files_of(root) == {"sub/b.py": b"x = 2\ny = 1\n", "new": b"first\n"}


TEXTS = st.text(st.sampled_from("ab \n\r\t"), max_size=12)


@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_change_can_be_made_again_from_its_diff_to_the_byte(before: str, after: str) -> None:
    diff = foresee("f", "f", before, after).diff
    assert bool(diff) == (before != after)
    if _crlf(before) and (not after or _crlf(after)):
        before, after = before.replace("\r\n", "\n"), after.replace("\r\n", "\n")
    assert rebuilt(before, diff) == after


def _crlf(text: str) -> bool:
    return text.count("\r\n") == text.count("\n") == text.count("\r") > 0


def rebuilt(before: str, diff: str) -> str:
    """What a diff makes of a text, if every line of it is as it says."""
    lines, made, at = re.findall(r"[^\n]*\n|[^\n]+", before), "", 0
    rows = diff.replace("\n\\ No newline at end of file", "<end>").split("\n")[2:]
    for row in rows:
        if head := re.match(r"@@ -(\d+)(,0)?", row):
            first = int(head[1]) - (not head[2])
            made, at = made + "".join(lines[at:first]), first
            continue
        line = row[1:].removesuffix("<end>") if row.endswith("<end>") else f"{row[1:]}\n"
        if row[0] != "+":
            assert lines[at] == line
            at += 1
        if row[0] != "-":
            made += line
    return made + "".join(lines[at:])


@pytest.mark.parametrize(
    ("data", "new", "row"),
    [
        (b"\xef\xbb\xbfa\r\nb\r\n", "c", "-a\n+c\n b"),  # all lines end alike, before and after
        (b"a\r\nb\n", "c", "-a\r\n+c\r\n b"),
        (b"a\nb", "c", "-a\n+c\n b\n\\ No newline at end of file"),
        ("a\ufeff\n".encode("utf-16"), "c", "-a\ufeff\n+c\ufeff"),
        (b"a\xe9\n", "c", "-a\xe9\n+c\xe9"),
    ],
)
def test_line_ends_marks_and_encodings(preview: Preview, root: Path, data: bytes, new: str, row: str) -> None:
    (root / "f").write_bytes(data)
    diff = diff_of(preview("edit", file_path="f", old_string="a", new_string=new))
    assert diff.partition(" @@\n")[2] == row


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("edit", {"file_path": "f", "old_string": "nowhere", "new_string": "x"}, "old_string is not in f"),
        ("edit", {"file_path": "../f", "old_string": "a", "new_string": "x"}, "outside"),
        ("edit", {"file_path": "bin", "old_string": "a", "new_string": "x"}, "binary"),
        ("edit", {"file_path": "fifo", "old_string": "a", "new_string": "x"}, "not a regular file"),
        ("edit", {"file_path": "linked", "old_string": "a", "new_string": "x"}, "hard links"),
        ("write", {"file_path": "f", "content": "unseen"}, "you have not read it"),
        ("write", {"file_path": "new", "content": "\ud800"}, "lone surrogate"),
        ("apply_patch", {"patch": "no patch"}, "This is no patch."),
        ("apply_patch", {"patch": "*** Begin Patch\n*** Delete File: f\n*** End Patch"}, "have not read f"),
        ("apply_patch", {"patch": "--- a/linked\n+++ b/linked\n@@ -1 +1 @@\n-a\n+b\n"}, "hard links"),
    ],
)
def test_what_would_fail_is_said(preview: Preview, root: Path, name: str, arguments: Any, why: str) -> None:
    (root / "f").write_text("a\n")
    (root / "bin").write_bytes(b"a\0b")
    os.mkfifo(root / "fifo")
    (root / "linked").write_text("a\n")
    (root / "other").hardlink_to(root / "linked")
    (told,) = preview(name, **arguments)
    assert isinstance(told, Line) and told.text.startswith("As things are, it would fail: ")
    assert why in told.text and "\n" not in told.text


def test_what_was_found_with_tolerance_is_said_and_shown(preview: Preview, root: Path) -> None:
    (root / "f").write_text("if x:\n        y = 1  \n")
    note, diff = preview("edit", file_path="f", old_string="    y = 1\n", new_string="    y = 2\n")
    assert isinstance(note, Line) and "only ignoring" in note.text
    assert isinstance(diff, Diff) and "+        y = 2" in diff.diff
    note, diff = preview("apply_patch", patch="--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n if x:\n-  y = 1\n+  y = 2\n")
    assert isinstance(note, Line) and note.text.startswith("f: ")
    assert isinstance(diff, Diff) and "+        y = 2" in diff.diff


def test_secrets_are_hidden_and_nothing_else(root: Path) -> None:
    toolbox = Toolbox.load([("shipped", SHIPPED)], redactor=Redactor((SECRET,)))
    (root / "f").write_text(f"key = {SECRET}\nx = 1\x1b[8m\u202e\n")
    call = toolbox.prepare(Call("1", "edit", {"file_path": "f", "old_string": "x = 1", "new_string": "x = 2"}))
    diff = diff_of(toolbox.preview(call, Workspace.at(root)))
    assert SECRET not in diff and " key = " in diff and "+x = 2\x1b[8m\u202e" in diff


def test_a_tool_without_a_preview_or_with_a_broken_one(tmp_path: Path, root: Path) -> None:
    head = "from minicode.toolkit import Result, tool\n"
    for name, body in {"bad": "raise KeyError('x')", "odd": "return 7", "none": "return [None]"}.items():
        own = f"@tool(effect='writes', preview=p)\nasync def {name}(x: str) -> Result:\n    '''D'''\n"
        (tmp_path / f"{name}.py").write_text(f"{head}def p(x):\n    {body}\n{own}")
    toolbox = Toolbox.load([("user", tmp_path), ("shipped", SHIPPED)])
    assert not toolbox.broken
    for name in ("bad", "odd", "none"):
        (told,) = toolbox.preview(toolbox.prepare(Call("1", name, {"x": "y"})), Workspace.at(root))
        assert isinstance(told, Line) and told.text.startswith("What it would change cannot be told: ")
    for call in (Call("1", "bash", {"command": "ls"}), Call("1", "nosuch", {}), Call("1", "edit", {}, broken="{")):
        assert toolbox.preview(toolbox.prepare(call), Workspace.at(root)) == ()


async def test_the_file_may_change_before_the_answer(preview: Preview, run: Any, root: Path) -> None:
    """Then the tool looks for itself, as ever."""
    (root / "f").write_text("a\nb\n")
    await run("read", file_path="f")
    edit = {"file_path": "f", "old_string": "a", "new_string": "c"}
    assert "+c" in diff_of(preview("edit", **edit))
    (root / "f").write_text("a\nx\n")
    found: Result = await run("edit", **edit)
    assert found.failed and "has changed since you read it" in found.text
    assert (root / "f").read_text() == "a\nx\n"
