"""What a rehearsal plays: a script of steps, each the answer to one request. Pure values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from minicode.messages import Usage

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Think:
    """A thought. text: a tuple is streamed in just these pieces. signature: AUTO makes one, None sends none."""

    text: str | tuple[str, ...]
    signature: str | None = AUTO


@dataclass(frozen=True, slots=True)
class Say:
    """Visible text. A tuple is streamed in just these pieces."""

    text: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A literal tool call. raw: the argument text as it is, valid or not. id: "" makes one in M2's form."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    raw: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Do:
    """A call to whatever tool of the request can do `action`; `tools.py` knows the actions."""

    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


Block = Think | Say | Call | Do


@dataclass(frozen=True, slots=True)
class Expect:
    """What a step expects of its request; several texts must all be there.

    results: in the tool results since the last reply. said: in the last words of the user. system: in the system
    prompt. matches: regular expressions found in results. absent: nowhere in results. thoughts: the number of thoughts
    that came back. tools: names offered.
    """

    results: str | tuple[str, ...] = ()
    said: str | tuple[str, ...] = ()
    system: str | tuple[str, ...] = ()
    matches: str | tuple[str, ...] = ()
    absent: str | tuple[str, ...] = ()
    tools: str | tuple[str, ...] = ()
    thoughts: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with an answer. Faults combine.

    status, headers, body: this answer instead of a reply; a mapping is sent as JSON.
    code, message: MiniMax's own error, in the envelope of the surface: `Fault(status=500, code=1008)`. With
        error_after it is the error event.
    raw: these bytes instead of any HTTP, then the connection is closed.
    mute: no byte at all, not even headers. stall: after so many bytes of the body, silence.
    cut: after so many bytes of the body, the end of the connection: FIN, or RST with reset.
    cut_in: the same amid the pieces of a "thinking" block or of a "call"'s arguments.
    error_after: an error event after so many blocks.
    json: a plain JSON answer to a streaming request. content_type: a wrong one.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes | dict[str, Any] | None = None
    code: int = 0
    message: str = ""
    raw: str | bytes | None = None
    mute: bool = False
    stall: int | None = None
    cut: int | None = None
    cut_in: Literal["", "thinking", "call"] = ""
    reset: bool = False
    error_after: int | None = None
    json: bool = False
    content_type: str = ""

    @property
    def whole(self) -> bool:
        """Whether the client can receive the complete reply all the same."""
        replaced = self.status != 200 or self.body is not None or self.raw is not None or self.mute
        broken_off = self.stall is not None or self.cut is not None or self.cut_in or self.error_after is not None
        return not (replaced or broken_off)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a reply looks on the wire. None of it changes what is said.

    chunk: bytes a write (None: an event a write). pause: seconds between writes. line_end, space, comments: SSE
        dialect. pings: ping events after the start. without: events left out, by name ("message_delta", "[DONE]").
    piece: characters a text delta. argument_piece: characters an argument delta (None: all in one).
    empty_first: the first argument delta is "". extra: unknown keys for each event.
    split_signature: a thought's signature comes in a delta of its own after the text (OpenAI; Anthropic always).

    OpenAI only. reasoning: where thoughts are; AUTO is "both" if the request has reasoning_split, else "tags".
        "details" | "cumulative" | "reasoning_content" | "reasoning" | "both" | "tags" | "untagged" (no opening tag).
    cumulative_content: content deltas are snapshots too. index_from: index of the first call. null_entry: a second
        entry with name null. object_arguments: an object instead of text. interleave: argument pieces of parallel
        calls take turns. finish: finish_reason in a chunk of its "own", in the "same" chunk as the last delta, or
        "twice". role: of the first delta. usage: "last", "null" in every other chunk, "zero" there, or "none".
    """

    chunk: int | None = None
    pause: float = 0.0
    line_end: Literal["\n", "\r\n", "\r"] = "\n"
    space: bool = True
    comments: bool = False
    pings: int = 1
    without: tuple[str, ...] = ()
    piece: int = 32
    argument_piece: int | None = None
    empty_first: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    split_signature: bool = False
    reasoning: Literal[
        "auto", "details", "cumulative", "reasoning_content", "reasoning", "both", "tags", "untagged"
    ] = "auto"
    cumulative_content: bool = False
    index_from: int = 0
    null_entry: bool = False
    object_arguments: bool = False
    interleave: bool = False
    finish: Literal["own", "same", "twice"] = "own"
    role: str | None = "assistant"
    usage: Literal["last", "null", "zero", "none"] = "last"


@dataclass(frozen=True, slots=True)
class Step:
    """The answer to one request.

    stop: default "tool_use" if there are calls, else "end_turn". usage: default counted. model: default the one
    asked for. expect: what must be true of the request, else `otherwise` is played; if that is None the request is
    refused and the rehearsal has failed. delay: seconds before the first byte.
    """

    blocks: tuple[Block, ...] = ()
    stop: str | None = None
    usage: Usage | None = None
    model: str | None = None
    expect: Expect | None = None
    otherwise: Step | None = None
    fault: Fault | None = None
    shape: Shape | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """Steps, and how strict the server is.

    A step may be a function of the request (`conversation.Asked`) that returns one. after: what is played when the
    steps are used up: "over" says so and ends the turn, "repeat" plays the last step for ever.
    strict_thinking: a thought of ours must come back unchanged; strict_signatures: its signature too.
    window: tokens of context, None for no limit.
    """

    steps: tuple[Step | Callable[[Any], Step], ...]
    shape: Shape = Shape()
    after: Literal["over", "repeat"] = "over"
    strict_thinking: bool = True
    strict_signatures: bool = True
    window: int | None = None


def texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def steps(*blocks: Block | tuple[Block, ...] | Step) -> Script:
    """A script in one line: each argument is a step, or the block or blocks of one."""

    def step(one: Block | tuple[Block, ...] | Step) -> Step:
        if isinstance(one, Step):
            return one
        return Step(one if isinstance(one, tuple) else (one,))

    return Script(tuple(step(one) for one in blocks))
