"""The names other agents give to the same tools and parameters, as M2 may have learnt them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

# Ours: theirs, lower case without separators.
_TOOLS: Mapping[str, str] = {
    "bash": "shell sh runshellcommand runshell shellcommand executebash executecommand execcommand execute exec "
    "terminal runterminalcmd runinterminal runcommand run command cmd localshell containerexec bashtool console",
    "read": "readfile view viewfile cat open openfile fileread readtextfile showfile getfile readtool opencontent",
    "write": "writefile createfile create filewrite savefile writetofile newfile writetextfile putfile",
    "edit": "editfile strreplace strreplacefile replace searchreplace searchandreplace replaceinfile fileedit "
    "stringreplace findandreplace applyedit modifyfile updatefile editblock",
    "grep": "search searchfiles searchfilecontent searchtext ripgrep rg grepsearch searchdir searchfile findinfiles "
    "codesearch searchcode contentsearch greptool",
    "glob": "findfile findfiles filesearch searchfilename listfiles listfile globfiles find ls listdirectory listdir "
    "list dir globtool",
    "todo": "todowrite settodolist todolist updatetodo updatetodos updateplan plan taskplan writetodos todos "
    "taskwrite tasktracker",
    "run_tests": "runtests runtest test tests pytest unittest testrunner executetests",
    "recall": "searchhistory historysearch searchmemory memorysearch lookback remember recallhistory "
    "conversationsearch searchconversation searchsession getentries recallmemory",
    "jobs": "bashoutput killbash killshell taskoutput taskstop writestdin listjobs job backgroundjobs",
    "git": "gitcommand rungit gittool gitstatus gitdiff gitlog gitcommit gitadd gitshow",
}
TOOL_ALIASES: Mapping[str, str] = {theirs: ours for ours, names in _TOOLS.items() for theirs in names.split()}

# Each row is one meaning. A key the tool does not know is read as the parameter of the tool that is in the same row.
_ROWS = (
    "filepath path file filename absolutepath targetfile filepathname relativepath fullpath notebookpath uri",
    "path directory dir folder searchpath dirpath directorypath root cwd filepath targetdirectory workspacepath",
    "command cmd script bashcommand shellcommand commandline bash shell code",
    "args command cmd argv arguments subcommand gitargs gitcommand commandargs",
    "oldstring oldstr old search oldtext find original searchstring target oldcode from before",
    "newstring newstr new replace newtext replacement updated replacestring replacewith newcode to after",
    "replaceall all global replaceallmatches allowmultiple",
    "content filetext text contents body data filecontent filecontents newcontent codecontent",
    "pattern until waitfor filter",
    "pattern regex query search searchterm regexp searchpattern globpattern term expression substring needle",
    "pattern glob globpattern filepattern name query filename includepattern",
    "glob include filepattern includepattern globfilter filefilter files includes",
    "offset startline lineoffset start fromline linestart begin startlinenumber",
    "limit nlines maxlines lines numlines linecount maxresults headlimit count max",
    "timeout timeoutseconds timeoutsec timeouts maxtime timelimit timeoutms",
    "seconds timeout wait waitseconds maxwait timeoutseconds",
    "runinbackground background isbackground inbackground detach detached",
    "id jobid bashid shellid taskid sessionid processid pid",
    "text input chars stdin data line keys",
    "todos items plan todolist tasks list tasklist steps",
    "paths path file filepath target targets tests testids testpath test nodeid testfile filter directory name",
    "outputmode mode output",
    "query pattern regex search q words text keywords searchterm term phrase",
    "ids id entries entryids entryid entry refs",
    "around near context neighbours neighbors aroundid entryid id",
    "kind type kinds role blocktype source in",
    "ignorecase i caseinsensitive insensitive",
    "description reason explanation purpose",
    "content step title task text",
    "status state",
)
PARAMETER_ROWS: tuple[tuple[str, ...], ...] = tuple(tuple(row.split()) for row in _ROWS)


def fold(name: str) -> str:
    """A name as it is compared: `filePath`, `file_path`, `file-path` and `FILE_PATH` are the same."""
    return "".join(c for c in name.lower() if c.isalnum())


def rewrite(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Calls that need more than other names: tools of many commands, a command as a list, lists of views.

    Gives the name and arguments in which they are ours, or both as they were.
    """
    rewriting = _REWRITES.get(fold(name))
    return rewriting(name, dict(arguments)) if rewriting else (name, arguments)


