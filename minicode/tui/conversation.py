"""The main screen: which session is told on it, what the user says, and where messages of its parts go."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen

from minicode.tui import commands
from minicode.tui.drafts import Draft
from minicode.tui.keymap import bindings
from minicode.tui.prompt import Prompt
from minicode.tui.status import Status
from minicode.tui.themes import palette_of
from minicode.tui.welcome import About, Welcome

if TYPE_CHECKING:  # what the first frame does not show is loaded after it
    from types import ModuleType

    from minicode.session import Session
    from minicode.tui.approval import Approval
    from minicode.tui.bell import Bell
    from minicode.tui.blocks import Look
    from minicode.tui.desk import Desk, Opened
    from minicode.tui.figuring import Figuring
    from minicode.tui.finding import Finding
    from minicode.tui.panel import Panel
    from minicode.tui.panels import Ask, Queue, SearchBar, TodoPanel
    from minicode.tui.question import Question
    from minicode.tui.showing import Showing
    from minicode.tui.sidepane import SidePane
    from minicode.tui.story import Story
    from minicode.tui.talking import Talking
    from minicode.tui.transcript import Transcript
    from minicode.tui.turns import Turns

_SLICE = 0.005  # seconds of telling an old session before keys are looked at again


class Conversation(Screen[None]):
    DEFAULT_CSS = """
    Conversation { background: $background; overflow: hidden; }
    #middle { height: 1fr; }
    #left { width: 1fr; }
    #left > Transcript { height: 1fr; display: none; }
    #chain { height: 1fr; }
    """
    AUTO_FOCUS = "Prompt TextArea"
    BINDINGS: ClassVar[list[BindingType]] = [replace(key, action=f"app.key('{key.action}')") for key in bindings("app")]

    # All of this is there when it is furnished.
    transcript: Transcript
    pane: SidePane
    approval: Approval
    questions: Question
    todos: TodoPanel
    ask: Ask
    queue: Queue
    search: SearchBar
    finding: Finding
    figuring: Figuring
    talking: Talking
    story: Story
    showing: Showing

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
        self.leaving = False
        self.prompt = Prompt(desk.words, desk.files, desk.places.history, desk.places.drafts)
        self.status = Status()
        self.is_furnished = asyncio.Event()
        self._remarks: list[tuple[str, str, int]] = []  # that nobody could read yet
        self._early = [(first, "send")] if first else []  # what was said before the session was open
        self._early_work: list[tuple[Any, ...]] = []  # and what was to be done, as `work_on` has it

    def compose(self) -> ComposeResult:
        with Horizontal(id="middle"), Vertical(id="left"):
            yield Welcome(self.desk.sessions)
        yield self.prompt
        yield self.status

    @property
    def furnished(self) -> bool:
        return self.is_furnished.is_set()

    def _new_story(self) -> Story:
        from minicode.tui.sidepane import Paper
        from minicode.tui.story import Story

        return Story(Paper(self.transcript, self.pane), self.desk.price)

    async def furnish(self) -> None:
        """The rest, after the first frame, since none of it is seen in that. It is loaded while keys are answered."""
        furniture, showing, talking = await asyncio.to_thread(_load)
        made = furniture.make(self.desk, palette_of(self.app))
        self.transcript, self.pane, self.approval = made.transcript, made.pane, made.approval
        self.questions = made.question
        self.todos, self.ask, self.queue, self.search = made.todos, made.ask, made.queue, made.search
        self.finding, self.figuring = made.finding, made.figuring
        self.talking, self.showing = talking.Talking(self), showing.Showing(self)
        self.story = self._new_story()
        await self.query_one("#left").mount(self.transcript)
        await self.query_one("#middle").mount(self.pane)
        await self.mount(
            self.todos, self.approval, self.questions, self.ask, self.queue, self.search, before=self.prompt
        )
        self.is_furnished.set()
        for remark in self._remarks:
            self.tell(*remark)

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
        from minicode.tui.turns import Turns

        self.turns = Turns(session, self.showing.show, self.showing.changed, before.leave() if before else ())
        self.prompt.earlier = self.turns.take_last
        session.jobs.changed = self.showing.jobs_changed
        self.showing.settle()
        for number, note in enumerate(opened.notes):
            self.story.note(note, "warning", gap=0 if number else 1)
        self.showing.look_at_repo()

        self.turns.wait_idly()
        self._send_early()

    def _send_early(self) -> None:
        early, self._early = self._early, []
        for text, how in early:
            self.send(text, how)
        work, self._early_work = self._early_work, []
        for one in work:
            self.work_on(*one)

    async def retell(self, session: Session) -> None:
        """The live branch from its beginning, in slices, so that keys are answered meanwhile; what is said waits."""
        turns, self.turns = self.turns or self._held, None
        self._held = turns  # also for one that begins before this one is through
        self.transcript.clear()
        self.story = story = self._new_story()
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
        self.uncover(bool(self.transcript.blocks))
        self.todos.show(self.story.todos)
        self.pane.begin()
        self.figuring.cost(self.story.cost)

    def stop(self) -> bool:
        """Whatever runs. False if nothing does."""
        stopped = commands.stop(self.app)
        if self.turns is None or not self.turns.stop():
            return bool(stopped)
        if self.turns.begun:
            self.status.figures = self.figuring.stopping()
        return True

    async def leave(self) -> None:
        """What runs is stopped, and the session closed; nothing is shown of it any more. What was said and never heard,
        queued or steered, is kept in front of the draft, which the prompt has left on disk by now."""
        self.leaving = True
        # They go on record.
        await asyncio.gather(*(worker.wait() for worker in commands.stop(self.app)), return_exceptions=True)
        unheard = [text for text, _ in self._early]
        if turns := self.turns or self._held:
            turns.stop()
            await turns.done()
            unheard = [*turns.leave(), *unheard]
        if unheard:
            with suppress(OSError):  # the prompt has told that nothing can be kept here
                await asyncio.to_thread(Draft(self.desk.places.drafts).before, unheard)
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
        if not self.furnished:
            self._remarks.append((text, style, gap))
            return
        self._here()
        self.story.note(text, style, gap)

    def _here(self) -> None:
        """There is something to see, at the end of the transcript."""
        self.uncover(True)
        self.transcript.to_end()

    def uncover(self, told: bool) -> None:
        """The transcript is seen, or nothing was told in it and Welcome is. No class of the screen says so: at each of
        those all that is on it would be styled anew, and that takes as long as a frame."""
        self.transcript.display = told
        self.query_one(Welcome).display = not told

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

    def hold(self, what: str, *arguments: Any) -> None:
        """It is done when the session is open."""
        self._early_work.append((what, *arguments))
        self.status.hint("The session is still being opened; a moment.")

    def work_on(self, what: str, *arguments: Any) -> None:
        self.post_message(self.Wanted(what, arguments))

    @on(Prompt.Unkept)
    def _unkept(self, event: Prompt.Unkept) -> None:
        self.tell(event.reason, "warning")

    def question(self, prompt: str) -> None:
        self.ask.open(prompt)

    def on_ask_answered(self, event: Ask.Answered) -> None:
        self.prompt.focus()
        self.talking.answered(event.text)

    def on_approval_answered(self, event: Approval.Answered) -> None:
        if self.turns:
            self.turns.answer(event.call_id, event.answer)
        self.showing.asking()

    def on_question_answered(self, event: Question.Answered) -> None:
        if self.turns:
            self.turns.session.reply(event.call_id, event.picked)
        self.showing.asking()

    def on_panel_typed(self, event: Panel.Typed) -> None:
        """It was meant for the prompt, which is hidden."""
        self.prompt.add(event.text)

    def on_key(self, event: events.Key) -> None:
        """What is typed where nothing takes it is written in the prompt."""
        free = event.key not in self.active_bindings and self.prompt.display
        if free and event.is_printable and event.character:
            self.prompt.add(event.character)
            self.prompt.focus()

    def on_queue_taken(self, event: Queue.Taken) -> None:
        if self.turns and event.place < len(self.turns.queue):
            self.prompt.give(self.turns.queue.pop(event.place))
            self.showing.changed()

    @on(Welcome.Chosen)
    def _chosen(self, event: Welcome.Chosen) -> None:
        self.work_on("go_over", event.id)

    def on_search_bar_wanted(self, event: SearchBar.Wanted) -> None:
        self.search.tell(self.finding.look(event.words, event.by))

    def on_transcript_searched(self, event: Transcript.Searched) -> None:
        bar = self.search
        bar.tell(self.finding.look(bar.words, event.by))

    def on_search_bar_entered(self) -> None:
        self.transcript.focus()

    def on_search_bar_closed(self) -> None:
        self.finding.clear()
        self.prompt.focus()

    def on_transcript_marked(self, event: Transcript.Marked) -> None:
        if event.control is self.transcript:
            self.pane.mark(event.block)

    @on(Status.Clicked)
    def _clicked(self, event: Status.Clicked) -> None:
        words = {"mode": "/mode", "thought": "/thinking", "model": "/model", "context": "/context", "cost": "/usage"}
        self.work_on("obey", words.get(event.part, "/status"))

    # What it looks like

    def look(self, **changes: Any) -> Look:
        look = self.transcript.look._replace(**changes)
        self.transcript.set_look(look)
        return look


def _load() -> tuple[ModuleType, ModuleType, ModuleType]:
    """In a thread."""
    from minicode.tui import furniture, showing, talking

    return furniture, showing, talking
