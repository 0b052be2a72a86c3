"""Read a patch, as a unified diff or in the `*** Begin Patch` form: text in, plain values out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from minicode.workspace.folder import Refused

_NUMBERS = re.compile(r"@@+ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@+ ?(.*)")
_FILE = re.compile(r"\*\*\* (Add|Update|Delete) File:\s*(.+?)\s*$")
_BARE = ("new file mode ", "deleted file mode ", "new mode ")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Hunk(NamedTuple):
    """rows: (" ", "-" or "+", line) each. start: the first old line as the patch counts, from 1; None if it does not.

    anchors: lines that stand above it. last: it is at the end of the file. ends: whether the file's last line has a
    newline afterwards; None if that is not said.
    """

    rows: tuple[tuple[str, str], ...]
    start: int | None = None
    anchors: tuple[str, ...] = ()
    last: bool = False
    ends: bool | None = None

    @property
    def old(self) -> list[str]:
        return [line for sign, line in self.rows if sign != "+"]

    @property
    def new(self) -> list[str]:
        return [line for sign, line in self.rows if sign != "-"]


class FilePatch(NamedTuple):
    """kind: "add", "update" or "delete". moved: the new path, "" if it stays."""

    kind: str
    path: str
    hunks: tuple[Hunk, ...] = ()
    moved: str = ""


def parse_patch(text: str) -> list[FilePatch]:
    """Raises Refused, with the number of the line, for what is no patch."""
    lines = text.replace("\r\n", "\n").split("\n")
    files = _Marked(lines).files() if _is_marked(lines) else _Unified(lines).files()
    if not files:
        raise Refused(
            "This is no patch. Give a unified diff (--- a/file, +++ b/file, @@ -1,3 +1,3 @@ …) or *** Begin Patch, "
            "*** Update File: file, @@ …, *** End Patch."
        )
    named: set[str] = set()
    for file in files:
        if file.kind == "update" and not file.hunks and not file.moved:
            raise Refused(f"The patch has no hunk for {file.path}; nothing was changed.")
        for name in filter(None, (file.path, file.moved)):
            if name in named:
                raise Refused(f"The patch names {name} twice; put all changes of a file under one header.")
            named.add(name)
    return files


def _is_marked(lines: Sequence[str]) -> bool:
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("*** ") and _FILE.match(line):
            return True
        if line.startswith("--- ") and following.startswith("+++ "):
            return False
    return False


class _Rows:
    """The rows of one hunk as they are collected."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.old = self.new = 0
        self.closed: dict[str, bool] = {}  # by side: its last line has no newline

    def take(self, line: str, number: int) -> None:
        sign, rest = (line[0], line[1:]) if line else (" ", "")
        if sign == "\\":
            if self.rows:
                self.closed.update(dict.fromkeys("-+" if self.rows[-1][0] == " " else self.rows[-1][0], True))
            return
        if sign not in " -+":
            raise Refused(
                f"Line {number} of the patch begins with neither a blank, - nor +: {line[:80]!r}. Nothing was changed."
            )
        self.rows.append((sign, rest))
        self.old += sign != "+"
        self.new += sign != "-"

    @property
    def ends(self) -> bool | None:
        return None if not self.closed else "+" not in self.closed

    def trim(self, until: int) -> None:
        """Empty rows that only part this hunk from what follows are none of it. until: rows that are surely its own."""
        while len(self.rows) > until and self.rows[-1] == (" ", ""):
            self.rows.pop()


