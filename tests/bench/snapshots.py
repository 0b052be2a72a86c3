"""What snapshots cost:  python tests/bench/snapshots.py [--files 20000]

CPU in milliseconds, medians of runs, on a tree of small text files in a temporary folder: the first take,
one with nothing changed (in this process, and the first of a new one), one with 1, 10 and 100 files changed, a restore
of 100 files and its redo; and what the store weighs against the tree. For comparison, if git is there, what
`git add -A; git write-tree` with a private index costs on the same tree with nothing changed.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from minicode.workspace.snapshots.snapshots import Snapshots


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    count = parser.parse_args().files
    with tempfile.TemporaryDirectory() as name:
        root, store = Path(name, "tree"), Path(name, "store")
        weight = plant(root, count)
        snapshots = Snapshots(store, [root])
        say("first take", [cost(snapshots.take)])
        time.sleep(2.1)  # a clone is older than the tick of the file system's clock
        say("second take, everything read again", [cost(snapshots.take)])
        say("nothing changed", [cost(snapshots.take) for _ in range(9)])
        say("nothing changed, new process", [cost(lambda: Snapshots(store, [root]).take()) for _ in range(5)])
        for changed in (1, 10, 100):
            say(f"{changed} files changed", [cost(snapshots.take) for _ in range(3) if touch(root, changed)])
        before = snapshots.take().tree
        touch(root, 100)
        after = snapshots.take().tree
        say("restore of 100 files", [cost(lambda: snapshots.restore(before, after))])
        say("redo of 100 files", [cost(lambda: snapshots.restore(after, before))])
        size = sum(path.stat().st_size for path in store.iterdir())
        print(f"{'tree, store':40} {weight / 2**20:8.1f} MB {size / 2**20:8.1f} MB")
        if shutil.which("git"):
            git = {**os.environ, "GIT_DIR": str(Path(name, "git")), "GIT_WORK_TREE": str(root)}
            subprocess.run(["git", "init", "--quiet"], env=git, cwd=root, check=True)
            compare(git, root)


def compare(git: dict[str, str], root: Path) -> None:
    def add() -> None:
        subprocess.run(["git", "add", "-A"], env=git, cwd=root, check=True)
        subprocess.run(["git", "write-tree"], env=git, cwd=root, check=True, stdout=subprocess.DEVNULL)

    say("git: first", [cost(add)])
    say("git: nothing changed", [cost(add) for _ in range(9)])


def plant(root: Path, count: int) -> int:
    """Text files, ten to a folder. Returns their size."""
    chance = random.Random(1)
    words = [f"{chance.getrandbits(40):x}" for _ in range(3000)]
    total = 0
    for number in range(count):
        folder = root / f"package{number // 400}" / f"module{number // 10 % 40}"
        folder.mkdir(parents=True, exist_ok=True)
        total += (folder / f"file{number}.py").write_text(" ".join(chance.choices(words, k=chance.randint(50, 900))))
    return total


def touch(root: Path, count: int) -> bool:
    for number in range(count):
        with (root / f"package{number // 400}" / f"module{number // 10 % 40}" / f"file{number}.py").open("a") as file:
            file.write(f" {time.time_ns()}")
    return True


def cost(deed: Callable[[], object]) -> float:
    """CPU in milliseconds, that of child processes included."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, whose))
    deed()
    return 1000 * (sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, whose)) - before)


def say(what: str, costs: list[float]) -> None:
    print(f"{what:40} {statistics.median(costs):8.1f} ms CPU   (least {min(costs):.1f})", flush=True)


if __name__ == "__main__":
    main()
