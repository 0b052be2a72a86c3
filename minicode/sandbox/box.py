"""The sandbox of a session: turns a command into the launch that holds it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from minicode.errors import SandboxError
from minicode.sandbox import bwrap, seccomp
from minicode.sandbox.places import (
    Protected,
    host_sockets,
    is_below,
    is_real,
    programs_in_tmp,
    protected_places,
    worktree_links_back,
)
from minicode.sandbox.policy import COMMIT, Enforcement, Grant, Held, Launch, Policy

_BWRAPS = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap")
_UNSEEN = (Path("/tmp"), Path("/var/tmp"), Path("/run"))
# Of /run, systems that keep their programs there need these.
_RUN_PROGRAMS = (Path("/run/current-system"), Path("/run/opengl-driver"))
_RESOLVERS = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
_CACHES = {
    "GOCACHE": "go-build", "npm_config_cache": "npm", "PIP_CACHE_DIR": "pip", "UV_CACHE_DIR": "uv",
    "CCACHE_DIR": "ccache", "SCCACHE_DIR": "sccache", "YARN_CACHE_FOLDER": "yarn",
    "BUN_INSTALL_CACHE_DIR": "bun", "RUFF_CACHE_DIR": "ruff",
}  # fmt: skip
# Without the network the user's own store, which can be read, is worth more than an empty one.
_STORES = {"GOMODCACHE": "go-mod", "COMPOSER_CACHE_DIR": "composer"}
_PLAIN = Grant()


class Backend(NamedTuple):
    """What holds commands. kind: as in Enforcement. program: bwrap's path. proc: can it mount a new /proc?"""

    kind: str = "none"
    program: Path | None = None
    proc: bool = True


