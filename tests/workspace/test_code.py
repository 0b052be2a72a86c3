"""The index of code: what it parses and what it does not, what it knows again, and how it ranks."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from minicode.sandbox.policy import Grant, Launch
from minicode.workspace.code import ranking
from minicode.workspace.code.index import symbols_of, update, with_store
from minicode.workspace.code.languages import BY_NAME, LANGUAGES, missing
from minicode.workspace.code.map import Map, repo_map
from minicode.workspace.code.parsing import MOST_BYTES, parse
from minicode.workspace.code.store import NAME, Store
from minicode.workspace.code.symbols import Parsed, Symbol, counted, enclosing, find_symbols, nested
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

CODE = """\
class A:
    def f(self):
        return deep()

    def g(self):
        def inner():
            pass


X = 1
"""
SYMBOLS = (
    Symbol("A", "class", 1, 7, 1, "class A:"),
    Symbol("f", "function", 2, 3, 2, "def f(self):"),
    Symbol("g", "function", 5, 7, 5, "def g(self):"),
    Symbol("inner", "function", 6, 7, 6, "def inner():"),
    Symbol("X", "variable", 10, 10, 10, "X"),
)


async def fates(workspace: Workspace, *paths: Path, each: float = 5.0) -> dict[str, object]:
    return {Path(name).name: fate async for name, fate in parse(workspace, [(str(p), "") for p in paths], each=each)}


async def mapped(workspace: Workspace, folder: Path | None, tokens: int = 2000, focus: str = "") -> Map:
    return await repo_map(workspace, folder, tokens, focus, lambda text: None)


def fill(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_symbols_lie_in_each_other() -> None:
    assert [one.path for one in nested(reversed(SYMBOLS))] == ["A", "A.f", "A.g", "A.g.inner", "X"]
    assert [one.local for one in nested(SYMBOLS)] == [False, False, False, True, False]
    assert [enclosing(SYMBOLS, line) for line in (1, 2, 3, 7, 8, 10)] == ["", "", "A.f", "A.g.inner", "", ""]


@pytest.mark.parametrize(
    ("asked", "found"),
    [("f", "A.f"), ("A.f", "A.f"), ("A::f", "A.f"), ("A#f", "A.f"), ("f()", "A.f"), ("a", "A"), ("inner", "A.g.inner")],
)
def test_find(asked: str, found: str) -> None:
    assert [one.path for one in find_symbols(SYMBOLS, asked)] == [found]


def test_find_nothing() -> None:
    assert find_symbols(SYMBOLS, "h") == find_symbols(SYMBOLS, "B.f") == []


async def test_a_file_is_parsed(root: Path, workspace: Workspace) -> None:
    (root / "a.py").write_text(CODE)
    parsed = (await fates(workspace, root / "a.py"))["a.py"]
    assert isinstance(parsed, Parsed)
    assert parsed.symbols == SYMBOLS
    assert (parsed.names, counted(parsed.uses)) == ("A X f g inner", {"deep": 1})
    again = [fate async for _, fate in parse(workspace, [(str(root / "a.py"), parsed.digest)])]
    assert again == ["same"]


async def test_what_is_no_code(root: Path, workspace: Workspace) -> None:
    (root / "big.py").write_text("x = 1\n" * (MOST_BYTES // 6 + 1))
    (root / "binary.py").write_bytes(b"def f(): pass\0")
    (root / "empty.py").write_text("")
    (root / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe.py")
    (root / "a.txt").write_text("def f(): pass")
    names = ("big.py", "binary.py", "empty.py", "link.py", "pipe.py", "a.txt", "gone.py")
    assert await fates(workspace, *(root / name for name in names)) == {
        **dict.fromkeys(("big.py", "binary.py", "empty.py", "pipe.py"), "other"),
        **dict.fromkeys(("link.py", "gone.py"), "closed"),
    }


async def test_odd_text_and_names(root: Path, workspace: Workspace) -> None:
    odd = Path(os.fsdecode(os.fsencode(root) + b"/\xff \n.py"))
    odd.write_bytes(b"def f\xff():\n    pass\n\ndef g():\n    pass\n")
    (root / "wide.py").write_bytes("def naïve(): pass\r\n".encode("utf-16"))
    (root / "crlf.py").write_bytes(b"def f():\r\n    pass\r\n")
    found = await fates(workspace, odd, root / "wide.py", root / "crlf.py")
    assert "g" in [symbol.name for symbol in found[odd.name].symbols]
    assert found["wide.py"].symbols == (Symbol("naïve", "function", 1, 1, 1, "def naïve(): pass"),)
    assert found["crlf.py"].symbols == (Symbol("f", "function", 1, 2, 1, "def f():"),)
    store = Path(root, "..", "memory")
    for _ in range(2):  # also from the store
        code, _ = await symbols_of(workspace, store, [str(odd)])
        assert code[str(odd)] == found[odd.name]


async def test_a_file_that_stalls_its_parser_costs_only_itself(
    root: Path, workspace: Workspace, tmp_path: Path
) -> None:
    fill(root, {"a.py": CODE, "b.py": "(" * 390_000, "c.py": CODE})
    found = await fates(workspace, *(root / name for name in ("a.py", "b.py", "c.py")), each=0.2)
    assert found["b.py"] == "crashed"
    assert found["a.py"].symbols == found["c.py"].symbols == SYMBOLS


class Broken:
    """A sandbox in which Python does not find its library."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        return Launch(("/bin/sh", "-c", "echo no tree_sitter here >&2; exit 1"), environment)


