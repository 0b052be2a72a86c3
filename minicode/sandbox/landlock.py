"""Where bwrap is not to be had: which places Landlock opens for a command, and how it is started behind it."""

from __future__ import annotations

import marshal
import os
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from minicode.sandbox import seccomp
from minicode.sandbox.policy import Grant, Launch, Policy

_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))
# Sockets and other people's scratch files are found here; behind /dev are disks and terminals.
_CLOSED = ("/tmp", "/var/tmp", "/run", "/dev")
_SHARED_MEMORY = "/dev/shm"  # the C library knows no other place for semaphores: without it no multiprocessing
_HIDE, _LOOK, _CHANGE = range(3)
_ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}  # AUDIT_ARCH, number of socket()


def available() -> int:
    """The version of Landlock that this kernel offers, 0 if it is not there."""
    if sys.platform != "linux":
        return 0
    import ctypes

    answer: int = ctypes.CDLL(None).syscall(ctypes.c_long(444), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(1))
    return max(answer, 0)


def launch(argv: Sequence[str], folder: Path, environment: Mapping[str, str], policy: Policy, grant: Grant) -> Launch:
    """Start `argv` in `folder` behind Landlock and seccomp. grant.host and grant.git are the business of others:
    Landlock cannot close what lies in an open folder, so `.git` and settings in a root are not protected here.

    TMPDIR is the private folder, for nothing can be mounted over /tmp. Under a folder with something hidden in it, what
    is there at the start is open and the folder itself is not: no new entry can be made in it.
    """
    network = policy.network or grant.network
    places = _Places(policy, grant, network)
    private = str(policy.tmp)
    environment = {**environment, "TMPDIR": private, "TMP": private, "TEMP": private}
    machine = os.uname().machine
    filters = (seccomp.program(unix_only=not network, machine=machine), _no_unix_sockets(machine))
    orders = {
        "argv": list(argv),
        "folder": str(folder),
        "look": places.look,
        "change": places.change,
        "names": places.names,
        "devices": _DEVICES,
        "network": network,
        "filters": [program for program in filters if program],
        "coerced": "LC_CTYPE" not in environment,
    }
    descriptor = os.memfd_create("orders")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(marshal.dumps(orders))
    os.lseek(descriptor, 0, os.SEEK_SET)
    # The real interpreter, not a virtual environment's link to it, which a command could have changed.
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    script = str(Path(__file__).with_name("confine.py"))
    return Launch((python, "-I", "-S", script, str(descriptor)), environment, (descriptor,))


class _Places:
    """The places a ruleset names. look: read and run; change: that and write; names: only list what is there.

    Rights given to a folder hold for all below it and nothing can be taken back, so on the way down to something that
    is to be closed the neighbours are opened one by one.
    """

    def __init__(self, policy: Policy, grant: Grant, network: bool) -> None:
        self.look: list[str] = []
        self.change: list[str] = []
        self.names: list[str] = []
        write = grant.write and policy.level != "read-only"
        self._marks = dict.fromkeys(_CLOSED, _HIDE)
        roots = dict.fromkeys(map(str, policy.roots), _CHANGE if write else _LOOK)
        own = [str(path) for path in (policy.tmp, policy.cache) if path is not None]
        opened = roots | dict.fromkeys((*own, _SHARED_MEMORY), _CHANGE)
        self._marks |= opened
        self._hide(map(str, policy.hidden), opened)
        self._show((*map(str, policy.shown), *(_resolver() if network else ())))
        self._lowest: dict[str, int] = {}
        self._marked_below: dict[str, set[str]] = {}
        for path, level in self._marks.items():
            for child, parent in _steps_up(path):
                self._marked_below.setdefault(parent, set()).add(child)
                self._lowest[parent] = min(level, self._lowest.get(parent, level))
        self._walk("/", _LOOK, inside=False)

    def _hide(self, paths: Iterable[str], opened: Mapping[str, int]) -> None:
        for path in paths:
            # What a command itself may yet make in a root is no secret of ours, and to close it would close the root
            # to every new file.
            if path not in opened and (not _below(path, opened) or os.path.lexists(path)):
                self._marks[path] = _HIDE

    def _show(self, paths: Iterable[str]) -> None:
        for path in sorted(paths, key=len):
            nearest = next((p for p in (path, *(up for _, up in _steps_up(path))) if p in self._marks), "")
            if nearest and self._marks[nearest] == _HIDE:
                self._marks[path] = _LOOK

    def _walk(self, path: str, level: int, inside: bool) -> None:
        """inside: is it in a root? There a command must at least see which files there are."""
        level = self._marks.get(path, level)
        inside = level == _CHANGE or (inside and level != _HIDE)
        if self._lowest.get(path, level) >= level:
            self._open(path, level)
            for child in self._marked_below.get(path, ()):
                self._walk(child, level, inside)
            return
        if inside:
            self.names.append(path)
        for child in _entries(path) | self._marked_below[path]:
            if child in self._marks or child in self._marked_below:
                self._walk(child, level, inside)
            else:
                self._open(child, level)

    def _open(self, path: str, level: int) -> None:
        if level != _HIDE:
            (self.change if level == _CHANGE else self.look).append(path)


def _steps_up(path: str) -> Iterable[tuple[str, str]]:
    """Each folder on the way up, with the entry in it through which the way came: (child, parent)."""
    while path != "/":
        parent = path[: path.rindex("/")] or "/"
        yield path, parent
        path = parent


def _below(path: str, places: Mapping[str, int]) -> bool:
    return any(parent in places for _, parent in _steps_up(path))


def _entries(folder: str) -> set[str]:
    """What is in a folder but the links: a rule for a link's target would open what may be hidden."""
    try:
        with os.scandir(folder) as found:
            return {entry.path for entry in found if not entry.is_symlink()}
    except OSError:
        return set()


def _resolver() -> tuple[str, ...]:
    """The file that says where names are looked up often lies in /run."""
    return (os.path.realpath("/etc/resolv.conf"),)


def _no_unix_sockets(machine: str) -> bytes | None:
    """A seccomp program: socket() makes no Unix socket (EPERM); socketpair() still does.

    Landlock does not keep a command from connecting to a socket by its path, and the session bus or a container engine
    would run anything for it, outside.
    """
    if machine not in _ARCHITECTURES:
        return None
    architecture, socket = _ARCHITECTURES[machine]
    load, equal, give = 0x20, 0x15, 0x06
    steps = (
        (load, 0, 0, 4),
        (equal, 0, 5, architecture),
        (load, 0, 0, 0),
        (equal, 0, 3, socket),
        (load, 0, 0, 16),
        (equal, 0, 1, 1),  # AF_UNIX
        (give, 0, 0, 0x00050001),
        (give, 0, 0, 0x7FFF0000),
    )
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