class Sandbox:
    """One policy, enforced by one backend.

    home: where the user's own settings are protected if it is a root. enforcement: what was measured of the backend.
    unread: finds what the globs of `Grant.unread` are about, as real paths; may raise SandboxError.
    """

    def __init__(
        self,
        policy: Policy,
        enforcement: Enforcement,
        backend: Backend,
        home: Path | None = None,
        unread: Callable[[Sequence[str]], tuple[Path, ...]] = lambda globs: (),
    ) -> None:
        self.policy = policy
        self.enforcement = enforcement
        self.backend = backend
        self._home = home or Path.home()
        self._filter = seccomp.program(unix_only=False) if backend.kind == "bwrap" else None
        self._protected: Protected | None = None
        self._programs: dict[tuple[str | None, ...], list[Path]] = {}  # by PATH and VIRTUAL_ENV
        self._unread = unread
        self._steady: dict[tuple[str, ...], frozenset[Path]] = {}  # by Grant.unread
        self._last: tuple[Grant, bwrap.Seen, bwrap.Plan] | None = None

    def launch(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], grant: Grant = _PLAIN
    ) -> Launch:
        """How `argv` is to be started in `folder`. The environment must be free of secrets: bwrap itself gets it.

        Raises SandboxError if what may be written is no longer where it was, or what it must not read is too much.
        """
        kind = self.backend.kind
        if self.policy.level == "off" or grant.host or kind == "none":
            return Launch(tuple(argv), dict(environment))
        _refuse_astray([place for place in (*self.policy.roots, self.policy.tmp, self.policy.cache) if place])
        environment = self._with_caches(environment, self.policy.network or grant.network)
        policy = self.policy
        if grant.unread:
            policy = policy._replace(hidden=(*policy.hidden, *self._unread(grant.unread)))
        network, write = policy.network or grant.network, policy.level != "read-only" and grant.write
        # Over /tmp only bubblewrap can put another.
        held = Held(network, write, bool(grant.unread), "/tmp" if kind == "bwrap" else "$TMPDIR")
        return self._launch(kind, argv, folder, environment, policy, grant)._replace(held=held)

    def _launch(
        self,
        kind: str,
        argv: Sequence[str],
        folder: Path,
        environment: dict[str, str],
        policy: Policy,
        grant: Grant,
    ) -> Launch:
        if kind == "bwrap":
            return self._bwrap(argv, folder, environment, policy, grant)
        # With the programs that lie in places which are hidden as a whole.
        policy = policy._replace(shown=(*policy.shown, *self._programs_of(environment)))
        if kind == "landlock":
            from minicode.sandbox import landlock

            return landlock.launch(argv, folder, environment, policy, grant)
        from minicode.sandbox import seatbelt

        protected = self.protected()
        places = (*protected.others, *(() if grant.git else protected.git))
        return seatbelt.launch(argv, folder, environment, policy, grant, places)

    def _programs_of(self, environment: Mapping[str, str]) -> list[Path]:
        named = environment.get("PATH"), environment.get("VIRTUAL_ENV")
        if named not in self._programs:
            found = [path for path in programs_in_tmp(environment) if not is_below(path, self.policy.roots)]
            self._programs[named] = [*found, *(path for path in _RUN_PROGRAMS if path.exists())]
        return self._programs[named]

    def protected(self, *, fresh: bool = False) -> Protected:
        """What is protected in the roots now. The walk for repositories below them is made once, or if `fresh`."""
        if self._protected is None or fresh:
            self._protected = protected_places(self.policy.roots, self._home)
            return self._protected
        top = protected_places(self.policy.roots, self._home, deep=False)
        git = dict.fromkeys([*top.git, *(path for path in self._protected.git if is_real(path))])
        self._protected = Protected(tuple(git), top.others)
        return self._protected

    def _bwrap(
        self, argv: Sequence[str], folder: Path, environment: dict[str, str], policy: Policy, grant: Grant
    ) -> Launch:
        for name in ("TMPDIR", "TMP", "TEMP"):
            if name in environment:
                environment[name] = "/tmp"
        seen = self._look(environment, policy, grant)
        if self._last is None or self._last[:2] != (grant, seen):  # mostly nothing has changed
            steady, root = self._pinned(environment, policy, grant), os.geteuid() == 0
            plan = bwrap.plan(policy, grant, seen, steady=steady, proc=self.backend.proc, root=root)
            self._last = grant, seen, plan
        plan = self._last[2]
        self._unlink_traps(plan)
        _refuse_astray(plan.writable)
        words = [str(self.backend.program), *plan.words]
        status = os.memfd_create("status")
        fds: tuple[int, ...] = (status,)
        words += ["--json-status-fd", str(status)]
        if self._filter is not None:
            fds += (_pipe_with(self._filter),)
            words += ["--seccomp", str(fds[-1])]
        words += ["--chdir", str(folder), "--", *argv]
        return Launch(tuple(words), environment, fds, monitor=True, status=status)

    def _pinned(self, environment: Mapping[str, str], policy: Policy, grant: Grant) -> frozenset[Path]:
        """What is pinned from the first command on.

        A running command could swap a folder that is pinned only later, just while bwrap looks at it.
        """
        if grant.unread not in self._steady:
            seen = self._look(environment, policy, COMMIT)
            plans = [bwrap.plan(policy, grant, seen) for grant in (_PLAIN, COMMIT)]
            self._steady[grant.unread] = frozenset(folder for plan in plans for folder in plan.pinned)
        return self._steady[grant.unread]

    def _look(self, environment: Mapping[str, str], policy: Policy, grant: Grant) -> bwrap.Seen:
        """What is on the disk now: it may have changed since the last command."""
        folders, files = _folders_and_files(policy.hidden)
        shown = self._programs_of(environment)
        resolvers: list[Path] = []
        if policy.network or grant.network:
            real = {Path(os.path.realpath(name)) for name in _RESOLVERS}
            resolvers = sorted(path for path in real if is_below(path, _UNSEEN) and path.exists())
        protected = self.protected()
        kept, apart = self._opened(protected.git) if grant.git else ([], [])
        return bwrap.Seen(
            folders,
            files,
            tuple(shown),
            protected,
            host_sockets(),
            tuple(resolvers),
            tuple(kept),
            tuple(apart),
        )

    def _opened(self, git: Iterable[Path]) -> tuple[list[Path], list[Path]]:
        """What stays read-only in git folders that may be written; and those of them that lie outside the roots."""
        folders = [path for path in git if path.is_dir()]
        files = [path for path in git if path.is_file()]
        apart = []
        for folder in folders:
            if not is_below(folder, self.policy.roots) and any(worktree_links_back(file, folder) for file in files):
                apart.append(folder)
                if folder.parent.name == "worktrees":
                    apart.append(folder.parent.parent)
        kept = [path for path in bwrap.kept_in(list(dict.fromkeys([*folders, *apart]))) if is_real(path)]
        return [*files, *kept], list(dict.fromkeys(apart))

    def _unlink_traps(self, plan: bwrap.Plan) -> None:
        """No link in the private /tmp may lead a mount below it astray; what is pinned there has to be there."""
        for part in plan.private:
            if os.path.islink(part):  # noqa: PTH114  (for each command)
                part.unlink()
            if not os.path.isdir(part.parent):  # noqa: PTH112
                part.parent.mkdir()

    def _with_caches(self, environment: Mapping[str, str], network: bool) -> dict[str, str]:
        if self.policy.cache is None:
            return dict(environment)
        names = _CACHES | (_STORES if network else {})
        return {name: str(self.policy.cache / folder) for name, folder in names.items()} | dict(environment)


def find_bwrap(roots: Iterable[Path] = ()) -> Path | None:
    """Bubblewrap as the system installed it: at a known place, root's, changed by nobody else. PATH is not asked."""
    for name in _BWRAPS:
        path = Path(os.path.realpath(name))
        if is_below(path, roots):
            continue
        try:
            about = [os.stat(place) for place in (path, *path.parents)]  # noqa: PTH116
        except OSError:
            continue
        ours = all(part.st_uid == 0 and not part.st_mode & 0o022 for part in about)
        if ours and stat.S_ISREG(about[0].st_mode) and os.access(path, os.X_OK):
            return path
    return None


def _refuse_astray(places: Iterable[Path]) -> None:
    """The kernel would follow a link that was put on the way to a place."""
    for place in places:
        if not is_real(place):
            raise SandboxError(
                f"{place} was moved, removed or replaced by a link, so no command can be held to it. "
                "Put it back, or start minicode again."
            )


def _folders_and_files(paths: Iterable[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    folders: list[Path] = []
    files: list[Path] = []
    for path in paths:
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116  (one call for three questions)
        except OSError:
            continue  # not there, or closed to us and so to the command
        # Its parents may have become links since.
        (folders if stat.S_ISDIR(mode) else files).append(Path(os.path.realpath(path)))
    return tuple(dict.fromkeys(folders)), tuple(dict.fromkeys(files))


def _pipe_with(data: bytes) -> int:
    """The reading end of a pipe that holds the data, which is far less than a pipe takes."""
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader
