"""What a slash word is, and what it works on: a talk, whichever face leads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from minicode.errors import UsageError
from minicode.events import Event
from minicode.ground import Ground, ground
from minicode.plan import Plan
from minicode.sandbox.policy import Grant
from minicode.session import Session
from minicode.start import Started
from minicode.text import clean
from minicode.toolkit import Scope


class Talk(Protocol):
    """What the words work on; all of it is called on the event loop.

    plan: what this talk was started with; a word may change it for the sessions that come after this one. given: text
    for the next prompt, to be edited.
    """

    plan: Plan
    given: str

    @property
    def started(self) -> Started: ...
    @property
    def session(self) -> Session: ...
    def say(self, text: str) -> None:
        """Show whole lines; they are clean, colours aside."""
        ...

    async def ask(self, prompt: str) -> str:
        """A line from the user, "" if they want none of it."""
        ...

    def show(self, event: Event) -> None: ...
    async def go_over(self, plan: Plan) -> None:
        """Leave this session for another one. Raises what `start` raises, with this one going on."""
        ...

    def send(self, text: str) -> None:
        """A turn begins with this when the word is done, as if the user had typed it."""
        ...

    def copy(self, text: str) -> None:
        """Put it into the clipboard. Raises UsageError where that cannot be done."""
        ...


class Word(NamedTuple):
    """does: given the talk and what stood behind the word. takes: the arguments in short. help: what it does."""

    does: Callable[[Talk, str], Awaitable[None]]
    takes: str
    help: str


class WordHelp(NamedTuple):
    """name, aliases: with their slash. own: it is one of the user's own."""

    name: str
    takes: str
    help: str
    aliases: tuple[str, ...] = ()
    own: bool = False


def tell(talk: Talk, *lines: str) -> None:
    talk.say("".join(f"{clean(line)}\n" for line in lines))


def yes(answer: str) -> bool:
    return answer.lower() in ("y", "yes")


def check_still(talk: Talk, what: str) -> None:
    """Raises UsageError while a turn runs."""
    if talk.session.running:
        raise UsageError(f"A turn is running: {what} when it has ended, or stop it first.")


def ground_of(talk: Talk) -> Ground:
    """What the disk and the flags say now, which may be more than what the session was started with. Takes its time.
    Raises as `ground`."""
    return ground(talk.started.folder, talk.plan.trust, talk.plan.flags, talk.plan.assignments)


def scope_of(talk: Talk, grant: Grant, call_id: str = "") -> Scope:
    """What a tool would work with; for a word that does what a tool does."""
    return talk.session.parts.scope(call_id, grant, lambda text: None, lambda text: tell(talk, f"! {text}"))
