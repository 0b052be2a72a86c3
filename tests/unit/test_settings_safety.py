"""Settings that decide what is safe: who may set them, that a project only tightens, hooks, and files of others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import ConfigError, UsageError
from minicode.permission import values
from minicode.sandbox import policy
from minicode.settings import HOOK_EVENTS, MODES, SANDBOXES, Hook, Settings, dotted, load

ROOT = Path(__file__).resolve().parents[2]
HOOK = '[[hooks]]\nevent = "Stop"\ncommand = "true"\n'


class Files:
    def __init__(self, folder: Path) -> None:
        self.user, self.project = folder / "config.toml", folder / "project.toml"

    def load(self, user: str = "", project: str = "", *assignments: str, **flags: Any) -> Settings:
        self.user.write_text(user)
        self.project.write_text(project)
        return load(self.user, flags, assignments, project=self.project).settings


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_what_is_shipped_is_safe() -> None:
    s = Settings()
    assert (s.permission_mode, s.sandbox, s.network, s.permissions_allow, s.hooks) == ("", "", "off", (), ())


def test_the_words_are_those_of_the_rooms_that_use_them() -> None:
    assert MODES == values.MODES
    assert SANDBOXES == policy.LEVELS


def test_values_of_the_users_file(files: Files) -> None:
    s = files.load(
        'permission_mode = "auto"\nsandbox = "off"\nnetwork = "on"\nhidden = ["~/notes"]\n'
        '[permissions]\nallow = ["bash(make *)"]\nask = []\ndeny = ["bash(rm *)", "write"]\n'
    )
    assert (s.permission_mode, s.sandbox, s.network, s.hidden) == ("auto", "off", "on", ("~/notes",))
    assert s.permissions_allow == ("bash(make *)",)
    assert s.permissions_deny == ("bash(rm *)", "write")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ('permission_mode = "yolo"', 1, "`permission_mode` must be one of plan, default, acceptEdits, auto, bypass"),
        ('\nsandbox = "none"', 2, "`sandbox` must be one of read-only, workspace-write, off, not 'none'."),
        ("network = true", 1, "`network` must be a text, not True."),
        ("[permissions]\nallow = [1]", 2, "`permissions.allow` must be a list of texts"),
        ("[permissions]\n\nalow = []", 3, "unknown key `permissions.alow`. Did you mean `permissions.allow`?"),
        ("permissions = 3", 1, "`permissions` is a table: write [permissions]"),
        ("hooks = 3", 1, "`hooks` are tables: write [[hooks]]"),
        ('hooks = ["x"]', 1, "`hooks` are tables: write [[hooks]]"),
        (HOOK + '[[hooks]]\n\ncommand = "x"', 4, "a hook needs `event`."),
        (HOOK + '[[hooks]]\nevent = "Stop"\n', 4, "a hook needs `command`."),
        (HOOK + '[[hooks]]\nevent = "Stop"\ncommand = " "', 6, "a hook needs `command`."),
        (HOOK + '[[hooks]]\ncommand = "x"\nevent = "stop"', 6, "`hooks.event` must be one of PreToolUse, "),
        (HOOK + "timeot = 3", 4, "unknown key `hooks.timeot`. Did you mean `hooks.timeout`?"),
        (HOOK + "trusted_fully = true", 4, "unknown key `hooks.trusted_fully`."),
        (HOOK + "timeout = 0", 4, "`hooks.timeout` must be more than 0, not 0."),
        (HOOK + 'timeout = "1"', 4, "`hooks.timeout` must be a number, not '1'."),
        (HOOK + "sandbox = 0", 4, "`hooks.sandbox` must be true or false, not 0."),
        (HOOK + 'matcher = "("', 4, "`hooks.matcher` is not a regular expression: "),
    ],
)
def test_a_mistake_is_named_with_its_line(files: Files, content: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        files.load(content)
    assert str(caught.value).startswith(f"{files.user}:{line}: {words}")


def test_hooks_of_both_are_added_and_know_where_they_are_from(files: Files) -> None:
    user = 'model = "m"\n[[hooks]]\nevent = "PreToolUse"\nmatcher = "Bash|edit"\ncommand = "check"\ntimeout = 5\n'
    s = files.load(user + "sandbox = false\n", HOOK)
    assert s.hooks == (
        Hook("PreToolUse", "check", "Bash|edit", 5.0, False, True),
        Hook("Stop", "true", trusted_fully=False),
    )
    assert len(HOOK_EVENTS) == 11


def test_lists_of_all_layers_are_added(files: Files) -> None:
    user = 'hidden = ["~/a"]\n[permissions]\nallow = ["read"]\nask = ["write"]\ndeny = ["bash(a)"]'
    project = 'hidden = ["b", "~/a"]\n[permissions]\nask = ["edit"]\ndeny = ["bash(b)"]'
    s = files.load(user, project, "permissions.allow=bash(ls, x), grep", "permissions.deny=bash(c)")
    assert s.permissions_allow == ("read", "bash(ls, x)", "grep")
    assert s.permissions_ask == ("write", "edit")
    assert s.permissions_deny == ("bash(a)", "bash(b)", "bash(c)")
    assert s.hidden == ("~/a", "b")
    origins = load(files.user, {}, ["hidden=c"], project=files.project).origins
    assert origins["hidden"] == f"{files.user}, {files.project}, --set"


@pytest.mark.parametrize(
    ("user", "project", "key"),
    [
        ("", 'sandbox = "off"', "sandbox"),
        ('sandbox = "off"', 'sandbox = "off"', "sandbox"),
        ("", 'network = "on"', "network"),
        ("", 'permission_mode = "auto"', "permission_mode"),
        ("", 'permission_mode = "bypassPermissions"', "permission_mode"),
        ("", 'permission_mode = "acceptEdits"', "permission_mode"),
        ("", 'permissions = {allow = ["bash"]}', "permissions.allow"),
        ("", HOOK + "sandbox = false", "hooks.sandbox"),
        ('allowed_tools = ["read"]', 'allowed_tools = ["read", "bash"]', "allowed_tools"),
        ('allowed_tools = ["read"]', "allowed_tools = []", "allowed_tools"),
    ],
)
def test_a_project_may_not_loosen(files: Files, user: str, project: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        files.load(user, "\n" + project)
    line = 5 if key == "hooks.sandbox" else 2
    assert str(caught.value).startswith(f"{files.project}:{line}: a project may not loosen `{key}`; ")
    assert load(files.project, {}).settings != Settings() or key == "allowed_tools", "the user may"


def test_a_project_may_not_say_where_the_key_goes(files: Files) -> None:
    with pytest.raises(ConfigError, match=r"project\.toml:1: a project may not set `base_url`"):
        files.load("", 'base_url = "https://elsewhere.example"')


@pytest.mark.parametrize(
    ("user", "project", "key", "value", "of_project"),
    [
        ('permission_mode = "auto"', 'permission_mode = "default"', "permission_mode", "default", True),
        ('permission_mode = "plan"', 'permission_mode = "default"', "permission_mode", "plan", False),
        ("", 'permission_mode = "plan"', "permission_mode", "plan", True),
        ('permission_mode = "plan"', 'permission_mode = ""', "permission_mode", "plan", False),
        ('sandbox = "off"', 'sandbox = "workspace-write"', "sandbox", "workspace-write", True),
        ('sandbox = "read-only"', 'sandbox = "workspace-write"', "sandbox", "read-only", False),
        ("", 'sandbox = "read-only"', "sandbox", "read-only", True),
        ('network = "on"', 'network = "off"', "network", "off", True),
        ("", 'allowed_tools = ["read"]', "allowed_tools", ("read",), True),
        ('allowed_tools = ["a", "b"]', 'allowed_tools = ["b"]', "allowed_tools", ("b",), True),
        ('disallowed_tools = ["a"]', 'disallowed_tools = ["b"]', "disallowed_tools", ("a", "b"), True),
        ('disallowed_tools = ["a"]', "disallowed_tools = []", "disallowed_tools", ("a",), False),
        ("max_budget_usd = 1", "max_budget_usd = 0", "max_budget_usd", 1.0, False),
        ("max_budget_usd = 1", "max_budget_usd = 2", "max_budget_usd", 1.0, False),
        ("max_turns = 9", "max_turns = 2", "max_turns", 2, True),
        ("", "max_turns = 2", "max_turns", 2, True),
    ],
)
def test_the_stricter_holds(files: Files, user: str, project: str, key: str, value: Any, of_project: bool) -> None:
    assert getattr(files.load(user, project), key) == value
    origins = load(files.user, {}, project=files.project).origins
    assert origins[key] == str(files.project if of_project else files.user)


def test_the_command_line_wins_over_both(files: Files) -> None:
    tight = 'sandbox = "read-only"\nnetwork = "off"\npermission_mode = "plan"'
    s = files.load(tight, tight, "network=on", sandbox="off", permission_mode="bypassPermissions")
    assert (s.sandbox, s.network, s.permission_mode) == ("off", "on", "bypassPermissions")
    with pytest.raises(UsageError, match="--sandbox: `sandbox` must be one of"):
        files.load(sandbox="on")
    with pytest.raises(UsageError, match="`hooks` are tables of a settings file"):
        files.load("", "", "hooks=x")


def test_only_the_judged_bytes_of_a_project_are_used(files: Files) -> None:
    files.project.write_text("what is [not even TOML")
    seen = []

    def verify(path: Path, data: bytes) -> None:
        seen.append((path, data))
        raise ConfigError("not what was trusted")

    with pytest.raises(ConfigError, match="not what was trusted"):
        load(files.user, {}, project=files.project, verify=verify)
    assert seen == [(files.project, b"what is [not even TOML")]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_users_file_that_others_can_write_is_refused(files: Files, mode: int) -> None:
    files.user.write_text("max_turns = 1")
    files.user.chmod(mode)
    with pytest.raises(ConfigError, match=r"others can write it .* Run: chmod go-w ") as caught:
        load(files.user, {})
    assert str(files.user) in str(caught.value)
    command = str(caught.value).partition("Run: ")[2]
    subprocess.run(command, shell=True, check=True)
    assert load(files.user, {}).settings.max_turns == 1, "what we tell them to run helps"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_users_file_of_somebody_else_is_refused(files: Files) -> None:
    files.user.write_text("max_turns = 1")
    os.chown(files.user, 65534, -1)
    with pytest.raises(ConfigError, match=r"belongs to another user \(uid 65534\).*chown 0 "):
        load(files.user, {})


def test_a_pipe_in_place_of_a_file_is_refused_at_once(files: Files) -> None:
    os.mkfifo(files.user)
    with pytest.raises(ConfigError, match="not a plain file"):
        load(files.user, {})


def test_a_file_nested_too_deeply_or_too_long_is_refused(files: Files) -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        files.load("hidden = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="more than 1,000,000 bytes"):
        files.load("#" * 1_000_001)


def test_a_dotenv_file_is_never_read(tmp_path: Path, home: Path) -> None:
    lines = "MINICODE_MODEL=evil\nMINIMAX_BASE_URL=https://evil.example\nMINICODE_HOME=evil\nMINIMAX_API_KEY=evil\n"
    for folder in (tmp_path, home, tmp_path / ".minicode"):
        folder.mkdir(exist_ok=True)
        (folder / ".env").write_text(lines)
    command = [sys.executable, "-m", "minicode", "config", "-C", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "evil" not in done.stdout + done.stderr
    assert f"# user's file: {home / '.minicode' / 'config.toml'}" in done.stdout


def test_keys_are_spelt_as_in_a_file() -> None:
    assert [dotted(k) for k in ("timeouts_idle", "permissions_allow", "permission_mode", "timeout")] == [
        "timeouts.idle",
        "permissions.allow",
        "permission_mode",
        "timeout",
    ]
