"""The panel in which M2 asks: one question or plan at a time, answered by a choice or in the user's own words."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input

from minicode.events import Picked, Questioned
from minicode.tui.keymap import bindings
from minicode.tui.palette import Palette
from minicode.tui.panel import Panel
from minicode.tui.questioning import NOTHING, WORDS, Sheet, View, choices, sheet, text_rows
from minicode.tui.rows import Row


class Question(Panel):
    """Letters begin the user's own words; a digit marks its choice."""

    DEFAULT_CSS = """
    Question { border-left: outer $accent; }
    Question > Input, Question > Input:focus { padding: 0 0 0 4; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("question")]

    class Answered(Message):
        """The user has answered. The panel is closed."""

        def __init__(self, call_id: str, picked: Picked) -> None:
            self.call_id, self.picked = call_id, picked
            super().__init__()

    def __init__(self, palette: Palette, **how: Any) -> None:
        """how: as of a Panel."""
        super().__init__(palette, **how)
        self.asked: Questioned | None = None
        self._view = View()
        self._text: dict[int, list[Row]] = {}  # by width
        self._laid: tuple[tuple[View, int, int], Sheet] | None = None

    @property
    def asks(self) -> bool:
        return self.asked is not None

    def ask(self, asked: Questioned) -> None:
        self.asked = asked
        self._present()

    def forget(self, call_id: str = "") -> None:
        """It is settled elsewhere, as by an interruption. Without an id: whatever it is."""
        if self.asked and call_id in ("", self.asked.call_id):
            self.asked = None
            self._present()

    def _present(self) -> None:
        self._view = View()
        self._text.clear()
        self._laid = None
        super()._present()

    def on_key(self, event: events.Key) -> None:
        """Before the bindings see it."""
        text = event.character if event.is_printable and event.character else ""
        if not self.asked:
            return
        if not self.ready:
            self._not_meant(event, text)
        elif text and not self.query(Input) and event.key not in self.screen.active_bindings:
            event.stop()
            event.prevent_default()
            number = int(text) - 1 if text.isdecimal() and text.isascii() else -1
            if 0 <= number < len(self.asked.options):
                self._mark(number)
            elif not text.isspace():
                self._write(text)
        elif text and self.has_focus and self.query(Input):
            event.stop()
            event.prevent_default()
            self._add(text)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if not self.ready:
            self.post_message(self.Typed(event.text))
        elif not self.query(Input):
            self._write(" ".join(event.text.split()))
        elif self.has_focus:
            self._add(" ".join(event.text.split()))

    def _height(self, width: int, most: int) -> int:
        return len(self._sheet(width, most).rows) + len(self.query(Input))

    def _sheet(self, width: int, most: int) -> Sheet:
        assert self.asked is not None  # else nothing of it is seen
        if width not in self._text:
            self._text = {width: text_rows(self.asked, width)}
        view = self._view._replace(ready=self.ready, signs=self.signs)
        how = view, width, most - len(self.query(Input))
        if self._laid is None or self._laid[0] != how:  # asked for with each row
            self._laid = how, sheet(self.asked, self._text[width], *how)
        return self._laid[1]

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if not self.asked or not width:
            return Strip.blank(width, self.rich_style)
        rows = self._sheet(width, height).rows
        return self._painted(rows[y] if y < len(rows) else Row(()), width)

    def action_move(self, by: int) -> None:
        """The choice above or below; from the line of words back to the choices."""
        if self.asked and not self._unwrite():
            self._mark((self._view.marked + by) % len(choices(self.asked)))

    def _mark(self, number: int) -> None:
        self._view = self._view._replace(marked=number)
        self.refresh()

    def action_check(self) -> None:
        """Of several: take the marked option, or leave it again."""
        if self.asked and self.asked.several and (place := choices(self.asked)[self._view.marked].place) >= 0:
            self._view = self._view._replace(checked=self._view.checked ^ {place})
            self.refresh()

    def action_choose(self) -> None:
        if not self.asked:
            return
        place = choices(self.asked)[self._view.marked].place
        if words := self.query(Input):  # Enter before the line has the focus
            self._say(words.first(Input).value)
        elif place == WORDS:
            self._write("")
        elif place == NOTHING:
            self._answer(Picked())
        else:
            self._answer(Picked(tuple(sorted(self._view.checked)) or (place,)))

    def _write(self, text: str) -> None:
        """The line for the user's own words."""
        assert self.asked is not None
        self._mark(next(number for number, choice in enumerate(choices(self.asked)) if choice.place == WORDS))
        hint = "No. What to change, then Enter" if self.asked.plan else "Your answer, then Enter"
        words = Input(text, placeholder=hint, compact=True, select_on_focus=False)
        self.mount(words)
        words.focus()
        self.refresh(layout=True)

    def _add(self, text: str) -> None:
        """What is typed before the line has the focus."""
        words = self.query_one(Input)
        words.value += text
        words.cursor_position = len(words.value)

    def _unwrite(self) -> bool:
        """False if there is no such line."""
        if not (words := self.query(Input)):
            return False
        words.remove()
        self.focus()
        self.call_after_refresh(self.refresh, layout=True)
        return True

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.display:  # else it goes, as the question is settled
            self._say(event.value)

    def _say(self, words: str) -> None:
        """With what is checked beside it."""
        if words.strip():
            self._answer(Picked(tuple(sorted(self._view.checked)), words.strip()))
        else:
            self._unwrite()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def _answer(self, picked: Picked) -> None:
        assert self.asked is not None
        call_id, self.asked = self.asked.call_id, None
        self._present()
        self.post_message(self.Answered(call_id, picked))

    def _scroll(self, *, pages: int = 0, rows: int = 0) -> None:
        if self.asked:
            seen = self._sheet(*self.size)
            top = max(min(seen.top + rows + pages * max(len(seen.shown) - 1, 1), seen.top + seen.left), 0)
            self._view = self._view._replace(top=top)
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Of one choice: takes it. Of several: marks it."""
        event.stop()
        at = event.get_content_offset(self)
        number = self._sheet(*self.size).at(at.y) if at and self.asked else None
        if number is None or not self.ready or not self.asked:
            return
        self._mark(number)
        if self.asked.several and number < len(self.asked.options):
            self.action_check()
        else:
            self.action_choose()
