"""Search: three engines, one answer; ignored files stay out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minicode.sandbox.policy import Grant
from minicode.workspace.folder import Refused
from minicode.workspace.glob import glob_filter
from minicode.workspace.search import ENGINES, Engine, Query, list_files, search_text
from minicode.workspace.workspace import Workspace

FILES = {
    "a.py": b"def foo():\n    return 1\n",
    "src/b.py": b"foo = 2\r\nFOO = 3\r\n",
    "src/deep/c d.txt": "übermaß foo: 4\nno\n".encode(),
    "src/latin": b"gr\xfcn foo\n",
    "binary": b"\0foo\n",
    ".hidden/e.py": b"foo\n",
    ".gitignore": b"ignored/\n*.log\n",
    "ignored/f.py": b"foo\n",
    "g.log": b"foo\n",
    "src/.gitignore": b"h.py\n",
    "src/h.py": b"foo\n",
    "no_end.py": b"x\nfoo",
}


@pytest.fixture
def tree(root: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.mark.parametrize("engine", ["rg", "git", "python"])
async def test_every_engine_gives_the_same_rows(workspace: Workspace, tree: Path, engine: Engine) -> None:
    found = await search_text(workspace, Query("foo", tree), [engine])
    assert [(os.path.relpath(row.path, tree), row.number, row.text) for row in found.rows] == [
        (".hidden/e.py", 1, "foo"),
        ("a.py", 1, "def foo():"),
        ("no_end.py", 2, "foo"),
        ("src/b.py", 1, "foo = 2"),
        ("src/deep/c d.txt", 1, "übermaß foo: 4"),
        ("src/latin", 1, "gr\ufffdn foo"),
    ]
    counted = await search_text(workspace, Query("foo", tree / "src", "*.py", "count", ignore_case=True), [engine])
    assert [(row.path, row.number) for row in counted.rows] == [(str(tree / "src/b.py"), 2)]
    named = await search_text(workspace, Query("^foo", tree, "src/**", "files"), [engine])
    assert [row.path for row in named.rows] == [str(tree / "src/b.py")]
    single = await search_text(workspace, Query(r"\bfoo\b", tree / "a.py"), [engine])
    assert [row.number for row in single.rows] == [1]
    assert (await search_text(workspace, Query("nowhere", tree), [engine])).rows == ()
    assert (await search_text(workspace, Query("-e", tree), [engine])).rows == ()
    choice = await search_text(workspace, Query("foo", tree, "*.{txt,md}"), [engine])
    assert [Path(row.path).name for row in choice.rows] == ["c d.txt"]


@pytest.mark.parametrize("engine", ["rg", "git", "python"])
async def test_bad_questions(workspace: Workspace, tree: Path, engine: Engine) -> None:
    with pytest.raises(Refused, match=r"failed|not a regular expression"):
        await search_text(workspace, Query("(", tree), [engine])
    with pytest.raises(Refused, match="does not exist"):
        await search_text(workspace, Query("x", tree / "none"), [engine])


@pytest.mark.parametrize("engines", [["rg"], ["git"], ["python"]])
async def test_listing(workspace: Workspace, tree: Path, engines: list[Engine]) -> None:
    found = await list_files(workspace, tree, "*.py", engines)
    assert {str(path.relative_to(tree)) for path in found.files} == {"a.py", "src/b.py", ".hidden/e.py", "no_end.py"}
    below = await list_files(workspace, tree / "src", "", engines)
    assert {str(path.relative_to(tree / "src")) for path in below.files} == {
        "b.py",
        "deep/c d.txt",
        "latin",
        ".gitignore",
    }


async def test_the_newest_file_is_first(workspace: Workspace, tree: Path) -> None:
    os.utime(tree / "a.py", (2e9, 2e9))
    assert (await list_files(workspace, tree)).files[0] == tree / "a.py"


async def test_outside_a_repository(workspace: Workspace, root: Path) -> None:
    (root / "node_modules").mkdir()
    for name in ("x.py", "node_modules/y.py"):
        (root / name).write_text("foo\n")
    (root / ".gitignore").write_text("node_modules\n")
    for engine in ("rg", "python"):
        found = await search_text(workspace, Query("foo", root), [engine])
        assert [Path(row.path).name for row in found.rows] == ["x.py"]
    fallen = await search_text(workspace, Query("foo", root), ["git", "python"])
    assert [Path(row.path).name for row in fallen.rows] == ["x.py"]


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*.py", ["a.py", "x/a.py"], ["a.pyc", "a.py/b"]),
        ("src/*.py", ["src/a.py"], ["src/x/a.py", "x/src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py"]),
        ("**/test_?.py", ["test_a.py", "x/test_b.py"], ["test_ab.py"]),
        ("*.{ts,tsx}", ["a.ts", "b/c.tsx"], ["a.js"]),
        ("[ab].c", ["a.c"], ["c.c"]),
        ("[!ab].c", ["c.c"], ["a.c"]),
        ("!*.py", ["a.c"], ["a.py"]),
        ("./a.py", ["a.py", "x/a.py"], ["b.py"]),
        ("*", ["a", "x/y"], []),
        ("x/**", ["x/y", "x/y/z"], ["y"]),
        ("", ["anything"], []),
        ("a{b", ["a{b"], ["ab"]),
        ("[", ["["], ["a"]),
        ("a[!x]b", ["ayb"], ["a/b", "axb"]),
        ("[!]a]", ["b"], ["a", "]"]),
        ("{a,b{c,d}}.{e,}", ["a.e", "bd.", "x/y"][:2], ["b.e", "bcd.e"]),
        ("[{]a,b}", ["{a,b}"], ["a", "b"]),
        ("*{ab,a}*bc", ["abc", "xabbc"], ["ab"]),
        ("**/a*/**/b*c/*d", ["a/bc/d", "x/a/a1/y/bbc/ccd", "a/b/a/bc/cd"], ["a/b/d", "a/bc/x/d"]),
        ("a**b", ["ab", "a/x/b"], ["a"]),
    ],
)
def test_globs(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    match = glob_filter(pattern)
    assert [path for path in fits if not match(path)] == []
    assert [path for path in fits_not if match(path)] == []


@pytest.mark.parametrize("pattern", ["*a" * 40, "**/" * 40 + "b", "**/a*/" * 20 + "b", "**a" * 40, "*{a,b}" * 9])
def test_no_glob_takes_for_ever(pattern: str) -> None:
    """A program of its own: what hangs in there cannot be stopped from here."""
    ask = "import sys; from minicode.workspace.glob import glob_filter; glob_filter(sys.argv[1])(sys.argv[2])"
    names = ("a" * 250 + "/") * 16 + "c"
    subprocess.run([sys.executable, "-c", ask, pattern, names], check=True, timeout=20)


def test_braces_that_stand_for_too_much_are_refused() -> None:
    with pytest.raises(Refused, match="more than 1000 patterns"):
        glob_filter("{a,b}" * 30)


@pytest.mark.parametrize("engine", ENGINES)
async def test_hidden_places_are_not_searched(root: Path, engine: Engine) -> None:
    for name in ("state/key", "statement", "sub/a"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("canary\n")
    workspace = Workspace.at(root, hidden=[root / "state"])
    await workspace.shell("git init -q")
    rows = await search_text(workspace, Query("canary", root), [engine, "python"])
    assert [Path(row.path).relative_to(root).as_posix() for row in rows.rows] == ["statement", "sub/a"]
    files = await list_files(workspace, root, engines=[engine, "python"])
    assert {path.name for path in files.files} == {"statement", "a"}


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_rules_keep_is_left_out_and_counted(workspace: Workspace, tree: Path, engine: Engine) -> None:
    (tree / "src" / "KEY.pem").write_text("foo 1\nfoo 2\n")
    (tree / "secrets" / "deep").mkdir(parents=True)
    (tree / "secrets" / "deep" / "a").write_text("foo\n")
    bound = workspace.granting(Grant(unread=("**/*.pem", "secrets/**")))
    every, found = [await search_text(w, Query("foo", tree), [engine, "python"]) for w in (workspace, bound)]
    kept = {str(tree / "src" / "KEY.pem"), str(tree / "secrets" / "deep" / "a")}
    assert set(found.rows) == {row for row in every.rows if row.path not in kept} and len(found.rows) > 1
    assert (every.left_out, every.note, found.left_out) == (0, "", 2)
    below = await search_text(bound, Query("foo", tree / "secrets"), [engine, "python"])
    assert (below.rows, below.left_out) == ((), 1)
    listed = await list_files(bound, tree, engines=[engine, "python"])
    assert listed.left_out == 2 and listed.files and not kept & set(map(str, listed.files))
    assert "2 files left out" in listed.note and "1 file left out" in below.note


async def test_a_pattern_that_goes_on_for_ever_can_be_stopped(workspace: Workspace, root: Path) -> None:
    """Python's engine does, and nothing can stop a thread."""
    (root / "long.txt").write_text("a" * 60 + "b\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(search_text(workspace, Query("(a|a)+$", root), ["python"]), 1)


async def test_a_text_in_utf_16_is_not_called_binary_by_who_can_read_it(workspace: Workspace, root: Path) -> None:
    (root / "wide.txt").write_bytes("\ufefffoo\n".encode("utf-16-le"))
    found = await search_text(workspace, Query("foo", root / "wide.txt"), ["rg"])
    assert [row.text for row in found.rows] == ["foo"]
    assert (await search_text(workspace, Query("bar", root / "wide.txt"), ["rg"])).rows == ()
    with pytest.raises(Refused, match="binary"):
        await search_text(workspace, Query("foo", root / "wide.txt"), ["python"])
