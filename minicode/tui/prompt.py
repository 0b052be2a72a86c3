"""The prompt: where one writes to M2, with history, completion, drafts and large pastes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static, TextArea

from minicode.text import clean
from minicode.tui.completion import Asked, Choice, FileIndex, FileNames, Popup, WordHelp, asked, words_like
from minicode.tui.memory import Memory
from minicode.tui.writing import How, Writing

IDLE = "Ask M2, @ for files, / for commands, ! for the shell"
BUSY = "Enter steers at the next step, Tab queues, Esc stops"
_LIST_KEYS = frozenset(("up", "down", "enter", "tab", "escape"))
_SEARCH_KEYS = frozenset(("ctrl+r", "backspace"))


class Prompt(Widget):
    """An input that grows with its text up to a third of the screen. It never sends by itself."""

    DEFAULT_CSS = """
    Prompt {
        layout: horizontal;
        height: auto;
        border: round $foreground 25%;
        padding: 0 1;
        &:ansi { border: round $border-blurred; }
        & > #mark { width: auto; height: 1; padding-right: 1; color: $primary; text-style: bold; }
        &:focus-within { border: round $border; }
        &.-shell { border: round $warning; }
        &.-shell > #mark { color: $warning; }
        &.-low { border: none; }
    }
    """

    busy = reactive(False)

    class Sent(Message):
        """text: with what the chips stand for. how: "now" stops a thought, "queue" waits for its end."""

        def __init__(self, text: str, how: How) -> None:
            super().__init__()
            self.text, self.how = text, how

    class Word(Message):
        """line: begins with a slash and the name of a command, or what is meant as one."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    class Shell(Message):
        """private: M2 is not to see it."""

        def __init__(self, command: str, private: bool) -> None:
            super().__init__()
            self.command, self.private = command, private

    class Changed(Message):
        """What is written is another text now."""

    class Help(Message):
        """`?` was typed where nothing was written."""

    class Editor(Message):
        """What is written is wanted in an editor: `give(edit(value))` while the app is suspended."""

    class Unkept(Message):
        """History or draft cannot be kept on disk. reason: a sentence. Posted once."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(
        self,
        words: Callable[[], Sequence[WordHelp]] = tuple,
        files: FileNames | None = None,
        history: Path | None = None,
        draft: Path | None = None,
        id: str | None = None,
    ) -> None:
        """words: asked for whenever a command is completed. history, draft: files; None keeps nothing."""
        super().__init__(id=id)
        self._words = words
        self._index = FileIndex(files) if files else None
        self._memory = Memory(history, draft, self._trouble)
        self._saving = False
        self._area = Writing(self)
        self._popup = Popup()
        self._mark = Static("›", id="mark", markup=False)
        self._given: str | None = None  # put there by us, so nobody is typing a name in it
        self._asked: Asked | None = None
        self._refused: tuple[object, ...] | None = None  # where a list was closed with Esc
        self._search: str | None = None
        self.earlier: Callable[[], str] = str  # takes back what was to be sent later, "" if nothing was

    def compose(self) -> ComposeResult:
        yield self._popup
        yield self._mark
        yield self._area

    def on_mount(self) -> None:
        self._fit()
        self.screen.screen_layout_refresh_signal.subscribe(self, self._fit)
        self.run_worker(self._load(), exit_on_error=False)

    async def on_unmount(self) -> None:
        self._keep_draft()
        await self._memory.close()

    # What others do with it.

    @property
    def value(self) -> str:
        """What is written, with what the chips stand for."""
        return self._area.whole

    def focus(self, scroll_visible: bool = True) -> Prompt:
        self._area.focus(scroll_visible)
        return self

    def give(self, text: str) -> None:
        """Write this instead of what is there, which goes into history, and focus it with the cursor at the end."""
        if self.value.strip() and self.value != text:
            self._memory.remember(self.value)
        self._put(text)
        self._area.focus()

    def add(self, text: str) -> None:
        """Write this behind what is there."""
        self._put(self.value + text)

    def clear(self) -> bool:
        """True if there was something; the history has it then."""
        shut = self.close()
        text = self.value
        if not text:
            return shut
        self._memory.remember(text)
        self._put("")
        return True

    def close(self) -> bool:
        """Close the list that is open. True if one was."""
        self._search = None
        self._refused = self._asked and self._asked[::2]
        return self._popup.close()

    def watch_busy(self) -> None:
        self._area.placeholder = Content(BUSY if self.busy else IDLE)

    # What the keys do.

    def send(self, how: How) -> None:
        self.close()
        text = self.value.strip("\n").rstrip()
        if not text.lstrip("! "):
            return
        self._memory.remember(text)
        self._put("")
        if text.startswith("!"):
            private = text.startswith("!!")
            self.post_message(self.Shell(text[1 + private :].strip(), private))
        elif text.startswith("/") and "/" not in text.split(maxsplit=1)[0][1:]:
            self.post_message(self.Word(text))
        else:
            self.post_message(self.Sent(text, how))

    def walk(self, *, back: bool) -> bool:
        """To the prompt before or after; first to one that waits to be sent. False if there is none."""
        if back and not self.value and (waiting := self.earlier()):
            self._put(waiting)
            return True
        text = (self._memory.history.back if back else self._memory.history.on)(self.value)
        if text is None:
            return False
        self._put(text)
        area = self._area
        if back and not area.navigator.is_first_wrapped_line(area.cursor_location):
            area.move_cursor((0, 0))  # so that the same key goes on
        return True

    def search(self, letters: str = "") -> None:
        """Show what of the history has these letters."""
        self._search = letters
        found = self._memory.history.find(letters)
        marks = [tuple(range(at, at + len(letters))) for _, at in found]
        choices = [Choice(_flat(text), text, mark) for (text, _), mark in zip(found, marks, strict=True)]
        self._popup.offer(choices, f"earlier prompts with: {letters}▏")

    def wants(self, key: str, printable: bool = False) -> bool:
        """The list that is open has a use for the key."""
        if self._popup.open and self._search is None:
            self._complete()  # what was typed just before may not have been told yet
        searching = self._search is not None and (printable or key in _SEARCH_KEYS)
        return self._popup.open and (key in _LIST_KEYS or searching)

    def edit(self) -> None:
        self.post_message(self.Editor())

    def help(self) -> None:
        self.post_message(self.Help())

    def choose(self, key: str, character: str) -> None:
        """What a key does in the list that is open."""
        if key == "escape":
            self.close()
        elif key in ("enter", "tab"):
            self._take(enter=key == "enter")
        elif self._search is None or key in ("up", "down", "ctrl+r"):
            self._popup.move(-1 if key == "up" else 1)
        else:
            self.search(self._search[:-1] if key == "backspace" else self._search + character)

    def _take(self, *, enter: bool) -> None:
        choice, wanted, area = self._popup.chosen, self._asked, self._area
        if self._search is not None:
            self.close()
            if choice:
                self._put(choice.takes)
        elif choice and wanted:
            row, column = area.cursor_location
            written = area.document[row][wanted.column : column]
            if enter and written == choice.takes.rstrip():  # there is nothing to complete
                self.send("send")
                return
            area.replace(choice.takes, (row, wanted.column), (row, column), maintain_selection_offset=False)
            if enter and choice.done:
                self.send("send")

    # What follows from a change.

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        text = self._area.text
        self._mark.update("!!" if text.startswith("!!") else "!" if text.startswith("!") else "›")
        self.set_class(text.startswith("!"), "-shell")
        if self._given is not None and text != self._given:
            self._given = None
        if self._search is None:
            self._complete()
        if not self._saving:
            self._saving = True
            self.set_timer(1.0, self._keep_draft)
        self.post_message(self.Changed())

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if self._popup.open and self._search is None:
            self._complete()

    def on_popup_taken(self, event: Popup.Taken) -> None:
        event.stop()
        self._take(enter=False)
        self._area.focus()

    def on_descendant_blur(self) -> None:
        self.close()

    def on_click(self) -> None:
        self._area.focus()

    def _fit(self, _: object = None) -> None:
        self.set_class(self.app.size.height < 12, "-low")

    def _complete(self) -> None:
        row, column = self._area.cursor_location
        wanted = asked(self._area.document[row][:column], row == 0) if self._given is None else None
        if wanted == self._asked and self._popup.open:
            return
        self._asked = wanted
        if wanted is None or wanted[::2] != self._refused:
            self._refused = None
        if wanted is None or self._refused:
            self._popup.close()
        elif wanted.kind == "word":
            self._popup.offer(words_like(self._words(), wanted.letters))
        elif self._index:
            self.run_worker(self._offer_files(self._index, wanted), group="files", exclusive=True, exit_on_error=False)

    async def _offer_files(self, index: FileIndex, wanted: Asked) -> None:
        if index.listed:
            self._offer(wanted, await index.find(wanted.letters))
        if not index.fresh:
            await index.refresh()
            self._offer(wanted, await index.find(wanted.letters))

    def _offer(self, wanted: Asked, choices: Sequence[Choice]) -> None:
        """If it is still what is asked for; what is shown already keeps its place."""
        if wanted == self._asked and not self._refused and not (self._popup.open and choices == self._popup.choices):
            self._popup.offer(choices)

    def _put(self, text: str) -> None:
        self._asked = None
        self.close()
        self._area.put(text)
        self._given = self._area.text
        if not text:
            self._keep_draft()

    async def _load(self) -> None:
        draft = await self._memory.load()
        if self._area.text:  # somebody was quicker than the disk
            self._memory.remember(draft)
        elif draft:
            self._put(draft)

    def _keep_draft(self) -> None:
        self._saving = False
        self._memory.draft(self.value)

    def _trouble(self, reason: str) -> None:
        self.post_message(self.Unkept(reason))


def _flat(text: str) -> str:
    """In one line, letter for letter."""
    return clean(text.replace("\n", "⏎").replace("\t", " "))
