"""Run programs so that they cannot hang the turn, flood the memory, or outlive their call."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import NamedTuple, Protocol

from minicode.sandbox.policy import Grant, Launch
from minicode.workspace.environment import for_tools
from minicode.workspace.folder import Refused
from minicode.workspace.kin import MARK, Kin, adopt_orphans

HEAD = 4 * 2**20
TAIL = 2**20
FLOOD = 500 * 2**20  # more output than this ends the program
_CHUNK = 2**16
# Where a cut may be made, the best first: within how many bytes of it, and at what.
_SEAMS = ((2**12, rb"[\n\0]"), (2**16, rb"[\s\"',;]"))
_DRAIN = 2.0  # seconds, at most, for output that comes after the end of the program
_AGAIN = 2  # times that a launch is made anew which failed before the program was started
_QUIET = 0.1  # seconds without output after which nothing more is expected


class Box(Protocol):
    """What says how a program is really started: a sandbox."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch: ...


class Finished(NamedTuple):
    """What became of a program.

    code: its exit code, negative for a signal. output: what it printed, stderr in between unless `errors` was asked
    for; if more came than is kept, its beginning and about the last TAIL bytes, cut between lines or words, with a
    line between them that says so. ended: why it was stopped, "time" or "flood"; "" if it ended by itself. left:
    command lines of the processes it left behind, which were ended. held: it ran in a sandbox. beginning: how many
    bytes of the output are its unbroken beginning.
    """

    code: int
    output: bytes
    errors: bytes = b""
    total: int = 0
    seconds: float = 0.0
    ended: str = ""
    left: tuple[str, ...] = ()
    held: bool = False
    beginning: int = 0


class _Pipe:
    """The reading end of a program's output: the first and the last bytes are kept, the rest is counted."""

    def __init__(self, keep: int, on_output: Callable[[bytes], None] | None) -> None:
        self._keep = keep
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._loop = asyncio.get_running_loop()
        self._on_output = on_output
        self._head, self._tail = bytearray(), deque[bytes]()
        self._tail_size = self.total = 0
        self.closed = asyncio.Event()
        self._loop.add_reader(self.reader, self.pull)

    def started(self, on_flood: Callable[[], object]) -> None:
        """The program has its copy of the writing end; ours would keep the pipe open."""
        self._on_flood = on_flood
        os.close(self.writer)
        self.writer = -1

    def pull(self) -> None:
        try:
            data = os.read(self.reader, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self.reader)
            self.closed.set()
            return
        self.total += len(data)
        room = self._keep - len(self._head)
        self._head += data[:room]
        if rest := data[room:]:
            self._tail.append(rest)
            self._tail_size += len(rest)
            while self._tail_size - len(self._tail[0]) >= TAIL:
                self._tail_size -= len(self._tail.popleft())
        if self._on_output is not None:
            self._on_output(data)
        if self.total > FLOOD >= self.total - len(data):
            self._on_flood()

    async def drain(self) -> None:
        """Until the end of the output, a quiet moment, or _DRAIN seconds, whichever comes first."""
        end = time.monotonic() + _DRAIN
        while not self.closed.is_set() and time.monotonic() < end:
            before = self.total
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closed.wait(), _QUIET)
            if self.total == before:
                return

    def close(self) -> None:
        if not self.closed.is_set():
            self.pull()  # the last words of what was just ended
        if not self.closed.is_set():
            self._loop.remove_reader(self.reader)
        for fd in (self.reader, self.writer):
            if fd >= 0:
                os.close(fd)

    def kept(self) -> tuple[bytes, int]:
        """The output, and how many bytes of it are its unbroken beginning."""
        head, tail = bytes(self._head), b"".join(self._tail)
        if self.total == len(head) + len(tail):
            return head + tail, self.total
        head, tail = head[: len(head) - _torn(head[::-1])], tail[_torn(tail) :]
        note = b"\n[... %d bytes were not kept ...]\n" % (self.total - len(head) - len(tail))
        return head + note + tail, len(head)


def _torn(data: bytes) -> int:
    """How many bytes from a cut on are the rest of a torn line or word: half a secret would be known no more."""
    for within, seam in _SEAMS:
        if found := re.search(seam, data[:within]):
            return found.start()
    return min(len(data), _SEAMS[-1][0])


