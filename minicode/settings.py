"""Layered TOML (shipped, user, project, environment, flags) into one frozen value that knows where each part came from.

A settings file has the keys of `Settings`, flat, save the four clocks, which live in a table `[timeouts]`.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from minicode.errors import ConfigError, UsageError

PROTOCOLS = ("auto", "anthropic", "openai")
ENVIRONMENT = {
    "MINICODE_MODEL": "model",
    "MINICODE_PROTOCOL": "protocol",
    "MINIMAX_BASE_URL": "base_url",
}


def setting(default: Any, help: str, *, choices: tuple[str, ...] = (), least: float | None = None) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices, "least": least})


@dataclass(frozen=True, slots=True)
class Settings:
    model: str = setting("MiniMax-M2.7", "model id; any id is accepted")
    protocol: str = setting("auto", "which surface to speak", choices=PROTOCOLS)
    base_url: str = setting("https://api.minimax.io", "root of the endpoint, …/anthropic, …/v1 or a full path")
    temperature: float = setting(1.0, "sampling temperature, clamped into (0, 1]")
    output_tokens: int = setting(16384, "tokens a single reply may take, thinking included", least=1)
    max_turns: int = setting(0, "model calls a single prompt may take; 0 means no limit", least=0)
    max_budget_usd: float = setting(0.0, "money a run may cost; 0 means no limit", least=0)
    max_tokens: int = setting(0, "tokens a run may use, cached ones included; 0 means no limit", least=0)
    timeout: float = setting(0.0, "seconds a run may take; 0 means no limit", least=0)
    allowed_tools: tuple[str, ...] = setting((), "only these tools, if any are named")
    disallowed_tools: tuple[str, ...] = setting((), "never these tools")
    system_prompt: str = setting("system", "name of the prompt that tells M2 how to work, or the words themselves")
    append_system_prompt: str = setting("", "text put after it")
    instructions_bytes: int = setting(32768, "most bytes of AGENTS.md files that are read", least=0)
    timeouts_connect: float = setting(10.0, "seconds to connect", least=0.001)
    timeouts_first_byte: float = setting(120.0, "seconds until the first byte of an answer", least=0.001)
    timeouts_idle: float = setting(120.0, "seconds without any byte", least=0.001)
    timeouts_progress: float = setting(300.0, "seconds without content, pings not counted", least=0.001)


@dataclass(frozen=True, slots=True)
class Layered:
    """The settings in force, and the place each one came from (only those that are not shipped)."""

    settings: Settings
    origins: Mapping[str, str]


FIELDS = {f.name: f for f in fields(Settings)}
_TABLES = ("timeouts",)
_NEEDED = ("model", "base_url")
_OURS = ("base_url",)  # a project must not choose where the user's key and code go


def load(
    file: Path, flags: Mapping[str, Any], assignments: Iterable[str] = (), *, project: Path | None = None
) -> Layered:
    """Read the layers, weakest first.

    file: the user's. project: a trusted project's, None to read none. Either need not exist. flags: values given on
    the command line, None where not given. assignments: `key=value` texts of `--set`. Raises ConfigError naming file,
    line and key, or variable and key; UsageError for what the command line says.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for path in filter(None, (file, project)):
        for key, value in _read(path, () if path is file else _OURS).items():
            values[key], origins[key] = value, str(path)
    for variable, key in ENVIRONMENT.items():
        if text := os.environ.get(variable):
            values[key], origins[key] = _checked(key, text, f"${variable}"), f"${variable}"
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        where = f"--set {assignment}"
        if not equals:
            raise UsageError(f"{where}: write it as key=value.")
        key = key.strip().replace(".", "_")
        values[key], origins[key] = _checked(key, _literal(key, text.strip()), where), "--set"
    for key, value in flags.items():
        if value is not None and value != ():
            where = "--" + key.replace("_", "-")
            values[key], origins[key] = _checked(key, value, where), where
    return Layered(replace(Settings(), **values), origins)


def _read(path: Path, refused: tuple[str, ...]) -> dict[str, Any]:
    try:
        raw = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    import tomllib  # 40 ms, and most people have no file

    try:
        text = raw.decode()
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text.") from None
    except ValueError as error:  # TOMLDecodeError, or a number too long for Python
        line_found = re.search(r"at line (\d+)", str(error))
        line = int(line_found[1]) if line_found else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: not valid TOML: {error}.") from None
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if key in _TABLES and isinstance(value, dict):
            flat.update({f"{key}_{name}": (inner, f"{key}.{name}") for name, inner in value.items()})
        else:
            flat[key] = (value, key)
    for key in set(flat).intersection(refused):
        raise ConfigError(
            f"{path}:{_line_of(text, key)}: a project may not set `{key}`; set it in your own config.toml."
        )
    return {key: _checked(key, value, f"{path}:{_line_of(text, shown)}", shown) for key, (value, shown) in flat.items()}


def _line_of(text: str, shown: str) -> int:
    """The line a key is set on, 1 if it cannot be told (TOML has many spellings)."""
    table, _, name = shown.rpartition(".")
    inside, inline = not table, 1
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            if header[1] == shown or header[1].startswith(f"{shown}."):
                return number
            inside = header[1] == table
        elif (inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", line)) or re.match(
            rf"\s*{re.escape(shown)}\s*=", line
        ):
            return number
        elif table and re.match(rf"\s*[\"']?{re.escape(table)}[\"']?\s*=", line):
            inline = number
    return inline


def _checked(key: str, value: Any, where: str, shown: str = "") -> Any:
    shown = shown or key
    wrong = UsageError if where.startswith("--") else ConfigError
    if key in _TABLES:
        raise wrong(f"{where}: `{shown}` is a table: write [{shown}] and the keys below it.")
    if key not in FIELDS:
        near = get_close_matches(key, FIELDS, n=1)
        hint = f" Did you mean `{_spelt(near[0], shown)}`?" if near else " `minicode config` lists the keys."
        raise wrong(f"{where}: unknown key `{shown}`.{hint}")
    default, meta = FIELDS[key].default, FIELDS[key].metadata
    good, wanted = _fits(value, default)
    if good is None:
        raise wrong(f"{where}: `{shown}` must be {wanted}, not {value!r}.")
    if key in _NEEDED and not str(good).strip():
        raise wrong(f"{where}: `{shown}` must not be empty.")
    if meta["choices"] and good not in meta["choices"]:
        raise wrong(f"{where}: `{shown}` must be one of {', '.join(meta['choices'])}, not {value!r}.")
    if meta["least"] is not None and good < meta["least"]:
        raise wrong(f"{where}: `{shown}` must be at least {meta['least']:g}, not {value!r}.")
    return good


def _fits(value: Any, default: Any) -> tuple[Any, str]:
    """The value in the default's type, or None; and that type in words."""
    match default:
        case float():
            # nan, inf and what no float can hold are numbers to TOML, but no limit and no time
            ok = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
            return (float(value) if ok else None), "a number"
        case int():
            return (value if isinstance(value, int) and not isinstance(value, bool) else None), "a whole number"
        case str():
            return (value if isinstance(value, str) else None), "a text"
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    ok = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
    return (tuple(value) if ok else None), "a list of texts"


def _spelt(key: str, like: str) -> str:
    """The key as one who wrote `like` would write it."""
    table, _, name = key.partition("_")
    return f"{table}.{name}" if "." in like and table in _TABLES else key


def _literal(key: str, text: str) -> Any:
    """A `--set` value: a number where the setting is one and the text can be read so, else the text."""
    if key not in FIELDS or not isinstance(FIELDS[key].default, int | float):
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
