"""What holds a session: trust, the sandbox as measured, rules, hooks and secrets, put together from the settings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from minicode import paths
from minicode.errors import ConfigError, SandboxError, StorageError
from minicode.permission.values import Rules, Standing, Wish
from minicode.sandbox.box import Backend, Sandbox
from minicode.sandbox.places import secret_places, secrets_of_others
from minicode.sandbox.policy import NOTHING, Enforcement, Policy
from minicode.sandbox.probe import enforcement
from minicode.settings import Layered
from minicode.toolbox import Prepared
from minicode.workspace.folder import Folder, Refused
from minicode.workspace.guarded import guard
from minicode.workspace.job import line_in
from minicode.workspace.jobs import Jobs
from minicode.workspace.unread import find_unread

RULES = "permissions.json"  # what the user allowed for good, by project
MOST_SEEN = 20_000  # entries of a folder that one command would go through


class Contained(NamedTuple):
    """box: what commands start in. found: what was measured. waived: the user turned it off."""

    box: Sandbox
    policy: Policy
    found: Enforcement
    waived: bool

    @property
    def state(self) -> str:
        """As `Standing.contained`."""
        return "waived" if self.waived else "kernel" if self.found.holds else "none"

    def summary(self) -> dict[str, Any]:
        """For the `init` event and the journal."""
        found = self.found._asdict()
        return {
            "enforced": self.state == "kernel",
            "level": self.policy.level,
            "network_access": self.policy.network,
            **found,
            "missing": list(self.found.missing),
        }

    def words(self) -> str:
        """One short phrase for a person."""
        if self.waived:
            return "off: commands run with your rights"
        if not self.found.holds:
            return "NOT ENFORCED here"
        return f"{self.found.backend}, {self.policy.level}, network {'on' if self.policy.network else 'off'}"


def contain(
    layered: Layered, folder: Path, extra: Sequence[Path], places: paths.Places, session: str, *shown: Path
) -> Contained:
    """shown: the folders of long outputs, which may be read though our state is hidden.

    Raises SandboxError if a sandbox was asked for by name and cannot be had, ConfigError for a bad `hidden`.
    """
    s = layered.settings
    level = s.sandbox or "workspace-write"
    state = places.state
    own = (places.config.resolve(), state.resolve())
    named = secret_places(_home(), places.config, state, [*_asked_to_hide(layered, folder), *secrets_of_others()])
    policy = Policy(
        level=level,
        network=s.network == "on",
        roots=(folder, *extra),
        tmp=private_tmp(state, session),
        # Who works in such a folder by choice means to see it; what is ours stays closed.
        hidden=tuple(path for path in named if path in own or path not in (folder, *extra)),
        shown=(*_git_settings(_home()), *(place.resolve() for place in shown)),
        cache=_cache(state, folder),
    )
    if level == "off":
        return Contained(Sandbox(policy, NOTHING, Backend(), _home()), policy, NOTHING, True)

    def unread(patterns: Sequence[str]) -> tuple[Path, ...]:
        places, trouble = find_unread(policy.roots, patterns)
        if trouble:
            raise SandboxError(f"What the read rules forbid cannot all be kept from the command: {trouble}.")
        return places

    found, backend = enforcement(state if os.access(state, os.W_OK | os.X_OK) else policy.tmp)
    if folder == Path(folder.anchor):
        found = found._replace(writes="none", missing=(*found.missing, "The workspace is /: nothing lies outside it."))
    if "sandbox" in layered.origins and not found.holds:
        raise SandboxError(
            f"The sandbox {level} ({layered.origins['sandbox']}) cannot be enforced here: {' '.join(found.missing)} "
            "Mend that, or run without one by --sandbox off."
        )
    return Contained(Sandbox(policy, found, backend, _home(), unread), policy, found, False)


def _asked_to_hide(layered: Layered, folder: Path) -> list[Path]:
    where = f"{layered.origins.get('hidden', 'settings')}: hidden"
    found = []
    for name in layered.settings.hidden:
        if "\0" in name:
            raise ConfigError(f"{where}: {name!r} holds a NUL, so it cannot be a path. Mend or remove it.")
        try:
            found.append(folder / Path(name).expanduser())
        except RuntimeError:
            raise ConfigError(f"{where}: {name!r}: there is no such user here. Write the whole path.") from None
    return found


def standing(layered: Layered, contained: Contained, asks: bool, saved: tuple[str, ...]) -> Standing:
    """asks: can somebody be asked? saved: rules the user allowed for this project. Raises ConfigError for a bad one."""
    s = layered.settings
    rules = Rules((*s.permissions_allow, *saved), s.permissions_ask, s.permissions_deny)
    if any(rules):
        _check_rules(layered)
    mode = s.permission_mode or ("default" if asks else "auto")
    if contained.policy.level == "read-only" and mode != "bypassPermissions":
        mode = "plan"
    return Standing(mode, rules, contained.state, contained.policy.network, asks)  # type: ignore[arg-type]


def _check_rules(layered: Layered) -> None:
    from minicode.permission.rules import check  # dear, and most people have none

    for key in ("permissions_allow", "permissions_ask", "permissions_deny"):
        for rule in getattr(layered.settings, key):
            if wrong := check(rule):
                raise ConfigError(f"{layered.origins.get(key, 'settings')}: {key.replace('_', '.')}: {wrong}")


def look(
    folder: Folder,
    prepared: Prepared,
    jobs: Jobs | None = None,
    domain: Callable[[str, object], str] | None = None,
) -> Wish:
    """How a call looks to the rules. What is said to a job is its command with that as input, a
    command in another folder the line that goes there first. domain: `Web.domain`."""
    assert prepared.tool is not None  # a call without a tool has an error, and is not looked at
    tool, arguments, effect = prepared.tool.name, prepared.arguments, prepared.effect
    if tool == "task" and prepared.tool.origin == "shipped":
        effect = "state"  # whatever is done in it is looked at call by call
    if tool == "jobs" and prepared.effect == "runs" and jobs is not None:
        said = f"{arguments.get('text') or ''}{arguments.get('keys') or ''}"
        tool, arguments = "bash", {"command": jobs.spoken(arguments.get("id", 0), said)}
    elif tool == "bash" and arguments.get("cwd"):
        line = line_in(_shown(folder, arguments["cwd"]), str(arguments.get("command", "")))
        arguments = {**{name: value for name, value in arguments.items() if name != "cwd"}, "command": line}
    name = arguments.get("file_path") or arguments.get("path", "")
    searches = tool in ("grep", "glob", "outline", "map")
    names = [name or "."] if searches else [name]
    if tool == "apply_patch":
        from minicode.workspace.patching import paths_named

        names = [*paths_named(str(arguments.get("patch")))] or [""]
    seen = [_named(folder, name, prepared.effect) for name in names]
    (shown, guarded), *others = seen
    below = searches and bool(shown) and not folder.resolve(names[0]).is_file()
    return Wish(
        tool,
        effect,
        arguments,
        shown,
        guarded,
        below,
        lambda name, deep: not _own_programs(folder) and _seen(folder, name, deep),
        lambda patterns: find_unread((folder.root, *folder.extra), patterns).trouble,
        tuple(others),
        domain(tool, arguments.get("url", arguments.get("queries"))) if domain and prepared.effect == "web" else "",
    )


def _shown(folder: Folder, name: object) -> str:
    with suppress(Refused):  # the tool itself will say so
        return folder.show(folder.resolve(str(name)))
    return str(name)


def _named(folder: Folder, name: object, effect: str) -> tuple[str, str]:
    """A file that a call names, as `Wish.path` and `Wish.guarded`."""
    if isinstance(name, str) and name:
        with suppress(Refused):  # the tool itself will say so
            path = folder.resolve(name)
            return folder.show(path), guard(folder, path) if effect == "writes" else ""
    return "", ""


def _own_programs(folder: Folder) -> bool:
    """May a name, such as `ls`, start a program of the workspace?"""
    roots = (folder.root, *folder.extra)
    for place in os.environ.get("PATH", os.defpath).split(os.pathsep):
        real = Path(os.path.realpath(place or "."))
        if not Path(place).is_absolute() or any(real.is_relative_to(root) for root in roots):
            return True
    return False


def _seen(folder: Folder, name: str, deep: bool) -> bool:
    """`Sight` for a folder: is it inside, also by way of links, and not hidden, and is all that lies below it so?

    A folder of more than MOST_SEEN entries is not gone through: it is asked for.
    """
    try:
        path = folder.resolve(os.path.join(folder.root, name))  # noqa: PTH118 - `~` is only a name here
    except Refused:
        return False
    if not deep or not path.is_dir():
        return True
    if any(str(place).casefold().startswith(f"{path}/".casefold()) for place in folder.hidden):
        return False
    waiting, count = [str(path)], 0
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > MOST_SEEN or (entry.is_symlink() and not _seen(folder, entry.path, False)):
                        return False
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            return False
    return True


def saved_rules(state: Path, folder: Path) -> tuple[str, ...]:
    rules = _saved(state).get(paths.slug(folder), [])
    if not rules:
        return ()
    from minicode.permission.rules import check

    return tuple(rule for rule in rules if isinstance(rule, str) and not check(rule))


def save_rule(state: Path, folder: Path, rule: str) -> None:
    """Keep an allow rule for a project. It lies with the user, not in the project, which may only tighten.

    Raises StorageError.
    """
    every = _saved(state)
    mine = every.setdefault(paths.slug(folder), [])
    if rule not in mine:
        mine.append(rule)
    paths.write_private(state / RULES, json.dumps(every, indent=1).encode())


def drop_rule(state: Path, folder: Path, rule: str) -> None:
    """Forget a rule that `save_rule` kept. Harmless if there is none. Raises StorageError."""
    every = _saved(state)
    if rule in (mine := every.get(paths.slug(folder), [])):
        mine.remove(rule)
        paths.write_private(state / RULES, json.dumps(every, indent=1).encode())


def _saved(state: Path) -> dict[str, list[str]]:
    try:
        known = json.loads((state / RULES).read_bytes())
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, list)} if isinstance(known, dict) else {}


def private_tmp(state: Path, session: str) -> Path:
    """The folder that commands see as /tmp. Those of dead processes are swept on the way."""
    try:
        base = paths.private_dir(state / "tmp")
        for old in base.iterdir():
            if _dead(old.name.rpartition("-")[2]):
                sweep(old)
        return paths.private_dir(base / f"{session}-{os.getpid()}").resolve()
    except (OSError, StorageError):  # no state can be kept; commands still need a place
        import tempfile

        return Path(tempfile.mkdtemp(prefix="minicode-")).resolve()


def sweep(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _dead(pid: str) -> bool:
    return pid.isdigit() and not os.path.exists(f"/proc/{pid}") and os.path.exists("/proc/self")  # noqa: PTH110


def _git_settings(home: Path) -> tuple[Path, ...]:
    """git does not run where it may not read them, as in a HOME below a hidden /tmp."""
    found = (home / ".gitconfig", home / ".config" / "git")
    return tuple(path.resolve() for path in found if path.exists())


def _cache(state: Path, folder: Path) -> Path | None:
    try:
        return paths.private_dir(state / "cache" / paths.slug(folder)).resolve()
    except StorageError:
        return None


def _home(env: Mapping[str, str] = os.environ) -> Path:
    """The user's home as a real path, without HOME that of the password database."""
    home = env.get("HOME", "")
    if not home.startswith("/"):
        import pwd

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = "/nonexistent"
    return Path(home).resolve()
