"""Pictures of the screen: drawn by Textual, made the same on each machine, and read back as text with its styles."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from itertools import groupby
from typing import Any, NamedTuple

_CSS = re.compile(r"\.(\S+)-(r\d+) \{ (.*?) \}")
_LINE = re.compile(r'<clipPath id="\S+-line-\d+">\s*<rect x="0" y="([\d.]+)"')
_TEXT = re.compile(
    r'<text class="\S+-(r\d+)" x="([\d.]+)" y="[\d.]+" textLength="([\d.]+)" '
    r'clip-path="url\(#\S+-(line-\d+)\)">(.*?)</text>'
)
_GROUND = re.compile(r'<rect fill="(#\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"')


class Cell(NamedTuple):
    """style: CSS of the text; ground: the colour behind it."""

    letter: str = " "
    style: str = ""
    ground: str = ""


def picture(app: Any, title: str = "minicode") -> str:
    """The screen as SVG: without fonts from elsewhere, and without names that only say which picture it is."""
    svg = app.export_screenshot(title=title)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    name = re.search(r'id="(\S+)-clip-terminal"', svg)
    assert name, "export_screenshot draws otherwise now: tests/tui/pictures.py has to learn it"
    return re.sub(r"[ \t]+\n", "\n", svg.replace(name[1], "screen"))


def read(svg: str) -> list[str]:
    """What a person sees: each line of the screen and, below it, which of its words look otherwise than plain text.

    Only this is compared, so that a picture is not another one because a library draws the same screen otherwise.
    """
    grid = _grid(svg, {name: _plainly(style) for _, name, style in _CSS.findall(svg)})
    ground = Counter(cell.ground for line in grid for cell in line).most_common(1)[0][0]
    style = Counter(cell.style for line in grid for cell in line if cell.letter.isalnum()).most_common(1)[0][0]
    shown = [f"{style} on {ground}"]
    for line in grid:
        shown.append("".join(cell.letter for cell in line).rstrip())
        for (front, behind), run in groupby(_blended(line), lambda cell: (cell.style, cell.ground)):
            text = "".join(cell.letter for cell in run)
            if behind != ground or (text.strip() and front != style):
                words = repr(text.rstrip()) if text.strip() else "blanks"
                shown.append(f"    {words}, {len(text)} cells: {front or '-'} on {behind}")
    return shown


def _blended(line: list[Cell]) -> list[Cell]:
    """A blank looks like what is before it, if it has the same ground."""
    found: list[Cell] = []
    for cell in line:
        if cell.letter == " " and found and found[-1].ground == cell.ground:
            cell = cell._replace(style=found[-1].style)
        found.append(cell)
    return found


def _grid(svg: str, css: dict[str, str]) -> list[list[Cell]]:
    first, second = (float(top) for top in _LINE.findall(svg)[:2])
    texts = [(css[style], float(x), float(length), int(name[5:]), unescape(text))
             for style, x, length, name, text in _TEXT.findall(svg)]  # fmt: skip
    _, _, length, _, text = texts[0]
    wide = length / len(text)
    rows: list[list[Cell]] = [[] for _ in range(max(line for *_, line, _ in texts) + 1)]

    def put(row: int, column: int, cells: list[Cell]) -> None:
        line = rows[row]
        line += [Cell()] * (column + len(cells) - len(line))
        line[column : column + len(cells)] = cells

    for colour, x, y, width in _GROUND.findall(svg):
        row = round((float(y) - first) / (second - first))
        if row < len(rows):
            put(row, round(float(x) / wide), [Cell(" ", "", colour)] * round(float(width) / wide))
    for style, x, _, row, text in texts:
        column = round(x / wide)
        line = rows[row]
        grounds = [cell.ground for cell in line[column : column + len(text)]]
        grounds += [""] * (len(text) - len(grounds))
        letters = text.replace("\xa0", " ")
        put(row, column, [Cell(letter, style, ground) for letter, ground in zip(letters, grounds, strict=True)])
    return rows


def _plainly(css: str) -> str:
    """`fill: #d8dbe2;font-weight: bold` → `#d8dbe2 bold`."""
    return " ".join(part.partition(":")[2].strip() for part in css.split(";") if part.strip())
