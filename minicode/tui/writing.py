"""The text area of the prompt: its keys, and whose they are while a list is open."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from textual import events
from textual.binding import BindingType

from minicode.tui.chips import ChipArea
from minicode.tui.keymap import bindings

JOINERS = "\u200c\u200d"  # of emoji and some scripts; not printable by themselves
How = Literal["send", "queue", "now"]


class Desk(Protocol):
    """The prompt, as its text area sees it."""

    busy: bool

    def wants(self, key: str, printable: bool = False) -> bool:
        """A list is open that has a use for the key."""
        ...

    def choose(self, key: str, character: str) -> None:
        """Do in the list what the key says."""
        ...

    def send(self, how: How) -> None: ...
    def walk(self, *, back: bool) -> bool: ...
    def search(self) -> None: ...
    def edit(self) -> None: ...
    def help(self) -> None: ...


class Writing(ChipArea):
    """Where it is written. What its keys do is the desk's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("prompt"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """An open list has its keys before the app's own bindings, such as Esc, are looked at."""
        return self._desk.wants(key) or super().check_consume_key(key, character)

    def on_key(self, event: events.Key) -> None:
        if self._desk.wants(event.key, event.is_printable):
            event.stop()
            event.prevent_default()
            self._desk.choose(event.key, event.character or "")
        elif event.key.endswith("+\r"):  # Shift+Enter as xterm's modifyOtherKeys sends it
            event.stop()
            event.prevent_default()
            self.action_newline()
        elif event.key == "enter" and "enter" in self.screen.active_bindings:
            event.prevent_default()
        elif event.character and event.character in JOINERS:
            event.stop()
            self.replace(event.character, *self.selection, maintain_selection_offset=False)
        elif event.character == "?" and not self.text:
            event.stop()
            event.prevent_default()
            self._desk.help()

    def action_send(self) -> None:
        row, column = self.cursor_location
        if self.selection.is_empty and self.document[row][:column].endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column), maintain_selection_offset=False)
        else:
            self._desk.send("send")

    def action_newline(self) -> None:
        self.replace("\n", *self.selection, maintain_selection_offset=False)

    def action_queue(self) -> None:
        if self._desk.busy:
            self._desk.send("queue")

    def action_steer_now(self) -> None:
        self._desk.send("now")

    def action_history_back(self) -> None:
        if not (self.navigator.is_first_wrapped_line(self.cursor_location) and self._desk.walk(back=True)):
            self.action_cursor_up()

    def action_history_on(self) -> None:
        if not (self.navigator.is_last_wrapped_line(self.cursor_location) and self._desk.walk(back=False)):
            self.action_cursor_down()

    def action_history_search(self) -> None:
        self._desk.search()

    def action_editor(self) -> None:
        self._desk.edit()

    def action_open_or_end(self) -> None:
        if not self.cursor_at_end_of_line or not self.open_chip():
            self.action_cursor_line_end()
