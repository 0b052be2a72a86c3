"""What is in a session, beside the list of sessions: its facts, its todos, what was said and how it was answered."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from minicode.text import clean, count
from minicode.tui.cards import Card, Exchange, Look, one_line, size

_FIRST, _LAST = 1, 8  # exchanges that are shown
_SAID, _ANSWER, _TODOS = 300, 400, 8
_STATES = {"completed": ("✓ ", "$success"), "in_progress": ("▸ ", "$primary"), "pending": ("○ ", "dim")}


class Preview(VerticalScroll, can_focus=False):
    DEFAULT_CSS = """
    Preview { padding: 0 1 0 2; border-left: solid $foreground 15%; scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 20%; scrollbar-background: $background; }
    Preview > Static { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._told = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._told

    def show(self, card: Card | None, look: Look | None = None, trouble: str = "") -> None:
        """look: None while it is being read. trouble: why it cannot be."""
        text = Content("") if card is None else told(card, look, trouble)
        self._told.update(text)
        self.scroll_home(animate=False)


def told(card: Card, look: Look | None, trouble: str = "") -> Content:
    parts = [Content.styled(one_line(card.title), "bold"), Content.styled(one_line(card.folder), "dim")]
    if look is None:
        facts = f"{count(card.turns, 'turn')} · {size(card.size)}"
        parts += [Content.styled(facts, "dim"), Content(""), Content.styled(clean(trouble) or "…", "$warning")]
        return Content("\n").join(parts)
    steps = sum(exchange.steps for exchange in look.exchanges)
    facts = f"{count(card.turns, 'turn')} · {count(steps, 'step')} · thought {look.given}/{look.issued}"
    parts.append(Content.styled(f"{facts} · {size(card.size)}", "dim"))
    parts.append(Content.styled(card.id, "dim"))
    if look.in_use:
        parts.append(Content.styled(f"in use by {clean(look.in_use)}", "$warning"))
    if look.damaged:
        parts.append(Content.styled(f"{count(look.damaged, 'line')} of it cannot be read", "$warning"))
    parts += _todos(look.todos)
    parts += _exchanges(look.exchanges)
    return Content("\n").join(parts)


def _todos(todos: tuple[tuple[str, str], ...]) -> list[Content]:
    if not todos:
        return []
    done = sum(state == "completed" for _, state in todos)
    lines = [Content(""), Content.styled(f"{done} of {len(todos)} todos done", "dim")]
    for text, state in todos[:_TODOS]:
        mark, style = _STATES.get(state, _STATES["pending"])
        lines.append(Content.assemble((mark, style), one_line(text)))
    if todos[_TODOS:]:
        lines.append(Content.styled(f"and {len(todos) - _TODOS} more", "dim"))
    return lines


def _exchanges(exchanges: tuple[Exchange, ...]) -> list[Content]:
    left_out = len(exchanges) - _FIRST - _LAST
    lines: list[Content] = []
    for number, one in enumerate(exchanges):
        if _FIRST <= number < _FIRST + left_out:
            if number == _FIRST:
                lines += [Content(""), Content.styled(f"… {count(left_out, 'message')} between …", "dim")]
            continue
        lines += [Content(""), Content.assemble(("› ", "$primary bold"), _short(one.said, _SAID))]
        if one.answer:
            lines.append(Content.styled(_short(one.answer, _ANSWER), "dim"))
    return lines


def _short(text: str, most: int) -> str:
    line = one_line(text[: 2 * most])
    return line if len(line) <= most else f"{line[: most - 1]}…"
