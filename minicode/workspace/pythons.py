"""Which Python a project's programs are run by."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from minicode.workspace.processes import Processes


def find_pythons(processes: Processes, *folders: Path) -> list[str]:
    """Those to try, never none: the project's own, in the first of the folders that has one; without it the user's, and
    as a last resort ours."""
    own = (str(folder / name / "bin" / "python") for folder in folders for name in (".venv", "venv", "env"))
    if found := next((python for python in own if os.access(python, os.X_OK)), ""):
        return [found]
    import shutil

    users = shutil.which("python3", path=processes.environment.get("PATH"))
    return list(dict.fromkeys(filter(None, (users, sys.executable))))
