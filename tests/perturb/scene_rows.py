"""The axis of the environment: files, folders, repositories, programs and disks as they are found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

from minicode.lab.rehearsal import Call, Do
from minicode.lab.rehearsal.policy import Drift, Moment, Move
from minicode.lab.rehearsal.script import Step
from tests.perturb import scenes
from tests.perturb.play import Row
from tests.perturb.scenes import all_of, other_files, put, same_change, taken_out
from tests.perturb.stage import Stage, Tree, contents, git
from tests.perturb.tasks import Task, look, shell
from tests.perturb.tool_rows import fine

EDITS = ("rename function", "fix off-by-one", "edit JSON", "two-file refactor")
CODE = ("rename function", "two-file refactor")
FEW = ("rename function", "edit JSON")

ODD = {
    f"{normalize('NFD', 'größe')} 📄.txt": b"in NFD\n",
    "wide.txt": "wide words\n".encode("utf-16"),
    "torn.txt": b"before \xff\xfe\x80 behind\n",
}


def odd_files_first(task: Task) -> tuple[Move, ...]:
    names = tuple(ODD)
    return (look(names[0], "in NFD"), look(names[1], "wide words"), look(names[2], "before .* behind"), *task.moves)


def loosened(task: Task) -> tuple[Move, ...]:
    """With a mend for what may not be written: the model gives itself the right to, or makes room."""

    def able(move: Move) -> Move:
        return replace(move, mends=(shell("chmod -R u+w . && rm -f ballast.bin && echo loose", "loose"), *move.mends))

    return tuple(able(move) for move in task.moves)


def small_disk(stage: Stage) -> None:
    """The folder on a disk of its own, full to the last page."""
    files = contents(stage.top)
    assert scenes.mounted(stage.top, "128k")
    put(files)(stage)
    with (stage.top / "ballast.bin").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def no_disk(base: Path) -> str:
    return "" if scenes.can_mount(base) else "no disk can be mounted here"


def filled(stage: Stage) -> Iterator[str]:
    failed = [done for done in stage.done if done.result.failed]
    if not any("the disk is full" in done.result.text for done in failed):
        yield "the disk was never full"


def state_kept(state: str) -> Callable[[Stage], Iterator[str]]:
    def remarks(stage: Stage) -> Iterator[str]:
        yield from fine(stage)
        head = (stage.top / ".git" / "HEAD").read_text()
        if head.startswith("ref: ") == (state == "detached"):
            yield f"HEAD is not as the user left it: {head}"
        if state == "lock" and not (stage.top / ".git" / "index.lock").exists():
            yield "the lock of another git was removed"
        if "mine.txt" not in git(stage.top, "status", "--short"):
            yield "git does not see the user's changes as changes any more"

    return remarks


def status_first(task: Task) -> tuple[Move, ...]:
    return (Move((Do("git", {"command": ["status", "--short"]}),), ("mine",)), *task.moves)


FLAKY = b"""import unittest
from pathlib import Path


class Flaky(unittest.TestCase):
    def test_now_and_then(self):
        seen = Path(".seen")
        first = not seen.exists()
        seen.touch()
        self.assertFalse(first)
"""
HANGS = b"""import time
import unittest


class Hangs(unittest.TestCase):
    def test_for_ever(self):
        time.sleep(3600)
