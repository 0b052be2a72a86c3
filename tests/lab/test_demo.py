"""The demo's repository is real, its bug is genuine, and its script fits it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import UsageError
from minicode.lab.demo import FAILING, RIGHT, WRONG, demo_script, make_demo
from minicode.lab.rehearsal import Rehearsal


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    make_demo(tmp_path / "demo")
    return tmp_path / "demo"


def test_the_repository_is_clean_and_the_same_each_time(demo: Path, tmp_path: Path) -> None:
    make_demo(tmp_path / "again")
    heads = [run(folder, "git", "rev-parse", "HEAD").stdout for folder in (demo, tmp_path / "again")]
    assert heads[0] and heads[0] == heads[1]
    assert run(demo, "git", "status", "--porcelain").stdout == ""
    assert run(demo, "git", "log", "--format=%an", "--all").stdout == "minicode demo\n"


@pytest.mark.parametrize("runner", ["unittest", "pytest"])
def test_one_test_fails_until_one_line_is_mended(demo: Path, runner: str) -> None:
    command = (sys.executable, "-m", runner)
    before = run(demo, *command)
    assert before.returncode and FAILING in before.stdout + before.stderr
    path = demo / "planner/intervals.py"
    assert path.read_text().count(WRONG) == 1
    path.write_text(path.read_text().replace(WRONG, RIGHT))
    after = run(demo, *command)
    assert after.returncode == 0, after.stdout + after.stderr


def test_folders_in_use_and_changed_repositories_are_refused(demo: Path) -> None:
    with pytest.raises(UsageError, match="not an empty folder"):
        make_demo(demo)
    (demo / "planner/calendar.py").write_text("")
    with pytest.raises(UsageError, match=r"calendar\.py is not as the demo made it"):
        demo_script(demo)


TOOLS = {
    "view": ["path"],
    "shell": ["command"],
    "replace": ["path", "old_string", "new_string"],
    "grep": ["pattern"],
}


def work(folder: Path, name: str, given: Any) -> str:
    """The least agent that can play the demo."""
    if name == "view":
        return (folder / given["path"]).read_text()
    if name == "grep":
        return run(folder, "grep", "-rn", given["pattern"], "--include=*.py", ".").stdout
    if name == "replace":
        path = folder / given["path"]
        path.write_text(path.read_text().replace(given["old_string"], given["new_string"]))
        return "done"
    done = run(folder, "sh", "-c", given["command"])
    return done.stdout + done.stderr


def play(demo: Path, one: Any, most: int = 20) -> str:
    for _ in range(most):
        status, body = one.send()
        if status != 200:
            return str(json.loads(body)["error"]["message"])
        content = json.loads(body)["content"]
        one.history.append({"role": "assistant", "content": content})
        calls = [b for b in content if b["type"] == "tool_use"]
        if not calls:
            return str(content[-1]["text"])
        results = [
            {"type": "tool_result", "tool_use_id": c["id"], "content": work(demo, c["name"], c["input"])} for c in calls
        ]
        one.history.append({"role": "user", "content": results})
    raise AssertionError("no end")


def tools(*names: str) -> list[Any]:
    schemas = {n: {"type": "object", "properties": {p: {} for p in TOOLS[n]}, "required": TOOLS[n]} for n in names}
    return [{"name": n, "input_schema": schema} for n, schema in schemas.items()]


def test_the_script_mends_the_repository_with_a_thought_in_every_step(demo: Path, client: Any) -> None:
    with Rehearsal(demo_script(demo)) as server:
        one = client(server.url, tools=tools(*TOOLS))
        assert "all 4 tests pass" in play(demo, one)
        assert server.over and not server.failures
    replies = [m["content"] for m in one.history if m["role"] == "assistant"]
    assert len(replies) == 7 and all(r[0]["type"] == "thinking" for r in replies)
    assert run(demo, sys.executable, "-m", "unittest").returncode == 0


def test_the_script_is_loud_when_the_edit_did_not_take(demo: Path, client: Any) -> None:
    with Rehearsal(demo_script(demo)) as server:
        one = client(server.url, tools=tools(*TOOLS))
        # The bug comes in a second disguise, which the script's edit does not fit.
        path = demo / "planner/calendar.py"
        path.write_text(path.read_text().replace("(meeting.start, meeting.end)", "(meeting.start, meeting.end - 1)"))
        said = play(demo, one)
    assert "the script expected something else at step 6" in said
    assert "expected the tool results to match" in server.failures[0]
