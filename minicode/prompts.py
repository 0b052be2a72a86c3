"""Named texts for the model: one Markdown file each, from the shipped, the user's and a trusted project's folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from minicode.errors import ConfigError

_HOLE = re.compile(r"\{\{ *(\w+) *\}\}")


Verify = Callable[[Path, bytes], None]


def load(name: str, places: Sequence[Path], verify: Verify | None = None, /, **values: str) -> str:
    """Text `name`.md with its `{{ holes }}` filled; the last place that has it wins.

    Raises ConfigError for a name that is nowhere, a hole without a value, a file that cannot be read. A value without
    a hole is left out: a prompt of one's own need not use all of them. verify: raises unless the bytes of a file in the
    last place are those that were trusted.
    """
    for place in reversed(places):
        path = place / f"{name}.md"
        if path.is_file():
            return _filled(path, values, verify if place == places[-1] else None)
    names = sorted({p.stem for place in places for p in place.glob("*.md")})
    looked = ", ".join(str(p) for p in places)
    raise ConfigError(f"There is no prompt `{name}`. There are: {', '.join(names) or 'none'}. Looked in: {looked}.")


def _filled(path: Path, values: dict[str, str], verify: Verify | None) -> str:
    try:
        data = path.read_bytes()
        if verify is not None:
            verify(path, data)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error}).") from None

    def fill(hole: re.Match[str]) -> str:
        if hole[1] not in values:
            line = text[: hole.start()].count("\n") + 1
            known = ", ".join(sorted(values)) or "none"
            raise ConfigError(f"{path}:{line}: unknown hole `{hole[1]}`; this prompt may use: {known}.")
        return values[hole[1]]

    return _HOLE.sub(fill, text).strip()
