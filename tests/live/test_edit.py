"""A dictated edit by a real model, small as it may be: the plumbing, not the cleverness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "You edit files with the tool you have. When the file is changed, answer: done."
TASK = (
    "Call the tool edit once, with file_path calc.py, old_string `return a - b` and new_string `return a + b`. "
    "Then answer: done."
)
TEST = """import unittest
from calc import add

class Add(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
def test_a_dictated_edit(protocol: str, live_url: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (tmp_path / "test_calc.py").write_text(TEST)
    prompts = home / ".minicode" / "prompts"
    prompts.mkdir(parents=True)
    (prompts / "brief.md").write_text(SYSTEM)  # a laptop reads 2,000 tokens a minute: tell it little
    command = [sys.executable, "-m", "minicode", "run", TASK, "--json", "--max-turns", "4", "--system-prompt", "brief",
               "--allowed-tools", "edit", "--set", "temperature=0.3", "--set", "output_tokens=400",
               "--set", f"protocol={protocol}", "--set", "timeouts.first_byte=600", "-C", str(tmp_path)]  # fmt: skip
    env = {**os.environ, "MINIMAX_BASE_URL": live_url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    print(done.stdout, done.stderr)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    result = events[-1]
    assert result["type"] == "result"
    assert result["num_turns"] <= 4
    assert any(e["type"] == "tool_use" and e["name"] == "edit" for e in events)
    assert (tmp_path / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"
    tests = subprocess.run([sys.executable, "-m", "unittest", "-q"], cwd=tmp_path, capture_output=True, check=False)
    assert tests.returncode == 0
    assert result["num_turns"] >= 2
    assert result["usage"]["cache_read_input_tokens"] > 0
