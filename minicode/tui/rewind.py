"""Going back before a message of one's own: the conversation, the files or both, after a look at what would change."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar, NamedTuple, Protocol

from textual import events, work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from minicode.text import clean, count
from minicode.tui.cards import ago, one_line
from minicode.tui.keyline import keys
from minicode.tui.listing import Drawn, Listing
from minicode.tui.sheet import Sheet, Sure

_LOOK_AFTER = 0.06  # seconds without a move
_NAMED = 10  # paths
WAYS = (("conversation", True, False), ("files", False, True), ("both", True, True))


class Said(NamedTuple):
    """What the user said. when: seconds since 1970, 0 if unknown."""

    id: str
    text: str
    when: float


class Changed(NamedTuple):
    """A file that would change. what: how, in a word, "changed" or "removed" say. plus, minus: lines, as far as the
    diff was made."""

    path: str
    what: str
    plus: int
    minus: int


class Outlook(NamedTuple):
    """What going back before a message would do to files.

    files: () if nothing. diff: of all of them, as text. theirs: paths that the user or another program changed since,
    and that would be overwritten. note: why files cannot go back, "" if they can.
    """

    files: tuple[Changed, ...] = ()
    diff: str = ""
    theirs: tuple[str, ...] = ()
    note: str = ""


class Rewinds(Protocol):
    """The open session's past."""

    def messages(self) -> list[Said]:
        """The user's on the live branch, the oldest first."""
        ...

    async def outlook(self, message: str) -> Outlook:
        """Raises ValueError with a sentence."""
        ...


class Back(NamedTuple):
    """What shall go back before which message. force: also over what somebody else changed since."""

    message: str
    conversation: bool
    files: bool
    force: bool


