"""apply_patch on real files: every file of the patch or none."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from minicode.show import Diff
from minicode.workspace.files import Files
from minicode.workspace.folder import Folder, Refused
from minicode.workspace.together import Step, change_together

PATCH = """*** Begin Patch
*** Add File: new/deep.txt
+one
+two
*** Update File: a.py
@@ def f():
-    return 1
+    return 2
*** Delete File: gone.txt
*** Update File: old.sh
*** Move to: bin/new.sh
@@
-echo old
+echo new
*** End Patch
"""


@pytest.fixture
def files(root: Path) -> Path:
    (root / "a.py").write_text("def f():\n    return 1\n")
    (root / "gone.txt").write_text("bye\n")
    (root / "old.sh").write_text("echo old\n")
    (root / "old.sh").chmod(0o755)
    return root


def state(root: Path) -> dict[str, tuple[bytes, int]]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in found}


async def test_add_update_delete_and_move(run, files: Path) -> None:
    await run("read", file_path="gone.txt")
    result = await run("apply_patch", patch=PATCH)
    assert (
        result.text
        == "Added new/deep.txt.\nChanged a.py.\nDeleted gone.txt.\nMoved old.sh to bin/new.sh and changed it."
    )
    assert [type(block) for block in result.show] == [Diff] * 4
    assert state(files) == {
        "a.py": (b"def f():\n    return 2\n", 0o644),
        "bin/new.sh": (b"echo new\n", 0o755),
        "new/deep.txt": (b"one\ntwo\n", 0o644),
    }
    assert not (await run("edit", file_path="a.py", old_string="2", new_string="3")).failed


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda root: (root / "a.py").write_text("def f():\n    return 7\n"), "Hunk 1 does not fit a.py"),
        (lambda root: (root / "old.sh").chmod(0o444), "read-only"),
        (lambda root: os.link(root / "old.sh", root / "second"), "hard links"),
        (lambda root: (root / "gone.txt").unlink(), "gone.txt does not exist"),
        (lambda root: (root / "gone.txt").write_text("changed"), "changed since you read it"),
        (lambda root: (root / "new").write_text("in the way"), "Cannot write"),
        (lambda root: (root / "bin").mkdir() or (root / "bin/new.sh").touch(), "cannot be moved there"),
        (lambda root: (root / "old.sh").write_bytes(b"\0"), "binary"),
    ],
)
async def test_all_or_nothing(run, files: Path, spoil, why: str) -> None:
    await run("read", file_path="gone.txt")
    spoil(files)
    before = state(files)
    result = await run("apply_patch", patch=PATCH)
    assert result.failed and why in result.text
    assert state(files) == before


async def test_what_was_not_read_is_not_deleted(run, files: Path) -> None:
    blind = await run("apply_patch", patch="*** Begin Patch\n*** Delete File: gone.txt\n*** End Patch")
    assert blind.failed and "not read gone.txt" in blind.text
    partly = "--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-def f():\n"
    assert "more is in it" in (await run("apply_patch", patch=partly)).text
    whole = "--- a/gone.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n"
    assert not (await run("apply_patch", patch=whole)).failed and not (files / "gone.txt").exists()


async def test_paths_lead_nowhere_else(run, files: Path) -> None:
    for name in ("../outside", "/etc/passwd", ".git/config"):
        for patch in (f"*** Add File: {name}\n+x\n", f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-x\n+y\n"):
            assert (await run("apply_patch", patch=patch)).failed
    assert not (files.parent / "outside").exists()
    (files / "link").symlink_to("a.py")
    twice = "*** Update File: link\n@@\n-    return 1\n+    return 2\n*** Update File: a.py\n@@\n-def f():\n+def g():\n"
    assert "same file twice" in (await run("apply_patch", patch=twice)).text


async def test_bytes_that_are_not_touched(run, root: Path) -> None:
    (root / "a").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\nthree")
    assert not (await run("apply_patch", patch="--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n")).failed
    assert (root / "a").read_bytes() == b"\xef\xbb\xbfone\r\nzwei\r\nthree"
    (root / "l").write_bytes(b"gr\xfcn\none\n")
    assert not (await run("apply_patch", patch="*** Update File: l\n@@\n-one\n+eins\n")).failed
    assert (root / "l").read_bytes() == b"gr\xfcn\neins\n"
    foreign = await run("apply_patch", patch="*** Update File: l\n@@\n-eins\n+größe\n")
    assert foreign.failed and "encoding is not known" in foreign.text


async def test_what_was_found_elsewhere_is_told(run, root: Path) -> None:
    (root / "a").write_text("x\ny\n\tone  \nz\n")
    result = await run("apply_patch", patch="--- a/a\n+++ b/a\n@@ -9,2 +9,2 @@\n y\n-    one\n+    two\n")
    assert "ignoring indentation" in result.text and "+\ttwo" in result.text
    moved = await run("apply_patch", patch="--- a/a\n+++ b/a\n@@ -9,2 +9,2 @@\n x\n-y\n+Y\n")
    assert moved.text == "Changed a; hunk 1 was found at line 1, not 9."


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """No file may grow beyond 1,000 bytes, as on a disk that is almost full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failure_in_the_middle_is_undone(files: Path, small_files_only: None) -> None:
    ours = Files(Folder.at(files))
    before = state(files)
    steps = [
        Step(files / "a.py", b"changed", ours.read(files / "a.py")),
        Step(files / "made", b"made"),
        Step(files / "old.sh", None, ours.read(files / "old.sh")),
        Step(files / "last", b"x" * 2000),
    ]
    with pytest.raises(Refused, match="Cannot write last"):
        change_together(ours, steps)
    assert state(files) == before
    assert ours.seen(ours.read(files / "a.py")) is None  # it was undone: the model has seen no more than before


def test_a_removal_that_fails_is_undone(files: Path) -> None:
    ours = Files(Folder.at(files))
    before = state(files)
    gone, sh = ours.read(files / "gone.txt"), ours.read(files / "old.sh")
    steps = [
        Step(files / "old.sh", None, sh),
        Step(files / "made", b"made"),
        Step(files / "gone.txt", None, gone),
        Step(files / "gone.txt", None, gone),  # it is gone by then
    ]
    with pytest.raises(Refused, match="removed meanwhile"):
        change_together(ours, steps)
    assert state(files) == before
