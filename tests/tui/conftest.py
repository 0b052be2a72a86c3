"""The real program in a terminal: `terminal` and `tui` beside what the black box has."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name: str, path: Path) -> ModuleType:
    """A module of another folder of tests, which is no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


_box = load("minicode_black_box", ROOT / "tests/black_box/conftest.py")
_terminal = load("minicode_test_terminal", ROOT / "tests/tui/terminal.py")
program, rehearse, damaged, measured, bell = _box.program, _box.rehearse, _box.damaged, _box.measured, _box.bell
drive = load("minicode_test_driven", ROOT / "tests/tui/driven.py").drive


@pytest.fixture
def terminal(home: Path) -> Iterator[Callable[..., Any]]:
    """terminal(*command, cwd=…, **options) → a Terminal that is closed at the end of the test."""
    screens: list[Any] = []

    def start(*command: str, env: dict[str, str] | None = None, **options: Any) -> Any:
        own = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        own |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        screens.append(_terminal.Terminal(command, env=own | (env or {}), **options))
        return screens[-1]

    yield start
    for screen in screens:
        screen.close()


@pytest.fixture
def tui(program: Any, terminal: Callable[..., Any]) -> Callable[..., Any]:
    """tui(*arguments, server=…, env=…, **options) → a Terminal in which minicode starts, in the program's workspace."""

    def start(*arguments: str, server: Any = None, env: dict[str, str] | None = None, **options: Any) -> Any:
        base = {"MINIMAX_BASE_URL": f"{server.url}/anthropic"} if server else {}
        options.setdefault("cwd", program.workspace)
        return terminal(*program.command, *arguments, env=program.environment | base | (env or {}), **options)

    return start
