"""Jobs: they outlive their call, are read piece by piece, talked to, and ended whole."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from minicode.sandbox.policy import LOOK, Grant
from minicode.workspace import jobs as jobs_module
from minicode.workspace.folder import Refused
from minicode.workspace.jobs import MOST, Job
from minicode.workspace.output import TAIL, Kept
from minicode.workspace.workspace import Workspace

PATIENCE = 10.0


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return Workspace.at(root, promotes=True)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_job_is_started_read_and_waited_for(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "go")
    job = await workspace.background("echo one; read x < go; echo two; exit 3", "call-1")
    assert (job.id, job.running, job.fate, job.call_id) == (1, True, "", "call-1")
    assert await job.wait("one", PATIENCE) and job.running
    assert job.read() == b"one\n" and job.read() == b""
    assert not await job.wait("", 0)
    await asyncio.to_thread((root / "go").write_text, "\n")
    assert await job.wait("", PATIENCE)
    assert (job.read(), job.fate, job.unread) == (b"two\n", "exit code 3", 0)
    [view] = workspace.jobs.views()
    assert view[:2] == (1, job.command) and view.fate == "exit code 3"


async def test_views_of_a_workspace_share_its_jobs(workspace: Workspace) -> None:
    job = await workspace.granting(LOOK).background("sleep 456")
    assert workspace.jobs.get(0) is workspace.jobs.get(1) is job and job.grant == LOOK
    with pytest.raises(Refused, match="There are: 1"):
        workspace.jobs.get(2)
    await workspace.jobs.close()
    assert job.fate == "stopped"


async def test_what_takes_too_long_goes_on_as_a_job(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "go")
    heard: list[bytes] = []
    job = await workspace.command("echo one; read x < go; echo two", seconds=0.3, on_output=heard.append)
    assert job.id == 1 and job.finished is None and job.read() + job.read(torn=True) == b"one\n"
    await asyncio.to_thread((root / "go").write_text, "\n")
    assert await job.wait("", PATIENCE) and job.finished and job.finished.code == 0
    assert job.read() == b"two\n" and heard == [b"one\n"]
    with pytest.raises(Refused, match="reads no input"):
        job.send("x", Grant())


async def test_a_person_sends_it_away(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "go")
    begun = asyncio.Event()
    call = asyncio.create_task(
        workspace.command("echo hi; read x < go", seconds=60, call_id="a", on_output=lambda data: begun.set())
    )
    await asyncio.wait_for(begun.wait(), PATIENCE)
    assert not workspace.jobs.send_away("b") and workspace.jobs.send_away("a")
    job = await asyncio.wait_for(call, PATIENCE)
    assert job.id == 1 and job.running and not workspace.jobs.send_away("a")
    await workspace.jobs.close()


async def test_without_jobs_it_ends_in_time_as_it_did(root: Path) -> None:
    workspace = Workspace.at(root)
    job = await workspace.command("echo one; sleep 456", seconds=0.3)
    assert job.finished and (job.finished.ended, job.finished.output) == ("time", b"one\n")
    assert not job.id and not workspace.jobs.views()


async def test_a_cancelled_call_ends_its_command_the_second_time_without_a_grace(
    workspace: Workspace, root: Path
) -> None:
    os.mkfifo(root / "ready")
    command = "trap 'echo > ready' TERM; echo $$ > ready; while :; do sleep 0.05; done"
    call = asyncio.create_task(workspace.command(command, seconds=60))
    pid = int(await asyncio.to_thread((root / "ready").read_text))
    begin = asyncio.get_running_loop().time()
    call.cancel()
    await asyncio.to_thread((root / "ready").read_text)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not alive(pid) and asyncio.get_running_loop().time() - begin < 1
    assert not workspace.jobs.views()


async def test_it_is_talked_to(workspace: Workspace) -> None:
    job = await workspace.background("while read x; do echo got $x; done; echo end")
    assert job.send("a\nb\n", Grant()) == 0
    assert await job.wait("got b", PATIENCE) and job.read() == b"got a\ngot b\n"
    assert job.send(None, Grant()) == 0
    assert await job.wait("", PATIENCE) and job.read() == b"end\n"
    with pytest.raises(Refused, match="reads no input"):
        job.send("c", Grant())


async def test_nobody_reads_what_is_said(workspace: Workspace) -> None:
    job = await workspace.background("sleep 456")
    assert 0 < job.send("x" * 300_000, Grant()) < 300_000 and job.send("y", Grant()) == 1
    await job.stop()


@pytest.mark.parametrize(
    ("has", "may", "well"),
    [
        (Grant(), Grant(), True),
        (Grant(), Grant(network=True), True),
        (Grant(write=False), Grant(), True),
        (Grant(unread=("*.env", "x")), Grant(unread=("x",)), True),
        (Grant(host=True), Grant(), False),
        (Grant(network=True), Grant(), False),
        (Grant(git=True), Grant(), False),
        (Grant(), LOOK, False),
        (Grant(), Grant(unread=("x",)), False),
    ],
)
async def test_what_may_do_more_is_not_told_what(workspace: Workspace, has: Grant, may: Grant, well: bool) -> None:
    job = await workspace.granting(has).background("cat")
    if well:
        assert job.send("x\n", may) == 0
    else:
        with pytest.raises(Refused, match="may do more"):
            job.send("x\n", may)
    assert job.send(None, may) == 0
    assert await job.wait("", PATIENCE) and job.read() == (b"x\n" if well else b"")


@pytest.mark.parametrize("trap", ["INT", "INT TERM"])
async def test_stopping_ends_all_of_it(workspace: Workspace, trap: str) -> None:
    command = f"trap '' {trap}; setsid sleep 456 & echo $! $$; wait; sleep 456"
    job = await workspace.background(command)
    assert await job.wait(r"\d+ \d+", PATIENCE)
    pids = [int(word) for word in job.read().split()]
    await job.stop()
    assert job.fate == "stopped" and not any(map(alive, pids))
    await job.stop()  # again is harmless


async def test_int_comes_first(workspace: Workspace) -> None:
    job = await workspace.background("trap 'echo bye; exit' INT; echo on; while :; do sleep 0.05; done")
    assert await job.wait("on", PATIENCE)
    await job.stop()
    assert job.read() == b"on\nbye\n" and job.fate == "stopped"


async def test_the_end_of_the_session_is_quick_and_whole(workspace: Workspace) -> None:
    deaf = await workspace.background("trap '' INT TERM; echo $$; while :; do sleep 1; done")
    mild = await workspace.background("echo $$; sleep 456")
    done = await workspace.background("true")
    assert await done.wait("", PATIENCE)
    pids = [int(job.read(torn=True)) for job in (deaf, mild) if await job.wait(r"\d", PATIENCE)]
    begin = asyncio.get_running_loop().time()
    await workspace.jobs.close()
    assert asyncio.get_running_loop().time() - begin < 1.5
    assert len(pids) == 2 and not any(map(alive, pids))
    assert [job.fate for job in workspace.jobs] == ["stopped", "stopped", "exit code 0"]


async def test_no_descriptor_is_left(workspace: Workspace, root: Path) -> None:
    await workspace.shell("true")
    gc.collect()  # what other tests left to it
    before = descriptors()
    jobs = [await workspace.background(line) for line in ("cat", "sleep 456", "true", "exec 0<&-; sleep 456")]
    await asyncio.gather(*(job.stop() for job in jobs))
    assert descriptors() == before
    root.rmdir()
    gone = await workspace.background("true")
    assert "does not exist any more" in gone.fate and descriptors() == before


async def test_at_most_so_many(workspace: Workspace) -> None:
    await asyncio.gather(*(workspace.background("sleep 456") for _ in range(MOST)))
    with pytest.raises(Refused, match="stop one first"):
        await workspace.background("true")
    job = await workspace.command("sleep 456", seconds=0.2)
    assert job.finished and job.finished.ended == "time"  # there is no room for it to go on
    await workspace.jobs.close()
    for _ in range(2):
        await workspace.background("true")
    assert len(workspace.jobs.views()) == MOST and [job.id for job in workspace.jobs][-1] == MOST + 2


async def test_who_has_ended_is_told_once(workspace: Workspace) -> None:
    changes: list[tuple[int, str]] = []
    workspace.jobs.changed = lambda job: changes.append((job.id, job.fate))
    job, other = await workspace.background("echo x"), await workspace.background("true")
    await asyncio.gather(job.wait("", PATIENCE), other.wait("", PATIENCE))
    workspace.jobs.read(other)
    assert workspace.jobs.ended() == [job] and workspace.jobs.ended() == []
    assert sorted(changes) == [(1, ""), (1, "exit code 0"), (2, ""), (2, "exit code 0")]


async def test_a_silent_job_is_told_of_now_and_then(root: Path) -> None:
    """The heart of what was promoted beats: at first after a while, then ever more seldom, and not after news of it."""
    jobs = jobs_module.Jobs(promotes=True, beat=0.3)
    workspace = replace(Workspace.at(root), jobs=jobs)
    job = await workspace.command("sleep 456", seconds=0.2)
    assert jobs.beating() == [] and job.beat > job.seconds
    assert not await job.wait("", 0.4)
    assert jobs.beating() == [job] and jobs.beating() == [] and job.beat >= 2 * 0.6
    assert not await job.wait("", max(job.beat - job.seconds, 0) + 0.05)
    jobs.read(job)
    assert jobs.beating() == [], "the model has just heard of it"
    await job.stop()
    assert jobs.beating() == []


async def test_a_flood_ends_a_job(workspace: Workspace) -> None:
    job = await workspace.background("yes 01234567890123456789012345678901234567890123456789")
    assert await job.wait("", 60)
    assert job.fate.startswith("stopped: it printed more than 50") and len(job.read()) < 6 * 2**20


async def test_torn_lines_wait_for_their_end_unless_they_are_prompts(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "go")
    job = await workspace.background("printf 'one\\ntwo'; read x < go; printf ' more\\nName? '; read y")
    assert await job.wait("two", PATIENCE)
    assert job.read() == b"one\n"
    await asyncio.to_thread((root / "go").write_text, "\n")
    assert await job.wait("Name", PATIENCE)
    assert job.read() == b"two more\n" and job.read(torn=True) == b"Name? "
    await workspace.jobs.close()


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?:a*)*b", "a*a*a*b", "(a|b){5}", ".*.*.*x"])
async def test_patterns_without_end_are_refused(workspace: Workspace, pattern: str) -> None:
    job = await workspace.background("echo " + "a" * 400)
    with pytest.raises(Refused, match="too involved"):
        await job.wait(pattern, PATIENCE)


@pytest.mark.parametrize("pattern", ["on .*:[0-9]+", r"ready|on http", "http://h:80/ (", r"\d+/ \("])
async def test_patterns(workspace: Workspace, pattern: str) -> None:
    job = await workspace.background("echo; echo 'listens on http://h:80/ (ok)'; sleep 456")
    assert await job.wait(pattern, PATIENCE) and job.running
    assert not await job.wait("never", 0.2)
    await workspace.jobs.close()


@pytest.mark.parametrize(
    ("prints", "pattern"),
    [("'a' * 500", ".*.*[xy]"), ("('a' * 480 + chr(10)) * 9000", ".*[xy]"), ("chr(10) * 4_000_000", "x")],
)
async def test_a_pattern_stops_nobody_else(workspace: Workspace, prints: str, pattern: str) -> None:
    worst, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal worst
        while not done.is_set():
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - begin)

    job = await workspace.background(f'{sys.executable} -c "print({prints})"; sleep 456')
    printed = asyncio.Event()
    job.listeners.add(lambda data: printed.set())
    if not job.unread:
        await printed.wait()
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    begin = time.monotonic()
    assert not await job.wait(pattern, 1.0)
    assert time.monotonic() - begin < 3.0
    done.set()
    await watching
    assert worst < 0.4
    await workspace.jobs.close()


async def test_two_may_wait_at_a_time(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "go")
    job = await workspace.background("read x < go; echo a; echo b; sleep 456")
    both = asyncio.gather(job.wait("a", PATIENCE), job.wait("b", PATIENCE))
    await asyncio.to_thread((root / "go").write_text, "\n")
    assert all(await both)
    await workspace.jobs.close()


async def test_what_a_job_changes_of_the_users_settings_is_told_not_undone(root: Path) -> None:
    workspace = Workspace.at(root, mends=True)
    await workspace.shell("git init -q")
    job = await workspace.background("git config core.pager evil")
    assert await job.wait("", PATIENCE)
    await asyncio.sleep(0)
    assert job.alarms == [
        "Job 1, or somebody while it ran, changed .git/config, which can start programs later: look at it first."
    ]
    assert "evil" in (root / ".git/config").read_text()


def test_kept_since() -> None:
    kept = Kept(keep=10)
    kept.add(b"0123\n")
    assert (kept.since(0), kept.since(2), kept.since(5)) == (b"0123\n", b"23\n", b"")
    kept.add(b"56789abc\n")
    assert (kept.since(5), kept.since(12), kept.whole()) == (b"56789abc\n", b"c\n", (b"0123\n56789abc\n", 14))
    kept.add(b"x\n" * TAIL)
    kept.add(b"the end\n")
    after = kept.since(3)
    assert after.startswith(b"3\n") and after.endswith(b"x\nthe end\n") and b"bytes were not kept" in after
    note, _, tail = kept.since(12).partition(b" ...]\n")
    assert int(note.split()[1]) + len(tail) == kept.total - 12
    assert kept.since(kept.total - 4) == b"end\n" and kept.since(kept.total) == b""


def test_what_is_said_to_a_job_is_a_command() -> None:
    jobs = jobs_module.Jobs()
    assert jobs.spoken(3, "rm x") == "cat <<'INPUT'\nrm x\nINPUT"
    job = Job("bash -i", "", Grant())
    jobs._all[3] = job
    assert jobs.spoken(3, "rm x") == "bash -i <<'INPUT'\nrm x\nINPUT"
