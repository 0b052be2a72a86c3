"""The git tool: its list, and what is not on it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from minicode.toolbox import Toolbox


@pytest.fixture
def repository(root: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "a.txt").write_text("one\n")
    return root


async def test_the_usual_way(run, repository: Path) -> None:
    assert (await run("git", args=["status", "--short"])).text == "?? a.txt"
    assert not (await run("git", args=["add", "."])).failed
    committed = await run("git", args=["commit", "-m", "--odd but fine; -F too"])
    assert not committed.failed and "1 file changed" in committed.text
    assert "--odd but fine" in (await run("git", args=["log", "--oneline"])).text
    (repository / "a.txt").write_text("two\n")
    assert "-one\n+two" in (await run("git", args=["diff"])).text
    assert not (await run("git", command="git commit -am 'second one'")).failed
    assert "second one" in (await run("git_log")).text
    assert "two" in (await run("git", args=["blame", "a.txt"])).text
    assert "+two" in (await run("git", args=["show"])).text
    assert not (await run("git", args=["branch", "other"])).failed
    assert (await run("git", args=["diff", "HEAD~1..HEAD", "--stat"])).text.startswith(" a.txt")


@pytest.mark.parametrize(
    "args",
    [
        ["push"],
        ["-c", "alias.x=!touch canary", "x"],
        ["config", "core.pager", "touch canary"],
        [],
        ["diff", "--output=canary"],
        ["diff", "--outp=canary"],
        ["diff", "--ext-diff"],
        ["log", "-p", "--textconv"],
        ["diff", "--no-index", "/etc/passwd", "a.txt"],
        ["diff", "--no-ind", "a.txt", "b.txt"],
        ["diff", "/etc/passwd", "/dev/null"],
        ["diff", "../../../../../../etc/passwd", "/dev/null"],
        ["blame", "--contents", "/etc/passwd", "a.txt"],
        ["commit"],
        ["commit", "-F", "/etc/passwd"],
        ["commit", "-aF", "/etc/passwd"],
        ["commit", "--file=/etc/passwd"],
        ["commit", "-S", "-m", "x"],
        ["commit", "--gpg", "-m", "x"],
        ["commit", "--trailer", "x:y", "-m", "x"],
        ["add", "-p"],
        ["add", "--pathspec-from-file=/etc/passwd"],
        ["diff", "--submodule=diff"],
        ["restore", "--recurse-submodules", "."],
        ["status", "--ignore-submodules=none"],
    ],
)
async def test_not_done(run, repository: Path, args: list[str]) -> None:
    result = await run("git", args=args)
    assert result.failed
    assert "root:" not in result.text
    assert not (repository / "canary").exists()


async def test_a_link_does_not_lead_outside(run, root: Path) -> None:
    (root / "link").symlink_to("/etc")
    (root / "a.txt").write_text("one\n")
    compared = await run("git", args=["diff", "link/passwd", "a.txt"])
    assert compared.failed and "outside the workspace" in compared.text


async def test_outside_a_repository_and_without_commits(run, root: Path) -> None:
    assert "not in a git repository" in (await run("git", args=["status"])).text
    await run("bash", command="git init -q")
    assert "no commits yet" in (await run("git", args=["log"])).text


async def test_nothing_to_commit(run, repository: Path) -> None:
    result = await run("git", args=["commit", "-m", "x"])
    assert result.failed and "a.txt" in result.text  # git's own words: what is untracked


def test_which_calls_only_look(toolbox: Toolbox) -> None:
    harmless = toolbox.tools["git"].toolfile.harmless
    assert harmless is not None
    for words in ("status", "diff HEAD~1 -- a", "log", "show", "blame a", "branch", "branch -a -v", "stash list"):
        assert harmless({"args": words.split()}) and harmless({"args": [f"git {words}"]}), words
    for words in ("add .", "commit -m x", "branch x", "branch -d x", "branch -a x", "stash", "stash pop", "switch x"):
        assert not harmless({"args": words.split()}), words
    for odd in ({}, {"args": []}, {"args": "status"}, {"args": [1, None]}, {"args": ["log '"]}, {"args": ["git"]}):
        assert not harmless(odd)


async def test_switch(run, repository: Path) -> None:
    await run("git", args=["add", "."])
    await run("git", args=["commit", "-m", "x"])
    assert not (await run("git", args=["switch", "-c", "feature/one"])).failed
    assert (await run("git", args=["branch", "--show-current"])).text == "feature/one"
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch canary\n")
    hook.chmod(0o755)
    assert not (await run("git", args=["switch", "-"])).failed
    assert not (repository / "canary").exists()


async def test_an_open_quote_is_a_sentence(run, repository: Path) -> None:
    assert "cannot be split" in (await run("git", args=["log 'x"])).text
