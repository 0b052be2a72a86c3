"""The text of the macOS profile: it was never run there by us, so it is read here by a second reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minicode.sandbox import seatbelt
from minicode.sandbox.policy import COMMIT, LOOK, Grant, Policy

WORK = Path("/Users/u/code")
POLICY = Policy(
    "workspace-write",
    False,
    (WORK,),
    Path("/Users/u/.state/tmp"),
    hidden=(Path("/Users/u/.ssh"), Path("/Users/u/.state"), WORK / "keys"),
    shown=(Path("/Users/u/.state/skills"),),
)


def allowed(text: str, operation: str, path: str) -> bool:
    """An independent reading of the profile: the last rule that fits decides."""
    verdict = True
    for line in text.splitlines():
        found = re.match(r"\((allow|deny) ([^()\"]+?)\s*(\(.*\))?\)$", line)
        assert found or line == "(version 1)", line
        if not found or not any(re.fullmatch(o.replace("*", ".*"), operation) for o in found[2].split()):
            continue
        filters = re.findall(r'\((subpath|literal) "((?:[^"\\]|\\.)*)"\)', found[3] or "")
        plain = [(kind, re.sub(r"\\(.)", r"\1", name)) for kind, name in filters]
        if not found[3] or any(
            path == name or (kind == "subpath" and path.startswith(name + "/")) for kind, name in plain
        ):
            verdict = found[1] == "allow"
    return verdict


@pytest.mark.parametrize(
    ("operation", "path", "may"),
    [
        ("file-write-create", "/Users/u/code/a", True),
        ("file-write-create", "/Users/u/code-evil/a", False),
        ("file-write-data", "/Users/u/.zshrc", False),
        ("file-write-data", "/dev/null", True),
        ("file-read-data", "/Users/u/.zshrc", True),
        ("file-read-data", "/Users/u/.ssh/id", False),
        ("file-read-data", "/Users/u/.state/journal", False),
        ("file-read-data", "/Users/u/.state/skills/x", True),
        ("file-write-data", "/Users/u/.state/skills/x", False),
        ("file-write-create", "/Users/u/.state/tmp/x", True),
        ("file-read-data", "/Users/u/code/keys/k", False),
        ("file-write-create", "/Users/u/code/keys/k", False),
        ("file-write-create", "/Users/u/code/.git/hooks/x", False),
        ("file-read-data", "/Users/u/code/.git/config", True),
        ("file-write-unlink", "/Users/u/code/.git", False),
        ("file-write-unlink", "/Users/u/code/sub", False),
        ("file-write-unlink", "/Users/u/code/other", True),
        ("network-outbound", "", False),
        ("network-bind", "", False),
        ("signal", "", False),
    ],
)
def test_the_last_rule_that_fits_gives_what_the_policy_says(operation: str, path: str, may: bool) -> None:
    text = seatbelt.profile(POLICY, Grant(), [WORK / ".git", WORK / "sub/.git"])
    assert allowed(text, operation, path) is may


@pytest.mark.parametrize("grant", [LOOK, Grant()])
def test_nothing_but_the_private_folder_is_written_when_only_looking(grant: Grant) -> None:
    text = seatbelt.profile(POLICY._replace(level="read-only"), grant)
    assert not allowed(text, "file-write-create", "/Users/u/code/a")
    assert allowed(text, "file-read-data", "/Users/u/code/a")
    assert allowed(text, "file-write-create", "/Users/u/.state/tmp/x")


def test_a_granted_network_leaves_the_sockets_of_other_programs_closed() -> None:
    text = seatbelt.profile(POLICY, Grant(network=True))
    assert "(deny network*)" not in text
    assert "(deny network-outbound (remote unix-socket))" in text
    assert allowed(text, "network-outbound", "/private/var/run/mDNSResponder")


@pytest.mark.parametrize("name", ['a"b', "back\\slash", '") (allow default) ("', "a\\", "dröge 漢", "two  spaces"])
def test_no_name_ends_its_string(name: str) -> None:
    policy = POLICY._replace(roots=(Path("/Users/u") / name,), hidden=(Path("/Users/u") / name / "keys",))
    text = seatbelt.profile(policy, COMMIT, [Path("/Users/u") / name / ".git"])
    assert allowed(text, "file-write-create", f"/Users/u/{name}/f")
    assert not allowed(text, "file-write-create", f"/Users/u/{name}/.git/f")
    assert not allowed(text, "file-read-data", f"/Users/u/{name}/keys/f")
    assert text.count("(allow default)\n") == 1
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    assert '"' not in outside and outside.count("(") == outside.count(")") and "default) (" not in outside


def test_the_command_follows_the_profile_untouched() -> None:
    argv = ["bash", "-c", "echo '$x' -D y"]
    launch = seatbelt.launch(argv, WORK, {"PATH": "/bin", "TMPDIR": "/t"}, POLICY, Grant(), [WORK / ".git"])
    assert launch.argv[:2] == (seatbelt.PROGRAM, "-p")
    assert launch.argv[2] == seatbelt.profile(POLICY, Grant(), [WORK / ".git"])
    assert launch.argv[3:] == ("--", *argv)
    assert launch.environment["TMPDIR"] == "/Users/u/.state/tmp" and launch.environment["PATH"] == "/bin"
