"""Whatever is done to the files between snapshots: to go back to any of them, and forward again, gives it exactly."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicode.workspace.snapshots.restore import ChangedSince
from minicode.workspace.snapshots.rules import Limits
from minicode.workspace.snapshots.snapshots import Snapshots

# Each snapshot is durable, which a disk takes its time for; what is tested here does not depend on it.
MEMORY = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
TICKS = st.sampled_from([Limits().tick, 0.02])
State = dict[str, tuple[str, int, bytes]]

NAMES = st.sampled_from(["a", "b", "c.txt", "a b", "ü", "new\nline", "-x", ".env"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"one\n", b"two\n", b"a\r\nb\r\n", b"$Id$\n"]))
DEEDS = st.one_of(
    st.tuples(st.just("write"), PATHS, CONTENTS),
    st.tuples(st.just("append"), PATHS, CONTENTS),
    st.tuples(st.just("folder"), PATHS, st.none()),
    st.tuples(st.just("link"), PATHS, st.sampled_from([b"a", b"../outside", b"/etc", b"b/c.txt"])),
    st.tuples(st.just("remove"), PATHS, st.none()),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("mode"), PATHS, st.sampled_from([0o644, 0o755, 0o600, 0o444])),
    st.tuples(st.just("take"), st.none(), st.none()),
)


def state(root: Path) -> State:
    """What is below a folder, read without the code under test."""
    found: State = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            info = path.lstat()
            rel = str(path.relative_to(root))
            if path.is_symlink():
                found[rel] = ("link", 0, os.fsencode(path.readlink()))
            elif path.is_dir():
                found[rel] = ("folder", info.st_mode & 0o777, b"")
            else:
                found[rel] = ("file", info.st_mode & 0o777, path.read_bytes() if os.access(path, os.R_OK) else b"?")
    return found


def do(root: Path, deed: str, path: str, more: object) -> None:
    """One change; one that makes no sense here does nothing."""
    target = root / path
    with suppress(OSError):
        if deed == "write" and isinstance(more, bytes):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_symlink():
                target.write_bytes(more)
        elif deed == "append" and isinstance(more, bytes) and target.is_file() and not target.is_symlink():
            with target.open("ab") as file:
                file.write(more)
        elif deed == "folder":
            target.mkdir(parents=True)
        elif deed == "link" and isinstance(more, bytes):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(os.fsdecode(more))
        elif deed == "remove":
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink()
        elif deed == "move" and isinstance(more, str):
            target.rename(root / more)
        elif deed == "mode" and isinstance(more, int) and target.is_file() and not target.is_symlink():
            target.chmod(more)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(DEEDS, min_size=1, max_size=25), st.lists(st.integers(0, 30), max_size=6), st.booleans(), TICKS)
def test_every_snapshot_comes_back_exactly(
    deeds: list[tuple[str, str, object]], back: list[int], anew: bool, tick: float
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        root, store = Path(name, "root"), Path(name, "store")
        root.mkdir()
        (Path(name) / "outside").write_bytes(b"never touched")
        snapshots = Snapshots(store, [root], limits=Limits(tick=tick))
        taken = [(snapshots.take().tree, state(root))]
        for deed, path, more in deeds:
            if deed == "take":
                taken.append((snapshots.take().tree, state(root)))
            else:
                do(root, deed, path, more)
        for number in [0, *back, len(taken) - 1]:
            tree, wanted = taken[number % len(taken)]
            if anew:
                snapshots.close()
                snapshots = Snapshots(store, [root], limits=Limits(tick=tick))
            before = state(root)
            gone = snapshots.restore(tree)
            assert state(root) == wanted
            assert gone.after == tree
            assert snapshots.restore(gone.before, gone.after).after == gone.before
            assert state(root) == before
            assert snapshots.restore(tree, gone.before).after == tree
            assert state(root) == wanted
        assert (Path(name) / "outside").read_bytes() == b"never touched"
        assert {tree for tree, _ in taken} == {tree for tree, _ in taken if snapshots.diff(tree, tree) == ()}
        snapshots.close()


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(DEEDS, max_size=12), st.lists(DEEDS, max_size=12), st.lists(DEEDS, max_size=6))
def test_what_the_user_changed_is_never_lost(
    first: list[tuple[str, str, object]], ours: list[tuple[str, str, object]], users: list[tuple[str, str, object]]
) -> None:
    """Without `force` each path is afterwards what the user made of it, or what it was before our changes."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        root = Path(name, "root")
        root.mkdir()
        snapshots = Snapshots(Path(name, "store"), [root])
        states, trees = [], []
        for deeds in (first, ours, users):
            for deed, path, more in deeds:
                if deed != "take":
                    do(root, deed, path, more)
            states.append(state(root))
            trees.append(snapshots.take().tree)
        start, last, now = states
        conflicts = {Path(path).relative_to(root) for path in snapshots.conflicts(trees[0], trees[1])}
        try:
            snapshots.restore(trees[0], trees[1])
        except ChangedSince as refused:
            assert {Path(path).relative_to(root) for path in refused.paths} == conflicts != set()
            assert state(root) == now
        else:
            assert not conflicts
            after = state(root)
            for path in start.keys() | last.keys() | now.keys():
                mine, theirs = last.get(path) != start.get(path), now.get(path) != last.get(path)
                if theirs and (now.get(path) or ("folder",))[0] != "folder":
                    assert after.get(path) == now.get(path) or after.get(path) == start.get(path) == now.get(path)
                elif mine and not theirs and (start.get(path) or ("folder",))[0] != "folder":
                    assert after.get(path) == start.get(path)
        snapshots.restore(trees[0], trees[1], force=True)
        snapshots.close()
