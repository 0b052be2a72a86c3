"""The sessions on disk: find one by its title or by any word of it, look into it, and go on in it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable
from typing import ClassVar, NamedTuple

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from minicode.text import clean, count
from minicode.tui.cards import Card, Look, Sessions, headline, marked, one_line
from minicode.tui.keyline import keys
from minicode.tui.listing import Drawn, Listing
from minicode.tui.preview import Preview
from minicode.tui.sheet import Enquiry, Filter, Sheet, Sure

_SEARCH_AFTER = 0.35  # seconds without a key
_LOOK_AFTER = 0.06
_FIRST = 50  # sessions that are shown before all have been read
_SHORTEST = 3  # letters that are searched for without being asked to


class Picked(NamedTuple):
    """fork: go on in a copy."""

    id: str
    fork: bool


class Hit(NamedTuple):
    """A session in the list. snippet: where the words were found in it, "" if it was by its title."""

    card: Card
    snippet: str = ""


class Picker(Sheet[Picked | None]):
    """Dismissed with the session to go on in, None for none. current: the id of the open one."""

    DEFAULT_CSS = """
    Picker > Horizontal { height: 1fr; }
    Picker > Filter { margin-bottom: 1; }
    Picker.-short > Filter { margin: 0; }
    Picker Listing { width: 1fr; height: 1fr; }
    Picker Preview { width: 45%; height: 1fr; }
    Picker.-narrow Preview { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "everywhere", show=False, priority=True),
        Binding("ctrl+f", "fork", show=False, priority=True),
        Binding("f2", "rename", show=False),
        Binding("delete", "trash", show=False, priority=True),
    ]

    def __init__(self, sessions: Sessions, current: str = "", words: str = "") -> None:
        super().__init__()
        self._preview = Preview()
        self._listing = Listing(self._draw, rows=2)
        self._sessions, self._current, self._words = sessions, current, words
        self._cards: list[Card] = []
        self._haystacks: dict[str, str] = {}
        self._found: dict[str, str] = {}  # snippet by session
        self._looks: dict[tuple[str, float], Look] = {}
        self._all = False
        self._loaded = False
        self._searching: Timer | None = None
        self._looking: Timer | None = None

    def heading(self) -> Content:
        where = "all folders" if self._all else "this folder"
        number = f" · {count(len(self._cards), 'session')}" if self._loaded else ""
        return Content.assemble(("Sessions", "bold"), (f"  {where}{number}", "dim"))

    def body(self) -> Iterable[Widget]:
        yield Filter(self._words, placeholder="type to filter; words that were said or thought are found too")
        yield Horizontal(self._listing, self._preview)

    def foot(self) -> Content:
        other = "this folder" if self._all else "all folders"
        pairs = [("enter", "go on"), ("ctrl+f", "in a copy"), ("tab", other), ("f2", "rename"), ("del", "trash")]
        return keys([*pairs, ("esc", "back")])

    def on_mount(self) -> None:
        self._load()
        if len(self._words.strip()) >= _SHORTEST:
            self._search()

    # --- what is listed -----------------------------------------------------------------------------------------------

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        self._loaded = False
        try:
            if not self._cards:
                self._list(await self._sessions.listed(self._all, _FIRST))
                self.tell("Reading the sessions …", "dim")
            found = await self._sessions.listed(self._all)
        except ValueError as error:
            self.tell(clean(str(error)))
            return
        self._loaded = True
        self._list(found)
        self.retitle()

    def _list(self, cards: list[Card]) -> None:
        self._cards = cards
        self._haystacks = {
            card.id: f"{card.title}\n{card.name}\n{card.last}\n{card.folder}\n{card.id}".casefold() for card in cards
        }
        self._narrow(keep=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._words = event.value
        self._found = {}
        if self._searching is not None:
            self._searching.stop()
        if len(self._words.strip()) >= _SHORTEST:
            self._searching = self.set_timer(_SEARCH_AFTER, self._search)
        self._narrow()

    def _narrow(self, keep: bool = False) -> None:
        """List what has the words. keep: the mark stays on its session, or where that was."""
        marked_one = self._listing.item
        words = self._words.casefold().split()
        near, far = [], []
        for card in self._cards:
            haystack = self._haystacks[card.id]
            if all(word in haystack for word in words):
                near.append(Hit(card))
            elif snippet := self._found.get(card.id):
                far.append(Hit(card, snippet))
        hits, at = [*near, *far], 0
        if keep and marked_one:
            places = (place for place, hit in enumerate(hits) if hit.card.id == marked_one.card.id)
            at = next(places, self._listing.at)
        self._listing.show(hits, at)
        if hits:
            self.tell()
        elif self._loaded:
            self.tell(self._nothing(), "dim")

    def _nothing(self) -> str:
        if self._words.strip():
            return "No title has this; enter looks for these words in all that was said and thought."
        return "No sessions yet." if self._all else "No sessions of this folder yet; tab shows those of all folders."

    @work(exclusive=True, group="search")
    async def _search(self) -> None:
        words = self._words
        try:
            found = await self._sessions.search(words, self._all)
        except ValueError as error:
            self.tell(clean(str(error)))
            return
        if words != self._words:
            return
        self._found = {one.id: one.snippet for one in found}
        self._narrow(keep=True)
        if self._loaded and not self._listing.items:
            self.tell("Nothing in these sessions has these words; whole words are looked for.", "dim")

    def _draw(self, hit: Hit) -> Drawn:
        first = headline(hit.card, time.time())
        if hit.card.id == self._current:
            first = (Content.assemble(first[0], ("  this one", "$primary")), first[1])
        second = marked(hit.snippet) if hit.snippet else Content.styled(one_line(hit.card.last), "dim")
        return [first, (second, Content.styled(one_line(hit.card.folder), "dim") if self._all else Content(""))]

    # --- what is in it ------------------------------------------------------------------------------------------------

    def on_listing_marked(self, event: Listing.Marked) -> None:
        card = event.item.card if event.item else None
        if self._looking is not None:
            self._looking.stop()
        known = self._looks.get((card.id, card.when)) if card else None
        self._preview.show(card, known)
        if card and not known:
            self._looking = self.set_timer(_LOOK_AFTER, lambda: self._look(card))

    @work(exclusive=True, group="look")
    async def _look(self, card: Card) -> None:
        look, trouble = None, ""
        try:
            look = self._looks[card.id, card.when] = await self._sessions.look(card.id)
        except ValueError as error:
            trouble = str(error)
        if self._card() == card:
            self._preview.show(card, look, trouble)

    # --- what is done with it -----------------------------------------------------------------------------------------

    def _card(self) -> Card | None:
        hit = self._listing.item
        return hit.card if hit else None

    def on_input_submitted(self) -> None:
        if self._card() is None and self._words.strip():
            self._search()
        else:
            self._leave_with(self._card(), fork=False)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        self._leave_with(event.item.card, fork=False)

    def action_fork(self) -> None:
        self._leave_with(self._card(), fork=True)

    def _leave_with(self, card: Card | None, fork: bool) -> None:
        if card is not None:
            self.dismiss(None if card.id == self._current and not fork else Picked(card.id, fork))

    def action_everywhere(self) -> None:
        self._all = not self._all
        self._cards, self._found = [], {}
        self.retitle()
        self._load()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "trash":  # in the middle of the words the key is the filter's
            words = self.query_one(Filter)
            return words.cursor_position == len(words.value)
        return True

    @work
    async def action_rename(self) -> None:
        if (card := self._card()) is None:
            return
        if card.id == self._current:
            self.tell("This one is open: write /rename and its new name.")
            return
        name = await self.app.push_screen_wait(Enquiry(f"A name for {one_line(card.title)!r}:", card.name))
        if name is not None:
            await self._change(self._sessions.rename(card.id, name.strip()))

    @work
    async def action_trash(self) -> None:
        if (card := self._card()) is None:
            return
        if card.id == self._current:
            self.tell("This one is open: begin another one first (/new).")
            return
        question = f"Move {one_line(card.title)!r} to the trash? `minicode sessions trash` brings it back."
        if await self.app.push_screen_wait(Sure(question, "to the trash", "keep it")):
            await self._change(self._sessions.trash(card.id))

    async def _change(self, change: Awaitable[None]) -> None:
        """Then list anew, with the mark where it was; a refusal is said."""
        try:
            await change
        except ValueError as error:
            self.tell(clean(str(error)))
        else:
            self._load()
