"""Which session it is: a new one, an old one mended, or a fork of one that stays as it is."""

from __future__ import annotations

from pathlib import Path

from minicode import __version__, paths
from minicode.errors import SessionError
from minicode.ground import Ground
from minicode.journal import store
from minicode.journal.entry import task_of
from minicode.journal.reader import summaries
from minicode.journal.repair import closing
from minicode.journal.writer import Journal
from minicode.text import clean, count
from minicode.workspace.leftovers import end_of_session

_NAMED, _TOLD = 60, 5  # characters of a command line; how many of them


def open_journal(
    base: Ground, resume: str | None, name: str | None, *, fork: bool = False, ephemeral: bool = False
) -> tuple[Journal, list[str]]:
    """The journal, mended so that every call has its result; and what the user should know. Arguments as in `Plan`.

    Raises SessionError, and its children, for a session that is not there, in use, or not to be read or written.
    """
    header = {"folder": str(base.folder), "minicode": __version__, "name": name}
    notes = _taken(name, base.places.sessions) if name else []
    if resume is None:
        if ephemeral:
            return Journal.ephemeral(header), []
        return Journal.create(paths.private_dir(base.places.sessions_of(base.folder)), header), notes
    path = _resumed(resume, base)
    if (owner := task_of(path.stem)[0]) and not (fork or ephemeral):
        raise SessionError(
            f"{path.stem} is a task of session {owner}, and goes on there: ask M2 for it. `minicode sessions show` "
            "shows it; --fork makes a session of your own of it."
        )
    if fork or ephemeral:
        place = None if ephemeral else paths.private_dir(base.places.sessions_of(base.folder))
        journal = Journal.fork(place, header, path)
        what = "A copy that is not kept" if ephemeral else "A fork"
        notes.append(f"{what} of session {path.stem}, which stays as it is.")
    else:
        journal = Journal.open(path)
        notes += ended_leftovers(journal.id)
    notes += [journal.warning] if journal.warning else []
    if journal.damaged:
        notes.append(
            f"Session {journal.id} was damaged: {journal.damaged} unreadable lines are skipped. All else is used; "
            "nothing was deleted."
        )
    if journal.cut and journal.torn:
        notes.append(
            "The last record was cut off while it was written. Nothing had been done with it, so it is left out."
        )
    if mending := closing(journal.branch):
        journal.append_many(mending)
        notes.append(f"Cut short when minicode last stopped: {count(len(mending), 'tool call')}; the model is told so.")
    if name and journal.gist.name != name:
        journal.append("name", {"name": name})
    return journal, notes


def ended_leftovers(session: str) -> list[str]:
    """End what a minicode that was killed left running of this session's commands, and say so."""
    ended = [f"`{' '.join(clean(line).split())[:_NAMED]}`" for line in end_of_session(session)]
    more = f" and {len(ended) - _TOLD} more" if len(ended) > _TOLD else ""
    return [f"Left running when minicode was killed, and ended now: {', '.join(ended[:_TOLD])}{more}."] if ended else []


def _resumed(key: str, base: Ground) -> Path:
    project = paths.slug(base.folder)
    if key:
        return store.find(base.places.sessions, key, project)
    if found := store.latest(base.places.sessions, project):
        return found
    raise SessionError(f"There is no session of {base.folder} to go on with. Start one without -c.")


def _taken(name: str, sessions: Path) -> list[str]:
    """Names need not differ, but whoever gives one twice should know."""
    others = [s.id for s in summaries(sessions) if s.gist.name.casefold() == name.casefold()]
    return [f"Session {others[0]} is called {name!r} too; by name, this folder's are found first."] if others else []


def inherited(journal: Journal, sessions: Path) -> list[Path]:
    """Where the sessions that this one was forked from keep long outputs: its results name files in there."""
    named = [Path(name) for name in journal.header.data.get("spilled", ()) if isinstance(name, str)]
    return [path for path in named if path.suffix == ".blobs" and path.parent.parent == sessions]
