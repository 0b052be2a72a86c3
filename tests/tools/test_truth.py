"""What a file tool says of odd places is true, and says what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def odd(root: Path) -> Path:
    (root / "text.txt").write_text("one\n")
    (root / "binary.dat").write_bytes(bytes(range(256)))
    (root / "escapes.txt").write_bytes(b"\x1b[31mred\x1b[0m\n")
    (root / "long.txt").write_text("x" * 5000 + "\nshort\n")
    (root / "empty.txt").touch()
    (root / "one").symlink_to("other")
    (root / "other").symlink_to("one")
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("read", {"file_path": "one"}, "one is a symbolic link that leads in a circle"),
        ("write", {"file_path": "one", "content": "x"}, "one is a symbolic link that leads in a circle"),
        ("grep", {"pattern": "x", "path": "one"}, "one is a symbolic link that leads in a circle"),
        ("glob", {"pattern": "*", "path": "one"}, "one is a symbolic link that leads in a circle"),
        ("grep", {"pattern": "x", "path": "pipe"}, "pipe is not a regular file"),
        ("grep", {"pattern": "A", "path": "binary.dat"}, "binary.dat is a binary file. Look into it by bash"),
        ("read", {"file_path": "binary.dat"}, "binary file (256 bytes), not text: look at it by bash"),
        ("write", {"file_path": "binary.dat", "content": "x"}, "binary file"),  # not: read it first
        ("glob", {"pattern": "*", "path": "gone"}, "gone does not exist"),
        ("glob", {"pattern": "*", "path": "text.txt"}, "text.txt is not a folder"),
        ("grep", {"pattern": "((", "path": "text.txt"}, "The pattern is not a regular expression: unclosed group."),
        ("edit", {"file_path": "empty.txt", "old_string": "a", "new_string": "b"}, "The file is empty: use write."),
    ],
)
async def test_it_says_why_not(odd: Path, run: Any, tool: str, arguments: dict[str, str], said: str) -> None:
    before = (odd / "binary.dat").read_bytes()
    result = await run(tool, **arguments)
    assert result.failed and said in result.text and len(result.text) < 300
    assert (odd / "binary.dat").read_bytes() == before


async def test_what_is_not_shown_as_it_is_is_said(odd: Path, run: Any) -> None:
    assert "[escape codes and hidden signs are not shown" in (await run("read", file_path="escapes.txt")).text
    assert "lines are cut; bash with `cut -c`" in (await run("read", file_path="long.txt")).text
    assert "cut" not in (await run("read", file_path="long.txt", offset=2)).text
    assert (await run("read", file_path="text.txt")).text == "1\tone"


async def test_where_nothing_was_found_is_said(odd: Path, run: Any) -> None:
    (odd / "sub").mkdir()
    assert (await run("grep", pattern="nix", path="sub", glob="*.rs")).text == "No matches in sub, in files like *.rs."


async def test_a_move_that_changes_says_both(odd: Path, run: Any) -> None:
    head = "*** Begin Patch\n*** Update File: text.txt\n*** Move to: moved.txt\n"
    result = await run("apply_patch", patch=f"{head}@@\n-one\n+two\n*** End Patch")
    assert result.text == "Moved text.txt to moved.txt and changed it."


async def test_what_may_not_be_opened(odd: Path, run: Any) -> None:
    (odd / "shut").mkdir()
    (odd / "shut" / "in.txt").write_text("secret\n")
    (odd / "shut.txt").write_text("secret\n")
    (odd / "shut").chmod(0)
    (odd / "shut.txt").chmod(0)
    if os.access(odd / "shut.txt", os.R_OK):
        pytest.skip("root may open all")
    try:
        for tool, arguments, said in (
            ("read", {"file_path": "shut.txt"}, "Cannot read shut.txt: permission is denied."),
            ("read", {"file_path": "shut/in.txt"}, "Cannot read shut/in.txt: permission is denied."),
            ("write", {"file_path": "shut/new.txt", "content": "x"}, "nothing was changed: permission is denied."),
            ("grep", {"pattern": "x", "path": "shut.txt"}, "shut.txt cannot be searched: permission is denied."),
            ("grep", {"pattern": "x", "path": "shut"}, "shut cannot be searched: permission is denied."),
            ("grep", {"pattern": "x", "path": "shut/in.txt"}, "shut/in.txt cannot be searched: permission is denied."),
            ("glob", {"pattern": "*", "path": "shut"}, "shut cannot be searched: permission is denied."),
        ):
            result = await run(tool, **arguments)
            assert result.failed and result.text.endswith(said), (tool, arguments)
        found = await run("grep", pattern="secret|one")
        assert not found.failed and found.text == "text.txt:1:one\n[some files could not be opened]"
        assert (await run("grep", pattern="secret")).text == "No matches.\n[some files could not be opened]"
    finally:
        (odd / "shut").chmod(0o700)