class _Unified:
    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.at = 0

    def files(self) -> list[FilePatch]:
        found: list[FilePatch] = []
        renamed: dict[str, str] = {}
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith(("GIT binary patch", "Binary files ")):
                raise Refused(
                    "The patch holds a change of a binary file, which cannot be applied; nothing was changed."
                )
            if line.startswith(_BARE) and not any(self._next(step).startswith("--- ") for step in (1, 2)):
                raise Refused(
                    f"Line {self.at + 1} of the patch changes no text ({line[:80]}), which cannot be applied: use "
                    "write or bash for it. Nothing was changed."
                )
            if line.startswith(("rename from ", "rename to ")):
                renamed[line.split()[1]] = _unquoted(line.split(" ", 2)[2])
                if len(renamed) == 2:
                    found.append(FilePatch("update", renamed["from"], (), renamed["to"]))
                    renamed = {}
            elif line.startswith("--- ") and self._next().startswith("+++ "):
                found.append(self._file(found))
                continue
            elif line.startswith("@@") and not found:
                raise Refused("The patch names no file: put --- a/file and +++ b/file above it. Nothing was changed.")
            elif line.startswith("@@"):
                raise Refused(f"Line {self.at + 1} of the patch is a hunk of no file. Nothing was changed.")
            self.at += 1
        return found

    def _next(self, step: int = 1) -> str:
        return self.lines[self.at + step] if self.at + step < len(self.lines) else ""

    def _file(self, found: list[FilePatch]) -> FilePatch:
        old, new = _unquoted(self.lines[self.at][4:]), _unquoted(self.lines[self.at + 1][4:])
        number = self.at + 1
        if (old.startswith("a/") or old == "/dev/null") and (new.startswith("b/") or new == "/dev/null"):
            old, new = (name if name == "/dev/null" else name[2:] for name in (old, new))
        self.at += 2
        hunks = self._hunks()
        if found and not found[-1].hunks and found[-1].moved == new and found[-1].path == old:
            return found.pop()._replace(hunks=hunks)
        if old == new == "/dev/null":
            raise Refused(f"Line {number} of the patch names no file. Nothing was changed.")
        if old == "/dev/null":
            return FilePatch("add", new, hunks)
        if new == "/dev/null":
            return FilePatch("delete", old, hunks)
        if old != new and old.removesuffix(".orig").removesuffix(".old") != new:
            raise Refused(
                f"Line {number} of the patch names two files, {old} and {new}. To move a file, write `rename from "
                f"{old}` and `rename to {new}` above it. Nothing was changed."
            )
        return FilePatch("update", new, hunks)

    def _hunks(self) -> tuple[Hunk, ...]:
        hunks = []
        while self.lines[self.at : self.at + 1] and self.lines[self.at].startswith("@@"):
            header, begin = self.lines[self.at], self.at + 1
            numbers = _NUMBERS.match(header)
            rows = self._counted(begin, numbers) if numbers else None
            if rows is None:
                rows = self._open(begin)
            start = int(numbers[1]) if numbers else None
            anchor = "" if numbers else header.strip("@").strip(" .")
            hunks.append(Hunk(tuple(rows.rows), start, (anchor,) if anchor else (), ends=rows.ends))
            while self.at < len(self.lines) and not self.lines[self.at].strip():
                self.at += 1
        return tuple(hunks)

    def _counted(self, begin: int, numbers: re.Match[str]) -> _Rows | None:
        """The rows if there are as many as the header says, which counts even where a row looks like a header."""
        old, new = int(numbers[2] or 1), int(numbers[4] or 1)
        rows = _Rows()
        self.at = begin
        while (rows.old < old or rows.new < new) and self.at < len(self.lines):
            if self.lines[self.at][:1] not in (" ", "-", "+", "\\", ""):
                return None
            rows.take(self.lines[self.at], self.at + 1)
            self.at += 1
        if self.at < len(self.lines) and self.lines[self.at].startswith("\\"):
            rows.take(self.lines[self.at], self.at + 1)
            self.at += 1
        following = self.lines[self.at] if self.at < len(self.lines) else ""
        exact = rows.old == old and rows.new == new
        over = following[:1] not in (" ", "-", "+") or following == "-- " or self._stops()
        return rows if exact and over else None

    def _open(self, begin: int) -> _Rows:
        """The rows until something else begins, for models count badly."""
        rows = _Rows()
        self.at = begin
        while self.at < len(self.lines) and not self._stops():
            rows.take(self.lines[self.at], self.at + 1)
            self.at += 1
        rows.trim(0)
        return rows

    def _stops(self) -> bool:
        line = self.lines[self.at]
        if line.startswith(("@@", "diff --git ", "index ", "rename ", "```", "*** End Patch")):
            return True
        return line.startswith("--- ") and self._next().startswith("+++ ") and self._next(2).startswith("@@")


class _Marked:
    """The form of `*** Begin Patch`."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.at = 0

    def files(self) -> list[FilePatch]:
        if self._has("*** Begin Patch") and not self._has("*** End Patch"):
            raise Refused("The patch has no *** End Patch; was it cut off? Nothing was changed. Give all of it.")
        found = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            header = _FILE.match(line)
            self.at += 1
            if line.startswith("*** End Patch"):
                break
            if header:
                found.append(self._file(header[1].lower(), header[2]))
        return found

    def _has(self, mark: str) -> bool:
        return any(line.startswith(mark) for line in self.lines)

    def _file(self, kind: str, path: str) -> FilePatch:
        if kind == "delete":
            return FilePatch("delete", path)
        if kind == "add":
            return FilePatch("add", path, self._added())
        moved = ""
        if self._here().startswith("*** Move to:"):
            moved = self._here().partition(":")[2].strip()
            self.at += 1
        hunks = []
        while not self._over():
            hunks.append(self._hunk())
        return FilePatch("update", path, tuple(hunk for hunk in hunks if hunk.rows), moved)

    def _here(self) -> str:
        return self.lines[self.at] if self.at < len(self.lines) else "*** End Patch"

    def _over(self) -> bool:
        here = self._here()
        return here.startswith("*** End Patch") or _FILE.match(here) is not None

    def _added(self) -> tuple[Hunk, ...]:
        rows = _Rows()
        while not self._over():
            line = self._here()
            if line and line[0] != "+":
                raise Refused(
                    f"Line {self.at + 1} of the patch should begin with + as each line of an added file does: "
                    f"{line[:80]!r}. Nothing was changed."
                )
            rows.take(line, self.at + 1)
            self.at += 1
        rows.trim(0)
        return (Hunk(tuple(("+", line) for _, line in rows.rows), ends=True),)

    def _hunk(self) -> Hunk:
        anchors, start = [], None
        while self._here().startswith("@@"):
            header = self._here()
            numbers = _NUMBERS.match(header)
            start = int(numbers[1]) if numbers else start
            anchor = "" if numbers else header.removeprefix("@@").strip()
            anchors += [anchor] if anchor else []
            self.at += 1
        rows, last = _Rows(), False
        while not self._over() and not self._here().startswith("@@"):
            if self._here().startswith("*** End of File"):
                last = True
            else:
                rows.take(self._here(), self.at + 1)
            self.at += 1
        rows.trim(0)
        return Hunk(tuple(rows.rows), start, tuple(anchors), last, rows.ends)


def _unquoted(name: str) -> str:
    """A file name of a header: without a date, and as git quotes odd ones."""
    name = name.partition("\t")[0].strip()
    if len(name) < 2 or name[0] != '"' or name[-1] != '"':
        return name
    raw = _ESCAPE.sub(
        lambda m: chr(int(m[1], 8)) if m[1].isdigit() else _ESCAPED.get(m[1], m[1]),
        name[1:-1].encode().decode("latin-1"),
    )
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")
