"""A parsed Markdown text as Lines: what each of its parts looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len

from minicode.text import clean
from minicode.tui.code import Spans, highlight
from minicode.tui.rows import Line, Span
from minicode.tui.tables import table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

DEEPEST = 32  # containers inside containers; what lies deeper is shown as it was written
BRACKETS = 300  # in what is parsed at once; with more no links are looked for, which would cost their square
LEAST = 20  # cells of a row, or half of them, that are left to the text, whatever it is nested in
_BAR = re.compile(r"(?<!\\)\|")
STYLES = {"em_open": "em", "strong_open": "strong", "s_open": "strike", "link_open": "link"}
SHORT = ("", "http://", "https://", "mailto:")  # a link whose text lacks only this needs no address


def parse(source: str, links: dict[str, Any]) -> list[Token]:
    """links: what earlier parts of the text defined; what this one defines is added."""
    return _parser(source.count("[") <= BRACKETS).parse(source, links)


def draw(tokens: Sequence[Token], source: Sequence[str], width: int, before: str | None) -> list[Line]:
    """source: the lines the tokens' maps count. before: the line in front of them; None if there is no text yet."""
    writer = _Writer(source, width, before)
    writer.write(tokens)
    return writer.lines


def code_label(info: str, gutter: Spans = ()) -> list[Line]:
    """What stands above a block of code: its language, if it says which."""
    label = clean(language(info))[:40]
    return [Line((), (*gutter, Span(f" {label}", "dim")), fill="code")] if label else []


def code_lines(code: Iterable[Spans], gutter: Spans = ()) -> list[Line]:
    first = (*gutter, Span(" "))
    return [Line(spans, first, fill="code") for spans in code]


def language(info: str) -> str:
    """Of what follows the fence's backticks: `python title=x`, `{.rust}`."""
    words = info.split()
    return words[0].strip("{}.:") if words else ""


def is_blank(line: str) -> bool:
    return not line.strip(" \t>")


@cache
def _parser(with_links: bool) -> MarkdownIt:
    from markdown_it import MarkdownIt

    options = {"html": False, "maxNesting": DEEPEST}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    return parser if with_links else parser.disable(["link", "image", "reference"])


class _Inside(NamedTuple):
    """A container around the text. marker: what stands before its first line, if not before all of them."""

    marker: str
    is_bar: bool


class _Table(NamedTuple):
    rows: list[list[Spans]]
    sides: list[str]


