"""`minicode sessions tree|label`: the tree of a session, drawn, and what is written on it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime

from minicode import paths, rewinding
from minicode.journal import store
from minicode.journal import tree as trees
from minicode.journal.entry import Entry
from minicode.journal.reader import leaf_of, load, summarise
from minicode.journal.tree import Node, Said
from minicode.journal.writer import Journal
from minicode.plain import stdout_colour
from minicode.text import clean, count


def tree(session: str, as_json: bool) -> int:
    """Draw the whole tree; as JSON one message a line, in the order they were said."""
    path = store.find(paths.places().sessions, session)
    loaded = load(path)
    leaf = leaf_of(loaded.entries)
    if as_json:
        for node in trees.nodes(loaded.entries, leaf):
            print(json.dumps(node._asdict(), ensure_ascii=False))
        return 0
    print(clean(f"session {loaded.header.id} · {loaded.header.data.get('folder', '')}"))
    for line in drawing(loaded.entries, leaf):
        print(line)
    for task in store.tasks(path):
        print(clean(f"task {task.stem}  {about.label if (about := summarise(task)) else '(unreadable)'}"))
    return 0


def label(session: str, entry: str, text: str) -> int:
    with closing(Journal.open(store.find(paths.places().sessions, session))) as journal:
        rewinding.label(journal, entry, text)
    return 0


def drawing(entries: Sequence[Entry], leaf: str | None) -> Iterator[str]:
    """The tree line by line, fit for a terminal: ● is where it goes on, ○ the way there, · what was left."""
    tree = trees.nodes(entries, leaf)
    room = shutil.get_terminal_size().columns if os.isatty(1) else 200
    dim, plain = ("\x1b[2m", "\x1b[0m") if stdout_colour() else ("", "")
    if not any(node.here for node in tree):
        yield "● the start" if tree else "Nothing has been said yet."
    for prefix, node in trees.drawn(tree):
        line = prefix + _line(node, room - len(prefix))
        yield line if node.live else f"{dim}{line}{plain}"


def _line(node: Node, room: int) -> str:
    mark = "●" if node.here else "○" if node.live else "·"
    folds = f" · {count(node.folds, 'fold')}" if node.folds else ""
    before = f"{mark} {node.id:5} {local(node.at)}  {count(node.steps, 'step'):8}{folds}  "
    after = clean("".join(f"  [{text}]" for text in node.labels))
    return before + clean(trees.one_line(node.text, max(room - len(before) - len(after), 20))) + after


def listing(messages: Sequence[Said]) -> list[str]:
    """The messages with their ids, the newest last."""
    return [clean(f"{m.id:5} {local(m.at)}  {trees.one_line(m.text)}") for m in messages]


def local(stamp: str) -> str:
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return "unknown time    "
