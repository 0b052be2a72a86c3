"""New syntax errors are told; old ones, and what cannot be checked, are not."""

from __future__ import annotations

import pytest

from minicode.workspace.code.languages import binding, language_of
from minicode.workspace.syntax import MOST_BYTES, new_errors
from minicode.workspace.workspace import Workspace

# A text that is right, and what makes it wrong when it is taken out.
TEXTS = {
    "a.py": ("def f(x):\n    return (x)\n", "(x):"),
    "a.js": ("function f(x) { return x; }\n", "}"),
    "a.ts": ("function f(x: number): number { return x; }\n", "}"),
    "a.tsx": ("const a = <b>{c}</b>;\n", "</b>"),
    "a.go": ("package a\n\nfunc f() int { return 1 }\n", "}"),
    "a.rs": ("fn f() -> i32 { 1 }\n", "}"),
    "a.java": ("class A { int f() { return 1; } }\n", ";"),
    "a.c": ("int f(void) { return 1; }\n", ";"),
    "a.cpp": ("class A { int f() { return 1; } };\n", "}"),
    "a.cs": ("class A { int F() { return 1; } }\n", ";"),
    "a.rb": ("def f\n  1\nend\n", "end\n"),
    "a.php": ("<?php\nfunction f() { return 1; }\n", "}"),
    "a.sh": ("if true; then\n  ls\nfi\n", "fi\n"),
}


@pytest.mark.parametrize("name", TEXTS)
async def test_an_error_that_comes_in_is_told(workspace: Workspace, name: str) -> None:
    language = language_of(name)
    assert language is not None
    if not binding(language):
        pytest.skip(f"no grammar for {name} here")
    right, part = TEXTS[name]
    wrong = right.replace(part, "", 1)
    assert await new_errors(workspace, name, "", right) == ""
    told = await new_errors(workspace, name, right, wrong)
    assert told.startswith(f"{name} has ") and "line " in told
    assert await new_errors(workspace, name, wrong, right) == ""
    assert await new_errors(workspace, name, wrong, f"\n{wrong}") == ""  # it only moved


async def test_python_says_it_best(workspace: Workspace) -> None:
    told = await new_errors(workspace, "a.py", "x = 1\n", "x = 1\ny = (1\nz = 2\n")
    assert told == "a.py has a new syntax error (Python): line 2: '(' was never closed."


async def test_a_second_error_is_new(workspace: Workspace) -> None:
    before = "function f( { return 1; }\nlet a = 1;\n"
    told = await new_errors(workspace, "a.js", before, before + "let = = 2;\n")
    if binding(language_of("a.js")):  # type: ignore[arg-type]
        assert "line 3" in told and "line 1" not in told


@pytest.mark.parametrize("name", ["a", "a.txt", "a.h", "py", "a.unheard"])
async def test_other_files_are_not_looked_at(workspace: Workspace, name: str) -> None:
    assert await new_errors(workspace, name, "", "def (:\n") == ""


async def test_large_and_odd_texts(workspace: Workspace) -> None:
    assert await new_errors(workspace, "a.py", "", "(" * (MOST_BYTES + 1)) == ""
    assert "a.py has" in await new_errors(workspace, "a.py", "", "x = '\ud800\0")
    await new_errors(workspace, "a.py", "", "(" * 100_000)  # deep: it ends, in words or without
