"""The filter that keeps a command off the system calls by which sandboxes are left."""

from __future__ import annotations

import os
import struct

_EPERM, _ENOSYS = 1, 38
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# struct seccomp_data {int nr; u32 arch; u64 instruction_pointer; u64 args[6]}, little-endian on both machines.
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24
_NEWUSER = 0x10000000
_X32 = 0x40000000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_UNIX, _FAMILIES = 1, (1, 2, 10, 16)  # AF_UNIX; and AF_INET, AF_INET6, AF_NETLINK

# Numbers above 423 are the same on every machine.
_REFUSED_EVERYWHERE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443, "open_tree_attr": 467,
}  # fmt: skip
_REFUSED = {
    "x86_64": {
        "ptrace": 101, "syslog": 103, "vhangup": 153, "pivot_root": 155, "adjtimex": 159, "acct": 163,
        "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
        "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173, "init_module": 175,
        "delete_module": 176, "quotactl": 179, "clock_settime": 227, "kexec_load": 246, "add_key": 248,
        "request_key": 249, "keyctl": 250, "perf_event_open": 298, "open_by_handle_at": 304, "clock_adjtime": 305,
        "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313,
        "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    },
    "aarch64": {
        "umount2": 39, "mount": 40, "pivot_root": 41, "vhangup": 58, "quotactl": 60, "acct": 89, "kexec_load": 104,
        "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142,
        "sethostname": 161, "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "add_key": 217,
        "request_key": 218, "keyctl": 219, "swapon": 224, "swapoff": 225, "perf_event_open": 241,
        "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
        "kexec_file_load": 294,
    },
}  # fmt: skip
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CHECKED = {
    "x86_64": {"ioctl": 16, "socket": 41, "clone": 56, "unshare": 272},
    "aarch64": {"ioctl": 29, "unshare": 97, "socket": 198, "clone": 220},
}
_CLONE3 = 435


def program(*, unix_only: bool, machine: str = "") -> bytes | None:
    """A classic BPF program (struct sock_filter[]) for this machine; None if its system calls are not known here.

    unix_only: `socket()` gives Unix sockets only, where no network namespace keeps the others in.
    """
    machine = machine or os.uname().machine
    if machine not in _ARCHES:
        return None
    refuse = _step(_RETURN, _ERRNO | _EPERM)
    code = [
        _step(_LOAD, _ARCH), _step(_EQUAL, _ARCHES[machine], 1, 0), _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER), _step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL),
    ]  # fmt: skip
    for number in sorted({**_REFUSED[machine], **_REFUSED_EVERYWHERE}.values()):
        code += [_step(_EQUAL, number, 0, 1), refuse]
    # The flags of clone3 lie in memory, out of reach; libraries that are told ENOSYS take clone.
    code += [_step(_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _ERRNO | _ENOSYS)]
    checked = _CHECKED[machine]
    for name in ("clone", "unshare"):
        code += _when(checked[name], _FIRST, [_step(_ANY_BIT, _NEWUSER, 0, 1), refuse])
    code += _when(checked["ioctl"], _SECOND, [_step(_EQUAL, _TIOCSTI, 1, 0), _step(_EQUAL, _TIOCLINUX, 0, 1), refuse])
    families = (_UNIX,) if unix_only else _FAMILIES
    accepted = [_step(_EQUAL, family, len(families) - place, 0) for place, family in enumerate(families)]
    code += _when(checked["socket"], _FIRST, [*accepted, refuse])
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _when(number: int, argument: int, tests: list[bytes]) -> list[bytes]:
    """For this call: look at the argument, run the tests, allow what passes them."""
    body = [_step(_LOAD, argument), *tests, _step(_RETURN, _ALLOW)]
    return [_step(_EQUAL, number, 0, len(body)), *body]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
