"""What a killed minicode leaves running is ended: by its warden, or when the session goes on; and nothing else is."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minicode.sandbox.policy import Grant
from minicode.workspace.leftovers import MARK, end_marked, end_of_session, marked, owner
from minicode.workspace.workspace import Workspace

ROOT = Path(__file__).parents[2]
OURS, OTHER = f"ours-{os.getpid()}", f"other-{os.getpid()}"  # these tests may run side by side
# A minicode in small: it runs a command, and is killed in the middle of it.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from minicode.workspace.workspace import Workspace

workspace = Workspace.at(Path(sys.argv[1]), session=sys.argv[3])
asyncio.run(workspace.shell(sys.argv[2]))
"""


class Held:
    """A FIFO: whoever holds it open is alive."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def heard(self, seconds: float = 20.0) -> bytes:
        """What was written; b"" when nobody holds it any more."""
        assert select.select([self.fd], [], [], seconds)[0], "nothing was heard"
        return os.read(self.fd, 100)


@pytest.fixture
def held(root: Path) -> Iterator[Held]:
    held = Held(root / "held")
    yield held
    os.close(held.fd)


@pytest.fixture
def minicode(root: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Those that were started."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
    end_marked(lambda mark: f"/{OURS}." in mark)


def begin(root: Path, command: str, **more: object) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", PROGRAM, str(root), command, OURS]
    return subprocess.Popen(argv, cwd=ROOT, **more)  # type: ignore[call-overload, no-any-return]


def wardens(of: int) -> list[int]:
    children = map(int, Path(f"/proc/{of}/task/{of}/children").read_text().split())
    return [pid for pid in children if b"leftovers" in Path(f"/proc/{pid}/cmdline").read_bytes()]


ALL = "exec 3>held; setsid sleep 321 & (trap '' TERM HUP INT; echo up >&3; while :; do sleep 0.1; done) & wait"


def test_a_kill_ends_the_whole_tree(root: Path, held: Held, minicode: list) -> None:
    minicode.append(process := begin(root, ALL))
    assert held.heard() == b"up\n"
    process.kill()
    assert held.heard(6) == b"", "the deaf and those of another session too"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_the_warden_outlives_a_signal_to_the_group(root: Path, held: Held, minicode: list, number: int) -> None:
    """As of a key, or of a terminal that is closed; and one that is meant for it alone."""
    deaf = "trap '' INT HUP TERM; exec 3>held; echo up >&3; sleep 321; sleep 322"
    ignoring = ["sh", "-c", f"trap '' {signal.Signals(number).name[3:]}; exec \"$@\"", "sh"]
    argv = [*ignoring, sys.executable, "-c", PROGRAM, str(root), deaf, OURS]
    minicode.append(process := subprocess.Popen(argv, cwd=ROOT, start_new_session=True))
    assert held.heard() == b"up\n"
    [warden] = wardens(process.pid)
    os.killpg(process.pid, number)
    os.kill(warden, number)
    assert wardens(process.pid) == [warden]
    process.kill()
    assert held.heard(6) == b""


def test_an_orderly_end_ends_the_warden(root: Path, minicode: list) -> None:
    minicode.append(process := begin(root, "cat /proc/$PPID/task/$PPID/children > children"))
    assert process.wait(30) == 0
    pids = (root / "children").read_text().split()
    assert len(pids) == 2 and not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_the_warden_holds_nothing_open(root: Path, held: Held, minicode: list) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    minicode.append(process := begin(root, "echo up > held; sleep 321", stdout=writer, pass_fds=(writer,)))
    os.close(writer)
    assert held.heard() == b"up\n"
    [warden] = wardens(process.pid)
    there = {str(path.readlink()) for path in Path(f"/proc/{warden}/fd").iterdir()}
    assert f"pipe:[{os.fstat(reader).st_ino}]" not in there and len(there) == 2  # its own pipe, /dev/null
    assert Path(f"/proc/{warden}/cwd").readlink() == Path("/") and Path(f"/proc/{warden}/environ").read_bytes() == b""
    os.close(reader)


async def test_there_is_one_for_all_views_of_a_workspace(workspace: Workspace) -> None:
    before = {*wardens(os.getpid())}
    await workspace.shell("true")
    await workspace.granting(Grant(host=True)).shell("true")
    assert len({*wardens(os.getpid())} - before) == 1
    workspace.processes.close()
    workspace.processes.close()
    assert {*wardens(os.getpid())} <= before


# ── When the session goes on ─────────────────────────────────────────────────────────────────────────────────────────


def dead_owner(session: str) -> str:
    """Of a process that is no more."""
    code = f"from minicode.workspace.leftovers import owner; print(owner({session!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def marked_as(root: Path) -> Iterator[object]:
    """marked_as(mark) → a process that carries it in its environment, and is there. deaf: to TERM."""
    started: list[subprocess.Popen[bytes]] = []

    def start(mark: str, *, deaf: bool = False) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"], **({MARK: mark} if mark else {})}
        ignoring = (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)) if deaf else None
        pipe = subprocess.PIPE
        process = subprocess.Popen(["cat", "-u"], env=environment, stdin=pipe, stdout=pipe, preexec_fn=ignoring)
        started.append(process)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"\n"  # it is `cat` by now, and has its environment
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def test_what_a_dead_process_left_is_ended_and_named(marked_as) -> None:
    mine = marked_as(f"/{dead_owner(OURS)}/t1")
    deaf = marked_as(f"/{dead_owner(OURS)}/t2", deaf=True)
    nested = marked_as(f"/{dead_owner(OURS)}/t3/{owner(OTHER)}/t4")
    spared = [
        marked_as(mark)
        for mark in (
            "",
            f"/{owner(OURS)}/t",  # its owner, this process, lives
            f"/{dead_owner(OURS + '0')}/t",
            f"/{dead_owner(OTHER)}/{OURS}",
            f"/{OURS}/t",
            f"/{OURS}.x.y/t",
        )
    ]
    assert sorted(end_of_session(OURS)) == ["cat -u"] * 3
    for process in (mine, nested):
        assert process.wait(5) == -signal.SIGTERM
    assert deaf.wait(5) == -signal.SIGKILL
    assert all(process.poll() is None for process in spared)
    assert end_of_session(OURS) == []


def test_a_number_that_was_given_again_is_no_owner(marked_as) -> None:
    """The pid lives, and began at another time."""
    process = marked_as(f"/{OURS}.{os.getpid()}.1/t")
    assert end_of_session(OURS) == ["cat -u"] and process.wait(5) == -signal.SIGTERM


def test_who_runs_in_a_call_of_the_session_ends_nothing(marked_as, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = f"/{dead_owner(OURS)}/t"
    process = marked_as(mark)
    monkeypatch.setenv(MARK, mark)
    assert end_of_session(OURS) == [] and process.poll() is None


def test_marks(marked_as) -> None:
    assert marked(marked_as("/a/b").pid) == "/a/b" and marked(marked_as("").pid) == "" and marked(2**22 + 1) == ""
    assert marked(os.getpid()) == ""
    assert owner("s") == owner("s") != dead_owner("s")
