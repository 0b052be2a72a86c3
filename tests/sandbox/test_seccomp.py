"""The filter in a real kernel: what it refuses, what it lets through, and that it is whole."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import pytest

from minicode.sandbox import seccomp

TRY = """
import ctypes, os, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def refused(number, *arguments):
    ctypes.set_errno(0)
    assert libc.syscall(number, *arguments) == -1, number
    return ctypes.get_errno()
libc.prctl(38, 1, 0, 0, 0)
program = bytes.fromhex(sys.argv[1])
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
held = Program(len(program) // 8, program)
assert libc.prctl(22, 2, ctypes.byref(held), 0, 0) == 0, ctypes.get_errno()
for number in map(int, sys.argv[2].split(",")):
    assert refused(number, -1, -1, -1, -1, -1) == 1, number
assert refused(435, 0, 0) == 38
assert refused(int(sys.argv[3]), 0x10000000) == 1
for family in (1, 2, 10, 16, 17, 40):
    try: socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_DGRAM).close()
    except PermissionError: continue
    except OSError: pass
    print(family)
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
if os.fork() == 0: os._exit(0)
os.wait()
socket.socketpair()
"""
CALLS = {
    "x86_64": "101,165,166,155,308,310,311,248,249,250,298,304,321,323,175,313,320,169,167,227,425,429,430,442",
    "aarch64": "117,40,39,41,268,270,271,217,218,219,241,265,280,282,105,273,294,142,224,112,425,429,430,442",
}
UNSHARE = {"x86_64": "272", "aarch64": "97"}


@pytest.mark.parametrize(("unix_only", "families"), [(False, ["1", "2", "10", "16"]), (True, ["1"])])
def test_in_the_kernel(unix_only: bool, families: list[str]) -> None:
    machine = os.uname().machine
    program = seccomp.program(unix_only=unix_only)
    if program is None:
        pytest.skip(f"system calls of {machine} are not known to minicode")
    argv = [sys.executable, "-c", TRY, program.hex(), CALLS[machine], UNSHARE[machine]]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, [*families, "thread"]), done.stderr


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("unix_only", [True, False])
def test_every_jump_lands_inside_and_the_last_step_returns(machine: str, unix_only: bool) -> None:
    program = seccomp.program(unix_only=unix_only, machine=machine)
    assert program is not None
    steps = list(struct.iter_unpack("<HBBI", program))
    for place, (code, if_true, if_false, _) in enumerate(steps):
        if code & 7 == 5:
            assert place + 1 + max(if_true, if_false) < len(steps)
    assert steps[-1] == (6, 0, 0, 0x7FFF0000)
    assert len(steps) < 4096


def test_no_program_for_a_machine_it_does_not_know() -> None:
    assert seccomp.program(unix_only=True, machine="riscv64") is None
