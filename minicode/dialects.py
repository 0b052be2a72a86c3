"""Calls that need more than other names to become ours: tools of many commands, commands as lists, ranges of lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping
from typing import Any

from minicode import surroundings
from minicode.aliases import TOOL_ALIASES, fold
from minicode.coercion import from_json

Json = dict[str, Any]
Notes = list[str]
Rewriting = Callable[[str, Json, Notes, Collection[str]], tuple[str, Json]]
_MILLISECONDS = ("timeout_ms", "timeoutMs", "timeout_milliseconds", "yield_time_ms")
_TYPES = {
    "py": "*.py", "python": "*.py", "js": "*.js", "ts": "*.ts", "tsx": "*.tsx", "jsx": "*.jsx", "go": "*.go",
    "rust": "*.rs", "rs": "*.rs", "java": "*.java", "c": "*.c", "cpp": "*.cpp", "md": "*.md", "json": "*.json",
    "yaml": "*.yaml", "toml": "*.toml", "html": "*.html", "css": "*.css", "sh": "*.sh", "ruby": "*.rb", "php": "*.php",
}  # fmt: skip
# SEARCH/REPLACE blocks, as Aider, Cline and Vibe have them.
_BLOCK = re.compile(
    r"^(?:<{5,9}|-{5,9}) ?SEARCH>?[ \t]*\r?\n(.*?)\r?\n?^={5,9}[ \t]*\r?\n(.*?)\r?\n?^(?:>{5,9}|\+{5,9}) ?REPLACE>?",
    re.DOTALL | re.MULTILINE,
)
_CHECKLIST = re.compile(r"^\s*(?:[-*+]|\d+[.)])?\s*\[(.)\]\s*(.+?)\s*$", re.MULTILINE)


class UntranslatableError(Exception):
    """The call asks for what our tool of that name would do otherwise; the message says so, and what to do."""


def rewrite(name: str, arguments: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """The name and arguments in which they are ours, or both as they were.

    notes: gets a phrase for each thing said in another way. known: the parameters of the tool of that name, which keep
    their meaning. Raises UntranslatableError.
    """
    theirs = fold(name)
    for theirs_or_ours in (theirs, TOOL_ALIASES.get(theirs, "")):
        if theirs_or_ours in _REWRITES:
            return _REWRITES[theirs_or_ours](name, dict(arguments), notes, known)
    return name, arguments


def _editor(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """The editor of Anthropic, SWE-agent, OpenHands and R2E: one tool, a `command` that says what to do."""
    command = str(given.get("command", "str_replace"))
    ours = {"view": "read", "create": "write", "str_replace": "edit", "write": "write"}.get(command)
    if ours is None:
        return name, given
    given.pop("command", None)
    unused = {"read": ("file_text", "old_str", "new_str"), "write": ("old_str", "new_str"), "edit": ("file_text",)}
    for key in (*unused[ours], "insert_line", *(() if ours == "read" else ("view_range",))):
        given.pop(key, None)
    return _read(ours, given, notes, known) if ours == "read" else (ours, given)


def _read(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """Ranges of lines; one file in a list of files."""
    for key in ("files", "args", "paths", "include", "file_paths"):
        value = given.get(key)
        if key not in known and isinstance(value, list) and value and not given.keys() & {"file_path", "path"}:
            if len(value) > 1:
                raise UntranslatableError("it reads one file. Make a call for each; they run side by side")
            del given[key]
            given.update(value[0] if isinstance(value[0], dict) else {"file_path": value[0]})
    if given.pop("should_read_entire_file", False) in (True, "true"):
        given = {key: value for key, value in given.items() if "line" not in key}
    for key in ("view_range", "read_range", "range", "line_range", "lines"):
        value = given.get(key)
        if isinstance(value, list) and len(value) == 2 and all(_is_whole(n) for n in value):
            del given[key]
            _lines(given, int(value[0]), int(value[1]), key, notes)
    folded = {fold(key): key for key in given}
    start = next((folded[k] for k in ("startline", "linestart", "startlineoneindexed", "fromline") if k in folded), "")
    ends = ("endline", "lineend", "endlineoneindexedinclusive", "endlineoneindexed", "toline")
    end = next((folded[k] for k in ends if k in folded), "")
    if end and _is_whole(given[end]) and (not start or _is_whole(given[start])):
        first, last = int(given.pop(start)) if start else 1, int(given.pop(end))
        _lines(given, first, last, end, notes)
    return name, given


def _is_whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip()) is not None)


def _lines(given: Json, first: int, last: int, key: str, notes: Notes) -> None:
    """From the first line to the last; a last one of -1 is the end."""
    given["offset"] = first
    if last >= first:
        given["limit"] = last - first + 1
    notes.append(f"read `{key}` as `offset` and `limit`")


def _write(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """What would only add to a file must never overwrite it."""
    mode = "" if "mode" in known else str(given.get("mode", "")).strip().lower()
    adds = mode in ("a", "append", "a+", "insert", "prepend") or str(given.get("append", "")).strip().lower() == "true"
    places = {"insert_line", "line_number", "start_line", "position"} - {*known}
    if adds or any(given.get(key) is not None for key in places):
        raise UntranslatableError("it replaces a whole file. To add to one, use edit, or >> in bash")
    if mode in ("w", "overwrite", "write", "create", "w+"):
        del given["mode"]
    for key in {"line_count", "lines_count", "overwrite"} - {*known}:
        given.pop(key, None)
    return name, given


def _edit(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """One replacement in an object, in a list of one, or as a SEARCH/REPLACE block; several stay a list."""
    for key in ("content", "diff", "edits", "blocks"):
        value = given.get(key)
        if isinstance(value, str) and (found := _BLOCK.findall(value)) and "old_string" not in given:
            del given[key]
            given["edits"] = [{"old_string": old, "new_string": new} for old, new in found]
            notes.append(f"{len(found)} SEARCH/REPLACE blocks were read from `{key}`")
    for key in ("edit", "edits", "replacements"):
        value = given.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict) and (key not in known or isinstance(given[key], dict)):
            return name, {**{k: v for k, v in given.items() if k != key}, **value}
        if isinstance(value, list) and key != "edits" and key not in known and "edits" not in given:
            given["edits"] = given.pop(key)
            notes.append(f"read `{key}` as `edits`")
    if "old_string" in known:
        given = _with_first(given, notes)
    expected = given.pop("expected_replacements", None)
    if _is_whole(expected) and int(expected) > 1:
        given["replace_all"] = True
        notes.append("read `expected_replacements` as `replace_all`")
    return name, given


def _with_first(given: Json, notes: Notes) -> Json:
    """Several replacements and none beside them: the first is the call's own, as our schema wants one."""
    edits = given.get("edits")
    if isinstance(edits, str):
        edits = from_json(edits)
    beside = {fold(key) for key in given} & {"oldstring", "oldstr", "oldtext", "old", "search"}
    if beside or not isinstance(edits, list) or not edits or not isinstance(edits[0], dict):
        return given
    notes.append("read the first of `edits` as the call's own")
    rest = {key: value for key, value in given.items() if key != "edits"}
    return {**rest, **edits[0], **({"edits": edits[1:]} if edits[1:] else {})}


