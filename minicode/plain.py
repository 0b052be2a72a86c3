"""The plain face: nothing on stdout but what was asked for, progress on stderr, and always a truthful end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, assert_never

from minicode.colours import NAMES, Range, basic, by_line, pieces
from minicode.events import (
    Alarm,
    Asked,
    CallDone,
    CallForming,
    CallSaid,
    CallStarted,
    Denied,
    Event,
    Folded,
    Noted,
    Questioned,
    ReplyDone,
    Retrying,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    Verified,
    Withdrawn,
)
from minicode.messages import Call, ToolResult
from minicode.printing import Printing
from minicode.show import REPAIRED, Diff, Line, Output, Show, Tests, Todos
from minicode.text import clean, count

Write = Callable[[str], None]
_CLAIM, _SHOWN = 8, 12  # lines of what was claimed and of what a check showed
_PATIENCE = 1.0  # seconds that a call runs before what it prints is shown as it comes
_WIDE = 200  # characters of a line of output
_CODES = {"dim": "2", "bold": "1", "italic": "3", "underline": "4", "reverse": "7", "strike": "9"}
_CODES |= {name: str(number + (30 if number < 8 else 82)) for number, name in enumerate(NAMES)}
_LONG = frozenset({"old_string", "new_string", "content", "todos", "options", "patch", "several"})


class Stdout:
    """Unbuffered, so that a closed pipe is noticed at the write that meets it. `broken` is its exit code then."""

    def __init__(self) -> None:
        self.broken = 0

    def write(self, text: str) -> None:
        """To a pipe or a file as it is; a terminal is not commanded by what the model said."""
        data = (clean(text) if os.isatty(1) else text).encode("utf-8", "replace")
        while data and not self.broken:
            try:
                data = data[os.write(1, data) :]
            except BrokenPipeError:
                self.broken = 141
            except OSError as error:
                self.broken = 1
                warn(f"minicode: stdout cannot be written: {error.strerror}.")


def warn(text: str) -> None:
    """A line on stderr; a closed stderr is nobody's business."""
    try:
        os.write(2, (clean(text) + "\n").encode("utf-8", "replace"))
    except OSError:
        return


