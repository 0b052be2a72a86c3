"""A snapshot or a restore that is killed, or runs out of disk: nothing half-written is ever trusted or left behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minicode.errors import MinicodeError
from minicode.workspace.snapshots.snapshots import Snapshots

# Goes to and fro between two snapshots for ever, and takes one more each time; says each tree once it is kept.
WORKER = """
import os, sys
from pathlib import Path
from minicode.workspace.snapshots.snapshots import Snapshots
root, store, one, two, seed = sys.argv[1:]
snapshots = Snapshots(Path(store), [Path(root)])
print("ready", flush=True)
count = 0
while True:
    for tree in (two, one):
        snapshots.restore(tree)
        count += 1
        note = Path(root, "note")
        note.write_text(f"{seed} {count}")
        print(snapshots.take().tree, flush=True)
        note.unlink()
"""
KILLS = 12


def fill(root: Path, version: str) -> None:
    """Two versions of it differ in contents, modes, kinds and names."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    chance = random.Random(version)
    for number in range(40):
        folder = root / f"{'same' if number % 2 else version}" / str(number % 5)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).write_bytes(chance.randbytes(chance.randint(0, 5000)))
    (root / "kind").mkdir() if version == "one" else (root / "kind").write_text("a file")
    if version == "one":
        (root / "kind" / "inner").write_text("in a folder")
        (root / "link").symlink_to("kind")


def state(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): os.fsencode(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.timeout(300)
def test_killed_at_any_moment(tmp_path: Path) -> None:
    root, store = tmp_path / "root", tmp_path / "store"
    trees, states = [], []
    for version in ("one", "two"):
        fill(root, version)
        states.append(state(root))
        trees.append(Snapshots(store, [root]).take().tree)
    chance = random.Random(5)
    cut = 0
    for number in range(KILLS):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(root), str(store), *trees, str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout and worker.stderr
        assert worker.stdout.readline() == "ready\n"
        said = [worker.stdout.readline().strip() for _ in range(chance.randint(0, 2))]
        try:
            worker.wait(chance.random() * 0.15)
        except subprocess.TimeoutExpired:
            worker.send_signal(signal.SIGKILL)
        rest, errors = worker.communicate()
        assert not errors, errors
        said += [line for line in rest.split("\n") if len(line) == 40]
        snapshots = Snapshots(store, [root])
        unfinished = snapshots.unfinished()
        if unfinished:
            cut += 1
            done = snapshots.finish()
            assert done is not None
            now = state(root)
            now.pop("note", None)
            assert now == states[trees.index(unfinished.to)]
        assert snapshots.unfinished() is None
        (root / "note").unlink(missing_ok=True)
        assert state(root) in states
        for tree in said:
            snapshots.diff(tree, trees[0])
        if said:
            snapshots.restore(said[-1])
            assert (root / "note").read_text().startswith(f"{number} ")
            snapshots.restore(trees[0])
        snapshots.close()
    assert cut > 0, "no restore was cut: give it more to do"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_under_the_store(small_disk: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_bytes(b"first")
    snapshots = Snapshots(small_disk / "store", [root])
    first = snapshots.take().tree
    (root / "huge").write_bytes(os.urandom(4_000_000))
    with pytest.raises(MinicodeError, match="full"):
        snapshots.take()
    (root / "huge").unlink()
    (root / "file").write_bytes(b"second")
    second = snapshots.take().tree
    assert snapshots.restore(first).before == second
    assert (root / "file").read_bytes() == b"first"


def test_a_full_disk_under_the_files(small_disk: Path, tmp_path: Path) -> None:
    root = small_disk / "root"
    root.mkdir()
    for number in range(10):
        (root / str(number)).write_bytes(b"%d" % number)
    (root / "large").write_bytes(os.urandom(1_500_000))
    snapshots = Snapshots(tmp_path / "store", [root])
    before = snapshots.take().tree
    (root / "large").unlink()
    for number in range(10):
        (root / str(number)).write_bytes(b"changed")
    after = snapshots.take().tree
    (small_disk / "filler").write_bytes(os.urandom(1_200_000))
    with pytest.raises(MinicodeError, match=r"disk is full.* and all is as it was"):
        snapshots.restore(before, after)
    assert snapshots.take().tree == after
    assert snapshots.unfinished() is None
    (small_disk / "filler").unlink()
    assert snapshots.restore(before, after).after == before
