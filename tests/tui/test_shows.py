"""What tools show, as Lines: folded and opened, of any size."""

from __future__ import annotations

import time

import pytest

from minicode import show as shown
from minicode.show import Diff, Line, Output, Show, Todos
from minicode.tui.rows import lay
from minicode.tui.shows import lines_of


def rows(show: Show, width: int = 60, opened: bool = False, **how: bool) -> list[str]:
    return ["".join(s.text for s in row.spans).rstrip() for row in lay(lines_of(show, width, opened, **how), width)]


def test_folded_output_shows_its_ends() -> None:
    text = "".join(f"line {n}\n" for n in range(20))
    lines = [f"line {n}" for n in range(20)]
    assert rows(Output(text)) == [*lines[:3], "… 13 lines …", *lines[-4:]]
    assert rows(Output(text), opened=True) == lines


@pytest.mark.parametrize("lines", [1, 7, 8])
def test_short_output_is_shown_whole(lines: int) -> None:
    assert rows(Output("a\n" * lines)) == ["a"] * lines


def spans(show: Show, width: int = 60, opened: bool = False) -> list[list[tuple[str, str]]]:
    return [[(s.text, s.style) for s in row.spans] for row in lay(lines_of(show, width, opened), width)]


@pytest.mark.parametrize("opened", [False, True])
def test_output_has_its_colours(opened: bool) -> None:
    lines = [f"line {n}" for n in range(20)]
    marks = tuple((n, 0, 4, "bold red") for n in (0, 2, 10, 16, 19))
    red = [("line", "out.bold out.red"), (" 19", "")]
    assert spans(Output("\n".join(lines), marks), opened=opened)[-1] == red
    found = spans(Output("\n".join(lines), marks), opened=opened)
    coloured = [place for place, line in enumerate(found) if line[0][1] == "out.bold out.red"]
    assert coloured == ([0, 2, 10, 16, 19] if opened else [0, 2, 4, 7])
    assert ["".join(text for text, _ in line) for line in found] == rows(Output("\n".join(lines)), opened=opened)


def test_a_coloured_line_is_cut_as_another_and_keeps_its_tabs() -> None:
    assert rows(Output("x" * 100, ((0, 5, 100, "red"),)), 10) == ["xxxxxxxxx…"]
    assert rows(Output("日本語" * 10, ((0, 1, 2, "red"),)), 10) == ["日本語日…"]
    assert spans(Output("a\tb", ((0, 2, 3, "red"),))) == [[("a   ", ""), ("b", "out.red")]]
    long = Output("y" * 10_000, ((0, 3_998, 5_000, "red"),))
    assert [s.text for s in lines_of(long, 60, True)[0].spans] == ["y" * 3998, "yy", " … 6,000 more characters"]


def test_marks_that_lie_colour_nothing_that_is_not_there() -> None:
    marks = ((0, 1, 99, "red"), (0, 50, 60, "bold"), (7, 0, 1, "red"))
    assert spans(Output("abc", marks)) == [[("a", ""), ("bc", "out.red")]]


@pytest.mark.parametrize("text", ["", "\n\n", "  \n \t"])
def test_output_of_nothing_is_nothing(text: str) -> None:
    assert rows(Output(text)) == []


def test_folded_lines_are_cut_with_a_sign() -> None:
    assert rows(Output("x" * 100), 10) == ["xxxxxxxxx…"]
    assert rows(Output("日本語" * 10), 10) == ["日本語日…"]
    assert rows(Output("a\tb")) == ["a   b"]
    assert rows(Output("x" * 25), 10, opened=True) == ["x" * 10, "x" * 10, "x" * 5]


def test_opened_output_is_bounded_and_says_where_the_rest_is() -> None:
    shown = rows(Output("\n".join(map(str, range(10_000)))), opened=True)
    assert len(shown) <= 2_000 and shown[0] == "0" and shown[-1] == "9999"
    assert "… 8,100 lines; all of it is in the session's file …" in shown


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("text", ["some words of a line\n" * 1_000_000, "x " * 500_000], ids=["20 MB", "1 MB line"])
def test_the_size_of_an_output_costs_next_to_nothing(text: str, opened: bool) -> None:
    def cost() -> float:
        begin = time.thread_time()
        assert rows(Output(text), 100, opened)
        return time.thread_time() - begin

    assert min(cost() for _ in range(3)) < 0.3  # 0.05 s where nobody else works; splitting it all costs 0.5 s


