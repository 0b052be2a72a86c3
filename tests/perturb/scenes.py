"""What the folder, the home and the system around a run can be like, and how that is taken out of the tree again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.perturb.stage import Stage, Tree, git

Text = Callable[[str, bytes], bytes]  # the file's name and its content → the content in that scene
NEEDED = (
    *("bash", "sh", "env", "cat", "ls", "head", "tail", "sed", "chmod", "rm", "sleep", "printf", "echo", "true"),
    *("python3", "bwrap", "setpriv"),
)


def other_files(change: Text) -> Callable[[Stage], None]:
    """Every file of the task, changed."""

    def scene(stage: Stage) -> None:
        for name in stage.task.files:
            path = stage.top / name
            path.write_bytes(change(name, path.read_bytes()))

    return scene


def same_change(change: Text) -> Callable[[Stage, Tree], Tree]:
    """What was there at the start must at the end be the wanted content, changed in the same way, to the byte."""

    def undo(stage: Stage, tree: Tree) -> Tree:
        wanted = stage.task.wanted
        return {
            name: wanted[name] if name in stage.task.files and data == change(name, wanted[name]) else data
            for name, data in tree.items()
        }

    return undo


def crlf(name: str, data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def marked(name: str, data: bytes) -> bytes:
    """CRLF, and a byte order mark."""
    return b"\xef\xbb\xbf" + crlf(name, data)


def mixed(name: str, data: bytes) -> bytes:
    """CRLF in every second line, and no line end at the end."""
    lines = data.split(b"\n")
    ends = [b"\r\n" if number % 2 else b"\n" for number in range(len(lines))]
    return b"".join(line + end for line, end in zip(lines, ends, strict=True)).rstrip(b"\r\n")


def latin(name: str, data: bytes) -> bytes:
    """A comment in latin-1 that is no UTF-8, which Python is told."""
    return b"# coding: latin-1\n# Gr\xf6\xdfe\n" + data if name.endswith(".py") else data + b"Gr\xf6\xdfe\n"


def put(files: Mapping[str, bytes]) -> Callable[[Stage], None]:
    """More files in the folder."""

    def scene(stage: Stage) -> None:
        for name, data in files.items():
            path = stage.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    return scene


def taken_out(files: Mapping[str, bytes]) -> Callable[[Stage, Tree], Tree]:
    """Files of the scene that must be at the end as they were put there."""

    def undo(stage: Stage, tree: Tree) -> Tree:
        return {name: data for name, data in tree.items() if files.get(name) != data}

    return undo


def all_of(*scenes: Callable[[Stage], None]) -> Callable[[Stage], None]:
    def scene(stage: Stage) -> None:
        for one in scenes:
            one(stage)

    return scene


def moved(*names: str) -> Callable[[Stage], None]:
    """The folder under another name, which may be of several parts."""

    def scene(stage: Stage) -> None:
        where = stage.base.joinpath("place", *names)
        where.parent.mkdir(parents=True)
        stage.top.rename(where)
        stage.top = stage.folder = where

    return scene


def linked(stage: Stage) -> None:
    """The folder, reached by a link."""
    stage.folder = stage.base / "link"
    stage.folder.symlink_to(stage.top)


def below_a_root(rules: Mapping[str, str]) -> Callable[[Stage], None]:
    """The folder is two below the root of a repository. rules: AGENTS.md files, by their folders below that root."""

    def scene(stage: Stage) -> None:
        moved("packages", "one")(stage)
        root = stage.base / "place"
        git(root, "init", "-q")
        for name, text in rules.items():
            (root / name / "AGENTS.md").write_text(text)

    return scene


def few_programs(**stubs: str) -> Callable[[Stage], Mapping[str, str]]:
    """A PATH with little more than a shell: no git, no rg. stubs: programs that are only a script."""

    def variables(stage: Stage) -> Mapping[str, str]:
        folder = stage.base / "bin"
        folder.mkdir()
        for name in NEEDED:
            if (found := shutil.which(name)) and name not in stubs:
                (folder / name).symlink_to(found)
        for name, text in stubs.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return {"PATH": str(folder)}

    return variables


def read_only(stage: Stage) -> None:
    """Every file and folder; the model may change that."""
    for path in [*stage.top.rglob("*"), stage.top]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def repository(*, commit: bool = True, detached: bool = False, lock: bool = False) -> Callable[[Stage], None]:
    """A repository with changes of the user's that are not committed: DIRTY, and a new file."""

    def scene(stage: Stage) -> None:
        git(stage.top, "init", "-q", "-b", "main")
        (stage.top / "mine.txt").write_text("as committed\n")
        if commit:
            git(stage.top, "add", "-A")
            git(stage.top, "commit", "-qm", "all")
        if detached:
            git(stage.top, "checkout", "-q", "--detach")
        put(DIRTY)(stage)
        if lock:
            (stage.top / ".git" / "index.lock").touch()

    return scene


def with_submodule(stage: Stage) -> None:
    """As `repository`, with another repository in it."""
    library = stage.base / "library"
    library.mkdir()
    (library / "lib.txt").write_text("of the submodule\n")
    git(library, "init", "-q", "-b", "main")
    git(library, "add", "-A")
    git(library, "commit", "-qm", "lib")
    repository()(stage)
    git(stage.top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")


def without_submodule(stage: Stage, tree: Tree) -> Tree:
    files = {"lib/lib.txt": b"of the submodule\n", ".gitmodules": tree.get(".gitmodules", b"")}
    return taken_out({**DIRTY, **files})(stage, tree)


DIRTY = {"mine.txt": b"as the user left it\n", "new/mine too.txt": b"never added\n"}


def crowded(stage: Stage) -> None:
    """What a careless tool hangs on or chokes at: a pipe, a loop of links, a line of 5 MB, a binary named as a text."""
    os.mkfifo(stage.top / "pipe.py")
    (stage.top / "loop").symlink_to(".", target_is_directory=True)
    (stage.top / "knot.py").symlink_to("knot.py")
    put(CROWD)(stage)


CROWD = {"wide.min.js": b"a=1;" * 1_250_000, "blob.py": bytes(range(256)) * 64}
LINKS = {"pipe.py": b"no file", "loop": b"-> .", "knot.py": b"-> knot.py"}


def many(stage: Stage) -> None:
    """50,000 files beside the task's."""
    stage.vast = "many"
    seed = str(stage.base / "seed")
    Path(seed).write_text("nothing here\n")
    for number in range(50):
        folder = stage.top / "many" / f"{number}"
        folder.mkdir(parents=True)
        for file in range(1000):
            os.link(seed, f"{folder}/{file}.txt")


def can_mount(base: Path) -> bool:
    """Whether a file system of its own can be had for a folder here: only root may, and not in every container."""
    place = base / "trial"
    place.mkdir(exist_ok=True)
    return os.geteuid() == 0 and mounted(place, "64k") and unmounted(place)


def mounted(place: Path, size: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmounted(place: Path) -> bool:
    return subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False).returncode == 0
