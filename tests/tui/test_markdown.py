"""Markdown as Lines: what each part looks like, and that a stream ends as the whole looks."""

from __future__ import annotations

import random
from pathlib import Path
from time import thread_time

import pytest
from rich.cells import cell_len

from minicode.tui.markdown import Flow, render
from minicode.tui.rows import Line, Row, lay

DOCUMENT = """# Head of *it*
First `code` line,
and **second** ~~not~~ [text](src/x.py) <https://a.example>.

- one
  - two
    goes on
- [x] done

3. three

   more of it

> quoted
> - item
>
> ```
> fenced
> ```

```python title=x
def f():

    return 1
```
after

| a | b |
|---|--:|
| 1 | 2 |

Setext
======
- - deep
***
    indented code

last &amp; <b>raw</b>
"""


SHOWN = """Head of it
First code line,
and second not text (src/x.py) https://a.example.

- one
  - two
    goes on
- [x] done

3. three

   more of it

│ quoted
│ - item
│
│  fenced

 python
 def f():

     return 1
after

a  b
─  ─
1  2

Setext
- - deep
────────────────────────────────────────────────────────────
 indented code

last & <b>raw</b>"""


def shown(text: str, width: int = 60) -> list[str]:
    return ["".join(span.text for span in row.spans).rstrip() for row in lay(render(text, width), width)]


def styles(text: str, width: int = 60) -> dict[str, str]:
    return {span.text: span.style for line in render(text, width) for span in line.spans}


def streamed(text: str, sizes: list[int], width: int = 60) -> list[Line]:
    flow, at = Flow(), 0
    seen: list[Line] = []
    for size in sizes:
        flow.append(text[at : at + size])
        at += size
        stable, _ = flow.lines(width)
        assert stable[: len(seen)] == seen, "what is stable does not change"
        seen = list(stable)
    flow.append(text[at:])
    flow.finish()
    stable, tail = flow.lines(width)
    assert stable[: len(seen)] == seen and not tail
    return stable


def test_a_document() -> None:
    assert "\n".join(shown(DOCUMENT)) == SHOWN


def test_styles() -> None:
    found = styles("## H `c`\n**a *b*** ~~c~~ `d` [e](x) ![f](y)\n> g\n### I\n- [x] j\n- [ ] k\n\n```py\nif\n```")
    expected = {
        "H ": "heading",
        "c": "strike",
        "a ": "strong",
        "b": "strong em",
        "d": "inline",
        "e": "link",
        "f": "link",
    }
    expected |= {" (x)": "dim", "g": "quote", "I": "strong", "[x]": "good", "[ ]": "dim", "if": "keyword"}
    assert expected.items() <= found.items()


def test_long_items_hang_and_quotes_keep_their_bar() -> None:
    assert shown("- one two three\n  1. four five six\n\n> seven eight nine\n> ten", 12) == [
        *("- one two", "  three", "  1. four", "     five", "     six", "", "│ seven", "│ eight nine", "│ ten")
    ]


def test_code_and_bars_are_copied_clean() -> None:
    rows = lay(render("> said\n\n- item\n  ```sh\n  ls\n  ```\n", 40), 40)
    assert [row.text for row in rows if row.text] == ["said", "- item", "ls"]
    assert [row.fill for row in rows] == ["", "", "", "code", "code"]


def test_a_table_fits() -> None:
    text = "| name | 漢字 | what |\n|:--|:-:|--:|\n| `a` | b | " + "long words " * 8 + "|\n| c | 漢 | 1 |\n"
    for width in (80, 40, 24, 9, 2):
        rows = lay(render(text, width), width)
        assert all(cell_len("".join(span.text for span in row.spans)) <= max(width, 2) for row in rows)
        everything = "".join(row.text for row in rows)
        assert everything.count("long") == 8 or width < 9
    assert shown(text, 30) == [
        "name  漢字                what",
        "────  ────  ──────────────────",
        "a      b       long words long",
        "              words long words",
        "               long words long",
        "              words long words",
        "               long words long",
        "                         words",
        "────  ────  ──────────────────",
        "c      漢                    1",
    ]


def test_a_table_without_room_is_a_list() -> None:
    assert shown("| aaaaaa | bbbbbb |\n|---|---|\n| 1111111 | 2222222 |\n| 3 | 4 |", 11) == [
        *("aaaaaa:", "1111111", "bbbbbb:", "2222222", "", "aaaaaa: 3", "bbbbbb: 4")
    ]


def test_only_addresses_that_say_something_are_shown() -> None:
    assert shown("[a.example](https://a.example) <me@a.example> [b](https://a.example)") == [
        "a.example me@a.example b (https://a.example)"
    ]
    assert shown("[x](javascript:alert)") == ["[x](javascript:alert)"]


def test_nothing_hidden_reaches_the_screen() -> None:
    text = "\x1b[31mred\x1b]0;t\x07 &#x202e;evil &#27;[2J `\x9b1m` [a](<b\u202ec>)\r\n```\u202epy\n\x1b[2Jx\n```\r\n"
    words = "".join("".join(span.text for span in row.spans) for row in lay(render(text, 80), 80))
    assert not any(sign in words for sign in "\x1b\x07\x9b\u202e\r") and "<U+202E>evil" in words


def test_what_is_nested_too_deeply_is_shown_as_written() -> None:
    for opener in ("> ", "- ", "1. ", "  - \n" * 0 + ">"):
        assert "".join(shown(opener * 500 + "core", 100_000)).endswith("core")
    deep = "".join("  " * depth + f"- item{depth}\n" for depth in range(60))
    words = " ".join(shown(deep, 400))
    assert all(f"item{depth}" in words for depth in range(60))