"""


def rerun(task: Task) -> tuple[Move, ...]:
    """The tests once more if one failed that has nothing to do with it."""
    rest = task.moves[:-1]
    tests = Do("test", {"command": "python3 -m unittest"})
    return (*rest, Move((tests,), ("test_now_and_then|passed|OK",)), Move((tests,), (r"all passed|OK|\b2 passed",)))


def by_name(task: Task) -> tuple[Move, ...]:
    """A run that hangs, and one of the test that matters."""
    rest = task.moves[:-1]
    hangs = Do("test", {"command": "timeout 2 python3 -m unittest", "seconds": 2})
    named = Do("test", {"command": "python3 -m unittest test_slug", "paths": ["test_slug.py"]})
    return (*rest, Move((hangs,), ("stopped|more than 2 s|hang",)), Move((named,), (r"all passed \(1\)|OK|1 passed",)))


def by_another_python(task: Task) -> tuple[Move, ...]:
    """The tests with the Python on PATH, which says why it cannot, and then with one that is named."""
    *rest, last = task.moves
    if task.name != "fix failing test":
        return task.moves
    other = shell(f"{sys.executable} -m unittest", "OK")
    return (*rest, replace(last, sees=("cannot load libpython|all passed",)), other)


def meanwhile(line: bytes) -> Callable[[Stage], Drift]:
    """Another program writes to the file just before the model does, once a file."""

    def drift_of(stage: Stage) -> Drift:
        done: set[str] = set()

        def drift(step: Step, moment: Moment) -> Step:
            for call in step.blocks:
                if isinstance(call, Call) and call.name in ("edit", "write"):
                    path = stage.top / call.arguments["file_path"]
                    if path.exists() and path.name not in done:
                        done.add(path.name)
                        path.write_bytes(path.read_bytes() + line)
            return step

        return drift

    return drift_of


def line_gone(line: bytes) -> Callable[[Stage, Tree], Tree]:
    def undo(stage: Stage, tree: Tree) -> Tree:
        return {name: data.removesuffix(line) for name, data in tree.items()}

    return undo


def heeded(stage: Stage) -> Iterator[str]:
    """A whole file is not written over what nobody has read."""
    if not any(done.result.failed and "changed since" in done.result.text for done in stage.done):
        yield "what another program wrote was overwritten unread"


def careful(task: Task) -> tuple[Move, ...]:
    """Looks into what is hard to look into, first."""
    search = Move((Do("grep", {"pattern": "a=1;a=1", "count": 3}),), ("wide.min.js",))
    pipe = look("pipe.py", "(?i)not a (regular|plain|file)|pipe|FIFO")
    knot = look("knot.py", "(?i)loop|levels of symbolic|not|circle")
    blob = look("blob.py", "binary")
    return (search, pipe, knot, blob, look("wide.min.js", "more characters"), *task.moves)


def search_all(task: Task) -> tuple[Move, ...]:
    return (Move((Do("glob", {"pattern": "*.txt", "count": 5}),), ("many/",)), *task.moves)


SCENE_ROWS: tuple[Row, ...] = (
    *(
        Row(
            "E1",
            what,
            scene=other_files(change),
            undo=same_change(change),
            remarks=fine,
            tasks=tasks,
            why="tasks that change a file that is there, where the scene itself is no change to git; a mark is no JSON",
        )
        for what, change, tasks in (
            ("CRLF", scenes.crlf, EDITS),
            ("byte order mark and CRLF", scenes.marked, CODE),
            ("mixed line ends, none at the end", scenes.mixed, CODE),
        )
    ),
    Row(
        "E2",
        "latin-1, UTF-16, invalid bytes, emoji and NFD in names",
        scene=all_of(other_files(scenes.latin), put(ODD)),
        undo=lambda stage, tree: same_change(scenes.latin)(stage, taken_out(ODD)(stage, tree)),
        moves=odd_files_first,
        remarks=fine,
        tasks=CODE,
        why="source in another encoding that still runs",
    ),
    Row(
        "E3",
        "no git, no rg, and a python3 that is broken",
        environment=scenes.few_programs(python3="#!/bin/sh\necho 'python3: cannot load libpython' >&2\nexit 127\n"),
        moves=by_another_python,
        tasks=("rename function", "edit JSON", "find a value in a 2 MB log", "fix failing test"),
        why="tasks that search, and one that runs tests; the rg that comes with minicode stays",
    ),
    *(
        Row("E4", what, scene=scene, undo=undo, remarks=fine, tasks=CODE, why="read, search, edit, run")
        for what, scene, undo in (
            ("below the root of a repository", scenes.below_a_root({}), taken_out({})),
            ("the folder reached by a link", scenes.linked, taken_out({})),
            ("spaces, a quote and a newline in the path", scenes.moved("it's a\nfolder", "of mine"), taken_out({})),
        )
    ),
    Row(
        "E5",
        "files and folders that are read-only",
        scene=scenes.read_only,
        moves=loosened,
        tasks=("rename function", "edit JSON", "write a script from a spec"),
        why="tasks that write",
    ),
    Row(
        "E5",
        "the disk is full",
        scene=small_disk,
        cleanup=lambda stage: scenes.unmounted(stage.top),
        needs=no_disk,
        moves=loosened,
        remarks=filled,
        undo=lambda stage, tree: {name: data for name, data in tree.items() if name != "ballast.bin"},
        tasks=("rename function", "edit JSON"),
        why="tasks that write",
    ),
    *(
        Row(
            "E6",
            what,
            scene=scene,
            undo=scenes.without_submodule,
            moves=status_first,
            remarks=state_kept(state),
            tasks=FEW,
            why="the merge in progress is the task of the conflict",
        )
        for what, scene, state in (
            ("changes that are not committed, a stale index.lock", scenes.repository(lock=True), "lock"),
            ("detached HEAD", scenes.repository(detached=True), "detached"),
            ("no commit yet", scenes.repository(commit=False), ""),
            ("a submodule", scenes.with_submodule, ""),
        )
    ),
    Row(
        "E7",
        "a test that fails now and then",
        scene=put({"test_flaky.py": FLAKY}),
        undo=taken_out({"test_flaky.py": FLAKY, ".seen": b""}),
        moves=rerun,
        tasks=("fix failing test",),
        why="the task that runs tests",
    ),
    Row(
        "E7",
        "a test that hangs",
        scene=put({"test_hangs.py": HANGS}),
        undo=taken_out({"test_hangs.py": HANGS}),
        moves=by_name,
        tasks=("fix failing test",),
        why="the task that runs tests",
    ),
    Row(
        "E8",
        "another program writes to a file before the model does",
        drift=meanwhile(b"\n# formatted\n"),
        undo=line_gone(b"\n# formatted\n"),
        tasks=CODE,
        why="tasks that edit what is there",
    ),
    Row(
        "E8",
        "the same before a whole file is written",
        drift=meanwhile(b"\n"),
        remarks=heeded,
        tasks=("edit JSON",),
        why="the task that writes over a file",
    ),
    Row(
        "E9",
        "a pipe, loops of links, a line of 5 MB, a binary named as a text",
        scene=scenes.crowded,
        undo=taken_out({**scenes.CROWD, **scenes.LINKS}),
        moves=careful,
        tasks=FEW,
        why="what is hard to read does not depend on the task",
    ),
    Row(
        "E9",
        "50,000 files",
        scene=scenes.many,
        undo=taken_out({"many": b"50000"}),
        moves=search_all,
        remarks=fine,
        tasks=("rename function",),
        why="making them takes longer than the task",
    ),
)
