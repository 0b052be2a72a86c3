"""The transcript: one widget however long the session. Blocks are laid out when they come into view, guessed before."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Offset, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from minicode.tui.blocks import Block, Look
from minicode.tui.keymap import bindings
from minicode.tui.painting import Hits, paint
from minicode.tui.palette import Palette
from minicode.tui.pile import Pile
from minicode.tui.rows import Row

_KEPT_STRIPS = 2_000
_ROW_BITS = 24  # a place in the selection is the block's number and the row in it, so that it does not move
FLUSH = 1 / 8 if os.environ.get("SSH_CONNECTION") else 1 / 12  # seconds between two looks at what came


class Transcript(ScrollView, can_focus=True):
    """Shows `Block`s; `add` and `touch` are all that its owner needs. While its end is in view it follows it."""

    DEFAULT_CSS = """
    Transcript {
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $panel;
        overflow-x: hidden;
        overflow-y: scroll;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("transcript")]

    class Marked(Message):
        """A block was marked, by mouse or keys; None: no more."""

        def __init__(self, sender: Transcript, block: Block | None) -> None:
            self.sender_, self.block = sender, block
            super().__init__()

        @property
        def control(self) -> Transcript:
            return self.sender_

    class Searched(Message):
        """by: -1 for the next hit above, 1 below."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    def __init__(self, palette: Palette, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = palette
        self.pile = Pile()
        self.hits = Hits()
        self.marked: Block | None = None
        self.following = True
        self._strips: OrderedDict[tuple[int, int], tuple[Row, Strip]] = OrderedDict()  # valid for that very row
        self._dirty: set[int] = set()
        self._flushing = False
        self._laying = False

    # What its owner does

    def add(self, *blocks: Block) -> None:
        for block in blocks:
            self.pile.add(block)
        self._soon()

    def touch(self, block: Block) -> None:
        """It has changed; the screen will follow within a moment."""
        self._dirty.add(block.number)
        self._soon()

    def clear(self) -> None:
        self.pile.clear()
        self.mark(None)
        self.following = True
        self._strips.clear()
        self._dirty.clear()
        self._soon()

    def to_end(self) -> None:
        """And follow it from now on."""
        self.following = True
        self._soon()

    def set_look(self, look: Look) -> None:
        if look != self.look:
            self.pile.look = look
            self._again()

    def repaint(self, palette: Palette | None = None) -> None:
        """The colours have changed, or what is found or marked."""
        self.palette = palette or self.palette
        self._strips.clear()
        self.refresh()

    def mark(self, block: Block | None) -> None:
        if block is not self.marked:
            self.marked = block
            self.repaint()
            self.post_message(self.Marked(self, block))

    def show_block(self, block: Block, row: int = 0) -> None:
        """Bring a row of it into view, if it is not."""
        self.pile.rows(block.number)
        top = self.pile.top(block.number) + row
        if not self.scroll_offset.y <= top < self.scroll_offset.y + self._lines - 1:
            self.following = False
            self.scroll_to(y=max(top - self._lines // 3, 0), animate=False)

    def rows(self, block: Block) -> list[Row]:
        return self.pile.rows(block.number)

    def block_at(self, y: int) -> Block | None:
        """At a line of the widget."""
        place = self.pile.place(self.scroll_offset.y + y)
        return self.blocks[place[0]] if place else None

    @property
    def blocks(self) -> list[Block]:
        return self.pile.blocks

    @property
    def look(self) -> Look:
        return self.pile.look

    # Where things are

    @property
    def _columns(self) -> int:
        return max(self.scrollable_content_region.width, 1)

    @property
    def _lines(self) -> int:
        return max(self.scrollable_content_region.height, 1)

    # Laying out

    def _again(self) -> None:
        """All is as high as it is guessed to be, and what is at the top of the screen stays there."""
        place = self.pile.place(self.scroll_offset.y)
        anchor = self.blocks[place[0]] if place else None
        self.pile.columns = self._columns
        self.pile.again()
        self._strips.clear()
        self._arrange()
        if anchor and not self.following:
            self.scroll_to(y=self.pile.top(anchor.number), animate=False)
        self.refresh()

    def _soon(self) -> None:
        if not self._flushing and self.is_attached:
            self._flushing = True
            self.set_timer(FLUSH, self.flush)

    def flush(self) -> None:
        """Show what has changed since the last time."""
        self._flushing = False
        before = self.virtual_size, self.scroll_offset, len(self.pile)
        dirty = [number for number in self._dirty if number < len(self.blocks)]
        for number in dirty:
            self.pile.changed(number)
        self._dirty.clear()
        self._arrange()
        if before == (self.virtual_size, self.scroll_offset, len(self.pile)):
            for number in dirty:  # most of the time a line has grown, and nothing has moved
                self.refresh_lines(self.pile.top(number), self.pile.height(number))
        else:
            self.refresh()

    def _arrange(self) -> None:
        """What is in view has its true height, the whole its size, and the end is followed."""
        if self._laying or not self.size:
            return
        self._laying = True
        try:
            if self.following:
                self._lay_end()
            else:
                self._lay_view()
            self._grown()
            if self.following:
                self.scroll_to(y=max(self.pile.total - self._lines, 0), animate=False)
        finally:
            self._laying = False

    def _grown(self) -> None:
        """The whole is as high as it is: told to the scrollbar alone, for nothing on the screen has to be arranged."""
        size = Size(self._columns, self.pile.total)
        if self.virtual_size != size:
            self.set_reactive(Transcript.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height

    def _lay_end(self) -> None:
        seen, number = 0, len(self.blocks) - 1
        while number >= 0 and seen < self._lines:
            seen += len(self.pile.rows(number))
            number -= 1

    def _lay_view(self) -> None:
        """What is below the top of the screen stays where it is, though what is above turns out higher or lower."""
        place = self.pile.place(self.scroll_offset.y)
        if place is None:
            return
        number, row = place
        before = self.pile.height(number)
        after = len(self.pile.rows(number))
        if after != before:
            y = self.pile.top(number) + max(row + after - before, 0)
            self._grown()
            self.scroll_to(y=y, animate=False)
        number += 1
        while number < len(self.blocks) and self.pile.top(number) < self.scroll_offset.y + self._lines:
            self.pile.rows(number)
            number += 1

    # What Textual asks for

    def on_resize(self, event: events.Resize) -> None:
        self._again()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._laying:
            self.following = round(new_value) >= self.pile.total - self._lines
            if not self.following:
                self._arrange()

    def render_line(self, y: int) -> Strip:
        width = self._columns
        place = self.pile.place(self.scroll_offset.y + y)
        if place is None:
            return Strip.blank(width, self.rich_style)
        number, row = place
        rows = self.pile.rows(number)
        if row >= len(rows):  # it shrank, and the next flush will tell
            return Strip.blank(width, self.rich_style)
        key = (number, row)
        painted = self._strips.get(key)
        if painted is None or painted[0] is not rows[row]:
            painted = self._strips[key] = rows[row], self._painted(number, row, rows[row], width)
            if len(self._strips) > _KEPT_STRIPS:
                self._strips.popitem(last=False)
        return painted[1]

    def _painted(self, number: int, place: int, row: Row, width: int) -> Strip:
        y = number << _ROW_BITS | place
        selected = self.text_selection.get_span(y) if self.text_selection else None
        block = self.blocks[number]
        mark = ""
        if self.marked is not None and row.spans:
            linked = block.step and block.step == self.marked.step and block.kind in ("thought", "call")
            mark = "mark" if block is self.marked or linked else ""
        segments = paint(row, width, self.palette, self.rich_style, self.hits.of(number, place, row), selected, mark)
        return Strip(segments, width).apply_offsets(0, y)

    # Mouse, selection, keys

    @property
    def allow_select(self) -> bool:
        return True

    def selection_updated(self, selection: Selection | None) -> None:
        self.repaint()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text as it was written: without gutters, and with its own line ends, not those of the screen."""
        if not self.blocks:
            return None
        last = len(self.blocks) - 1
        start = selection.start or Offset(0, 0)
        end = selection.end or Offset(1 << 20, last << _ROW_BITS | (1 << _ROW_BITS) - 1)
        return "".join(self._copied(start, end)).strip("\n"), "\n"

    def _copied(self, start: Offset, end: Offset) -> Iterator[str]:
        for number in range(start.y >> _ROW_BITS, min(end.y >> _ROW_BITS, len(self.blocks) - 1) + 1):
            for place, row in enumerate(self.pile.rows(number)):
                y = number << _ROW_BITS | place
                if not start.y <= y <= end.y:
                    continue
                whole = "".join(span.text for span in row.spans)
                skipped = len(whole) - len(row.text)
                begin = max(start.x, skipped) if y == start.y else skipped
                stop = end.x if y == end.y else len(whole)
                yield whole[begin:stop]
                if y != end.y:
                    yield " " * row.goes_on if row.goes_on >= 0 else "\n"

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        block = self.block_at(offset.y) if offset else None
        if block is None or self.text_selection:
            return
        self.mark(block)
        place = self.pile.place(self.scroll_offset.y + (offset.y if offset else 0))
        if place and place[1] <= block.gap:  # its head
            self.toggle(block)

    def toggle(self, block: Block) -> None:
        if block.toggle(self.look):
            self.following = False
            self.touch(block)
            self.flush()

    def marked_next(self, by: int) -> None:
        """Mark the next block above (-1) or below (1) that can be seen and is not only a remark."""
        number = self.marked.number + by if self.marked else len(self.blocks) - 1
        while 0 <= number < len(self.blocks):
            block = self.blocks[number]
            if block.kind != "note" and self.pile.height(number):
                self.mark(block)
                self.show_block(block, block.gap)
                return
            number += by

    def action_open_marked(self) -> None:
        if self.marked is not None:
            self.toggle(self.marked)

    def action_copy_marked(self) -> None:
        if self.marked is not None:
            self.app.copy_to_clipboard(self.marked.words())

    def action_next_hit(self) -> None:
        self.post_message(self.Searched(1))

    def action_previous_hit(self) -> None:
        self.post_message(self.Searched(-1))
