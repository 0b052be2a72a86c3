"""The small panels between the transcript and the prompt: the queue, the todos, the search, a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, Static

from minicode.show import Todos
from minicode.text import clean
from minicode.tui.keyline import keys
from minicode.tui.themes import plain_signs

_SHOWN = 5
_ROOMY = 60  # cells in which the keys of the search have room too


class Queue(Static):
    """What is sent when the turn is done. A click takes the line back into the prompt."""

    DEFAULT_CSS = """
    Queue { height: auto; max-height: 7; padding: 0 2; color: $text-muted; display: none; }
    Queue { border-top: solid $foreground 15%; border-title-color: $text-muted; }
    Queue:ansi { border-top: solid $border-blurred; }
    Queue.-some { display: block; }
    """

    class Taken(Message):
        def __init__(self, place: int) -> None:
            self.place = place
            super().__init__()

    def show(self, queue: Sequence[str]) -> None:
        self.set_class(bool(queue), "-some")
        self.border_title = f" queued {len(queue)} "
        lines = [Content(clean(text).partition("\n")[0][:200]) for text in queue[:_SHOWN]]
        if queue[_SHOWN:]:
            lines.append(Content(f"… {len(queue) - _SHOWN} more"))
        self.update(Content("\n").join(lines))

    def on_click(self, event: events.Click) -> None:
        if offset := event.get_content_offset(self):
            self.post_message(self.Taken(min(offset.y, _SHOWN - 1)))


class TodoPanel(Static):
    """The list M2 works through."""

    DEFAULT_CSS = """
    TodoPanel { height: auto; max-height: 10; padding: 0 2; display: none; }
    TodoPanel { border-top: solid $foreground 15%; border-title-color: $text-muted; }
    TodoPanel:ansi { border-top: solid $border-blurred; }
    TodoPanel.-shown { display: block; }
    """
    _SIGNS: ClassVar[dict[str, tuple[str, str]]] = {"completed": ("☑", "done:"), "in_progress": ("▶", "now:")}

    def show(self, todos: Todos | None) -> None:
        items = todos.items if todos else ()
        self.border_title = f" todos {len(items) - len(todos.open)} of {len(items)} done " if todos else " todos "
        words = plain_signs(self.app.current_theme)
        lines = [
            Content(f"{self._SIGNS.get(state, ('☐', 'open:'))[words]} {clean(text)}").stylize(
                "dim" if state == "completed" else "bold" if state == "in_progress" else ""
            )
            for text, state in items
        ]
        self.update(Content("\n").join(lines or [Content("M2 has written no todos yet.")]))


class SearchBar(Horizontal):
    """What is searched for in the transcript: the last hit as one types. After Enter the transcript has the keys, where
    n and N go from hit to hit; Escape closes."""

    DEFAULT_CSS = """
    SearchBar { height: 1; display: none; padding: 0 1; background: $panel; }
    SearchBar.-shown { display: block; }
    SearchBar Label { width: auto; color: $text-muted; }
    SearchBar Input, SearchBar Input:focus {
        width: 1fr; border: none; height: 1; padding: 0 1; background: $panel; background-tint: $panel 0%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False, priority=True),
        Binding("up", "look(-1)", show=False),
        Binding("down", "look(1)", show=False),
    ]

    class Wanted(Message):
        """by: -1 for the next hit above, 1 for the next below, 0 for the last one of new words."""

        def __init__(self, words: str, by: int) -> None:
            self.words, self.by = words, by
            super().__init__()

    class Entered(Message):
        """The words are whole."""

    class Closed(Message):
        pass

    def compose(self) -> ComposeResult:
        yield Label("search ")
        yield Input(id="search-words")
        yield Label("", id="search-found")
        yield Label(keys([("↑↓", "hits"), ("enter", "then n, N"), ("esc", "closes")]), id="search-keys")

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#search-keys").display = event.size.width >= _ROOMY

    @property
    def words(self) -> str:
        return self.query_one(Input).value

    def open(self) -> None:
        self.add_class("-shown")
        self.query_one(Input).focus()

    def tell(self, text: str) -> None:
        self.query_one("#search-found", Label).update(Content(text))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Wanted(event.value, 0))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered())

    def action_look(self, by: int) -> None:
        self.post_message(self.Wanted(self.words, by))

    def action_close(self) -> None:
        self.remove_class("-shown")
        self.post_message(self.Closed())


class Ask(Vertical):
    """A question of a slash word, answered in a line; Escape answers with nothing."""

    DEFAULT_CSS = """
    Ask { height: auto; display: none; padding: 0 2; border-top: solid $accent; }
    Ask.-shown { display: block; }
    Ask Input, Ask Input:focus { border: none; height: 1; padding: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "nothing", show=False, priority=True)]

    class Answered(Message):
        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def compose(self) -> ComposeResult:
        yield Static(id="ask-question", markup=False)
        yield Input(id="ask-answer")

    def open(self, prompt: str) -> None:
        self.query_one("#ask-question", Static).update(Content(clean(prompt).strip()))
        box = self.query_one(Input)
        box.value = ""
        self.add_class("-shown")
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave(event.value.strip())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def action_nothing(self) -> None:
        self._leave("")

    def _leave(self, text: str) -> None:
        self.remove_class("-shown")
        self.post_message(self.Answered(text))
