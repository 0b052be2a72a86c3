"""Tells the syntax errors that a change brought into a file, in a process of its own: parsing holds the GIL, and a
hostile text can stall or crash a parser.

Started with a job as JSON on standard input: {"library": the folder of tree_sitter, "binding": file of the grammar,
"module": its name, "function": of it, gives the grammar, "seconds": of CPU, "memory": bytes, "before" and "after":
texts}. Prints a JSON list of [first line, last line, words], lines from 1.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, NamedTuple

_MOST = 20
_DEEPEST = 2000  # of the tree: what is nested deeper is not looked into


class Fault(NamedTuple):
    """line and last: from 1. words: what is wrong. key: the same for an error that only moved."""

    line: int
    last: int
    words: str
    key: tuple[str, str]


def main() -> None:
    job = json.load(sys.stdin)
    with suppress(ValueError, OSError):  # not everywhere can memory be bounded
        resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_VIRTUAL, job["seconds"])  # ends the process, even inside a parser
    sys.path.append(job["library"])
    parser = _parser(job["binding"], job["module"], job["function"])
    faults = list(_faults(parser, job["after"]))
    if faults:
        known = Counter(fault.key for fault in _faults(parser, job["before"]))
        faults = [fault for fault in faults if not _struck(known, fault.key)]
    if faults and job["module"] == "tree_sitter_python":
        faults = _as_python_says(job["before"], job["after"], faults)
    sys.stdout.write(json.dumps([fault[:3] for fault in faults[:_MOST]]))


def _parser(binding: str, module: str, function: str) -> Any:
    from tree_sitter import Language, Parser

    # The package itself would drag in importlib.resources.
    spec = spec_from_file_location(f"{module}._binding", binding)
    assert spec is not None and spec.loader is not None
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return Parser(Language(getattr(loaded, function)()))


def _faults(parser: Any, text: str) -> Iterator[Fault]:
    """The innermost errors of the tree, in order."""
    data = text.encode("utf-8", "replace")
    root = parser.parse(data).root_node
    lines = data.split(b"\n")
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        inner = [child for child in node.children if child.has_error] if depth < _DEEPEST else []
        if node.is_missing or (node.is_error and not inner):
            row, last = node.start_point[0], max(node.end_point[0], node.start_point[0])
            there = lines[row].decode("utf-8", "replace").strip() if row < len(lines) else ""
            words = f"missing {node.type}" if node.is_missing else f"`{there[:120]}`"
            yield Fault(row + 1, last + 1, words, (words, there))
        elif node.has_error:
            waiting += [(child, depth + 1) for child in reversed(inner)]


def _struck(known: Counter[tuple[str, str]], key: tuple[str, str]) -> bool:
    known[key] -= 1
    return known[key] >= 0


def _as_python_says(before: str, after: str, faults: list[Fault]) -> list[Fault]:
    """Python's own words, which are better; none if it accepts what the grammar does not know."""
    import warnings

    warnings.simplefilter("ignore")
    try:
        compile(after, "file", "exec", dont_inherit=True, flags=0x400)  # only the tree is made
    except SyntaxError as error:
        try:
            compile(before, "file", "exec", dont_inherit=True, flags=0x400)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return faults  # another kind of Python perhaps
        line = error.lineno or 1
        return [Fault(line, line, str(error.msg), ("", ""))]
    except (ValueError, MemoryError, RecursionError):
        return faults
    return []


if __name__ == "__main__":
    main()
