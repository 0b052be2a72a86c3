"""The corpus of drifted calls: what a model sent, what was meant, and which repairs are told. A row each."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from minicode.aliases import INSTEAD, PARAMETER_ROWS, TOOL_ALIASES, VALUE_ROWS, fold
from minicode.repair import OTHER, kind_of, mend

Json = dict[str, Any]


def takes(required: str, **types: Any) -> Json:
    """A schema: `name="integer"`, or the whole schema of a parameter."""
    properties = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in types.items()}
    return {"type": "object", "properties": properties, "required": required.split()}


TEXTS = {"type": "array", "items": {"type": "string"}}
ONE_EDIT = takes("old_string new_string", old_string="string", new_string="string", replace_all="boolean")
# The shipped tools in a fixed form, and some that a session may lack, so that no row depends on the day's wording.
TOOLS: dict[str, Json] = {
    "bash": takes(
        "command",
        command="string",
        timeout="integer",
        description="string",
        needs={"type": "string", "enum": ["network", "host"]},
        run_in_background="boolean",
    ),
    "read": takes("file_path", file_path="string", offset="integer", limit="integer"),
    "write": takes("file_path content", file_path="string", content="string"),
    "edit": takes(
        "file_path old_string new_string",
        file_path="string",
        old_string="string",
        new_string="string",
        replace_all="boolean",
        edits={"type": "array", "items": ONE_EDIT},
    ),
    "grep": takes(
        "pattern",
        pattern="string",
        path="string",
        glob="string",
        output_mode={"type": "string", "enum": ["content", "files_with_matches", "count"]},
        ignore_case="boolean",
        limit="integer",
    ),
    "glob": takes("pattern", pattern="string", path="string", limit="integer"),
    "todo": takes(
        "todos",
        todos={
            "type": "array",
            "items": takes(
                "content status",
                content="string",
                status={"type": "string", "enum": ["pending", "in_progress", "completed"]},
            ),
        },
    ),
    "jobs": takes(
        "",
        action={"type": "string", "enum": ["list", "read", "wait", "send", "stop"]},
        id="integer",
        pattern="string",
        text="string",
        seconds="integer",
    ),
    "git": takes("args", args=TEXTS),
    "run_tests": takes("", paths=TEXTS, timeout="integer"),
    "apply_patch": takes("patch", patch="string"),
    "python": takes("code", code="string"),
    "web_fetch": takes("url", url="string", query="string"),
    "share": takes("ratio", ratio="number", options="object"),
}

F, EDIT = {"file_path": "f"}, {"file_path": "f", "old_string": "a", "new_string": "b"}
TWO = [{"old_string": "a", "new_string": "b"}, {"old_string": "c", "new_string": "d"}]
TWICE = {**EDIT, "edits": TWO[1:]}
TOOL, NAME, TYPE, UNKNOWN, WRAP = (
    "other tool name",
    "other parameter name",
    "other type",
    "unknown parameter",
    "wrapped arguments",
)
MARKUP, CUT = "markup in a value", "may be cut"
Row = tuple[str, Any, str, Json, set[str]]

CLAUDE_CODE: list[Row] = [
    ("Read", F, "read", F, {TOOL}),
    ("Read", {**F, "offset": 5, "limit": 9}, "read", {**F, "offset": 5, "limit": 9}, {TOOL}),
    ("Read", {**F, "pages": "1-2"}, "read", F, {TOOL, UNKNOWN}),
    ("Write", {**F, "content": "x"}, "write", {**F, "content": "x"}, {TOOL}),
    ("Edit", EDIT, "edit", EDIT, {TOOL}),
    ("MultiEdit", {**F, "edits": TWO[:1]}, "edit", EDIT, {TOOL, OTHER}),
    ("MultiEdit", {**F, "edits": TWO}, "edit", TWICE, {TOOL, OTHER}),
    ("MultiEdit", {**F, "edits": str(TWO)}, "edit", TWICE, {TOOL, OTHER}),
    ("edit", TWICE, "edit", TWICE, set()),
    ("Bash", {"command": "ls", "timeout": 120000, "run_in_background": True}, "bash",
     {"command": "ls", "timeout": 120000, "run_in_background": True}, {TOOL}),
    ("Bash", {"command": "make", "dangerouslyDisableSandbox": True}, "bash", {"command": "make", "needs": "host"},
     {TOOL, NAME}),
    ("Bash", {"command": "make", "dangerouslyDisableSandbox": False}, "bash", {"command": "make"}, {TOOL, UNKNOWN}),
    ("BashOutput", {"bash_id": "3"}, "jobs", {"action": "read", "id": 3}, {TOOL, NAME, TYPE}),
    ("KillShell", {"shell_id": 3}, "jobs", {"action": "stop", "id": 3}, {TOOL, NAME}),
    ("TaskOutput", {"task_id": 3, "block": False}, "jobs", {"action": "read", "id": 3}, {TOOL, NAME}),
    ("TaskOutput", {"task_id": 3, "timeout": 30000}, "jobs", {"action": "wait", "id": 3, "seconds": 30}, {TOOL, NAME}),
    ("Grep", {"pattern": "p", "-i": True, "head_limit": 5}, "grep", {"pattern": "p", "ignore_case": True, "limit": 5},
     {TOOL, NAME}),
    ("Grep", {"pattern": "p", "type": "py"}, "grep", {"pattern": "p", "glob": "*.py"}, {TOOL, NAME}),
    ("Grep", {"pattern": "p", "-n": True, "-A": 3}, "grep", {"pattern": "p"}, {TOOL, UNKNOWN}),
    ("Glob", {"pattern": "*.py", "path": "src"}, "glob", {"pattern": "*.py", "path": "src"}, {TOOL}),
    ("LS", {"path": "src"}, "glob", {"pattern": "*", "path": "src"}, {TOOL}),
    ("TodoWrite", {"todos": [{"content": "a", "status": "pending", "activeForm": "A"}]}, "todo",
     {"todos": [{"content": "a", "status": "pending"}]}, {TOOL, UNKNOWN}),
    ("WebFetch", {"url": "u", "prompt": "q"}, "web_fetch", {"url": "u", "query": "q"}, {TOOL, NAME}),
]  # fmt: skip
CODEX: list[Row] = [
    ("shell", {"command": ["bash", "-lc", "ls | wc"]}, "bash", {"command": "ls | wc"}, {TOOL, TYPE}),
    ("shell", {"command": ["git", "log", "a b"]}, "bash", {"command": "git log 'a b'"}, {TOOL, TYPE}),
    ("shell", {"command": ["ls"], "workdir": ".", "timeout_ms": 5000}, "bash", {"command": "ls", "timeout": 5},
     {TOOL, NAME, TYPE}),
    ("shell", {"command": ["ls"], "workdir": "a b"}, "bash", {"command": "cd 'a b' && ls"}, {TOOL, NAME, TYPE}),
    ("shell_command", {"command": "ls; rm x", "workdir": "sub"}, "bash", {"command": "cd sub || exit\nls; rm x"},
     {TOOL, NAME}),
    ("shell_command", {"command": "ls", "login": True}, "bash", {"command": "ls"}, {TOOL}),
    ("exec_command", {"cmd": "ls", "shell": "/bin/zsh", "tty": False, "yield_time_ms": 1000}, "bash",
     {"command": "ls"}, {TOOL, NAME}),
    ("exec_command", {"cmd": "ls", "sandbox_permissions": "require_escalated", "justification": "why"}, "bash",
     {"command": "ls", "needs": "host", "description": "why"}, {TOOL, NAME}),
    ("shell", {"command": "ls", "with_escalated_permissions": True}, "bash", {"command": "ls", "needs": "host"},
     {TOOL, NAME}),
    ("container.exec", {"cmd": ["grep", "a b", "f"]}, "bash", {"command": "grep 'a b' f"}, {TOOL, NAME, TYPE}),
    ("write_stdin", {"session_id": 3, "chars": "y\n", "yield_time_ms": 100}, "jobs",
     {"action": "send", "id": 3, "text": "y\n"}, {TOOL, NAME}),
    ("write_stdin", {"session_id": 3, "chars": ""}, "jobs", {"action": "read", "id": 3}, {TOOL, NAME}),
    ("update_plan", {"explanation": "e", "plan": [{"step": "a", "status": "in_progress"}]}, "todo",
     {"todos": [{"content": "a", "status": "in_progress"}]}, {TOOL, NAME}),
    ("apply_patch", {"input": "*** Begin Patch"}, "apply_patch", {"patch": "*** Begin Patch"}, {NAME}),
    ("applypatch", {"patchText": "x"}, "apply_patch", {"patch": "x"}, {TOOL, NAME}),
    ("grep_files", {"pattern": "p", "include": "*.py", "path": "s", "limit": 3}, "grep",
     {"pattern": "p", "path": "s", "glob": "*.py", "limit": 3}, {TOOL, NAME}),
    ("list_dir", {"dir_path": "src", "depth": 2}, "glob", {"pattern": "*", "path": "src"}, {TOOL, NAME, UNKNOWN}),
]  # fmt: skip
GEMINI: list[Row] = [
    ("read_file", {"absolute_path": "f", "offset": 3}, "read", {**F, "offset": 3}, {TOOL, NAME}),
    ("read_file", {"file_path": "f", "start_line": 3, "end_line": 7}, "read", {**F, "offset": 3, "limit": 5},
     {TOOL, NAME}),
    ("read_many_files", {"include": ["f"]}, "read", F, {TOOL}),
    ("write_file", {"file_path": "f", "content": "x"}, "write", {**F, "content": "x"}, {TOOL}),
    ("replace", {**EDIT, "allow_multiple": True}, "edit", {**EDIT, "replace_all": True}, {TOOL, NAME}),
    ("replace", {**EDIT, "expected_replacements": 3}, "edit", {**EDIT, "replace_all": True}, {TOOL, NAME}),
    ("replace", {**EDIT, "expected_replacements": 1, "instruction": "i"}, "edit", EDIT, {TOOL, UNKNOWN}),
    ("run_shell_command", {"command": "ls", "dir_path": "sub", "is_background": True}, "bash",
     {"command": "cd sub && ls", "run_in_background": True}, {TOOL, NAME}),
    ("list_directory", {"dir_path": "src"}, "glob", {"pattern": "*", "path": "src"}, {TOOL, NAME}),
    ("search_file_content", {"pattern": "p", "include": "*.py"}, "grep", {"pattern": "p", "glob": "*.py"},
     {TOOL, NAME}),
    ("grep_search", {"pattern": "p", "dir_path": "s", "include_pattern": "*.c", "names_only": True}, "grep",
     {"pattern": "p", "path": "s", "glob": "*.c", "output_mode": "files_with_matches"}, {TOOL, NAME}),
    ("grep_search", {"pattern": "a.b", "fixed_strings": True}, "grep", {"pattern": "a\\.b"}, {TOOL, OTHER}),
    ("grep_search", {"pattern": "p", "case_sensitive": False}, "grep", {"pattern": "p", "ignore_case": True},
     {TOOL, NAME}),
    ("glob", {"pattern": "*.py", "dir_path": "s"}, "glob", {"pattern": "*.py", "path": "s"}, {NAME}),
    ("write_todos", {"todos": [{"description": "a", "status": "cancelled"}, {"description": "b", "status": "done"}]},
     "todo", {"todos": [{"content": "b", "status": "completed"}]}, {TOOL, NAME, TYPE, OTHER}),
    ("web_fetch", {"prompt": "q", "url": "u"}, "web_fetch", {"url": "u", "query": "q"}, {NAME}),
    ("default_api.read_file", {"file_path": "f"}, "read", F, {TOOL}),
]  # fmt: skip
EDITORS: list[Row] = [  # Anthropic, OpenHands, SWE-agent, R2E-Gym
    ("str_replace_editor", {"command": "view", "path": "f", "view_range": [5, 9]}, "read",
     {**F, "offset": 5, "limit": 5}, {TOOL, NAME}),
    ("str_replace_editor", {"command": "view", "path": "f", "view_range": [5, -1]}, "read", {**F, "offset": 5},
     {TOOL, NAME}),
    ("str_replace_editor", {"command": "create", "path": "f", "file_text": "x", "old_str": "", "view_range": []},
     "write", {**F, "content": "x"}, {TOOL, NAME}),
    ("str_replace_based_edit_tool", {"command": "str_replace", "path": "f", "old_str": "a", "new_str": "b"}, "edit",
     EDIT, {TOOL, NAME}),
    ("file_editor", {"command": "str_replace", "path": "f", "old_str": "a", "new_str": "b", "security_risk": "LOW"},
     "edit", EDIT, {TOOL, NAME, UNKNOWN}),
    ("developer__text_editor", {"command": "view", "path": "f"}, "read", F, {TOOL, NAME}),
    ("developer__shell", {"command": "ls"}, "bash", {"command": "ls"}, {TOOL}),
    ("execute_bash", {"command": "ls", "is_input": "false"}, "bash", {"command": "ls"}, {TOOL}),
    ("execute_bash", {"cmd": "ls"}, "bash", {"command": "ls"}, {TOOL, NAME}),
    ("terminal", {"command": "ls", "reset": False, "timeout": 5.0}, "bash", {"command": "ls", "timeout": 5},
     {TOOL, TYPE}),
    ("search", {"search_term": "p", "path": "s", "python_only": True}, "grep",
     {"pattern": "p", "path": "s", "glob": "*.py"}, {TOOL, NAME}),
    ("search_dir", {"search_term": "p", "dir": "s"}, "grep", {"pattern": "p", "path": "s"}, {TOOL, NAME}),
    ("find_file", {"file_name": "*.py", "dir": "s"}, "glob", {"pattern": "*.py", "path": "s"}, {TOOL, NAME}),
    ("open", {"path": "f", "line_number": 40}, "read", {**F, "offset": 40}, {TOOL, NAME}),
    ("create", {"filename": "f", "content": ""}, "write", {**F, "content": ""}, {TOOL, NAME}),
    ("task_tracker", {"command": "plan", "task_list": [{"title": "a", "status": "todo", "id": "1"}]}, "todo",
     {"todos": [{"content": "a", "status": "pending"}]}, {TOOL, NAME, TYPE, UNKNOWN}),
    ("execute_ipython_cell", {"code": "1"}, "python", {"code": "1"}, {TOOL}),
]  # fmt: skip
KIMI_VIBE: list[Row] = [
    ("ReadFile", {"path": "f", "line_offset": 2, "n_lines": 7}, "read", {**F, "offset": 2, "limit": 7}, {TOOL, NAME}),
    ("WriteFile", {"path": "f", "content": "x", "mode": "overwrite"}, "write", {**F, "content": "x"}, {TOOL, NAME}),
    ("StrReplaceFile", {"path": "f", "edit": {"old": "a", "new": "b"}}, "edit", EDIT, {TOOL, NAME}),
    ("StrReplaceFile", {"path": "f", "edit": [{"old": "a", "new": "b"}]}, "edit", EDIT, {TOOL, NAME}),
    ("StrReplaceFile", {"path": "f", "edit": [{"old": "a", "new": "b"}, {"old": "c", "new": "d"}]}, "edit",
     TWICE, {TOOL, NAME, OTHER}),
    ("Glob", {"pattern": "*.py", "directory": "s", "include_dirs": False}, "glob", {"pattern": "*.py", "path": "s"},
     {TOOL, NAME, UNKNOWN}),
    ("SetTodoList", {"todos": [{"title": "a", "status": "done"}]}, "todo",
     {"todos": [{"content": "a", "status": "completed"}]}, {TOOL, NAME, TYPE}),
    ("Shell", {"command": "ls", "timeout": 60}, "bash", {"command": "ls", "timeout": 60}, {TOOL}),
    ("FetchURL", {"url": "u"}, "web_fetch", {"url": "u"}, {TOOL}),
    ("read_file", {"path": "f", "offset": 0, "limit": 5}, "read", {**F, "offset": 0, "limit": 5}, {TOOL, NAME}),
    ("write_file", {"path": "f", "content": "x", "overwrite": True}, "write", {**F, "content": "x"}, {TOOL, NAME}),
    ("search_replace", {"file_path": "f", "content": "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE"}, "edit",
     EDIT, {TOOL, OTHER}),
    ("search_replace", {"file_path": "f", "content": "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"
     "<<<<<<< SEARCH\nc\n=======\nd\n>>>>>>> REPLACE\n"}, "edit", TWICE, {TOOL, OTHER}),
    ("grep", {"pattern": "p", "max_matches": 5, "use_default_ignore": True}, "grep", {"pattern": "p", "limit": 5},
     {NAME, UNKNOWN}),
    ("todo", {"action": "write", "todos": [{"id": "1", "content": "a", "status": "pending", "priority": "high"}]},
     "todo", {"todos": [{"content": "a", "status": "pending"}]}, {UNKNOWN}),
]  # fmt: skip
OTHERS: list[Row] = [  # Cline, Roo, Cursor, Copilot, opencode, Factory
    ("execute_command", {"command": "ls", "requires_approval": False}, "bash", {"command": "ls"}, {TOOL, UNKNOWN}),
    ("execute_command", {"command": "ls", "cwd": "sub"}, "bash", {"command": "cd sub && ls"}, {TOOL, NAME}),
    ("write_to_file", {"path": "f", "content": "x", "line_count": 1}, "write", {**F, "content": "x"}, {TOOL, NAME}),
    ("replace_in_file", {"path": "f", "diff": "------- SEARCH\na\n=======\nb\n+++++++ REPLACE"}, "edit",
     EDIT, {TOOL, NAME, OTHER}),
    ("search_files", {"path": "s", "regex": "p", "file_pattern": "*.py"}, "grep",
     {"pattern": "p", "path": "s", "glob": "*.py"}, {TOOL, NAME}),
    ("list_files", {"path": "s", "recursive": "true"}, "glob", {"pattern": "*", "path": "s"}, {TOOL, UNKNOWN}),
    ("read_file", {"args": [{"path": "f"}]}, "read", F, {TOOL, NAME}),
    ("update_todo_list", {"todos": "[x] a\n[-] b\n[ ] c"}, "todo",
     {"todos": [{"content": "a", "status": "completed"}, {"content": "b", "status": "in_progress"},
                {"content": "c", "status": "pending"}]}, {TOOL, TYPE}),
    ("read_file", {"target_file": "f", "should_read_entire_file": True, "start_line_one_indexed": 1,
                   "end_line_one_indexed_inclusive": 9}, "read", F, {TOOL, NAME}),
    ("read_file", {"target_file": "f", "start_line_one_indexed": 4, "end_line_one_indexed_inclusive": 9}, "read",
     {**F, "offset": 4, "limit": 6}, {TOOL, NAME}),
    ("run_terminal_cmd", {"command": "ls", "is_background": False, "explanation": "e"}, "bash",
     {"command": "ls", "description": "e", "run_in_background": False}, {TOOL, NAME}),
    ("file_search", {"query": "*.py"}, "glob", {"pattern": "*.py"}, {TOOL, NAME}),
    ("readFile", {"filePath": "f", "startLine": 2, "endLine": 3}, "read", {**F, "offset": 2, "limit": 2}, {TOOL, NAME}),
    ("run_in_terminal", {"command": "ls", "explanation": "e", "isBackground": True}, "bash",
     {"command": "ls", "description": "e", "run_in_background": True}, {TOOL, NAME}),
    ("replace_string_in_file", {"filePath": "f", "oldString": "a", "newString": "b"}, "edit", EDIT, {TOOL, NAME}),
    ("manage_todo_list", {"operation": "write", "todoList": [{"id": 1, "title": "a", "status": "not-started"}]},
     "todo", {"todos": [{"content": "a", "status": "pending"}]}, {TOOL, NAME, TYPE, UNKNOWN}),
    ("grep_search", {"query": "a.b", "isRegexp": False, "includePattern": "*.py"}, "grep",
     {"pattern": "a\\.b", "glob": "*.py"}, {TOOL, NAME, OTHER}),
    ("edit", {"filePath": "f", "oldString": "a", "newString": "b", "replaceAll": "true"}, "edit",
     {**EDIT, "replace_all": True}, {NAME, TYPE}),
    ("Edit", {"file_path": "f", "old_str": "a", "new_str": "b", "change_all": True}, "edit",
     {**EDIT, "replace_all": True}, {TOOL, NAME}),
    ("Execute", {"command": "ls"}, "bash", {"command": "ls"}, {TOOL}),
    ("git_status", {}, "git", {"args": ["status"]}, {TOOL}),
    ("git_log", {"args": ["-3"]}, "git", {"args": ["log", "-3"]}, {TOOL}),
]  # fmt: skip
NAMES: list[Row] = [
    *[(name, F, "read", F, {TOOL}) for name in (
        "functions.read", "functions.read:0", "FUNCTIONS.READ", "tools.read", "tool:read", "default_api:read",
        "minicode.read", "mcp__minicode__read", " read", "read\n", "`read`", '"read"', "READ", "re_ad", "read>",
        "read()", "read<|channel|>commentary", "assistant.read", "raed", "reads", "rread", "functions.Read_File")],
    ("RunTests", {"path": "tests"}, "run_tests", {"paths": ["tests"]}, {TOOL, NAME, TYPE}),
    ("run-tests", {"test_path": "t"}, "run_tests", {"paths": ["t"]}, {TOOL, NAME, TYPE}),
    ("pytest", {}, "run_tests", {}, {TOOL}),
]  # fmt: skip
TYPES: list[Row] = [
    ("read", {**F, "offset": "5", "limit": 7.0}, "read", {**F, "offset": 5, "limit": 7}, {TYPE}),
    ("read", {**F, "offset": "5.0"}, "read", {**F, "offset": 5}, {TYPE}),
    ("read", {**F, "offset": "null", "limit": None}, "read", F, set()),
    ("read", {**F, "offset": "", "limit": "None"}, "read", F, set()),
    ("bash", {"command": "ls", "run_in_background": "False"}, "bash", {"command": "ls", "run_in_background": False},
     {TYPE}),
    ("bash", {"command": "ls", "run_in_background": 1}, "bash", {"command": "ls", "run_in_background": True}, {TYPE}),
    ("bash", {"command": "ls", "needs": None}, "bash", {"command": "ls"}, set()),
    ("bash", {"command": "ls", "needs": "Network"}, "bash", {"command": "ls", "needs": "network"}, {TYPE}),
    ("git", {"args": "status"}, "git", {"args": ["status"]}, {TYPE}),
    ("git", {"args": '["status", "-s"]'}, "git", {"args": ["status", "-s"]}, {TYPE}),
    ("git", {"args": "['status', '-s']"}, "git", {"args": ["status", "-s"]}, {TYPE}),
    ("git", {"args": ["log", 3]}, "git", {"args": ["log", "3"]}, {TYPE}),
    ("run_tests", {"paths": "[ab].py"}, "run_tests", {"paths": ["[ab].py"]}, {TYPE}),
    ("todo", {"todos": '[{"content": "a", "status": "pending"}]'}, "todo",
     {"todos": [{"content": "a", "status": "pending"}]}, {TYPE}),
    ("todo", {"todos": ["{'content': 'a', 'status': 'pending'}"]}, "todo",
     {"todos": [{"content": "a", "status": "pending"}]}, {TYPE}),
    ("todo", {"todos": {"content": "a", "status": "In Progress"}}, "todo",
     {"todos": [{"content": "a", "status": "in_progress"}]}, {TYPE}),
    ("write", {**F, "content": {"a": 1}}, "write", {**F, "content": '{\n  "a": 1\n}'}, {TYPE}),
    ("write", {**F, "content": ["a", "b"]}, "write", {**F, "content": "a\nb"}, {TYPE}),
    ("write", {**F, "content": ["a\n", "b\n"]}, "write", {**F, "content": "a\nb\n"}, {TYPE}),
    ("write", {**F, "content": 5}, "write", {**F, "content": "5"}, {TYPE}),
    ("write", {**F, "content": True}, "write", {**F, "content": "true"}, {TYPE}),
    ("write", {**F, "content": "none"}, "write", {**F, "content": "none"}, set()),
    ("share", {"ratio": "0.5", "options": '{"a": 1}'}, "share", {"ratio": 0.5, "options": {"a": 1}}, {TYPE}),
    ("share", {"ratio": "2", "options": "null"}, "share", {"ratio": 2}, {TYPE}),
    ("grep", {"pattern": "p", "output_mode": "Files-With-Matches"}, "grep",
     {"pattern": "p", "output_mode": "files_with_matches"}, {TYPE}),
    ("grep", {"pattern": "p", "output_mode": "files"}, "grep", {"pattern": "p", "output_mode": "files_with_matches"},
     {TYPE}),
    ("jobs", {"action": "kill", "id": 1}, "jobs", {"action": "stop", "id": 1}, {TYPE}),
]  # fmt: skip
WRAPPED: list[Row] = [
    ("bash", {"arguments": {"command": "ls"}}, "bash", {"command": "ls"}, {WRAP}),
    ("bash", {"arguments": '{"command": "ls"}'}, "bash", {"command": "ls"}, {WRAP}),
    ("bash", {"parameters": "{'command': 'ls'}"}, "bash", {"command": "ls"}, {WRAP}),
    ("bash", {"tool_input": {"cmd": "ls"}}, "bash", {"command": "ls"}, {WRAP, NAME}),
    ("bash", {"comand": "ls"}, "bash", {"command": "ls"}, {NAME}),
    ("bash", {"command": "ls", "cats": 1}, "bash", {"command": "ls"}, {UNKNOWN}),
    ("bash", {"command": "ls</parameter>\n</invoke>"}, "bash", {"command": "ls"}, {MARKUP}),
    ("bash", {"command": "ls</parameter>\n</invoke>\n</minimax:tool_call>"}, "bash", {"command": "ls"}, {MARKUP}),
    ("write", {"content": 'x\n<parameter name="file_path">f</parameter>'}, "write", {**F, "content": "x"}, {MARKUP}),
    ("write", {"content": 'x</parameter>\n<parameter name="file_path">f'}, "write", {**F, "content": "x"}, {MARKUP}),
    ("write", {**F, "content": '<a>\n<parameter name="limit">5</parameter>\n'}, "write",
     {**F, "content": '<a>\n<parameter name="limit">5</parameter>\n'}, set()),
    ("write", {**F, "content": '<invoke name="x">\n</parameter>\n</invoke>'}, "write",
     {**F, "content": '<invoke name="x">\n</parameter>\n</invoke>'}, set()),
    ("write", {**F, "content": '<a>\n<parameter name="x">1'}, "write", {**F, "content": '<a>\n<parameter name="x">1'},
     {CUT}),
    ("write", {**F, "content": '<parameter name="x" value="1"/>'}, "write",
     {**F, "content": '<parameter name="x" value="1"/>'}, set()),
]  # fmt: skip
CORPUS = [*CLAUDE_CODE, *CODEX, *GEMINI, *EDITORS, *KIMI_VIBE, *OTHERS, *NAMES, *TYPES, *WRAPPED]


@pytest.mark.parametrize(("name", "given", "tool", "final", "kinds"), CORPUS)
def test_meant(name: str, given: Any, tool: str, final: Json, kinds: set[str]) -> None:
    mended = mend(name, given, TOOLS)
    assert (mended.name, mended.error, mended.arguments) == (tool, None, final)
    assert {kind_of(phrase) for phrase in mended.repairs} == kinds, mended.repairs


NOT_RUN: list[tuple[str, Any, tuple[str, ...]]] = [
    ("frobnicate", {"x": 1}, ("no tool `frobnicate`", "The tools are: bash, read, write")),
    ("reed", F, ("no tool `reed`", "Did you mean read?")),
    ("reads", {**F, "x": 1}, ("no tool `reads`", "Did you mean read?")),
    ("raed", {}, ("Did you mean read?",)),
    ("finish", {"message": "done"}, ("no tool `finish`", "just answer in words")),
    ("functions.submit", {}, ("just answer in words",)),
    ("attempt_completion", {"result": "r"}, ("just answer in words",)),
    ("think", {"thought": "t"}, ("Think as you do",)),
    ("TodoRead", {}, ("The list stands",)),
    ("AskUserQuestion", {"questions": []}, ("ask in your answer",)),
    ("Task", {"prompt": "p"}, ("do it yourself",)),
    ("google_web_search", {"query": "q"}, ("no web tool",)),
    ("multi_tool_use.parallel", {"tool_uses": []}, ("a call of its own",)),
    ("delete_file", {"target_file": "f"}, ("Use bash",)),
    ("ExitPlanMode", {"plan": "p"}, ("the user switches",)),
    ("str_replace_editor", {"command": "insert", "path": "f"}, ("no tool `str_replace_editor`",)),
    ("", {}, ("no tool ``",)),
    ("WriteFile", {"path": "f", "content": "x", "mode": "append"}, ("write was not run", "replaces a whole file")),
    ("insert_edit_into_file", {}, ("no tool",)),
    ("write", {**F, "content": "x", "insert_line": 3}, ("write was not run", "use edit")),
    ("execute_bash", {"command": "y", "is_input": "true"}, ("bash was not run", "use jobs")),
    ("read_many_files", {"paths": ["a", "b"]}, ("read was not run", "a call for each")),
    ("todo", {"action": "read"}, ("todo was not run", "as your last call left it")),
    ("bash", {}, ("`command` is missing", 'bash({"command": text')),
    ("bash", {"command": ""}, ()),
    ("bash", {"workdir": "x"}, ("`command` is missing",)),
    ("read", {"file_path": None}, ("`file_path` must be text, not null",)),
    ("read", {**F, "offset": "many"}, ("`offset` must be a whole number",)),
    ("read", {**F, "offset": True}, ("`offset` must be a whole number, not True",)),
    ("read", {**F, "offset": 1.5}, ("not 1.5",)),
    ("edit", {**EDIT, "replace_all": "maybe"}, ("must be true or false, not 'maybe'",)),
    ("grep", {"pattern": "p", "output_mode": "lines"}, ('"content" or "files_with_matches" or "count"',)),
    ("todo", {"todos": ["a", "b"]}, ("`todos` must be",)),
    ("todo", {"todos": [{"content": "a"}]}, ("`status` is missing",)),
    ("share", {"ratio": "half"}, ("`ratio` must be a number",)),
    ("share", {"ratio": 1, "options": "[1]"}, ("`options` must be an object",)),
]


@pytest.mark.parametrize(("name", "given", "words"), [row for row in NOT_RUN if row[2]])
def test_what_cannot_be_meant_is_not_run_and_told_why(name: str, given: Any, words: tuple[str, ...]) -> None:
    mended = mend(name, given, TOOLS)
    assert mended.error is not None and len(mended.error) < 700
    assert all(word in mended.error for word in words), mended.error


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) + len(NOT_RUN) > 150


def test_a_name_has_one_meaning() -> None:
    """A row added twice would be lost without a word: the tables are made of texts."""
    from minicode import aliases

    for table in (aliases._TOOLS, aliases._INSTEAD):
        names = [name for row in table.values() for name in row.split()]
        assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
    for rows in (PARAMETER_ROWS, VALUE_ROWS):
        assert all(len(row) == len(set(row)) for row in rows), [r for r in rows if len(r) != len(set(r))]
    assert all(name == fold(name) for name in (*TOOL_ALIASES, *INSTEAD, *(n for row in PARAMETER_ROWS for n in row)))


def test_a_tool_of_the_users_own_keeps_its_ways() -> None:
    own = {
        "shell": takes("cmd", cmd="string", workdir="string"),
        "bash": takes("command", command="string", cwd="string"),
        "edit": takes("edits", edits={"type": "array"}, mode="string"),
        "finish": takes("", result="string"),
    }
    assert mend("shell", {"cmd": "ls", "workdir": "x"}, own).arguments == {"cmd": "ls", "workdir": "x"}
    assert mend("Bash", {"command": "ls", "workdir": "x"}, own).arguments == {"command": "ls", "cwd": "x"}
    assert mend("edit", {"edits": [{"a": 1}], "mode": "append"}, own).arguments == {
        "edits": [{"a": 1}],
        "mode": "append",
    }
    assert mend("finish", {"result": "r"}, own).error is None


def test_what_is_right_is_not_mentioned() -> None:
    assert mend("edit", EDIT, TOOLS).repairs == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
    | st.sampled_from(["true", "5", "null", "[1]", "{'a': 1}", "['a']", "[x] a", "<parameter name=content>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
GIVEN = sorted({key for _, given, *_ in CORPUS if isinstance(given, dict) for key in given})


@drawn(
    st.sampled_from(sorted({*TOOLS, *TOOL_ALIASES, *INSTEAD})) | st.text(max_size=12),
    st.dictionaries(st.sampled_from(GIVEN) | st.text(max_size=6), JSON, max_size=5) | JSON,
)
def test_whatever_comes_fits_its_schema_or_is_refused(name: str, given: Any) -> None:
    mended = mend(name, given, TOOLS)
    if mended.error is None:
        jsonschema.validate(mended.arguments, TOOLS[mended.name])
        assert mended.arguments.keys() <= TOOLS[mended.name]["properties"].keys()
    assert all(phrase and "\n" not in kind_of(phrase) for phrase in mended.repairs)
