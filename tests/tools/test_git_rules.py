"""The git tool where rules keep files from being read."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from minicode.messages import Call
from minicode.sandbox.policy import Grant
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope

SECRET = "canary-81f3"


def in_git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(root: Path) -> Path:
    """`.env`, `secrets/key` and `src/ok`, each with a change that is not committed."""
    for name in (".env", "secrets/key", "src/ok"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("fine\n" if name == "src/ok" else f"{SECRET} old\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        in_git(root, *words)
    for name in (".env", "secrets/key", "src/ok"):
        (root / name).write_text("finer\n" if name == "src/ok" else f"{SECRET} new\n")
    return root


@pytest.fixture
def git(toolbox: Toolbox, scope: Scope):
    bound = replace(scope, workspace=scope.workspace.granting(Grant(unread=(".env", "secrets/**"))))

    async def git(*args: str) -> Result:
        return await toolbox.run(toolbox.prepare(Call("call-1", "git", {"args": list(args)})), bound)

    return git


@pytest.mark.parametrize(
    "args",
    ["diff", "diff HEAD", "diff HEAD src .env", "diff -- src .env secrets", "show", "show HEAD", "log -p",
     "log --patch", "log -p -- -Lx .", "log -u --all", "diff --word-diff", "diff :(top)", "log -p -- . :(top).env"],
)  # fmt: skip
async def test_diffs_leave_them_out(git, repository: Path, args: str) -> None:
    told = await git(*args.split())
    assert not told.failed and "fine" in told.text and SECRET not in told.text


async def test_a_commit_of_nothing_else_is_shown(git, repository: Path) -> None:
    in_git(repository, "commit", "-qm", "only the key", "secrets/key")
    assert (await git("show")).text.rstrip().endswith("only the key")
    assert "only the key" in (await git("log", "--oneline")).text


@pytest.mark.parametrize(
    "args",
    ["show HEAD:.env", "show HEAD:./secrets/key", "show :0:.env", "diff HEAD:.env HEAD:src/ok", "diff @:secrets @:src",
     "blame .env", "blame HEAD -- secrets/key", "log -L1,1:.env", "status -v", "status -vv", "commit -v -m x",
     "log -p --full-diff -- src", "show --full-diff HEAD -- src", "restore --patch",
     "commit -am x", "commit -m x .env", "commit --all -m x", "stash", "stash push", "stash -u", "stash save x"],
)  # fmt: skip
async def test_what_would_show_or_store_them_is_refused(git, repository: Path, args: str) -> None:
    told = await git(*args.split())
    assert told.failed and "rules keep from being read" in told.text and SECRET not in told.text


async def test_the_rest_is_committed(git, repository: Path) -> None:
    for words in (["add", "-A"], ["add", "-f", ".env", "src"], ["add", "."]):
        assert not (await git(*words)).failed
    assert in_git(repository, "diff", "--cached", "--name-only") == "src/ok\n"
    assert "1 file changed" in (await git("commit", "-m", "the rest: .env")).text
    assert SECRET not in (await git("log", "-p")).text and "-fine\n+finer" in (await git("show")).text
    assert "src/ok" in (await git("log", "-L1,1:src/ok")).text
    assert "finer" in (await git("blame", "src/ok")).text


async def test_in_a_folder_of_a_larger_repository(toolbox: Toolbox, scope: Scope, root: Path) -> None:
    for name in (".env", "secrets/key", "ok"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(f"{SECRET}\n" if name != "ok" else "fine\n")
    (root.parent / ".env").write_text(f"{SECRET}\n")
    for words in (["init", "-q"], ["add", "work", ".env"], ["commit", "-qm", "first"]):
        in_git(root.parent, *words)
    bound = replace(scope, workspace=scope.workspace.granting(Grant(unread=(".env", "secrets/**"))))

    async def git(*args: str) -> Result:
        return await toolbox.run(toolbox.prepare(Call("call-1", "git", {"args": list(args)})), bound)

    shown = await git("show")
    assert "fine" in shown.text and SECRET not in shown.text
    for name in ("HEAD:work/secrets/key", "HEAD:./secrets/key", "HEAD:.env"):
        assert (await git("show", name)).failed, name
