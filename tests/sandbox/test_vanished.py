"""What the sandbox covers is removed between the look and the launch: the command runs all the same, and once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.policy import NOTHING, Grant, Launch, Policy
from minicode.workspace.processes import Finished, Processes


class Robbed:
    """A sandbox which loses a hidden file just after it was looked at, as often as there are files to lose."""

    def __init__(self, policy: Policy, home: Path, lost: Sequence[Path]) -> None:
        program = find_bwrap()
        if program is None:
            pytest.skip("bubblewrap is not installed")
        self.sandbox = Sandbox(policy, NOTHING, Backend("bwrap", program), home)
        self.lost = list(lost)
        self.launches = 0

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        launch = self.sandbox.launch(argv, folder, environment, grant)
        self.launches += 1
        if self.lost:
            self.lost.pop().unlink()
        return launch


@pytest.fixture
def secrets(home: Path) -> list[Path]:
    """Hidden files where nothing can be made in their place."""
    found = [home / "secrets" / name for name in ("a", "b", "c", "d")]
    found[0].parent.mkdir()
    for path in found:
        path.write_text("the-secret-key")
    return found


@pytest.fixture
def policy(place: Path, secrets: list[Path]) -> Policy:
    return Policy("workspace-write", False, (place,), place.parent / "tmp", tuple(secrets), (Path.home(),))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def run(box: Robbed, script: str) -> Finished:
    environment = {"PATH": os.environ["PATH"], "HOME": str(Path.home())}
    return await Processes(environment, box).run(["/bin/sh", "-c", script], box.sandbox.policy.roots[0], seconds=20)


async def test_a_launch_that_failed_is_made_anew(policy: Policy, home: Path, secrets: list[Path]) -> None:
    box = Robbed(policy, home, secrets[:2])
    script = "echo ran >> log; cat log; cat $HOME/secrets/c 2> err; exit 7"
    finished = await run(box, script)
    assert (finished.output, finished.code, box.launches) == (b"ran\n", 7, 3) and finished.held
    before = descriptors()
    await run(box, "true")
    assert descriptors() == before


async def test_what_ran_is_not_run_again(policy: Policy, home: Path) -> None:
    box = Robbed(policy, home, ())
    for count, code in enumerate((1, 126, 137), 1):
        finished = await run(box, f'echo ran >> log; cat log; echo "bwrap: Can\'t find source path" >&2; exit {code}')
        assert finished.output.count(b"ran") == count and finished.code == code
        assert box.launches == count


async def test_it_is_tried_three_times_and_no_more(policy: Policy, home: Path, secrets: list[Path]) -> None:
    box = Robbed(policy, home, secrets)
    finished = await run(box, "echo ran")
    assert (finished.code, box.launches) == (1, 3) and finished.output.startswith(b"bwrap: Can't")


async def test_the_command_does_not_get_at_the_report(policy: Policy, home: Path) -> None:
    finished = await run(Robbed(policy, home, ()), "ls -l /proc/self/fd")
    assert b"memfd" not in finished.output and finished.code == 0
