"""Facts of the moment and the instruction files: gathered once a session, journalled, and replayed from there."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from minicode.errors import MinicodeError

NAMES = ("AGENTS.md", "CLAUDE.md")  # the second only where the first is not
Read = Callable[[Path], bytes]  # a file's bytes; raises OSError or MinicodeError
_BIGGEST = 20 * 2**20
_HEADING = "# Instructions from "


@dataclass(frozen=True, slots=True)
class Instructions:
    """What was read: the text for the prompt, a digest per file, and what the user should know."""

    text: str
    digests: Mapping[str, str]
    notes: tuple[str, ...]


def facts(folder: Path, today: date) -> str:
    """Date, folder, platform, git branch and shell, a line each."""
    lines = [
        f"Date: {today.isoformat()}",
        f"Folder: {folder}",
        f"Platform: {platform.system()} {platform.machine()}",
        f"Git branch: {branch(folder) or 'none (not a git repository)'}",
        "Shell of the `bash` tool: bash",
    ]
    return "\n".join(lines)


def branch(folder: Path) -> str:
    """The checked-out branch, read from the files: git itself would run what the repository's configuration says."""
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        try:
            if git.is_file():
                git = parent / regular(git).decode("utf-8", "replace").removeprefix("gitdir:").strip()
            head = regular(git / "HEAD").decode("utf-8", "replace").strip().partition("\n")[0]
        except OSError:
            continue
        if head.endswith("/.invalid"):
            return "unknown"  # a repository with reftables keeps its HEAD in them, and puts this into the file
        if head.startswith("ref: refs/heads/"):
            return head.removeprefix("ref: refs/heads/")
        return f"detached at {head[:12]}" if re.fullmatch(r"[0-9a-f]{40,64}", head) else "unknown"
    return ""


def regular(path: Path) -> bytes:
    """A file as it is: no link is followed at its end, and nothing but a regular file of bearable size is read, for
    whoever made the folder chose what lies there. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _BIGGEST:
            raise OSError(0, "not a regular file, or too large", str(path))
        return file.read(_BIGGEST)


def instruction_files(folder: Path, user: Path) -> list[Path]:
    """The user's file, then those from the repository's root down to the folder."""
    places = [user]
    root = top(folder)
    places += [root, *[p for p in reversed(folder.parents) if root in p.parents], folder]
    found = []
    for place in dict.fromkeys(places):
        name = next((n for n in NAMES if (place / n).is_file()), None)
        if name and (place / name) not in found:
            found.append(place / name)
    return found


def top(folder: Path) -> Path:
    """The root of the repository the folder lies in, or the folder."""
    return next((p for p in (folder, *folder.parents) if (p / ".git").exists()), folder)


def instructions(files: list[Path], most: int, read: Read = regular) -> Instructions:
    """Read the files, `most` bytes in all; what is cut is said, in the text and in the notes."""
    parts, digests, notes, left = [], {}, [], most
    for path in files:
        try:
            raw = read(path)
        except OSError as error:
            notes.append(f"{path} cannot be read ({error.strerror}); it is left out.")
            continue
        except MinicodeError as error:
            notes.append(f"{path} is left out: {error}")
            continue
        digests[str(path)] = hashlib.sha256(raw).hexdigest()
        text = raw[: max(left, 0)].decode("utf-8", "replace").strip()
        if len(raw) > left:
            cut = f"{path} is cut: only {max(left, 0):,} of its {len(raw):,} bytes are read (instructions_bytes)."
            notes.append(cut)
            text += f"\n[{cut}]"
        left -= len(raw)
        if text:
            parts.append(f"{_HEADING}{path}\n{text}")
    return Instructions("\n\n".join(parts), digests, tuple(notes))


def changed(files: list[Path], digests: Mapping[str, Any], most: int, read: Read = regular) -> Instructions | None:
    """The files that differ from what the model was told, or None if there is nothing to tell of them."""
    now = instructions(files, most, read)
    names = {str(p) for p in files if now.digests.get(str(p)) != digests.get(str(p))}
    fresh = instructions([p for p in files if str(p) in names], most, read)
    void = [
        name
        for name in digests
        if name not in now.digests or (name in names and f"{_HEADING}{name}\n" not in fresh.text)
    ]
    text = "\n\n".join([*([fresh.text] if fresh.text else []), *(f"{n} is gone or empty; forget it." for n in void)])
    return Instructions(text, now.digests, fresh.notes) if text else None


def stamp(files: list[Path]) -> tuple[tuple[str, int, int], ...]:
    """Cheap to compare: has any of the files been touched?"""
    seen = []
    for path in files:
        try:
            info = path.stat()
        except OSError:
            continue
        seen.append((str(path), info.st_mtime_ns, info.st_size))
    return tuple(seen)
