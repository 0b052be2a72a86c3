"""What was chosen on the screen and holds the next time: a small JSON file that nothing depends on."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from minicode.tui.drafts import write_private


class Kept:
    """theme: its name, "" if none was chosen."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values: dict[str, str] = {}
        with suppress(OSError, ValueError):
            found = json.loads(file.read_bytes()[: 2**16])
            if isinstance(found, dict):
                self._values = {key: value for key, value in found.items() if isinstance(value, str)}

    @property
    def theme(self) -> str:
        return self._values.get("theme", "")

    def put(self, name: str, value: str) -> None:
        """A choice that cannot be kept holds till the end."""
        self._values[name] = value
        with suppress(OSError):
            write_private(self._file, json.dumps(self._values, indent=1))
