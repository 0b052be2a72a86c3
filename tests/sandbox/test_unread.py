"""What rules keep from being read is looked up for each command, behind every backend."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from minicode.errors import SandboxError
from minicode.sandbox import landlock
from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.policy import COMMIT, LOOK, NOTHING, Grant, Policy
from minicode.workspace.unread import find_unread

PEMS = Grant(unread=("**/*.pem",))
READ = "cat *.pem */*.pem */*/*.pem .env 2>/dev/null; ls >/dev/null && echo looked"


@pytest.fixture(params=["bwrap", "landlock"])
def sandbox(request: pytest.FixtureRequest, policy: Policy, home: Path) -> Sandbox:
    program = find_bwrap()
    if request.param == "bwrap" and program is None:
        pytest.skip("bubblewrap is not installed")
    if request.param == "landlock" and landlock.available() < 6:
        pytest.skip("this kernel has no Landlock 6")
    backend = Backend("bwrap", program) if request.param == "bwrap" else Backend("landlock")
    return Sandbox(policy, NOTHING, backend, home, lambda globs: find_unread(policy.roots, globs).places)


def run(sandbox: Sandbox, script: str, grant: Grant) -> str:
    folder = sandbox.policy.roots[0]
    launch = sandbox.launch(["/bin/sh", "-c", script], folder, {"PATH": os.environ["PATH"]}, grant)
    try:
        return subprocess.run(
            launch.argv,
            env=launch.environment,
            pass_fds=launch.fds,
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
            start_new_session=True,
        ).stdout
    finally:
        for fd in launch.fds:
            os.close(fd)


def test_what_comes_between_two_commands_is_kept_from_the_second(sandbox: Sandbox, place: Path) -> None:
    (place / "src" / "deep").mkdir(parents=True)
    (place / "a.pem").write_text("first\n")
    assert run(sandbox, READ, PEMS) == "looked\n"
    assert run(sandbox, READ, LOOK) == "first\nlooked\n", "only where a rule says so"
    (place / "src" / "b.pem").write_text("second\n")
    (place / "src" / "deep" / "C.PEM").write_text("third\n")
    assert run(sandbox, f"{READ}; cat */*/*.PEM 2>/dev/null", PEMS) == "looked\n"
    (place / "a.pem").unlink()
    (place / ".env").write_text("fourth\n")
    assert run(sandbox, READ, PEMS) == "fourth\nlooked\n"
    both = Grant(unread=("src", ".env"))
    assert (
        run(sandbox, READ, both) == "looked\n"
        and run(sandbox, "touch src/new 2>/dev/null; cat src/deep/C.PEM", both) == ""
    )
    assert run(sandbox, READ, COMMIT) == "second\nfourth\nlooked\n"


def test_it_cannot_be_moved_away_linked_or_replaced(sandbox: Sandbox, place: Path) -> None:
    (place / "src" / "keys").mkdir(parents=True)
    (place / "src" / "keys" / "a.pem").write_text("secret\n")
    (place / "top").write_text("secret\n")
    kept = Grant(unread=("src/keys/a.pem", "top"))
    for script in (
        "mv src s; cat s/keys/a.pem", "mv src/keys k; cat k/a.pem", "mv top t; cat t", "ln top t; cat t",
        "ln -s top t; cat t", "cp top t; cat t", "chmod 777 top; cat top", "ln src/keys/a.pem l; cat l",
        "rm -rf src; cat src/keys/a.pem",
    ):  # fmt: skip
        assert run(sandbox, f"({script}) 2>/dev/null", kept) == "", script
        # What it did must not help the next one.
        assert "secret" not in run(sandbox, "cat top t l s/keys/a.pem k/a.pem src/keys/a.pem 2>/dev/null", kept), script
    assert (place / "src" / "keys" / "a.pem").read_text() == (place / "top").read_text() == "secret\n"


def test_what_cannot_all_be_found_stops_the_command(policy: Policy, home: Path) -> None:
    def refuse(globs: object) -> tuple[Path, ...]:
        raise SandboxError("too much")

    sandbox = Sandbox(policy, NOTHING, Backend("landlock"), home, refuse)
    with pytest.raises(SandboxError, match="too much"):
        sandbox.launch(["true"], policy.roots[0], {}, PEMS)
    os.close(sandbox.launch(["true"], policy.roots[0], {}, LOOK).fds[0])
