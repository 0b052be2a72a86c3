"""One settings file: its bytes, its TOML, and the line each key stands on."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from minicode.errors import ConfigError

LARGEST = 1_000_000  # bytes


class SettingsFile(NamedTuple):
    path: Path
    text: str
    data: dict[str, Any]

    def where(self, shown: str, nth: int = 0) -> str:
        """`path:line` of a key. shown: as it is written, `table.key` inside a table; nth: of the tables of one name."""
        return f"{self.path}:{line_of(self.text, shown, nth)}"


def read(path: Path, *, own: bool, verify: Callable[[Path, bytes], None] | None = None) -> SettingsFile | None:
    """The file, None if there is none.

    own: it is the user's, and nobody else may be able to write it. verify: raises if these are not the bytes that were
    trusted. Raises ConfigError naming the file, and the line where there is one.
    """
    raw = _bytes(path, own)
    if raw is None:
        return None
    if verify is not None:
        verify(path, raw)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    import tomllib  # 40 ms, and most people have no file

    try:
        text = raw.decode()
        return SettingsFile(path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text.") from None
    except ValueError as error:  # TOMLDecodeError, or a number too long for Python
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: not valid TOML: {error}.") from None
    except RecursionError:
        raise ConfigError(f"{path}:1: not valid TOML: it is nested too deeply.") from None


def _bytes(path: Path, own: bool) -> bytes | None:
    try:
        # Not blocking: a pipe in this place would hold up every start.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise ConfigError(f"{path}: cannot be read (it is not a plain file).")
            if own:
                _must_be_ours(path, info)
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    if len(raw) > LARGEST:
        raise ConfigError(f"{path}: cannot be read (it has more than {LARGEST:,} bytes).")
    return raw


def _must_be_ours(path: Path, info: os.stat_result) -> None:
    import shlex

    quoted = shlex.quote(str(path))
    if info.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{path}: belongs to another user (uid {info.st_uid}), who could decide what minicode may do. If you wrote "
            f"it, run: chown {os.geteuid()} {quoted}"
        )
    if info.st_mode & 0o022:
        raise ConfigError(f"{path}: others can write it and so decide what minicode may do. Run: chmod go-w {quoted}")


def line_of(text: str, shown: str, nth: int = 0) -> int:
    """The line a key is set on; that of its table, or 1, if it cannot be told (TOML has many spellings)."""
    table, _, name = shown.rpartition(".")
    inside, near, met = not table, 1, 0
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            if header[1] == shown or header[1].startswith(f"{shown}."):
                return number
            inside = header[1] == table and met == nth
            met += header[1] == table
            near = number if inside else near
        elif (inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", line)) or re.match(
            rf"\s*{re.escape(shown)}\s*=", line
        ):
            return number
        elif table and re.match(rf"\s*[\"']?{re.escape(table)}[\"']?\s*=", line):
            near = number
    return near
