"""What a prompt can be completed with, files after `@` and commands after `/`, and the list it is chosen from."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from minicode.text import clean
from minicode.tui.fuzzy import Hit, Paths, rank

ROWS = 8
FRESH = 10.0  # seconds after which the files are listed again
_FILE = re.compile(r"""(?:^|(?<=[\s(\[{'"`,;:]))@(?:"([^"]*)|([^\s"]*))$""")
_WORD = re.compile(r"/([^\s/]*)$")


class FileNames(Protocol):
    """The files of the project that are not ignored: relative paths. Asked seldom, may be slow; raises nothing."""

    async def names(self) -> Sequence[str]: ...


class WordHelp(NamedTuple):
    """name: with its slash. takes: its arguments, what may be left out in brackets, "" for none."""

    name: str
    takes: str = ""
    help: str = ""
    aliases: tuple[str, ...] = ()


class Asked(NamedTuple):
    """column: where in the line that begins which is to be completed, its sign too."""

    kind: Literal["file", "word"]
    letters: str
    column: int


class Choice(NamedTuple):
    """text: shown, with marks on some of its letters; side: shown dim beside it. takes: what is put in its place when
    it is taken. done: taking it with Enter sends it, too."""

    text: str
    takes: str
    marks: tuple[int, ...] = ()
    side: str = ""
    done: bool = False


def asked(before: str, first: bool) -> Asked | None:
    """What is to be completed, of the line before the cursor. first: it is the first line of the prompt."""
    if first and (word := _WORD.match(before)):
        return Asked("word", word[1], 0)
    if file := _FILE.search(before):
        return Asked("file", file[1] if file[1] is not None else file[2], file.start())
    return None


def words_like(words: Sequence[WordHelp], letters: str) -> list[Choice]:
    meant = {name.removeprefix("/"): word for word in words for name in (word.name, *word.aliases)}
    names = list(meant) if letters else [word.name.removeprefix("/") for word in words]
    found: dict[WordHelp, Choice] = {}
    for hit in rank(names, letters):
        word = meant[hit.path]
        text = " ".join(filter(None, (f"/{hit.path}", word.takes)))
        marks = tuple(mark + 1 for mark in hit.marks)
        done = word.takes.startswith("[") or not word.takes
        found.setdefault(word, Choice(clean(text), f"{word.name} ", marks, clean(word.help), done))
    return list(found.values())


def files_like(hits: Sequence[Hit]) -> list[Choice]:
    return [Choice(path, _mention(path), marks) for path, marks in hits]


def _mention(path: str) -> str:
    """One can go on writing into a folder; a file is done."""
    if not re.search(r"\s", path):
        return f"@{path}" if path.endswith("/") else f"@{path} "
    return f'@"{path}' if path.endswith("/") else f'@"{path}" '


class FileIndex:
    """The files as they were a little while ago. Nothing here keeps the screen waiting."""

    def __init__(self, files: FileNames) -> None:
        self._files = files
        self._paths = Paths()
        self._names: Sequence[str] = ()
        self._listed: float | None = None
        self._listing: asyncio.Task[None] | None = None

    @property
    def listed(self) -> bool:
        return self._listed is not None

    @property
    def fresh(self) -> bool:
        return self._listed is not None and time.monotonic() - self._listed < FRESH

    async def find(self, letters: str) -> list[Choice]:
        return files_like(await asyncio.to_thread(self._paths.find, letters))

    async def refresh(self) -> None:
        """List the files anew; all who wait for it wait for the same listing, and it outlives them."""
        if self._listing is None or self._listing.done():
            self._listing = asyncio.create_task(self._list())
        await asyncio.shield(self._listing)

    async def _list(self) -> None:
        names = await self._files.names()
        if names != self._names:
            self._paths = await asyncio.to_thread(Paths, names)
            self._names = names
        self._listed = time.monotonic()


class Popup(Widget):
    """A short list over the transcript, just above the prompt. It has no focus: who has it moves and takes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"popup--here", "popup--mark", "popup--side", "popup--title"}
    DEFAULT_CSS = """
    Popup {
        display: none;
        overlay: screen;
        constrain: none inside;
        width: 100%;
        background: $surface;
        color: $foreground;
        & .popup--here { background: $primary 25%; color: $foreground; text-style: bold; }
        & .popup--mark { color: $primary; text-style: bold underline; }
        & .popup--side { color: $text-muted; }
        & .popup--title { color: $text-muted; }
    }
    """

    class Taken(Message):
        """A row was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.choices: Sequence[Choice] = ()
        self.here = 0
        self.title = ""
        self._top = 0
        self._indent = 0

    @property
    def open(self) -> bool:
        return bool(self.display)

    @property
    def chosen(self) -> Choice | None:
        return self.choices[self.here] if self.open and self.choices else None

    def offer(self, choices: Sequence[Choice], title: str = "") -> None:
        """Show these, the first one chosen. Without any, and without a title above them, nothing is shown."""
        self.choices, self.title, self.here, self._top = choices, title, 0, 0
        if choices or title:
            self._place()
        self.display = bool(choices or title)
        self.refresh()

    def close(self) -> bool:
        """True if it was open."""
        was, self.display = self.open, False
        return was

    def move(self, by: int) -> None:
        """Choose another one, around the ends too."""
        if self.choices:
            self.here = (self.here + by) % len(self.choices)
            rows = self._rows
            self._top = min(max(self._top, self.here - rows + 1), self.here)
            self.refresh()

    @property
    def _rows(self) -> int:
        """How many choices are in sight."""
        height = self.styles.height
        return max(int(height.value if height else 1) - bool(self.title), 1)

    def _place(self) -> None:
        """As wide as the prompt, above it, or below where there is more room."""
        around = self.parent if isinstance(self.parent, Widget) else self
        above, below = around.region.y, self.screen.size.height - around.region.bottom
        height = min(len(self.choices) + bool(self.title), ROWS, max(above, below, 2))
        left, top = around.gutter.left, around.gutter.top
        self._indent = left
        self.styles.height, self.styles.width = height, around.region.width
        self.styles.offset = (-left, -top + (-height if above >= min(height, below) else around.region.height))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        blanks = " " * self._indent
        if self.title and y == 0:
            title = set_cell_size(f"{blanks}{self.title}", width)
            return Strip([Segment(title, self.get_component_rich_style("popup--title"))])
        at = self._top + y - bool(self.title)
        if at >= len(self.choices):
            return Strip.blank(width, self.rich_style)
        choice, here = self.choices[at], at == self.here
        plain = self.get_component_rich_style("popup--here") if here else self.rich_style
        mark = plain + self.get_component_rich_style("popup--mark", partial=True)
        side = plain + Style(color=self.get_component_rich_style("popup--side").color)
        room = width - len(blanks) - 3
        column = self._column(room)
        pieces = [Segment(f"{blanks}› " if here else f"{blanks}  ", plain)]
        pieces += [Segment(text, mark if marked else plain) for text, marked in _shortened(choice, column or room)]
        if choice.side and column:
            pieces.append(Segment(" " * (column - sum(cell_len(piece.text) for piece in pieces[1:])), plain))
            pieces.append(Segment("  " + set_cell_size(choice.side, max(room - column - 2, 0)), side))
        return Strip(pieces).adjust_cell_length(width, plain)

    def _column(self, room: int) -> int:
        """How wide the texts are if something stands beside them; 0 if nothing does, or there is no room for it."""
        if not any(choice.side for choice in self.choices):
            return 0
        column = min(max(cell_len(choice.text) for choice in self.choices), 32)
        return column if column + 12 <= room else 0

    def on_click(self, event: events.Click) -> None:
        at = self._top + event.y - bool(self.title)
        if 0 <= at < len(self.choices):
            event.stop()
            self.here = at
            self.post_message(self.Taken())


def _shortened(choice: Choice, room: int) -> list[tuple[str, bool]]:
    """Pieces of the text, marked or not. Of a path that is too long the end is kept, for there is its name."""
    text, begin, end = choice.text, 0, len(choice.text)
    if cell_len(text) > room:
        size = 1
        if choice.side:
            end = next(at for at in range(end + 1) if at == end or (size := size + cell_len(text[at])) > room)
        else:
            begin = next(
                at + 1 for at in range(end - 1, -2, -1) if at < 0 or (size := size + cell_len(text[at])) > room
            )
    marks = set(choice.marks)
    pieces = [("…", False)] if begin else []
    for at in range(begin, end):
        marked = at in marks
        if pieces and pieces[-1][1] == marked:
            pieces[-1] = (pieces[-1][0] + text[at], marked)
        else:
            pieces.append((text[at], marked))
    return [*pieces, ("…", False)] if end < len(text) else pieces
