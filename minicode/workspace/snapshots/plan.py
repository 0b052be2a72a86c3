"""What must be done on the disk to go from one snapshot to another without touching what the user changed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from minicode.workspace.snapshots.trees import FOLDER, SKIPPED, Item, Load, Tree, differences, find


class Step(NamedTuple):
    """One path: what is there now, and what is to be there. None for nothing."""

    path: str
    now: Item | None
    then: Item | None


class Plan(NamedTuple):
    """conflicts: paths on the way that the user changed since. left: paths that cannot be put back, not being kept."""

    steps: tuple[Step, ...]
    conflicts: tuple[str, ...]
    left: tuple[str, ...]


def plan(load: Load, last: Tree, to: Tree, now: Tree, *, resuming: bool = False) -> Plan:
    """From `last`, where our own changes ended, to `to`; `now` is what the disk holds.

    What differs between `last` and `now` alone was changed by the user and stays. resuming: the way was begun before
    and cut: what is not there is no change of the user's.
    """
    changed = {change.path: change for change in differences(load, last, now)}
    steps: dict[str, Step] = {}
    conflicts: set[str] = set()
    left: list[str] = []
    for path, kind, _, then in differences(load, last, to):
        here = find(load, now, path)
        if kind == "unkept" or (here and here[0] == SKIPPED):
            left.append(path)
            continue
        if _same(here, then):
            continue
        inside = _inside(load, path, here, then)
        if any(item[0] == SKIPPED for item in inside.values()):
            left.append(path)
            continue
        if path in changed and not _harmless(here, then, resuming):
            conflicts.add(path)
        steps[path] = Step(path, here, then)
        if then is not None:
            for above in _missing_above(load, now, to, path):
                steps.setdefault(above.path, above)
                if above.now is not None and above.path in changed:
                    conflicts.add(above.path)
        conflicts.update(inside.keys() & changed.keys())
        for inner, item in inside.items():
            steps.setdefault(inner, Step(inner, item, None))
    return Plan(tuple(steps.values()), tuple(sorted(conflicts)), tuple(left))


def exactly(load: Load, now: Tree, to: Tree) -> Sequence[Step]:
    """The steps that make the disk what `to` is, whoever changed it."""
    return plan(load, now, to, now).steps


def _inside(load: Load, path: str, here: Item | None, then: Item | None) -> dict[str, Item]:
    """What is in a folder that must give way to a file. One that only goes away may stay if something is in it."""
    if not (here and here[0] == FOLDER and then and then[0] != FOLDER):
        return {}
    return {inner: item for inner, _, item, _ in differences(load, load(here[2]), {}, path) if item}


def _same(here: Item | None, then: Item | None) -> bool:
    if here and then and here[0] == then[0] == FOLDER:
        return here[1] == then[1]
    return here == then


def _harmless(here: Item | None, then: Item | None, resuming: bool) -> bool:
    """Nothing is lost by going on: there is nothing now, or only permissions of a folder differ."""
    return (here is None and resuming) or bool(here and then and here[0] == then[0] == FOLDER)


def _missing_above(load: Load, now: Tree, to: Tree, path: str) -> Iterator[Step]:
    """Folders above a path that are not there now, or not as folders."""
    above = path.rpartition("/")[0]
    while above and (then := find(load, to, above)) is not None:
        here = find(load, now, above)
        if here and here[0] == FOLDER:
            return
        yield Step(above, here, then)
        above = above.rpartition("/")[0]
