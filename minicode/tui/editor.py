"""Write the prompt in the user's own editor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from minicode.tui.chips import tidy


def edit(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Run $VISUAL, $EDITOR, vi or nano on a private file with the text, and return what was made of it.

    It needs the terminal, so the app has to be suspended, and it blocks. Raises ValueError with a sentence if there is
    no editor or it failed; the prompt is to stay as it was then.
    """
    import shutil
    import subprocess
    import tempfile

    words = _words(environment)
    if words is None:
        raise ValueError("No editor is set, and neither vi nor nano is here. Set EDITOR to the one you like.")
    if shutil.which(words[0], path=environment.get("PATH")) is None:
        raise ValueError(f"The editor {words[0]} is not found. Set VISUAL or EDITOR to one that is installed.")
    handle, name = tempfile.mkstemp(prefix="minicode-", suffix=".md")  # 0600
    file = Path(name)
    try:
        with open(handle, "wb") as out:  # noqa: PTH123 - of a descriptor
            out.write(text.encode("utf-8", "replace"))
        code = subprocess.run([*words, name], env=dict(environment), check=False).returncode
        if code:
            raise ValueError(f"{words[0]} ended with code {code}, so the prompt stays as it was.")
        return tidy(file.read_bytes().decode("utf-8", "replace")).removesuffix("\n")
    except OSError as error:
        raise ValueError(f"{words[0]} could not be used: {error.strerror}. The prompt stays as it was.") from None
    finally:
        with suppress(OSError):
            file.unlink()


def _words(environment: Mapping[str, str]) -> list[str] | None:
    import shlex
    import shutil

    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environment.get(name, ""))
        except ValueError:
            raise ValueError(f"{name} cannot be read as a command: a quote in it is not closed.") from None
        if words:
            return words
    return next(([name] for name in ("vi", "nano") if shutil.which(name, path=environment.get("PATH"))), None)
