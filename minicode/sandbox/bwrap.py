"""What bubblewrap is told: a policy, a grant and what is on the disk, as arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from minicode.sandbox.places import GIT_KEPT, Protected
from minicode.sandbox.policy import Grant, Policy

_TMP = (Path("/tmp"), Path("/var/tmp"))
_RUN = Path("/run")
_KEPT_CAPABILITIES = ("CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN")
_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi")
# At the same path the later one wins: what protects goes over what gives.
_PRIVATE, _PIN, _SHOWN, _GIVEN, _KEPT, _MASKED = range(6)


class Seen(NamedTuple):
    """What was on the disk just before a launch; all of it exists, all paths are real.

    folders, files: those to hide. resolvers: what the network needs of /run. git_kept: what stays read-only in git
    folders that a grant opens. git_apart: git folders outside the roots that really belong to a worktree in them.
    """

    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    shown: tuple[Path, ...] = ()
    protected: Protected = Protected()
    sockets: tuple[Path, ...] = ()
    resolvers: tuple[Path, ...] = ()
    git_kept: tuple[Path, ...] = ()
    git_apart: tuple[Path, ...] = ()


class _Mount(NamedTuple):
    """Sorted by depth, then rank: a deeper place is mounted later and so is seen."""

    depth: int
    rank: int
    place: Path
    words: tuple[str, ...]
    writable: bool = False


class Plan(NamedTuple):
    """words: bwrap's options. writable: where they let a command write, as bwrap looks it up; those above others are
    left out. pinned: folders on the way to mounts, which cannot be renamed. private: what lies in the private folder on
    the way to mounts, from the top. In neither may there be a link.
    """

    words: tuple[str, ...]
    writable: tuple[Path, ...]
    pinned: tuple[Path, ...]
    private: tuple[Path, ...]


def plan(
    policy: Policy,
    grant: Grant,
    seen: Seen,
    *,
    steady: Collection[Path] | None = None,
    proc: bool = True,
    root: bool = False,
) -> Plan:
    """For one command, without --seccomp, --chdir and the command.

    steady: only these may be pinned; None for all.
    proc: may a new /proc be mounted? Some containers refuse it. root: does this process run as uid 0?
    """
    words = ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if not (policy.network or grant.network):
        words.append("--unshare-net")
    words += ["--ro-bind", "/", "/", "--dev", "/dev"]
    if proc:
        words += ["--proc", "/proc"]
        for name in _KERNEL:  # a new /proc lets root write there even without capabilities
            words += ["--ro-bind-try", name, name]
    mounts = _mounts(policy, grant, seen)
    pins, private = _pins(mounts, steady), _in_private(mounts, policy.tmp)
    mounts = sorted([*mounts, *pins])
    for mount in mounts:
        words += mount.words
    for mount in mounts:
        if mount.rank == _MASKED and mount.words[0] == "--tmpfs":
            words += ["--remount-ro", str(mount.place)]  # writing there fails, instead of being lost
    words += ["--cap-drop", "ALL"]
    if root:  # files of other owners are worked on as root is used to
        for name in _KEPT_CAPABILITIES:
            words += ["--cap-add", name]
    writable = {Path(mount.words[1]) for mount in mounts if mount.writable}
    writable.difference_update([folder for place in writable for folder in place.parents])
    return Plan(tuple(words), tuple(sorted(writable)), tuple(pin.place for pin in pins), private)


def _mounts(policy: Policy, grant: Grant, seen: Seen) -> list[_Mount]:
    writes = policy.level != "read-only" and grant.write
    opens_git = writes and grant.git
    mounts = [_bind(place, _PRIVATE, True, source=policy.tmp) for place in _TMP]
    mounts.append(_mask(_RUN, _PRIVATE))
    mounts += [_bind(place, _GIVEN, True) for place in (policy.tmp, policy.cache) if place is not None]
    mounts += [_bind(root, _GIVEN, writes) for root in policy.roots]
    mounts += [_bind(place, _SHOWN, False) for place in (*policy.shown, *seen.shown, *seen.resolvers)]
    if opens_git:
        mounts += [_bind(place, _GIVEN, True) for place in seen.git_apart]
    held = [*seen.protected.others, *(seen.git_kept if opens_git else seen.protected.git)]
    base = _shown(mounts)
    # What an empty folder covers anyway would only leave mount points in the private one.
    masks = [_mask(place) for place in seen.folders if not _hidden(place, base)]
    base = _shown([*mounts, *masks])
    # Only what could be written is made read-only: a link in the workspace must not bring back what is hidden.
    kept = [_bind(place, _KEPT, False) for place in held if _writable(place, base)]
    voids = [_nothing(place) for place in (*seen.files, *seen.sockets) if not _hidden(place, base)]
    return sorted({*mounts, *masks, *kept, *voids})


def _pins(mounts: Sequence[_Mount], steady: Collection[Path] | None) -> list[_Mount]:
    """The folders on the way to a mount, bound onto themselves where they are writable.

    Linux lets one rename a folder with a mount below it, and put a link in its place for the next command.
    """
    shown = _shown(mounts)
    pins: dict[Path, _Mount] = {}
    for mount in mounts:
        way = [*mount.place.parents]
        above = next((at for at, folder in enumerate(way) if folder in shown), None)
        if above is None or not (cover := shown[way[above]]).writable:
            continue
        for folder in way[:above]:
            if steady is None or folder in steady:
                source = Path(cover.words[1]) / folder.relative_to(cover.place)
                pins[folder] = _bind(folder, _PIN, True, source)
    return list(pins.values())


def _in_private(mounts: Sequence[_Mount], tmp: Path) -> tuple[Path, ...]:
    """The ways to mount points, and those themselves, as far as they lie in the private folder."""
    places = {mount.place for mount in mounts}
    found: dict[Path, None] = {}
    for place in sorted(places):
        top = next((folder for folder in place.parents if folder in places), None)
        if top in _TMP:
            names = place.relative_to(top).parts
            found.update({tmp.joinpath(*names[: count + 1]): None for count in range(len(names))})
    return tuple(found)


def _bind(place: Path, rank: int, writable: bool, source: Path | None = None) -> _Mount:
    # What has gone since it was looked at is left out by the -try: nothing is made on the host for it.
    how = "--bind" if writable else "--ro-bind"
    how += "-try" if rank in (_PIN, _SHOWN, _KEPT) else ""
    return _Mount(len(place.parts), rank, place, (how, str(source or place), str(place)), writable)


def _mask(folder: Path, rank: int = _MASKED) -> _Mount:
    return _Mount(len(folder.parts), rank, folder, ("--tmpfs", str(folder)))


def _nothing(file: Path) -> _Mount:
    return _Mount(len(file.parts), _MASKED, file, ("--ro-bind", "/dev/null", str(file)))


def _shown(mounts: Iterable[_Mount]) -> dict[Path, _Mount]:
    """At each place the mount that goes over the others there."""
    return {mount.place: mount for mount in sorted(mounts)}


def _cover(place: Path, shown: Mapping[Path, _Mount]) -> _Mount | None:
    """The mount that shows at this place."""
    return next((shown[folder] for folder in (place, *place.parents) if folder in shown), None)


def _writable(place: Path, shown: Mapping[Path, _Mount]) -> bool:
    cover = _cover(place, shown)
    return cover is not None and cover.writable


def _hidden(place: Path, shown: Mapping[Path, _Mount]) -> bool:
    cover = _cover(place, shown)
    return cover is not None and cover.rank in (_PRIVATE, _MASKED)


def kept_in(folders: Sequence[Path]) -> list[Path]:
    """Where in these git folders, their worktrees' and their modules' included, programs are named."""
    inner = [*folders]
    for folder in folders:
        for group in ("modules", "worktrees"):
            inner += [path.parent for path in sorted(folder.glob(f"{group}/**/HEAD"))]
    return [folder / name for folder in inner for name in GIT_KEPT]
