"""Files that steer programs: known by every name they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicode.workspace.folder import Folder, Refused
from minicode.workspace.guarded import guard


@pytest.mark.parametrize(
    "name",
    [
        *(".minicode/config.toml", ".Claude/settings.json", "sub/.mcp.json", ".VSCode/tasks.json", ".gitmodules"),
        *(".envrc", ".husky/pre-commit", ".npmrc", "venv/bin/activate", ".venv/bin/activate.fish", "env/pyvenv.cfg"),
        *(".github/workflows/ci.yml", "Jenkinsfile"),
    ],
)
def test_protected(root: Path, name: str) -> None:
    folder = Folder.at(root)
    assert guard(folder, folder.resolve(name, write=True))


@pytest.mark.parametrize("name", ["a.py", "bin/tool", "claude/x", ".github/README.md", ".envrc.example", ".gitignore"])
def test_free(root: Path, name: str) -> None:
    folder = Folder.at(root)
    (root / ".claude").mkdir()
    assert guard(folder, folder.resolve(name, write=True)) == ""


def test_another_name_of_the_same_file(root: Path, tmp_path: Path) -> None:
    (root / ".envrc").write_text("x")
    (root / "innocent").hardlink_to(root / ".envrc")
    (root / ".claude").symlink_to("settings")
    (root / "settings").mkdir()
    folder = Folder.at(root, extra=[tmp_path])
    assert guard(folder, folder.resolve("innocent", write=True)).startswith("innocent belongs to .envrc, which")
    assert ".claude" in guard(folder, folder.resolve("settings/new.json", write=True))


def test_what_stands_for_git_is_not_written(root: Path) -> None:
    for name in ("store/HEAD", "tree/HEAD", "tree/commondir"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")
    (root / "store" / "objects").mkdir()
    folder = Folder.at(root)
    for name in ("store/config", "store/hooks/pre-commit", "tree/config.worktree"):
        with pytest.raises(Refused, match="git tool"):
            folder.resolve(name, write=True)
        folder.resolve(name)
    assert folder.resolve("objects/x", write=True)


def test_hidden_is_neither_read_nor_written(root: Path) -> None:
    state = root / "state"
    (state / "blobs").mkdir(parents=True)
    folder = Folder.at(root, readable=[state / "blobs"], hidden=[state, root / "none-yet"])
    (root / "link").symlink_to("state")
    for name in ("state/key", "STATE/key", "link/key", "state", "none-yet"):
        for write in (False, True):
            with pytest.raises(Refused, match="private"):
                folder.resolve(name, write=write)
    assert folder.resolve("state/blobs/1") == state / "blobs/1"
    with pytest.raises(Refused, match="private"):
        folder.resolve("state/blobs/1", write=True)
    assert folder.resolve("statement", write=True)
