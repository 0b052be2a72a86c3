"""The real program as a process, a rehearsed M2 on loopback, and what must be true after every test whatever it did."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pytest

from minicode.lab.rehearsal import Rehearsal, Script
from minicode.sandbox.probe import CACHE, enforcement

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-canary-4f1d8a2b6c"
MARK = "BLACKBOX_HOME"  # a name that the program passes on to the commands it runs
PATIENCE = 30.0
DOCUMENTED = {0, 1, 2, 41, 44, 52, 53, 55, 56, 57, 58, 59, 60, 75, 124, 129, 130, 141, 143}


@dataclass
class Ran:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Stdout as JSON lines; anything else on it is an error."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["type"] == "result", last
        assert last["exit_code"] == self.code
        assert last["is_error"] == (self.code != 0)
        return last

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


class Running:
    """A process that runs: its output is read as it comes."""

    def __init__(self, process: subprocess.Popen[bytes], ended: Callable[[Ran], None]) -> None:
        self.process = process
        self._ended = ended
        self._out, self._err = bytearray(), bytearray()
        self._grew = threading.Condition()
        pairs = [(process.stdout, self._out), (process.stderr, self._err)]
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in pairs if pair[0]]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def out(self) -> str:
        """Stdout so far."""
        return self._out.decode()

    def _read(self, pipe: IO[bytes], into: bytearray) -> None:
        while data := os.read(pipe.fileno(), 1 << 16):
            with self._grew:
                into += data
                self._grew.notify_all()

    def first_line(self) -> str:
        """Wait for a whole line on stdout."""
        with self._grew:
            assert self._grew.wait_for(lambda: b"\n" in self._out, PATIENCE), f"no line on stdout: {bytes(self._err)!r}"
        return self.out.splitlines()[0]

    def says(self, text: str) -> None:
        """Wait until it has printed this, on stdout or stderr."""
        wanted = text.encode()
        with self._grew:
            there = self._grew.wait_for(lambda: wanted in self._out or wanted in self._err, PATIENCE)
        assert there, f"never said {text!r}: {bytes(self._out)!r} {bytes(self._err)!r}"

    def end(self, with_signal: int | None = None, within: float = PATIENCE) -> Ran:
        """Its end, within so many seconds after the signal."""
        if with_signal is not None:
            self.process.send_signal(with_signal)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for reader in self._readers:
            reader.join(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr, self.process.stdin):
            if pipe:
                pipe.close()
        ran = Ran(self.process.returncode, self._out.decode(), self._err.decode())
        self._ended(ran)
        return ran


@dataclass
class Program:
    """minicode in a workspace of its own. `environment` is all it sees of ours."""

    home: Path
    workspace: Path
    environment: dict[str, str]
    ran: list[Ran] = field(default_factory=list)
    _running: list[Running] = field(default_factory=list)

    @property
    def command(self) -> list[str]:
        own = os.environ.get("MINICODE_BIN")
        return [own] if own else [sys.executable, "-m", "minicode"]

    def start(
        self,
        *arguments: str,
        server: Rehearsal | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.PIPE,
        cwd: Path | None = None,
        env: dict[str, str | None] | None = None,
        before: tuple[str, ...] = (),
        **popen: Any,
    ) -> Running:
        """env: changes; None takes a name away. before: a command that runs the command, such as `setpriv`."""
        # With the surface named nothing is asked but what the script answers.
        changes: dict[str, str | None] = {"MINIMAX_BASE_URL": f"{server.url}/anthropic"} if server else {}
        changes |= env or {}
        environment = {k: v for k, v in (self.environment | changes).items() if v is not None}
        process = subprocess.Popen(
            [*before, *self.command, *arguments],
            cwd=cwd or self.workspace,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            **popen,
        )
        running = Running(process, self.ran.append)
        self._running.append(running)
        return running

    def __call__(self, *arguments: str, stdin: bytes | None = None, **more: Any) -> Ran:
        """Run to the end. stdin: bytes that are piped in; without them stdin is /dev/null."""
        running = self.start(*arguments, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, **more)
        if stdin is not None:
            pipe = running.process.stdin
            assert pipe is not None
            try:
                pipe.write(stdin)
                pipe.close()
            except BrokenPipeError:
                pass  # it had seen enough
        return running.end()

    def each(self, commands: Iterable[tuple[tuple[Any, ...], dict[str, str | None]]]) -> Iterator[Ran]:
        """Run commands (arguments, changes to the environment) that have nothing to do with each other, in pairs."""
        waiting: list[Running] = []
        for arguments, env in commands:
            waiting.append(self.start(*arguments, env=env))
            if len(waiting) == 2:
                yield waiting.pop(0).end()
        yield from (running.end() for running in waiting)

    def stop(self) -> None:
        for running in self._running:
            if running.process.poll() is None:
                running.process.kill()
                running.end()

    @property
    def journals(self) -> list[Path]:
        return sorted(self.home.glob("**/sessions/*/*.jsonl"))

    def journal(self, session: str = "") -> list[dict[str, Any]]:
        """The entries of the only session, or of this one."""
        [path] = [path for path in self.journals if session in path.stem]
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def kinds(self, session: str = "") -> list[str]:
        return [entry["kind"] for entry in self.journal(session) if entry["kind"] != "listing"]


class Bell:
    """A FIFO in the workspace: a command the model runs rings it, and the test wakes up."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.ring = f"echo >{path.name}"
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait(self) -> None:
        ready, _, _ = select.select([self._fd], [], [], PATIENCE)
        assert ready, "the command never ran"
        os.read(self._fd, 100)

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def bell(program: Program) -> Iterator[Bell]:
    bell = Bell(program.workspace / ".bell")
    yield bell
    bell.close()


