"""How the main screen follows its session: what each event changes on it, and the queue, the jobs and the branch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from minicode.events import Asked, CallDone, Denied, Event, Questioned, TurnEnded
from minicode.text import count

if TYPE_CHECKING:
    from minicode.tui.approval import Approval
    from minicode.tui.bell import Bell
    from minicode.tui.desk import Desk
    from minicode.tui.figuring import Figuring
    from minicode.tui.panels import Queue, TodoPanel
    from minicode.tui.prompt import Prompt
    from minicode.tui.question import Question
    from minicode.tui.status import Status
    from minicode.tui.story import Story
    from minicode.tui.transcript import Transcript
    from minicode.tui.turns import Turns


class Shown(Protocol):
    """The main screen, furnished."""

    leaving: bool
    turns: Turns | None
    desk: Desk
    ringer: Bell
    story: Story
    figuring: Figuring
    approval: Approval
    questions: Question
    todos: TodoPanel
    queue: Queue
    prompt: Prompt
    status: Status
    transcript: Transcript

    def call_after_refresh(self, callback: Callable[[], object]) -> bool: ...
    def run_worker(
        self, work: Callable[[], Awaitable[None]], *, exclusive: bool, group: str, exit_on_error: bool
    ) -> object: ...


class Showing:
    def __init__(self, screen: Shown) -> None:
        self._screen = screen
        self._later: list[Asked | Questioned] = []  # until the panel that is open is answered

    def show(self, event: Event) -> None:
        screen = self._screen
        if screen.leaving:
            return
        screen.story.show(event)
        screen.figuring.show(event)
        match event:
            case Asked() | Questioned():
                self._ask(event)
                self.asking()
                screen.ringer.notify(_call(event))
            case Denied(call) | CallDone(call):
                self._forget(call.id)
                screen.todos.show(screen.story.todos)
                self.settle()  # by a plan that is agreed to the mode is another
            case TurnEnded():
                self._forget()
                screen.figuring.cost(screen.story.cost)
                screen.ringer.notify("done" if event.reason == "done" else event.error or event.reason)
                self.settle()
                screen.transcript.flush()  # that it has stopped is waited for
                screen.call_after_refresh(self.look_at_repo)
        screen.status.figures = screen.figuring.figures

    @property
    def panel(self) -> Approval | Question | None:
        """The one that waits for the user."""
        screen = self._screen
        return screen.approval if screen.approval.waiting else screen.questions if screen.questions.asked else None

    @property
    def later(self) -> int:
        """How many are asked for when that panel is through."""
        return len(self._later)

    def asking(self) -> None:
        """What is asked stands in the place of the prompt."""
        screen = self._screen
        if self.panel is None:
            later, self._later = self._later, []
            for event in later:
                self._ask(event)
        panel = self.panel
        if screen.prompt.display == (panel is not None):
            screen.prompt.display = panel is None
            (panel or screen.prompt).focus()

    def _ask(self, event: Asked | Questioned) -> None:
        """One panel at a time; more approvals join those that wait in theirs."""
        screen = self._screen
        if screen.questions.asked or (isinstance(event, Questioned) and screen.approval.waiting):
            self._later.append(event)
        elif isinstance(event, Questioned):
            screen.questions.ask(event)
        else:
            screen.approval.ask(event)

    def _forget(self, call_id: str = "") -> None:
        """That call is settled; without an id, all are."""
        of = ((event, event.call_id if isinstance(event, Questioned) else event.call.id) for event in self._later)
        self._later = [event for event, id_ in of if call_id and id_ != call_id]
        self._screen.approval.forget(call_id)
        self._screen.questions.forget(call_id)
        self.asking()

    def changed(self) -> None:
        """A turn has begun or ended, or the queue is another."""
        screen = self._screen
        if screen.leaving:
            return
        running = bool(screen.turns and screen.turns.begun)
        screen.prompt.busy = running
        screen.status.run(running)
        screen.queue.show(screen.turns.queue if screen.turns else ())
        self.settle()

    def jobs_changed(self) -> None:
        turns = self._screen.turns
        if turns and not self._screen.leaving:
            run = [job for job in turns.session.jobs.views() if not job.fate]
            self._screen.status.hint(
                f"{count(len(run), 'command')} in the background: /tasks" if run else "no job runs any more"
            )

    def settle(self) -> None:
        """The status line and the title say how things are."""
        screen = self._screen
        if screen.turns is None:
            return
        screen.status.figures = screen.figuring.settled(screen.desk.opened())
        gist = screen.turns.session.journal.gist
        screen.ringer.title(f"{'● ' if screen.turns.begun else ''}{gist.name or gist.title or 'minicode'}")

    def look_at_repo(self) -> None:
        self._screen.run_worker(self._look_at_repo, exclusive=True, group="repo", exit_on_error=False)

    async def _look_at_repo(self) -> None:
        self._screen.figuring.repo(await self._screen.desk.repo.look())
        self.settle()


def _call(asked: Asked | Questioned) -> str:
    """What the user is called with."""
    match asked:
        case Asked(call):
            return f"{call.name} wants to run"
        case Questioned(plan=True):
            return "M2 has a plan"
        case Questioned(text=text):
            return f"M2 asks: {text}"
