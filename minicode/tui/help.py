"""The keys in force and the words that begin with a slash, to be looked through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from minicode.tui.cards import one_line
from minicode.tui.keyline import keys, named
from minicode.tui.keymap import ACTIONS
from minicode.tui.listing import Drawn, Listing
from minicode.tui.sheet import Filter, Sheet

_COLUMN, _NARROW = 31, 18  # cells of the keys, on a wide screen and on a narrow one
_PLACES = {
    "prompt": "Writing",
    "app": "Anywhere",
    "transcript": "In the transcript",
    "approval": "When M2 wants to run something",
    "question": "When M2 asks you something",
    "search": "Searching",
}
# What is no key of its own.
_TYPED = (
    ("@", "a file"),
    ("/", "a word, as below"),
    ("!", "run a command; M2 sees it"),
    ("!!", "run a command that M2 does not see"),
)


class Word(Protocol):
    """name, aliases: with their slash. takes: what comes after it."""

    @property
    def name(self) -> str: ...
    @property
    def takes(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...


class Entry(NamedTuple):
    """does: "" for a heading."""

    what: str
    does: str


class Help(Sheet[str | None]):
    """Dismissed with the slash word that was chosen, None for none. keymap: the user's own keys by id of the action."""

    DEFAULT_CSS = """
    Help > Filter { margin-bottom: 1; }
    Help.-short > Filter { margin: 0; }
    Help > Listing { height: 1fr; }
    """

    def __init__(self, words: Iterable[Word], keymap: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._listing = Listing(self._drawn)
        self._entries = entries(words, keymap or {})

    def heading(self) -> Content:
        return Content.assemble(("Keys and words", "bold"), ("  keybindings.json changes the keys", "dim"))

    def body(self) -> Iterable[Widget]:
        yield Filter(placeholder="type to look for")
        yield self._listing

    def foot(self) -> Content:
        return keys([("enter", "take a word"), ("esc", "back")])

    def on_mount(self) -> None:
        self._listing.show(self._entries, 1)

    def on_input_changed(self, event: Input.Changed) -> None:
        words = event.value.casefold().split()
        found = [
            entry
            for entry in self._entries
            if not words or (entry.does and all(word in f"{entry.what} {entry.does}".casefold() for word in words))
        ]
        self._listing.show(found, 0 if words else 1)
        self.tell("" if found else "Nothing is called so.", "dim")

    def _drawn(self, entry: Entry) -> Drawn:
        if not entry.does:
            return [(Content.styled(entry.what, "bold $primary"), Content(""))]
        column = _NARROW if self.has_class("-narrow") else _COLUMN
        what = Content(one_line(entry.what)).truncate(column, ellipsis=True, pad=True)
        return [(Content.assemble("  ", what, "  ", (one_line(entry.does), "dim")), Content(""))]

    def on_input_submitted(self) -> None:
        self._take(self._listing.item)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        self._take(event.item)

    def _take(self, entry: Entry | None) -> None:
        if entry and entry.what.startswith("/") and len(entry.what) > 1:
            self.dismiss(entry.what.split()[0].rstrip(","))


def entries(words: Iterable[Word], keymap: Mapping[str, str]) -> list[Entry]:
    """Headings, keys and words in the order they are shown."""
    found: list[Entry] = []
    for place, title in _PLACES.items():
        of_place = [
            Entry(named(keys_), action.help)
            for action in ACTIONS
            if action.where == place and (keys_ := keymap.get(action.id, action.keys))
        ]
        if place == "prompt":
            of_place += [Entry(*typed) for typed in _TYPED]
        if of_place:
            found += [Entry(title, ""), *of_place]
    spelled = [Entry(", ".join([f"{w.name} {w.takes}".rstrip(), *w.aliases]), w.help) for w in words]
    return [*found, Entry("Words", ""), *spelled] if spelled else found
