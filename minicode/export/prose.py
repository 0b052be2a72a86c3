"""The little Markdown that M2 writes, as HTML: code, headings, lists, emphasis. All text is escaped; no link lives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r"( {0,12})([-*+]|\d{1,9}[.)])\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ROW = re.compile(r"\s*\|.*\|\s*")
_RULE_ROW = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*")
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]{1,2000})\1(?!`)")
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]{1,2000})(?<=\S)\*\*")
_SLANTED = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,500})(?<=\S)\*(?![\w*])")


def prose(text: str) -> str:
    """The blocks of a text that is already clean of control characters."""
    return "".join(_blocks(text.strip("\n").split("\n")))


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif mark := _FENCE.fullmatch(line):
            end = _fence_end(lines, at + 1, mark[1])
            yield f"<pre class=code>{escape(chr(10).join(lines[at + 1 : end]))}</pre>"
            at = end + 1
        elif heading := _HEADING.fullmatch(line):
            yield f"<p class=h>{inline(heading[1])}</p>"
            at += 1
        elif _ITEM.fullmatch(line):
            end = _end(lines, at, lambda one: bool(_ITEM.fullmatch(one)) or one.startswith("  "))
            yield "".join(_items(lines[at:end]))
            at = end
        elif _ROW.fullmatch(line):
            end = _end(lines, at, lambda one: bool(_ROW.fullmatch(one)))
            yield _table(lines[at:end])
            at = end
        else:
            end = _end(lines, at + 1, _goes_on)
            yield f"<p>{inline(chr(10).join(lines[at:end]))}</p>"
            at = end


def inline(text: str) -> str:
    """Code, bold and slanted; everything else is text."""
    parts: list[str] = []
    done = 0
    for code in _CODE.finditer(text):
        parts += (_emphasis(text[done : code.start()]), f"<code>{escape(code[2])}</code>")
        done = code.end()
    return "".join((*parts, _emphasis(text[done:])))


def _emphasis(text: str) -> str:
    return _SLANTED.sub(r"<i>\1</i>", _BOLD.sub(r"<b>\1</b>", escape(text)))


def _goes_on(line: str) -> bool:
    starts = (_FENCE, _HEADING, _ITEM, _ROW)
    return bool(line.strip()) and not any(start.fullmatch(line) for start in starts)


def _end(lines: list[str], at: int, belongs: Callable[[str], bool]) -> int:
    while at < len(lines) and lines[at].strip() and belongs(lines[at]):
        at += 1
    return at


def _fence_end(lines: list[str], at: int, mark: str) -> int:
    while at < len(lines) and not (lines[at].strip().startswith(mark) and not lines[at].strip().strip(mark[0])):
        at += 1
    return at


def _items(lines: list[str]) -> Iterator[str]:
    """A flat list whose depth is a class: nesting says no more and can be abused."""
    items: list[list[str]] = []
    for line in lines:
        if item := _ITEM.fullmatch(line):
            items.append([str(min(len(item[1]) // 2, 3)), item[2], item[3]])
        else:
            items[-1][2] += "\n" + line.strip()
    yield "<ul>"
    for depth, mark, text in items:
        sign = mark if mark[0].isdigit() else "•"
        yield f"<li class=d{depth}><span class=sign>{escape(sign)}</span>{inline(text)}</li>"
    yield "</ul>"


def _table(lines: list[str]) -> str:
    rows = [line.strip().strip("|").split("|") for line in lines if not _RULE_ROW.fullmatch(line)]
    headed = len(lines) > 1 and bool(_RULE_ROW.fullmatch(lines[1]))
    cells = [
        "".join(f"<{tag}>{inline(cell.strip())}</{tag}>" for cell in row)
        for row, tag in zip(rows, ["th" if headed else "td", *["td"] * len(rows)], strict=False)
    ]
    return f"<div class=wide><table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table></div>"
