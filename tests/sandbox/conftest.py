"""A workspace with secrets, a repository and listeners around it, and the sandbox that has to keep them apart."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.places import secret_places
from minicode.sandbox.policy import NOTHING, Grant, Policy

PLAIN = Grant()
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Path:
    """The workspace: a git repository with the settings of an agent."""
    place = tmp_path / "workspace"
    (place / ".claude").mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id").write_text("the-secret-key")
    (home / ".netrc").write_text("the-secret-password")
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    return place


@pytest.fixture
def policy(place: Path, home: Path) -> Policy:
    config = home / ".minicode"
    hidden = secret_places(home, config, config)
    return Policy("workspace-write", False, (place,), place.parent / "tmp", hidden, (home,))


@pytest.fixture
def run(policy: Policy, home: Path) -> Run:
    """Runs a shell script in the sandbox as minicode would."""

    def run(script: str, grant: Grant = PLAIN, policy: Policy = policy) -> subprocess.CompletedProcess[str]:
        program = find_bwrap()
        if program is None:
            pytest.skip("bubblewrap is not installed")
        sandbox = Sandbox(policy, NOTHING, Backend("bwrap", program), home)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
        launch = sandbox.launch(["/bin/sh", "-c", script], policy.roots[0], environment, grant)
        try:
            return subprocess.run(
                launch.argv,
                env=launch.environment,
                pass_fds=launch.fds,
                cwd=policy.roots[0],
                capture_output=True,
                text=True,
                timeout=30,
                start_new_session=True,
            )
        finally:
            for fd in launch.fds:
                os.close(fd)

    return run
