"""A command moves what lies on the way to a mount, and puts a link there for the next command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from minicode.errors import SandboxError
from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.places import git_places
from minicode.sandbox.policy import COMMIT, NOTHING, Grant, Policy

PLAIN = Grant()


class Box:
    """A sandbox that lives through several commands."""

    def __init__(self, policy: Policy, home: Path) -> None:
        program = find_bwrap()
        if program is None:
            pytest.skip("bubblewrap is not installed")
        self.sandbox = Sandbox(policy, NOTHING, Backend("bwrap", program), home)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home)}

    def __call__(self, script: str, grant: Grant = PLAIN) -> subprocess.CompletedProcess[str]:
        folder = self.sandbox.policy.roots[0]
        launch = self.sandbox.launch(["/bin/sh", "-c", script], folder, self.environment, grant)
        try:
            return subprocess.run(
                launch.argv,
                env=launch.environment,
                pass_fds=launch.fds,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=30,
                start_new_session=True,
            )
        finally:
            for fd in launch.fds:
                os.close(fd)


@pytest.fixture
def base(home: Path) -> Path:
    """Where the workspace, its neighbours and the home lie, as they do on a disk."""
    return home


@pytest.fixture
def private(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


@pytest.fixture
def victim(base: Path) -> Path:
    (base / "victim").mkdir()
    return base / "victim"


def test_the_folders_above_a_root_in_another_root_stay(base: Path, private: Path, victim: Path) -> None:
    repo, app = base / "repo", base / "repo/packages/app"
    app.mkdir(parents=True)
    box = Box(Policy("workspace-write", False, (app, repo), private), base)
    assert box("mv ../../packages ../../p2").returncode != 0
    done = box("echo a > ../new && mv ../new ../newer && mkdir ../folder && cat ../newer")
    assert (done.returncode, done.stdout) == (0, "a\n"), done.stderr
    # What no command can do, something else may have done.
    (repo / "packages").rename(repo / "p2")
    (repo / "packages").mkdir()
    app.symlink_to(victim)
    with pytest.raises(SandboxError, match=r"packages/app was moved"):
        box("touch made")
    assert not list(victim.iterdir())


def test_the_private_folders_in_a_root_stay(base: Path, victim: Path) -> None:
    state = base / ".state"
    for name in ("tmp/s", "cache/w"):
        (state / name).mkdir(parents=True)
    box = Box(Policy("workspace-write", False, (base,), state / "tmp/s", (), (), state / "cache/w"), base)
    assert box("true").returncode == 0
    for way in (".state", ".state/tmp", ".state/cache"):
        assert box(f"mv {way} aside && ln -s {victim} {way}").returncode != 0, way
    for folder in (state / "tmp/s", state / "cache/w"):
        folder.rename(base / "elsewhere")
        folder.symlink_to(victim)
        with pytest.raises(SandboxError):
            box("true")
        folder.unlink()
        (base / "elsewhere").rename(folder)


def test_a_nested_repository_cannot_become_a_link_to_secrets(base: Path, private: Path) -> None:
    secret, work = base / ".aws", base / "work"
    secret.mkdir()
    (secret / "credentials").write_text("the-secret-key")
    subprocess.run(["git", "init", "-q", str(work / "sub")], check=True)
    box = Box(Policy("workspace-write", False, (work,), private, (secret,), (base,)), base)
    assert box("mv sub s2").returncode != 0
    (work / "sub").rename(work / "s2")
    (work / "sub").mkdir()
    (work / "sub/.git").symlink_to(secret)
    for grant in (PLAIN, COMMIT):
        done = box("cat sub/.git/credentials ../.aws/credentials", grant)
        assert "secret" not in done.stdout, grant


def test_what_is_hidden_stays_hidden_when_its_parents_are_moved(base: Path, private: Path) -> None:
    prod = base / "conf/deep/prod"
    prod.mkdir(parents=True)
    (prod / "key").write_text("the-secret-key")
    box = Box(Policy("workspace-write", False, (base,), private, (prod,)), base)
    for way in ("conf", "conf/deep"):
        done = box(f"mv {way} aside; cat aside/*/key aside/*/*/key")
        assert "secret" not in done.stdout and (base / way).is_dir(), way


def test_a_git_folder_that_is_opened_cannot_be_swapped(base: Path, private: Path) -> None:
    subprocess.run(["git", "init", "-q", str(base)], check=True)
    box = Box(Policy("workspace-write", False, (base,), private, (), (base,)), base)
    assert box("mv .git g", COMMIT).returncode != 0
    done = box("echo a > f && git add f && git commit -qm a && git log --format=%s", COMMIT)
    assert (done.returncode, done.stdout) == (0, "a\n"), done.stderr


def test_a_place_that_a_command_could_swap_later_is_never_opened(base: Path, private: Path) -> None:
    """Only what no command ever could move is bound writable: a running one would win the race against bwrap."""
    box = Box(Policy("workspace-write", False, (base,), private), base)
    assert box("mkdir -p later/workflows .github").returncode == 0
    (base / ".github/workflows").mkdir()
    launch = box.sandbox.launch(["true"], base, box.environment)
    for fd in launch.fds:
        os.close(fd)
    binds = [launch.argv[at + 1] for at, word in enumerate(launch.argv) if word.startswith("--bind")]
    assert str(base / ".github") not in binds
    assert str(base / ".github/workflows") in launch.argv


@pytest.fixture
def deep() -> Iterator[Path]:
    """A workspace far below /tmp."""
    top = Path(tempfile.mkdtemp(prefix="minicode-", dir="/tmp"))
    (top / "deep/work").mkdir(parents=True)
    yield top / "deep/work"
    shutil.rmtree(top)


def test_a_workspace_below_tmp_cannot_be_led_astray(deep: Path, private: Path, victim: Path, base: Path) -> None:
    box = Box(Policy("workspace-write", False, (deep,), private), base)
    for way in (deep.parent, deep.parents[1], private / deep.parents[1].name):
        assert box(f"mv {way} /tmp/aside && ln -s {victim} {way}").returncode != 0, way
    inside = private / deep.parents[1].name / "deep"
    assert (inside / "work").is_dir()
    (inside / "work").rmdir()
    inside.rmdir()
    inside.symlink_to(f"/oldroot{victim}")
    done = box("pwd && touch made")
    assert (done.returncode, (deep / "made").exists(), list(victim.iterdir())) == (0, True, []), done.stderr


def test_a_pipe_in_a_git_folder_does_not_hang(base: Path) -> None:
    for name in ("a/.git", "b/.git", "c"):
        (base / name).mkdir(parents=True)
    for name in ("a/.git/commondir", "c/.git"):
        os.mkfifo(base / name)
    (base / "b/.git/commondir").mkdir()
    # A process of its own, since a read of a pipe that nobody writes never ends.
    script = f"from pathlib import Path; from minicode.sandbox import places as p; b = Path({str(base)!r})\n"
    script += "print(len(p.git_places(b)), p.worktree_links_back(b, b / 'a/.git'))\n"
    script += "(b / 'a/.git/gitdir').unlink(missing_ok=True); import os; os.mkfifo(b / 'a/.git/gitdir')\n"
    script += "print(p.worktree_links_back(b, b / 'a/.git'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    assert done.stdout == "3 False\nFalse\n", done.stderr
    assert git_places(base / "nowhere") == ()
