"""The desk behind the screen: `minicode.tui.desk.Desk` over the parts of the house."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from minicode import __version__, paths
from minicode.colours import coloured
from minicode.errors import MinicodeError, UsageError
from minicode.events import CallSaid
from minicode.live import Live
from minicode.plan import Plan
from minicode.show import Output, Show
from minicode.text import clean, clean_output
from minicode.tui.cards import Sessions
from minicode.tui.completion import FileNames, WordHelp
from minicode.tui.desk import NoKey, Opened, Places, Talker, Window, Wishes
from minicode.tui.status import Repo

if TYPE_CHECKING:
    from minicode.cli.screen_sessions import KeptAccounts, SessionPast
    from minicode.cli.screen_talk import ScreenTalk
    from minicode.messages import Usage
    from minicode.start import Started

SHELL_SECONDS = 24 * 3600.0  # of a command of the user's own
_OUTPUT = 30_000  # bytes of its output that M2 hears of
_GARBAGE = 5_000, 10, 10  # Python's own first number would look for it eighty times a second while M2 writes


class ScreenDesk:
    """Made before the first frame, so what is dear is loaded later, in a thread."""

    version = __version__

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._talk: ScreenTalk | None = None
        self._opening: asyncio.Task[ScreenTalk] | None = None
        self._helps: list[WordHelp] = []
        places = paths.places()
        kept = None if plan.ephemeral else places.state
        slug = paths.slug(folder)
        self.places = Places(
            places.config / "keybindings.json",
            places.config / "themes",
            places.state / "ui.json",
            kept and kept / "history" / f"{slug}.jsonl",
            kept and kept / "drafts" / f"{slug}.txt",
        )
        self.sessions = cast(Sessions, _Late(self._sessions))
        self.files = cast(FileNames, _Late(self._files))
        self.repo = cast(Repo, _Late(self._repo))

    # Ports

    def _sessions(self) -> Any:
        from minicode.cli.screen_sessions import DiskSessions

        return DiskSessions(paths.places(), self._folder)

    def _files(self) -> Any:
        from minicode.cli.screen_files import ScreenFiles

        return ScreenFiles(self._talk.started.workspace) if self._talk else _NotYet()

    def _repo(self) -> Any:
        from minicode.cli.screen_repo import ScreenRepo

        return ScreenRepo(self._talk.started.workspace) if self._talk else _NotYet()

    @property
    def past(self) -> SessionPast:
        from minicode.cli.screen_sessions import SessionPast

        return SessionPast(lambda: self._started.session)

    tree = past

    @property
    def accounts(self) -> KeptAccounts:
        from minicode.cli.screen_sessions import KeptAccounts

        return KeptAccounts(paths.places().config)

    # The session

    @property
    def _started(self) -> Started:
        return self._talking.started

    async def open(self) -> Opened:
        def begin() -> ScreenTalk:
            from minicode.cli.screen_sessions import needs_key
            from minicode.cli.screen_talk import ScreenTalk
            from minicode.ground import ground
            from minicode.start import start

            if needs_key(ground(self._plan.folder, self._plan.trust, self._plan.flags, self._plan.assignments)):
                raise NoKey
            return ScreenTalk(self._plan, start(self._plan))

        self._opening = asyncio.create_task(asyncio.to_thread(begin))
        try:
            self._talk = await asyncio.shield(self._opening)  # once begun it has to be closed, whoever leaves meanwhile
            self._helps = [WordHelp(*word[:4]) for word in await self._talk.helps()]
        finally:
            _collect_garbage()
        return self.opened()

    async def go_over(self, key: str, fork: bool = False) -> Opened:
        with _plainly():
            await self._talking.go_over(replace(self._talking.plan, resume=key, fork=fork, name=None))
        return self.opened()

    def opened(self) -> Opened:
        started = self._started
        s = started.settings
        return Opened(
            started.session,
            started.session.parts.request.model,
            _short(started.folder),
            started.contained.words(),
            started.contained.state == "none" and not started.contained.waived,
            Wishes(s.theme, s.thinking, s.diff, s.notify),
            started.notes,
        )

    async def close(self) -> None:
        if self._talk is None and self._opening is not None:
            with suppress(Exception):  # why: that it could not be opened was said, or nobody waits for it any more
                self._talk = await self._opening
        if self._talk is not None:
            with suppress(OSError):
                await self._talk.started.close()

    def farewell(self) -> str:
        """Where the session is, "" if nothing is there to go on with."""
        journal = self._started.session.journal if self._talk else None
        if journal is None or not (journal.gist.turns or journal.gist.ran):
            return ""
        id_ = journal.id
        return f"Session {id_}. To go on: minicode -c, or minicode -r {id_.rpartition('-')[2]}"

    # What is asked of it

    @property
    def _talking(self) -> ScreenTalk:
        if self._talk is None:
            raise ValueError("The session is not open yet.")
        return self._talk

    async def obey(self, line: str, talker: Talker) -> bool:
        from minicode.cli.slash import obey

        return await obey(self._talking.with_screen(talker), line)

    async def rewind(self, message: str, conversation: bool, files: bool, force: bool) -> tuple[str, list[str]]:
        from minicode.cli.rewind import told

        with _plainly():
            moved = await self._started.session.rewind(message, conversation=conversation, files=files, force=force)
        return moved.text, [clean(line) for line in told(moved)] + ["/redo undoes this."]

    async def changes(self, path: str) -> tuple[str, Sequence[Show]]:
        from minicode.cli.words.taking import changes

        with _plainly():
            return await changes(self._talking, path)

    def words(self) -> Sequence[WordHelp]:
        return self._helps

    def price(self, usage: Usage) -> float | None:
        from minicode.model import catalogue

        return catalogue.cost(usage, self._started.session.parts.request.model)

    def window(self) -> Window:
        parts = self._started.session.parts
        gauge = parts.history.gauge
        return Window(gauge.tokens(gauge.sent) if gauge.reported else 0, parts.budget.room(parts.request))

    async def shell(self, command: str, live: Callable[[CallSaid], None]) -> tuple[int, Output]:
        from minicode.sandbox.policy import Grant

        workspace = self._started.workspace.granting(Grant(host=True))
        with _plainly(), closing(Live(live, torn=True)) as pieces:
            done = await workspace.shell(command, seconds=SHELL_SECONDS, on_output=pieces.feed)
        scope = self._started.session.parts.scope("", Grant(), _nothing, _nothing)

        def fitted() -> Output:
            text = scope.fit(clean_output(done.output).rstrip("\n"), done.output, _OUTPUT)
            return Output(text, coloured(done.output, text))

        return done.code, await asyncio.to_thread(fitted)  # of megabytes it takes its time


def _nothing(text: str) -> None:
    return


def _collect_garbage() -> None:
    """From now on, and never again in what was loaded: to look through that took a tenth of a second, over and over."""
    if not gc.isenabled():  # only for the program itself, whose start stopped it
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        gc.enable()


class _NotYet:
    """In the place of what looks at the folder, while no session is open."""

    async def names(self) -> Sequence[str]:
        return ()

    async def look(self) -> None:
        return None


class _Late:
    """A port whose methods are all awaited. It is made anew, in a thread, for each call: the session may be another."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            made = await asyncio.to_thread(self._make)
            return await getattr(made, name)(*arguments, **named)

        return call


@contextmanager
def _plainly() -> Iterator[None]:
    """What the screen can only tell is a ValueError with the sentence."""
    try:
        yield
    except (MinicodeError, UsageError) as error:
        raise ValueError(str(error)) from error
    except OSError as error:
        raise ValueError(f"{error.filename or 'the command'}: {error.strerror or error}.") from error


def _short(folder: Path) -> str:
    with suppress(ValueError, RuntimeError):
        return f"~/{folder.relative_to(Path.home())}"
    return str(folder)
