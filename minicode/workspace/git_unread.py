"""What the git tool does with files that rules keep from being read: leaves them out, or refuses."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from minicode.workspace.folder import Refused
from minicode.workspace.glob import covers, pathspecs

_RULES = "rules keep from being read"
_FILTERED = ("diff", "log", "show", "add")
_MAY_STAND = ("--amend", "--no-edit", "--allow-empty", "--no-verify", "-q", "--quiet", "-s", "--signoff")
_KEEP_NOTHING = ("list", "show", "pop", "apply", "drop", "clear", "branch")
_SHOWS_NO_OTHERS = re.compile(
    r"-n?\d*|-i|-L.*|--(no-ext-diff|no-textconv|oneline|graph|all|branches|tags|decorate|reverse|stat|shortstat|name-only"
    r"|name-status|abbrev-commit|no-merges|merges|first-parent|follow|(max-count|skip|format|pretty|author|committer|grep"
    r"|since|until|after|before|date)(=.*)?)",
    re.DOTALL,
)
_NAMES_ONLY = re.compile(r"show|--stat|--name-only|--name-status|(stash@\{)?\d+\}?")


def leave_out(arguments: Sequence[str], globs: Sequence[str]) -> list[str]:
    """The words of a git call, such that it shows and stores nothing that the globs are about, but for what was stored
    before and is asked for by its hash. Raises Refused where that cannot be had.
    """
    name, rest = arguments[0], arguments[1:]
    if name in ("diff", "log", "show", "blame"):
        _refuse_named(name, rest, _anywhere(globs))
    if name in ("status", "commit") and any(re.match(r"-[a-zA-Z]*v|--v", word) for word in _options(rest)):
        raise Refused(f"git {name} -v would show what {_RULES}.")
    if name == "stash" and rest[:1] == ["show"] and not all(map(_NAMES_ONLY.fullmatch, rest)):
        raise Refused(f"git stash show would show what {_RULES}; `--stat` lists the files.")
    if "--full-diff" in rest or (name == "restore" and any(word.startswith("--p") for word in rest)):
        raise Refused(f"git {name} with such an option would show what {_RULES}.")
    # `-L` shows one file, which was looked at, and does not go with what is appended below.
    plain = name == "log" and all(map(_SHOWS_NO_OTHERS.fullmatch, (word for word in rest if word.startswith("-"))))
    if name not in _FILTERED or plain:
        return [*arguments]
    # A commit of which all is left out is one still.
    whole = ["--full-history", "--sparse"] if name == "show" else []
    return [name, *whole, *rest, *pathspecs(globs)]


def stores_changes(arguments: Sequence[str]) -> bool:
    """May it store changes of files that nobody named to `git add`?"""
    name, rest = arguments[0], list(arguments[1:])
    if name == "stash":
        return rest[:1] == [] or rest[0] not in _KEEP_NOTHING
    if name != "commit":
        return False
    while rest:
        word = rest.pop(0)
        if word in ("-m", "--message"):
            rest[:1] = []
        elif word not in _MAY_STAND and not word.startswith(("-m", "--message=")):
            return True
    return False


def refuse_changed(arguments: Sequence[str], names: Sequence[str], globs: Sequence[str]) -> None:
    """names: of files with changes, as seen from the top of the repository."""
    untracked = arguments[0] == "stash" and any(re.match(r"-[a-z]*[ua]|--[ia]", word) for word in arguments[1:])
    kept = "files" if untracked else next(filter(_anywhere(globs), names), "")
    if kept:
        raise Refused(
            f"git {arguments[0]} would store changes of {kept} that {_RULES}. Add the others, and commit those."
        )


def _refuse_named(name: str, rest: Sequence[str], covered: Callable[[str], bool]) -> None:
    for word in rest:
        _, colon, path = word.rpartition(":")
        if name == "blame" and not word.startswith("-"):
            colon, path = ":", word
        if colon and not word.startswith(":(") and (covered(path) or name == "diff"):
            raise Refused(f"git {name} {word} would show what {_RULES}.")


def _anywhere(globs: Sequence[str]) -> Callable[[str], bool]:
    """Is it about this path, wherever in the repository the workspace lies?"""
    covered = covers(globs)

    def found(path: str) -> bool:
        parts = os.path.normpath(path).split("/")
        return any(covered("/".join(parts[at:])) for at in range(len(parts)))

    return found


def _options(rest: Sequence[str]) -> list[str]:
    return [word for at, word in enumerate(rest) if at == 0 or rest[at - 1] not in ("-m", "--message")]
