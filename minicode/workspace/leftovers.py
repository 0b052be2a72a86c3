"""End what a minicode that was killed has left running: whatever carries its mark in its environment. Linux only.

Imported by minicode, and run as `python -I -S leftovers.py OWNER` by the guard that outlives it, so it imports the
standard library alone, and nothing dear.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

# Carried by every process of a call in its environment: "/<owner>/<token>", of nested minicodes one after another.
MARK = "MINICODE_CALL"
_GRACE = 1.0  # seconds between TERM and KILL
_PAUSE = 0.02


def owner(session: str) -> str:
    """The name of this process as the owner of calls: `<session>.<pid>.<when it began>`, of which no two are the
    same."""
    return f"{session}.{os.getpid()}.{_began(os.getpid())}"


def marked(pid: int) -> str:
    """The mark that a process carries, "" if it has none or cannot be looked at."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - a Path costs more than the read
            found = (b"\0" + file.read()).partition(f"\0{MARK}=".encode())[2]
    except OSError:
        return ""
    return found.partition(b"\0")[0].decode("utf-8", "replace")


def end_of_session(session: str) -> list[str]:
    """End what processes that are dead by now have left of their calls in this session, and give the command lines.

    What runs as part of such a call itself, as in a terminal that it opened, ends nothing: that is what the user works
    with.
    """
    dead: dict[str, bool] = {}

    def left(mark: str) -> bool:
        owners = [name for name in mark.split("/") if name.startswith(f"{session}.")]
        for name in owners:
            dead.setdefault(name, not _lives(name))
        return any(dead[name] for name in owners)

    return [] if left(os.environ.get(MARK, "")) else end_marked(left)


def _lives(name: str) -> bool:
    pid, _, began = name.partition(".")[2].partition(".")
    return not pid.isdigit() or _began(int(pid)) == began != ""


def _began(pid: int) -> str:
    """In ticks since the machine started, "" for a process that is not there."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            # The name in parentheses may contain anything, parentheses too.
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def end_marked(left: Callable[[str], bool]) -> list[str]:
    """TERM, a grace, KILL. left: does this mark stand for it? Gives the command lines of what was told to end."""
    told: dict[int, str] = {}
    end = time.monotonic() + _GRACE
    # Looked for anew each time: some are born meanwhile.
    while found := [pid for pid in _all() if left(marked(pid))]:
        late = time.monotonic() - end
        if late > _GRACE:  # it cannot be killed: it has become another user's, or waits for a disk
            break
        for pid in found:
            if late > 0:
                _send(pid, left, signal.SIGKILL)
            elif pid not in told:
                told[pid] = _line(pid)
                _send(pid, left, signal.SIGTERM)
        time.sleep(_PAUSE)
    return list(told.values())


def _all() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - as above
    return []


def _send(pid: int, left: Callable[[str], bool], number: signal.Signals) -> None:
    """Held by a descriptor while it is looked at, it cannot be another one that has got its number."""
    with suppress(ProcessLookupError, PermissionError):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            raise
        except (AttributeError, NotImplementedError, OSError):  # a container that lacks the call
            os.kill(pid, number)
            return
        try:
            if left(marked(pid)):
                signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)


def _line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - as above
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip() or f"process {pid}"
    except OSError:
        return f"process {pid}"


if __name__ == "__main__":
    end_marked(lambda mark: sys.argv[1] in mark.split("/"))
