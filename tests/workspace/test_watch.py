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


INNER = {
    "echo x >> .git/modules/sub/config": ".git/modules/sub/config",
    "echo x > .git/modules/sub/hooks/post-checkout": ".git/modules/sub/hooks/post-checkout",
    "git -C nested/deep config core.fsmonitor x": "nested/deep/.git/config",
    "echo x > nested/deep/.git/hooks/pre-commit": "nested/deep/.git/hooks/pre-commit",
    "git -C tree config --worktree core.pager x": ".git/worktrees/tree/config.worktree",
    "echo ../elsewhere > .git/worktrees/tree/commondir": ".git/worktrees/tree/commondir",
}


async def add_inner(workspace: Workspace) -> None:
    """A repository below, a module and a worktree."""
    made = await workspace.shell(
        "mkdir .git/modules && git init -q nested/deep && git init -q --separate-git-dir=.git/modules/sub sub && "
        "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git worktree add -q tree && "
        "git config extensions.worktreeConfig true && mkdir -p .git/modules/sub/hooks nested/deep/.git/hooks"
    )
    assert made.code == 0, made.output


@pytest.mark.parametrize("command", INNER)
async def test_repositories_inside_are_watched(workspace: Workspace, repository: Path, command: str) -> None:
    await add_inner(workspace)
    watch = Watch([repository], keep=True)
    watch.before()
    before = state(repository)
    assert (await workspace.shell(command)).code == 0
    changed = watch.after()
    assert changed == (repository / INNER[command],)
    assert watch.restore(changed) == () and state(repository) == before


async def test_usual_work_in_repositories_inside_is_no_alarm(workspace: Workspace, repository: Path) -> None:
    await add_inner(workspace)
    watch = Watch([repository], keep=True)
    watch.before()
    work = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; "
    work += (
        "for in in nested/deep sub tree; do (cd $in && echo x >f && git add f && git commit -qm x && git gc -q); done"
    )
    assert (await workspace.shell(f"set -e; {work}; git init -q another")).code == 0
    assert watch.after() == ()
    assert (await workspace.shell("rm -rf nested sub .git/modules/sub; git worktree remove -f tree")).code == 0
    assert watch.after() == ()
    assert (await workspace.shell("mkdir -p nested/deep/.git; echo x > nested/deep/.git/config")).code == 0
    assert repository / "nested/deep/.git/config" in watch.after()


async def test_a_home_has_more_that_starts_programs(
    workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / ".bashrc").write_text("mine\n")
    for home, seen in ((root, [".bashrc", ".config/autostart", "bin"]), (root.parent, [])):
        monkeypatch.setenv("HOME", str(home))
        watch = Watch([root], keep=True)
        watch.before()
        assert (await workspace.shell("echo x >> .bashrc; mkdir -p .config/autostart bin")).code == 0
        assert [str(path.relative_to(root)) for path in watch.after()] == seen
        assert watch.restore(watch.after()) == ()
        if seen:
            assert (root / ".bashrc").read_text() == "mine\n" and not (root / "bin").exists()


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
