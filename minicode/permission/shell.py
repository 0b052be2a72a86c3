"""Which programs a command line would start, and whether it is so plain that nothing else can happen.

Fail closed: plain is only a tree made of the few node types below, never what else the grammar knows, or does not.
"""

from __future__ import annotations

import re
import shlex
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST = 20_000  # characters
MOST = 100  # commands
# Where these are in the wrong places the parser needs time that grows with their square, and cannot always be stopped.
SIGNS, MOST_SIGNS = "|&;(<)", 1_000
PATIENCE = 0.3  # seconds
_BRANCHES = {"program", "list", "pipeline", "command", "command_name", "redirected_statement"}
_OPERATORS = {"&&", "||", ";", "|", "|&"}
# To nowhere, from nowhere, and from one stream to another: no file is opened.
_NOWHERE = re.compile(r"(?:&>>?|\d?(?:>>?|<)) */dev/null|\d?>& *\d")
_COMMANDS = {"command", "declaration_command", "unset_command"}
_NOT_WORDS = {"file_redirect", "heredoc_redirect", "herestring_redirect", "variable_assignment", "subshell"}
# Outside quotes only printable ASCII: shells disagree on what separates words beyond it.
_WORD = re.compile(r"""(?:[^\\'"`$&;|<>()\x00-\x20\x7f-\U0010ffff]|\\[\x20-\x7e])+""")
_RAW = re.compile(r"'[^']*'")
_STRING = re.compile(r'"(?:[^\\"`$]|\\.)*"', re.DOTALL)
_EXPANDS = re.compile(r"[*?[{]|(?:(?<=[=:])|^)~")
_RESERVED = "! [[ ]] { } case coproc do done elif else esac fi for function if in select then until while"
_WHY = {
    "file_redirect": "it redirects to or from a file",
    "heredoc_redirect": "it holds a here-document",
    "herestring_redirect": "it holds a here-string",
    "variable_assignment": "it sets a variable",
    "declaration_command": "it sets a variable",
    "simple_expansion": "it expands a variable",
    "expansion": "it expands a variable",
    "arithmetic_expansion": "it computes",
    "command_substitution": "it puts the output of a command into another one",
    "process_substitution": "it puts the output of a command into another one",
    "subshell": "it opens a subshell",
    "function_definition": "it defines a function",
    "comment": "it holds a comment",
    "ERROR": "its syntax is not understood",
    "&": "it runs something in the background",
}


class Line(NamedTuple):
    """A command line as understood.

    plain: it is simple commands with literal words, joined by && || ; and |, and nothing else but redirections that
    open no file, such as `2>&1` and `>/dev/null`. commands: the words of every command found, unquoted; best effort if
    not plain. forms: the same as text, in the one spelling that rules are compared with; two commands that do different
    things never share it. stems: the words before the first place where the shell would put file names, a home folder
    or a choice; None where there is none. why: what kept it from being plain, as "it …".
    """

    plain: bool
    commands: tuple[tuple[str, ...], ...] = ()
    forms: tuple[str, ...] = ()
    stems: tuple[str | None, ...] = ()
    why: str = ""


class _Word(NamedTuple):
    value: str
    form: str
    stem: str | None = None


def parse(command: str) -> Line:
    """The commands in it. Never raises; quick for anything, for what is too long is not read at all."""
    if len(command) > LONGEST:
        return Line(False, why=f"it is longer than {LONGEST} characters")
    if sum(map(command.count, SIGNS)) > MOST_SIGNS:
        return Line(False, why=f"it holds more than {MOST_SIGNS} of the signs {SIGNS}")
    why = _odd(command)
    # bash takes these two out before it looks for words.
    source = command.replace("\\\n", "")
    root = _tree(source)
    if root is None:
        return Line(False, why="it takes too long to understand")
    found: list[list[_Word]] = []
    # With the kind of the parent: to ask a node for it means a walk from the root.
    nodes, seen = [(root, "")], 0
    while nodes:
        node, parent = nodes.pop()
        nowhere = node.type == "file_redirect" and _leads_nowhere(node, source)
        why = why or ("" if nowhere else _unplain(node, parent, source))
        if nowhere or not node.child_count:
            # The grammar takes an escaped space for nothing, the shell for a part of the word.
            why = why or ("" if source[seen : node.start_byte].strip(" ") == "" else _WHY["ERROR"])
            seen = max(seen, node.end_byte)
        if node.type in _COMMANDS:
            words = [_word(child, source) for child in _words(node)]
            if words:
                found.append(words)
                why = why or _name_trouble(words[0])
        if not nowhere:
            nodes.extend((child, node.type) for child in reversed(node.children))
    if source[seen:].strip(" "):
        why = why or _WHY["ERROR"]
    if not found:
        why = why or "there is no command in it"
    if len(found) > MOST:
        why = why or f"it holds more than {MOST} commands"
    return Line(
        not why,
        tuple(tuple(word.value for word in words) for words in found),
        tuple(" ".join(word.form for word in words) for words in found),
        tuple(_stem(words) for words in found),
        why,
    )