@pytest.fixture
def damaged() -> list[str]:
    """A test that damages a journal, or expects the server to refuse something, says so here."""
    return []


@pytest.fixture
def rehearse(damaged: list[str]) -> Iterator[Callable[..., Rehearsal]]:
    """rehearse(script, **options) → a Rehearsal that runs until the end of the test and must have no failures."""
    servers: list[Rehearsal] = []
    with ExitStack() as stack:

        def make(script: Script, **options: Any) -> Rehearsal:
            servers.append(stack.enter_context(Rehearsal(script, **options)))
            return servers[-1]

        yield make
    if "server" not in damaged:
        assert [failure for server in servers for failure in server.failures] == []


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sandbox was measured to hold, once for all tests: each of them has a new home."""
    state = tmp_path_factory.mktemp("measured")
    state.chmod(0o700)
    enforcement(state)
    return state / CACHE


@pytest.fixture
def program(home: Path, tmp_path: Path, damaged: list[str], measured: Path) -> Iterator[Program]:
    if measured.exists():
        (home / ".minicode").mkdir(mode=0o700)
        shutil.copy(measured, home / ".minicode")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    mark = os.urandom(8).hex()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MINICODE_HOME": str(home / ".minicode"),
        "MINIMAX_API_KEY": KEY,
        "MINICODE_PROTOCOL": "anthropic",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        MARK: mark,
    }
    if "MINICODE_BIN" in os.environ:
        del environment["PYTHONPATH"]
    program = Program(home, workspace, environment)
    yield program
    program.stop()
    assert nobody_left(mark) == []
    for ran in program.ran:
        assert "Traceback" not in ran.out + ran.err
        assert KEY not in ran.out + ran.err
        assert ran.code in DOCUMENTED or ran.code == -signal.SIGKILL
    for path in [*files(home), *files(workspace)]:
        assert KEY.encode() not in path.read_bytes(), path
    if "journal" not in damaged:
        for path in program.journals:
            assert all(json.loads(line)["crc"] for line in path.read_bytes().splitlines()), path


def files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()] if folder.exists() else []


def nobody_left(mark: str, within: float = 2.0) -> list[str]:
    """Processes that carry the mark in their environment and do not go away within so many seconds."""
    wanted = f"{MARK}={mark}".encode()
    end = time.monotonic() + within
    while left := [line for pid in Path("/proc").glob("[0-9]*") if (line := _marked(pid, wanted))]:
        if time.monotonic() > end:
            break
        time.sleep(0.02)  # why: other people's processes cannot be waited for
    return left


@pytest.fixture
def left(program: Program) -> Callable[..., list[str]]:
    """left() → the command lines of what the program left running."""
    return lambda **more: nobody_left(program.environment[MARK], **more)


def _marked(pid: Path, wanted: bytes) -> str:
    try:
        if wanted in (pid / "environ").read_bytes().split(b"\0"):
            return (pid / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        pass
    return ""


@pytest.fixture
def grows() -> Callable[[list[bytes]], None]:
    """grows(bodies) checks that each request is the byte prefix of the next, cache marks aside."""

    def check(bodies: list[bytes]) -> None:
        plain = [re.sub(rb',"cache_control":\{[^}]*\}', b"", body) for body in bodies]
        assert len(plain) > 1
        for number, (before, after) in enumerate(pairwise(plain), 1):
            assert before.endswith(b"]}")
            assert after.startswith(before[:-2]), f"request {number} is not a prefix of request {number + 1}"

    return check
