"""The ports of the screens about sessions: those on disk, the past of the open one, and first of all a key."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from minicode import keys, paths, rewinding, settings_file
from minicode.cli import login
from minicode.context.history import History
from minicode.errors import MinicodeError
from minicode.ground import Ground
from minicode.journal import index, store
from minicode.journal import tree as trees
from minicode.journal.entry import Entry, task_of
from minicode.journal.reader import Summary, branch_to, leaf_of, load, session_files, summaries, summarise
from minicode.journal.repair import sound
from minicode.journal.search import KINDS, Query, literal, seconds
from minicode.model.endpoint import endpoint
from minicode.session import Session
from minicode.show import Todos, show_from_json
from minicode.tui.cards import Card, Exchange, Found, Look
from minicode.tui.rewind import Changed, Outlook, Said
from minicode.tui.tree import Twig

if TYPE_CHECKING:  # loaded with the first step that needs it
    from minicode.workspace.snapshots.snapshots import Snapshots

T = TypeVar("T")
_HITS = 200  # of a search; several may be in one session
_BEGINNING = 2_000  # characters of a text that are handed on


@contextmanager
def _plainly() -> Iterator[None]:
    """What a port raises is a ValueError with the sentence."""
    try:
        yield
    except MinicodeError as error:
        raise ValueError(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise ValueError(f"{where}{error.strerror or error}.") from error


async def _aside(work: Callable[[], T]) -> T:
    with _plainly():
        return await asyncio.to_thread(work)


class DiskSessions:
    """A `cards.Sessions`: those of a home. folder: the one that is worked in."""

    def __init__(self, places: paths.Places, folder: Path) -> None:
        self._places, self._folder = places, folder

    async def listed(self, everywhere: bool, most: int = 0) -> list[Card]:
        return await _aside(lambda: self._listed(everywhere, most))

    def _listed(self, everywhere: bool, most: int) -> list[Card]:
        if not most:
            return [_card(one) for one in summaries(self._places.sessions, self._project(everywhere))]
        # The others are not even opened: it must be quick however many there are.
        written = ((_written(path), path) for path in session_files(self._places.sessions, self._project(everywhere)))
        found = (one for _, path in sorted(written, reverse=True) if (one := summarise(path)))
        return [_card(one) for one in islice(found, most)]

    async def search(self, words: str, everywhere: bool) -> list[Found]:
        return await _aside(lambda: self._search(tuple(words.split()), everywhere))

    def _search(self, words: tuple[str, ...], everywhere: bool) -> list[Found]:
        query = Query(literal(words), words, KINDS, self._project(everywhere))
        found: dict[str, str] = {}
        for hit in islice(index.search(self._places.state, query, _HITS, lambda said: None), _HITS):
            found.setdefault(task_of(hit.path.stem)[0] or hit.path.stem, hit.snippet)
        return [Found(*one) for one in found.items()]

    async def look(self, id_: str) -> Look:
        return await _aside(lambda: _look(self._find(id_)))

    async def rename(self, id_: str, name: str) -> None:
        await _aside(lambda: store.rename(self._find(id_), name))

    async def trash(self, id_: str) -> None:
        await _aside(lambda: store.move(self._find(id_), self._places.state / store.TRASH))

    def _project(self, everywhere: bool) -> str | None:
        return None if everywhere else paths.slug(self._folder)

    def _find(self, id_: str) -> Path:
        return store.find(self._places.sessions, id_)


def _written(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_mtime_ns
    return 0


def _card(one: Summary) -> Card:
    gist = one.gist
    when = seconds(one.updated or one.started)
    return Card(one.id, one.label, gist.name, _short(one.folder), gist.last, when, gist.turns, one.size)


def _short(folder: str) -> str:
    home = os.environ.get("HOME", "")
    inside = home.startswith("/") and (folder == home or folder.startswith(f"{home}/"))
    return f"~{folder[len(home) :]}" if inside else folder


def _look(path: Path) -> Look:
    loaded = load(path)
    branch = branch_to(loaded.entries, leaf_of(loaded.entries))
    history = History(sound(branch))
    return Look(_exchanges(branch), _todos(branch), history.given, history.issued, _holder(path), loaded.damaged)


def _exchanges(branch: Sequence[Entry]) -> tuple[Exchange, ...]:
    found: list[Exchange] = []
    for entry in branch:
        if trees.is_said(entry):
            found.append(Exchange(trees.typed(entry)[:_BEGINNING], "", 0))
        elif entry.kind == "reply" and found:
            said, answer, steps = found[-1]
            found[-1] = Exchange(said, _text(entry) or answer, steps + 1)
    return tuple(found)


def _text(reply: Entry) -> str:
    blocks: list[Any] = reply.data.get("content") or []
    words = [block.get("text", "") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    return "".join(words).strip()[:_BEGINNING]


def _todos(branch: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    """As the last result that shows them has them."""
    for entry in reversed(branch):
        if entry.kind == "result":
            for data in entry.data.get("show", ()):
                if isinstance(shown := show_from_json(data), Todos):
                    return shown.items
    return ()


def _holder(session: Path) -> str:
    """Who has it open, as far as the lock file tells; it is not tried, for that would take it for a moment."""
    with suppress(OSError, ValueError):
        holder = json.loads(session.with_suffix(".lock").read_bytes()[:4096])
        if isinstance(holder, dict) and isinstance(pid := holder.get("pid"), int) and pid > 0:
            if holder.get("host") != os.uname().nodename:
                return f"process {pid} on {holder.get('host')}"
            with suppress(PermissionError):  # it is there, and somebody else's
                os.kill(pid, 0)
            return "this process" if pid == os.getpid() else f"process {pid}"
    return ""


class SessionPast:
    """A `rewind.Rewinds` and a `tree.Tree`. session: the open one, of the moment."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def messages(self) -> list[Said]:
        said = trees.said(self._session().journal.branch)
        return [Said(one.id, one.text[:_BEGINNING], seconds(one.at)) for one in said]

    async def outlook(self, message: str) -> Outlook:
        journal = self._session().journal
        entries = list(journal.entries)  # a thread reads them
        with _plainly():
            target = trees.find(trees.said(journal.branch), message, entries)
            snapshots = self._session().parts.checkpoints.snapshots
        if target.lost:
            return Outlook(note="The files of that turn were not kept: only the conversation can go back.")
        if snapshots is None:
            return Outlook(note="No snapshots of files are kept here: only the conversation can go back.")
        if not target.tree:
            return Outlook()

        return await _aside(lambda: _outlook(snapshots, entries, target))

    def twigs(self) -> list[Twig]:
        journal = self._session().journal
        return [
            Twig(
                before,
                node.id,
                node.text[:_BEGINNING],
                seconds(node.at),
                node.labels,
                node.steps,
                node.folds,
                node.live,
                node.here,
            )
            for before, node in trees.drawn(trees.nodes(journal.entries, journal.leaf))
        ]

    def label(self, message: str, text: str) -> None:
        with _plainly():
            self._session().label(message, text)