class Progress:
    """What happens, told to a person on stderr as it happens. patience: seconds that a call runs before what it prints
    is shown as it comes."""

    def __init__(self, write: Callable[[str], None], colour: bool, patience: float = _PATIENCE) -> None:
        self._write = write
        self._colour = colour
        self._patience = patience
        self._at = ""  # what the unfinished line is made of: "thinking", "text" or nothing
        self._running: dict[str, Printing] = {}  # by the call's id
        self._refused: set[str] = set()

    def show(self, event: Event) -> None:  # noqa: C901 - a case for each kind of event
        match event:
            case ThinkingDelta(text):
                self._stream("thinking", text)
            case TextDelta(text):
                self._stream("text", text)
            case Withdrawn():
                if self._at:
                    self._line("yellow", "  (that answer was cut off and does not count)")
            case Retrying(attempt, tries, wait, reason):
                self._line("yellow", f"  try {attempt} of {tries} failed: {reason} Waiting {wait:.0f} s.")
            case CallStarted(call):
                self._running[call.id] = Printing(f"{call.name} {brief(dict(call.arguments))[:30]}".rstrip())
                self._line("bold", f"● {call.name} {brief(dict(call.arguments))}")
            case CallSaid(call_id):
                self._said(call_id, event)
            case CallDone(call, result, show, seconds):
                self._done(call, result, show, seconds)
            case Alarm(_, text):
                self._line("red", f"  ! {text}")
            case Denied(call, reason):
                self._refused.add(call.id)
                self._line("red", f"● {call.name} {brief(dict(call.arguments))}\n  refused: {reason}")
            case Folded(_, _, before, after, thoughts, clipped):
                self._line("dim", f"  {folded(before, after, thoughts, clipped)}")
            case Verified():
                style = "green" if event.verdict == "passed" else "red"
                for name, line in verified(event):
                    self._line(style if name == "outcome" else "", f"{name:9} │ {line}")
            case Noted(level, text):
                self._line("dim" if level == "info" else "yellow", f"  {text}")
            case TurnEnded():
                for printing in self._running.values():
                    printing.close()
                self._running.clear()
                self.end_line()
            case TurnStarted() | StepStarted() | CallForming() | ReplyDone() | Asked() | Questioned():
                return
            case _:
                assert_never(event)

    def _said(self, call_id: str, said: CallSaid) -> None:
        if (printing := self._running.get(call_id)) is None:
            return
        printing.hear(said)
        late = self._patience - printing.age
        if late <= 0:
            self._tell(call_id)
        elif printing.timer is None:
            import asyncio  # whoever runs calls has loaded it

            with suppress(RuntimeError):  # without a loop, what comes next shows it
                printing.timer = asyncio.get_running_loop().call_later(late, self._tell, call_id)

    def _tell(self, call_id: str) -> None:
        """What a running call printed."""
        printing = self._running.get(call_id)
        whose = f"{printing.name} │ " if printing and len(self._running) > 1 else "│ "
        for line, marks in printing.due() if printing else ():
            self._row(f"    {whose}", line, marks)

    def _done(self, call: Call, result: ToolResult, show: tuple[Show, ...], seconds: float) -> None:
        """The outcome in a line, then what there is to see. A tool that sums itself up speaks for itself."""
        if call.id in self._refused:
            return  # it was told with the refusal
        beside = len(self._running) > 1
        printing = self._running.pop(call.id, None) or Printing()
        printing.close()
        summary = next(filter(None, (_summary(block, result) for block in show)), result.text)
        took = f"  ({seconds:.1f} s)" if seconds >= 0.1 else ""
        style, mark = ("red", "✗") if result.failed else ("green", "✓")
        whose = f"{call.name} {brief(dict(call.arguments))[:40]}: " if beside else ""
        self._line(style, f"  {mark} {whose}{_first(summary)}{took}")
        for block in show:
            if not isinstance(block, Line) or _first(block.text) != _first(summary):
                self._block(block, printing.seen(block.text) if isinstance(block, Output) else 0)

    def _stream(self, kind: str, text: str) -> None:
        if self._at != kind:
            self.end_line()
            if kind == "thinking":
                self._write("\n" + self._paint("dim", "∴ "))
            text = text.lstrip("\n")
            self._at = kind
        self._write(self._paint("dim" if kind == "thinking" else "", text))

    def end_line(self) -> None:
        if self._at:
            self._write("\n")
        self._at = ""

    def _line(self, style: str, text: str) -> None:
        self.end_line()
        self._write(self._paint(style, text) + "\n")

    def _row(self, before: str, line: str, marks: list[Range]) -> None:
        """A line that a program printed."""
        self.end_line()
        shown = pieces(line[:_WIDE], marks)
        self._write(
            "".join([self._paint("dim", before), *(self._paint(how or "dim", said) for said, how in shown)]) + "\n"
        )

    def _block(self, block: Show, seen: int = 0) -> None:
        """seen: lines of an output that were shown already."""
        match block:
            case Line(text):
                self._line("dim", f"    {text}")
            case Output(text) if not text.strip():
                return
            case Output(text, colours):
                lines, marks = text.rstrip("\n").split("\n"), by_line(colours)
                places = range(seen, len(lines))
                for place in places if len(places) <= 8 else (*places[:3], -1, *places[-4:]):
                    if place < 0:
                        self._line("dim", f"    … {len(places) - 7} lines …")
                    else:
                        self._row("    ", lines[place], marks.get(place, []))
            case Diff(_, diff):
                for line in diff.splitlines():
                    style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
                    self._line(style, f"    {line}")
            case Tests(_, _, _, failures):
                for test, why in failures[:5]:
                    self._line("red", f"    {test}: {why}")
            case Todos(items):
                signs = {"completed": "☑", "in_progress": "▶"}
                self._line("dim", "\n".join(f"    {signs.get(state, '☐')} {text}" for text, state in items))

    def _paint(self, style: str, text: str) -> str:
        text = clean(text)  # the model's words must not command the terminal
        if not self._colour or not style:
            return text
        codes = ";".join(_CODES[word] for word in basic(style))
        return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def verified(said: Verified) -> list[tuple[str, str]]:
    """What was claimed, and beside it what the check showed: lines, each with its name, which is told once."""
    claim, evidence = clean(said.claim).strip().split("\n"), clean(said.evidence).strip("\n").split("\n")
    sent = "; M2 is told" if said.back else ""
    return [
        *_rows("M2 said", (["…"] if claim[_CLAIM:] else []) + claim[-_CLAIM:] if claim[0] else ["(nothing yet)"]),
        *_rows("checked", [clean(said.command)]),
        *_rows("outcome", [f"{said.verdict}: {clean(said.outcome).rstrip('.')}{sent}"]),
        *_rows("evidence", (["…"] if evidence[_SHOWN:] else []) + evidence[-_SHOWN:] if evidence[0] else []),
    ]


