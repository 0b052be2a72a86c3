"""The main screen: transcript, panels, prompt and status line; what a turn shows, and where messages go."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen

from minicode.events import Asked, CallDone, Denied, Event, TurnEnded
from minicode.text import count
from minicode.tui.approval import Approval
from minicode.tui.bell import Bell
from minicode.tui.blocks import Look
from minicode.tui.desk import Desk, Opened
from minicode.tui.figuring import Figuring
from minicode.tui.finding import Finding
from minicode.tui.keymap import bindings
from minicode.tui.panels import Ask, Queue, SearchBar, TodoPanel
from minicode.tui.prompt import Prompt
from minicode.tui.sidepane import Paper, SidePane
from minicode.tui.status import Status
from minicode.tui.story import Story
from minicode.tui.talking import Talking
from minicode.tui.themes import palette_of
from minicode.tui.transcript import Transcript
from minicode.tui.turns import Turns
from minicode.tui.welcome import About, Welcome

if TYPE_CHECKING:
    from minicode.session import Session

COMMAND = "command"  # the name of a worker that runs one of the user's own, so that it can be stopped
_SLICE = 0.005  # seconds of telling an old session before keys are looked at again


class Conversation(Screen[None]):
    DEFAULT_CSS = """
    Conversation { background: $background; overflow: hidden; }
    #middle { height: 1fr; }
    #left { width: 1fr; }
    #left > Transcript { height: 1fr; display: none; }
    #chain { height: 1fr; }
    Conversation.-told Welcome { display: none; }
    Conversation.-told #left > Transcript { display: block; }
    Conversation.-asking Prompt { display: none; }
    """
    AUTO_FOCUS = "Prompt TextArea"
    BINDINGS: ClassVar[list[BindingType]] = [replace(key, action=f"app.key('{key.action}')") for key in bindings("app")]

    class Wanted(Message):
        """Something of `words` is to be done."""

        def __init__(self, what: str, arguments: tuple[Any, ...] = ()) -> None:
            self.what, self.arguments = what, arguments
            super().__init__()

    def __init__(self, desk: Desk, ringer: Bell, first: str | None = None) -> None:
        """first: what to say when the session is open."""
        super().__init__()
        self.desk, self.ringer = desk, ringer
        self.turns: Turns | None = None  # None until the session is open and told
        self._held: Turns | None = None  # while it is told once more
        self.keymap: dict[str, str] = {}  # the user's own keys
        self.talking = Talking(self)
        self._leaving = False
        self.prompt = Prompt(desk.words, desk.files, desk.places.history, desk.places.drafts)
        self.figuring = Figuring(desk)
        self._early = [(first, "send")] if first else []  # what was said before the session was open

    def compose(self) -> ComposeResult:
        palette = palette_of(self.app)
        self.transcript = Transcript(palette, id="transcript")
        self.pane = SidePane(self.transcript)
        self.approval = Approval(palette)
        self.status = Status()
        self.finding = Finding(self.transcript)
        self.story = Story(Paper(self.transcript, self.pane), self.desk.price)
        with Horizontal(id="middle"), Vertical(id="left"):
            yield Welcome(self.desk.sessions)
        yield self.prompt
        yield self.status

    @property
    def furnished(self) -> bool:
        return self.approval.is_mounted

    async def furnish(self) -> None:
        """The rest, after the first frame, since none of it is seen in that."""
        await self.query_one("#left").mount(self.transcript)
        await self.query_one("#middle").mount(self.pane)
        await self.mount(TodoPanel(), self.approval, Ask(), Queue(), SearchBar(), before=self.prompt)

    # The session

    async def show_session(self, opened: Opened) -> None:
        """Its past is told, and what is said from now on goes to it."""
        session, before = opened.session, self.turns or self._held
        self.turns = self._held = None  # what is said meanwhile waits
        self.figuring.begin(opened)
        keys = tuple(self.keymap.items())
        mode = session.gate.standing.mode
        about = About(self.desk.version, opened.model, opened.folder, opened.contained, mode, keys)
        self.query_one(Welcome).describe(about, session.journal.id)
        await self.retell(session)
        self.turns = Turns(session, self._show, self._changed, before.leave() if before else ())
        self.prompt.earlier = self.turns.take_last
        session.jobs.changed = self._jobs_changed
        self.settle()
        for number, note in enumerate(opened.notes):
            self.story.note(note, "warning", gap=0 if number else 1)
        self._look_at_repo()

        self.turns.wait_idly()
        self._send_early()

    def _send_early(self) -> None:
        early, self._early = self._early, []
        for text, how in early:
            self.send(text, how)

    async def retell(self, session: Session) -> None:
        """The live branch from its beginning, in slices, so that keys are answered meanwhile; what is said waits."""
        turns, self.turns = self.turns or self._held, None
        self._held = turns  # also for one that begins before this one is through
        self.transcript.clear()
        self.story = story = Story(Paper(self.transcript, self.pane), self.desk.price)
        until = time.monotonic() + _SLICE
        for event in session.past():
            story.tell(event)
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + _SLICE
            if story is not self.story:
                return  # another one has begun
        self.turns, self._held = turns, None
        self._send_early()
        self.set_class(bool(self.transcript.blocks), "-told")
        self.query_one(TodoPanel).show(self.story.todos)
        self.pane.begin()
        self.figuring.cost(self.story.cost)

    def stop(self) -> bool:
        """Whatever runs. False if nothing does."""
        commands = [worker for worker in self.app.workers if worker.name == COMMAND and worker.is_running]
        for worker in commands:
            worker.cancel()
        if self.turns is None or not self.turns.stop():
            return bool(commands)
        if self.turns.begun:
            self.status.figures = self.figuring.stopping()
        return True

    async def leave(self) -> None:
        """What runs is stopped, and the session closed; nothing is shown of it any more."""
        self._leaving = True
        if self.turns:
            self.turns.stop()
            await self.turns.done()
            self.turns.leave()
        await self.desk.close()

    # What the user says

    def send(self, text: str, how: str = "send") -> None:
        if self.turns is None:
            self._early.append((text, how))
            return
        running = self.turns.running
        if not (running and how == "queue"):
            self._here()
            self.story.said(text, "↳" if running else "❯")  # first: a turn runs at once, up to where it has to wait
        if self.turns.say(text, how) == "steered":
            self.story.note("M2 hears it with its next step")

    def tell(self, text: str, style: str = "dim", gap: int = 0) -> None:
        """A remark of ours."""
        self._here()
        self.story.note(text, style, gap)

    def _here(self) -> None:
        """There is something to see, at the end of the transcript."""
        self.add_class("-told")
        self.transcript.to_end()

    @on(Prompt.Sent)
    def _sent(self, event: Prompt.Sent) -> None:
        self.send(event.text, event.how)

    @on(Prompt.Word)
    def _word(self, event: Prompt.Word) -> None:
        self.work_on("obey", event.line)

    @on(Prompt.Shell)
    def _shell(self, event: Prompt.Shell) -> None:
        self.work_on("shell", event.command, event.private)

    @on(Prompt.Help)
    def _help(self) -> None:
        self.work_on("show_help")

    @on(Prompt.Editor)
    def _editor(self) -> None:
        self.work_on("write_in_editor")

    def work_on(self, what: str, *arguments: Any) -> None:
        self.post_message(self.Wanted(what, arguments))

    @on(Prompt.Unkept)
    def _unkept(self, event: Prompt.Unkept) -> None:
        self.tell(event.reason, "warning")

    def question(self, prompt: str) -> None:
        self.query_one(Ask).open(prompt)

    @on(Ask.Answered)
    def _answered_question(self, event: Ask.Answered) -> None:
        self.prompt.focus()
        self.talking.answered(event.text)

    @on(Approval.Answered)
    def _answered(self, event: Approval.Answered) -> None:
        if self.turns:
            self.turns.answer(event.call_id, event.answer)
        self._asking()

    @on(Approval.Typed)
    def _typed(self, event: Approval.Typed) -> None:
        """It was meant for the prompt, which is hidden."""
        self.prompt.add(event.text)

    def on_key(self, event: events.Key) -> None:
        """What is typed where nothing takes it is written in the prompt."""
        free = event.key not in self.active_bindings and self.prompt.display
        if free and event.is_printable and event.character:
            self.prompt.add(event.character)
            self.prompt.focus()

    @on(Queue.Taken)
    def _taken(self, event: Queue.Taken) -> None:
        if self.turns and event.place < len(self.turns.queue):
            self.prompt.give(self.turns.queue.pop(event.place))
            self._changed()

    @on(Welcome.Chosen)
    def _chosen(self, event: Welcome.Chosen) -> None:
        self.work_on("go_over", event.id)

    @on(SearchBar.Wanted)
    def _wanted(self, event: SearchBar.Wanted) -> None:
        self.query_one(SearchBar).tell(self.finding.look(event.words, event.by))

    @on(Transcript.Searched)
    def _searched(self, event: Transcript.Searched) -> None:
        bar = self.query_one(SearchBar)
        bar.tell(self.finding.look(bar.words, event.by))

    @on(SearchBar.Entered)
    def _entered(self) -> None:
        self.transcript.focus()

    @on(SearchBar.Closed)
    def _search_closed(self) -> None:
        self.finding.clear()
        self.prompt.focus()

    @on(Transcript.Marked)
    def _marked(self, event: Transcript.Marked) -> None:
        if event.control is self.transcript:
            self.pane.mark(event.block)

    @on(Status.Clicked)
    def _clicked(self, event: Status.Clicked) -> None:
        words = {"mode": "/mode", "thought": "/thinking", "model": "/model", "context": "/context", "cost": "/usage"}
        self.work_on("obey", words.get(event.part, "/status"))

    # What comes of a turn

    def _show(self, event: Event) -> None:
        if self._leaving:
            return
        self.story.show(event)
        self.figuring.show(event)
        match event:
            case Asked():
                self.approval.ask(event)
                self._asking()
                self.ringer.notify(f"{event.call.name} wants to run")
            case Denied(call) | CallDone(call):
                self.approval.forget(call.id)
                self._asking()
                self.query_one(TodoPanel).show(self.story.todos)
            case TurnEnded():
                self.approval.forget()
                self._asking()
                self.figuring.cost(self.story.cost)
                self.ringer.notify("done" if event.reason == "done" else event.error or event.reason)
                self._look_at_repo()
                self.settle()
        self.status.figures = self.figuring.figures

    def _asking(self) -> None:
        asking = bool(self.approval.waiting)
        if self.has_class("-asking") != asking:
            self.set_class(asking, "-asking")
            (self.approval if asking else self.prompt).focus()

    def _changed(self) -> None:
        """A turn has begun or ended, or the queue is another."""
        if self._leaving:
            return
        running = bool(self.turns and self.turns.begun)
        self.prompt.busy = running
        self.status.run(running)
        self.query_one(Queue).show(self.turns.queue if self.turns else ())
        self.settle()

    def _jobs_changed(self) -> None:
        if self.turns and not self._leaving:
            run = [job for job in self.turns.session.jobs.views() if not job.fate]
            self.status.hint(
                f"{count(len(run), 'command')} in the background: /tasks" if run else "no job runs any more"
            )

    def settle(self) -> None:
        """The status line and the title say how things are."""
        if self.turns is None:
            return
        self.status.figures = self.figuring.settled(self.desk.opened())
        gist = self.turns.session.journal.gist
        self.ringer.title(f"{'● ' if self.turns.begun else ''}{gist.name or gist.title or 'minicode'}")

    @work(exclusive=True, group="repo", exit_on_error=False)
    async def _look_at_repo(self) -> None:
        self.figuring.repo(await self.desk.repo.look())
        self.settle()

    # What it looks like

    def look(self, **changes: Any) -> Look:
        look = self.transcript.look._replace(**changes)
        self.transcript.set_look(look)
        return look
