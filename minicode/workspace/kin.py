"""Find the processes that belong to a call, also those that left its process group or lost their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minicode.text import clean_output

_GRACE = 2.0  # seconds between TERM and KILL
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of grandchildren that lose theirs, so that they can still be found. Linux only."""
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class _Process(NamedTuple):
    pid: int
    name: str
    state: str
    parent: int
    session: int


class Kin(NamedTuple):
    """All processes of one call: those in the session of its program, descended from it, or carrying its token.

    monitor: the name of the sandbox's own processes, if the leader is one of them, which must outlive what it holds.
    """

    leader: int
    token: str
    monitor: str = ""

    async def end(self, program: subprocess.Popen[bytes], others: set[int]) -> tuple[str, ...]:
        """End all that is left of the call: TERM, a grace, KILL. Gives the command lines of what was ended.

        others: the programs of all calls that run, known not to be orphans.
        """
        over = program.poll() is not None
        if over and self.monitor:  # nothing outlives its namespace: the kernel has ended it all, without a grace
            self._bury_all(others)
            return ()
        if over and not self._maybe_alive(others):
            return ()
        spared = {program.pid} if self.monitor else set()
        left: dict[int, str] = {}
        try:
            # To look through all processes takes its time, in which a screen should say that it was heard.
            left = await asyncio.to_thread(self.signal, signal.SIGTERM, spared)
            end, pause = time.monotonic() + _GRACE, 0.005
            while (program.poll() is None or self.alive()) and time.monotonic() < end:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 0.1)
                left |= self.signal(signal.SIGTERM, spared | set(left))  # some may have been born meanwhile
        finally:
            self._kill(program, others)
        return tuple(left.values())

    def _kill(self, program: subprocess.Popen[bytes], others: set[int]) -> None:
        """Without an await, so that a second cancel cannot come between."""
        for _ in range(20):  # a process that forks while it is being killed is caught by the next round
            if not self.signal(signal.SIGKILL):
                break
            time.sleep(0.005)
        if program.poll() is None:
            program.kill()
            program.wait()
        self._bury_all(others)

    def _bury_all(self, others: set[int]) -> None:
        pause = 0.0002
        while self._bury(others) and pause < 0.1:
            time.sleep(pause)
            pause *= 2

    def _maybe_alive(self, others: set[int]) -> bool:
        """A cheap look whether anything can be left once the program itself is gone.

        Orphans are our children then, so nothing is left if the group is empty and no child of ours is of this call.
        """
        try:
            os.killpg(self.leader, 0)
            return True
        except ProcessLookupError:
            pass
        except PermissionError:
            return True
        return any(self._carries(pid) for pid in _our_children() - others)

    def _bury(self, others: set[int]) -> bool:
        """Lay to rest the first processes inside sandboxes, which come to us when their monitors end. Dying and dead
        they carry nothing that tells whose they were, save their name. Gives whether one is still dying.
        """
        dying = False
        for pid in _our_children() - others if self.monitor else ():
            process = _look(str(pid))
            if process is not None and process.name == self.monitor:
                with suppress(ChildProcessError):
                    dying |= os.waitpid(pid, os.WNOHANG)[0] == 0
        return dying

    def signal(self, number: signal.Signals, told: set[int] | None = None) -> dict[int, str]:
        """Send it to all of them that are alive, except those told before; gives their command lines by id."""
        found = [pid for pid in self.alive() if told is None or pid not in told]
        names = {pid: _command_line(pid) for pid in found}
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                if _has_proc():
                    os.kill(pid, number)
                else:
                    os.killpg(pid, number)
        return names

    def alive(self) -> list[int]:
        """Their ids. Dead orphans that came to us are laid to rest on the way."""
        if not _has_proc():
            try:
                os.killpg(self.leader, 0)
            except (ProcessLookupError, PermissionError):
                return []
            return [self.leader]
        every = {process.pid: process for process in _all_processes()}
        us = os.getpid()
        found = []
        for process in every.values():
            if process.pid == us or not (self._descends(process, every) or self._carries(process.pid)):
                continue
            if process.state != "Z":
                found.append(process.pid)
            elif process.parent == us and process.pid != self.leader:
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
        return found

    def _descends(self, process: _Process, every: dict[int, _Process]) -> bool:
        at: _Process | None = process
        for _ in range(64):
            if at is None:
                return False
            if self.leader in (at.session, at.pid):
                return True
            at = every.get(at.parent)
        return False

    def _carries(self, pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - a Path costs more than the read
                return self.token.encode() in file.read()
        except OSError:
            return False


def _has_proc() -> bool:
    return sys.platform == "linux" and Path("/proc/self/stat").exists()


def _all_processes() -> Iterator[_Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - as above
        if name.isdigit() and (process := _look(name)) is not None:
            yield process


def _look(pid: str) -> _Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            # The name in parentheses may contain anything, parentheses too.
            before, _, after = file.read().rpartition(b")")
    except OSError:
        return None
    fields = after.split()
    if len(fields) < 4:
        return None
    name = before.partition(b"(")[2].decode("utf-8", "replace")
    return _Process(int(pid), name, fields[0].decode(), int(fields[1]), int(fields[3]))


def _our_children() -> set[int]:
    found: set[int] = set()
    with suppress(OSError):
        for task in os.listdir("/proc/self/task"):  # noqa: PTH208 - as above
            with suppress(OSError), open(f"/proc/self/task/{task}/children", "rb") as file:  # noqa: PTH123 - as above
                found.update(map(int, file.read().split()))
    return found


def _command_line(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").strip()
    except OSError:
        return f"process {pid}"
    return clean_output(line).replace("\n", " ")[:80] or f"process {pid}"