def _rows(name: str, lines: list[str]) -> list[tuple[str, str]]:
    return [(name if number == 0 else "", line) for number, line in enumerate(lines)]


def footer(ended: TurnEnded, kept: str, cost: float | None) -> str:
    """One line for a person at the end of a run. kept: where the session is, in words."""
    use = ended.usage
    cached = f", {use.cache_read * 100 // use.context} % cached" if use.context else ""
    price = f", ${cost:.4f}" if cost is not None else ""
    checked = {"": "", "passed": " · verified"}.get(ended.verified, " · NOT VERIFIED")
    return (
        f"{count(ended.steps, 'step')}, {meter(ended.returned, ended.issued, ended.folded)}, "
        f"{use.context:,} tokens in{cached}, {use.output:,} out{price}{checked} · {kept}"
    )


def folded(before: int, after: int, thoughts: int, clipped: int) -> str:
    """A fold in a line."""
    what = f"{count(clipped, 'old output')} shortened" if clipped else f"folded, {count(thoughts, 'thought')} with it"
    return f"{what}: about {before:,} tokens → {after:,}. Nothing is lost: recall finds it, unfold undoes it."


def meter(returned: int, issued: int, folded: int) -> str:
    """How many of M2's thoughts the next request gives back unchanged, of all it had."""
    return f"thought {returned}/{issued}" + (f" ({folded} folded)" if folded else "")


def stderr_colour() -> bool:
    return _colour(sys.stderr.isatty())


def stdout_colour() -> bool:
    return _colour(sys.stdout.isatty())


def _colour(terminal: bool) -> bool:
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def brief(arguments: dict[str, Any]) -> str:
    """A call's arguments in a line; a file's whole content is no part of it."""
    words = []
    for name, value in arguments.items():
        if name in _LONG:
            continue
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = " ".join(value)
        words.append(value if isinstance(value, str) else f"{name}={json.dumps(value, ensure_ascii=False)}")
    line = " ".join(" ".join(words).split())
    return line if len(line) <= 100 else line[:99] + "…"


def _summary(block: Show, result: ToolResult) -> str:
    """What a block says of the whole call, "" if nothing."""
    match block:
        case Tests(passed, failed, skipped, _, flaky):
            more = f", {flaky} flaky" * bool(flaky) + f", {skipped} skipped" * bool(skipped)
            return f"{passed} passed, {failed} failed{more}"
        case Output(text):  # it follows; the tool's own remark on it stands in brackets at the end
            said = result.text.rstrip().split("\n")
            last = next((line for line in reversed(said) if not line.startswith("[note: ")), "")  # what was mended
            return last.strip("[]") if last.startswith("[") else count(len(text.splitlines()), "line")
        case Line(text) if not result.failed and not text.startswith(REPAIRED):
            return text
    return ""


def _first(text: str) -> str:
    line = next((part for part in text.split("\n") if part.strip()), "(no output)").strip()
    return line if len(line) <= 120 else line[:119] + "…"
