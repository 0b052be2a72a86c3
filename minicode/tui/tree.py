"""The whole session as a tree: the live branch, those that were left, and a way to each of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar, NamedTuple, Protocol

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from minicode.text import clean, count
from minicode.tui.cards import ago, one_line
from minicode.tui.keyline import keys
from minicode.tui.listing import Drawn, Listing
from minicode.tui.sheet import Enquiry, Sheet


class Twig(NamedTuple):
    """A message of the user's, drawn. before: the lines of the tree at its left. steps: replies it got. folds: that
    still hold. live: on the live branch. here: what is said next follows it. when: seconds since 1970."""

    before: str
    id: str
    text: str
    when: float
    labels: tuple[str, ...]
    steps: int
    folds: int
    live: bool
    here: bool


class Tree(Protocol):
    """The open session's."""

    def twigs(self) -> list[Twig]:
        """Line by line, as they are drawn."""
        ...

    def label(self, message: str, text: str) -> None:
        """Put a label on it, or with "" take it away. Raises ValueError with a sentence."""
        ...


class Way(NamedTuple):
    """how: "rewind", before a message of the live branch; "switch", to the end of the branch of a left one."""

    how: str
    message: str


class Branches(Sheet[Way | None]):
    """Dismissed with where to go, None for nowhere."""

    DEFAULT_CSS = """
    Branches > Listing { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("l", "label", show=False)]

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self._listing = Listing(self._draw)
        self._tree = tree

    def heading(self) -> Content:
        signs = (("●", "here"), ("○", "the way here"), ("·", "left"))
        return Content.assemble(("Tree", "bold"), *(part for s, w in signs for part in ((f"  {s} ", ""), (w, "dim"))))

    def body(self) -> Iterable[Widget]:
        yield self._listing

    def foot(self) -> Content:
        twig = self._listing.item
        does = "go on there" if twig and not twig.live else "go back before it"
        return keys([("enter", does), ("l", "label"), ("esc", "stay")])

    def on_mount(self) -> None:
        twigs = self._tree.twigs()
        here = next((n for n, twig in enumerate(twigs) if twig.here), 0)
        self._listing.show(twigs, here)
        if not twigs:
            self.tell("Nothing has been said yet.", "dim")

    def on_listing_marked(self, event: Listing.Marked) -> None:
        if event.item:
            self.tell()

    def _draw(self, twig: Twig) -> Drawn:
        mark, style = ("●", "$primary bold") if twig.here else ("○", "$primary") if twig.live else ("·", "dim")
        left = Content.assemble(
            (twig.before, "dim"),
            (f"{mark} ", style),
            (one_line(twig.text), "" if twig.live else "dim"),
            *((f"  [{one_line(label)}]", "$accent") for label in twig.labels),
        )
        facts = [count(twig.steps, "step"), ago(twig.when, time.time())]
        if twig.folds:
            facts.insert(1, count(twig.folds, "fold"))
        return [(left, Content.styled(" · ".join(facts), "dim"))]

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        self.dismiss(Way("rewind" if event.item.live else "switch", event.item.id))

    @work
    async def action_label(self) -> None:
        twig = self._listing.item
        if twig is None:
            return
        old = twig.labels[-1] if twig.labels else ""
        text = await self.app.push_screen_wait(Enquiry("A label for this message; nothing takes it away:", old))
        if text is None:
            return
        at = self._listing.at
        try:
            self._tree.label(twig.id, text)
        except ValueError as error:
            self.tell(clean(str(error)))
        else:
            self._listing.show(self._tree.twigs(), at)
