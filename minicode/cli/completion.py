"""`minicode completion`: the script by which a shell completes its words, and what those words can be.

What completes here runs at each press of Tab: it imports what it needs, and whatever goes wrong it says nothing.
"""

import os
import re
from collections.abc import Callable
from typing import Annotated

import typer

from minicode.errors import UsageError

_SHELLS = ("bash", "zsh", "fish", "powershell")
_MOST = 200  # sessions that are offered


def completion(
    shell: Annotated[str, typer.Argument(help=f"One of {', '.join(_SHELLS)}.", autocompletion=lambda: list(_SHELLS))],
) -> None:
    """Print the script that lets a shell complete minicode's words: eval "$(minicode completion bash)"."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer says not what it exports

    if shell not in _SHELLS:
        raise UsageError(f"There is no completion for {shell!r}: name one of {', '.join(_SHELLS)}.")
    print(get_completion_script(prog_name="minicode", complete_var="_MINICODE_COMPLETE", shell=shell))


def as_talk() -> None:
    """Flags in front of any command are those of the talk: the line is completed as if its word stood there."""
    for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS"):  # bash, and the other shells
        line, is_talk = re.subn(r"^(\S+)(\s+)(?=-)", r"\1\2chat\2", os.environ.get(name, ""))
        if is_talk:
            os.environ[name] = line
            os.environ["COMP_CWORD"] = str(int(os.environ.get("COMP_CWORD", "0")) + 1)


def one_of(*words: str) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def sessions(incomplete: str) -> list[tuple[str, str]]:
    """Ids of this folder's sessions, or of all if it has none that fits, the latest first, with what each is about."""
    from minicode import paths
    from minicode.journal.reader import summaries

    root, here = paths.places().sessions, paths.slug(paths.work_folder(None))
    for project in (here, None):
        found = [one for one in summaries(root, project) if one.id.startswith(incomplete)]
        if found:
            found.sort(key=lambda one: one.updated or one.started, reverse=True)
            # zsh evaluates what it is given, and a label can be the words of anybody.
            return [(one.id, re.sub(r"[^\w ,.+/-]+", " ", one.label)[:70]) for one in found[:_MOST]]
    return []


def models(incomplete: str) -> list[str]:
    from minicode.model.catalogue import models

    return [model.id for model in models() if model.id.startswith(incomplete)]
