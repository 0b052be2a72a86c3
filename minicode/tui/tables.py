"""Tables of a Markdown text as aligned lines: fitted to the width, cells wrapped, nothing left out."""

from __future__ import annotations

from rich.cells import cell_len

from minicode.tui.rows import Line, Span, lay

Spans = tuple[Span, ...]

GAP = "  "
NARROWEST = 5  # cells of a column; with less for each, a table is written as a list


def table(head: list[Spans], rows: list[list[Spans]], sides: list[str], room: int) -> list[Spans]:
    """Lines of at most `room` cells. Every row has as many cells as the head; sides: left, center or right of each."""
    every = [[tuple(Span(text, f"{style} strong".strip()) for text, style in cell) for cell in head], *rows]
    widths = _widths([[_size(cell) for cell in row] for row in every], room)
    if not widths:
        return _listed(head, rows)
    wrapped = [
        [[row.spans for row in lay([Line(cell)], w)] for cell, w in zip(row, widths, strict=True)] for row in every
    ]
    rule = (Span(GAP.join("─" * width for width in widths), "rule"),)
    apart = any(len(cell) > 1 for row in wrapped[1:] for cell in row)
    lines: list[Spans] = []
    for number, row in enumerate(wrapped):
        if number == 1 or (apart and number > 1):
            lines.append(rule)
        for height in range(max(len(cell) for cell in row)):
            parts = [cell[height] if height < len(cell) else () for cell in row]
            lines.append(_joined([_placed(*part) for part in zip(parts, widths, sides, strict=True)]))
    return lines if rows else [*lines, rule]


def _widths(sizes: list[list[int]], room: int) -> list[int]:
    """What each column gets: the narrow ones what they need, the wide ones equal shares. Empty if there is no room."""
    needs = [max(column, 1) for column in map(max, zip(*sizes, strict=True))]
    left = room - len(GAP) * (len(needs) - 1)
    if left < sum(min(need, NARROWEST) for need in needs):
        return []
    widths = [0] * len(needs)
    for done, (need, column) in enumerate(sorted((need, column) for column, need in enumerate(needs))):
        widths[column] = min(need, left // (len(needs) - done))
        left -= widths[column]
    return widths


def _placed(spans: Spans, width: int, side: str) -> Spans:
    missing = max(width - _size(spans), 0)
    before = {"right": missing, "center": missing // 2}.get(side, 0)
    return (Span(" " * before), *spans, Span(" " * (missing - before)))


def _joined(cells: list[Spans]) -> Spans:
    spans = [
        span for number, cell in enumerate(cells) for span in (*((Span(GAP),) if number else ()), *cell) if span.text
    ]
    if spans and not spans[-1].text.strip():
        spans.pop()
    return tuple(spans)


def _listed(head: list[Spans], rows: list[list[Spans]]) -> list[Spans]:
    lines: list[Spans] = []
    for row in rows or [[() for _ in head]]:
        if lines:
            lines.append(())
        lines += [
            (*(Span(text, f"{style} strong".strip()) for text, style in name), Span(": "), *cell)
            for name, cell in zip(head, row, strict=True)
        ]
    return lines


def _size(spans: Spans) -> int:
    return sum(cell_len(span.text) for span in spans)
