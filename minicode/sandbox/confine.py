"""Confine this process by Landlock, seccomp and fewer capabilities, then become the command.

Run as `python -I -S confine.py FD` by `landlock.launch` for every single command, so it imports nothing of minicode and
nothing dear. FD holds the orders, a marshalled dictionary: to import json would cost 15 ms.
If any step fails it says so in one sentence and ends with 125: the command has not run.
"""

import ctypes
import marshal
import os
import stat
import sys
from _signal import SIG_DFL, SIGKILL, SIGPIPE, SIGXFSZ, signal  # type: ignore[import-not-found]

FAILED = 125
# Root may still work on files of other people where the rules let it write: CHOWN, DAC_OVERRIDE, FOWNER.
_KEPT_BY_ROOT = 1 << 0 | 1 << 1 | 1 << 3

_EXECUTE, _WRITE, _READ, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL_DEV
_LOOK = _EXECUTE | _READ | _READ_DIR
_DEVICE = _WRITE | _READ | _IOCTL_DEV
_ALL_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # by ABI, as a number of bits; 16 from 5 on
_NO_TCP = 1 << 0 | 1 << 1  # bind and connect
_OWN_KIND = 1 << 0 | 1 << 1  # abstract sockets and signals stay among the confined

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


def _syscall(number: int, *arguments: int) -> int:
    result: int = _libc.syscall(*map(ctypes.c_long, (number, *arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}: {os.strerror(ctypes.get_errno())}")
    return result


def _prctl(option: int, *arguments: int) -> None:
    if _libc.prctl(option, *arguments, *(0,) * (4 - len(arguments))) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def abi() -> int:
    """The version of Landlock that this kernel offers, 0 if it is not there."""
    try:
        return _syscall(444, 0, 0, 1)
    except OSError:
        return 0


def drop_capabilities() -> None:
    """Keep only what root needs for files. What is left in the bounding set for want of CAP_SETPCAP cannot come back:
    PR_SET_NO_NEW_PRIVS, which follows, sees to that. Without CAP_PERFMON other environments become unreadable."""
    kept = _KEPT_BY_ROOT if os.geteuid() == 0 else 0
    for number in range(64):
        if not kept >> number & 1:
            _libc.prctl(24, number, 0, 0, 0)
    _libc.prctl(47, 4, 0, 0, 0)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, each for the low and for the high half
    if _libc.capget(head, data) != 0:
        raise OSError(ctypes.get_errno(), "the capabilities cannot be read")
    data[0], data[1] = data[0] & kept, data[1] & kept
    data[2] = data[3] = data[4] = data[5] = 0
    if _libc.capset(head, data) != 0:
        raise OSError(ctypes.get_errno(), "the capabilities cannot be dropped")


def restrict(version: int, rules: list[tuple[list[str], int]], network: bool) -> None:
    """Let this process and all that come from it do with the listed places what is listed, and nothing else."""
    handled = (1 << _ALL_RIGHTS.get(version, 16)) - 1
    attributes = (ctypes.c_uint64 * 3)(
        handled, 0 if network or version < 4 else _NO_TCP, _OWN_KIND if version >= 6 else 0
    )
    ruleset = _syscall(444, ctypes.addressof(attributes), ctypes.sizeof(attributes), 0)
    rule = (ctypes.c_uint32 * 3)()  # rights (64 bits), a descriptor of the place
    for paths, rights in rules:
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:
                continue  # gone, or closed to this user: what has no rule is not allowed
            mode = os.fstat(place).st_mode
            if not stat.S_ISLNK(mode):
                allowed = rights & handled & (-1 if stat.S_ISDIR(mode) else _OF_FILES)
                rule[0], rule[2] = allowed, place
                if allowed:
                    _syscall(445, ruleset, 1, ctypes.addressof(rule), 0)
            os.close(place)
    _syscall(446, ruleset, 0)
    os.close(ruleset)


def filter_calls(program: bytes) -> None:
    """Install a seccomp program of classic BPF."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    code = ctypes.create_string_buffer(program, len(program))
    _prctl(22, 2, ctypes.addressof(Program(len(program) // 8, ctypes.addressof(code))))


def confine(orders: dict) -> None:  # type: ignore[type-arg]
    """Give up everything the orders do not grant."""
    version = abi()
    if not version:
        raise OSError(38, "this kernel has no Landlock")
    parent = os.getppid()
    drop_capabilities()
    _prctl(38, 1)
    change = (1 << 16) - 1 & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV)
    rights = {"look": _LOOK, "change": change, "names": _READ_DIR, "devices": _DEVICE}
    restrict(version, [(orders[kind], right) for kind, right in rights.items()], orders["network"])
    for program in orders["filters"]:
        filter_calls(program)
    _prctl(1, int(SIGKILL))  # late: a change of credentials takes it away
    if os.getppid() != parent:
        raise OSError(3, "minicode has ended")


def main() -> None:
    try:
        descriptor = int(sys.argv[1])
        with open(descriptor, "rb") as file:
            orders = marshal.load(file)
        os.closerange(3, 2**31 - 1)
        if orders["coerced"]:
            os.environ.pop("LC_CTYPE", None)  # Python put it there, not the caller
        for number in (SIGPIPE, SIGXFSZ):  # Python ignores them, and that would be inherited
            signal(number, SIG_DFL)
        confine(orders)
        os.chdir(orders["folder"])
        os.execvp(orders["argv"][0], orders["argv"])
    except Exception as error:  # why: whatever went wrong, the command must not run unconfined
        what = getattr(error, "strerror", None) or repr(error)
        where = getattr(error, "filename", None)
        sys.stderr.write(
            f"minicode: the command did not run, the sandbox failed: {what}{f' ({where})' if where else ''}.\n"
        )
        sys.stderr.flush()
    os._exit(FAILED)


if __name__ == "__main__":
    main()
