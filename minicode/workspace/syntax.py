"""The syntax errors that a change brought into a file, for the languages whose grammars are installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from minicode.sandbox.policy import LOOK
from minicode.text import clean
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

MOST_BYTES = 500_000  # of a file: what is larger is not checked
_SECONDS = 2.0
_MEMORY = 2**30
_SHOWN = 3
_CHILD = Path(__file__).with_name("syntax_child.py")
# A header may be of either language, and the other's grammar sees errors that are none.
_UNCLEAR = (".h",)


async def new_errors(workspace: Workspace, name: str, before: str, after: str) -> str:
    """One sentence on the errors that are in `after` and not in `before`; "" if there are none, or if nobody can tell.

    name: of the file, whose ending gives the language. Takes the tenth of a second, in another process.
    """
    from minicode.workspace.code.languages import binding, language_of, library

    language = language_of(name)
    if language is None or name.endswith(_UNCLEAR) or max(len(before), len(after)) > MOST_BYTES:
        return ""
    grammar = binding(language)
    if not grammar:
        return ""
    job = {
        "library": library(),
        "binding": grammar,
        "module": language.module,
        "function": language.function,
        "seconds": _SECONDS,
        "memory": _MEMORY,
        "before": before,
        "after": after,
    }
    try:
        finished = await workspace.processes.run(
            [sys.executable, "-I", "-S", str(_CHILD)],
            workspace.root,
            seconds=2 * _SECONDS,
            grant=LOOK,
            stdin=json.dumps(job).encode(),
            errors_apart=True,
        )
        faults = json.loads(finished.output) if finished.code == 0 else []
    except (Refused, ValueError):  # the change is made: what cannot be checked is not said to be wrong
        return ""
    if not faults:
        return ""
    told = [f"line {line}{f'-{last}' if last != line else ''}: {clean(words)}" for line, last, words in faults[:_SHOWN]]
    more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    kind = "a new syntax error" if len(faults) == 1 else "new syntax errors"
    return f"{name} has {kind} ({language.name}): {'; '.join(told)}{more}."
