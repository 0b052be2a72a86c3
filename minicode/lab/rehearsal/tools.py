"""Find the tool that can do something by its schema, whatever it is called, and fill in its own parameter names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicode.lab.rehearsal.conversation import Json, Tool

# The words of a script → the names under which tools take the same thing.
NAMES = {
    "command": ("command", "cmd", "script"),
    "path": ("file_path", "path", "filename", "file", "filepath", "target_file", "absolute_path"),
    "old": ("old_string", "old_str", "old_text", "old", "search"),
    "new": ("new_string", "new_str", "new_text", "new", "replace", "replacement"),
    "content": ("content", "contents", "text", "file_text", "file_content"),
    "pattern": ("pattern", "query", "regex", "glob"),
    "items": ("todos", "items", "todo_list", "tasks"),
    "git": ("command", "subcommand", "action", "operation", "args", "arguments", "argv"),
    "all": ("replace_all", "all"),
    "start": ("offset", "start_line", "start"),
    "count": ("limit", "max_results", "count"),
    "seconds": ("timeout", "timeout_seconds", "seconds"),
    "code": ("code", "source", "script"),
    "url": ("url", "uri", "link"),
    "edits": ("edits", "replacements"),
    "question": ("question", "prompt", "message"),
}
# An action → words its tool's name has, what it must take, what it must not take.
ACTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "shell": (("bash", "shell", "exec", "command", "terminal"), ("command",), ("path",)),
    "edit": (("edit", "replace"), ("path", "old", "new"), ()),
    "write": (("write", "create"), ("path", "content"), ("old",)),
    "read": (("read", "view", "open", "cat"), ("path",), ("content", "old", "command", "pattern")),
    "grep": (("grep", "search"), ("pattern",), ("old",)),
    "glob": (("glob", "find"), ("pattern",), ("old",)),
    "test": (("test",), (), ("old",)),
    "git": (("git",), ("git",), ()),
    "todo": (("todo",), ("items",), ()),
    "python": (("python", "ipython"), ("code",), ("command",)),
    "fetch": (("fetch", "browse"), ("url",), ()),
    "ask": (("ask_user", "question"), ("question",), ()),
}
NAMED = ("grep", "glob", "test", "git", "todo", "python", "fetch", "ask")  # not to be known by their schema alone
# How what is said of a tool begins, for tools whose names say nothing.
TOLD = {
    "shell": ("run a command",),
    "read": ("read a text file", "read a file"),
    "grep": ("search file",),
    "glob": ("list files", "find files"),
    "test": ("run the project's tests", "run tests"),
    "git": ("run git",),
    "todo": ("keep the list of steps",),
    "python": ("run python", "python"),
    "fetch": ("read a web page", "fetch a"),
    "ask": ("ask the user",),
}


def call_for(action: str, arguments: Mapping[str, Any], tools: tuple[Tool, ...]) -> tuple[str, Json]:
    """(tool name, arguments) of the call that does it. Raises LookupError with a sentence if no tool can.

    Without a tool of their own, "test", "python" and "git" are done in the shell if the script gives a `command`.
    """
    tool = _find(action, tools)
    if tool is None and action in ("test", "python", "git") and "command" in arguments:
        command = f"git {arguments['command']}" if action == "git" else arguments["command"]
        return call_for("shell", {"command": command}, tools)
    if tool is None:
        offered = ", ".join(t.name for t in tools) or "no tool at all"
        raise LookupError(f"No tool of this request can do {action!r}; it offers {offered}.")
    given = dict(arguments)
    if action in ("test", "python"):
        given.pop("command", None)
    elif action == "git":
        given["git"] = given.pop("command", "status")
    return tool.name, _fill(action, given, tool)


def _find(action: str, tools: tuple[Tool, ...]) -> Tool | None:
    if action not in ACTIONS:
        return next((t for t in tools if t.name == action), None)
    words, takes, lacks = ACTIONS[action]

    def can(tool: Tool) -> bool:
        has_all = all(_parameter(tool, word) for word in takes)
        return has_all and not any(_parameter(tool, word, required=True) for word in lacks)

    fitting = [t for t in tools if can(t)]
    named = [t for t in fitting if any(word in t.name.lower() for word in words)]
    if action == "shell":
        named = [t for t in named if "test" not in t.name.lower()]
        fitting = [t for t in fitting if _parameter(t, "command", required=True)]
    told = [t for t in fitting if t.description.lower().startswith(TOLD.get(action, (action,)))]
    return next(iter(named or told or (fitting if action not in NAMED else [])), None)


def _parameter(tool: Tool, word: str, *, required: bool = False) -> str:
    """What this tool calls it, "" if it does not take it."""
    known = tool.schema.get("required") or [] if required else tool.schema.get("properties") or {}
    return next((name for name in NAMES.get(word, (word,)) if name in known), "")


def _fill(action: str, given: Json, tool: Tool) -> Json:
    properties: Mapping[str, Any] = tool.schema.get("properties") or {}
    filled: Json = {}
    for word, value in given.items():
        if word in NAMES and (name := _parameter(tool, word)):
            filled[name] = _shaped(word, value, properties[name])
        elif word in properties:
            filled[word] = value
    for name in tool.schema.get("required") or ():
        if name not in filled:
            filled[name] = _something(name, properties.get(name) or {}, action)
    return filled


def _shaped(word: str, value: Any, schema: Mapping[str, Any]) -> Any:
    if word == "git":
        if schema.get("type") == "array":
            return value if isinstance(value, list) else str(value).split()
        return " ".join(value) if isinstance(value, list) else value
    if word == "items":
        return [_todo(number, item, schema.get("items") or {}) for number, item in enumerate(value, 1)]
    return value


def _todo(number: int, item: Any, schema: Mapping[str, Any]) -> Any:
    """item: text, or (text, state)."""
    text, state = (item, "pending") if isinstance(item, str) else item
    properties: Mapping[str, Any] = schema.get("properties") or {}
    if not properties:
        return text
    filled: Json = {}
    for name, rule in properties.items():
        if name in ("content", "text", "task", "title", "description", "activeForm"):
            filled[name] = text
        elif name in ("status", "state"):
            filled[name] = "completed" if state == "done" else state
        elif name == "id":
            filled[name] = number if rule.get("type") == "integer" else str(number)
        elif name in (schema.get("required") or ()):
            filled[name] = _something(name, rule, "todo")
    return filled


def _something(name: str, schema: Mapping[str, Any], action: str) -> Any:
    """A harmless value for a parameter the script did not think of."""
    if schema.get("enum"):
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    plain: dict[str, Any] = {"boolean": False, "array": [], "object": {}, "integer": 1, "number": 1}
    return plain.get(str(schema.get("type")), f"{action} ({name})")
