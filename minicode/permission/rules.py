"""Rules as text, `Tool` or `Tool(pattern)`: what they say, and which wish they are about.

A pattern for `bash`, `network` or `host` is compared with each command of a line: `*` is any text, a last `:*` any
further words, `\\*` a star. One for a file tool is a glob as .gitignore has them, one for a web tool is `domain:`
with a name behind it, or `*.name` for all below it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from minicode.permission.readonly import harmless_at, only_looks
from minicode.permission.shell import Line, parse
from minicode.permission.values import NEEDS, WEB, Sight
from minicode.workspace.folder import Refused
from minicode.workspace.glob import covers, glob_filter

COMMANDS = ("bash", *NEEDS)
# A rule for the first is one for the others as well.
_FAMILIES = {"bash": ("python",), "edit": ("write", "apply_patch"), "read": ("grep", "glob", "outline", "map")}
_FILES = ("read", "grep", "glob", "outline", "map", "edit", "write", "apply_patch")
_DOMAIN = re.compile(r"domain:(\*\.)?[a-z0-9_\[][a-z0-9._:\]-]*", re.IGNORECASE)
_RULE = re.compile(r"([A-Za-z_][\w.-]*)(?:\((.+)\))?", re.DOTALL)
_ANY = "\1"  # a name that no pattern has in mind
_DEEPEST, _WIDEST = 5, 200
_SHELLS = "bash busybox dash eval fish ksh sh zsh"
_MOVES = "cd chdir pushd popd . source"
_READ_TEXT = f"{_SHELLS} env flock parallel script su trap watch"
# They run what their words say, as words or as one text.
_WRAPPERS = (
    "bash builtin busybox choom chroot chrt command coproc dash doas env eval exec fakeroot find fish flock ionice ksh "
    "ld.so linux32 linux64 nice nohup nsenter parallel perf prlimit runuser script setarch setpriv setsid sh stdbuf "
    "strace su sudo systemd-run taskset time timeout toybox trap unshare watch xargs zsh"
)
# They do what a text or a file says that is not looked into.
_INTERPRETERS = re.compile(
    r"(ba|da|z|k|mk|pdk|a|rba|c|tc|fi|la)?sh|busybox|toybox|ld(-linux.*|\.so.*|-musl.*)|python[\d.]*|pypy[\d.]*|perl[\d.]*"
    r"|ruby[\d.]*|irb|node(js)?|deno|bun|php[\d.]*|lua[\d.]*|tclsh[\d.]*|expect|[gmn]?awk|g?make|ninja|just|npm|npx|bunx|pnpm"
    r"|yarn|uvx?|pipx|poetry|hatch|ssh|gdb|ed|ex|vim?|nvim|emacs|tmux|screen|docker|podman|crontab|at|batch|m4"
)
_TESTERS = "pytest unittest mypy ruff"
_SYSTEM = "/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin"
_SED_EDITS = re.compile(
    r"s([/|#,:@])(?:\\.|(?!\1)[^\\\n])*\1(?:\\.|(?!\1)[^\\\n])*\1[gIip0-9]*|(?:[\d$]+(?:,[\d$]+)?|/(?:\\.|[^\\/\n])*/)[pdq]"
)
_GIT_RUNS = re.compile(r"(^| )(bisect|difftool|mergetool|filter-branch|foreach|-x|--exec\S*|--extcmd\S*)( |$)")
_STARTS = re.compile(r"--(checkpoint-a|to-c|use-c|exec|rsh)|-(exec|ok)(dir)?$")


class Rule(NamedTuple):
    """tool: in small letters. pattern: "" for the tool as a whole. text: as it was written."""

    tool: str
    pattern: str
    text: str


def check(rule: str) -> str:
    """What is wrong with it, as a sentence; "" for nothing."""
    read = read_rule(rule)
    if read is None:
        return f"The rule `{rule}` is not understood: write `tool` or `tool(pattern)`, such as `bash(npm test)`."
    tool, pattern, _ = read
    if not pattern:
        return ""
    if tool in _FILES:
        if pattern.startswith("!"):
            return f"The rule `{rule}` cannot begin with `!`: use a rule of another kind for the exception."
        if pattern.startswith("~"):
            return f"The rule `{rule}` names a home folder, which is not looked up here: write the whole path."
        try:
            glob_filter(pattern)
        except Refused as error:
            return f"The rule `{rule}` is not understood: {error}"
        return ""
    if tool in WEB:
        wrong = not _DOMAIN.fullmatch(pattern)
        return f"The rule `{rule}` is not understood: write `{tool}(domain:example.org)`." if wrong else ""
    if tool not in COMMANDS:
        return f"The rule `{rule}` cannot have a pattern: only {', '.join((*COMMANDS, *_FILES, *WEB))} take one."
    if "\n" in pattern or (not re.search(r"['\"\\]", pattern) and re.search(r"[;|]|&&", pattern)):
        return f"The rule `{rule}` would never fit: a line is compared command by command. Write one rule for each."
    return ""


def tool_rule(rules: Iterable[str], tool: str, path: str = "", *, strict: bool, below: bool = False) -> str:
    """The first of the rules about this tool and path, "" for none. Those for commands are left out if they name some.

    strict: for rules that forbid or ask: letter case of a path does not count, and a path may lie anywhere; those that
    allow are about the workspace. below: it is about all that lies in the folder `path`, whatever it is called.
    """
    names = [path, f"{path}/{_ANY}"] if below else [path] if path else []
    for rule in rules_about(rules, tool.casefold()):
        if not rule.pattern or (rule.tool in _FILES and any(_fits_path(rule.pattern, name, strict) for name in names)):
            return rule.text
    return ""


def touching_rule(rules: Iterable[str], tool: str, folder: str) -> str:
    """The first of the rules about this file tool that may be about something in the folder, "" for none.

    Only a pattern that begins with the names of other folders is seen to be about something else.
    """
    there = [part for part in posixpath.normpath(folder).casefold().split("/") if part not in ("", ".")]
    for rule in rules_about(rules, tool.casefold()):
        pattern = rule.pattern.casefold().strip("/")
        fixed = re.split(r"[*?\[{\\]", pattern)[0]
        parts = [part for part in fixed.split("/") if part != "."]
        if fixed != pattern:
            parts.pop()  # it may go on
        if "/" not in rule.pattern.rstrip("/") or ".." in parts:
            parts = []  # it may lie anywhere
        if rule.pattern and all(map(str.__eq__, there, parts)):
            return rule.text
    return ""


def has_patterns(rules: Iterable[str], tool: str) -> bool:
    """Does any of the rules about this tool name what it is about?"""
    return any(rule.pattern for rule in rules_about(rules, tool))


def command_rule(rules: Iterable[str], tool: str, line: Line) -> str:
    """The first of the rules that is about any command of the line, wrapped ones too; "" for none.

    tool: one of COMMANDS. For rules that forbid or ask.
    """
    about = list(rules_about(rules, tool))
    if not about:
        return ""
    reached = _reached(line)
    for rule in about:
        if not rule.pattern or any(fits_text(rule.pattern, text) for text in reached.texts):
            return rule.text
    return ""


def doubtful(rules: Iterable[str], tool: str, line: Line) -> str:
    """The first of the rules that could be about the line in a way that cannot be seen, "" for none.

    Where the line is drawn: what a project's own tests and builds start (`pytest`, `cargo build`) is not looked into,
    and who only looks (`echo rm`) starts nothing. Doubtful are a program given by its path or sourced, what
    interprets a text or a file of its own choice (a shell, python, awk, make, npx, ssh, `git -c`, most of sed), what
    else is given the name of one of these, and what is given the name that a rule is about, be it in a text.
    """
    about = [rule for rule in rules_about(rules, tool) if rule.pattern]
    if not about:
        return ""
    reached = _reached(line)
    unseen = not reached.whole or any(map(_starts_unseen, line.commands))
    for rule in about:
        fixed = _literals(rule.pattern)[0]
        if unseen or any(fixed.startswith(stem) or stem.startswith(fixed) for stem in reached.stems):
            return rule.text
        name = posixpath.basename(fixed.split(" ", 1)[0]).casefold()
        if name and any(_mentions(argv, name) for argv in line.commands):
            return rule.text
    return ""


def doubt(line: Line) -> str:
    """Why it cannot be seen what a line does, as a clause."""
    unseen = next((argv[0] for argv in line.commands if _starts_unseen(argv)), "")
    return line.why or (f"`{unseen}` may start what is not named here" if unseen else "it may be one of its words")


def _starts_unseen(argv: Sequence[str]) -> bool:
    """May it start a program that its words do not name, or do what a text or a file of its choice says?"""
    if only_looks(argv) or argv[1:] in (("--version",), ("--help",)):
        return _by_path(argv[0])
    name, words = posixpath.basename(argv[0]).casefold(), argv[1:]
    if _by_path(argv[0]) or name in (".", "source"):
        return True
    if _INTERPRETERS.fullmatch(name):
        return not (words[:1] == ("-m",) and words[1:2] and words[1] in _TESTERS.split())
    if name == "sed":
        given = [word for word in words if not re.fullmatch(r"-[nErszi]+", word)]
        return not given or not _SED_EDITS.fullmatch(given[0]) or any(word.startswith("-") for word in given)
    if name == "git" and words and (_GIT_RUNS.search(" ".join(words)) or re.match(r"-(?!C$|P$|-no-pager$)", words[0])):
        return True
    if name in _WRAPPERS.split() and any(_by_path(word) for word in words if not re.match(r"-|\w+=", word)):
        return name != "find" or any(word.startswith(("-exec", "-ok")) for word in words)
    pieces = (posixpath.basename(piece) for word in words for piece in re.split(r"[\s=:!;|&]+", word))
    return any(map(_INTERPRETERS.fullmatch, pieces)) or any(map(_STARTS.match, words))


def _by_path(word: str) -> bool:
    folder = posixpath.dirname(word)
    return folder != "" and folder not in _SYSTEM.split()


def _mentions(argv: Sequence[str], name: str) -> bool:
    """Is the program given this name, in whatever text?"""
    if only_looks(argv):
        return False
    for word in argv[1:]:
        bare = word.casefold()
        if name in re.split(r"[^\w.+-]+", bare) or (
            re.search(r"[*?[]", bare) and fnmatchcase(name, posixpath.basename(bare))
        ):
            return True
    return False


def covering_rule(rules: Iterable[str], tool: str, line: Line, sight: Sight | None) -> str:
    """The rule that allows the line: "" unless it is plain, and each command is harmless or fits one of the rules.

    Where the line goes to another folder a rule has to name that as well, and nothing in it is harmless: names mean
    other files there. A rule without a pattern allows any line, but none out of the sandbox that is not understood.
    """
    about = list(rules_about(rules, tool))
    whole = next((rule.text for rule in about if not rule.pattern), "")
    if whole and tool != "host":
        return whole
    used = ""
    sight = None if not about or _moves(line) else sight
    for at, form in enumerate(line.forms):
        fitting = next((rule.text for rule in about if not rule.pattern or fits_text(rule.pattern, form)), "")
        if not fitting and not harmless_at(line, at, sight):
            return ""
        used = used or fitting
    return used if line.plain else ""


def exact_rule(tool: str, line: Line, sight: Sight | None) -> str:
    """The rule that fits the one command of the line that is not harmless, and nothing else; "" if there are others,
    or if the line goes to another folder.
    """
    forms = {form for at, form in enumerate(line.forms) if not harmless_at(line, at, sight)}
    if not line.plain or len(forms) != 1 or _moves(line):
        return ""
    escaped = forms.pop().replace("\\", "\\\\").replace("*", "\\*")
    return f"{tool}({escaped})"


def _moves(line: Line) -> bool:
    """Does it go to another folder, or may it?"""
    return any(text.split(" ", 1)[0] in _MOVES.split() for text in _reached(line).texts)


def runs_git(line: Line) -> bool:
    """Does any command of it, wrapped ones too, run git?"""
    return any(text.split(" ", 1)[0] == "git" for text in _reached(line).texts)


def fits_text(pattern: str, text: str) -> bool:
    """Whether the pattern of a command rule fits the text of a command."""
    if pattern.endswith(":*"):
        pattern = pattern[:-2]
        return _fits_parts(_literals(pattern), text) or _fits_parts([*_literals(pattern + " "), ""], text)
    return _fits_parts(_literals(pattern), text)


def _literals(pattern: str) -> list[str]:
    """What stands between the stars."""
    pattern = pattern.removesuffix(":*")
    parts = [""]
    for piece in re.findall(r"\\[\\*]|\*|[^\\*]+|\\", pattern):
        if piece == "*":
            parts.append("")
        else:
            parts[-1] += piece[1:] if piece in ("\\\\", "\\*") else piece
    return parts


def _fits_parts(parts: list[str], text: str) -> bool:
    # By hand: an expression with many stars can take for ever.
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def read_rule(rule: str) -> Rule | None:
    """What a rule says, None if it is not understood."""
    match = _RULE.fullmatch(rule.strip())
    return Rule(match[1].casefold(), match[2] or "", rule) if match else None


def rules_about(rules: Iterable[str], tool: str) -> Iterator[Rule]:
    """Those about this tool, as itself or as one of its family."""
    for text in rules:
        rule = read_rule(text)
        if rule and (rule.tool == tool or tool in _FAMILIES.get(rule.tool, ())):
            yield rule


def _fits_path(pattern: str, path: str, strict: bool) -> bool:
    outside = posixpath.isabs(path) or path.split("/")[0] == ".."
    if outside and not strict:
        return False
    path = posixpath.normpath(path).lstrip("/")
    if strict:
        return covers([pattern])(path)
    fits = glob_filter(pattern.rstrip("/"))
    parts = path.split("/")
    return any(fits("/".join(parts[:count])) for count in range(1, len(parts) + 1))


class _Reached(NamedTuple):
    """texts: every command, under each name it may go by. whole: False if there may be others. stems: as in Line."""

    texts: list[str]
    whole: bool
    stems: list[str]


def _reached(line: Line, depth: int = 0) -> _Reached:
    texts, whole, stems = list(line.forms), line.plain, [stem for stem in line.stems if stem is not None]
    for argv, stem in zip(line.commands, line.stems, strict=True):
        name = posixpath.basename(argv[0]).casefold()
        spaced = " ".join(argv)
        texts += [spaced, name + spaced[len(argv[0]) :]]
        if stem is not None:
            stems.append(posixpath.basename(stem.split(" ", 1)[0]) + stem.partition(" ")[1] + stem.partition(" ")[2])
        if name not in _WRAPPERS.split():
            continue
        named = [posixpath.basename(word) for word in argv if not word.startswith("-")]
        reads_commands = named[-1:] and named[-1] in _SHELLS.split()  # from its input
        whole = whole and stem is None and depth < _DEEPEST and len(argv) <= _WIDEST and not reads_commands
        read_text = any(part in _READ_TEXT.split() for part in named)
        at = len(argv[0])
        for word in argv[1:_WIDEST]:
            rest, at = spaced[at + 1 :], at + 1 + len(word)
            texts += [rest, posixpath.basename(word) + rest[len(word) :]]
            if read_text and depth < _DEEPEST and not re.fullmatch(r"[\w./:=+,@%-]*", word):
                inner = _reached(parse(word), depth + 1)
                texts += inner.texts
                stems += inner.stems
                whole = whole and inner.whole
    return _Reached(texts, whole, stems)
