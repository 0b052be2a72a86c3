"""Names the symbols of files, in a process of its own: it takes the GIL, and a hostile file can stall or crash it.

Started with a job as JSON on standard input: {"library": folder, "languages": {name: [[binding, module, function,
query], hints]}, "files": [[path, language, known digest], …], "parse": are symbols wanted?, "most": bytes of a file,
"seconds": of CPU for one file, "memory": bytes}. Prints one JSON line for each file, in order: `null` for one that
cannot be read, `false` for one that is too large or no text, `true` for one whose content has the known digest, else
[digest, names, uses, symbols]. names: what it probably defines, with spaces between. uses: names that it probably
uses, each with how often. symbols: [name, kind, first line, last line, line of the name, text] of each, or `null`.
Whoever started it knows by the lines which file it died of.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
import resource
import signal
import stat
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

_WRAPPERS = ("decorated_definition", "export_statement", "template_declaration", "ambient_declaration")
_LONGEST_TEXT = 160
_LONGEST_NAME = 120
_MOST_SYMBOLS = 5_000  # of one file
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_NAMES = frozenset(b"if for while switch catch return new base this function class else const import throw".split())
_BARE = re.compile(rb"[\w$\x80-\xff]{3,}+(?:[?]|!(?!\())?")


def main() -> None:
    job = json.load(sys.stdin)
    sys.path.append(job["library"])
    with suppress(ValueError, OSError):  # not everywhere can memory be bounded
        resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # ends the process, even inside a parser
    glances: dict[str, Any] = {}
    grammars: dict[str, Any] = {}
    for path, language, known in job["files"]:
        data = _read(path, job["most"])
        answer: object = data if data is None else bool(data)
        if data:
            digest = hashlib.sha256(data).hexdigest()[:32]
            answer = True
            if digest != known:
                grammar, hints = job["languages"][language]
                if language not in glances:
                    glances[language] = _expressions(*hints)
                    grammars[language] = _grammar(*grammar) if job["parse"] else None
                signal.setitimer(signal.ITIMER_VIRTUAL, job["seconds"])
                symbols = _symbols(data, *grammars[language]) if job["parse"] else None
                answer = [digest, *_glance(data, *glances[language]), symbols]
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        os.write(1, json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n")


def _read(path: str, most: int) -> bytes | None:
    """None for what cannot be read, nothing for what is no code."""
    try:
        fd = os.open(path, _READ)
        with os.fdopen(fd, "rb", buffering=0) as file:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode) or about.st_size > most:
                return b""
            data = file.read(most + 1)
    except OSError:
        return None
    if data[:2] in _UTF_16:
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    return b"" if len(data) > most or b"\0" in data[:8192] else data


def _expressions(comments: str, lines: str, before: str, after: str, lists: str) -> list[re.Pattern[bytes]]:
    words = rf"[A-Za-z_$\x80-\xff{re.escape(before)}][\w$\x80-\xff]{{2,}}+(?:{after})?+"
    return [re.compile(text.encode("latin-1")) for text in (comments, lines, words, lists) if text]


def _glance(
    data: bytes,
    comments: re.Pattern[bytes],
    lines: re.Pattern[bytes],
    words: re.Pattern[bytes],
    lists: re.Pattern[bytes] | None = None,
) -> tuple[str, str]:
    text = b"\n" + comments.sub(b" ", data.replace(b"\r", b""))
    names = {found[found.lastindex or 0] for found in lines.finditer(text)} - _NO_NAMES
    uses: Counter[bytes] = Counter()
    for word, times in Counter(words.findall(text)).items():
        found = _BARE.search(word)
        if found and (found[0] != word or word[:1].isupper() or word.endswith(b"_t")):  # not a mere local variable's
            uses[found[0]] += times
    for some in lists.findall(text) if lists else ():
        uses.update(_BARE.findall(some))
    told = [b"%b %d" % (name, times) for name, times in uses.items() if name not in names and _fits(name)]
    return b" ".join(sorted(filter(_fits, names))).decode("utf-8", "replace"), b" ".join(told).decode(
        "utf-8", "replace"
    )


def _fits(name: bytes) -> bool:
    return len(name) <= _LONGEST_NAME


def _grammar(binding: str, module: str, function: str, query: str) -> tuple[Any, Any]:
    """A parser, and a cursor over what the query finds."""
    from importlib.util import module_from_spec, spec_from_file_location

    from tree_sitter import Language, Parser, Query, QueryCursor

    # The package itself would drag in importlib.resources.
    spec = spec_from_file_location(f"{module}._binding", binding)
    assert spec is not None and spec.loader is not None
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    language = Language(getattr(loaded, function)())
    return Parser(language), QueryCursor(Query(language, query))


def _symbols(data: bytes, parser: Any, cursor: Any) -> list[Any]:
    tree = parser.parse(data)
    lines = data.split(b"\n")
    found: dict[int, list[Any]] = {}
    for kind, nodes in cursor.captures(tree.root_node).items():
        for node in nodes:
            if node.start_byte in found and kind == "variable":  # a function is one, too
                continue
            whole = _whole(node)
            row = node.start_point[0]
            text = lines[row].decode("utf-8", "replace").strip()
            if kind == "variable":
                text = text.partition("=")[0].rstrip()  # its value may be long, or a secret
            name = node.text[:_LONGEST_NAME].decode("utf-8", "replace")
            last = whole.end_point[0] + (whole.end_point[1] > 0 or whole.end_point == whole.start_point)
            symbol = [name, kind, whole.start_point[0] + 1, max(last, row + 1), row + 1, text[:_LONGEST_TEXT]]
            found[node.start_byte] = symbol
    return [found[at] for at in sorted(found)][:_MOST_SYMBOLS]


def _whole(name: Any) -> Any:
    """The definition that has this name."""
    node = name.parent or name
    while node.parent and (node.type.endswith(("declarator", "_list")) or node.type in ("generic_type", "pattern")):
        node = node.parent
    while node.parent and node.parent.type in _WRAPPERS:
        node = node.parent
    return node


if __name__ == "__main__":
    main()
