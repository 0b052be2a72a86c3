"""What a command did to settings and hooks is seen, and undone."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from minicode.workspace.watch import Watch
from minicode.workspace.workspace import Workspace


@pytest.fixture
def repository(root: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / ".git/hooks/pre-push").write_text("#!/bin/sh\n")
    (root / ".git/hooks/pre-push").chmod(0o755)
    (root / ".claude").mkdir()
    (root / ".claude/settings.json").write_text("{}")
    (root / ".envrc").symlink_to("env")
    return root


def state(root: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of all there is."""
    found = {}
    for path in sorted(root.rglob("*[!e]")):  # without *.sample
        data = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (os.lstat(path).st_mode, data)
    return found


COMMANDS = {
    "git config core.pager x": {".git/config"},
    "echo x > .git/hooks/pre-commit": {".git/hooks/pre-commit"},
    "chmod 644 .git/hooks/pre-push": {".git/hooks/pre-push"},
    "mv .git/hooks h; ln -s ../h .git/hooks": {".git/hooks", ".git/hooks/pre-push"},
    "echo '* filter=x' > .git/info/attributes": {".git/info/attributes"},
    "echo '{1}' > .claude/settings.json": {".claude/settings.json"},
    "rm -rf .claude": {".claude", ".claude/settings.json"},
    "mkdir -p .minicode/tools; echo x > .minicode/tools/t.py": {
        ".minicode",
        ".minicode/tools",
        ".minicode/tools/t.py",
    },
    "mkdir -p .github/workflows; echo x > .github/workflows/x.yml": {".github/workflows", ".github/workflows/x.yml"},
    "echo x > .mcp.json": {".mcp.json"},
    "rm .envrc; echo x > .envrc": {".envrc"},
    "rm .git/HEAD; ln -s config .git/HEAD": {".git/HEAD"},
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_seen_and_undone(workspace: Workspace, repository: Path, command: str) -> None:
    watch = Watch([repository], keep=True)
    watch.before()
    before = state(repository)
    assert (await workspace.shell(command)).code == 0
    changed = watch.after()
    assert {str(path.relative_to(repository)) for path in changed} == COMMANDS[command]
    failed = watch.restore(changed)
    assert failed == ()
    left = {name: entry for name, entry in state(repository).items() if name not in ("h", "h/pre-push", ".github")}
    assert left == before


async def test_usual_work_is_no_alarm(workspace: Workspace, repository: Path) -> None:
    watch = Watch([repository])
    watch.before()
    await workspace.shell("echo x > a; git add a; git commit -qm x; git switch -qc other; mkdir sub; git gc -q")
    assert watch.after() == ()


async def test_a_new_repository_is_told(workspace: Workspace, root: Path) -> None:
    watch = Watch([root])
    watch.before()
    await workspace.shell("git init -q")
    assert root / ".git/config" in watch.after()


async def test_a_moved_repository_is_told_and_left_alone(workspace: Workspace, repository: Path) -> None:
    watch = Watch([repository], keep=True)
    watch.before()
    await workspace.shell("mv .git g; mkdir .git; echo x > .git/config")
    changed = watch.after()
    assert repository / ".git" in changed and repository / ".git/config" in changed
    assert watch.restore(changed) == changed
    assert (repository / ".git/config").read_text() == "x\n"


async def test_a_link_does_not_lead_the_repair_outside(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/x.yml").write_text("mine")
    (tmp_path / "out/workflows").mkdir(parents=True)
    (tmp_path / "out/workflows/x.yml").write_text("theirs")
    watch = Watch([root], keep=True)
    watch.before()
    await workspace.shell(f"mv .github old; ln -s {tmp_path}/out .github")
    assert watch.restore(watch.after())
    assert (tmp_path / "out/workflows/x.yml").read_text() == "theirs"


async def test_the_repository_of_a_worktree_inside(workspace: Workspace, repository: Path) -> None:
    await workspace.shell(
        "git commit -q --allow-empty -m x; git worktree add -q tree; git init -q --separate-git-dir=s two"
    )
    for root, name in ((repository / "tree", ".git/hooks/x"), (repository / "two", "s/hooks/x")):
        watch = Watch([root, repository], keep=True)
        watch.before()
        (repository / name).write_text("#!/bin/sh\n")
        assert repository / name in watch.after()
        assert watch.restore(watch.after()) == () and not (repository / name).exists()


async def test_large_and_many_are_told_but_not_kept(workspace: Workspace, repository: Path) -> None:
    (repository / ".claude/large").write_bytes(b"x" * 2**21)
    watch = Watch([repository], keep=True)
    watch.before()
    await workspace.shell("echo x > .claude/large")
    changed = watch.after()
    assert changed == (repository / ".claude/large",) == watch.restore(changed)
    assert (repository / ".claude/large").read_text() == "x\n"


def test_a_look_is_cheap(repository: Path) -> None:
    watch = Watch([repository], keep=True)
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        watch.before()
        watch.after()
        times.append(time.perf_counter() - begun)
    print(min(times))
    assert min(times) < 0.004  # both
