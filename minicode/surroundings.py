"""What other agents say of where and with what variables a command is to run: put into its line, seen and judged."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any

from minicode.aliases import fold
from minicode.coercion import from_json

_PLACES = ("workdir", "cwd", "workingdirectory", "workingdir", "directory", "dirpath", "dir", "folder")
_VARIABLES = ("env", "environment", "envs", "envvars", "environmentvariables")


def variables(given: dict[str, Any], notes: list[str], known: Collection[str]) -> str:
    """Set them before the command: to leave them out would run another one. Gives why they cannot be, "" if they can.

    notes, known: as in `dialects.rewrite`.
    """
    key = next((key for key in given if fold(key) in _VARIABLES and key not in known), "")
    value = from_json(given[key]) if key and isinstance(given[key], str) else given.get(key)
    command = next((name for name in ("command", "cmd") if isinstance(given.get(name), str)), "")
    if not isinstance(value, Mapping) or not command:
        return ""
    if wrong := next((str(name) for name in value if not re.fullmatch(r"[A-Za-z_]\w*", str(name), re.ASCII)), ""):
        return f"`{wrong[:40]}` cannot be the name of a variable"
    del given[key]
    if value:
        words = (f"{name}={shlex.quote(str(one))}" for name, one in value.items())
        given[command] = f"export {' '.join(words)}; {given[command]}"
        notes.append(f"read `{key}` as an `export` before the command")
    return ""


def place_of(given: dict[str, Any], properties: Mapping[str, Any]) -> tuple[str, str]:
    """The parameter that names the folder a command is to run in, and the folder; taken out, for a shell without such
    a parameter: to leave it out would run the command in the wrong place."""
    if any(fold(name) in _PLACES for name in properties):
        return "", ""
    for key, value in given.items():
        if fold(key) in _PLACES and isinstance(value, str):
            del given[key]
            return key, "" if value.strip() in ("", ".", "./") else value
    return "", ""


def there(folder: str, command: str) -> str:
    plain = not re.search(r"[;&|\n]", command)
    return f"cd {shlex.quote(folder)} && {command}" if plain else f"cd {shlex.quote(folder)} || exit\n{command}"