def test_however_narrow_there_is_room_for_words() -> None:
    for width in (2, 5, 20):
        words = "".join(row.text for row in lay(render(DOCUMENT, width), width)).replace(" ", "")
        assert "goeson" in words and "fenced" in words and "return1" in words


@pytest.mark.parametrize("seed", range(6))
def test_a_stream_ends_as_the_whole(seed: int) -> None:
    rng = random.Random(seed)
    blocks = [block + "\n" * rng.randint(1, 3) for block in DOCUMENT.split("\n\n")]
    text = "".join(rng.choices(blocks, k=12))
    sizes = [rng.choice((1, 2, 7, 30, 80)) for _ in range(len(text))]
    assert streamed(text, sizes) == render(text, 60)


@pytest.mark.parametrize("seed", range(6))
def test_no_lines_at_random_can_hurt(seed: int) -> None:
    """Lines that begin anything, in any order, cut anywhere: no word is lost, and the stream ends as the whole."""
    rng = random.Random(seed)
    starts = [
        "",
        "",
        "- ",
        "  - ",
        "1. ",
        "7) ",
        "> ",
        "# ",
        "    ",
        "```",
        "~~~ py",
        "| a | b |",
        "|--|--|",
        "---",
        "===",
        "\t",
        "* [ ] ",
    ]
    lines = [
        rng.choice(starts) + rng.choice(["", f"word{n}", f"**w{n}", f"`w{n}", f"[w{n}](x", f"<w{n}"])
        for n in range(150)
    ]
    text = "\n".join(lines)
    whole = render(text, 60)
    words = "".join(shown(text, 400))
    missing = [f"w{n}" for n, line in enumerate(lines) if f"w{n}" in line and f"w{n}" not in words]
    assert not missing
    assert streamed(text, [rng.randint(1, 60) for _ in range(300)]) == whole


def test_an_open_fence_is_shown_as_it_comes_and_put_away() -> None:
    flow = Flow()
    flow.append("Look:\n\n```python\n")
    for number in range(300):
        flow.append(f"x = {number}\n")
        stable, tail = flow.lines(40)
        assert (stable + tail)[-1].spans[-1].text == str(number)
        assert len(tail) < 65
    flow.append("y = 1")
    assert flow.lines(40).tail[-1].spans[0].text == "y = 1"
    flow.append("\n``")
    assert flow.lines(40).tail[-1].spans[0].text == "y"
    flow.append("`\nThen")
    stable, tail = flow.lines(40)
    assert stable[-1].fill == "code" and tail == [Line(tail[0].spans)] and tail[0].spans[0].text == "Then"


def test_half_a_marker_is_not_shown() -> None:
    flow = Flow()
    flow.append("words\n--")
    assert [span.style for line in flow.lines(40).tail for span in line.spans] == [""]
    flow.append("-\n")
    assert [span.style for line in flow.lines(40).tail for span in line.spans] == ["heading"]


def test_another_width_gives_everything_anew() -> None:
    flow = Flow()
    half = len(DOCUMENT) // 2
    flow.append(DOCUMENT[:half])
    flow.lines(60)
    flow.append(DOCUMENT[half:])
    narrow, wide = flow.lines(30), flow.lines(60)
    flow.finish()
    assert flow.lines(30).stable == render(DOCUMENT, 30)
    assert flow.lines(60).stable == render(DOCUMENT, 60)
    assert len(lay(narrow.stable, 30)) > len(lay(wide.stable, 60))


@pytest.mark.parametrize(
    "unit",
    [
        "word ",
        "word\n",
        "- item\n",
        "- ",
        "> quoted\n",
        "| a | b |\n",
        "[",
        "*a **b ",
        "`",
        "<!--",
        "[a]: b\n",
        "    x\n",
        "1. a\n   - b\n\n",
        "&amp;",
    ],
)
def test_what_has_no_end_costs_no_more_at_its_end(unit: str) -> None:
    flow, laid, costs = Flow(), 0, []
    flow.append("| a | b |\n|---|---|\n" if unit[0] == "|" else "")
    text = unit * (8_000 // len(unit))
    for begin in range(0, len(text), 400):
        start = thread_time()
        flow.append(text[begin : begin + 400])
        stable, tail = flow.lines(100)
        laid = len(stable)
        costs.append(thread_time() - start)
        assert sum(len(span.text) for line in tail for span in line.spans) < 50_000
    flow.finish()
    assert laid or unit == "[a]: b\n" or len(tail)
    third = len(costs) // 3
    assert sum(sorted(costs[-third:])[:-3]) < 4 * sum(costs[third : 2 * third]) + 0.1


def test_no_word_of_a_very_long_text_is_lost() -> None:
    for text in (
        "word " * 4_000,
        "x" * 20_000,
        "```\n" + "y" * 20_000 + "\n```",
        "| a |\n|---|\n" + "| z |\n" * 1_500,
    ):
        letters = [letter for letter in text if letter in "wxyz"]
        found = "".join("".join(span.text for span in line.spans) for line in render(text, 80))
        assert sum(found.count(letter) for letter in "wxyz") == len(letters)


def test_a_file_of_this_project_looks_right_at_any_width() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    for width in (200, 80, 20):
        rows: list[Row] = lay(render(text, width), width)
        assert all(cell_len("".join(span.text for span in row.spans)) <= width for row in rows)
