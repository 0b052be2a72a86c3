"""Layered TOML (shipped, user, project, environment, flags) into one frozen value that knows where each part came from.

A settings file has the keys of `Settings`, flat, save the tables `[timeouts]`, `[permissions]`, `[search]` and `[web]`
and the `[[hooks]]`.
A project's file may only make things stricter.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from minicode import settings_file
from minicode.errors import ConfigError, UsageError
from minicode.settings_file import SettingsFile

PROTOCOLS = ("auto", "anthropic", "openai")
# Each from the strictest to the loosest.
MODES = ("plan", "default", "acceptEdits", "auto", "bypassPermissions")
SANDBOXES = ("read-only", "workspace-write", "off")
NETWORKS = ("off", "on")
SEARCHES = ("auto", "searxng", "brave", "tavily", "minimax", "ddgs")
THINKING = ("folded", "live", "full")
DIFFS = ("auto", "unified", "split")
NOTICES = ("bell", "osc9", "both", "off")
HOOK_EVENTS = (
    "PreToolUse",
    "PostToolUse",
    "UserPromptSubmit",
    "Stop",
    "SubagentStart",
    "SubagentStop",
    "SessionStart",
    "SessionEnd",
    "PreCompact",
    "Notification",
    "PermissionRequest",
)
ENVIRONMENT = {
    "MINICODE_MODEL": "model",
    "MINICODE_PROTOCOL": "protocol",
    "MINIMAX_BASE_URL": "base_url",
}


class Hook(NamedTuple):
    """A command of the user's that is run when something happens.

    event: one of HOOK_EVENTS. matcher: a regex for the tool's name, "" for every tool. timeout: seconds. sandbox: it
    runs like the model's commands do. trusted_fully: it is from the user's own file.
    """

    event: str
    command: str
    matcher: str = ""
    timeout: float = 60.0
    sandbox: bool = True
    trusted_fully: bool = True


def setting(default: Any, help: str, *, choices: tuple[str, ...] = (), least: float | None = None) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices, "least": least})


@dataclass(frozen=True, slots=True)
class Settings:
    model: str = setting("MiniMax-M2.7", "model id; any id is accepted")
    protocol: str = setting("auto", "which surface to speak", choices=PROTOCOLS)
    base_url: str = setting("https://api.minimax.io", "root of the endpoint, …/anthropic, …/v1 or a full path")
    temperature: float = setting(1.0, "sampling temperature, clamped into (0, 1]")
    output_tokens: int = setting(16384, "tokens a single reply may take, thinking included", least=1)
    context_window: int = setting(0, "tokens the model can read; 0 means what is known of it", least=0)
    fold_at: float = setting(
        0.8, "part of the window at which old entries are folded; 0 means only when asked", least=0
    )
    titles: str = setting("local", "what a session's title is made by", choices=("local", "model"))
    snapshots: str = setting(
        "on", "keep the files before each step, so that a rewind can bring them back", choices=("on", "off")
    )
    verify: str = setting("", "a command that has to pass before M2 is done; auto: the project's tests")
    verify_tries: int = setting(3, "how often a failure of it goes back to M2, in a turn", least=0)
    max_turns: int = setting(0, "model calls a prompt may take, and a task (at most 50); 0 means no limit", least=0)
    max_budget_usd: float = setting(0.0, "money a run may cost; 0 means no limit", least=0)
    max_tokens: int = setting(0, "tokens a run may use, cached ones included; 0 means no limit", least=0)
    timeout: float = setting(0.0, "seconds a run may take; 0 means no limit", least=0)
    allowed_tools: tuple[str, ...] = setting((), "only these tools, if any are named")
    disallowed_tools: tuple[str, ...] = setting((), "never these tools")
    permission_mode: str = setting(
        "", "what is asked; empty: auto without a screen, else default", choices=("", *MODES)
    )
    sandbox: str = setting("", "what commands may change; empty: workspace-write if possible", choices=("", *SANDBOXES))
    network: str = setting("off", "whether commands may use it, and the web tools are there", choices=NETWORKS)
    search_provider: str = setting("auto", "what searches the web; auto: what is set up", choices=SEARCHES)
    search_url: str = setting("", "address of a SearXNG, or of what stands in for the provider")
    web_allow: tuple[str, ...] = setting((), "host:port that web_fetch may reach though it is no public place")
    hidden: tuple[str, ...] = setting((), "more paths that commands may not read")
    permissions_allow: tuple[str, ...] = setting((), "rules for what runs unasked")
    permissions_ask: tuple[str, ...] = setting((), "rules for what is asked; stronger than allow")
    permissions_deny: tuple[str, ...] = setting((), "rules for what never runs; stronger than all")
    hooks: tuple[Hook, ...] = setting((), "commands run when something happens")
    theme: str = setting("auto", "name of the screen's theme; auto: by what the terminal says of itself")
    thinking: str = setting("live", "how much of a thought is shown while it comes", choices=THINKING)
    diff: str = setting("auto", "how changes are shown; auto: split where there is room", choices=DIFFS)
    notify: str = setting("bell", "how the user is called who looks elsewhere", choices=NOTICES)
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
_TABLES = ("timeouts", "permissions", "search", "web")
_NEEDED = ("model", "base_url")
_OURS = ("base_url", "search_provider", "search_url", "web_allow")  # a project must not choose where keys and code go
_ADDED = ("permissions_allow", "permissions_ask", "permissions_deny", "hidden", "hooks")  # those of all layers hold
_ORDERS = {"permission_mode": MODES, "sandbox": SANDBOXES, "network": NETWORKS}
_LOOSE = {"permission_mode": ("acceptEdits", "auto", "bypassPermissions"), "sandbox": ("off",), "network": ("on",)}
_LIMITS = ("max_turns", "max_budget_usd", "max_tokens", "timeout")
_HOOK_KEYS: dict[str, Any] = {"event": "", "command": "", "matcher": "", "timeout": 60.0, "sandbox": True}


def load(
    file: Path,
    flags: Mapping[str, Any],
    assignments: Iterable[str] = (),
    *,
    project: Path | None = None,
    verify: Callable[[Path, bytes], None] | None = None,
) -> Layered:
    """Read the layers, weakest first.

    file: the user's. project: a trusted project's, None to read none. Either need not exist. verify: raises if the
    bytes of the project's file are not those that were trusted. flags: values given on the command line, None where
    not given. assignments: `key=value` texts of `--set`. Raises ConfigError naming file, line and key, or variable and
    key; UsageError for what the command line says.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def put(key: str, value: Any, origin: str) -> None:
        if key in _ADDED and values.get(key):
            value = tuple(dict.fromkeys((*values[key], *value)))
            origin = ", ".join(dict.fromkeys((*origins[key].split(", "), origin)))
        values[key], origins[key] = value, origin

    if found := settings_file.read(file, own=True):
        for key, value, _, _ in _entries(found, own=True):
            put(key, value, str(file))
    if project and (found := settings_file.read(project, own=False, verify=verify)):
        for key, value in _stricter(found, values):
            put(key, value, str(project))
    for variable, key in ENVIRONMENT.items():
        if text := os.environ.get(variable):
            put(key, _checked(key, text, f"${variable}"), f"${variable}")
    for assignment in assignments:
        put(*_assigned(assignment), "--set")
    for key, value in flags.items():
        if value is not None and value != ():
            where = "--" + key.replace("_", "-")
            put(key, _checked(key, value, where), where)
    return Layered(replace(Settings(), **values), origins)


