"""What the screen asks of the rest of the house: one value with all its ports, given to it when it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # what is dear is there when the session is opened, after the first frame
    from minicode.events import CallSaid, Event
    from minicode.messages import Usage
    from minicode.session import Session
    from minicode.show import Output, Show
    from minicode.tui.cards import Sessions
    from minicode.tui.completion import FileNames, WordHelp
    from minicode.tui.firstrun import Accounts
    from minicode.tui.rewind import Rewinds
    from minicode.tui.status import Repo
    from minicode.tui.tree import Tree


class Places(NamedTuple):
    """Files of the screen's own; None where nothing is to be kept. ui: what was chosen on the screen, as JSON."""

    keys: Path
    themes: Path
    ui: Path
    history: Path | None = None
    drafts: Path | None = None


class Window(NamedTuple):
    """How full M2's window is. used, room: tokens; used is 0 while nobody has counted."""

    used: int = 0
    room: int = 0


class Wishes(NamedTuple):
    """The settings that are about the screen."""

    theme: str = ""
    thinking: str = "live"
    diff: str = "auto"
    notify: str = "bell"


class Opened(NamedTuple):
    """A session that is ready. contained: what holds commands, in words; loose: less than was wished for. notes: what
    its user should know first."""

    session: Session
    model: str
    folder: str
    contained: str
    loose: bool = False
    wishes: Wishes = Wishes()
    notes: tuple[str, ...] = ()


class NoKey(Exception):
    """There is no key, and the server needs one."""


class Talker(Protocol):
    """What a slash word may do with the screen. Lines that are said are clean."""

    def say(self, text: str) -> None: ...
    async def ask(self, prompt: str) -> str: ...
    def show(self, event: Event) -> None: ...
    def give(self, text: str) -> None:
        """Into the prompt, to be edited."""
        ...

    def send(self, text: str) -> None: ...
    def copy(self, text: str) -> None: ...


class Desk(Protocol):
    """All that is awaited takes its time elsewhere. What cannot be done is a ValueError with a sentence."""

    version: str
    places: Places
    sessions: Sessions
    files: FileNames
    repo: Repo

    @property
    def past(self) -> Rewinds: ...
    @property
    def tree(self) -> Tree: ...
    @property
    def accounts(self) -> Accounts: ...

    async def open(self) -> Opened:
        """The session the command line asked for. Raises NoKey."""
        ...

    async def go_over(self, key: str, fork: bool = False) -> Opened:
        """Leave the session for another one; if that cannot be had, the one there is goes on."""
        ...

    def opened(self) -> Opened:
        """The session as it is now."""
        ...

    async def rewind(self, message: str, conversation: bool, files: bool, force: bool) -> tuple[str, list[str]]:
        """What was said there, and what was done, in lines."""
        ...

    async def obey(self, line: str, talker: Talker) -> bool:
        """A line that begins with a slash. False if it was to end the program."""
        ...

    async def changes(self, path: str) -> tuple[str, Sequence[Show]]:
        """What has changed in the files, at a path or all of them, and since when, in words. Not cleaned."""
        ...

    def words(self) -> Sequence[WordHelp]: ...
    def price(self, usage: Usage) -> float | None: ...
    def window(self) -> Window: ...
    async def shell(self, command: str, live: Callable[[CallSaid], None]) -> tuple[int, Output]:
        """Run the user's own command in the folder, with the user's rights. Its exit code and its clean output."""
        ...

    async def close(self) -> None: ...
