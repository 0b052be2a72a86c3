"""The break-out attempts of the probe: run inside the sandbox as a script, with the orders on stdin, a JSON answer out.

It knows nothing of minicode. What an attempt did to the host is judged outside; here is only told what was seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TIMEOUT = 0.5  # seconds for one connection
_REMOUNT = 0x1000 | 0x20  # MS_BIND | MS_REMOUNT
_NEWUSER = 0x10000000
_SEIZE = 0x4206  # PTRACE_SEIZE: unlike ATTACH it does not stop the one it is done to
_TIOCSCTTY, _TIOCSTI = 0x540E, 0x5412


def works(attempt: Callable[[], object]) -> bool:
    """Did it go through? An attempt fails with an OSError, or tells by False."""
    try:
        return attempt() is not False
    except OSError:
        return False


def connect(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT)
        client.connect(address)


def send(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"probe", address)


def has_route() -> None:
    """Connecting a datagram socket sends nothing; without a network there is no way to a name server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("192.0.2.1", 53))


def loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect(socket.AF_INET, server.getsockname())


def found_in_proc(name: str, canary: bytes) -> bool:
    """Is the canary in /proc/*/NAME of any process?"""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if canary in (folder / name).read_bytes():
                return True
    return False


def touches(pid: int) -> None:
    # In a process namespace small numbers are our own.
    if pid < 32:
        raise OSError
    os.kill(pid, 0)


def sees(path: str, canary: bytes) -> bool:
    return canary in Path(path).read_bytes()


def write(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(b"broken into\n")


def kernel_setting() -> bool:
    """Written back as it is, so that a success does no harm."""
    path = Path("/proc/sys/kernel/core_pattern")
    with path.open("r+b", buffering=0) as file:
        value = file.read()
        file.seek(0)
        return file.write(value) > 0


def types_into_terminal() -> bool:
    """TIOCSTI on a terminal that is our own controlling one, which is where it is allowed at all."""
    import fcntl

    _, terminal = os.openpty()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            fcntl.ioctl(terminal, _TIOCSCTTY, 0)
            fcntl.ioctl(terminal, _TIOCSTI, b"x")
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def system_calls(protected: str) -> dict[str, bool]:
    """Remount and a user namespace, by libc; nothing is said if there is no ctypes."""
    try:
        import ctypes
    except ImportError:
        return {}
    libc = ctypes.CDLL(None)

    def namespace() -> bool:
        child = os.fork()
        if child == 0:
            os._exit(0 if libc.unshare(_NEWUSER) == 0 else 1)
        return os.waitpid(child, 0)[1] == 0

    return {
        "remount": libc.mount(None, os.fsencode(protected), None, _REMOUNT, None) == 0,
        "unmount": libc.umount2(os.fsencode(protected), 2) == 0,
        "namespace": works(namespace),
        "ptrace": libc.ptrace(_SEIZE, os.getppid(), None, None) == 0,
    }


def main() -> None:
    orders = json.load(sys.stdin)
    canary = orders["canary"].encode()
    tcp, udp = tuple(orders["tcp"]), tuple(orders["udp"])
    answer = {
        "inside": works(lambda: write(orders["inside"])),
        "loopback": works(loopback),
        "mount": works(lambda: os.mknod(orders["node"], 0o600 | 0o020000, os.makedev(1, 3))),
        "hidden": works(lambda: sees(orders["hidden"], canary)),
        "setting": works(kernel_setting),
        "tiocsti": works(types_into_terminal),
        "route": works(has_route),
        "seen": found_in_proc("cmdline", orders["name"].encode()),
        "touched": works(lambda: touches(orders["pid"])),
        "environ": found_in_proc("environ", canary),
        **system_calls(orders["git"]),
    }
    # After the remount, so that one that went through without a word is seen by what it opened.
    works(lambda: write(orders["outside"]))
    works(lambda: Path(orders["outside"] + ".new").touch())
    works(lambda: Path(orders["outside"]).chmod(0o640))
    works(lambda: write(orders["git"] + "/config"))
    works(lambda: connect(socket.AF_INET, tcp))
    works(lambda: send(udp))
    for path in orders["sockets"]:
        with contextlib.suppress(OSError):
            connect(socket.AF_UNIX, path)
    print(json.dumps(answer))


if __name__ == "__main__":
    signal.alarm(10)
    main()
