"""The status line: what works where, how far it may go and what it has cost; as much of it as the width holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from minicode.text import clean
from minicode.tui.palette import Palette
from minicode.tui.rows import Span
from minicode.tui.themes import palette_of, plain_signs

HINTED = 2.0  # seconds that a hint is seen
TICK = 0.25  # seconds between two pictures while something runs; none at all while nothing does
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_CELLS = 5  # of the bar of the context
_LONGEST = 32  # cells of a name from outside
_TOLD = 48  # cells of what holds the commands
_TIGHT, _FULL = 0.8, 0.95  # shares of the context: folds come near, nothing more goes in
_MODES = {"plan": "good", "acceptEdits": "warning", "auto": "warning", "bypassPermissions": "bad"}
_SEPARATOR = Span(" · ", "rule")
# What gives way when it gets narrow, first to last; a part with a dot only becomes shorter.
_GIVES_WAY = (
    *("speed", "cache", "doing", "thought.", "branch", "cost", "context.", "model."),
    *("model", "thought", "sandbox", "context", "elapsed", "mode"),
)
_RIGHT = ("thought", "context", "cache", "cost", "speed", "branch")


class Figures(NamedTuple):
    """What is known now. None and "" are unknown, and not shown.

    sandbox: what holds the commands, in words; loose: less than was asked for, or nothing. context, cached: shares, 0
    to 1. thoughts, returned, folded: how many the model had, how many of them go back to it as they were, and how many
    a fold stands for. cost: dollars. speed: tokens a second. dirty: changed files on the branch. doing: what runs.
    """

    model: str = ""
    mode: str = ""
    sandbox: str = ""
    loose: bool = False
    context: float | None = None
    thoughts: int = 0
    returned: int = 0
    folded: int = 0
    cached: float | None = None
    cost: float | None = None
    speed: float | None = None
    branch: str = ""
    dirty: int = 0
    doing: str = ""


class Repo(Protocol):
    async def look(self) -> tuple[str, int] | None:
        """(name of the branch, number of changed files); None if there is no git here, or no answer in time."""
        ...


class Part(NamedTuple):
    """One figure as it is shown. short: the same in fewer cells, () if there is no such thing."""

    name: str
    spans: tuple[Span, ...]
    short: tuple[Span, ...] = ()


class Status(Widget):
    """Set `figures` when they change, `run(True)` when a turn begins and `run(False)` when it ends."""

    DEFAULT_CSS = """
    Status {
        height: 1;
        padding: 0 1;
        background: $background;
        color: $foreground;
    }
    """

    class Clicked(Message):
        """The mouse asks to change what a part shows: "model", "mode", "sandbox", "thought", "context", …"""

        def __init__(self, part: str) -> None:
            self.part = part
            super().__init__()

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._figures = Figures()
        self._since: float | None = None
        self._took: float | None = None
        self._timer: Timer | None = None
        self._hint = ""
        self._hinting: Timer | None = None
        self._palette = Palette({}, mono=True)
        self._plain = False
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        self._dress()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._dress())

    @property
    def figures(self) -> Figures:
        return self._figures

    @figures.setter
    def figures(self, figures: Figures) -> None:
        if figures != self._figures:
            before, self._figures = self._figures, figures
            if self._since is None or figures.doing != before.doing:  # else the next tick shows it
                self.refresh()

    @property
    def running(self) -> bool:
        return self._since is not None

    def run(self, on: bool) -> None:
        """A turn has begun, or ended. The time it took stays until the next one."""
        if on == self.running:
            return
        if on:
            self._since = self._clock()
            self._timer = self.set_interval(TICK, self.refresh)
        elif self._since is not None:
            self._took, self._since = self._clock() - self._since, None
            if self._timer:
                self._timer.stop()
                self._timer = None
        self.refresh()

    def hint(self, text: str, seconds: float = HINTED) -> None:
        """Say something in the place of model, mode and sandbox, for a moment."""
        self._hint = clean(text)
        self.refresh()
        if self._hinting:
            self._hinting.stop()
        self._hinting = self.set_timer(seconds, self._unhint)

    def _unhint(self) -> None:
        self._hint, self._hinting = "", None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        since = None if self._since is None else self._clock() - self._since
        found = parts(self._figures, since, self._took, self._plain)
        if self._hint:
            found = [Part("hint", (Span(self._hint, "strong"),)), *(part for part in found if part.name in _RIGHT)]
        spans, self._places = fit(found, width)
        base = self.rich_style
        segments = [Segment(text, base + self._palette.style(style)) for text, style in spans]
        return Strip(segments).adjust_cell_length(width, base)

    def on_click(self, event: events.Click) -> None:
        x = event.x - self.styles.padding.left
        if part := next((name for begin, end, name in self._places if begin <= x < end), ""):
            event.stop()
            self.post_message(self.Clicked(part))

    def _dress(self) -> None:
        self._palette = palette_of(self.app)
        self._plain = plain_signs(self.app.current_theme)
        self.refresh()


def parts(figures: Figures, since: float | None, took: float | None, plain: bool = False) -> list[Part]:
    """The line from left to right. since, took: seconds of the running turn, or of the last one. plain: no signs."""
    return [*_work(figures, since, took, plain), *_costs(figures, plain)]


def _work(f: Figures, since: float | None, took: float | None, plain: bool) -> list[Part]:
    found = []
    if since is not None:
        sign = "working" if plain else _SPINNER[int(since / TICK) % len(_SPINNER)]
        found.append(Part("elapsed", (Span(f"{sign} ", "thought.mark"), Span(lasted(since)))))
    elif took is not None and took >= 1:
        found.append(Part("elapsed", (Span(f"took {lasted(took)}", "dim"),)))
    if f.doing and since is not None:
        found.append(Part("doing", (Span(_name(f.doing), "dim"),)))
    if f.model:
        found.append(Part("model", (Span(_name(f.model)),), (Span(_name(f.model.rpartition("/")[2])[:12]),)))
    if f.mode:
        found.append(Part("mode", (Span(_name(f.mode), _MODES.get(f.mode, "dim")),)))
    if f.sandbox:
        found.append(Part("sandbox", (Span(_name(f.sandbox, _TOLD), "bad" if f.loose else "dim"),)))
    return found


def _costs(f: Figures, plain: bool) -> list[Part]:
    found = []
    if f.thoughts:
        found.append(_thoughts(f))
    if f.context is not None:
        found.append(_context(f.context, plain))
    if f.cached is not None:
        found.append(Part("cache", (Span(f"cache {f.cached:.0%}", "dim"),)))
    if f.cost:
        found.append(Part("cost", (Span(dollars(f.cost), "dim"),)))
    if f.speed:
        found.append(Part("speed", (Span(f"{f.speed:.0f} tok/s", "dim"),)))
    if f.branch:
        changed = (f", {f.dirty} changed" if plain else f"*{f.dirty}") if f.dirty else ""
        found.append(Part("branch", (Span(_name(f.branch), "dim"), Span(changed, "warning"))))
    return found


def _thoughts(f: Figures) -> Part:
    """Promised: every thought goes back. What does not is seen at once."""
    whole = Span(f"thought {f.returned:,}/{f.thoughts:,}", "dim" if f.returned + f.folded >= f.thoughts else "warning")
    folded = (Span(f" ({f.folded:,} folded)", "dim"),) if f.folded else ()
    return Part("thought", (whole, *folded), (whole,))


def _context(share: float, plain: bool) -> Part:
    style = "bad" if share >= _FULL else "warning" if share >= _TIGHT else "dim"
    percent = Span(f"{share:.0%}", style)
    if plain:
        return Part("context", (Span("context ", style), percent))
    filled = min(round(share * _CELLS), _CELLS)
    bar = (Span("━" * filled, style), Span("─" * (_CELLS - filled), "rule"), Span(" "))
    return Part("context", (*bar, percent), (percent,))


def fit(found: list[Part], width: int) -> tuple[list[Span], list[tuple[int, int, str]]]:
    """The spans of a line of this width, and (begin, end, name) of the parts in it, in cells."""
    shown = {part.name: part for part in found}
    away: list[Part] = []
    for name in _order(found):
        if _width(shown.values()) <= width or len(shown) == 1:
            break
        if name.endswith(".") and (part := shown.get(name[:-1])):
            shown[part.name] = part._replace(spans=part.short or part.spans)
        elif name in shown:
            away.append(shown.pop(name))
    for part in reversed(away):  # there may be room for it, where a longer one had none
        if _width([*shown.values(), part]) <= width:
            shown[part.name] = part
    kept = [shown[part.name] for part in found if part.name in shown]
    left = [part for part in kept if part.name not in _RIGHT]
    right = [part for part in kept if part.name in _RIGHT]
    spans, places = _joined(left, 0)
    begin = max(width - _width(right), 0) if left else 0
    more, others = _joined(right, begin)
    gap = begin - sum(cell_len(text) for text, _ in spans)
    return [*spans, Span(" " * gap), *more], [*places, *others]


def _order(found: list[Part]) -> tuple[str, ...]:
    """A sandbox that does not hold is the last thing to be left out."""
    loose = any(part.name == "sandbox" and part.spans[0].style == "bad" for part in found)
    return (*(name for name in _GIVES_WAY if name != "sandbox"), "sandbox") if loose else _GIVES_WAY


def _width(found: Collection[Part]) -> int:
    cells = sum(cell_len(text) for part in found for text, _ in part.spans)
    return cells + cell_len(_SEPARATOR.text) * max(len(found) - 1, 0)


def _joined(found: list[Part], begin: int) -> tuple[list[Span], list[tuple[int, int, str]]]:
    spans: list[Span] = []
    places = []
    for part in found:
        if spans:
            spans.append(_SEPARATOR)
            begin += cell_len(_SEPARATOR.text)
        end = begin + sum(cell_len(text) for text, _ in part.spans)
        places.append((begin, end, part.name))
        spans += part.spans
        begin = end
    return spans, places


def _name(text: str, longest: int = _LONGEST) -> str:
    """One line, safe, and of a length that a line can bear."""
    text = clean(" ".join(text.split()))
    return text if cell_len(text) <= longest else f"{set_cell_size(text, longest - 1).rstrip()}…"


def lasted(seconds: float) -> str:
    """`12s`, `1:05`, `2:00:09`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def dollars(cost: float) -> str:
    """`$0.0042`, `$0.31`, `$12.40`: never less than what is known, never more digits than help."""
    return f"${cost:.4f}" if cost < 0.01 else f"${cost:,.2f}"
