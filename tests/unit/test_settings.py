"""Layers of settings: the stronger wins, each knows where it came from, each mistake is named with its place."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import ConfigError, UsageError
from minicode.settings import Layered, Settings, load

LONG_NUMBER = "9" * 5000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(file: Path, content: str | bytes) -> Layered:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load(file, {})


def test_without_layers_it_is_what_is_shipped(file: Path) -> None:
    layered = load(file, {"model": None, "allowed_tools": ()})
    assert layered == Layered(Settings(), {})
    with pytest.raises(FrozenInstanceError):
        layered.settings.model = "x"  # type: ignore[misc]


def test_each_layer_wins_over_those_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user, project = tmp_path / "user.toml", tmp_path / "project.toml"
    keys = ("max_turns", "model", "protocol", "base_url", "temperature")
    user.write_text('max_turns = 1\nmodel = "user"\nprotocol = "openai"\nbase_url = "user"\ntemperature = 0.1')
    project.write_text('model = "project"\nprotocol = "openai"\ntemperature = 0.2')
    monkeypatch.setenv("MINICODE_PROTOCOL", "anthropic")
    monkeypatch.setenv("MINIMAX_BASE_URL", "environment")
    monkeypatch.setenv("MINICODE_MODEL", "")  # an empty variable is none
    layered = load(user, {"temperature": 0.4}, ["base_url=assigned", "temperature=0.3"], project=project)
    assert {key: (getattr(layered.settings, key), layered.origins[key]) for key in keys} == {
        "max_turns": (1, str(user)),
        "model": ("project", str(project)),
        "protocol": ("anthropic", "$MINICODE_PROTOCOL"),
        "base_url": ("assigned", "--set"),
        "temperature": (0.4, "--temperature"),
    }
    assert set(layered.origins) == set(keys)
    assert layered.settings.max_tokens == Settings().max_tokens


@pytest.mark.parametrize(
    ("content", "key", "value"),
    [
        ('model = "any/thing"', "model", "any/thing"),
        ("temperature = 1", "temperature", 1.0),
        ("timeout = 0.5", "timeout", 0.5),
        ('allowed_tools = ["read", "grep"]', "allowed_tools", ("read", "grep")),
        ('allowed_tools = [\n  "read",\n  "grep",\n]', "allowed_tools", ("read", "grep")),
        ('allowed_tools = "read, grep,"', "allowed_tools", ("read", "grep")),
        ("allowed_tools = []", "allowed_tools", ()),
        ("[timeouts]\nconnect = 3", "timeouts_connect", 3.0),
        ("timeouts.idle = 3", "timeouts_idle", 3.0),
        ("timeouts = { progress = 3 }", "timeouts_progress", 3.0),
        ("max_turns = 0", "max_turns", 0),
        ("\ufeffmax_turns = 7\r\n", "max_turns", 7),
    ],
)
def test_values_of_a_file(file: Path, content: str, key: str, value: Any) -> None:
    layered = read(file, content)
    found = getattr(layered.settings, key)
    assert (found, type(found)) == (value, type(value))
    assert dict(layered.origins) == {key: str(file)}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("modle = 1", 1, "unknown key `modle`. Did you mean `model`?"),
        ("\n\nzzz = 1", 3, "unknown key `zzz`. `minicode config` lists the keys."),
        ("# model = 1\nmodel = 1", 2, "`model` must be a text, not 1."),
        ('\n"model" = 1', 2, "`model` must be a text, not 1."),
        ('max_turns = "many"', 1, "`max_turns` must be a whole number, not 'many'."),
        ("max_turns = 1.5", 1, "`max_turns` must be a whole number, not 1.5."),
        ("max_turns = true", 1, "`max_turns` must be a whole number, not True."),
        ("max_turns = -1", 1, "`max_turns` must be at least 0, not -1."),
        ("output_tokens = 0", 1, "`output_tokens` must be at least 1, not 0."),
        ("timeout = true", 1, "`timeout` must be a number, not True."),
        ("timeout = nan", 1, "`timeout` must be a number, not nan."),
        ("timeout = inf", 1, "`timeout` must be a number, not inf."),
        (f"timeout = {LONG_NUMBER[:400]}", 1, "`timeout` must be a number"),
        ('protocol = "grpc"', 1, "`protocol` must be one of auto, anthropic, openai, not 'grpc'."),
        ("allowed_tools = 3", 1, "`allowed_tools` must be a list of texts, not 3."),
        ('allowed_tools = ["read", 3]', 1, "`allowed_tools` must be a list of texts"),
        ("model = { id = 1 }", 1, "`model` must be a text"),
        ("\n[model]\nid = 1", 2, "`model` must be a text"),
        ("\n[zzz.inner]\na = 1", 2, "unknown key `zzz`"),
        ("timeouts = 3", 1, "`timeouts` is a table: write [timeouts] and the keys below it."),
        ('model = "m"\n[timeouts]\n\nconnect = "x"', 4, "`timeouts.connect` must be a number, not 'x'."),
        ("[timeouts]\nconnect = 0", 2, "`timeouts.connect` must be at least 0.001, not 0."),
        ("[timeouts]\nconect = 1", 2, "unknown key `timeouts.conect`. Did you mean `timeouts.connect`?"),
        ('\ntimeouts.idle = "x"', 2, "`timeouts.idle` must be a number"),
        ('\ntimeouts = { idle = "x" }', 2, "`timeouts.idle` must be a number"),
        ('[timeouts]\nidle = 1\n[other]\nmodel = "m"', 3, "unknown key `other`"),
        ('model = "a"\nmodel = "b"', 2, "not valid TOML: "),
        ('model = "a"\nwhat is this', 2, "not valid TOML: "),
        ('model = "a"\n\nallowed_tools = [', 3, "not valid TOML: "),
        (f"max_turns = {LONG_NUMBER}", 1, "not valid TOML: "),
        (b'model = "a"\n# \xff', 2, "not UTF-8 text."),
        ("# \u2028 is no new line\nzzz = 1", 2, "unknown key `zzz`"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(file: Path, content: str | bytes, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(file, content)
    assert str(caught.value).startswith(f"{file}:{line}: {words}")
    assert caught.value.exit_code == 52


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load(file, {})
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("variable", ["MINICODE_PROTOCOL"])
def test_a_mistake_in_the_environment_names_the_variable(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "grpc")
    with pytest.raises(ConfigError) as caught:
        load(Path("nowhere.toml"), {})
    assert str(caught.value) == f"${variable}: `protocol` must be one of auto, anthropic, openai, not 'grpc'."


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("max_turns=3", "max_turns", 3),
        (" max_turns = 3 ", "max_turns", 3),
        ("timeout=2", "timeout", 2.0),
        ("timeout=1e1", "timeout", 10.0),
        ("timeouts.connect=2.5", "timeouts_connect", 2.5),
        ("model=4", "model", "4"),
        ("model=a=b", "model", "a=b"),
        ("append_system_prompt=", "append_system_prompt", ""),
        ("allowed_tools=read, grep", "allowed_tools", ("read", "grep")),
        ("allowed_tools=", "allowed_tools", ()),
        ('web.allow=["localhost:1", "b"]', "web_allow", ("localhost:1", "b")),
    ],
)
def test_assignments(assignment: str, key: str, value: Any) -> None:
    layered = load(Path("nowhere.toml"), {}, [assignment])
    found = getattr(layered.settings, key)
    assert (found, type(found)) == (value, type(value))
    assert dict(layered.origins) == {key: "--set"}


@pytest.mark.parametrize(
    ("flags", "assignments", "words"),
    [
        ({}, ["max_turns"], "--set max_turns: write it as key=value."),
        ({}, ["turns=3"], "--set turns=3: unknown key `turns`."),
        ({}, ["max_turns=x"], "--set max_turns=x: `max_turns` must be a whole number, not 'x'."),
        ({}, ["max_turns="], "--set max_turns=: `max_turns` must be a whole number, not ''."),
        ({}, ["timeout=nan"], "--set timeout=nan: `timeout` must be a number, not nan."),
        ({}, [f"max_turns={LONG_NUMBER}"], f"--set max_turns={LONG_NUMBER}: `max_turns` must be a whole number"),
        ({"max_turns": -1}, [], "--max-turns: `max_turns` must be at least 0, not -1."),
    ],
)
def test_a_mistake_on_the_command_line_is_wrong_usage(
    flags: dict[str, Any], assignments: list[str], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(Path("nowhere.toml"), flags, assignments)
    assert str(caught.value).startswith(words)
    assert caught.value.exit_code == 2


def test_a_project_may_not_say_where_the_key_goes(tmp_path: Path) -> None:
    project = tmp_path / "config.toml"
    project.write_text('model = "M"\nbase_url = "https://evil.example"\n')
    with pytest.raises(ConfigError, match=r"config\.toml:2: a project may not set `base_url`"):
        load(tmp_path / "none.toml", {}, project=project)
    assert load(project, {}).settings.base_url == "https://evil.example", "the user may"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('model = " "', "`model` must not be empty"),
        ('base_url = ""', "`base_url` must not be empty"),
        ("timeouts = 3", r"`timeouts` is a table: write \[timeouts\]"),
    ],
)
def test_more_that_makes_no_sense(line: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(line)
    with pytest.raises(ConfigError, match=words):
        load(file, {})
