"""The blocks of what M2 says and does: an answer as it is written, and a call with its arguments, output and result."""

from __future__ import annotations

import json
from collections.abc import Sequence

from minicode.colours import Mark
from minicode.messages import Call, ToolResult
from minicode.plain import brief
from minicode.show import Diff, Line, Output, Show, Tests, Todos
from minicode.text import clean
from minicode.tui.blocks import Block, Look
from minicode.tui.printing import Printed
from minicode.tui.rows import Line as Text
from minicode.tui.rows import Row, Span, lay

_ALWAYS = (Diff, Tests, Todos)  # what is seen though the call is folded
_SEEN = 40  # rows of one of those before it has to be opened
_MOST = 2_000  # rows of an opened one
_NAME = 24  # characters of an argument's name
_ARGUMENT = 20_000  # characters of an argument that are shown
# The signs before a call, and the words that stand for them where signs are not wanted.
SIGNS = {
    "wait": ("○", "asks"),
    "run": ("◐", "runs"),
    "good": ("●", "done"),
    "bad": ("✗", "failed"),
    "no": ("⊘", "refused"),
}


class Answer(Block):
    """Words of M2's to the user, in Markdown. void: it was cut off and does not count."""

    kind = "answer"

    def __init__(self, step: int, text: str = "", *, running: bool = False) -> None:
        super().__init__(step)
        self.running = running
        self.void = False
        self._parts: list[str] = []
        self._growing: _Growing | None = None
        self.append(text)

    def append(self, text: str) -> None:
        if not text:
            return
        self._parts.append(text)
        if self.running:
            self._growing = self._growing or _Growing()
            self._growing.flow.append(text)

    def finish(self) -> None:
        self.running = False
        if self._growing:
            self._growing.flow.finish()

    def words(self) -> str:
        self._parts = ["".join(self._parts)]
        return self._parts[0]

    def rows(self, width: int, look: Look) -> list[Row]:
        from minicode.tui.markdown import render

        laid = self._growing.rows(width) if self._growing else lay(render(self.words(), width), width)
        if not self.running:
            self._growing = None  # it was kept for this: to make all of a long answer anew would hold the screen up
        found = [*[Row(())] * self.gap, *laid]
        return [*found, *lay([_void()], width)] if self.void else found


class _Growing:
    """An answer while it is written: what cannot change any more is laid out once."""

    def __init__(self) -> None:
        from minicode.tui.markdown import Flow

        self.flow = Flow()
        self._laid: list[Row] = []
        self._lines: list[Text] = []
        self._done = 0

    def rows(self, width: int) -> list[Row]:
        stable, tail = self.flow.lines(width)
        if stable is not self._lines:  # another width
            self._laid, self._lines, self._done = [], stable, 0
        self._laid += lay(stable[self._done :], width)
        self._done = len(stable)
        return [*self._laid, *lay(tail, width)]


def _void() -> Text:
    return Text((Span("(this answer was cut off and does not count)", "warning"),))