class _Writer:
    def __init__(self, source: Sequence[str], width: int, before: str | None) -> None:
        self.lines: list[Line] = []
        self._source = source
        self._width = width
        self._before = before
        self._around: list[_Inside] = []
        self._used = 0  # how many of them have a line already
        self._gapped = False  # the last line is an empty one between two blocks
        self._table: _Table | None = None
        self._row = 0  # the source's line of the table's row
        self._base = ""  # the style of a heading

    def write(self, tokens: Sequence[Token]) -> None:
        if any(token.level >= DEEPEST - 1 for token in tokens):
            self._as_written(tokens)
            return
        for token in tokens:
            match token.type:
                case "inline" if self._table:
                    self._table.rows[-1].append(_cell(token))
                case "inline":
                    self._paragraph(token)
                case "fence" | "code_block":
                    self._code(token)
                case "hr":
                    self._rule(token)
                case "table_open":
                    self._gap(token)
                    self._table = _Table([], [])
                case "table_close" if self._table:
                    self._tabulate(self._table)
                    self._table = None
                case _:
                    self._go(token)

    def _go(self, token: Token) -> None:
        """Into a container, or out of one."""
        match token.type:
            case "heading_open":
                self._base = "heading" if token.tag in ("h1", "h2") else "strong"
            case "heading_close":
                self._base = ""
            case "blockquote_open":
                self._gap(token)
                self._around.append(_Inside("│ ", True))
            case "list_item_open":
                self._gap(token)
                self._around.append(_Inside(f"{token.info}{token.markup} " if token.info else "- ", False))
            case "blockquote_close" | "list_item_close":
                self._leave()
            case "tr_open" if self._table:
                self._table.rows.append([])
                self._row = token.map[0] if token.map else 0
            case "tr_close" if self._table:
                self._complete(self._table)
            case "th_open" if self._table:
                self._table.sides.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))

    def _paragraph(self, token: Token) -> None:
        self._gap(token, always=bool(self._base))
        base = "quote" if any(each.is_bar for each in self._around) and not self._base else self._base
        for spans in _inline(token.children or [], base):
            first, marker, rest = self._margins()
            is_task = self._used < len(self._around) and not self._around[-1].is_bar
            self._add(Line((*marker, *(_ticked(spans) if is_task else spans)), first, rest))

    def _code(self, token: Token) -> None:
        self._gap(token)
        gutter = self._gutter()
        found = code_label(token.info, gutter)
        code = highlight(token.content, language(token.info)) if token.content else []
        found += code_lines(code, self._blank() if found else gutter)
        self._add(*(found or code_lines([()], gutter)))

    def _rule(self, token: Token) -> None:
        self._gap(token)
        gutter = self._gutter()
        self._add(Line((), (*gutter, Span("─" * max(self._width - _size(gutter), 1), "rule")), wrap=False))

    def _complete(self, found: _Table) -> None:
        """The parser drops what stands beyond the last column: mostly code with a bar in it."""
        parts = _BAR.split(self._source[self._row].strip(" \t>|"))
        if beyond := parts[len(found.sides) :]:
            found.rows[-1][-1] += (Span(clean(" |" + "|".join(beyond))),)

    def _tabulate(self, found: _Table) -> None:
        gutter, rest = self._gutter(), self._blank()
        lines = table(found.rows[0], found.rows[1:], found.sides, self._width - _size(gutter))
        self._add(*(Line(spans, rest if number else gutter, rest) for number, spans in enumerate(lines)))

    def _as_written(self, tokens: Sequence[Token]) -> None:
        """What is nested too deeply is not taken apart: the parser would leave out what it does not reach."""
        places = [token.map for token in tokens if token.map]
        begin, end = min(place[0] for place in places), max(place[1] for place in places)
        self.lines += [Line((Span(line),)) for line in self._source[begin:end]]

    def _gap(self, token: Token, always: bool = False) -> None:
        """An empty line where the text has some, and before a heading; never one at the beginning."""
        begin = token.map[0] if token.map else 0
        before = self._source[begin - 1] if begin else self._before
        is_first = self._before is None and not self.lines
        is_within = self._used < len(self._around)  # the container's own line is not written yet
        if is_first or before is None or not (is_blank(before) or (always and not is_within)):
            return
        if not self._gapped:
            self.lines.append(Line((), self._bars()))
            self._gapped = True

    def _add(self, *lines: Line) -> None:
        self.lines += lines
        self._used = len(self._around)
        self._gapped = False

    def _leave(self) -> None:
        if self._used < len(self._around) and not self._around[-1].is_bar:  # an item without words
            first, marker, rest = self._margins()
            self._add(Line(marker, first, rest))
        self._around.pop()
        self._used = min(self._used, len(self._around))

    def _margins(self) -> tuple[Spans, Spans, Spans]:
        """Of a line of words: the gutter before it, its text before the words, the gutter before its other rows."""
        gutter = self._gutter()
        last = len(gutter)
        if self._used < len(self._around):  # an item begins here: its marker is copied with its words
            bars = [place for place, each in enumerate(self._around[-len(gutter) :]) if each.is_bar] if gutter else []
            last = bars[-1] + 1 if bars else 0
        return gutter[:last], gutter[last:], self._blank()

    def _gutter(self) -> Spans:
        """With the markers of the items that begin here."""
        shown = [
            Span(each.marker if each.is_bar or number >= self._used else " " * len(each.marker), _colour(each))
            for number, each in enumerate(self._around)
        ]
        return self._fitting(shown)

    def _blank(self) -> Spans:
        return self._fitting([_blanked(each) for each in self._around])

    def _bars(self) -> Spans:
        """Of an empty line: up to the last bar around it."""
        around = self._around[: self._used]
        while around and not around[-1].is_bar:
            around.pop()
        return self._fitting([_blanked(each) for each in around])

    def _fitting(self, gutter: list[Span]) -> Spans:
        """Deep inside lists and quotes, only as much of the gutter as leaves room for words."""
        while gutter and _size(gutter) > max(self._width - LEAST, self._width // 2):
            gutter.pop(0)
        return tuple(gutter)


def _inline(tokens: Sequence[Token], base: str) -> list[Spans]:
    """The lines of a paragraph: the writer's own, for what breaks a line says something."""
    lines: list[list[Span]] = [[]]
    styles = [base]
    address, label = "", ""
    for token in tokens:
        text, style = "", ""
        match token.type:
            case "softbreak" | "hardbreak":
                lines.append([])
            case "code_inline":
                text, style = token.content, "inline"
            case "image":
                text = "".join(child.content for child in token.children or []) or str(token.attrs.get("src", ""))
                style = "link"
            case "link_close":
                styles.pop()
                if address not in [f"{short}{label}" for short in SHORT]:
                    text, style = f" ({address})", "dim"
            case kind if kind in STYLES:
                styles.append(STYLES[kind])
                if kind == "link_open":
                    address, label = str(token.attrs.get("href", "")), ""
            case kind if kind.endswith("_close"):
                styles.pop()
            case _:
                text = token.content
        if text:
            label += text
            names = dict.fromkeys(name for name in (*styles, style) if name)
            lines[-1].append(Span(clean(text).replace("\n", " "), " ".join(names)))
    return [tuple(line) for line in lines]


def _cell(token: Token) -> Spans:
    return tuple(span for spans in _inline(token.children or [], "") for span in spans)


def _ticked(spans: Spans) -> Spans:
    """The box of a task is marked."""
    box = spans[0].text[:4] if spans else ""
    if box.lower() not in ("[ ] ", "[x] "):
        return spans
    return (Span(box[:3], "dim" if box == "[ ] " else "good"), Span(spans[0].text[3:], spans[0].style), *spans[1:])


def _blanked(each: _Inside) -> Span:
    return Span(each.marker, "rule") if each.is_bar else Span(" " * len(each.marker))


def _colour(each: _Inside) -> str:
    return "rule" if each.is_bar else "dim"


def _size(spans: Iterable[Span]) -> int:
    return sum(cell_len(span.text) for span in spans)
