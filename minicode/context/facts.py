"""Facts of the moment and the instruction files: gathered once a session, journalled, and replayed from there."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

NAMES = ("AGENTS.md", "CLAUDE.md")  # the second only where the first is not
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
                git = parent / git.read_text("utf-8", "replace").removeprefix("gitdir:").strip()
            head = (git / "HEAD").read_text("utf-8", "replace").strip().partition("\n")[0]
        except OSError:
            continue
        if head.endswith("/.invalid"):
            return "unknown"  # a repository with reftables keeps its HEAD in them, and puts this into the file
        return head.removeprefix("ref: refs/heads/") if head.startswith("ref:") else f"detached at {head[:12]}"
    return ""


def instruction_files(folder: Path, user: Path) -> list[Path]:
    """The user's file, then those from the repository's root down to the folder."""
    places = [user]
    root = next((p for p in (folder, *folder.parents) if (p / ".git").exists()), folder)
    places += [root, *[p for p in reversed(folder.parents) if root in p.parents], folder]
    found = []
    for place in dict.fromkeys(places):
        name = next((n for n in NAMES if (place / n).is_file()), None)
        if name and (place / name) not in found:
            found.append(place / name)
    return found


def instructions(files: list[Path], most: int) -> Instructions:
    """Read the files, `most` bytes in all; what is cut is said, in the text and in the notes."""
    parts, digests, notes, left = [], {}, [], most
    for path in files:
        try:
            raw = path.read_bytes()
        except OSError as error:
            notes.append(f"{path} cannot be read ({error.strerror}); it is left out.")
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


def changed(files: list[Path], digests: Mapping[str, Any], most: int) -> Instructions | None:
    """The files that differ from what the model was told, or None if there is nothing to tell of them."""
    now = instructions(files, most)
    names = {str(p) for p in files if now.digests.get(str(p)) != digests.get(str(p))}
    fresh = instructions([p for p in files if str(p) in names], most)
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
