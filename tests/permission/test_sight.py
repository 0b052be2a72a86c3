"""What the rules see of the disk: links, hidden places and programs, before a command runs without a sandbox."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from minicode import safety
from minicode.messages import Call
from minicode.permission.decide import decide
from minicode.permission.values import Decision, Rules, Standing
from minicode.toolbox import Toolbox
from minicode.workspace.folder import Folder

SHIPPED = Path(__file__).parents[2] / "tools"
NO_RULES = Rules()


@pytest.fixture(scope="module")
def toolbox() -> Toolbox:
    return Toolbox.load([("shipped", SHIPPED)])


@pytest.fixture
def ask(toolbox: Toolbox, home: Path):
    """What is decided of a call in HOME/work, or in HOME itself."""
    for place in ("work/src", "work/sub", ".aws", "other"):
        (home / place).mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("secret")
    (home / "work" / "a").write_text("a")

    def ask(
        name: str, rules: Rules = NO_RULES, contained: str = "none", at: str = "work", **arguments: str
    ) -> Decision:
        folder = Folder.at(home / at, hidden=[home / ".aws", home / ".minicode"])
        wish = safety.look(folder, toolbox.prepare(Call("1", name, arguments)))
        return decide(wish, Standing("default", rules, contained))  # type: ignore[arg-type]

    return ask


@pytest.mark.parametrize("contained", ["none", "waived"])
def test_a_link_does_not_lead_a_harmless_command_out(ask, home: Path, contained: str) -> None:
    work = home / "work"
    (work / "notes").symlink_to(home / ".aws" / "credentials")
    (work / "d").symlink_to("/etc")
    (work / "inner").symlink_to("a")
    for command in (
        "cat notes", "cd d && head -1 shadow", "cd sub && ls", "grep -r root d/passwd", "sed -n 1p d/passwd",
        "uniq notes", "find d -name x", "test -f d/passwd", "cat a notes", "ls && cat -- notes", "ls d",
        "diff -u a notes", "grep -e a notes", "stat -c %s notes",
        # They would meet the links on their way.
        "grep -r root", "grep -rC 3 root", "grep -R root .", "rg root", "rg -e root sub", "find", "du", "ls -R",
        "diff . sub",
    ):  # fmt: skip
        assert ask("bash", command=command, contained=contained).verdict == "ask", command
    for command in ("cat a", "ls", "ls -la", "cat inner", "rg x src", "grep -r x src sub", "find src", "grep x a"):
        assert ask("bash", command=command, contained=contained).verdict == "allow", command


def test_what_lies_in_a_home_that_is_the_workspace(ask, home: Path) -> None:
    for command in ("cat .aws/credentials", "rev .minicode/auth.json", "rg x", "ls .aws", "find .", "cat .AWS/x"):
        assert ask("bash", command=command, at=".").verdict == "ask", command
    assert ask("bash", command="cat work/a && rg x other", at=".").verdict == "allow"


def test_a_program_of_the_workspace_is_not_taken_for_the_system_s(ask, home: Path, monkeypatch) -> None:
    usual = os.environ["PATH"]
    (home / "work" / "bin").mkdir()
    (home / "link").symlink_to(home / "work" / "bin")
    program = home / "work" / "bin" / "ls"
    program.write_text("#!/bin/sh\necho mine\n")
    program.chmod(0o755)
    assert ask("bash", command="ls").verdict == "allow"
    for place in (home / "work" / "bin", "bin", ".", "", home / "link"):
        path = f"{place}:{usual}"
        ran = subprocess.run(["sh", "-c", "ls"], cwd=home / "work", env={"PATH": path}, capture_output=True, text=True)
        assert ran.stdout == "mine\n" or place in (".", "")
        monkeypatch.setenv("PATH", path)
        for command in ("ls", "date", "ls | true"):
            assert ask("bash", command=command).verdict == "ask", place


def test_an_allowing_rule_takes_no_link_along_and_no_other_folder(ask, home: Path) -> None:
    (home / "work" / "notes").symlink_to(home / ".aws" / "credentials")
    bash, host = Rules(allow=("bash(make)",)), Rules(allow=("host(sh ./build.sh)",))
    assert ask("bash", bash, command="make && cat a").verdict == "allow"
    assert ask("bash", bash, command="make && cat notes").verdict == "ask"
    outside = {"contained": "kernel", "needs": "host"}
    assert ask("bash", host, command="sh ./build.sh && cat a", **outside).verdict == "allow"
    for command in ("sh ./build.sh && cat notes", "cd sub && sh ./build.sh", "command cd sub && sh ./build.sh"):
        assert ask("bash", host, command=command, **outside).verdict == "ask", command


@pytest.mark.parametrize("tool", ["grep", "glob"])
def test_a_rule_about_reading_holds_for_searching(ask, home: Path, tool: str) -> None:
    (home / "work" / "secrets").mkdir()
    (home / "work" / "l").symlink_to("secrets")
    (home / "work" / "secrets" / "key").write_text("x")
    denied, asked = Rules(deny=("read(secrets/**)",)), Rules(ask=("read(secrets/**)",))
    for path in ("secrets", "./secrets/", "src/../secrets", "l", str(home / "work" / "secrets")):
        assert ask(tool, denied, pattern="x", path=path).verdict == "deny", path
        assert ask(tool, asked, pattern="x", path=path).verdict == "ask", path
    for listed in (denied, asked):
        for more in ({}, {"path": "."}):  # what lies below is left out
            found = ask(tool, listed, pattern="x", **more)
            assert (found.verdict, found.grant.unread) == ("allow", ("secrets/**",))
    assert ask(tool, denied, pattern="x", path="src").grant.unread == ()
    assert ask(tool, denied, pattern="x", path="src").verdict == "allow"
    assert ask(tool, pattern="x").verdict == "allow"
    if tool == "grep":
        assert ask(tool, denied, pattern="x", path="secrets/key").verdict == "deny"
        assert ask(tool, Rules(deny=("read(.env)",)), pattern="x", path="a").verdict == "allow"


def test_a_rule_about_reading_holds_for_seeing_code(ask, home: Path) -> None:
    (home / "work" / "secrets").mkdir()
    (home / "work" / "secrets" / "key.py").write_text("x = 1")
    denied = Rules(deny=("read(secrets/**)",))
    for path in ("secrets", "secrets/key.py", str(home / "work" / "secrets")):
        assert ask("outline", denied, path=path).verdict == "deny", path
    assert ask("outline", denied, path="a").verdict == ask("outline", denied, path="src").verdict == "allow"
    for name, arguments in (("outline", {"path": "."}), ("map", {})):  # what lies below is left out
        found = ask(name, denied, **arguments)
        assert (found.verdict, found.grant.unread) == ("allow", ("secrets/**",))
        assert ask(name, Rules(deny=("read",)), **arguments).verdict == "deny"


def test_a_large_folder_is_asked_for_at_once(ask, home: Path) -> None:
    for number in range(safety.MOST_SEEN + 1):
        (home / "work" / "src" / str(number)).touch()
    began = time.monotonic()
    assert ask("bash", command="rg x src").verdict == "ask"
    assert time.monotonic() - began < 3
