"""How much a root and its ignored folders hold, found out before any of it is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from minicode.workspace.folder import Refused
from minicode.workspace.snapshots import rules
from minicode.workspace.snapshots.looking import Sig, entries_of, open_below
from minicode.workspace.snapshots.rules import Ignored, Limits

DEPTH = 200


class TooLarge(Refused):
    """A root with more files than are watched at each step."""


class Budget:
    """What may be kept of a folder that git ignores."""

    def __init__(self, limits: Limits) -> None:
        self.count, self.bytes = limits.ignored_files, limits.ignored_bytes
        self._largest = limits.ignored_file

    def spend(self, sigs: Sequence[Sig]) -> None:
        """Raises OverBudget."""
        self.count -= len(sigs)
        self.bytes -= sum(sig[2] for sig in sigs if sig[2] <= self._largest and not stat.S_ISDIR(sig[0]))
        if self.count < 0 or self.bytes < 0:
            raise OverBudget


class OverBudget(Exception):
    pass


class Survey:
    """Looks at one root as a walk of it would, but reads nothing."""

    def __init__(self, root: str, hidden: frozenset[str], limits: Limits) -> None:
        self.ignored = Ignored(root)
        self._root, self._hidden, self._limits = root, hidden, limits

    def is_ignored(self, rel: str, *, folder: bool) -> bool:
        return self.ignored(f"{self._root}/{rel}", folder=folder)

    def is_made(self, rel: str, name: str, *, in_ignored: bool) -> bool:
        """Is a folder made by programs, and left out as a whole?"""
        return rules.is_made(name) or (rules.is_built(name) and (in_ignored or self.is_ignored(rel, folder=True)))

    def is_light(self, rel: str) -> bool:
        """Is an ignored folder small enough to be kept? Looks at no more of it than that needs."""
        budget = Budget(self._limits)
        try:
            for sigs in self._folders(rel, in_ignored=True):
                budget.spend(sigs)
        except OverBudget:
            return False
        return True

    def largest(self) -> int:
        """The size of files up to which all of them together stay within bounds. Raises TooLarge."""
        sizes: list[int] = []
        count = 0
        for sigs in self._folders("", in_ignored=False):
            count += len(sigs)
            check_count(self._root, count, self._limits)
            sizes += [sig[2] for sig in sigs if stat.S_ISREG(sig[0]) and sig[2] <= self._limits.file]
        total, largest = sum(sizes), self._limits.file
        for size in sorted(sizes, reverse=True):
            if total <= self._limits.tree:
                break
            total -= size
            largest = size - 1
        return largest

    def _folders(self, top: str, *, in_ignored: bool) -> Iterator[list[Sig]]:
        """The signatures of the entries of each folder that would be kept."""
        folders = [top]
        while folders:
            here = folders.pop()
            try:
                fd = open_below(self._root, here)
            except OSError:
                continue
            try:
                found = entries_of(fd)
            except OSError:
                continue
            finally:
                os.close(fd)
            if here and rules.marked({name for name, _ in found}):
                continue
            yield [sig for _, sig in found]
            for name, sig in found:
                rel = f"{here}/{name}" if here else name
                if stat.S_ISDIR(sig[0]) and self._goes_into(rel, name, in_ignored):
                    folders.append(rel)

    def _goes_into(self, rel: str, name: str, in_ignored: bool) -> bool:
        if rules.is_git(name) or rel.count("/") >= DEPTH or rel.casefold() in self._hidden:
            return False
        if self.is_made(rel, name, in_ignored=in_ignored):
            return False
        return in_ignored or not self.is_ignored(rel, folder=True) or self.is_light(rel)


def check_count(root: str, count: int, limits: Limits) -> None:
    """Raises TooLarge."""
    if count > limits.files:
        raise TooLarge(
            f"{root} has more than {limits.files:,} files: they are not kept and cannot be put back. Work in a folder "
            "below it to have that."
        )
