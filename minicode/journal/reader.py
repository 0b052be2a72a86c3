"""Reading session files, whole or only head and tail. Damage is counted and stepped over, never fatal."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from minicode.errors import SessionError
from minicode.journal.entry import ASIDE, START, VERSION, Entry, from_line, task_of
from minicode.journal.gist import TOLD, Gist
from minicode.journal.kept import whole
from minicode.journal.shapes import fits

SUFFIX = ".jsonl"
HEAD = 8 << 10  # holds the header
LONG = 16 << 20  # bytes of a session that is read in a quicker way
TAIL = 48 << 10  # holds the last `listing` (see writer.RESTATE) or, in a small file, all
_END = re.compile(rb',"crc":"[0-9a-f]{8}"\}')
# With the line's end before it, which is found much quicker than its beginning.
_BEGINS = rb'\n\{"id":"[^"\n]*","parent":(?:null|"[^"\n]*"),"at":"([^"\n]*)","kind":"'
_TELLING = _BEGINS + b'(?:%b)".*' % "|".join(sorted((*TOLD, "session"))).encode()  # compiled where it is needed


@dataclass(frozen=True, slots=True)
class Loaded:
    """A session as it is on disk.

    entries: in the order of the file, without the header. A parent that was lost is replaced by the entry before.
    damaged: lines that could not be read (whole records found in such a line are in `entries`).
    cut: records that were cut short while they were written, as by a crash, and on which nothing was built.
    torn: the file does not end with a newline.
    """

    header: Entry
    entries: list[Entry]
    damaged: int = 0
    torn: bool = False
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list shows of a session. started, updated: as Entry.at, "" if lost. size: bytes."""

    id: str
    path: Path
    folder: str
    started: str
    updated: str
    size: int
    gist: Gist

    @property
    def label(self) -> str:
        """What to call it: its name, else its title, else what the user first said, or only ran."""
        return self.gist.name or self.gist.title or self.gist.first or (f"! {self.gist.ran}" if self.gist.ran else "")


def load(path: Path, *, judged: bool = True) -> Loaded:
    """Read a session. Raises SessionError if there is none, or one of a newer version.

    judged: what has fields that are not what they should be is damage. Without it, who reads it takes care.
    """
    header: Entry | None = None
    entries: list[Entry] = []
    seen: set[str] = set()
    damaged = cut = 0
    line = b"\n"
    previous: str | None = None
    with _open(path, 256 << 10) as file:
        parse = _parser(os.fstat(file.fileno()).st_size)
        for number, line in enumerate(file):
            found = [sound] if (sound := from_line(line, parse)) else list(_whole_records(line))
            short = not found and _is_begun(line)
            cut += short
            damaged += sound is None and not short and not line.isspace()
            if number == 0 and not sound:
                _refuse_newer(path, line)
            for entry in found:
                if entry.kind == "session":
                    _check_version(path, entry.data.get("version"))
                forged = judged and not fits(entry.kind, entry.data)
                if forged or entry.id in seen:
                    damaged += 1
                elif entry.kind == "session":
                    header = header or entry
                else:
                    # A parent is always an earlier entry; anything else would lose what is above it.
                    known = entry.parent is None or entry.parent in seen
                    damaged, cut = (damaged, cut) if known else (damaged + cut, 0)  # one of them was more than a try
                    entries.append(whole(entry if known else replace(entry, parent=previous), path))
                    seen.add(entry.id)
                    previous = previous if entry.kind in ASIDE else entry.id
    if header is None and not entries:
        raise SessionError(f"{path} holds no session that minicode could read. It was left as it is.")
    return Loaded(header or _substitute(path), entries, damaged, not line.endswith(b"\n"), cut)


def leaf_of(entries: list[Entry]) -> str | None:
    """The id of the entry to go on from; None is the very start."""
    known = {entry.id for entry in entries}
    for entry in reversed(entries):
        if entry.kind not in ASIDE:
            return entry.id
        to = entry.data.get("to")
        if entry.kind == "leaf" and (to is None or to in known):
            return to
    return None


def branch_to(entries: list[Entry], leaf: str | None) -> list[Entry]:
    """The entries from the start to `leaf`. Raises KeyError if there is no such entry."""
    by_id = {entry.id: entry for entry in entries}
    branch = []
    while leaf is not None:
        entry = by_id[leaf]
        branch.append(entry)
        leaf = entry.parent
    return branch[::-1]


def summaries(sessions: Path, project: str | None = None, *, tasks: bool = False) -> list[Summary]:
    """All sessions below the folder, or only those of a project (`paths.slug`), the last updated first.

    tasks: also the sessions of tasks. Reads a few KB of each file. What is not a session, not a plain file or not ours
    is left out.
    """
    found = [summary for path in session_files(sessions, project, tasks=tasks) if (summary := summarise(path))]
    return sorted(found, key=lambda s: (s.updated, s.id), reverse=True)