def dotted(key: str) -> str:
    """The key as it is written in a file: `timeouts.idle`."""
    table, _, name = key.partition("_")
    return f"{table}.{name}" if table in _TABLES else key


def _entries(file: SettingsFile, own: bool) -> Iterable[tuple[str, Any, str, str]]:
    """Key, checked value, the key as it is shown, and `path:line`."""
    for key, value in file.data.items():
        if key == "hooks":
            yield key, _hooks(value, file, own), key, file.where(key)
        elif key in _TABLES and isinstance(value, dict):
            for name, inner in value.items():
                shown = f"{key}.{name}"
                yield f"{key}_{name}", _checked(f"{key}_{name}", inner, where := file.where(shown), shown), shown, where
        else:
            yield key, _checked(key, value, where := file.where(key)), key, where


def _stricter(file: SettingsFile, values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What a project's file changes of the user's `values`."""
    for key, value, shown, where in _entries(file, own=False):
        current = values.get(key, FIELDS[key].default)
        value = _tightened(key, value, current, shown, where)
        if value != current or key not in values:
            yield key, value


def _tightened(key: str, value: Any, current: Any, shown: str, where: str) -> Any:
    """What holds when a project says `value` where `current` held. Raises ConfigError if it would be looser."""
    if key in _OURS:
        raise ConfigError(f"{where}: a project may not set `{shown}`; set it in your own config.toml.")
    loose = key == "permissions_allow" and value
    loose = loose or (key == "allowed_tools" and current and (not value or set(value) - set(current)))
    if loose or value in _LOOSE.get(key, ()):
        raise ConfigError(f"{where}: a project may not loosen `{shown}`; set it in your own config.toml.")
    if order := _ORDERS.get(key):
        return min(value, current, key=lambda one: order.index(one) if one else len(order))
    if key in _LIMITS:
        return min(filter(None, (value, current)), default=0)
    if key == "disallowed_tools":
        return tuple(dict.fromkeys((*current, *value)))
    return value


def _hooks(value: Any, file: SettingsFile, own: bool) -> tuple[Hook, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ConfigError(f"{file.where('hooks')}: `hooks` are tables: write [[hooks]] and the keys below it.")
    return tuple(_hook(one, partial(file.where, nth=nth), own) for nth, one in enumerate(value))


def _hook(table: Mapping[str, Any], place: Callable[[str], str], own: bool) -> Hook:
    def where(key: str) -> str:
        return place(f"hooks.{key}")

    known: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _HOOK_KEYS:
            near = get_close_matches(key, _HOOK_KEYS, n=1)
            hint = f"Did you mean `hooks.{near[0]}`?" if near else f"A hook has {', '.join(_HOOK_KEYS)}."
            raise ConfigError(f"{where(key)}: unknown key `hooks.{key}`. {hint}")
        known[key], wanted = _fits(value, _HOOK_KEYS[key])
        if known[key] is None:
            raise ConfigError(f"{where(key)}: `hooks.{key}` must be {wanted}, not {value!r}.")
    for key in ("event", "command"):
        if not known.get(key, "").strip():
            raise ConfigError(f"{where(key)}: a hook needs `{key}`.")
    hook = Hook(**known, trusted_fully=own)
    if hook.event not in HOOK_EVENTS:
        raise ConfigError(
            f"{where('event')}: `hooks.event` must be one of {', '.join(HOOK_EVENTS)}, not {hook.event!r}."
        )
    if hook.timeout <= 0:
        raise ConfigError(f"{where('timeout')}: `hooks.timeout` must be more than 0, not {hook.timeout:g}.")
    try:
        re.compile(hook.matcher)
    except (re.error, RecursionError) as error:
        raise ConfigError(f"{where('matcher')}: `hooks.matcher` is not a regular expression: {error}.") from None
    if not (hook.sandbox or own):
        raise ConfigError(
            f"{where('sandbox')}: a project may not loosen `hooks.sandbox`; its hooks run in the sandbox."
        )
    return hook


def _checked(key: str, value: Any, where: str, shown: str = "") -> Any:
    shown = shown or key
    wrong = UsageError if where.startswith("--") else ConfigError
    if key in _TABLES:
        raise wrong(f"{where}: `{shown}` is a table: write [{shown}] and the keys below it.")
    if key == "hooks":
        raise wrong(f"{where}: `hooks` are tables of a settings file: write [[hooks]] and the keys below it there.")
    if key not in FIELDS:
        near = get_close_matches(key, FIELDS, n=1)
        hint = (
            f" Did you mean `{dotted(near[0]) if '.' in shown else near[0]}`?"
            if near
            else " `minicode config` lists the keys."
        )
        raise wrong(f"{where}: unknown key `{shown}`.{hint}")
    default, meta = FIELDS[key].default, FIELDS[key].metadata
    good, wanted = _fits(value, default)
    if good is None:
        raise wrong(f"{where}: `{shown}` must be {wanted}, not {value!r}.")
    if key in _NEEDED and not str(good).strip():
        raise wrong(f"{where}: `{shown}` must not be empty.")
    if meta["choices"] and good not in meta["choices"]:
        raise wrong(f"{where}: `{shown}` must be one of {', '.join(filter(None, meta['choices']))}, not {value!r}.")
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
        case bool():
            return (value if isinstance(value, bool) else None), "true or false"
        case int():
            return (value if isinstance(value, int) and not isinstance(value, bool) else None), "a whole number"
        case str():
            return (value if isinstance(value, str) else None), "a text"
    if isinstance(value, str) and value.startswith("["):  # a list as TOML has it, on the command line
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, str):
        parts = re.split(r",(?![^()]*\))", value)  # a comma inside `tool(pattern)` belongs to the pattern
        value = [part.strip() for part in parts if part.strip()]
    ok = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
    return (tuple(value) if ok else None), "a list of texts"


def _assigned(assignment: str) -> tuple[str, Any]:
    key, equals, text = assignment.partition("=")
    where = f"--set {assignment}"
    if not equals:
        raise UsageError(f"{where}: write it as key=value.")
    key = key.strip().replace(".", "_")
    return key, _checked(key, _literal(key, text.strip()), where)


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