class Doing(Block):
    """A call. state: a key of SIGNS. summary: its outcome in a few words."""

    kind = "call"

    def __init__(self, step: int, name: str, call: Call | None = None) -> None:
        super().__init__(step)
        self.name = name
        self.call = call
        self.state = "run"
        self.running = True
        self.seconds = 0.0
        self.summary = ""
        self.reason = ""
        self.repairs: tuple[str, ...] = ()
        self.result: ToolResult | None = None
        self.show: tuple[Show, ...] = ()
        self.alarms: list[str] = []
        self.live = Printed()
        self._forming = 0

    def forming(self, fragment: str) -> None:
        self._forming += len(fragment)

    def say(self, text: str, over: bool = False, colours: tuple[Mark, ...] = ()) -> None:
        """A piece of live output, as in `events.CallSaid`."""
        self.live.say(text, over, colours)

    def done(self, result: ToolResult, show: tuple[Show, ...], seconds: float) -> None:
        self.result, self.show, self.seconds = result, show, seconds
        self.running, self.live = False, Printed()
        if self.state != "no":
            self.state = "bad" if result.failed else "good"

    def ended(self, summary: str, output: Output, *, failed: bool) -> None:
        """A command of the user's own has ended."""
        self.state, self.running, self.live = ("bad" if failed else "good"), False, Printed()
        self.summary, self.show = summary, (output,) if output.text else ()
        self.open = True

    def title(self) -> str:
        """The call in a line."""
        return one_line(f"{self.name} {brief(dict(self.call.arguments))}" if self.call else self.name)

    def lines(self, width: int, look: Look) -> Sequence[Text]:
        found = [self._head(look)]
        if self.reason:
            found += _inside(_bad(self.reason))
        for alarm in self.alarms:
            found += _inside(_bad(alarm))
        opened = self.opened(look)
        if opened and self.call:
            found += _inside(_arguments(self.call))
        if self.running:
            found += _inside(self.live.lines())
        found += _inside(self._shown(width - 4, look, opened))
        return found

    def opened(self, look: Look) -> bool:
        return look.opened if self.open is None else self.open

    def _head(self, look: Look) -> Text:
        sign, word = SIGNS[self.state]
        style = {"good": "good", "bad": "bad", "no": "bad"}.get(self.state, "thought.mark")
        name, _, rest = self.title().partition(" ")
        parts = [Span(f"{sign if look.signs else word} ", style), Span(name, "call"), Span(f" {rest}" if rest else "")]
        after = [self.summary] if self.summary else []
        if self.running and not self.call and self._forming:
            after.append(f"writing, {self._forming:,} characters")
        if self.seconds >= 0.1:
            after.append(f"{self.seconds:.1f} s")
        if self.repairs:
            after.append(f"repaired: {one_line('; '.join(self.repairs))}")
        if after:
            parts.append(Span(f"  {' · '.join(after)}", "dim" if self.state != "bad" else "bad"))
        return Text(tuple(parts), (), (Span("  "),))

    def _shown(self, width: int, look: Look, opened: bool) -> list[Text]:
        from minicode.tui.shows import lines_of

        found: list[Text] = []
        for block in self.show:
            if isinstance(block, Line) and clean(block.text).strip().split("\n")[0].endswith(self.summary or "\n"):
                continue
            if (
                not opened
                and not isinstance(block, _ALWAYS)
                and not (isinstance(block, Output) and self.state == "bad")
            ):
                continue
            most = _MOST if opened else _SEEN
            lines = lines_of(block, width, opened, split=look.split(width), signs=look.signs, most=most)
            found += lines[1:] if isinstance(block, Tests) else lines  # how many passed is in the head
        if opened and self.result and not any(isinstance(block, Output | Diff) for block in self.show):
            found += lines_of(Output(self.result.text), width, True, signs=look.signs)
        return found

    def guess(self, width: int, look: Look) -> int:
        if not self.opened(look):
            return self.gap + 1 + sum(5 for block in self.show if isinstance(block, _ALWAYS))
        text = self.result.text if self.result else ""
        return self.gap + 3 + min(text.count("\n") + len(text) // width, _MOST)

    def words(self) -> str:
        parts = [self.title()]
        if self.call:
            parts += [value for value in self.call.arguments.values() if isinstance(value, str)]
        if self.result:
            parts.append(self.result.text)
        return "\n".join([*parts, self.reason, *self.alarms]).strip()

    def toggle(self, look: Look) -> bool:
        self.open = not self.opened(look)
        return True

    def follow(self, hit: str) -> bool:
        """What its title tells too is no reason to open it."""
        if self.open or hit in self.title().lower():
            return False
        self.open = True
        return True


def one_line(text: str) -> str:
    return clean(" ".join(text.split()))


def _bad(text: str) -> list[Text]:
    return [Text((Span(line, "bad"),)) for line in clean(text).split("\n")]


def _inside(lines: Sequence[Text]) -> list[Text]:
    """Below its head, set in."""
    margin = (Span("    "),)
    return [line._replace(first=(*margin, *line.first), rest=(*margin, *(line.rest or line.first))) for line in lines]


def _arguments(call: Call) -> list[Text]:
    found: list[Text] = []
    for name, value in call.arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        rows = clean(text[:_ARGUMENT]).split("\n")
        more = f" … {len(text) - _ARGUMENT:,} more characters" if len(text) > _ARGUMENT else ""
        label = (Span(f"{one_line(name)[:_NAME]}: ", "dim"),)
        blank = (Span(" " * len(label[0].text)),)
        found += [Text((Span(row),), blank if number else label, blank) for number, row in enumerate(rows)]
        if more:
            found.append(Text((Span(more, "dim"),), blank))
    return found