async def test_a_parser_that_cannot_start_is_no_fault_of_the_files(root: Path) -> None:
    fill(root, {f"{n}.py": CODE for n in range(20)})
    workspace = Workspace.at(root, box=Broken())
    with pytest.raises(Refused, match="Code cannot be parsed here: no tree_sitter here"):
        await fates(workspace, *root.iterdir())


async def test_what_has_not_changed_is_not_parsed_again(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    fill(root, {"a.py": CODE, "b.py": "def b(): pass\n"})
    paths = [str(root / "a.py"), str(root / "b.py")]
    memory = tmp_path / "memory"
    await symbols_of(workspace, memory, paths)
    with sqlite3.connect(memory / NAME) as db:  # what only the store can know
        db.execute("UPDATE parsed SET symbols = ?", ('[["known","class",1,1,1,"known"]]',))
    db.close()
    os.utime(paths[1], ns=(1, 1))  # looks new, but is not
    code, _ = await symbols_of(workspace, memory, paths)
    assert [code[path].symbols[0].name for path in paths] == ["known", "known"]
    Path(paths[0]).write_text("def other(): pass\n")
    code, _ = await symbols_of(workspace, memory, paths)
    assert [code[path].symbols[0].name for path in paths] == ["other", "known"]
    Path(paths[0]).unlink()
    code, _ = await symbols_of(workspace, memory, paths)
    assert code.keys() == {paths[1]}


async def test_a_map_parses_only_what_it_shows(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    """Hints that are wrong cost nothing: what no parser confirms is not shown."""
    fill(
        root,
        {
            "core.c": "int start_it(void)\n{\n}\n",
            "wrong.js": "const text = `\nfunction start_all() {}\n`\n",
            **{f"use{n}.c": "void f(void) {\n  start_it();\n}\n" for n in range(5)},
            **{f"use{n}.js": "start_all()\nstart_all()\n" for n in range(5)},
            **{f"far/f{n}.py": f"def far_{n}(): pass\n" for n in range(100)},
        },
    )
    memory = tmp_path / "memory"
    made = await mapped(workspace, memory, 20)
    assert (made.text, made.files) == ("core.c:\n    1 int start_it(void)", 112)
    with closing(sqlite3.connect(memory / NAME)) as db:
        assert db.execute("SELECT count(*) FROM glance").fetchone() == (112,)
        assert db.execute("SELECT count(*) FROM parsed").fetchone()[0] < 112
    code, _ = await symbols_of(workspace, memory, [str(root / "far/f99.py"), str(root / "core.c")])
    assert [symbol.name for parsed in code.values() for symbol in parsed.symbols] == ["far_99", "start_it"]
    assert (await mapped(workspace, memory, 20)).text == made.text
    assert (await mapped(workspace, memory, 20_000)).text.count("def far_") == 100  # some at a time


async def test_no_text_costs_more_than_its_length(root: Path, workspace: Workspace) -> None:
    """A glance goes over a file once, whatever its expressions find to begin with."""
    lines = ("/* ", "import a\n", "typedef a\n", "foo(a\n", " foo(a, b)\n", "struct a\n", "use a\n", "'\"", "a b c ")
    files = {f"{n}{end}": 10_000 * line for n, line in enumerate(lines) for end in (".c", ".ts", ".py")}
    fill(root, files)
    paths = [(str(root / name), "") for name in files]
    fates = [fate async for _, fate in parse(workspace, paths, symbols=False, each=1.0)]
    assert [type(fate) for fate in fates] == [Parsed] * len(files)


async def test_there_is_an_end_to_what_one_call_parses(root: Path, workspace: Workspace) -> None:
    fill(root, {"tests/a.py": CODE, "src/b.py": CODE, "src/c.py": CODE})
    paths = [str(path) for path in root.rglob("*.py")]

    async def work(store: Store) -> list[str]:
        news = await update(workspace, store, paths, whole=True, most=2 * len(CODE))
        assert news.notes(str) == ["1 file not looked at yet: call again"]
        first = sorted(Path(path).name for path in store.states())
        assert (await update(workspace, store, paths, whole=True, most=2 * len(CODE))).waiting == 0
        assert len(store.states()) == 3
        return first

    assert await with_store(None, work) == ["b.py", "c.py"]  # tests come last


async def test_a_damaged_store_is_made_again(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    fill(root, {"a.py": CODE})
    memory = tmp_path / "memory"
    for damage in (b"no database at all" * 500, b""):
        memory.mkdir(exist_ok=True, mode=0o700)
        (memory / NAME).write_bytes(damage)
        assert "class A" in (await mapped(workspace, memory)).text
    with (memory / NAME).open("r+b") as file:  # in its middle
        file.seek(4096)
        file.write(b"\xff" * 4096 * 4)
    for _ in range(2):
        assert "class A" in (await mapped(workspace, memory)).text


async def test_many_at_once(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    fill(root, {f"{n}.py": CODE for n in range(8)})
    memory = tmp_path / "memory"
    paths = sorted(map(str, root.iterdir()))
    looks = [symbols_of(workspace, memory, paths[:n]) for n in (8, 5, 8, 3)]
    *found, made = await asyncio.gather(*looks, mapped(workspace, memory))
    assert [len(code) for code, _ in found] == [8, 5, 8, 3]
    assert made.files == 8
    with closing(sqlite3.connect(memory / NAME)) as db:  # nobody took it for damaged
        assert db.execute("SELECT count(*) FROM file").fetchone() == (8,)


async def test_a_store_that_cannot_be_is_done_without(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    fill(root, {"a.py": CODE})
    (tmp_path / "memory").write_text("not even a folder")
    assert "class A" in (await mapped(workspace, tmp_path / "memory")).text


def test_ranks_follow_uses() -> None:
    definers = {"Base": ["a"], "help_me": ["b"], "get": ["c"], "Common": [f"x{n}" for n in range(20)]}
    inside = {
        "u1": {"Base": 4, "get": 9},
        "u2": {"Base": 1, "help_me": 1},
        "u3": {"help_me": 1, "Common": 5},
        "u4": {"Base": 1},
        "a": {"Base": 7},
        "b": {},
        "c": {},
    }
    linked = {path: ranking.links(path, uses, definers, lambda path: False) for path, uses in inside.items()}
    scores = ranking.rank(linked)
    assert scores.keys() == {("a", "Base"), ("b", "help_me"), ("c", "get")}
    assert sum(scores.values()) == pytest.approx(1)
    assert scores["a", "Base"] > scores["b", "help_me"] > 10 * scores["c", "get"] > 0
    assert ranking.rank({}) == {}

    def near(*aside: str) -> ranking.Links:
        return ranking.near(
            {"u3": 1.0}, lambda some: {p: inside[p] for p in some}, lambda names: definers, aside.__contains__
        )

    assert near() == {("b", "help_me"): 1.0}
    assert near("b") == {}  # nobody but a test uses what tests define
    assert near("u3", "b") == near()


async def test_map(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    fill(
        root,
        {
            "core.py": "class Engine:\n    def start_it(self): pass\n    def never_used(self): pass\n",
            "rare.py": "def rarely_used():\n    pass\n\n\ndef unused_thing():\n    pass\n",
            **{f"use{n}.py": "from core import Engine\nEngine().start_it()\n" for n in range(5)},
            "one.py": "from rare import rarely_used\nrarely_used()\n",
            "tests/test_core.py": "def start_it(): pass\n",
        },
    )
    memory = tmp_path / "memory"
    short = await mapped(workspace, memory, 30)
    assert short.text == "core.py:\n    1 class Engine:\n    2   def start_it(self): pass"
    assert (short.shown, short.files) == (1, 9)
    whole = await mapped(workspace, memory)
    assert whole.text.startswith(short.text)
    assert "never_used" in whole.text and "unused_thing" in whole.text
    focused = await mapped(workspace, memory, 15, "one.py")
    assert focused.text == "rare.py:\n    1 def rarely_used():"
    named = await mapped(workspace, memory, 15, "unused_thing")
    assert named.text == "rare.py:\n    5 def unused_thing():"
    strange = await mapped(workspace, memory, 30, "zzz, core.py")
    assert strange.notes == ("nothing here is called zzz",)
    workspace.files.remember(workspace.files.read(root / "one.py"))  # what was read is where one looks
    seen = await mapped(workspace, memory, 15)
    assert seen.text == focused.text


async def test_the_map_follows_changes(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    fill(root, {"a.py": "def first_one(): pass\n", "b.py": "def second_one(): pass\n"})
    memory = tmp_path / "memory"
    assert "first_one" in (await mapped(workspace, memory)).text
    (root / "a.py").write_text("def third_one(): pass\n")
    (root / "b.py").unlink()
    assert (await mapped(workspace, memory)).text == "a.py:\n    1 def third_one(): pass"
    unread = workspace.granting(Grant(unread=("a.py",)))
    assert (await mapped(unread, memory))[:3] == ("", 0, 0)
    assert "third_one" in (await mapped(workspace, memory)).text


async def test_what_may_not_be_read_any_more_is_on_no_map(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    """Of so many files that the ranking is still that of before."""
    using = "from kept import kept_to_itself\nkept_to_itself()\n"
    fill(root, {"kept.py": "def kept_to_itself(): pass\n", **{f"use{n}.py": using for n in range(301)}})
    memory = tmp_path / "memory"
    assert "kept_to_itself" in (await mapped(workspace, memory)).text
    unread = workspace.granting(Grant(unread=("kept.py",)))
    assert (await mapped(unread, memory)).text == ""
    (root / ".gitignore").write_text("kept.py\n")
    assert (await mapped(workspace, memory)).text == ""


def test_a_grammar_that_is_not_installed() -> None:
    assert missing([]) == missing([BY_NAME["Bash"]]) == ""
    lua = BY_NAME["Lua"]._replace(module="tree_sitter_of_nobody")
    assert missing([lua, lua]) == "no grammar for Lua is installed here: pip install 'minicode[langs]'"
    assert "reinstall" in missing([BY_NAME["Go"]._replace(module="tree_sitter_of_nobody")])
    assert all(language.endings == language.endings.lower() for language in LANGUAGES)