def _editor(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The editor of Anthropic, SWE-agent, OpenHands and R2E: one tool, a `command` that says what to do."""
    ours = {"view": "read", "create": "write", "str_replace": "edit"}.get(str(arguments.get("command", "str_replace")))
    if ours is None:
        return name, arguments
    arguments.pop("command", None)
    view = arguments.pop("view_range", None)
    if ours == "read" and isinstance(view, list) and len(view) == 2 and all(type(n) is int for n in view):
        arguments["offset"] = view[0]
        if view[1] >= view[0]:
            arguments["limit"] = view[1] - view[0] + 1
    unused = {"read": ("file_text", "old_str", "new_str"), "write": ("old_str", "new_str"), "edit": ("file_text",)}
    for key in (*unused[ours], "insert_line"):
        arguments.pop(key, None)
    return ours, arguments


def _kimi_edit(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """One replacement in an object or a list of one."""
    for key in ("edit", "edits"):
        value = arguments.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict):
            return name, {**{k: v for k, v in arguments.items() if k != key}, **value}
    return name, arguments


def _shell(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A command as argv, as Codex sends it, and a timeout in milliseconds."""
    if type(arguments.get("timeout_ms")) is int:
        arguments["timeout"] = arguments.pop("timeout_ms") // 1000
    for key in ("command", "cmd", "args"):
        argv = arguments.get(key)
        if isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv):
            shell_line = (
                len(argv) == 3 and argv[0].rpartition("/")[2] in ("bash", "sh", "zsh") and argv[1] in ("-c", "-lc")
            )
            arguments[key] = argv[2] if shell_line else shlex.join(argv)
            break
    return name, arguments


def _job(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A tool for each thing to do, as Claude Code and Codex have them; waiting in milliseconds."""
    action = _ACTIONS[fold(name)]
    if action == "wait" and arguments.pop("block", True) is False:
        action = "read"
    if action == "send" and not any(arguments.get(key) for key in ("chars", "text", "input")):
        arguments = {key: arguments[key] for key in arguments if key == "session_id"}
        action = "read"
    timeout = arguments.pop("timeout", None)
    if action == "wait" and type(timeout) is int:
        arguments["seconds"] = timeout // 1000
    return "jobs", {"action": action, **arguments}


_ACTIONS = {
    "bashoutput": "read",
    "killbash": "stop",
    "killshell": "stop",
    "taskstop": "stop",
    "taskoutput": "wait",
    "writestdin": "send",
}


def _listing(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "glob", {"pattern": "*", **arguments}


def _git(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """`git_status()`: the subcommand in the name of the tool."""
    words = arguments.get("args", [])
    if isinstance(words, list):
        return "git", {**arguments, "args": [fold(name).removeprefix("git"), *words]}
    return name, arguments


_REWRITES: Mapping[str, Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    **dict.fromkeys(("strreplaceeditor", "strreplacebasededittool", "fileeditor", "editor", "texteditor"), _editor),
    **dict.fromkeys(("edit", "multiedit", "strreplacefile"), _kimi_edit),
    **dict.fromkeys(("bash", "shell", "localshell", "containerexec", "execcommand", "sh"), _shell),
    **dict.fromkeys(("ls", "listdirectory", "listdir", "listfiles", "list", "dir"), _listing),
    **dict.fromkeys(_ACTIONS, _job),
    **dict.fromkeys(("gitstatus", "gitdiff", "gitlog", "gitadd", "gitcommit", "gitshow"), _git),
}
