"""The text being written, in which a large paste stands as a chip: short on the screen, whole when it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.document._document import EditResult, Location, Selection
from textual.document._edit import Edit
from textual.geometry import Size
from textual.widgets import TextArea

from minicode.text import clean, count

LINES, CHARACTERS = 10, 1_000  # a paste of more becomes a chip
OPEN = 20_000  # characters that can be edited in place without being felt


class ChipArea(TextArea):
    """A text area that grows with its text. Chips are deleted as a whole, by whichever key; undo brings them back."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"chip-area--chip"}
    DEFAULT_CSS = """
    ChipArea {
        height: auto;
        background: transparent;
        padding: 0;
        scrollbar-size-vertical: 1;
        & .chip-area--chip { color: $accent; text-style: bold; }
        &:focus { border: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, max_checkpoints=200)
        self.cursor_blink = False  # an idle prompt costs nothing
        self.match_cursor_bracket = False
        self._chips: dict[str, str] = {}

    @property
    def whole(self) -> str:
        """What is written, with what the chips stand for."""
        if not self._chips:
            return self.text
        return self._labels().sub(lambda match: self._chips[match[0]], self.text)

    def put(self, text: str) -> None:
        """Instead of all that is there; the cursor goes to the end. It cannot be undone."""
        self._chips.clear()
        text = tidy(text)
        self.load_text(text if len(text) <= OPEN else self._chip(text))
        self.move_cursor(self.document.end)

    def paste(self, text: str) -> None:
        """In the place of what is selected, or at the cursor."""
        text = tidy(text)
        if len(text) > CHARACTERS or text.rstrip("\n").count("\n") >= LINES:
            text = self._chip(text)
        self._replace(text, *self.selection)

    def open_chip(self) -> bool:
        """Put the text of the chip at the cursor in its place. False if there is none, or it is too long for that."""
        row, column = self.cursor_location
        for label, start, end in self._chips_in(row):
            if start <= column <= end and len(self._chips[label]) <= OPEN:
                self._replace(self._chips[label], (row, start), (row, end))
                return True
        return False

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.paste(event.text)

    def action_paste(self) -> None:
        self.paste(self.app.clipboard)

    def edit(self, edit: Edit) -> EditResult:
        """Every change passes here: one that would leave half a chip takes the whole, or goes behind it."""
        if self._chips:
            top, bottom = edit.top, edit.bottom
            edit.to_location = self._edge(bottom, 1)
            edit.from_location = self._edge(top, 1 if top == bottom else 0)
        return super().edit(edit)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """At most a third of the screen. As max-height it would not reach the height of what is around it."""
        return min(super().get_content_height(container, viewport, width), max(viewport.height // 3, 1))

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        for _, start, end in self._chips_in(line_index):
            line.stylize(self.get_component_rich_style("chip-area--chip"), start, end)
        return line

    def _replace(self, text: str, start: Location, end: Location) -> None:
        result = self.replace(text, start, end, maintain_selection_offset=False)
        self.selection = Selection.cursor(result.end_location)

    def _chip(self, text: str) -> str:
        """A new label that stands for the text."""
        lines = text.count("\n") + (not text.endswith("\n"))
        size = count(lines, "line") if lines > LINES else count(len(text), "character")
        label = f"[pasted #{len(self._chips) + 1}: {size}]"
        self._chips[label] = text
        return label

    def _labels(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._chips)))

    def _chips_in(self, row: int) -> Iterator[tuple[str, int, int]]:
        """Label, first column, and the column behind it."""
        if self._chips:
            for match in self._labels().finditer(self.document.get_line(row)):
                yield match[0], match.start(), match.end()

    def _edge(self, place: Location, side: int) -> Location:
        """A place inside a chip is moved before it (0) or behind it (1)."""
        row, column = place
        for _, *edges in self._chips_in(row):
            if edges[0] < column < edges[1]:
                return row, edges[side]
        return place


def tidy(text: str) -> str:
    """As a prompt can hold it: lines end in a newline, and nothing in it is hidden or commands a terminal."""
    return clean(text.replace("\r\n", "\n").replace("\r", "\n"))