def session_files(sessions: Path, project: str | None = None, *, tasks: bool = False) -> Iterator[Path]:
    """The session files below the folder: plain files of ours; a link could point anywhere. tasks: as `summaries`."""
    folders = [project] if project else [e.name for e in _scan(sessions) if e.is_dir(follow_symlinks=False)]
    for folder in folders:
        for item in _scan(sessions / folder):
            fits = item.name.endswith(SUFFIX) and item.is_file(follow_symlinks=False)
            if fits and (tasks or not task_of(item.name.removesuffix(SUFFIX))[0]):
                yield Path(item.path)


def summarise(path: Path) -> Summary | None:
    """What a list shows of one file; None if it is not a session of ours, or of a newer version."""
    try:
        with _open(path) as file:
            info = os.fstat(file.fileno())
            text = file.read(HEAD + TAIL)
            if info.st_size > len(text):
                file.seek(info.st_size - TAIL)
                text = text[:HEAD].rpartition(b"\n")[0] + b"\n" + file.read(TAIL).partition(b"\n")[2]
    except (OSError, SessionError):
        return None
    if info.st_uid != os.geteuid():
        return None
    header: Entry | None = None
    gist = Gist()
    text = b"\n" + text
    for line in re.finditer(_TELLING, text):
        if (entry := from_line(line[0][1:])) and fits(entry.kind, entry.data):
            gist = gist.after(entry)
            header = header or (entry if entry.kind == "session" else None)
    last = _last_time(text)
    if (header and header.data.get("version") != VERSION) or not last:
        return None
    header = header or _substitute(path)
    folder = str(header.data.get("folder", ""))
    return Summary(path.name.removesuffix(SUFFIX), path, folder, header.at, last, info.st_size, gist)


def _last_time(text: bytes) -> str:
    """When the last record was written, "" if there is none. The text begins with the end of a line."""
    end = len(text)
    while (end := text.rfind(b"\n{", 0, end)) >= 0:
        if found := re.compile(_BEGINS).match(text, end):
            return found[1].decode("ascii", "replace")
    return ""


def _open(path: Path, buffer: int = -1) -> BinaryIO:
    # NONBLOCK: a pipe in place of the file must not hang us.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise SessionError(f"There is no session at {path}.") from None
    except OSError as error:
        raise SessionError(f"The session {path} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SessionError(f"{path} is not a plain file, so it is not read as a session.")
    return os.fdopen(fd, "rb", buffer)


def _parser(size: int) -> Callable[[bytes], Any]:
    """What reads the JSON of a file of so many bytes: for a long one the import of a faster parser is worth it."""
    if size < LONG:
        return json.loads
    from pydantic_core import from_json

    def parse(line: bytes) -> Any:
        try:
            return from_json(line)
        except ValueError:  # half of a surrogate pair, say, which the slower one reads
            return json.loads(line)

    return parse


def _is_begun(line: bytes) -> bool:
    """The beginning of a record, without its end."""
    line = line.rstrip(b"\n")
    return (line.startswith(START) and not _END.search(line)) or (bool(line) and START.startswith(line))


def _whole_records(line: bytes) -> Iterator[Entry]:
    """The records in a damaged line whose checksums prove them: one glued to half of another."""
    ends = [match.end() for match in _END.finditer(line)]
    start = line.find(START)
    while start >= 0 and ends:
        step = 1
        for end in ends:
            if end > start and (entry := from_line(line[start:end])):
                yield entry
                step = end - start
                break
        start = line.find(START, start + step)


def _check_version(path: Path, version: object) -> None:
    if version != VERSION:
        raise SessionError(
            f"{path} was written by another version of minicode (format {version}; this one reads format {VERSION}). "
            "It was left as it is. Open it with a newer minicode."
        )


def _refuse_newer(path: Path, line: bytes) -> None:
    """A newer version may compute its checksum otherwise, and must still be told from damage."""
    found = re.search(rb'"kind":\s*"session".*?"version":\s*([0-9]{1,9})\b', line[:HEAD])
    if found and int(found[1]) > VERSION:
        _check_version(path, int(found[1]))


def _substitute(path: Path) -> Entry:
    """For a lost header: the file's name still tells the id."""
    return Entry(path.name.removesuffix(SUFFIX), None, "", "session", {"version": VERSION, "folder": "", "name": None})


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """Raises SessionError for a folder that is there and cannot be read: its sessions are not gone."""
    try:
        with os.scandir(folder) as items:
            return list(items)
    except PermissionError:
        raise SessionError(f"{folder} cannot be read: permission is denied. Its sessions cannot be listed.") from None
    except OSError:
        return []
