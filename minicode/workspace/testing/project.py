"""Which tests there are to run: the runner and the folder that fit what was asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from minicode.workspace.folder import Refused
from minicode.workspace.pythons import find_pythons
from minicode.workspace.testing import node
from minicode.workspace.workspace import Workspace

PYTHON = "python"
# As people call them, and the kind that each is of.
RUNNERS = {
    **dict.fromkeys(("pytest", "unittest", "python"), PYTHON),
    **dict.fromkeys(("npm", "npm test", "vitest", "jest", "mocha", "node"), "npm"),
    **dict.fromkeys(("go", "go test"), "go"),
    **dict.fromkeys(("cargo", "cargo test"), "cargo"),
    **dict.fromkeys(("maven", "mvn"), "maven"),
    **dict.fromkeys(("gradle", "gradlew"), "gradle"),
    **dict.fromkeys(("make", "make test"), "make"),
}
_MARKERS = {
    "go": ("go.mod",),
    "cargo": ("Cargo.toml",),
    PYTHON: ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini"),
    "npm": ("package.json",),
    "maven": ("pom.xml",),
    "gradle": ("build.gradle", "build.gradle.kts"),
    "make": ("Makefile", "makefile", "GNUmakefile"),
}
_SUFFIXES = {
    ".py": PYTHON,
    ".go": "go",
    ".rs": "cargo",
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue", ".svelte"), "npm"),
}
_TYPED = {
    "go": "go test ./...",
    "cargo": "cargo test",
    "npm": "npm test",
    "maven": "mvn test",
    "gradle": "gradle test",
    "make": "make test",
}
_PYTHON_TEST = r"test_.*\.py$|.*_test\.py$|tests?\.py$"
_ASIDE = frozenset(("node_modules", "target", "vendor", "third_party", "venv", "env", "site-packages", "testdata"))
_DEEP, _MOST = 4, 3000  # folders that are looked into


class Project(NamedTuple):
    """folder: where the runner runs. kind: of runner. words: what was asked for, paths relative to the folder.
    others: what else there is to run, `web: npm`."""

    folder: Path
    kind: str
    words: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def choose(workspace: Workspace, paths: Sequence[str] = (), runner: str = "") -> Project:
    """By the nearest project above the paths, or else that of the root. runner: as in RUNNERS, "" for whatever fits.
    Raises Refused if it is not known or nothing fits, or if the paths lie in different projects."""
    wanted = RUNNERS.get(runner.strip().casefold(), "") if runner else ""
    if runner and not wanted:
        raise Refused(f"There is no test runner `{runner}`. Take one of {', '.join(dict.fromkeys(_names()))}.")
    named = [path for path in paths if not path.startswith("-")]
    if not named:
        return _of_all(workspace, wanted, tuple(paths))
    found = {path: _above(workspace, path, wanted) for path in named}
    places = dict.fromkeys(found.values())
    if len(places) > 1:
        told = " and ".join(f"{workspace.folder.show(folder)} ({kind})" for folder, kind in places)
        raise Refused(f"The paths lie in different projects: {told}. Run each by itself.")
    folder, kind = next(iter(places))
    words = tuple(path if path.startswith("-") else _relative(workspace, folder, path) for path in paths)
    return Project(folder, kind, words, _others(kind, kinds_at(workspace, folder)))


def _names() -> Iterator[str]:
    yield from ("pytest", "unittest")
    yield from (kind for kind in _MARKERS if kind != PYTHON)


def kinds_at(workspace: Workspace, folder: Path) -> list[str]:
    """The kinds of runners whose project begins at that folder, the likeliest first."""
    kinds = [kind for kind, names in _MARKERS.items() if any((folder / name).is_file() for name in names)]
    if "npm" in kinds and not node.script_of(workspace, folder):
        kinds.remove("npm")
    if "make" in kinds and not _makes_tests(workspace, folder):
        kinds.remove("make")
    return kinds


def detect(workspace: Workspace) -> str | None:
    """The command line with which a person would run the tests of the workspace; None if there seem to be none."""
    project = _of_all(workspace, "", ())
    where = "" if project.folder == workspace.root else f"cd {workspace.folder.show(project.folder)} && "
    if project.kind != PYTHON:
        return f"{where}{_TYPED[project.kind]}"
    if not _has_python_tests(project.folder):
        return None
    python = Path(find_pythons(workspace.processes, project.folder, workspace.root)[0])
    own = python.relative_to(project.folder) if python.is_relative_to(project.folder) else python.name
    libraries = (python.parent.parent / "lib").glob("python3*/*-packages/pytest")
    resolved = (python.resolve().parent.parent / "lib").glob("python3*/*-packages/pytest")
    runner = "pytest" if any(libraries) or any(resolved) else "unittest"
    return f"{where}{own} -m {runner}"


def _makes_tests(workspace: Workspace, folder: Path) -> bool:
    for name in _MARKERS["make"]:
        try:
            data = workspace.files.read(workspace.folder.resolve(str(folder / name))).data
        except Refused:
            continue
        return bool(re.search(rb"^test\s*:(?!=)", data, re.MULTILINE))
    return False


def _above(workspace: Workspace, path: str, wanted: str) -> tuple[Path, str]:
    """Of the nearest folder above the path that has what is wanted, or what the path's ending stands for."""
    root = workspace.root
    try:
        real = workspace.folder.resolve(path.partition("::")[0])
    except Refused:  # the runner may know what it is, or say so itself
        real = root
    kind = wanted or _SUFFIXES.get(real.suffix, "")
    at = real if real.is_dir() else real.parent
    while at.is_relative_to(root):
        kinds = kinds_at(workspace, at)
        if kind in kinds or (kinds and not kind):
            return at, kind or kinds[0]
        at = at.parent
    if kind == PYTHON or not kind:
        return root, PYTHON
    if not wanted:
        raise Refused(f"Nothing above {path} says how its tests are run; use bash.")
    raise Refused(f"There is no {kind} project at or above {path}.")