class Processes:
    """Starts the programs of one workspace.

    environment: what each gets. box: what holds them, None for nothing. grant: what they may do, unless `run` is told
    otherwise.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, box: Box | None = None, grant: Grant | None = None
    ) -> None:
        self.environment = dict(for_tools(os.environ) if environment is None else environment)
        self.grant = grant or Grant()
        self._box = box
        self._adopting = False
        self._running: set[int] = set()

    def granting(self, grant: Grant) -> Processes:
        """The same processes, for programs that may do something else."""
        view = copy(self)
        view.grant = grant
        return view

    async def run(
        self,
        argv: Sequence[str],
        folder: Path,
        *,
        seconds: float | None = None,
        environment: Mapping[str, str] | None = None,
        grant: Grant | None = None,
        stdin: bytes = b"",
        errors_apart: bool = False,
        keep: int = HEAD,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run a program to its end, without a terminal, in a session of its own.

        The result comes when the program itself ends; what it left running is ended too, and so is all of it after
        `seconds` or when the awaiting task is cancelled. environment: added to the usual one. grant: instead of the
        usual one. keep: how many bytes from the beginning of the output are kept. Raises Refused if the program or the
        folder is not there.
        """
        if not self._adopting:
            adopt_orphans()
            self._adopting = True
        everything = {**self.environment, **(environment or {})}
        start = _Start(argv, folder, everything, grant or self.grant, stdin, seconds, errors_apart, keep, on_output)
        finished, began = await self._attempt(start)
        for _ in range(_AGAIN):
            if began:
                break
            # Something that the sandbox covers may have vanished since it was looked at: it looks again.
            finished, began = await self._attempt(start)
        return finished

    async def _attempt(self, start: _Start) -> tuple[Finished, bool]:
        """What became of it, and whether the program itself was started: the sandbox may have failed before."""
        out = _Pipe(start.keep, start.on_output)
        err = _Pipe(start.keep, None) if start.errors_apart else out
        started = time.monotonic()
        kin, process, launch = self._start(start, out, err)
        self._running.add(process.pid)
        exited = asyncio.create_task(_exit_of(process))
        left: tuple[str, ...] = ()
        try:
            await asyncio.wait({exited}, timeout=start.seconds)
            in_time = exited.done()
            if in_time:
                for pipe in {out, err}:
                    await pipe.drain()
            began = launch.began(process.poll())
        finally:
            try:
                left = await kin.end(process, self._running)
            finally:
                exited.cancel()
                self._running.discard(process.pid)
                for pipe in {out, err}:
                    pipe.close()
                launch.close()
        ended = "flood" if max(out.total, err.total) > FLOOD else "" if in_time else "time"
        output, beginning = out.kept()
        finished = Finished(
            process.returncode,
            output,
            err.kept()[0] if start.errors_apart else b"",
            out.total,
            time.monotonic() - started,
            ended,
            () if ended else left,
            launch.argv != tuple(start.argv),
            beginning,
        )
        return finished, began

    def _start(self, start: _Start, out: _Pipe, err: _Pipe) -> tuple[Kin, subprocess.Popen[bytes], Launch]:
        token = os.urandom(8).hex()
        # A minicode that runs inside another one's call stays part of that call.
        environment = {**start.environment, MARK: f"{start.environment.get(MARK, '')}/{token}"}
        launch = Launch(tuple(start.argv), environment)
        try:
            if self._box is not None:
                launch = self._box.launch(start.argv, start.folder, environment, start.grant)
            with _input(start.stdin) as stdin:
                process = subprocess.Popen(
                    launch.argv,
                    cwd=start.folder,
                    env=launch.environment,
                    stdin=stdin,
                    stdout=out.writer,
                    stderr=err.writer,
                    start_new_session=True,
                    pass_fds=launch.fds,
                )
        except BaseException as error:  # why: whatever ended it, no descriptor may stay open
            launch.close()
            for pipe in {out, err}:
                pipe.close()
            if not isinstance(error, OSError | ValueError):
                raise
            if not start.folder.is_dir():
                raise Refused(f"The folder {start.folder} does not exist any more.") from None
            raise Refused(f"{start.argv[0]} cannot be started: {error}.") from None
        kin = Kin(process.pid, token, Path(launch.argv[0]).name[:15] if launch.monitor else "")
        for pipe in {out, err}:
            pipe.started(on_flood=lambda: kin.signal(signal.SIGKILL))
        return kin, process, launch


class _Start(NamedTuple):
    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    grant: Grant
    stdin: bytes
    seconds: float | None
    errors_apart: bool
    keep: int
    on_output: Callable[[bytes], None] | None


@contextmanager
def _input(data: bytes) -> Iterator[int]:
    """A descriptor to read it from: a file, since a pipe would have to be fed while the program may never read."""
    if not data:
        yield subprocess.DEVNULL
        return
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


async def _exit_of(process: subprocess.Popen[bytes]) -> None:
    """Wait until the program itself ends, whoever still holds its output."""
    try:
        fd = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or a container that lacks the call
        await asyncio.to_thread(process.wait)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(fd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    process.wait()
