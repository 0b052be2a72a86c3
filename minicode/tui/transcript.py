"""The transcript: one widget however long the session. Blocks are laid out when they come into view, guessed before."""

from __future__ import annotations

import os
import time
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from minicode.text import clean
from minicode.tui import thumb
from minicode.tui.blocks import Block, Look
from minicode.tui.copying import copied, row_of
from minicode.tui.keymap import bindings
from minicode.tui.painting import Hits, paint
from minicode.tui.palette import Palette
from minicode.tui.pile import Pile
from minicode.tui.rows import Row
from minicode.tui.strips import MARGIN, Strips, edged

# Seconds from one look at what came to the next, of which the look itself takes this share at most. The first piece
# after a pause is seen at once, with those that come together with it.
FLUSH, SHARE, AT_ONCE = 1 / 8 if os.environ.get("SSH_CONNECTION") else 1 / 20, 0.4, 0.005


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
        padding-right: 1;
        &:ansi { scrollbar-color: $scrollbar; }
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
        self._strips = Strips()
        self._dirty: set[int] = set()
        self._flushing = False
        self._laying = False
        self._looked = 0.0  # when the last look began
        self._worked = 0.0  # seconds, of that look
        self._style = Style()  # ours, as long as lines are painted

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
        self._unselect()
        self.pile.clear()
        self.mark(None)
        self.hits = Hits()
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
            self._arrange((block.number, row), self._lines // 3)
            self.refresh()

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
        return max(self.scrollable_content_region.width - MARGIN, 1)

    @property
    def _lines(self) -> int:
        return max(self.scrollable_content_region.height, 1)

    # Laying out

    def _again(self) -> None:
        """All is as high as it is guessed to be, and what is at the top of the screen stays there."""
        place = None if self.following else self.pile.place(self.scroll_offset.y)
        before = self.pile.height(place[0]) if place else 0
        self.pile.columns = self._columns
        self.pile.again()
        self._strips.clear()
        self._unselect()
        if place:
            number, row = place
            place = number, row * len(self.pile.rows(number)) // before
        self._arrange(place)
        self.refresh()

    def _soon(self) -> None:
        if not self._flushing and self.is_attached:
            self._flushing = True
            due = self._looked + max(FLUSH, self._worked / SHARE)
            self.set_timer(max(due - time.monotonic(), AT_ONCE), self.flush)

    def flush(self) -> None:
        """Show what has changed since the last time."""
        self._flushing = False
        self._looked, began = time.monotonic(), time.thread_time()
        before = self.virtual_size, self.scroll_offset, len(self.pile)
        place = None if self.following else self.pile.place(self.scroll_offset.y)
        dirty = [number for number in self._dirty if number < len(self.blocks)]
        moved = [number for number in dirty if not self.pile.changed(number)]
        self._dirty.clear()
        self._arrange(place)
        if not moved and before == (self.virtual_size, self.scroll_offset, len(self.pile)):
            for number in dirty:  # most of the time a line has grown, and nothing has moved
                self.refresh_lines(self.pile.top(number), self.pile.height(number))
        else:
            self.refresh()
        self._worked = time.thread_time() - began

    def _arrange(self, place: tuple[int, int] | None = None, lead: int = 0) -> None:
        """What is in view has its true height, the whole its size, and the end is followed. If it is not: place (block,
        row in it; None for what is there now) will be this many lines below the top of the screen."""
        if self._laying or not self.size:
            return
        self._laying = True
        try:
            y = self._lay_end() if self.following else self._lay_view(place, lead)
            last = max(self.pile.total - self._lines, 0)
            self.following = self.following or y >= last
            self._grown(min(y, last))
            if self.scroll_offset.y != min(y, last):
                self.scroll_to(y=min(y, last), animate=False)
        finally:
            self._laying = False

    def _grown(self, position: int) -> None:
        """The whole is as high as it is: told to the scrollbar alone, for nothing on the screen has to be arranged."""
        self.set_reactive(Transcript.virtual_size, Size(self._columns, self.pile.total))
        thumb.move(self.vertical_scrollbar, self.pile.total, position)

    def _lay_end(self) -> int:
        """Returns the row at the top of the screen, as `_lay_view` does. A screen more is laid out than is seen: what
        has its true height already does not move what is below it when it comes into view."""
        self._lay(len(self.blocks) - 1, -1, 2 * self._lines)
        return self.pile.total - self._lines

    def _lay_view(self, place: tuple[int, int] | None, lead: int) -> int:
        place = place or self.pile.place(self.scroll_offset.y)
        if place is None:
            return self._lay_end()
        number, row = place
        before = self.pile.height(number)
        after = len(self.pile.rows(number))
        if after != before:  # it was guessed: what is seen of it is its end
            row = max(row + after - before, 0)
        self._lay(number - 1, -1, self._lines)
        self._lay(number + 1, 1, self._lines)
        return max(self.pile.top(number) + min(row, max(after - 1, 0)) - lead, 0)

    def _lay(self, number: int, by: int, lines: int) -> None:
        """Blocks from this one on, up (-1) or down (1), till they fill so many lines."""
        while lines > 0 and 0 <= number < len(self.blocks):
            lines -= len(self.pile.rows(number))
            number += by

    # What Textual asks for

    def on_resize(self, event: events.Resize) -> None:
        self._again()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._laying:
            # Where a panel opens or closes, the end moves before the new size is told of.
            self.following = round(new_value) >= min(self.pile.total - self._lines, self.max_scroll_y)
            self._arrange()

    def render_lines(self, crop: Region) -> list[Strip]:
        began = time.thread_time()
        self._style = self.rich_style  # dear to ask for, and the same for all of them
        lines = super().render_lines(crop)
        self._worked += time.thread_time() - began
        return lines

    def render_line(self, y: int) -> Strip:
        number, row = self.pile.place(self.scroll_offset.y + y) or (len(self.blocks), 0)
        rows = self.pile.rows(number) if number < len(self.blocks) else []
        if row >= len(rows):  # below the end; or it shrank, and the next flush will tell
            return edged([], self._columns, row_of(number, row), self._style)
        alone = not self.hits.words  # a hit may begin in the row before
        return self._strips.of((number, row), rows[row], alone, lambda: self._painted(number, row, rows))

    def _painted(self, number: int, place: int, rows: list[Row]) -> Strip:
        row, block = rows[place], self.blocks[number]
        selected = self.text_selection.get_span(row_of(number, place)) if self.text_selection else None
        hits = self.hits.of(number, place, rows)
        segments = paint(row, self._columns, self.palette, self._style, hits, selected)
        bar = None
        if self.marked is not None and row.spans:
            same = block.step and block.step == self.marked.step and block.kind in ("thought", "call")
            bar = self.palette.style("mark") if same or block is self.marked else None
        return edged(segments, self._columns, row_of(number, place), self._style, bar)

    # Mouse, selection, keys

    @property
    def allow_select(self) -> bool:
        return True

    def _unselect(self) -> None:
        if self.text_selection:
            self.screen.clear_selection()  # its rows are others now

    def selection_updated(self, selection: Selection | None) -> None:
        self.repaint()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return (copied(self.pile, selection), "\n") if self.blocks else None

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        block = self.block_at(offset.y) if offset else None
        if block is None or self.text_selection:
            return
        self.mark(block)
        place = self.pile.place(self.scroll_offset.y + (offset.y if offset else 0))
        if place and place[1] == block.gap:  # its head
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
            self.app.copy_to_clipboard(clean(self.marked.words()))

    def action_scroll_home(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_scroll_end(self) -> None:
        self.to_end()
        self.flush()

    def action_next_hit(self) -> None:
        self.post_message(self.Searched(-1))

    def action_previous_hit(self) -> None:
        self.post_message(self.Searched(1))
