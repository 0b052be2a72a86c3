"""A patch of several files is judged by each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicode.messages import Call
from minicode.permission.decide import decide
from minicode.permission.values import Decision, Rules, Standing
from minicode.safety import look
from minicode.toolbox import Toolbox
from minicode.workspace.folder import Folder

SHIPPED = Path(__file__).parents[2] / "tools"
HUNK = "@@ -1 +1 @@\n-a\n+b\n"
FREE = f"--- a/src/a.py\n+++ b/src/a.py\n{HUNK}"


@pytest.fixture(scope="module")
def toolbox() -> Toolbox:
    return Toolbox.load([("shipped", SHIPPED)], allowed=["apply_patch"])


def judged(toolbox: Toolbox, root: Path, patch: str, mode: str = "acceptEdits", **rules: str) -> Decision:
    prepared = toolbox.prepare(Call("c", "apply_patch", {"patch": patch}))
    listed = Rules(**{name: (rule,) for name, rule in rules.items()})
    return decide(look(Folder.at(root), prepared), Standing(mode, listed, "kernel", asks=True))


@pytest.mark.parametrize(
    "other",
    [
        f"--- a/sec/x\n+++ b/sec/x\n{HUNK}",
        "--- /dev/null\n+++ b/sec/x\n@@ -0,0 +1 @@\n+b\n",
        "--- a/sec/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
        "diff --git a/y b/sec/x\nrename from y\nrename to sec/x\n",
        "diff --git a/sec/x b/y\nrename from sec/x\nrename to y\n",
    ],
)
def test_no_file_hides_behind_another(toolbox: Toolbox, tmp_path: Path, other: str) -> None:
    assert judged(toolbox, tmp_path, FREE).verdict == "allow"
    for patch in (FREE + other, other + FREE, other):
        assert judged(toolbox, tmp_path, patch).verdict == "allow"
        assert judged(toolbox, tmp_path, patch, deny="edit(sec/)").verdict == "deny"
        assert judged(toolbox, tmp_path, patch, "bypassPermissions", deny="edit(sec/)").verdict == "deny"
        assert judged(toolbox, tmp_path, patch, deny="read(sec/x)").verdict == "deny"
        assert judged(toolbox, tmp_path, patch, ask="edit(sec/)").verdict == "ask"
        assert judged(toolbox, tmp_path, patch, "default", allow="edit(src/)").verdict == "ask"
    assert judged(toolbox, tmp_path, FREE, "default", allow="edit(src/)").verdict == "allow"
    assert judged(toolbox, tmp_path, FREE + other, "plan").verdict == "deny"


def test_a_link_is_where_it_leads(toolbox: Toolbox, tmp_path: Path) -> None:
    (tmp_path / "sec").mkdir()
    (tmp_path / "way").symlink_to("sec")
    patch = FREE + f"*** nothing\n--- a/way/x\n+++ b/way/x\n{HUNK}"
    assert judged(toolbox, tmp_path, patch, deny="edit(sec/)").verdict == "deny"


def test_protected_files_are_asked_for(toolbox: Toolbox, tmp_path: Path) -> None:
    patch = FREE + f"--- a/.vscode/tasks.json\n+++ b/.vscode/tasks.json\n{HUNK}"
    decision = judged(toolbox, tmp_path, patch)
    assert decision.verdict == "ask" and "tasks.json" in decision.reason
