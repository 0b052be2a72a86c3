"""Run programs so that they cannot hang the turn, flood the memory, or outlive their call."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import NamedTuple, Protocol

from minicode.sandbox.policy import Grant, Held, Launch
from minicode.workspace.environment import for_tools
from minicode.workspace.folder import Refused
from minicode.workspace.kin import Kin, adopt_orphans
from minicode.workspace.leftovers import MARK, owner
from minicode.workspace.output import HEAD, TAIL, Kept, Pipe
from minicode.workspace.warden import PYTHON, Warden

__all__ = ["HEAD", "TAIL", "Box", "Finished", "Processes", "Signal"]

_ONTO = str(Path(__file__).with_name("onto_terminal.py"))
_AGAIN = 2  # times that a launch is made anew which failed before the program was started
Signal = Callable[[signal.Signals], object]  # sends it to all processes of a running program


class Box(Protocol):
    """What says how a program is really started: a sandbox."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch: ...


class Finished(NamedTuple):
    """What became of a program.

    code: its exit code, negative for a signal. output: what it printed, stderr in between unless `errors` was asked
    for; if more came than is kept, its beginning and about the last TAIL bytes, cut between lines or words, with a
    line between them that says so. ended: why it was stopped, "time" or "flood"; "" if it ended by itself. left:
    command lines of the processes it left behind, which were ended. held: by the sandbox, None outside. beginning: how
    many bytes of the output are its unbroken beginning. folder: where its shell was at its end, "" if that is unknown.
    """

    code: int
    output: bytes
    errors: bytes = b""
    total: int = 0
    seconds: float = 0.0
    ended: str = ""
    left: tuple[str, ...] = ()
    held: Held | None = None
    beginning: int = 0
    folder: str = ""


class Processes:
    """Starts the programs of one workspace.

    environment: what each gets. box: what holds them, None for nothing. grant: what they may do, unless `run` is told
    otherwise. session: whose calls they belong to.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        box: Box | None = None,
        grant: Grant | None = None,
        session: str = "",
    ) -> None:
        self.environment = dict(for_tools(os.environ) if environment is None else environment)
        self.grant = grant or Grant()
        self._box = box
        self._adopting = False
        self._running: set[int] = set()
        self._owner = owner(session)
        self._warden = Warden(self._owner)

    def close(self) -> None:
        """To be called when all have ended: nobody watches over what is started later."""
        self._warden.close()

    def granting(self, grant: Grant) -> Processes:
        """The same processes, for programs that may do something else."""
        view = copy(self)
        view.grant = grant
        return view

    @property
    def held(self) -> Held | None:
        """What the sandbox lets programs do that are started now; None if there is none."""
        if self._box is None:
            return None
        launch = self._box.launch(("true",), Path("/"), self.environment, self.grant)
        launch.close()
        return launch.held

    async def run(
        self,
        argv: Sequence[str],
        folder: Path,
        *,
        seconds: float | None = None,
        environment: Mapping[str, str] | None = None,
        grant: Grant | None = None,
        stdin: bytes | int = b"",
        errors_apart: bool = False,
        keep: int = HEAD,
        kept: Kept | None = None,
        on_output: Callable[[bytes], None] | None = None,
        on_start: Callable[[Signal], None] | None = None,
        on_terminal: Callable[[int], None] | None = None,
    ) -> Finished:
        """Run a program to its end, in a session of its own, without a terminal unless `on_terminal` is given.

        The result comes when the program itself ends; what it left running is ended too, and so is all of it after
        `seconds` or when the awaiting task is cancelled. environment: added to the usual one. grant: instead of the
        usual one. stdin: what it reads, or a descriptor. keep: how many bytes from the beginning of the output are
        kept; kept: where, for one who reads it meanwhile. on_terminal: gets a descriptor, good until the end, to type
        into the terminal that is stdin, stdout and stderr then. Raises Refused if the program or the folder is not
        there.
        """
        if not self._adopting:
            adopt_orphans()
            self._adopting = True
        everything = {**self.environment, **(environment or {})}
        if on_terminal is not None:
            from minicode.workspace.grid import KIND  # few programs have one

            everything["TERM"] = KIND
            argv = [PYTHON, "-I", "-S", _ONTO, str(int("LC_CTYPE" in everything)), *argv]
        start = _Start(
            argv,
            folder,
            everything,
            grant or self.grant,
            stdin,
            seconds,
            Kept(keep) if kept is None else kept,
            Kept(keep) if errors_apart else None,
            on_output,
            on_start,
            on_terminal,
        )
        finished, began = await self._attempt(start)
        for _ in range(_AGAIN):
            if began:
                break
            # Something that the sandbox covers may have vanished since it was looked at: it looks again.
            finished, began = await self._attempt(start)
        return finished

    async def _attempt(self, start: _Start) -> tuple[Finished, bool]:
        """What became of it, and whether the program itself was started: the sandbox may have failed before."""
        start.kept.clear()
        out = Pipe(start.kept, start.on_output, tty=start.on_terminal is not None)
        err = Pipe(start.errors, None) if start.errors is not None else out
        started = time.monotonic()
        kin, process, launch = self._start(start, out, err)
        self._running.add(process.pid)
        if start.on_start is not None:
            spared = {process.pid} if launch.monitor else set[int]()
            start.on_start(lambda number: kin.signal(number, spared))
        if start.on_terminal is not None:
            start.on_terminal(out.reader)
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
        ended = "flood" if out.flooded or err.flooded else "" if in_time else "time"
        output, beginning = start.kept.whole()
        finished = Finished(
            process.returncode,
            output,
            start.errors.whole()[0] if start.errors is not None else b"",
            start.kept.total,
            time.monotonic() - started,
            ended,
            () if ended else left,
            launch.held,
            beginning,
        )
        return finished, began

    def _start(self, start: _Start, out: Pipe, err: Pipe) -> tuple[Kin, subprocess.Popen[bytes], Launch]:
        token = os.urandom(8).hex()
        # A minicode that runs inside another one's call stays part of that call.
        environment = {**start.environment, MARK: f"{start.environment.get(MARK, '')}/{self._owner}/{token}"}
        launch = Launch(tuple(start.argv), environment)
        try:
            if self._box is not None:
                launch = self._box.launch(start.argv, start.folder, environment, start.grant)
            if not launch.monitor:  # else the kernel ends them with us
                self._warden.watch()
            with _input(start.stdin if start.on_terminal is None else out.writer) as stdin:
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
    stdin: bytes | int
    seconds: float | None
    kept: Kept
    errors: Kept | None
    on_output: Callable[[bytes], None] | None
    on_start: Callable[[Signal], None] | None
    on_terminal: Callable[[int], None] | None


@contextmanager
def _input(data: bytes | int) -> Iterator[int]:
    """A descriptor to read it from: a file, since a pipe would have to be fed while the program may never read."""
    if not data or isinstance(data, int):
        yield data or subprocess.DEVNULL
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