def _shell(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """A command as argv, as Codex sends it; variables; milliseconds; leave to go outside the sandbox."""
    if given.get("is_input") in (True, "true"):
        raise UntranslatableError("it starts a command. To send input to a running one, use jobs with action send")
    for key in ("is_input", "login", "tty", "reset"):
        if key not in known and given.get(key) in (False, "false", True, "true"):
            del given[key]
    for key in _MILLISECONDS:
        if _is_whole(given.get(key)):
            milliseconds = int(given.pop(key))
            if key != "yield_time_ms":
                given["timeout"] = max(milliseconds // 1000, 1)
                notes.append(f"read `{key}` as `timeout` in seconds")
    if given.pop("blocking", None) in (False, "false"):  # the contrary
        given["run_in_background"] = True
    _outside(given, notes)
    for key in ("command", "cmd", "args"):
        argv = given.get(key)
        if isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv):
            a_line = len(argv) == 3 and argv[0].rpartition("/")[2] in ("bash", "sh", "zsh") and argv[1] in ("-c", "-lc")
            given[key] = argv[2] if a_line else shlex.join(argv)
            notes.append(f"the list of words in `{key}` was read as a command line")
            break
    if any(key in given for key in ("command", "cmd")):
        given.pop("shell", None)  # which one
    if problem := surroundings.variables(given, notes, known):
        raise UntranslatableError(problem)
    return name, given


def _outside(given: Json, notes: Notes) -> None:
    """Leave to go outside the sandbox; the user is asked, as there."""
    asked = [k for k in ("with_escalated_permissions", "dangerouslyDisableSandbox") if given.get(k) in (True, "true")]
    if given.get("sandbox_permissions") == "require_escalated":
        asked.append("sandbox_permissions")
    for key in asked:
        del given[key]
        given["needs"] = "host"
        notes.append(f"read `{key}` as `needs`: host")


_ACTIONS = {
    "bashoutput": "read", "getterminaloutput": "read", "commandstatus": "read", "readbackgroundoutput": "read",
    "killbash": "stop", "killshell": "stop", "taskstop": "stop", "killprocess": "stop",
    "taskoutput": "wait", "writestdin": "send", "tasklist": "list", "listjobs": "list",
}  # fmt: skip


def _job(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """A tool for each thing to do, as Claude Code and Codex have them; waiting in milliseconds."""
    action = _ACTIONS[fold(name)]
    if action == "wait" and given.pop("block", True) in (False, "false"):
        action = "read"
    if action == "send" and not any(given.get(key) for key in ("chars", "text", "input")):
        given = {key: given[key] for key in given if key == "session_id"}
        action = "read"
    timeout = given.pop("timeout", None)
    if action == "wait" and type(timeout) is int:
        given["seconds"] = timeout // 1000
    for key in ("yield_time_ms", "max_output_tokens"):
        given.pop(key, None)
    return "jobs", {"action": action, **given}


def _listing(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    return "glob", {"pattern": "*", **given}


def _finding(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """The name of a file is what is looked for here, and not where."""
    for key in list(given):
        if fold(key) in ("filename", "name", "file", "query") and "pattern" not in given:
            given["pattern"] = given.pop(key)
            notes.append(f"read `{key}` as `pattern`")
    return "glob", given


def _grep(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """Flags that say the contrary, or the same in another manner."""
    for key in ("case_sensitive", "caseSensitive"):
        if (value := given.pop(key, None)) is not None:
            given["ignore_case"] = str(value).lower() == "false"
            notes.append(f"read `{key}` as the contrary of `ignore_case`")
    if given.pop("names_only", None) in (True, "true"):
        given["output_mode"] = "files_with_matches"
        notes.append("read `names_only` as `output_mode`: files_with_matches")
    literal = given.pop("fixed_strings", None) in (True, "true") or given.pop("isRegexp", None) in (False, "false")
    for key in ("pattern", "query", "search_term", "regex"):
        if literal and isinstance(given.get(key), str):
            given[key] = re.escape(given[key])
            notes.append(f"the text in `{key}` is taken as it stands, not as a regular expression")
    kind = given.get("type")
    if isinstance(kind, str) and kind in _TYPES and "type" not in known and not given.get("glob"):
        del given["type"]
        given["glob"] = _TYPES[kind]
        notes.append("read `type` as `glob`")
    if name == "search" and given.pop("python_only", None) in (True, "true"):
        given.setdefault("glob", "*.py")
    return name, given


def _todo(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """A checklist in Markdown; items that were given up; the other half of a tool that reads and writes."""
    if given.get("action") == "read" or given.get("command") == "view" or given.get("operation") == "read":
        raise UntranslatableError("it only writes. The list stands as your last call left it")
    if "todos" in given or any(k in given for k in ("todoList", "task_list", "plan")):
        for key in ("action", "command", "operation", "explanation"):
            given.pop(key, None)
    for key in ("todos", "todoList", "task_list", "plan"):
        value = given.get(key)
        if isinstance(value, str) and (found := _CHECKLIST.findall(value)):
            states = {" ": "pending", "x": "completed", "X": "completed", "✓": "completed"}
            given[key] = [{"content": text, "status": states.get(mark, "in_progress")} for mark, text in found]
            notes.append(f"the checklist in `{key}` was read as a list")
        elif isinstance(value, list):
            kept = [item for item in value if not _given_up(item)]
            if len(kept) < len(value):
                notes.append(f"{len(value) - len(kept)} cancelled items were left out")
            given[key] = kept
    return name, given


def _given_up(item: Any) -> bool:
    return isinstance(item, dict) and fold(str(item.get("status"))) in ("cancelled", "canceled", "deleted", "abandoned")


def _git(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """`git_status()`: the subcommand in the name of the tool."""
    words = given.get("args", [])
    if isinstance(words, list):
        return "git", {**given, "args": [fold(name).removeprefix("git"), *words]}
    return name, given


def _question(name: str, given: Json, notes: Notes, known: Collection[str]) -> tuple[str, Json]:
    """One question in a list of questions, as Claude Code, Codex, Gemini and opencode have it; options as objects."""
    asked = given.get("questions")
    asked = from_json(asked) if isinstance(asked, str) else asked
    if isinstance(asked, list) and "question" not in given:
        if len(asked) > 1:
            raise UntranslatableError("it asks one question. Make a call for each; the user gets them one by one")
        rest = {key: value for key, value in given.items() if key != "questions"}
        one = asked[0] if asked else {}
        given = {**rest, **({"question": one} if isinstance(one, str) else one if isinstance(one, dict) else {})}
        notes.append("read the one of `questions` as the call's own")
    for key in ("header", "id", "type", "placeholder", "custom", "allowFreeformInput", "is_other", "is_secret"):
        if key not in known and (value := given.pop(key, None)) == "yesno":
            given.setdefault("options", ["Yes", "No"])
    for key in [key for key in given if fold(key) in ("options", "choices", "followup", "suggestions")]:
        value = given[key]
        value = from_json(value) if isinstance(value, str) else value
        if isinstance(value, list):
            given[key] = [_option(one) for one in value]
    return name, given


def _option(one: Any) -> Any:
    """`Label: what it means`."""
    if not isinstance(one, dict):
        return one
    words = {fold(str(key)): str(value) for key, value in one.items() if isinstance(value, str)}
    label = next((words[key] for key in ("label", "text", "answer", "title", "name", "value") if key in words), "")
    return ": ".join(filter(None, (label, words.get("description", ""))))


# By the folded name they use, else by our own name for it.
_REWRITES: Mapping[str, Rewriting] = {
    **dict.fromkeys(("strreplaceeditor", "strreplacebasededittool", "fileeditor", "editor", "texteditor"), _editor),
    "developertexteditor": _editor,
    **dict.fromkeys(("ls", "listdirectory", "listdir", "listfiles", "list", "dir", "readfolder"), _listing),
    **dict.fromkeys(("findfile", "findfiles", "findbyname", "filesearch", "findpath", "searchfilename"), _finding),
    **dict.fromkeys(_ACTIONS, _job),
    **dict.fromkeys(("gitstatus", "gitdiff", "gitlog", "gitadd", "gitcommit", "gitshow"), _git),
    **dict.fromkeys(("gitblame", "gitbranch"), _git),
    "read": _read,
    "write": _write,
    "edit": _edit,
    "bash": _shell,
    "grep": _grep,
    "todo": _todo,
    **dict.fromkeys(("ask_user", "askuser"), _question),
}
