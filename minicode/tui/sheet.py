"""A screen of its own over the transcript: a heading, something to choose from, a line of keys; and two questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from minicode.tui.keyline import keys
from minicode.tui.listing import Listing

T = TypeVar("T")


class Filter(Input):
    """What is typed narrows the list; the keys of the list go on to it."""

    DEFAULT_CSS = """
    Filter, Filter:focus { border: none; height: 1; padding: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.move('up')", show=False),
        Binding("down", "screen.move('down')", show=False),
        Binding("pageup", "screen.move('pageup')", show=False),
        Binding("pagedown", "screen.move('pagedown')", show=False),
    ]


class Sheet(ModalScreen[T], Generic[T]):
    """Esc leaves it with None."""

    DEFAULT_CSS = """
    Sheet { background: $background; padding: 1 2; overflow: hidden; }
    Sheet > #head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; margin-bottom: 1; }
    Sheet > #foot { height: auto; max-height: 2; margin-top: 1; }
    Sheet.-short { padding: 0 1; }
    Sheet.-short > #head, Sheet.-short > #foot { margin: 0; }
    Sheet.-short > #foot { max-height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (14, "-tall")]
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-wide")]
        # Kept, not looked for: work that ends while the screen is taken down still finds them.
        self._head = Static(id="head", markup=False)
        self._foot = Static(id="foot", markup=False)

    def compose(self) -> ComposeResult:
        self._head.update(self.heading())
        self._foot.update(self.foot())
        yield self._head
        yield from self.body()
        yield self._foot

    def heading(self) -> Content:
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def foot(self) -> Content:
        raise NotImplementedError

    def tell(self, text: str = "", style: str = "$warning") -> None:
        """A sentence in place of the keys; "" brings them back."""
        foot = Content.styled(text, style) if text else self.foot()
        if foot != self._foot.content:  # an update is a layout of the whole screen
            self._foot.update(foot)

    def retitle(self) -> None:
        self._head.update(self.heading())

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_move(self, key: str) -> None:
        listing = self.query_one(Listing)
        match key:
            case "up" | "down":
                listing.action_move(-1 if key == "up" else 1)
            case _:
                listing.action_page(-1 if key == "pageup" else 1)


class Slip(Vertical):
    DEFAULT_CSS = """
    Slip { width: 72; max-width: 100%; height: auto; padding: 1 2; background: $panel; }
    Slip:ansi { border: round $foreground; }
    Slip > Static { height: auto; }
    Slip > Filter, Slip > Filter:focus { margin: 1 0; padding: 0 1; background: $background; }
    """


class Enquiry(ModalScreen[str | None]):
    """A question that is answered with a line; None if it is not.

    check: what is wrong with the line, "" if nothing; the question stays then. hidden: what is typed is not shown.
    """

    DEFAULT_CSS = """
    Enquiry { align: center middle; background: $background 60%; }
    Enquiry:ansi { background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(
        self, question: str, value: str = "", *, check: Callable[[str], str] = lambda _: "", hidden: bool = False
    ) -> None:
        super().__init__()
        self._question, self._value, self._check, self._hidden = question, value, check, hidden

    def compose(self) -> ComposeResult:
        with Slip():
            yield Static(Content(self._question), markup=False)
            yield Filter(self._value, password=self._hidden)
            yield Static(keys([("enter", "done"), ("esc", "back")]), id="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if wrong := self._check(event.value):
            self.query_one("#hint", Static).update(Content.styled(wrong, "$warning"))
        else:
            self.dismiss(event.value)

    def action_move(self, key: str) -> None:
        """There is no list."""

    def action_leave(self) -> None:
        self.dismiss(None)


class Sure(ModalScreen[bool]):
    """A question that only `y`, or a click on yes, says yes to."""

    DEFAULT_CSS = """
    Sure { align: center middle; background: $background 60%; }
    Sure:ansi { background: transparent; }
    """

    def __init__(self, question: str, yes: str = "yes", no: str = "no") -> None:
        super().__init__()
        self._question, self._yes, self._no = question, yes, no

    def compose(self) -> ComposeResult:
        with Slip():
            yield Static(Content(f"{self._question}\n"), markup=False)
            yield Static(keys([("y", self._yes)]), id="yes", markup=False)
            yield Static(keys([("n", self._no)]), id="no", markup=False)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in ("y", "Y"):
            self.dismiss(True)
        elif event.key in ("n", "N", "escape", "enter"):
            self.dismiss(False)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id in ("yes", "no"):
            self.dismiss(event.widget.id == "yes")
