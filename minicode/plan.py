"""What the command line asked for, before anything dear is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """resume: None for a new session, "" for the folder's latest, else id or name.

    fork: go on in a new session that begins as the resumed one; that one stays as it is, and may be in use.
    trust: trust the folder for this once. asks: there is somebody who can be asked.
    """

    folder: Path | None = None
    extra: tuple[Path, ...] = ()
    resume: str | None = None
    fork: bool = False
    name: str | None = None
    ephemeral: bool = False
    trust: bool = False
    asks: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)
    assignments: tuple[str, ...] = ()
