"""Our own git calls in a repository that wants to run something."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from minicode.workspace.folder import Refused
from minicode.workspace.git import git_problem, run_git
from minicode.workspace.workspace import Workspace

Git = Callable[..., str]


@pytest.fixture
def git(root: Path) -> Git:
    def run(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout

    run("init", "-q")
    (root / "a.txt").write_text("one\n")
    run("add", ".")
    run("commit", "-qm", "first")
    return run


CALLS = (
    ["status"],
    ["diff", "--no-ext-diff", "--no-textconv"],
    ["log", "-p", "--no-ext-diff", "--no-textconv"],
    ["log", "--format=%G? %H"],
    ["show", "--no-ext-diff", "--no-textconv", "HEAD"],
    ["blame", "--no-textconv", "a.txt"],
    ["add", "."],
    ["commit", "--allow-empty", "-m", "x"],
    ["stash"],
    ["stash", "list", "-p"],
    ["stash", "show", "-p"],
    ["stash", "pop"],
    ["restore", "."],
    ["branch", "other"],
)


async def test_a_hostile_repository_runs_nothing(workspace: Workspace, root: Path, git: Git, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\ncat\n')
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "diff.external", "gpg.program"),
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "diff.evil.command"),
        *("filter.e=vil.clean", "filter.e=vil.smudge", "diff.e=vil.textconv"),
        *("merge.evil.driver", "credential.helper", "core.askPass", "sequence.editor", "hook.evil.command"),
    ):
        git("config", key, str(program))
    git("config", "hook.evil.event", "pre-commit")
    for key in ("commit.gpgSign", "log.showSignature", "filter.evil.required"):
        git("config", key, "true")
    (root / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\nb.txt filter=e=vil diff=e=vil\n")
    (root / "b.txt").write_text("one\n")
    hooks = root / ".git/hooks"
    for hook in ("pre-commit", "post-index-change", "commit-msg", "post-commit", "post-checkout", "prepare-commit-msg"):
        (hooks / hook).write_text(f"#!/bin/sh\necho hook {hook} >> {canary}\n")
        (hooks / hook).chmod(0o755)
    for number, call in enumerate(CALLS):
        if call[0] != "stash" or call == ["stash"]:
            (root / "a.txt").write_text(f"change {number}\n")
            (root / "b.txt").write_text(f"change {number}\n")
        finished = await run_git(workspace, call, writes=True)
        assert finished.code == 0, (call, finished.errors)
        assert not canary.exists(), (call, canary.read_text())
    # The trap is a real one: plain git does walk into it.
    with suppress(subprocess.CalledProcessError):
        git("status")
    assert canary.exists()


async def test_more_configuration_than_can_be_read_is_refused(workspace: Workspace, root: Path, git: Git) -> None:
    with (root / ".git/config").open("a") as file:
        file.write('[filter "x"]\n' + f"\tclean = {'x' * 1000}\n" * 5000)
    with pytest.raises(Refused, match="cannot be found out"):
        await run_git(workspace, ["status"])


async def test_only_the_real_filter_of_git_lfs_is_left_on(
    workspace: Workspace, root: Path, git: Git, tmp_path: Path
) -> None:
    git("config", "filter.lfs.clean", f"git-lfs clean; touch {tmp_path}/canary; cat")
    (root / ".gitattributes").write_text("*.txt filter=lfs\n")
    (root / "a.txt").write_text("two\n")
    assert (await run_git(workspace, ["add", "."], writes=True)).code == 0
    assert not (tmp_path / "canary").exists()
    git("config", "filter.lfs.clean", "git-lfs clean -- %f")
    git("config", "filter.lfs.required", "true")
    (root / "a.txt").write_text("three\n")
    added = await run_git(workspace, ["add", "."], writes=True)
    # It ran: where git-lfs is not installed, git says so.
    assert b"git-lfs" in added.errors or git("show", ":a.txt").startswith("version https://git-lfs")


async def test_filters_of_the_user_still_work(workspace: Workspace, root: Path, git: Git, home: Path) -> None:
    with (home / ".gitconfig").open("a") as file:
        file.write('[filter "up"]\n\tclean = tr a-z A-Z\n')
    (root / ".gitattributes").write_text("*.up filter=up\n")
    (root / "b.up").write_text("loud\n")
    assert (await run_git(workspace, ["add", "."], writes=True)).code == 0
    assert git("show", ":b.up") == "LOUD\n"


async def test_a_bare_repository_inside_is_not_entered(workspace: Workspace, root: Path, git: Git) -> None:
    git("init", "-q", "--bare", "sub")
    finished = await run_git(workspace, ["status"], folder=root / "sub")
    assert finished.code != 0 and "not in a git repository" in git_problem(finished)


async def test_a_foreign_work_tree_is_not_written(workspace: Workspace, root: Path, git: Git, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "a.txt").write_text("mine\n")
    git("config", "core.worktree", str(victim))
    with pytest.raises(Refused, match="not its own folder"):
        await run_git(workspace, ["restore", "."], writes=True)
    assert (victim / "a.txt").read_text() == "mine\n"
    with pytest.raises(Refused, match="not its own folder"):
        await run_git(workspace, ["diff"])


async def test_a_submodule_runs_nothing(workspace: Workspace, root: Path, git: Git, tmp_path: Path) -> None:
    (tmp_path / "program").write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    (tmp_path / "program").chmod(0o755)
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "--name", "a.b", str(root), "sub")
    git("config", "-f", ".gitmodules", "submodule.a.b.ignore", "none")
    git("commit", "-qam", "with a submodule")
    git("-C", "sub", "config", "core.fsmonitor", str(tmp_path / "program"))
    (root / "sub" / "a.txt").write_text("changed\n")
    for call in (["status"], ["add", "a.txt"], ["commit", "--allow-empty", "-m", "x"], ["diff"], ["stash"]):
        (root / "a.txt").write_text(str(call))
        finished = await run_git(workspace, call, writes=True)
        assert finished.code == 0, (call, finished.errors)
        assert not (tmp_path / "canary").exists(), call
    with suppress(subprocess.CalledProcessError):
        git("status")  # the trap is a real one
    assert (tmp_path / "canary").exists()


async def test_git_planted_in_the_workspace_is_not_used(root: Path, tmp_path: Path) -> None:
    (root / "git").write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    (root / "git").chmod(0o755)
    (tmp_path / "link").symlink_to(root)
    workspace = Workspace.at(root, environment={"PATH": f"{root}:{tmp_path}/link:.:/usr/bin:/bin"})
    finished = await run_git(workspace, ["--version"])
    assert finished.output.startswith(b"git version") and not (tmp_path / "canary").exists()
    with pytest.raises(Refused, match="not installed"):
        await run_git(Workspace.at(root, environment={"PATH": str(root)}), ["--version"])


async def test_states_of_a_repository(workspace: Workspace, root: Path, git: Git, tmp_path: Path) -> None:
    (root / "a.txt").write_text("two\n")
    lock = root / ".git/index.lock"
    lock.write_text("")
    held = await run_git(workspace, ["add", "."], writes=True)
    assert "index.lock" in git_problem(held) and lock.exists()
    assert (await run_git(workspace, ["status", "--short"])).output == b" M a.txt\n"
    lock.unlink()
    git("checkout", "-q", "--detach")
    assert b"detached" in (await run_git(workspace, ["status"])).output
    git("worktree", "add", "-q", str(tmp_path / "tree"))
    other = Workspace.at(tmp_path / "tree")
    assert (await run_git(other, ["status", "--short"], writes=True)).code == 0
    empty = tmp_path / "empty"
    git("init", "-q", str(empty))
    log = await run_git(Workspace.at(empty), ["log"])
    assert "no commits yet" in git_problem(log)
