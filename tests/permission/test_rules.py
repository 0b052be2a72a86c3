"""Rules: what they say, what they are about, and that a saved one fits its command and nothing else."""

from __future__ import annotations

import pytest

from minicode.permission.rules import (
    check,
    command_rule,
    covering_rule,
    exact_rule,
    fits_text,
    tool_rule,
    touching_rule,
)
from minicode.permission.shell import parse


@pytest.mark.parametrize(
    "rule",
    ["bash", "Bash(npm test)", "bash(npm run:*)", "host(make *)", "network", "read(.env)", "edit(src/**)", "mine"],
)
def test_a_rule_that_means_something(rule: str) -> None:
    assert check(rule) == ""


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "bash(",
        "bash()",
        "(x)",
        "a b",
        "bash(a && b)",
        "bash(a | b)",
        "bash(a\nb)",
        "mine(x)",
        "edit(!a)",
        "read(~/.ssh/**)",
    ],
)
def test_a_rule_that_means_nothing_is_named(rule: str) -> None:
    said = check(rule)
    assert f"`{rule}`" in said and said.endswith(".")


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("npm test", "npm test", True),
        ("npm test", "npm test x", False),
        ("npm run:*", "npm run", True),
        ("npm run:*", "npm run x y", True),
        ("npm run:*", "npm runx", False),
        ("git * main", "git push main", True),
        ("git * main", "git main", False),
        ("a*a", "a", False),
        ("*rm*", "x rm y", True),
        (r"rm \*", "rm *", True),
        (r"rm \*", "rm x", False),
        (r"a \\*", "a \\b", True),
        ("*", "", True),
    ],
)
def test_patterns_of_commands(pattern: str, text: str, fits: bool) -> None:
    assert fits_text(pattern, text) is fits


def test_a_pattern_with_many_stars_takes_no_time() -> None:
    assert not fits_text("*a" * 5_000 + "b", "a" * 20_000)


@pytest.mark.parametrize(
    "command",
    [
        "rm x",
        "rm",
        "/bin/rm x",
        "\\rm x",
        "'r'm x",
        "ls && rm x",
        "ls | rm x",
        "sudo rm x",
        "sudo -u a /bin/rm x",
        "env X=1 rm x",
        "env -S 'rm x'",
        "nice -n 5 rm x",
        "timeout 5 rm x",
        "xargs rm",
        "ls | xargs -n1 rm -f",
        "find . -exec rm {} +",
        "bash -c 'rm x'",
        "bash -c \"sh -c 'cd a && rm x'\"",
        "eval 'rm x'",
        "X=1 rm x",
        "rm x > y",
        "echo $(rm x)",
        "if true; then rm x; fi",
        "RM x",
        "time rm x",
        "command rm x",
        "setarch x86_64 rm x",
        "linux64 rm x",
        "prlimit --nofile=1 rm x",
        "choom -n 0 -- rm x",
        "runuser -u a -- rm x",
        "systemd-run --wait rm x",
        "perf stat rm x",
    ],
)
def test_what_is_forbidden_is_found_in_any_dress(command: str) -> None:
    assert command_rule(["bash(rm:*)"], "bash", parse(command)) == "bash(rm:*)"


@pytest.mark.parametrize("command", ["ls rm", "echo 'rm x'", "rmdir x", "grep -r rm ."])
def test_what_only_mentions_it_is_not(command: str) -> None:
    assert command_rule(["bash(rm:*)"], "bash", parse(command)) == ""


@pytest.mark.parametrize(
    ("command", "covered"),
    [
        ("npm test", True),
        ("npm test && ls", True),
        ("ls | npm test", True),
        ("npm test; rm x", False),
        ("npm test > x", False),
        ("X=1 npm test", False),
        ("npm test $(rm x)", False),
        ("npm test &", False),
        ("'npm test'", False),
        ("./npm test", False),
        ("cd a && npm test", False),
        ("pushd a && npm test", False),
        ("cd a; ls; npm test", False),
    ],
)
def test_an_allowing_rule_covers_every_command_or_nothing(command: str, covered: bool) -> None:
    assert bool(covering_rule(["bash(npm test)"], "bash", parse(command), lambda name, deep: True)) is covered


@pytest.mark.parametrize(
    ("rule", "tool", "path", "strict", "lenient"),
    [
        ("edit(src/**)", "write", "src/a/b.py", True, True),
        ("EDIT(src)", "apply_patch", "src/a", True, True),
        ("edit(src/)", "edit", "lib/src2/a", False, False),
        ("read(.env)", "read", "a/.env", True, True),
        ("read(.env)", "read", "a/.ENV", True, False),
        ("read(secrets)", "grep", "secrets/deep/x", True, True),
        ("read(*.pem)", "read", "/etc/x.pem", True, False),
        ("read(*.pem)", "edit", "x.pem", False, False),
        ("edit(a/b)", "edit", "a/x/../b", True, True),
        ("edit", "write", "", True, True),
        ("edit(*)", "write", "", False, False),
    ],
)
def test_rules_for_files(rule: str, tool: str, path: str, strict: bool, lenient: bool) -> None:
    assert bool(tool_rule([rule], tool, path, strict=True)) is strict
    assert bool(tool_rule([rule], tool, path, strict=False)) is lenient


def test_who_allows_another_folder_has_named_it() -> None:
    line = parse("cd a && npm test")
    assert not covering_rule(["host(npm test)"], "host", line, lambda name, deep: True)
    assert covering_rule(["host(npm test)", "host(cd a)"], "host", line, lambda name, deep: True)
    assert exact_rule("bash", parse("cd a && ls"), lambda name, deep: True) == ""
    # In the other folder what looks harmless is another file.
    assert not covering_rule(["bash(cd a)"], "bash", parse("cd a && cat b"), lambda name, deep: True)


@pytest.mark.parametrize(
    ("pattern", "folder", "touches"),
    [
        ("secrets/**", ".", True),
        ("secrets/**", "secrets", True),
        ("secrets/**", "Secrets/deep", True),
        ("secrets/**", "src", False),
        ("/secrets", "src", False),
        ("a/b*/c", "a/bc", True),
        ("a/b*/c", "b", False),
        (".env", "src", True),
        ("**/x", "src", True),
    ],
)
def test_what_a_search_may_touch(pattern: str, folder: str, touches: bool) -> None:
    assert bool(touching_rule([f"read({pattern})"], "grep", folder)) is touches
