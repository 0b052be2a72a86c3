"""Programs inside a sandbox: started as it says, ended with a grace, and nothing left of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from minicode.sandbox.policy import COMMIT, LOOK, Grant, Held, Launch
from minicode.workspace.folder import Refused
from minicode.workspace.git import run_git
from minicode.workspace.processes import Processes
from minicode.workspace.search import ENGINES, Query, search_text
from minicode.workspace.workspace import Workspace

BWRAP = Path("/usr/bin/bwrap")


class Teller:
    """A box that hands the grant to the program, by environment and by an open descriptor."""

    def __init__(self) -> None:
        self.grants: list[Grant] = []
        self.opened: list[int] = []

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        self.grants.append(grant)
        reader, writer = os.pipe()
        os.write(writer, b"by descriptor\n")
        os.close(writer)
        self.opened.append(reader)
        environment |= {"SAID": str(grant), "FD": str(reader)}
        return Launch(("/usr/bin/env", *argv), environment, (reader,), held=Held())


class Bubble:
    """The smallest box with a process namespace."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        words = ["--new-session", "--die-with-parent", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc"]
        return Launch((str(BWRAP), *words, "--", *argv), environment, monitor=True, held=Held())


@pytest.fixture(scope="module")
def bubble() -> Bubble:
    words = [str(BWRAP), "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "true"]
    if not BWRAP.exists() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("bubblewrap is not here, or may not make namespaces")
    return Bubble()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def alive(command: str) -> list[str]:
    """Numbers of the running processes with this command line."""
    return [pid for pid, (_, _, line) in processes_now().items() if line == command]


def zombies() -> set[str]:
    """Numbers of the dead children of ours that nobody has laid to rest."""
    return {pid for pid, (state, parent, _) in processes_now().items() if state == "Z" and parent == os.getpid()}


def processes_now() -> dict[str, tuple[str, int, str]]:
    """(state, parent, command line) by number."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile
            state, parent, *_ = (place / "stat").read_text().rpartition(")")[2].split()
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            found[place.name] = state, int(parent), line
    return found


async def test_a_program_gets_what_its_grant_makes_of_it(root: Path) -> None:
    box = Teller()
    processes = Processes(box=box)
    say = ["/bin/sh", "-c", "cat /dev/fd/$FD; echo $SAID"]
    before = descriptors()
    usual = await processes.run(say, root)
    assert usual.output.decode() == f"by descriptor\n{Grant()}\n"
    assert str(LOOK).encode() in (await processes.granting(LOOK).run(say, root)).output
    assert str(COMMIT).encode() in (await processes.granting(LOOK).run(say, root, grant=COMMIT)).output
    with pytest.raises(Refused, match="does not exist any more"):
        await processes.run(say, root / "gone")
    processes.close()
    assert len(box.opened) == 4 and descriptors() == before
    assert usual.held and not (await Processes().run(say, root)).held


async def test_a_view_shares_what_is_seen(workspace: Workspace, root: Path) -> None:
    (root / "a").write_text("x")
    view = workspace.granting(LOOK)
    view.files.remember(view.files.read(root / "a"))
    assert workspace.files.seen(workspace.files.read(root / "a"))


async def test_scratch_is_made_where_commands_see_it(root: Path, tmp_path: Path) -> None:
    with Workspace.at(root, scratch=tmp_path).scratch() as folder:
        assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


async def test_our_own_looks_may_change_nothing(root: Path) -> None:
    await Workspace.at(root).shell("git init -q")
    box = Teller()
    workspace = Workspace.at(root, box=box)
    for engine in ENGINES[:2]:
        await search_text(workspace, Query("x", root), [engine, "python"])
    await run_git(workspace, ["status"])
    assert box.grants and set(box.grants) == {LOOK}
    box.grants.clear()
    await run_git(workspace, ["add", "."], writes=True)
    assert box.grants[-1] == COMMIT and set(box.grants[:-1]) <= {LOOK}


async def test_stdin_is_what_was_given_and_nobody_has_to_read_it(root: Path) -> None:
    processes = Processes()
    much = b"0123456789abcdef" * 2**18
    assert (await processes.run(["/bin/cat"], root, stdin=much)).output[:32] == much[:32]
    assert (await processes.run(["/usr/bin/wc", "-c"], root, stdin=much)).output.split() == [b"4194304"]
    assert (await processes.run(["/bin/true"], root, stdin=much, seconds=20)).code == 0


async def test_a_stopped_command_gets_its_grace_inside(root: Path, bubble: Bubble) -> None:
    workspace = Workspace.at(root, box=bubble)
    os.mkfifo(root / "ready")
    command = "trap 'echo bye; exit' TERM; echo > ready; while :; do sleep 0.05; done"
    task = asyncio.create_task(workspace.shell(command, seconds=1.5))
    await asyncio.to_thread((root / "ready").read_text)
    finished = await task
    assert finished.ended == "time" and finished.output.endswith(b"bye\n")
    assert finished.seconds < 3


async def test_the_deaf_die_too(root: Path, bubble: Bubble) -> None:
    begun = time.monotonic()
    finished = await Workspace.at(root, box=bubble).shell("trap '' TERM; setsid sleep 4321; sleep 4321", seconds=0.3)
    assert finished.ended == "time" and time.monotonic() - begun < 5
    assert alive("sleep 4321") == []


async def test_nothing_is_left_of_the_sandbox(root: Path, bubble: Bubble) -> None:
    workspace = Workspace.at(root, box=bubble)
    finished = await workspace.shell("sleep 4322 & echo hi; exit 3")
    assert (finished.code, finished.output, finished.left) == (3, b"hi\n", ())
    assert finished.seconds < 2
    before, others = descriptors(), zombies()  # other tests may have left us orphans of theirs
    await asyncio.gather(*(workspace.shell("sleep 0.01 & setsid sleep 4322 &") for _ in range(4)))
    assert descriptors() == before and zombies() == others
    assert alive("sleep 4322") == []
