"""What became of single tests, as every runner's module gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from minicode.text import clean
from minicode.workspace.folder import Refused
from minicode.workspace.processes import HEAD, Finished
from minicode.workspace.workspace import Workspace

REPORT = 32 * 2**20  # bytes of a report that are read: some hundred thousand tests
BAD = ("failed", "error")
_LONGEST = 1e7  # seconds that a test can take
_RANK = {"started": 0, "skipped": 1, "passed": 2, "failed": 3, "error": 3}


class Outcome(NamedTuple):
    """What one test did. kind: "passed", "failed", "error", "skipped", or "started" if it never ended. place: where it
    failed first, `tests/test_a.py:12: assert f() == 1`. seconds: how long it took, 0 if nobody knows."""

    test: str
    kind: str
    place: str = ""
    message: str = ""
    seconds: float = 0.0


class Task(NamedTuple):
    """What a runner is to run. folder: where. words: paths, ids and options as they were given, paths relative to the
    folder. tests: these ids of an earlier run and no other. seconds: until it is stopped."""

    workspace: Workspace
    folder: Path
    words: Sequence[str] = ()
    tests: Sequence[str] = ()
    seconds: float = 600.0
    live: Callable[[bytes], None] | None = None

    async def run(
        self, argv: Sequence[str], environment: dict[str, str] | None = None, *, keep: int = HEAD
    ) -> Finished:
        return await self.workspace.processes.run(
            argv, self.folder, seconds=self.seconds, environment=environment, keep=keep, on_output=self.live
        )

    def program(self, name: str) -> str:
        """Where a program is. Raises Refused if it is not installed."""
        import shutil

        found = shutil.which(name, path=self.workspace.processes.environment.get("PATH"))
        if found is None:
            raise Refused(f"The tests need {name}, which is not installed here.")
        return found

    def shown(self, path: str) -> str:
        """A path, or a `file://` address, relative to where the tests run if it lies there."""
        path = path.removeprefix("file://")
        return path.removeprefix(f"{self.folder}/").removeprefix("./")

    def place(self, path: str, line: int | str) -> str:
        """`src/lib.rs:12: assert_eq!(add(1, 1), 3)`, with the source only if it may be read."""
        files, name = self.workspace.files, self.shown(path)
        try:
            text = files.read(files.folder.resolve(str(self.folder / name))).data.decode("utf-8", "replace")
            source = text.split("\n")[int(line) - 1].strip()
        except (Refused, IndexError, ValueError):
            return f"{name}:{line}"
        return f"{name}:{line}: {source[:300]}"


class Ran(NamedTuple):
    """One run. runner: as it is called. command: as a person would type it. counted: the outcomes are all there is;
    if not, the exit code decides. said: what a person would have seen of it, None for all that was printed. stuck:
    where the running test was when it was stopped. note: a sentence of what else there is to know."""

    runner: str
    command: str
    finished: Finished
    outcomes: Sequence[Outcome] = ()
    counted: bool = True
    said: str | None = None
    stuck: str = ""
    note: str = ""


def worst(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    """By test. One that failed and passed has failed: subtests, teardowns and repeated names end so."""
    found: dict[str, Outcome] = {}
    for outcome in outcomes:
        known = found.get(outcome.test)
        if known is None or _RANK.get(outcome.kind, 0) > _RANK.get(known.kind, 0):
            found[outcome.test] = outcome
    return found


def seconds_of(told: object, unit: float = 1.0) -> float:
    """What a report says that a test took, in seconds. unit: of what it says. 0 for what cannot be: a test may have
    written the report."""
    try:
        seconds = float(str(told)) * unit
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds <= _LONGEST else 0.0


def named(test: str) -> str:
    """A test's id in one line, safe to show."""
    return clean(test).replace("\n", "\u240a")


@contextmanager
def held(workspace: Workspace, *names: str) -> Iterator[tuple[Path, list[IO[bytes]]]]:
    """A private folder with empty files for runners to write reports into. They are held open from before the first
    run: what a test puts in their place, a link or a pipe, is never opened."""
    with workspace.scratch() as folder:
        files: list[IO[bytes]] = [(folder / name).open("x+b") for name in names]
        try:
            yield folder, files
        finally:
            for file in files:
                file.close()


def read(file: IO[bytes]) -> bytes:
    """All of a report, as far as it is not absurdly long."""
    file.seek(0)
    return file.read(REPORT)
