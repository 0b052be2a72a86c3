"""outline, map, and what read and grep tell of symbols, as the model sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from minicode.sandbox.policy import Grant
from minicode.toolkit import Scope

CODE = """\
LIMIT = "a secret"


class Engine:
    def start(self):
        turn_key()

    @property
    def speed(self):
        return 1


def start():
    return Engine()
"""


@pytest.fixture
def code(root: Path) -> Path:
    (root / "src").mkdir()
    (root / "src/engine.py").write_text(CODE)
    (root / "src/main.go").write_text("package main\n\nfunc Main() {\n\tstart()\n}\n")
    (root / "notes.txt").write_text("start\n")
    return root


async def test_outline(run, code: Path) -> None:
    whole = await run("outline", path="src/engine.py")
    assert whole.text == (
        "src/engine.py:\n"
        "      1-1 LIMIT\n"
        "     4-10 class Engine:\n"
        "      5-6   def start(self):\n"
        "     8-10   def speed(self):\n"
        "    13-14 def start():"
    )
    folder = await run("outline", path=".")
    assert folder.text == f"{whole.text}\nsrc/main.go:\n      3-5 func Main() {{"
    assert folder.show[0].text == ".: 6 symbols"


async def test_outline_of_nothing(run, code: Path) -> None:
    nothing = await run("outline", path="notes.txt")
    assert nothing.text == "Nothing is defined in notes.txt as far as is seen; use read or grep."
    gone = await run("outline", path="src/engin.py")
    assert gone.failed and "Near it: src/engine.py" in gone.text
    assert (await run("outline", path="..")).failed


async def test_a_long_outline_tells_less(run, root: Path) -> None:
    methods = "".join(f"    def method_{n}(self):\n        def inner(): pass\n" for n in range(300))
    for name in "abcd":
        (root / f"{name}.py").write_text(f"VALUE = 1\nclass A:\n{methods}\ndef last(): pass\n")
    one = (await run("outline", path="a.py")).text
    assert "method_299" in one and "inner" in one and "VALUE" in one
    four = (await run("outline", path=".")).text
    assert four.count("class A") == four.count("def last") == 4
    assert "inner" not in four and "VALUE" not in four


async def test_map(run, code: Path) -> None:
    made = await run("map")
    assert made.text.startswith("src/engine.py:\n    1 LIMIT\n    4 class Engine:\n")
    assert "a secret" not in made.text
    assert made.text.endswith("[2 of 2 source files; outline tells all that a file defines]")
    assert "nothing here is called nobody" in (await run("map", tokens=1, focus="nobody")).text


async def test_map_without_code(run, root: Path) -> None:
    (root / "a.txt").write_text("")
    assert (await run("map")).text == "No code is here."


async def test_read_a_symbol(run, code: Path) -> None:
    method = await run("read", file_path="src/engine.py", symbol="Engine.speed")
    assert method.text == (
        "8\t    @property\n9\t    def speed(self):\n10\t        return 1\n[Engine.speed, lines 8-10 of 14]"
    )
    both = await run("read", file_path="src/engine.py", symbol="start")
    assert both.text.startswith("5\t    def start(self):\n6\t        turn_key()\n[Engine.start, lines 5-6 of 14; ")
    assert "also start at 13-14" in both.text
    wrong = await run("read", file_path="src/engine.py", symbol="Engine.stat")
    assert wrong.failed and "defines no Engine.stat. It defines start" in wrong.text
    text = await run("read", file_path="notes.txt", symbol="start")
    assert text.failed and "Ask without a symbol" in text.text


async def test_grep_tells_the_function(run, code: Path) -> None:
    found = await run("grep", pattern="start|return 1", symbols=True)
    assert found.text == (
        "notes.txt:1:start\n"
        "src/engine.py:5:    def start(self):\n"
        "src/engine.py:10:        return 1  [in Engine.speed]\n"
        "src/engine.py:13:def start():\n"
        "src/main.go:4:\tstart()  [in Main]"
    )
    assert "[in" not in (await run("grep", pattern="start")).text
    assert (await run("grep", pattern="start", symbols=True, output_mode="count")).text.endswith("src/main.go:1")


async def test_what_rules_keep_from_being_read(toolbox, scope: Scope, code: Path, tmp_path: Path) -> None:
    from minicode.messages import Call

    kept = replace(scope, workspace=scope.workspace.granting(Grant(unread=("engine.py",))), memory=tmp_path / "memory")
    open_ = replace(scope, memory=tmp_path / "memory")
    for name, arguments in (("outline", {"path": "."}), ("map", {})):
        for now, there in ((open_, True), (kept, False), (open_, True)):  # what was learned before counts no more
            told = await toolbox.run(toolbox.prepare(Call("c", name, arguments)), now)
            assert ("Engine" in told.text) is there
            assert "Main" in told.text
            assert ("left out, for rules" in told.text) is not there


async def test_it_is_remembered(toolbox, scope: Scope, code: Path, tmp_path: Path) -> None:
    from minicode.messages import Call

    scope = replace(scope, memory=tmp_path / "memory")
    call = toolbox.prepare(Call("c", "outline", {"path": "src/engine.py"}))
    first = await toolbox.run(call, scope)
    assert (await toolbox.run(call, scope)).text == first.text
    assert [path.name for path in (tmp_path / "memory").iterdir()] == ["code.sqlite"]
    assert (tmp_path / "memory").stat().st_mode & 0o777 == 0o700