def test_failed_tests_are_a_tree_by_file() -> None:
    failures = (
        ("tests/a.py::TestX::test_x[p::q]", "assert 1 == 2"),
        ("tests/a.py::test_y", ""),
        ("tests/b.py::test_z", "boom\nmore"),
        ("pkg.TestGo", "fail"),
    )
    assert rows(shown.Tests(40, 4, 2, failures)) == [
        "✗ 4 failed · ✓ 40 passed · 2 skipped",
        "  tests/a.py",
        "    TestX › test_x[p::q]",
        "      assert 1 == 2",
        "    test_y",
        "  tests/b.py",
        "    test_z",
        "      boom",
        "  pkg.TestGo",
        "    fail",
    ]


def test_counts_are_words_too() -> None:
    assert rows(shown.Tests(3, 0)) == ["✓ 3 passed"]
    assert rows(shown.Tests(3, 1), signs=False) == ["1 failed · 3 passed"]
    assert rows(shown.Tests(0, 0)) == ["no test ran"]
    assert rows(shown.Tests(3, 0, 0, (("a.py::test_b", "flaky: no"),), 1))[0] == "≈ 1 flaky · ✓ 3 passed"


def test_many_failures_are_counted() -> None:
    tests = shown.Tests(0, 30, 0, tuple((f"a.py::test_{n}", "") for n in range(30)))
    assert rows(tests)[-1].strip() == "… 20 more failed tests" and len(rows(tests)) == 13
    assert len(rows(tests, opened=True)) == 32


def test_todos_have_a_shape_for_each_state() -> None:
    todos = Todos((("read", "completed"), ("write " * 5, "in_progress"), ("test", "pending"), ("odd", "?")))
    assert rows(todos, 20) == ["☑ read", "▶ write write write", "  write write", "☐ test", "☐ odd"]
    assert rows(todos, 40, signs=False)[:3] == ["done: read", "now:  write write write write write", "open: test"]


def test_a_remark_is_its_lines() -> None:
    assert rows(Line("one\ntwo\n")) == ["one", "two"]
    assert rows(Line("x\n" * 20))[-1] == "… 10 more lines"


def test_a_diff_is_as_wide_as_wanted() -> None:
    diff = Diff("a.py", "@@ -1 +1 @@\n-a\n+b")
    assert rows(diff) == ["1 - a", "1 + b"]
    assert len(rows(diff, 120, split=True)) == 1
    assert rows(diff, 120, split=True, signs=False) == ["1 removed a", "1 added   b"]


@pytest.mark.parametrize(
    "show",
    [
        Line("{}"),
        Output("{}"),
        Output("{}\n" * 30),
        Output("{}\n{}", ((0, 0, 3, "red"), (1, 2, 9, "bold"))),
        Diff("{}", "@@ -1 +1 @@\n-{}\n+b{}"),
        shown.Tests(1, 1, 0, (("{}::{}", "{}"),)),
        Todos((("{}", "pending"), ("{}", "{}"))),
    ],
)
def test_nothing_commands_the_terminal(show: Show) -> None:
    evil = "\x1b[2J\x1b]52;c;eA==\x07\u202e[@click=app.quit]x[/]\x9b1m"

    def filled(value: object) -> object:
        if isinstance(value, str):
            return value.replace("{}", evil)
        return tuple(map(filled, value)) if isinstance(value, tuple) else value

    bad = type(show)(*map(filled, show))  # type: ignore[arg-type]
    for width, opened in ((100, False), (40, True)):
        text = "".join(rows(bad, width, opened))
        assert not set("\x1b\x07\u202e\x9b") & set(text)
        assert "@click" in text
