from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from minicode.errors import SessionInUse
from minicode.journal.lock import Lock
from minicode.journal.writer import Journal

HOLD = """
import subprocess, sys
from pathlib import Path
from minicode.journal.writer import Journal
journal = Journal.open(Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "60"], close_fds=False)
print(child.pid, flush=True)
sys.stdin.read()
"""
NAMED = """
import errno, sys
from pathlib import Path
from minicode.journal.lock import Lock
def refuse(fd, operation):
    raise OSError(errno.ENOLCK, "No locks available")
lock = Lock(Path(sys.argv[1]), refuse)
print("held", flush=True)
sys.stdin.read()
"""
Start = Callable[..., subprocess.Popen[str]]


def cannot(fd: int, operation: int) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_the_lock_dies_with_its_holder_and_not_before(session: Journal, python: Start) -> None:
    path = session.path
    session.close()
    assert path
    holder = python(HOLD, path)
    child = int(line(holder))
    try:
        with pytest.raises(SessionInUse, match=f"process {holder.pid} "):
            Journal.open(path)
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(SessionInUse, match=f"process {holder.pid} "):
            Journal.open(path)
        holder.kill()
        holder.wait()
        Journal.open(path).close()  # although a child of the holder lives on
    finally:
        os.kill(child, signal.SIGKILL)


def test_without_locks_a_named_file_stands_in_and_says_so(session: Journal, python: Start) -> None:
    path = session.path
    assert path
    holder = python(NAMED, path)
    assert line(holder) == "held"
    with pytest.raises(SessionInUse, match=rf"process {holder.pid} .*delete {path.with_suffix('.held')}"):
        Lock(path, cannot)
    holder.kill()
    holder.wait()
    lock = Lock(path, cannot)
    assert "cannot lock files" in lock.warning
    lock.release()
    assert not path.with_suffix(".held").exists()


def test_a_named_file_of_another_machine_is_believed(session: Journal) -> None:
    assert session.path
    session.path.with_suffix(".held").write_text('{"pid": 1, "host": "far away", "started": "2026-01-01"}')
    with pytest.raises(SessionInUse, match="process 1 on far away"):
        Lock(session.path, cannot)


def test_a_number_given_to_another_process_does_not_hold_the_session(session: Journal) -> None:
    assert session.path
    mark = session.path.with_suffix(".held")
    mark.write_text(f'{{"pid": {os.getpid()}, "host": "{os.uname().nodename}", "born": "1"}}')
    Lock(session.path, cannot).release()
    assert not mark.exists()


def test_a_lock_file_full_of_nonsense_still_names_somebody(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    lock = Lock(path)
    path.with_suffix(".lock").write_bytes(b"\x00\xff[1]")
    with pytest.raises(SessionInUse, match="in use by another process"):
        Lock(path)
    lock.release()


def test_a_lock_on_a_file_that_its_last_holder_just_removed_is_taken_anew(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    name = path.with_suffix(".lock")
    taken: list[int] = []

    def too_late(fd: int, operation: int) -> None:
        if not taken:
            name.unlink()  # by the last holder, between our open and our lock
        taken.append(fd)
        fcntl.flock(fd, operation)

    lock = Lock(path, too_late)
    assert len(taken) == 2
    with pytest.raises(SessionInUse):
        Lock(path)
    lock.release()
