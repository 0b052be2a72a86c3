"""Commands on a terminal of their own, in every kind of sandbox: seen, typed into, ended whole."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minicode.sandbox import landlock
from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.policy import NOTHING, Grant, Policy
from minicode.workspace.folder import Refused
from minicode.workspace.grid import COLUMNS, ROWS
from minicode.workspace.job import Job
from minicode.workspace.workspace import Workspace

PATIENCE = 20.0
HELD = ["none"] + ["bwrap"] * (find_bwrap() is not None) + ["landlock"] * (landlock.available() >= 6)


@pytest.fixture(params=HELD)
async def workspace(root: Path, request: pytest.FixtureRequest) -> AsyncIterator[Workspace]:
    tmp = root.parent / "private"
    tmp.mkdir()
    policy = Policy("workspace-write", False, (root.resolve(),), tmp.resolve())
    box = Sandbox(policy, NOTHING, Backend(request.param, find_bwrap()), root.parent / "nobody")
    workspace = Workspace.at(root, box=box, scratch=tmp, promotes=True)
    yield workspace
    await workspace.jobs.close()


@pytest.fixture
async def free(root: Path) -> AsyncIterator[Workspace]:
    """In no sandbox."""
    workspace = Workspace.at(root, promotes=True)
    yield workspace
    await workspace.jobs.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def screen(workspace: Workspace, job: Job) -> str:
    return (await workspace.jobs.news(job)).decode()


async def say(job: Job, text: str | None = None, keys: str = "") -> None:
    job.send(await job.typed(text, keys), Grant())


async def test_it_is_a_terminal_and_the_programs_own(workspace: Workspace) -> None:
    script = """stty size; test -t 0 && test -t 1 && test -t 2 && echo all; echo own > /dev/tty; echo $TERM $LC_CTYPE.
        trap '' PIPE; ls /proc/self/fd | tr '\\n' ' '; exit 3"""
    job = await workspace.command(script, seconds=PATIENCE, tty=True)
    assert job.finished and job.finished.code == 3 and not job.finished.left
    size, *rest = (await screen(workspace, job)).splitlines()
    assert size == f"{ROWS} {COLUMNS}"
    assert rest[:3] == ["all", "own", f"xterm {os.environ.get('LC_CTYPE', '')}."]
    assert [int(word) for word in rest[3].split()] == [0, 1, 2, 3]


async def test_ctrl_c_is_a_signal_to_what_runs_in_front(workspace: Workspace) -> None:
    job = await workspace.background("bash --norc --noprofile", tty=True)
    await say(job, "PS1='ready> '; echo go")
    assert await job.wait("^ready> $", PATIENCE)
    await say(job, "sleep 456")
    assert await job.wait("sleep 456", PATIENCE)
    await say(job, keys="ctrl-c")
    await say(job, "echo code $?")
    assert await job.wait("^code 130", PATIENCE), await screen(workspace, job)
    assert job.running
    await say(job)  # the end of the input
    assert await job.wait("", PATIENCE) and job.fate == "exit code 0"
    with pytest.raises(Refused, match="reads no input"):
        await say(job, "x")


async def test_nothing_is_typed_into_a_terminal_that_is_not_its_own(workspace: Workspace, root: Path) -> None:
    """It has one only, its own; and TIOCSTI is refused by the sandbox even there."""
    code = "import fcntl, os, termios\nfd = os.open('/dev/tty', os.O_RDWR)\nprint(os.tcgetpgrp(fd) == os.getpgrp())\n"
    code += "try: fcntl.ioctl(fd, termios.TIOCSTI, b'x')\nexcept OSError as error: print(error.errno)"
    (root / "type.py").write_text(code)
    job = await workspace.command("/usr/bin/python3 type.py", seconds=PATIENCE, tty=True)
    lines = (await screen(workspace, job)).splitlines()
    assert lines[0] == "True"
    held = job.finished is not None and job.finished.held and workspace.processes._box.backend.kind != "none"
    assert lines[1:] == ["1"] if held else len(lines) <= 2
    job = await workspace.command("(: < /dev/tty) 2>&1; echo $?", seconds=PATIENCE)
    assert job.finished and job.finished.output.endswith(b"\n1\n")  # without one of its own, none


@pytest.mark.parametrize("deaf", ["", "HUP INT TERM"])
async def test_it_is_ended_whole(workspace: Workspace, root: Path, deaf: str) -> None:
    command = f"trap '' {deaf or 'USR1'}; sleep 456 & echo started; sleep 456"
    job = await workspace.background(command, tty=True)
    assert await job.wait("started", PATIENCE)
    await asyncio.wait_for(job.stop(), 8)
    assert job.fate == "stopped"
    assert not [line for line in commands() if line == "sleep 456"]


def commands() -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if str(os.getpid()) in (place / "status").read_text().split("PPid:")[1].split("\n")[0]:
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").strip().decode())
        except (OSError, IndexError):
            continue
    return found


async def test_time_and_cancel(free: Workspace) -> None:
    before = descriptors()
    free.jobs.promotes = False
    job = await free.command("echo on; sleep 456", seconds=0.5, tty=True)
    assert job.finished and job.finished.ended == "time" and await screen(free, job) == "on"
    call = asyncio.create_task(free.command("sleep 456", seconds=60, tty=True))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert descriptors() == before


async def test_what_takes_too_long_can_be_typed_into(free: Workspace) -> None:
    job = await free.command("read -p 'Name? ' x; echo you are $x", seconds=0.5, tty=True)
    assert job.id == 1 and job.running and await screen(free, job) == "Name? "
    await say(job, "me")
    assert await job.wait("", PATIENCE) and await screen(free, job) == "Name? me\nyou are me"


async def test_an_editor(free: Workspace, root: Path) -> None:
    """By its screen: a row of tildes, what is inserted, what is in the file."""
    (root / "f").write_text("one\ntwo\n")
    job = await free.background("vi -u NONE -N f", tty=True)
    if "not found" in job.fate or job.fate == "exit code 127":
        pytest.skip("no vi here")
    assert await job.wait("^~", PATIENCE)
    await say(job, keys="down O")
    await say(job, "half")
    assert await job.wait("^half", PATIENCE)
    await say(job, keys="up end ! esc : w q enter")
    assert await job.wait("", PATIENCE)
    assert (root / "f").read_text() == "one\nhalf!\n\ntwo\n"
    assert "~" not in await screen(free, job), "it left its own screen"


async def test_a_flood_ends_it_and_costs_no_memory(free: Workspace) -> None:
    job = await free.background("yes 01234567890123456789012345678901234567890123456789", tty=True)
    assert await job.wait("0123", PATIENCE)
    begin = asyncio.get_running_loop().time()
    shown = await screen(free, job)
    assert asyncio.get_running_loop().time() - begin < 5 and re.search(r"bytes were not drawn|^0123", shown)
    await job.stop()
    assert len(await screen(free, job)) < 600_000 and job.kept.total < 500 * 2**20


async def test_no_descriptor_is_left(free: Workspace, root: Path) -> None:
    await free.shell("true")
    before = descriptors()
    jobs = [await free.background(line, tty=True) for line in ("cat", "true", "exec <&- >&- 2>&-; sleep 456")]
    await asyncio.gather(*(job.stop() for job in jobs))
    assert descriptors() == before
    root.rmdir()
    gone = await free.background("true", tty=True)
    assert "does not exist any more" in gone.fate and descriptors() == before


async def test_what_may_do_more_gets_no_keys(free: Workspace) -> None:
    job = await free.granting(Grant(network=True)).background("cat", tty=True)
    with pytest.raises(Refused, match="may do more"):
        await say(job, keys="x enter")
    plain = await free.background("cat")
    with pytest.raises(Refused, match="no terminal, so it knows no keys"):
        await say(plain, keys="ctrl-c")
