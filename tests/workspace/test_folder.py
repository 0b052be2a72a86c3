"""Paths: what belongs to the workspace, and what only seems to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minicode.workspace.folder import Folder, Refused, _open_beneath


def test_ways_to_name_a_file(root: Path, home: Path) -> None:
    folder = Folder.at(root, extra=[home])
    assert folder.resolve("a/b.py") == root / "a/b.py"
    assert folder.resolve(str(root / "a.py")) == root / "a.py"
    assert folder.resolve("a/../b.py") == root / "b.py"
    assert folder.resolve("~/notes") == home.resolve() / "notes"
    assert folder.resolve("") == root


@pytest.mark.parametrize(
    "name", ["..", "../other", "/etc/passwd", "a/../../x", "~root/x", "/", "x\0y", "~nobody-like-this/x"]
)
def test_outside(root: Path, name: str) -> None:
    with pytest.raises(Refused):
        Folder.at(root).resolve(name)


def test_a_neighbour_with_the_same_beginning_is_outside(root: Path) -> None:
    with pytest.raises(Refused, match="outside the workspace"):
        Folder.at(root).resolve(f"{root}-evil/x")


def test_links_that_lead_out(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (root / "file").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "circle").symlink_to(root / "circle")
    folder = Folder.at(root)
    for name in ("file", "folder/secret", "folder/new"):
        with pytest.raises(Refused, match="outside"):
            folder.resolve(name)


def test_links_that_stay_inside(root: Path) -> None:
    (root / "real").mkdir()
    (root / "link").symlink_to("real")
    assert Folder.at(root).resolve("link/x") == root / "real/x"


def test_a_link_planted_after_the_look_does_not_lead_out(root: Path, tmp_path: Path) -> None:
    (root / "sub").mkdir()
    folder = Folder.at(root)
    path = folder.resolve("sub/x", write=True)
    (root / "sub").rmdir()
    (root / "sub").symlink_to(tmp_path)
    with pytest.raises(OSError), folder.parent(path):
        pass


def test_the_kernel_lets_nothing_lead_out(root: Path, tmp_path: Path) -> None:
    (root / "a/b").mkdir(parents=True)
    (root / "out").symlink_to(tmp_path)
    fd = os.open(root, os.O_RDONLY)
    try:
        inner = _open_beneath(fd, "a/b")
        if inner is None:
            pytest.skip("no openat2 here; the walk is tested above")
        assert os.path.sameopenfile(inner, os.open(root / "a/b", os.O_RDONLY))
        for name in ("..", "a/../..", "out", "out/work", str(tmp_path), "/proc/self/fd", "none"):
            assert _open_beneath(fd, name) is None
    finally:
        os.close(fd)


def test_git_is_not_written_as_files(root: Path) -> None:
    folder = Folder.at(root)
    assert folder.resolve(".git/config") == root / ".git/config"
    for name in (".git/config", "sub/.git/hooks/x", ".GIT/config", ".git"):
        with pytest.raises(Refused, match="git tool"):
            folder.resolve(name, write=True)
    assert folder.resolve(".gitignore", write=True) == root / ".gitignore"


def test_readable_folders_are_not_written(root: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    folder = Folder.at(root, readable=[kept])
    assert folder.resolve(str(kept / "output")) == kept / "output"
    with pytest.raises(Refused, match="cannot be written"):
        folder.resolve(str(kept / "output"), write=True)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a folder"):
        Folder.at(tmp_path / "none")


def test_names_are_told_without_tricks(root: Path) -> None:
    assert Folder.at(root).show(root / "a\n\x1b[2Jb") == "a\u240ab"
