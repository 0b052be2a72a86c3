"""Find text and files in the workspace, but not what .gitignore hides: by ripgrep, else git, else Python."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from minicode.sandbox.policy import LOOK
from minicode.text import clean, count
from minicode.workspace.folder import Refused
from minicode.workspace.git import run_git, safe_path
from minicode.workspace.glob import covers, glob_filter
from minicode.workspace.processes import HEAD, Finished
from minicode.workspace.workspace import Workspace

Engine = Literal["rg", "git", "python"]
Mode = Literal["content", "files", "count"]
ENGINES: tuple[Engine, ...] = ("rg", "git", "python")
_TIME = 60.0
_RG = ("--no-config", "--hidden", "--no-require-git", "--no-ignore-dot", "--no-messages", "--color=never", "-g!.git")
_GIT = ("grep", "-z", "-I", "--untracked", "--no-color", "-P")
_MODES = {"content": "-n", "files": "-l", "count": "-c"}
# Left out where there is neither ripgrep nor a git repository to say what is ignored.
_USUALLY_IGNORED = frozenset(
    (
        *(".git", ".hg", ".svn", ".venv", "venv", ".tox", ".mypy_cache", ".ruff_cache"),
        *("__pycache__", "node_modules", "target"),
    )
)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHILD = Path(__file__).with_name("search_child.py")
_LARGEST = 20 * 2**20
_LIST_BYTES = 64 * 2**20  # the names of about a million files


class Query(NamedTuple):
    """What is looked for.

    pattern: a regular expression, matched within lines. under: a folder, or one file, from `Folder.resolve`.
    glob: only files like this, as in .gitignore: a pattern without a slash means the name in any folder.
    """

    pattern: str
    under: Path
    glob: str = ""
    mode: Mode = "content"
    ignore_case: bool = False

    @property
    def folder(self) -> Path:
        return self.under if self.under.is_dir() else self.under.parent

    @property
    def name(self) -> str:
        """What is searched, as seen from the folder."""
        return "." if self.under.is_dir() else f"./{self.under.name}"


class Row(NamedTuple):
    """path: the real path, as text since there can be very many. number: the line, from 1; in mode "count" how many
    lines match; in mode "files" 0. text: the line, else "".
    """

    path: str
    number: int = 0
    text: str = ""


class Rows(NamedTuple):
    """Sorted by path and line. partial: there was more than could be kept, or than there was time for. left_out: how
    many files with matches were, since rules keep them from being read. closed: some could not be opened at all.
    """

    rows: tuple[Row, ...]
    partial: bool = False
    left_out: int = 0
    closed: bool = False

    @property
    def note(self) -> str:
        """What is to be told of what was left out, "" if nothing was."""
        closed = "some files could not be opened" if self.closed else ""
        return "; ".join(filter(None, (note_of(self.left_out), closed)))


class Listing(NamedTuple):
    """left_out: how many files were, since rules keep them from being read."""

    files: tuple[Path, ...]
    left_out: int = 0

    @property
    def note(self) -> str:
        """As `Rows.note`."""
        return note_of(self.left_out)


def note_of(left_out: int) -> str:
    """What is to be told of so many files that rules keep from being read, "" of none."""
    return f"{count(left_out, 'file')} left out, for rules are against reading" if left_out else ""


async def search_text(workspace: Workspace, query: Query, engines: Sequence[Engine] = ENGINES) -> Rows:
    """The lines of text files that match. Raises Refused for a bad pattern or a place that does not exist."""
    found = await _search(workspace, query, engines)
    kept = _kept(workspace)
    left_out = {row.path for row in found.rows if kept(row.path)} if kept else set()
    rows = tuple(row for row in found.rows if row.path not in left_out)
    return found._replace(rows=rows, left_out=len(left_out))


async def _search(workspace: Workspace, query: Query, engines: Sequence[Engine]) -> Rows:
    _check_place(workspace, query.under)
    for engine in engines:
        finished: Finished | None
        if engine == "python":
            finished = await _python_search(workspace, query, engines)
        else:
            finished = await (_rg_search if engine == "rg" else _git_search)(workspace, query)
        if finished is None:
            continue
        # 1 is "nothing found"; ripgrep, which is told to be silent of them, has 2 for files that it cannot open.
        closed = engine == "rg" and finished.code == 2 and not finished.errors.strip()
        if finished.code in (0, 1) or finished.output or finished.ended or closed:
            rows = await asyncio.to_thread(_sorted_rows, finished.output[: finished.beginning], query)
            shown = _shown(workspace, query.under)
            rows = tuple(row for row in rows if shown(row.path))
            if not rows and await asyncio.to_thread(_is_binary, query.under, engine):
                raise Refused(f"{workspace.folder.show(query.under)} is a binary file. Look into it by bash: grep -a.")
            return Rows(rows, finished.total > HEAD or bool(finished.ended), closed=closed)
        raise Refused(_complaint(clean(finished.errors.decode("utf-8", "replace")).strip()))
    raise Refused("The search failed: no search program is here.")


def _check_place(workspace: Workspace, under: Path) -> None:
    """Raises Refused for what is neither a folder nor a file: to open a pipe would wait for ever."""
    name = workspace.folder.show(under)
    try:
        link, there = under.is_symlink(), under.exists()
    except PermissionError:
        raise Refused(f"{name} cannot be searched: permission is denied.") from None
    if link:  # others were resolved
        raise Refused(f"{name} is a symbolic link that leads in a circle.")
    if not there:
        raise Refused(f"{name} does not exist. Paths are relative to {workspace.root}.")
    if not os.access(under, os.R_OK | (os.X_OK if under.is_dir() else 0)):
        raise Refused(f"{name} cannot be searched: permission is denied.")
    if not (under.is_dir() or under.is_file()):
        raise Refused(f"{name} is not a regular file (a pipe, a socket or a device).")


def _is_binary(path: Path, engine: Engine) -> bool:
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                data = file.read(2**16)
            return b"\0" in data and not (engine == "rg" and data.startswith(_UTF_16))  # which ripgrep can read
    return False


def _complaint(errors: str) -> str:
    """What the search program says, in short: ripgrep quotes the pattern twice, once for each of its engines."""
    if "regex parse error" in errors and (why := re.search(r"^error: (.+)", errors, re.MULTILINE)):
        return (
            f"The pattern is not a regular expression: {why[1].rstrip('.')}. A sign meant as it is wants a backslash."
        )
    return f"The search failed: {errors[:600]}"


async def list_files(workspace: Workspace, under: Path, glob: str = "", engines: Sequence[Engine] = ENGINES) -> Listing:
    """The files under a folder that are not ignored, newest first. Raises Refused if it is not a folder."""
    names, left_out = await list_names(workspace, under, engines, glob_filter(glob))
    return Listing(await asyncio.to_thread(_newest_first, under, names), left_out)


async def list_names(
    workspace: Workspace,
    under: Path,
    engines: Sequence[Engine] = ENGINES,
    fits: Callable[[str], bool] = lambda name: True,
) -> tuple[list[str], int]:
    """The same as names relative to the folder, in no order, of which some may be gone; and how many were left out. A
    fifth of the cost.
    """
    _check_place(workspace, under)
    if not under.is_dir():
        raise Refused(f"{workspace.folder.show(under)} is not a folder.")
    shown = _shown(workspace, under)
    names = [name for name in await _list(workspace, under, ".", engines) if fits(name) and shown(name)]
    kept = _kept(workspace)
    left = [name for name in names if not kept(f"{under}/{name}")] if kept else names
    return left, len(names) - len(left)


def _kept(workspace: Workspace) -> Callable[[str], bool] | None:
    """Says of a real path that rules keep it from being read; None if they keep nothing."""
    globs = workspace.processes.grant.unread
    if not globs:
        return None
    covered = covers(globs)
    base = f"{workspace.root}/"
    return lambda path: covered(path.removeprefix(base))


def _shown(workspace: Workspace, under: Path) -> Callable[[str], bool]:
    """Says of a path, absolute or relative to the folder, that it does not lie in a hidden place below the folder."""
    hidden = [path for path in workspace.folder.hidden if path.is_relative_to(under)]
    beginnings = tuple(f"{place}/" for path in hidden for place in (path, path.relative_to(under)))
    return lambda path: not f"{path}/".startswith(beginnings)


def _newest_first(under: Path, names: Iterable[str]) -> tuple[Path, ...]:
    found = []
    for name in names:
        with suppress(OSError):  # listed by git, but deleted
            found.append((-os.lstat(f"{under}/{name}").st_mtime_ns, name))
    return tuple(under / name for _, name in sorted(found))


async def _rg_search(workspace: Workspace, query: Query) -> Finished | None:
    program = _find_rg(workspace)
    if program is None:
        return None
    words = [*_RG, "--null", "--no-heading", "--with-filename", "--engine=auto", _MODES[query.mode]]
    words += ["-i"] if query.ignore_case else []
    # A type, unlike -g, does not bring back what is ignored. It sees only the last part of a path; the whole is
    # checked afterwards.
    last = query.glob.rpartition("/")[2]
    if last and "**" not in last and "}" not in query.glob and not last.startswith("!"):
        words += ["--type-add", f"asked:{last}", "--type", "asked"]
    return await workspace.processes.run(
        [program, *words, "-e", query.pattern, "--", query.name],
        query.folder,
        seconds=_TIME,
        grant=LOOK,
        errors_apart=True,
    )


async def _git_search(workspace: Workspace, query: Query) -> Finished | None:
    words = [*_GIT, _MODES[query.mode], *(["-i"] if query.ignore_case else []), "-e", query.pattern, "--", query.name]
    try:
        finished = await run_git(workspace, words, folder=query.folder, seconds=_TIME)
    except Refused:  # there is no git
        return None
    return None if b"not a git repository" in finished.errors else finished


def _sorted_rows(output: bytes, query: Query) -> tuple[Row, ...]:
    return tuple(sorted(_parse(output, query)))


def _parse(output: bytes, query: Query) -> Iterator[Row]:
    """Rows as ripgrep and git print them: `path NUL`, the number, a separator, the line. A cut one is left out."""
    fits = glob_filter(query.glob)
    folder = query.folder
    if query.mode == "files":
        for name in output.split(b"\0")[:-1]:
            path = _decoded(name)
            if fits(path):
                yield Row(f"{folder}/{path}")
        return
    for line in output.split(b"\n")[:-1]:
        name, nul, rest = line.partition(b"\0")
        digits = len(rest) - len(rest.lstrip(b"0123456789"))
        path = _decoded(name)
        if nul and digits and fits(path):
            text = rest[digits + 1 :].removesuffix(b"\r").decode("utf-8", "replace")
            yield Row(f"{folder}/{path}", int(rest[:digits]), text)


def _decoded(name: bytes) -> str:
    return os.fsdecode(name.removeprefix(b"./"))


async def _python_search(workspace: Workspace, query: Query, engines: Sequence[Engine]) -> Finished:
    shown, fits = _shown(workspace, query.under), glob_filter(query.glob)
    names = await _list(workspace, query.folder, query.name, engines)

    def wanted() -> bytes:
        about = {"pattern": query.pattern, "ignore_case": query.ignore_case, "mode": query.mode, "largest": _LARGEST}
        return json.dumps({**about, "names": [name for name in names if fits(name) and shown(name)]}).encode()

    return await workspace.processes.run(
        [sys.executable, "-I", "-S", str(_CHILD)],
        query.folder,
        seconds=_TIME,
        grant=LOOK,
        stdin=await asyncio.to_thread(wanted),
        errors_apart=True,
    )


def _names(finished: Finished) -> list[str]:
    """What was listed. Decoded at once: there can be a hundred thousand."""
    names = os.fsdecode(finished.output[: finished.beginning]).split("\0")[:-1]
    return [name.removeprefix("./") for name in names]


async def _list(workspace: Workspace, folder: Path, name: str, engines: Sequence[Engine]) -> list[str]:
    """Paths relative to the folder of the files that are not ignored, or of the one file."""
    if name != ".":
        return [name.removeprefix("./")]
    program = _find_rg(workspace) if "rg" in engines else None
    if program is not None:
        words = [program, *_RG, "--files", "--null", "."]
        finished = await workspace.processes.run(
            words, folder, seconds=_TIME, grant=LOOK, errors_apart=True, keep=_LIST_BYTES
        )
        return _names(finished)
    with suppress(Refused):
        words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
        finished = await run_git(workspace, words, folder=folder, seconds=_TIME, keep=_LIST_BYTES)
        if finished.code == 0:
            return _names(finished)
    return await asyncio.to_thread(_walk, folder)


def _walk(folder: Path) -> list[str]:
    found: list[str] = []
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _USUALLY_IGNORED]
        inner = os.path.relpath(at, folder)
        found += names if inner == "." else [f"{inner}/{name}" for name in names]
    return found


def _find_rg(workspace: Workspace) -> str | None:
    """Installed beside our own Python it is not on PATH; on PATH it must not come from the workspace."""
    for folder in (Path(sys.executable).parent, Path(sys.prefix, "bin")):
        if os.access(folder / "rg", os.X_OK):
            return str(folder / "rg")
    import shutil

    return shutil.which("rg", path=safe_path(workspace))
