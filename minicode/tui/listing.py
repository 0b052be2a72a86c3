"""A list that can be marked, scrolled and clicked, of which only what is seen is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

# An item's rows: what stands at the left, cut with an ellipsis where the room ends, and what stands at the right.
Drawn = Sequence[tuple[Content, Content]]
_MARK = "❯ "
_LEAST = 12  # cells of the left before the right is left out


class Listing(ScrollView, can_focus=True):
    """draw: the rows of an item, as many for each; called when it comes into view."""

    DEFAULT_CSS = """
    Listing { background: transparent; overflow-x: hidden; scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 20%; scrollbar-background: $background; }
    Listing > .listing--marked { background: $primary 20%; }
    Listing > .listing--hover { background: $foreground 6%; }
    Listing:ansi > .listing--marked { background: ansi_default; text-style: reverse; }
    Listing:ansi > .listing--hover { background: ansi_default; text-style: underline; }
    Listing:ansi { scrollbar-color: $foreground; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"listing--row", "listing--marked", "listing--hover"}
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1_000_000)", show=False),
        Binding("end", "move(1_000_000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Marked(Message):
        """item: None if there is none any more."""

        def __init__(self, item: Any) -> None:
            super().__init__()
            self.item = item

    class Chosen(Message):
        def __init__(self, item: Any) -> None:
            super().__init__()
            self.item = item

    def __init__(self, draw: Callable[[Any], Drawn], rows: int = 1, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw, self._rows = draw, rows
        self._items: Sequence[Any] = ()
        self._at, self._hover = 0, -1

    @property
    def items(self) -> Sequence[Any]:
        return self._items

    @property
    def item(self) -> Any:
        """The marked one, None if there is none."""
        return self._items[self._at] if self._items else None

    @property
    def at(self) -> int:
        """Where the marked one stands."""
        return self._at

    def show(self, items: Sequence[Any], at: int = 0) -> None:
        self._items = items
        self._at, self._hover = max(min(at, len(items) - 1), 0), -1
        self._resize()
        if self.size:  # else all of it would be above what is seen
            self._show_marked()
        self.refresh()
        self.post_message(self.Marked(self.item))

    def on_resize(self) -> None:
        self._resize()
        self._show_marked()

    def action_move(self, step: int) -> None:
        at = max(min(self._at + step, len(self._items) - 1), 0)
        if at != self._at:
            self._at = at
            self._show_marked()
            self.refresh()
            self.post_message(self.Marked(self.item))

    def action_page(self, way: int) -> None:
        self.action_move(way * max(self.size.height // self._rows - 1, 1))

    def action_choose(self) -> None:
        if self._items:
            self.post_message(self.Chosen(self.item))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._hover_at(self._under(event.y))

    def on_leave(self) -> None:
        self._hover_at(-1)

    def on_click(self, event: events.Click) -> None:
        """The first click marks, one on what is marked chooses."""
        at = self._under(event.y)
        if at == self._at and at < len(self._items):
            self.action_choose()
        elif at < len(self._items):
            self.action_move(at - self._at)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at, row = divmod(y + self.scroll_offset.y, self._rows)
        if not at < len(self._items):
            return Strip([Segment(" " * width, self.rich_style)], width)
        name = "marked" if at == self._at else "hover" if at == self._hover else "row"
        style = self.get_visual_style(f"listing--{name}")
        left, right = self._draw(self._items[at])[row]
        mark = Content.styled(_MARK, "$primary bold") if at == self._at and row == 0 else Content("  ")
        room = width - len(_MARK) - 1
        if right.cell_length and room - right.cell_length - 2 < _LEAST:
            right = Content("")
        room -= right.cell_length + 2 if right.cell_length else 0
        line = mark + left.truncate(max(room, 1), ellipsis=True, pad=True) + Content("  ") + right
        strip = Visual.to_strips(self, line.truncate(width), width, 1, style)[0]
        strip = strip.adjust_cell_length(width, style.rich_style)
        # What themes without shades mark with; a visual style has no place for it.
        reverse = self.get_component_styles(f"listing--{name}").text_style.reverse
        return strip.apply_style(Style(reverse=True)) if reverse else strip

    def _resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._items) * self._rows)

    def _show_marked(self) -> None:
        region = Region(0, self._at * self._rows, 1, self._rows)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def _under(self, y: int) -> int:
        return (y + self.scroll_offset.y) // self._rows

    def _hover_at(self, at: int) -> None:
        if at != self._hover:
            self._hover = at
            self.refresh()
