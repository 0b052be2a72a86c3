"""Sessions on a real disk, and other processes that use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minicode.journal.writer import Journal
from minicode.messages import Json

ROOT = Path(__file__).parents[2]
HEADER: Json = {"folder": "/home/me/here", "minicode": "0.1.0", "name": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "here-0123456789ab"


@pytest.fixture
def session(folder: Path) -> Iterator[Journal]:
    """A journal with a system and a user entry, on disk."""
    journal = Journal.create(folder, HEADER)
    journal.append("system", {"prompt": "be good", "tools": [], "facts": {}})
    journal.append("user", {"text": "hello"})
    yield journal
    journal.close()


@pytest.fixture
def python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code in a process of its own that can import minicode; ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [*wrapper, sys.executable, "-c", code, *map(str, arguments)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env, cwd=ROOT))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()
