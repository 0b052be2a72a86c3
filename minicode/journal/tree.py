"""The tree of a session: where it can be rewound to, what can be redone, what is labelled, and how it is drawn. Pure.

A rewind is an entry `leaf {to, from, by: "rewind"}`; if files went back too, `files {from, to, by, paths, both: true}`
right before it, and without `both` if only they did. A redo is the same the other way round. A switch, to the end of a
branch that was left, is a `leaf` by "switch".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from minicode.errors import SessionError
from minicode.journal.entry import ASIDE, Entry

_SHOWN = 8
_UNRUN = ("not run: ", "did not run: ")  # how the results of calls begin that were refused or never started


class Said(NamedTuple):
    """A message of the user's. text: as it was typed. to: the entry to go on from instead, None for the very start.
    tree: the snapshot of the files before all that followed, "" if nothing that could change them did. lost: something
    did, and the files were not kept before."""

    id: str
    at: str
    text: str
    to: str | None
    tree: str
    lost: bool = False


class Back(NamedTuple):
    """A rewind or switch that can be redone. leaf: where the conversation was, None for the very start and where
    only files went back. files: the snapshot before and the one they went back to, or None."""

    leaf: str | None
    files: tuple[str, str] | None

    @property
    def conversation(self) -> bool:
        """Did it move?"""
        return self.leaf is not None or self.files is None


class Node(NamedTuple):
    """A message of the user's in the tree. parent: the message before it. labels: of whatever it led to, too.
    steps: replies it got. folds: that still hold. live: on the live branch. here: what is said next follows it."""

    id: str
    parent: str | None
    at: str
    text: str
    labels: tuple[str, ...]
    steps: int
    folds: int
    live: bool
    here: bool


def is_said(entry: Entry) -> bool:
    """Was it the user who spoke? What minicode says in the user's place is no message of theirs."""
    return entry.kind == "user" and entry.data.get("by") != "minicode"


def typed(entry: Entry) -> str:
    """The user's own words, without what hooks and instruction files added."""
    text = entry.data.get("typed", entry.data.get("text"))
    return text if isinstance(text, str) else ""


def in_full(entry: Entry) -> str:
    """All that an entry of the user's says, also what M2 was told only in part."""
    data = entry.data
    names = ("typed", "added") if "kept" in data and "typed" in data else ("text",)
    return "".join(text for name in names if isinstance(text := data.get(name), str))


def said(branch: Sequence[Entry]) -> list[Said]:
    """The user's messages on a branch, the oldest first."""
    found: list[Said] = []
    tree, lost = "", False
    unkept = _unkept(branch)
    for place in range(len(branch) - 1, -1, -1):
        entry = branch[place]
        if entry.kind == "snapshot":
            tree, lost = str(entry.data.get("tree", "")), False
        elif entry.id in unkept:
            tree, lost = "", True
        elif is_said(entry):
            found.append(Said(entry.id, entry.at, typed(entry), _before(branch, place), tree, lost))
    return found[::-1]


def _unkept(branch: Iterable[Entry]) -> set[str]:
    """The intents of calls that may have changed files though none were kept since the reply that made them: intents
    may come with the reply, but the snapshot comes before the first of them is carried out."""
    found: set[str] = set()
    waiting: dict[str, str] = {}
    kept = False
    for entry in branch:
        if entry.kind in ("reply", "user", "end"):
            found.update(waiting.values())  # cut short
            waiting.clear()
            kept = False
        elif entry.kind == "snapshot":
            waiting.clear()
            kept = True
        elif entry.kind == "intent" and not kept:
            waiting[entry.data.get("call_id", "")] = entry.id
        elif entry.kind == "result":
            intent = waiting.pop(entry.data.get("call_id", ""), "")
            if intent and not (entry.data.get("failed") and str(entry.data.get("text")).startswith(_UNRUN)):
                found.add(intent)
    return found | set(waiting.values())


def _before(branch: Sequence[Entry], place: int) -> str | None:
    """Without the message its `told` must go as well: the model would not know what it says it was told."""
    while place and branch[place - 1].kind == "told":
        place -= 1
    return branch[place - 1].id if place else None


def find(messages: Sequence[Said], key: str, entries: Iterable[Entry]) -> Said:
    """The message with this id. entries: all of the session. Raises SessionError that lists the last messages, or says
    that it is on another branch."""
    for message in messages:
        if message.id == key:
            return message
    left = any(entry.id == key and is_said(entry) for entry in entries)
    there = f" It is on a left branch: `switch {key}` goes there first." if left else ""
    if not messages:
        raise SessionError(f"Nothing has been said on this branch, so there is nothing to go back to.{there}")
    if left:
        raise SessionError(f"{key} is no message of the live branch.{there}")
    last = "\n".join(f"  {m.id}  {one_line(m.text)}" for m in messages[-_SHOWN:])
    raise SessionError(f"{key!r} is no message of yours on the live branch. The last ones are:\n{last}")


def end_of(entries: Sequence[Entry], live: Sequence[Entry], key: str) -> str:
    """The end of a branch that was left: the newest entry below the one with this id, or label. live: the branch.

    Raises SessionError that lists the branches, or the entries with this label; or says that it is on the live one.
    """
    known = {entry.id for entry in entries if entry.kind not in ASIDE}
    meant = [key] if key in known else [id_ for id_, text in labels(entries).items() if text == key and id_ in known]
    if not meant:
        raise SessionError(f"No entry has the id or label {key!r}. {_left(entries, live)}")
    if meant[1:]:
        raise SessionError(f"{len(meant)} entries are labelled {key!r}: {', '.join(meant)}. Give the id of one.")
    if any(entry.id == meant[0] for entry in live):
        raise SessionError(f"{key!r} is on the live branch already. {_left(entries, live)}")
    below, end = set(meant), meant[0]
    for entry in entries:
        if entry.parent in below and entry.kind not in ASIDE:
            below.add(entry.id)
            end = entry.id
    return end


