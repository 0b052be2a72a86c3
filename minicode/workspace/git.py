"""Our own git calls, made so that nothing in a repository can make git run a program or wait for a person."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from minicode.sandbox.policy import COMMIT, LOOK
from minicode.workspace.folder import Refused
from minicode.workspace.git_unread import leave_out, refuse_changed, stores_changes
from minicode.workspace.processes import HEAD, Finished
from minicode.workspace.workspace import Workspace

# Each of these names a program, or makes git start one, and a repository's own configuration may set it.
_OVERRIDES = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.editor=true",
    "core.askPass=true",
    "core.quotePath=false",
    "core.alternateRefsCommand=true",
    "safe.bareRepository=explicit",
    "diff.ignoreSubmodules=dirty",
    "submodule.recurse=false",
    "protocol.allow=never",
    "credential.helper=",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "log.showSignature=false",
    "gpg.program=true",
    "gpg.openpgp.program=true",
    "gpg.x509.program=true",
    "gpg.ssh.program=true",
    "status.submoduleSummary=false",
    "diff.submodule=short",
    "gc.auto=0",
    "maintenance.auto=false",
    "color.ui=false",
    "advice.detachedHead=false",
)
# Sections whose names the repository chooses cannot be overridden blindly; they are looked up, and given this instead.
_PROGRAMS = (
    r"^(filter\..*\.(clean|smudge|process|required)|merge\..*\.driver|diff\..*\.(textconv|command)"
    r"|hook\..*\.command|submodule\..*\.ignore|core\.worktree)$"
)
_INSTEAD = {"required": "false", "driver": "false", "command": "true", "textconv": "cat", "ignore": "dirty"}
# As `git lfs install --local` writes them. A filter is a shell line, so only the very words are known to be harmless.
_LFS = re.compile(r"git-lfs (clean|smudge|filter-process)( --skip)?( -- %f)?")
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    "GIT_ASKPASS": "true",
    "SSH_ASKPASS": "true",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C.UTF-8",
}


async def run_git(
    workspace: Workspace,
    arguments: Sequence[str],
    *,
    folder: Path | None = None,
    writes: bool = False,
    seconds: float = 60,
    keep: int = HEAD,
    by_rules: bool = False,
) -> Finished:
    """Run `git <arguments>` in the root or `folder`, hooks and every configured program off.

    writes: it may take locks and change the repository. The repository's own filters are looked up and turned off,
    those of git-lfs excepted. seconds, keep: see `Processes.run`. by_rules: leave out what rules keep from being read.
    Raises Refused if there is no git, if the work tree is not the repository's own folder, or if a rule is against it.
    """
    program = _program(workspace)
    folder = folder or workspace.root
    environment = {**_ENVIRONMENT, "GIT_OPTIONAL_LOCKS": "1" if writes else "0", "PATH": safe_path(workspace)}
    overrides = [word for override in _OVERRIDES for word in ("-c", override)]
    ask = partial(_ask, workspace, [program, *overrides], folder, environment)
    environment |= await _without_programs(ask, folder)
    if by_rules and (globs := workspace.processes.grant.unread):
        if stores_changes(arguments):
            changed = await ask(["diff", "--name-only", "-z", "--no-renames", "HEAD"])
            refuse_changed(arguments, os.fsdecode(changed.output).split("\0"), globs)
        arguments = leave_out(arguments, globs)
    return await workspace.processes.run(
        [program, *overrides, *arguments],
        folder,
        seconds=seconds,
        environment=environment,
        grant=COMMIT if writes else LOOK,
        errors_apart=True,
        keep=keep,
    )


async def _ask(
    workspace: Workspace, git: Sequence[str], folder: Path, environment: dict[str, str], arguments: Sequence[str]
) -> Finished:
    return await workspace.processes.run(
        [*git, *arguments], folder, seconds=10, environment=environment, grant=LOOK, errors_apart=True
    )


async def _without_programs(ask: Callable[[Sequence[str]], Awaitable[Finished]], folder: Path) -> dict[str, str]:
    """What turns off the programs which the repository itself has configured, and hooks whoever did.

    As environment, not as `-c key=value`: a key with a `=` in it would be cut there. Raises Refused if they cannot all
    be known, or if the work tree is a foreign one.
    """
    entries = _entries(await ask(["config", "--includes", "--show-scope", "-z", "--get-regexp", _PROGRAMS]))
    if any(key == "core.worktree" for _, key, _ in entries):
        _check_work_tree(await ask(["rev-parse", "--show-toplevel"]))
    # git obeys this file too, wherever in the repository it is started.
    named = next((top / ".gitmodules" for top in (folder, *folder.parents) if os.path.lexists(top / ".git")), None)
    if named is not None and named.exists():
        wanted = ["config", "--show-scope", "-z", "--file", str(named), "--get-regexp", r"^submodule\..*\.ignore$"]
        entries += _entries(await ask(wanted))
    keys = []
    for scope, key, value in entries:
        harmless = key == "core.worktree" or scope not in ("local", "worktree", "command") or _LFS.fullmatch(value)
        if key.startswith("hook.") or not harmless:
            keys.append(key)
    instead = {"GIT_CONFIG_COUNT": str(len(keys))}
    for number, key in enumerate(keys):
        instead[f"GIT_CONFIG_KEY_{number}"] = key
        instead[f"GIT_CONFIG_VALUE_{number}"] = _INSTEAD.get(key.rpartition(".")[2], "")
    return instead


def _entries(listed: Finished) -> list[tuple[str, str, str]]:
    """(scope, key, value) of each. 1 is "none"; 128 is a folder or a configuration for which git itself fails too."""
    if listed.code not in (0, 1, 128) or listed.ended or listed.total > HEAD:
        raise Refused("git was not run: what the repository's configuration would start cannot be found out.")
    fields = listed.output.decode("utf-8", "surrogateescape").split("\0")
    split = ((scope, *entry.partition("\n")[::2]) for scope, entry in zip(fields[::2], fields[1::2], strict=False))
    return [(scope, key, value) for scope, key, value in split]


def _check_work_tree(asked: Finished) -> None:
    """`core.worktree` of a repository can name any folder, to be shown or overwritten."""
    top = Path(os.fsdecode(asked.output.rstrip(b"\n")))
    if asked.code == 0 and not os.path.lexists(top / ".git"):
        raise Refused(f"The repository is set up to work in {top}, which is not its own folder; nothing was done.")


def git_problem(finished: Finished) -> str:
    """What git said about its failure, with the way out where git's own words are too long or point the wrong way."""
    said = finished.errors.decode("utf-8", "replace").strip()
    if finished.ended == "time":
        return "git took too long and was stopped."
    if "not a git repository" in said or "cannot use bare repository" in said:
        return "This folder is not in a git repository with a work tree. (`git init` in bash makes one.)"
    if "must be run in a work tree" in said:
        return "This is a bare repository: there is no work tree to act on."
    if "dubious ownership" in said:
        return "The repository belongs to another user, so git refuses to use it. The user has to decide about that."
    if "index.lock" in said:
        return (
            "Another git process holds .git/index.lock; nothing was done. Wait for it, or ask the user if it is stale."
        )
    if "does not have any commits yet" in said or "ambiguous argument 'HEAD'" in said:
        return "The repository has no commits yet."
    if "tell me who you are" in said:
        return "git does not know the author: the user has to set user.name and user.email."
    if "could not lock config file" in said or "could not write config file" in said:
        return "This would change the repository's configuration, which only the user may do."
    return said or finished.output.decode("utf-8", "replace").strip() or f"git ended with code {finished.code}."


def safe_path(workspace: Workspace) -> str:
    """PATH without relative folders and without those the workspace could have filled."""
    path = workspace.processes.environment.get("PATH", os.defpath)
    ours = (workspace.root, *workspace.folder.extra)

    def foreign(part: str) -> bool:
        return part.startswith("/") and not any(Path(os.path.realpath(part)).is_relative_to(base) for base in ours)

    return os.pathsep.join(filter(foreign, path.split(os.pathsep)))


def _program(workspace: Workspace) -> str:
    import shutil

    found = shutil.which("git", path=safe_path(workspace))
    if found is None:
        raise Refused("git is not installed here (not on PATH).")
    return found
