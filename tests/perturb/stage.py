"""Where a run takes place: a folder, a home, what lies outside of them, pages, and the environment."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicode.events import CallDone, Event, TurnEnded
from minicode.lab.rehearsal import Rehearsal
from minicode.lab.rehearsal.policy import Policy
from minicode.start import Started
from tests.perturb.tasks import BASE, Task

LEFTOVERS = ("__pycache__", ".pytest_cache", ".git")
Tree = dict[str, bytes]


@dataclass(slots=True)
class Stage:
    """Where a run takes place.

    folder: the workspace as it is opened; top: where the task's files are. held: a sandbox holds commands. vast: a
    folder of so many files that they are only counted. outside: what nobody may touch. There once it runs: server,
    policy, site (host and port of the task's pages), said (the user's words), events, wrong (what was remarked on the
    way), starts.
    """

    task: Task
    base: Path
    wire: str
    top: Path
    folder: Path
    server: Rehearsal = field(init=False)
    policy: Policy = field(init=False)
    said: str = ""
    held: bool = True
    vast: str = ""
    site: str = ""
    events: list[Event] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    starts: Callable[..., Started] | None = None

    @property
    def outside(self) -> Path:
        return self.base / "outside"

    @property
    def home(self) -> Path:
        return self.base / "home"

    def begin(self, **plan: Any) -> Started:
        assert self.starts is not None
        return self.starts(**plan)

    @property
    def done(self) -> list[CallDone]:
        return [event for event in self.events if isinstance(event, CallDone)]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Every request that was one, in the order they came."""
        return [exchange.body for exchange in self.server.requests if exchange.body]

    async def say(self, started: Started, text: str, act: Callable[[Event], object] = lambda event: None) -> TurnEnded:
        """One turn. act: called with each event."""
        async with aclosing(started.session.send(text)) as turn:
            async for event in turn:
                self.events.append(event)
                act(event)
        last = self.events[-1]
        assert isinstance(last, TurnEnded)
        return last


def prepare(task: Task, base: Path, wire: str, measured: Path) -> Stage:
    """A stage with the task's folder. measured: where the sandbox was found to hold, that is on
    record there and not measured again."""
    top = base / "work"
    top.mkdir(parents=True)
    stage = Stage(task, base, wire, top, top)
    for name, text in task.files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="")
    if task.merging:
        conflict(top, task)
    stage.outside.mkdir()
    (stage.outside / "mine.txt").write_text("The user's own, of no task.\n")
    stage.home.mkdir(mode=0o700)
    stage.held = measured.exists()
    if stage.held:
        shutil.copy(measured, stage.home)
    return stage


def git(folder: Path, *words: str, check: bool = True) -> str:
    command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=check)
    return done.stdout


def conflict(top: Path, task: Task) -> None:
    """A merge that stopped at settings.txt, with the conflict the task shows."""
    merged = top / "settings.txt"
    merged.write_text(BASE)
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "base")
    for branch, value in (("theirs", "30"), ("main", "20")):
        git(top, "checkout", "-q", *(["-b"] if branch == "theirs" else []), branch)
        merged.write_text(BASE.replace("10", value))
        git(top, "commit", "-qam", branch)
    git(top, "merge", "-q", "theirs", check=False)


@asynccontextmanager
async def site(task: Task) -> AsyncIterator[str]:
    """Serves the task's pages; gives host and port, "" if it has none."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        page = task.pages.get(head.split()[1].decode())
        status = "200 OK" if page else "404 Not Found"
        body = (page or "not here").encode()
        kind = "text/html" if body.startswith(b"<") else "text/plain"
        lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}; charset=utf-8", f"Content-Length: {len(body)}")
        writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode() + body)
        await writer.drain()
        writer.close()

    if not task.pages:
        yield ""
        return
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


def surroundings(stage: Stage) -> dict[str, str]:
    """The environment of every run: a home of its own; a python3 that has pytest, and loads nothing else into it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    quick = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {"MINICODE_HOME": str(stage.home), "PATH": path, **quick}


def contents(folder: Path, vast: str = "") -> Tree:
    """Every file below a folder, links by where they lead, without what tools leave behind. vast: a folder in it whose
    files are only counted."""
    found: Tree = {}
    for place, folders, names in os.walk(folder):
        where = Path(place).relative_to(folder)
        if vast and where.parts[:1] == (vast,):
            found[vast] = b"%d" % (int(found.get(vast, b"0")) + len(names))
            continue
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = [name for name in folders if name not in (*LEFTOVERS, *links)]
        for name in [*(name for name in names if name not in LEFTOVERS), *links]:
            path = Path(place) / name
            if path.is_symlink():
                found[str(where / name)] = b"-> " + os.fsencode(path.readlink())
            elif path.is_file():
                found[str(where / name)] = path.read_bytes()
            else:
                found[str(where / name)] = b"no file"
    return found


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
