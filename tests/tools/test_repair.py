"""Calls as models write them, read as they were meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.repair import mend
from minicode.toolbox import Toolbox

EDIT = {"file_path": "f", "old_string": "a", "new_string": "b"}


@pytest.fixture
def schemas(toolbox: Toolbox) -> dict[str, Any]:
    return {spec.name: spec.schema for spec in toolbox.specs}


@pytest.mark.parametrize(
    ("name", "arguments", "tool", "final"),
    [
        # Claude Code
        ("Read", {"file_path": "f"}, "read", {"file_path": "f"}),
        ("Bash", {"command": "ls", "description": "List"}, "bash", {"command": "ls", "description": "List"}),
        ("TodoWrite", {"todos": [{"content": "a", "status": "pending", "activeForm": "A"}]}, "todo",
         {"todos": [{"content": "a", "status": "pending"}]}),
        # Anthropic's editor, SWE-agent, OpenHands, R2E
        ("str_replace_editor", {"command": "view", "path": "f", "view_range": [5, 9]}, "read",
         {"file_path": "f", "offset": 5, "limit": 5}),
        ("str_replace_editor", {"command": "view", "path": "f", "view_range": [5, -1]}, "read",
         {"file_path": "f", "offset": 5}),
        ("str_replace_based_edit_tool", {"command": "create", "path": "f", "file_text": "x"}, "write",
         {"file_path": "f", "content": "x"}),
        ("file_editor", {"command": "str_replace", "path": "f", "old_str": "a", "new_str": "b"}, "edit", EDIT),
        ("execute_bash", {"command": "ls", "is_input": "false"}, "bash", {"command": "ls"}),
        ("execute_bash", {"cmd": "ls"}, "bash", {"command": "ls"}),
        # Codex
        ("shell", {"command": ["bash", "-lc", "ls | wc"]}, "bash", {"command": "ls | wc"}),
        ("container.exec", {"cmd": ["grep", "a b", "f"]}, "bash", {"command": "grep 'a b' f"}),
        ("update_plan", {"plan": [{"step": "a", "status": "in_progress"}]}, "todo",
         {"todos": [{"content": "a", "status": "in_progress"}]}),
        # Gemini
        ("run_shell_command", {"command": "ls"}, "bash", {"command": "ls"}),
        ("read_file", {"absolute_path": "f", "offset": 3}, "read", {"file_path": "f", "offset": 3}),
        ("replace", EDIT, "edit", EDIT),
        ("search_file_content", {"pattern": "p", "include": "*.py"}, "grep", {"pattern": "p", "glob": "*.py"}),
        ("list_directory", {"path": "src"}, "glob", {"pattern": "*", "path": "src"}),
        # Kimi, Vibe, Cline, Cursor, opencode
        ("StrReplaceFile", {"path": "f", "edit": {"old": "a", "new": "b"}}, "edit", EDIT),
        ("ReadFile", {"path": "f", "line_offset": 2, "n_lines": 7}, "read",
         {"file_path": "f", "offset": 2, "limit": 7}),
        ("SetTodoList", {"todos": [{"title": "a", "status": "pending"}]}, "todo",
         {"todos": [{"content": "a", "status": "pending"}]}),
        ("write_to_file", {"path": "f", "content": "x"}, "write", {"file_path": "f", "content": "x"}),
        ("run_terminal_cmd", {"command": "ls"}, "bash", {"command": "ls"}),
        ("edit", {"filePath": "f", "oldString": "a", "newString": "b", "replaceAll": "true"}, "edit",
         {**EDIT, "replace_all": True}),
        # Prefixes, case, blanks, wrappers, typing errors
        ("functions.edit", EDIT, "edit", EDIT),
        (" EDIT ", EDIT, "edit", EDIT),
        ("RunTests", {"path": "tests"}, "run_tests", {"paths": ["tests"]}),
        ("bash", {"arguments": '{"command": "ls"}'}, "bash", {"command": "ls"}),
        ("bash", {"comand": "ls"}, "bash", {"command": "ls"}),
        ("git", {"command": "log -3"}, "git", {"args": ["log -3"]}),
        # Types
        ("read", {"file_path": "f", "offset": "5", "limit": 7.0}, "read", {"file_path": "f", "offset": 5, "limit": 7}),
        ("read", {"file_path": "f", "offset": "null", "limit": None}, "read", {"file_path": "f"}),
        ("grep", {"pattern": "p", "path": "null", "limit": "none"}, "grep", {"pattern": "p"}),
        ("grep", {"pattern": "none", "ignore_case": 0}, "grep", {"pattern": "none", "ignore_case": False}),
        ("grep", {"pattern": "p", "output_mode": "Files-With-Matches"}, "grep",
         {"pattern": "p", "output_mode": "files_with_matches"}),
        ("git", {"args": '["status", "--short"]'}, "git", {"args": ["status", "--short"]}),
        ("write", {"file_path": "f", "content": {"a": 1}}, "write", {"file_path": "f", "content": '{\n  "a": 1\n}'}),
        ("write", {"file_path": "f", "content": 5}, "write", {"file_path": "f", "content": "5"}),
    ],
)  # fmt: skip
def test_meant(schemas: dict[str, Any], name: str, arguments: dict[str, Any], tool: str, final: dict[str, Any]) -> None:
    mended = mend(name, arguments, schemas)
    assert (mended.name, mended.error) == (tool, None)
    assert mended.arguments == final


def test_what_is_right_is_not_mentioned(schemas: dict[str, Any]) -> None:
    assert mend("edit", EDIT, schemas).repairs == ()


def test_what_was_mended_is_told(schemas: dict[str, Any]) -> None:
    assert mend("Bash", {"cmd": "ls", "timeout": "5", "cats": 1}, schemas).repairs == (
        "`Bash` was read as the tool `bash`",
        "read `cmd` as `command`",
        "unknown parameter `cats` was ignored",
        "`timeout` was read as a whole number",
    )
    todos = [{"content": "a", "status": "Pending"}, {"content": "b", "status": "pending"}]
    (told,) = mend("todo", {"todos": todos}, schemas).repairs
    assert told.startswith("`status` was read as")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("bash", {}, ["`command` is missing", 'bash({"command": text, "timeout"?: a whole number']),
        ("read", {"file_path": None}, ["`file_path` must be text, not null"]),
        ("read", {"file_path": "f", "offset": "many"}, ["`offset` must be a whole number"]),
        ("read", {"file_path": "f", "offset": 1.5}, ["`offset` must be a whole number, not 1.5"]),
        ("edit", {**EDIT, "replace_all": "maybe"}, ["`replace_all` must be true or false, not 'maybe'"]),
        ("grep", {"pattern": "p", "output_mode": "lines"}, ['"content" or "files_with_matches" or "count"']),
        ("todo", {"todos": [{"content": "a"}]}, ["`status` is missing"]),
        (
            "str_replace_editor",
            {"command": "insert", "path": "f"},
            ["no tool `str_replace_editor`", "The tools are: apply_patch, ask_user, bash, edit"],
        ),
        ("raed", {}, ["There is no tool `raed`. Did you mean read?"]),
        ("x" * 500, {}, ["There is no tool `xxx"]),
    ],
)
def test_errors_say_what_would_be_right(
    schemas: dict[str, Any], name: str, arguments: dict[str, Any], words: list[str]
) -> None:
    mended = mend(name, arguments, schemas)
    assert mended.error is not None and len(mended.error) < 700
    for word in words:
        assert word in mended.error


def test_a_users_tool_keeps_its_names() -> None:
    own = {
        "shell": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]},
        "bash": {"type": "object", "properties": {"command": {"type": "string"}}},
    }
    assert mend("shell", {"cmd": "ls"}, own).name == "shell"
    renamed = mend("Shell", {"command": "ls"}, own)
    assert (renamed.name, renamed.arguments) == ("shell", {"cmd": "ls"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["read", "edit", "bash", "git", "todo", "grep", "str_replace_editor", "shell", "ls", "git_log"])
KEYS = st.sampled_from(
    ["command", "path", "file_path", "todos", "args", "offset", "replace_all", "view_range", "edit", "x"]
)


@given(NAMES | st.text(), st.dictionaries(KEYS | st.text(), JSON) | JSON)
def test_nothing_makes_it_raise(toolbox: Toolbox, name: str, arguments: Any) -> None:
    schemas = {spec.name: spec.schema for spec in toolbox.specs}
    mended = mend(name, arguments, schemas)
    if mended.error is None:
        schema = schemas[mended.name]
        assert set(schema.get("required", ())) <= set(mended.arguments) <= set(schema["properties"])


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 100_000, float("nan"), float("inf"), "1e999"])
def test_extreme_values(schemas: dict[str, Any], value: Any) -> None:
    for name, parameter in (("read", "offset"), ("git", "args"), ("todo", "todos"), ("bash", "timeout")):
        mend(name, {parameter: value}, schemas)
