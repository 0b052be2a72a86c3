"""Code as spans: nothing is changed, meanings are told apart, and nothing a lexer does can hurt."""

from __future__ import annotations

import random
from time import thread_time

import pytest

from minicode.tui import code
from minicode.tui.code import LARGEST, MOST_LINES, WIDEST, WINDOW, Highlighter, Spans, highlight, language_of

PYTHON = '''@wraps(run)
def run(value: int = 3) -> str:
    """Says it."""
    # why
    return f"{value}" if value > 2 else None
'''


def words(lines: list[Spans]) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


def styles(lines: list[Spans]) -> dict[str, str]:
    return {span.text.strip(): span.style for line in lines for span in line}


def test_meanings_are_told_apart() -> None:
    found = styles(highlight(PYTHON, "python"))
    expected = {"def": "keyword", "run": "name", "int": "builtin", "3": "number", '"""Says it."""': "string"}
    assert expected.items() <= found.items()
    assert found["# why"] == "comment" and found[">"] == "operator" and found["value"] == ""


@pytest.mark.parametrize(
    "language", ["python", "js", "rust", "go", "bash", "json", "yaml", "html", "diff", "console", "c"]
)
def test_no_character_is_changed(language: str) -> None:
    source = f"\n\n  a\tb\n{PYTHON}\n/* x\n\n y */ `z` 'q <b>&amp;\n$ ls\n\n"
    assert words(highlight(source, language)) + "\n" == source


@pytest.mark.parametrize("language", ["", "no such language", "../../etc", "python\n", "\x00"])
def test_an_unknown_language_is_plain(language: str) -> None:
    lines = highlight(PYTHON, language)
    assert words(lines) + "\n" == PYTHON and set(styles(lines).values()) == {""}


def test_a_file_names_its_language() -> None:
    names = ("a/b.py", "x.ts", "y.h", "Makefile", "CMakeLists.txt", "Z.JSON", "q.sql", "none", "a.unheard", ".bashrc")
    assert [language_of(name) for name in names] == [
        *("python", "typescript", "c", "make", "cmake", "json", "sql", "", "", "bash")
    ]
    assert styles(highlight("x = 1", "src/x.py"))["1"] == "number"


def test_control_characters_are_made_visible() -> None:
    assert words(highlight("a = '\x1b[31mred'\r\nb\x07", "python")) == "a = 'red'\nb␇"


def test_too_much_is_plain_from_there_on() -> None:
    many = highlight("x = 1\n" * (MOST_LINES + 10), "ini")
    assert len(many) == MOST_LINES + 10
    assert len(many[-1]) == 1 and len(many[0]) > 1
    large = highlight(("x = '" + "y" * 900 + "'\n") * 100, "ini")
    assert len(large[0]) > 1 and len(large[LARGEST // 900 + 1]) == 1
    wide = highlight("x = 1\ny = '" + "z" * WIDEST + "'\nx = 1", "ini")
    assert [len(line) > 1 for line in wide] == [True, False, False]


def test_a_lexer_that_never_ends_is_left() -> None:
    start = thread_time()
    source = "\n".join("((" * 400 + '"' * 401 + "<!--" * 99 for _ in range(60))
    for language in ("perl", "haskell", "html", "php", "md", "c++", "ruby"):
        assert words(highlight(source, language)) == source
    assert thread_time() - start < 10


def test_seen_line_by_line_the_colours_are_the_same_in_the_end() -> None:
    rng = random.Random(5)
    pieces = [
        '"""open\n',
        'closed"""\n',
        "def f(x):\n",
        "\n",
        "    return 1  # x\n",
        "/* a\n",
        "b */\n",
        "\n",
        "x = `a`\n",
    ]
    for language in ("python", "js", "go", "yaml"):
        source = "".join(rng.choices(pieces, k=WINDOW * 5))
        bit_by_bit = Highlighter(language)
        for line in source.removesuffix("\n").split("\n"):
            bit_by_bit.add([line])
            bit_by_bit.tail()
        assert words(bit_by_bit.done + bit_by_bit.tail()) == source.removesuffix("\n")
        bit_by_bit.finish()
        at_once = Highlighter(language)  # as `highlight` does, which is in more of a hurry
        at_once.add(source.removesuffix("\n").split("\n"))
        at_once.finish()
        assert bit_by_bit.done == at_once.done


@pytest.mark.parametrize("given_up", range(1, 12))
def test_no_line_is_lost_or_moved_where_colours_are_given_up(given_up: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that is too busy for them, from any line on."""
    lines = [f"x{number} = 1" for number in range(40)]
    bit_by_bit = Highlighter("python")
    for number, line in enumerate(lines):
        if number == given_up:
            monkeypatch.setattr(code, "PATIENCE", -1.0)
        bit_by_bit.add([line])
        bit_by_bit.tail()
    bit_by_bit.finish()
    assert words(bit_by_bit.done) == "\n".join(lines)


def test_a_string_over_several_windows_keeps_its_colour_for_a_while() -> None:
    source = "x = 1\n\n\n" * 15 + '"""' + "words in it\n" * 25 + '"""\ny = 2\n'
    lines = highlight(source, "python")
    assert {span.style for line in lines for span in line if "words" in span.text} == {"string"}
    assert lines[-1][-1].style == "number"


def test_what_was_highlighted_is_kept_and_cannot_be_spoilt() -> None:
    first = highlight(PYTHON, "python")
    first.clear()
    assert words(highlight(PYTHON, "python")) + "\n" == PYTHON
