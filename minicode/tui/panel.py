"""What the panels that ask the user share: they wait until they were seen, keep what was meant for the prompt, and
scroll."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from minicode.tui.calm import Calm
from minicode.tui.painting import paint
from minicode.tui.palette import Palette
from minicode.tui.rows import Row


class Panel(Widget, can_focus=True):
    """A key or click that was meant for something else is no answer: it counts only after the panel has been seen for
    SEEN seconds and no key has come for CALM."""

    DEFAULT_CSS = """
    Panel { display: none; width: 1fr; height: auto; padding: 0 1; overflow: hidden; background: $surface; }
    Panel.-asking { display: block; }
    Panel > Input, Panel > Input:focus {
        dock: bottom; height: 1; border: none; padding: 0 0 0 5; background: transparent;
    }
    """
    ALLOW_SELECT = False

    class Typed(Message):
        """Text that came before the panel could be read: it was meant for the prompt."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(
        self,
        palette: Palette,
        *,
        signs: bool = True,
        clock: Callable[[], float] = time.monotonic,
        id: str | None = None,
    ) -> None:
        """signs: False says in words what a sign would. clock: seconds."""
        super().__init__(id=id)
        self.palette, self.signs = palette, signs
        self._calm = Calm(clock)
        self._was_ready = False
        self._timer: Timer | None = None

    @property
    def asks(self) -> bool:
        """Whether there is anything to be answered."""
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether a key is an answer now."""
        return self._calm.ready

    def on_mount(self) -> None:
        self._present()

    def _present(self) -> None:
        """What is asked now, from its beginning, or nothing."""
        self._calm.anew()
        self._was_ready = False
        self.set_class(self.asks, "-asking")
        if not self.is_mounted:
            return
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.query(Input).remove()
        if self.asks:
            self.focus()
            self.call_after_refresh(self._on_screen)
        self._changed()

    def _on_screen(self) -> None:
        if self.asks and not self._calm.begun:
            self._calm.seen()
            self._watch()

    def _watch(self) -> None:
        if self._timer is None and self._calm.begun:
            self._timer = self.set_interval(0.05, self._look)

    def _look(self) -> None:
        """Until it can be answered and all of it is laid out."""
        if self._worked() and self.ready and self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self.ready != self._was_ready:
            self._was_ready = self.ready
            self._changed()
        else:
            self.refresh()

    def _worked(self) -> bool:
        """Lay out a little more of it. True if that was all."""
        return True

    def _not_meant(self, event: events.Key, said: str) -> None:
        """A key that is no answer, and what was written with it."""
        event.stop()
        event.prevent_default()
        self._calm.disturbed()
        self._watch()
        self._changed()
        if said:
            self.post_message(self.Typed(said))

    def _changed(self) -> None:
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """At most three quarters of the screen, so that there is room for the transcript and the status line."""
        most = max(min(viewport.height * 3 // 4, viewport.height - 2), 3)
        return self._height(width, most) if self.asks else 0

    def _height(self, width: int, most: int) -> int:
        raise NotImplementedError

    def _painted(self, row: Row, width: int) -> Strip:
        return Strip(paint(row, width, self.palette, self.rich_style))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.asks

    def _scroll(self, *, pages: int = 0, rows: int = 0) -> None:
        raise NotImplementedError

    def action_page_down(self) -> None:
        self._scroll(pages=1)

    def action_page_up(self) -> None:
        self._scroll(pages=-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(rows=2)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(rows=-2)
