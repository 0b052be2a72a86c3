"""What a turn tells the world: a closed union of plain values, in the order in which they may come.

A turn is TurnStarted, then steps, then exactly one TurnEnded. A step is StepStarted, deltas, one ReplyDone, then for
each call CallStarted … CallDone. Retrying, Withdrawn, Folded and Noted may come at any time in between.
"""

from __future__ import annotations

from typing import NamedTuple

from minicode.colours import Mark
from minicode.messages import Call, Reply, ToolResult, Usage
from minicode.show import Show


class TurnStarted(NamedTuple):
    """The user's words are on disk."""

    session_id: str
    text: str


class StepStarted(NamedTuple):
    """A request is about to be sent. returned/issued: thoughts in it unchanged / thoughts M2 ever gave this branch."""

    step: int
    returned: int
    issued: int
    bytes: int


class ThinkingDelta(NamedTuple):
    text: str


class TextDelta(NamedTuple):
    text: str


class CallForming(NamedTuple):
    """The model is writing a call. number: the place among the calls of this reply; fragment: more argument text."""

    number: int
    name: str
    fragment: str


class Retrying(NamedTuple):
    """The request failed and is sent again after `wait` seconds. attempt counts from 1, of `tries`."""

    attempt: int
    tries: int
    wait: float
    reason: str


class Withdrawn(NamedTuple):
    """What was streamed since StepStarted is void: the reply was cut and is asked for again."""


class ReplyDone(NamedTuple):
    """A whole reply, already durable."""

    reply: Reply


class CallStarted(NamedTuple):
    call: Call


class CallSaid(NamedTuple):
    """Progress of a running call: lines. over: the first stands in the place of the last one said. colours: as in
    `show.Output`."""

    call_id: str
    text: str
    over: bool = False
    colours: tuple[Mark, ...] = ()


class CallDone(NamedTuple):
    """The one result of a call, already durable."""

    call: Call
    result: ToolResult
    show: tuple[Show, ...] = ()
    seconds: float = 0.0


class Asked(NamedTuple):
    """A call waits for `Session.answer(call.id, Answer)`. call: as it would run, names and arguments mended.

    reason: a sentence, why it is asked. wants: "" for the call as it is, "network" or "host" (outside the sandbox).
    always: the exact rule that keeping the answer would save, "" if it can be given only once. show: what it would
    change as things are, a Diff for each file, or a Line that says why that is not known; not cleaned, so that what is
    odd in it can be made visible.
    """

    call: Call
    reason: str
    wants: str = ""
    always: str = ""
    show: tuple[Show, ...] = ()


class Answer(NamedTuple):
    """What the user says to an Asked. keep: "once", "session" or "project". say: words for the model with a no."""

    allow: bool
    keep: str = "once"
    say: str = ""


class Questioned(NamedTuple):
    """A running call waits for `Session.reply(call_id, Picked)`.

    text: the question; of a plan the plan itself, in Markdown. options: one of them may be picked, or `several`; own
    words always may. Of a plan the first option is a no.
    """

    call_id: str
    text: str
    options: tuple[str, ...] = ()
    several: bool = False
    plan: bool = False


class Picked(NamedTuple):
    """What the user says to a Questioned. places: of the options, from 0. words: the user's own; with a plan's no, what
    to change. Neither of both: the question stays without an answer, the plan is not agreed to."""

    places: tuple[int, ...] = ()
    words: str = ""


class Denied(NamedTuple):
    """A call that was not allowed to run; its CallDone follows. by: "rule", "mode", "user", "nobody" (there was nobody
    to ask), "hook" or "guard" (it went in circles)."""

    call: Call
    reason: str
    by: str = "guard"


class Alarm(NamedTuple):
    """A command changed what only the user may change, or tried to. text: a sentence with the paths."""

    call_id: str
    text: str


class Folded(NamedTuple):
    """Old entries are folded from now on; they stay in the journal. why: "auto", "asked" or "overflow". before, after:
    tokens of the next request. thoughts: all that are folded now. clipped: tool outputs that are now shortened."""

    entry_id: str
    why: str
    before: int
    after: int
    thoughts: int
    clipped: int


class Verified(NamedTuple):
    """The model said that it is done, and the user's check was to say so too. claim: its words. command: what was run.
    outcome: in a line. evidence: all that it showed. verdict: "passed", "failed" or "not run". back: it goes back to
    the model."""

    claim: str
    command: str
    outcome: str
    evidence: str
    verdict: str
    back: bool = False


class Noted(NamedTuple):
    """Something the user should know. level: "info", "warning" or "error"."""

    level: str
    text: str


class TurnEnded(NamedTuple):
    """The last event of a turn.

    reason: "done", "cancelled", "failed", "turns", "money", "tokens", "time", "loop" (the model went in circles),
    "denied" (a permission was needed and nobody could be asked) or "unverified" (the user's check does not pass).
    text: the last words of the model. error: a sentence, "" if none. returned, issued: as in StepStarted; folded: those
    that a fold stands for. verified: as the verdict in Verified, of the last check; "" if none was wanted.
    """

    reason: str
    text: str
    usage: Usage
    steps: int
    returned: int
    issued: int
    error: str = ""
    exit_code: int = 0
    folded: int = 0
    verified: str = ""


Event = (
    TurnStarted
    | StepStarted
    | ThinkingDelta
    | TextDelta
    | CallForming
    | Retrying
    | Withdrawn
    | ReplyDone
    | CallStarted
    | CallSaid
    | CallDone
    | Asked
    | Questioned
    | Denied
    | Alarm
    | Folded
    | Verified
    | Noted
    | TurnEnded
)