def _left(entries: Sequence[Entry], live: Sequence[Entry]) -> str:
    """A sentence that lists the last messages of the branches that were left."""
    tree = nodes(entries, live[-1].id if live else None)
    parents = {node.parent for node in tree}
    ends = [node for node in tree if not node.live and node.id not in parents]
    listed = "".join(f"\n  {node.id}  {one_line(node.text)}" for node in ends[-_SHOWN:])
    return f"The last messages of the branches that were left:{listed}" if ends else "No branch was left."


def undone(entries: Iterable[Entry]) -> list[Back]:
    """The rewinds and switches that can be redone, the next one last. Saying something new ends them all."""
    backs: list[Back] = []
    before: Entry | None = None
    for entry in entries:
        if entry.kind == "user":
            backs.clear()
        elif entry.kind == "files":
            _files(backs, entry)
        elif entry.kind == "leaf":
            together = before is not None and before.kind == "files" and bool(before.data.get("both"))
            _leaf(backs, entry, together)
        before = entry
    return backs


def _files(backs: list[Back], entry: Entry) -> None:
    if entry.data.get("by") == "rewind":
        backs.append(Back(None, (entry.data["from"], entry.data["to"])))
    elif backs:
        backs.pop()


def _leaf(backs: list[Back], entry: Entry, together: bool) -> None:
    """together: with the files entry before it, which is in `backs` already, or out of it."""
    by = entry.data.get("by")
    if by == "rewind":
        files = backs.pop().files if together and backs else None
        backs.append(Back(entry.data.get("from"), files))
    elif by == "switch":
        backs.append(Back(entry.data.get("from"), None))
    elif by == "redo" and backs and not together:
        backs.pop()


def last_tree(entries: Sequence[Entry]) -> str:
    """The snapshot of the files as minicode last left them; "" if there is none."""
    for entry in reversed(entries):
        if entry.kind in ("snapshot", "files"):
            return str(entry.data["tree" if entry.kind == "snapshot" else "to"])
    return ""


def gaps(entries: Sequence[Entry], since: str) -> Iterator[tuple[str, str]]:
    """(snapshot, snapshot) of the files when a turn had ended, and when the next step began that could change them, for
    all turns since a message; what differs was changed by somebody else. In the order of time, whatever the branch."""
    settled, known, seen = "", "", False
    for entry in entries:
        seen |= entry.id == since
        if not seen:
            continue
        if entry.kind == "end":
            settled = known
        elif entry.kind == "files":
            settled = known = str(entry.data["to"])
        elif entry.kind == "snapshot":
            known = str(entry.data["tree"])
            if settled and settled != known:
                yield settled, known
            settled = ""


def labels(entries: Iterable[Entry]) -> dict[str, str]:
    """Label by entry id; the last word counts, and an empty one takes it away."""
    found: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "label":
            found[entry.data["entry"]] = entry.data["text"]
    return {id_: text for id_, text in found.items() if text}


def nodes(entries: Sequence[Entry], leaf: str | None) -> list[Node]:
    """The user's messages of all branches, in the order they were said; a parent comes before its children."""
    owner: dict[str | None, str | None] = {None: None}
    parent: dict[str, str | None] = {}
    steps: dict[str | None, int] = {}
    folds: dict[str, str | None] = {}
    by_id: dict[str | None, Entry] = {}
    for entry in entries:
        if entry.kind in ASIDE:
            continue
        by_id[entry.id] = entry
        above = owner.get(entry.parent)
        owner[entry.id] = entry.id if is_said(entry) else above
        if is_said(entry):
            parent[entry.id] = above
        elif entry.kind == "reply":
            steps[above] = steps.get(above, 0) + 1
        elif entry.kind == "fold":
            folds[entry.id] = above
        elif entry.kind == "unfold":
            folds.pop(entry.data.get("fold", ""), None)
    marks: dict[str | None, list[str]] = {}
    for id_, text in labels(entries).items():
        marks.setdefault(owner.get(id_), []).append(text)
    folded = list(folds.values())
    here = owner.get(leaf)
    live = set(_up(parent, here))
    return [
        Node(
            id_,
            above,
            by_id[id_].at,
            typed(by_id[id_]),
            tuple(marks.get(id_, ())),
            steps.get(id_, 0),
            folded.count(id_) if folded else 0,
            id_ in live,
            id_ == here,
        )
        for id_, above in parent.items()
    ]


def _up(parent: dict[str, str | None], id_: str | None) -> Iterator[str]:
    while id_ is not None:
        yield id_
        id_ = parent[id_]


def drawn(tree: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    """(what to draw before it, node) line by line. A branch that goes straight on is not indented, however long it
    is; where one was left, what was left comes first, one step to the right."""
    below: dict[str | None, list[Node]] = {}
    for node in tree:
        below.setdefault(node.parent, []).append(node)

    def turn(nodes: list[Node], rest: str) -> list[tuple[Node, str, str]]:
        """As a stack: what goes straight on is drawn last."""
        main = next((node for node in reversed(nodes) if node.live), nodes[-1])
        left = [(node, f"{rest}├─ ", f"{rest}│  ") for node in nodes if node is not main]
        return [(main, rest, rest), *reversed(left)]

    waiting = turn(below[None], "") if tree else []
    while waiting:
        node, first, rest = waiting.pop()
        yield first, node
        if inner := below.get(node.id):
            waiting += turn(inner, rest)


def one_line(text: str, most: int = 70) -> str:
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