def _odd(command: str) -> str:
    for char in command if not (command.isascii() and command.isprintable()) else "":
        if char in "\r\n":
            return "it has more than one line"
        # Python counts as printable neither controls nor any space but the plain one, nor what has no width.
        if not char.isprintable():
            return f"it holds the character U+{ord(char):04X}"
    return ""


def _tree(source: str) -> Node | None:
    # The grammar's scanner looks characters up in tables made for bytes, and crashes on others. One byte for each
    # character, so that the places it finds are places in the source.
    ascii_only = re.sub(r"[^\x20-\x7e\n\r\t]", "_", source).encode()
    end = time.monotonic() + PATIENCE
    parser = _parser()
    try:
        # Only what is read piece by piece can be given up.
        return parser.parse(
            lambda at, _: ascii_only[at : at + 4096], progress_callback=lambda _, __: time.monotonic() > end
        ).root_node
    except ValueError:
        parser.reset()
        return None


def _text(node: Node, source: str) -> str:
    return source[node.start_byte : node.end_byte]


def _leads_nowhere(node: Node, source: str) -> bool:
    # A digit that touches a word belongs to one or the other; here bash is not second-guessed.
    apart = node.start_byte == 0 or source[node.start_byte - 1] == " "
    return apart and _NOWHERE.fullmatch(_text(node, source)) is not None


def _unplain(node: Node, parent: str, source: str) -> str:
    """What is not plain about this node itself, "" for nothing. parent: the kind of the node above."""
    kind = node.type
    if node.is_missing or node.is_error:
        return _WHY["ERROR"]
    if kind in _BRANCHES:
        return ""
    text = _text(node, source)
    if kind in ("word", "number"):
        plain = _WORD.fullmatch(text) is not None and not node.named_child_count
    elif kind == "raw_string":
        plain = _RAW.fullmatch(text) is not None
    elif kind == "string":
        plain = _STRING.fullmatch(text) is not None
    elif kind == "concatenation":
        plain = True
    elif kind == "string_content" or parent == "string":
        plain = kind in ("string_content", '"')
    else:
        plain = kind in _OPERATORS and parent in ("program", "list", "pipeline")
    return "" if plain else _WHY.get(kind, f"it holds `{text[:20]}`")


def _name_trouble(name: _Word) -> str:
    if name.value in _RESERVED.split():
        return "it is more than simple commands"
    return "it sets a variable" if "=" in name.value else ""


def _words(command: Node) -> list[Node]:
    children = [child for child in command.children if child.type not in _NOT_WORDS]
    return [child.children[0] if child.type == "command_name" and child.children else child for child in children]


def _word(node: Node, source: str) -> _Word:
    text = _text(node, source)
    value, stem = "", None
    # Two words that touch are one, quoted or not: `-r'x'*`.
    for part in node.children if node.type == "concatenation" else [node]:
        piece, before = _unquote(_text(part, source))
        if before is not None and stem is None:
            stem = value + before
        value += piece
    return _Word(value, text if stem is not None else shlex.quote(value), stem)


def _unquote(text: str) -> tuple[str, str | None]:
    """Its value, and the part of it before the first thing the shell would expand."""
    if _RAW.fullmatch(text):
        return text[1:-1], None
    if _STRING.fullmatch(text):
        return re.sub(r'\\([$`"\\])', r"\1", text[1:-1]), None
    bare = re.sub(r"\\.", "__", text, flags=re.DOTALL)
    start = _EXPANDS.search(bare)
    value = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
    return value, None if start is None else re.sub(r"\\(.)", r"\1", text[: start.start()], flags=re.DOTALL)


def _stem(words: list[_Word]) -> str | None:
    for at, word in enumerate(words):
        if word.stem is not None:
            return " ".join([*(w.value for w in words[:at]), word.stem])
    return None


@cache
def _parser() -> Parser:
    from importlib.machinery import PathFinder
    from importlib.util import find_spec, module_from_spec

    from tree_sitter import Language, Parser

    # The package itself drags in importlib.resources: 45 ms for a function it does not need.
    package = find_spec("tree_sitter_bash")
    spec = PathFinder.find_spec("tree_sitter_bash._binding", package.submodule_search_locations) if package else None
    if spec is None or spec.loader is None:
        from tree_sitter_bash import language
    else:
        binding = module_from_spec(spec)
        spec.loader.exec_module(binding)
        language = binding.language
    return Parser(Language(language()))
