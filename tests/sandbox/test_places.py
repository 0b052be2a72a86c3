"""What is found on the disk: secrets, protected names, git folders, sockets, programs."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from minicode.sandbox.places import git_places, host_sockets, is_below, programs_in_tmp, protected_places, secret_places


def test_secrets_are_real_paths_and_need_not_exist(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "elsewhere").mkdir()
    home.mkdir()
    (home / ".ssh").symlink_to(tmp_path / "elsewhere")
    found = secret_places(home, home / "c", home / "s", [home / "mine"])
    expected = {tmp_path / "elsewhere", home / ".netrc", home / "c", home / "s", home / "mine", home / ".aws"}
    assert expected | {Path("/etc/shadow")} <= set(found)
    assert home not in found
    assert home / ".gitconfig" not in found, "git needs the user's name"


def test_git_folders_of_worktrees_modules_and_below(tmp_path: Path) -> None:
    main, tree = tmp_path / "main", tmp_path / "tree"
    subprocess.run(["git", "init", "-q", str(main)], check=True)
    subprocess.run(["git", "-C", str(main), "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run(["git", "-C", str(main), "worktree", "add", "-q", str(tree)], check=True)
    assert git_places(tree) == (tree / ".git", main / ".git" / "worktrees" / "tree", main / ".git")
    nested = main / "a" / "b" / "c"
    deep = nested / "d"
    skipped = main / "node_modules" / "x"
    for folder in (nested, deep, skipped):
        (folder / ".git").mkdir(parents=True)
    assert git_places(main) == (main / ".git", nested / ".git")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / ".git").symlink_to(main / ".git")
    assert git_places(linked) == (main / ".git",)
    (linked / ".git").unlink()
    (linked / ".git").write_bytes(b"gitdir: \xff\0nonsense")
    assert git_places(linked) == (linked / ".git",)


def test_protected_names_more_of_them_at_home(tmp_path: Path) -> None:
    for name in (".bashrc", ".envrc", "venv", ".github/workflows"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".husky").symlink_to("nowhere")
    there = protected_places([tmp_path], Path("/nobody")).others
    assert set(there) == {tmp_path / ".envrc", tmp_path / ".github/workflows"}
    assert set(protected_places([tmp_path], tmp_path).others) == {*there, tmp_path / ".bashrc"}


def test_a_socket_of_the_host_is_found_until_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert path in host_sockets()
        path.unlink()
        assert path not in host_sockets()


def test_programs_in_tmp_are_shown_but_never_tmp_itself(tmp_path: Path) -> None:
    here = Path("/tmp") / f"minicode-programs-{os.getpid()}"
    (here / "bin").mkdir(parents=True)
    try:
        found = programs_in_tmp({"PATH": f"/usr/bin:{here}/bin:/tmp/bin:relative:"})
        assert here in found
        assert Path("/tmp") not in found and not is_below(Path("/usr"), found)
    finally:
        (here / "bin").rmdir()
        here.rmdir()


def test_below_is_by_parts() -> None:
    assert is_below(Path("/x/ws/a"), [Path("/x/ws")]) and is_below(Path("/x/ws"), [Path("/x/ws")])
    assert not is_below(Path("/x/ws-evil"), [Path("/x/ws")])
