"""What a snapshot is made of: trees of items, their bytes, and how two of them differ."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

# (kind, mode, ref): "f" a file, "l" a symbolic link, ref is the id of its content or target; "d" a folder, ref is the
# id of its tree; "s" something that is there but not kept, ref says why and, for a file, what tells it has changed.
# A plain tuple, since marshal, which keeps the index, knows no other.
Item = tuple[str, int, str]
Tree = dict[str, Item]
Load = Callable[[str], Tree]

FILE, LINK, FOLDER, SKIPPED = "f", "l", "d", "s"


class Change(NamedTuple):
    """What happened to one path between two snapshots.

    path: absolute. kind: "added", "removed", "changed", "mode" (only its permissions), "type" (a file became a folder,
    a link a file, …), "unkept" (it changed, but one side of it was not kept, so that it cannot be put back).
    """

    path: str
    kind: str
    before: Item | None
    after: Item | None


def encode(tree: Tree) -> bytes:
    """The bytes of a tree: the same for the same items, whatever their order."""
    rows = (f"{kind} {mode:o} {ref} {name}" for name, (kind, mode, ref) in sorted(tree.items()))
    return os.fsencode("\0".join(rows))


def decode(data: bytes) -> Tree:
    tree: Tree = {}
    for row in os.fsdecode(data).split("\0") if data else ():
        kind, mode, ref, name = row.split(" ", 3)
        tree[name] = (kind, int(mode, 8), ref)
    return tree


def differences(load: Load, before: Tree, after: Tree, folder: str = "") -> Iterator[Change]:
    """Every path that differs, a folder before what is in it. Costs what differs, not what is there."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        path = f"{folder}/{name}" if folder else name
        change = Change(path, _kind(old, new), old, new)
        inside_old = load(old[2]) if old and old[0] == FOLDER and change.kind != "unkept" else {}
        inside_new = load(new[2]) if new and new[0] == FOLDER and change.kind != "unkept" else {}
        if not (old and new and old[0] == new[0] == FOLDER and old[1] == new[1]):
            yield change
        yield from differences(load, inside_old, inside_new, path)


def _kind(old: Item | None, new: Item | None) -> str:
    if (old and old[0] == SKIPPED) or (new and new[0] == SKIPPED):
        return "unkept"
    if old is None or new is None:
        return "removed" if old else "added"
    if old[0] != new[0]:
        return "type"
    return "mode" if old[2] == new[2] or old[0] == FOLDER else "changed"


def find(load: Load, tree: Tree, path: str) -> Item | None:
    """The item at an absolute path; the skipped one it lies in, if there is such; None if nothing is there."""
    for root, item in tree.items():
        if path == root or path.startswith(root.rstrip("/") + "/"):
            for name in path[len(root) :].split("/"):
                if not name:
                    continue
                if item[0] != FOLDER:
                    return item if item[0] == SKIPPED else None
                inner = load(item[2]).get(name)
                if inner is None:
                    return None
                item = inner
            return item
    return None