def _outlook(snapshots: Snapshots, entries: Sequence[Entry], message: trees.Said) -> Outlook:
    """As `rewinding.restore` would do it. Where somebody else changed what goes back, the disk is compared as it is
    now, so that what they would lose is seen too."""
    to = message.tree
    last = trees.last_tree(entries) or to
    conflicts = snapshots.conflicts(to, last)
    way = {*conflicts, *(change.path for change in snapshots.diff(last, to))}
    now = snapshots.take().tree if conflicts else last
    sections = _sections(snapshots.show(now, to))
    names = {path: _name(path, sections) for path in way}
    files, diff = [], []
    for change in snapshots.diff(now, to):
        if change.path in way:
            lines = sections.get(name := names[change.path], [])
            plus = sum(line.startswith("+") and not line.startswith("+++ ") for line in lines)
            minus = sum(line.startswith("-") and not line.startswith("--- ") for line in lines)
            files.append(Changed(name, change.kind, plus, minus))
            diff += lines
    theirs = dict.fromkeys((*conflicts, *rewinding.between(snapshots, entries, to, message.id)))
    return Outlook(tuple(files), "\n".join(diff), tuple(names.get(path, path) for path in theirs))


def _sections(shown: str) -> dict[str, list[str]]:
    """The lines about each path of what `Snapshots.show` made, by the name that the path has there."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in shown.splitlines():
        if line[:1] not in (" ", "+", "-", "@", "\\", "["):
            lines = sections.setdefault(line.rpartition(": ")[0], [])
        lines.append(line)
    return sections


def _name(path: str, known: Container[str]) -> str:
    """The end of a path by which it is known, else all of it."""
    parts = path.split("/")
    return next((name for at in range(len(parts)) if (name := "/".join(parts[at:])) in known), path)


class KeptAccounts:
    """A `firstrun.Accounts`. config: the user's folder of settings."""

    def __init__(self, config: Path) -> None:
        self._config = config

    def doubt(self, key: str) -> str:
        return _doubt(lambda: login.plausible(key))

    async def keep(self, key: str, region: str) -> str:
        return await _aside(lambda: keys.store(login.plausible(key), self._config, login.REGIONS[region]))

    def doubt_address(self, base_url: str) -> str:
        if not base_url.strip():
            return "Write where the server is, such as http://127.0.0.1:8000."
        if wrong := _doubt(lambda: endpoint(base_url)):
            return wrong
        if not endpoint(base_url).loopback:
            return "That server is not on this machine, so it needs a key: set MINIMAX_BASE_URL and MINIMAX_API_KEY."
        return ""

    async def keep_address(self, base_url: str) -> str:
        return await _aside(lambda: self._keep_address(base_url.strip()))

    def _keep_address(self, base_url: str) -> str:
        """As the first line of the user's settings: what comes after a table's name would belong to the table."""
        if wrong := self.doubt_address(base_url):
            raise ValueError(wrong)
        path = self._config / "config.toml"
        known = settings_file.read(path, own=True)
        if known and "base_url" in known.data:
            raise ValueError(f"{known.where('base_url')}: an address is set there already. Change it there.")
        text = f"base_url = {json.dumps(base_url)}\n{known.text if known else ''}"
        paths.write_private(path.resolve(), text.encode())
        return str(path)


def _doubt(check: Callable[[], object]) -> str:
    try:
        check()
    except MinicodeError as error:
        return str(error)
    return ""


def needs_key(base: Ground, environ: Mapping[str, str] = os.environ) -> bool:
    """Is there nobody to ask: no key, and a server that wants one? Raises ConfigError."""
    s = base.settings
    return not keys.find(environ, base.places.config)[0] and not endpoint(s.base_url, s.protocol).loopback