class Rewind(Sheet[Back | None]):
    """Dismissed with what shall go back, None for nothing. message: the id of the one that is marked first."""

    DEFAULT_CSS = """
    Rewind > Listing { height: auto; max-height: 45%; }
    Rewind > #ways { height: 1; margin: 1 0; }
    Rewind > VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-color: $foreground 20%;
        scrollbar-background: $background; }
    Rewind VerticalScroll > Static { height: auto; }
    Rewind.-short > #ways { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,right", "way(1)", show=False),
        Binding("left", "way(-1)", show=False),
        Binding("c", "take_way(0)", show=False),
        Binding("f", "take_way(1)", show=False),
        Binding("b", "take_way(2)", show=False),
        Binding("d", "diff", show=False),
        Binding("space,shift+down", "scroll(1)", show=False),
        Binding("shift+up", "scroll(-1)", show=False),
    ]

    def __init__(self, past: Rewinds, message: str = "") -> None:
        super().__init__()
        self._listing = Listing(self._draw)
        self._ways = Static(id="ways", markup=False)
        self._what = Static(markup=False)
        self._past, self._first = past, message
        self._outlooks: dict[str, Outlook] = {}
        self._way = 0
        self._whole = False
        self._looking: Timer | None = None

    def heading(self) -> Content:
        return Content.assemble(("Rewind", "bold"), ("  go back before a message of yours; /redo undoes it", "dim"))

    def body(self) -> Iterable[Widget]:
        yield self._listing
        yield self._ways
        yield VerticalScroll(self._what, can_focus=False)

    def foot(self) -> Content:
        diff = "paths" if self._whole else "diff"
        return keys([("enter", "go back"), ("tab", "what goes back"), ("d", diff), ("space", "more"), ("esc", "stay")])

    def on_mount(self) -> None:
        messages = self._past.messages()
        at = next((n for n, message in enumerate(messages) if message.id == self._first), len(messages) - 1)
        self._listing.show(messages, at)
        if not messages:
            self.tell("Nothing has been said on this branch, so there is nothing to go back to.", "dim")

    def _draw(self, message: Said) -> Drawn:
        return [(Content(one_line(message.text)), Content.styled(ago(message.when, time.time()), "dim"))]

    # --- what would change --------------------------------------------------------------------------------------------

    def on_listing_marked(self, event: Listing.Marked) -> None:
        if self._looking is not None:
            self._looking.stop()
        self._show()
        if event.item and event.item.id not in self._outlooks:
            self._looking = self.set_timer(_LOOK_AFTER, lambda: self._look(event.item.id))

    @work(exclusive=True, group="look")
    async def _look(self, message: str) -> None:
        try:
            self._outlooks[message] = await self._past.outlook(message)
        except ValueError as error:
            self._outlooks[message] = Outlook(note=str(error))
        self._show()

    def _show(self) -> None:
        message = self._listing.item
        outlook = self._outlooks.get(message.id) if message else None
        if not (outlook and outlook.files):
            self._way = 0
        self._ways.update(self._choice(outlook))
        what = Content("")
        if message:
            what = Content.styled("Looking at the files …", "dim") if outlook is None else shown(outlook, self._whole)
        self._what.update(what)

    def _choice(self, outlook: Outlook | None) -> Content:
        parts = []
        for number, (name, _, files) in enumerate(WAYS):
            if number == self._way:
                style = "bold $primary"
            else:
                style = "dim strike" if files and not (outlook and outlook.files) else "dim"
            mark = "●" if number == self._way else "○"
            parts.append(Content.assemble((f"{mark} ", style), (name, style)))
        return Content("   ").join(parts)

    # --- what is chosen -----------------------------------------------------------------------------------------------

    @property
    def _outlook(self) -> Outlook | None:
        message = self._listing.item
        return self._outlooks.get(message.id) if message else None

    def action_way(self, step: int) -> None:
        self.action_take_way((self._way + step) % len(WAYS))

    def action_take_way(self, way: int) -> None:
        outlook = self._outlook
        if WAYS[way][2] and not (outlook and outlook.files):
            self.tell((outlook and outlook.note) or "No file has to change, so only the conversation goes back.", "dim")
            return
        self._way = way
        self.tell()
        self._show()

    def action_diff(self) -> None:
        self._whole = not self._whole
        self.tell()
        self._show()

    def action_scroll(self, way: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=way * 5, animate=False)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id == "ways":
            self.action_way(1)

    @work
    async def on_listing_chosen(self, event: Listing.Chosen) -> None:
        _, conversation, files = WAYS[self._way]
        outlook = self._outlook
        force = False
        if files and outlook and outlook.theirs:
            question = f"You, or another program, changed since: {_listed(outlook.theirs)}. Overwrite that, too?"
            force = await self.app.push_screen_wait(Sure(question, "overwrite it", "change nothing"))
            if not force:
                return
        self.dismiss(Back(event.item.id, conversation, files, force))


def shown(outlook: Outlook, whole: bool) -> Content:
    """whole: the diff, not only what is in it."""
    if outlook.note:
        return Content.styled(clean(outlook.note), "$warning")
    if not outlook.files:
        return Content.styled("No file has to change: none was changed since.", "dim")
    lines = [Content.styled(f"{count(len(outlook.files), 'path')} would go back:", "dim")]
    if outlook.theirs:
        theirs = f"You, or another program, changed since: {_listed(outlook.theirs)}"
        lines.insert(0, Content.styled(theirs, "$warning"))
    if whole:
        return Content("\n").join([*lines[:-1], *map(_of_diff, clean(outlook.diff).splitlines())])
    for path, what, plus, minus in outlook.files:
        figures = [Content.styled(f"+{plus}", "$success")] if plus else []
        figures += [Content.styled(f"−{minus}", "$error")] if minus else []
        lines.append(
            Content.assemble("  ", one_line(path), (f"  {one_line(what)}  ", "dim"), Content(" ").join(figures))
        )
    return Content("\n").join(lines)


def _of_diff(line: str) -> Content:
    style = {"+": "$success", "-": "$error", "@": "$accent", " ": ""}.get(line[:1], "bold")
    return Content.styled(line, style)


def _listed(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _NAMED} more" if paths[_NAMED:] else ""
    return ", ".join(map(one_line, paths[:_NAMED])) + more