def _relative(workspace: Workspace, folder: Path, path: str) -> str:
    """A path as the runner sees it from its folder; what is no path stays as it is."""
    name, colons, inner = path.partition("::")
    there = workspace.root / Path(name).expanduser()
    if folder == workspace.root or not (os.path.lexists(there) and name):
        return path
    return os.path.relpath(there.resolve(), folder) + colons + inner


def _of_all(workspace: Workspace, wanted: str, words: tuple[str, ...]) -> Project:
    root = workspace.root
    kinds = kinds_at(workspace, root)
    below = {at: found for at in _folders(root) if at != root and (found := kinds_at(workspace, at))}
    folder, kind = root, wanted if wanted in kinds else "" if wanted else next(iter(kinds), "")
    if not kind and wanted != PYTHON and not (not wanted and _has_python_tests(root, 2)):
        folder = next((at for at, found in below.items() if not wanted or wanted in found), root)
        kind = wanted if wanted in below.get(folder, ()) else "" if wanted else next(iter(below.get(folder, ())), "")
        if wanted and not kind:
            raise Refused(f"There is no {wanted} project in {root}.")
    kind = kind or PYTHON
    here = kinds if folder == root else below[folder]
    inside = [
        f"{workspace.folder.show(at)}: {name}"
        for at, found in below.items()
        for name in found[:1]
        if at != folder and (name != kind or folder != root)
    ]
    return Project(folder, kind, words, (*_others(kind, here), *inside))


def _others(kind: str, kinds: Sequence[str]) -> tuple[str, ...]:
    return tuple(other for other in kinds if other not in (kind, "make"))


def _folders(root: Path) -> Iterator[Path]:
    """Of the workspace, the upper ones first in each branch, none that holds what others wrote."""
    for number, (at, folders, _) in enumerate(os.walk(root)):
        deep = len(Path(at).relative_to(root).parts)
        folders[:] = [n for n in sorted(folders) if n not in _ASIDE and not n.startswith(".")] if deep < _DEEP else []
        if number > _MOST:
            return
        yield Path(at)


def _has_python_tests(folder: Path, deep: int = _DEEP) -> bool:
    for at in _folders(folder):
        if len(at.relative_to(folder).parts) >= deep:
            continue
        try:
            if any(re.match(_PYTHON_TEST, name) for name in os.listdir(at)):  # noqa: PTH208 - names are all it takes
                return True
        except OSError:
            continue
    return False
