"""The panel that asks whether a call may run: all of it to be read, the choices below it, and "no" unless told else."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input

from minicode.events import Answer, Asked
from minicode.tui.asking import is_change, rule, title, told
from minicode.tui.calm import ALONE
from minicode.tui.keymap import bindings, keys_of
from minicode.tui.palette import Palette
from minicode.tui.panel import Panel
from minicode.tui.permitting import MARGIN, Growing, Plan, choices, flowing, listed, standing
from minicode.tui.rows import Line, Row, lay

_READABLE = 4  # rows of the call that are worth a panel with a choice on each row
_PATIENCE = 0.02  # seconds that a very long call is laid out at a time
_RULE = 2  # rows of a rule that stand beside the choices; a longer one is read with the call


class Approval(Panel):
    """Shows what was asked, one after the other."""

    DEFAULT_CSS = """
    Approval { border-left: outer $warning; }
    Approval.-host { border-left: outer $error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("approval")]

    class Answered(Message):
        """The user has chosen. The panel has gone on to the next one, if any waits."""

        def __init__(self, call_id: str, answer: Answer) -> None:
            self.call_id = call_id
            self.answer = answer
            super().__init__()

    def __init__(self, palette: Palette, *, alone: float = ALONE, **how: Any) -> None:
        """alone: as ALONE; 0 waits for nothing. how: as of a Panel."""
        super().__init__(palette, **how)
        self._alone = alone
        self._pending = ""  # an answer by a letter that is alone so far
        self._begun = ""  # what the last key wrote
        self._waiting: list[Asked] = []
        self._answered = 0  # questions since there was none
        self._chosen = 0  # place among the choices
        self._top = 0  # first row of the sheet that is seen
        self._is_change = self._raw = False
        self._sheets: dict[tuple[int, bool], Growing] = {}
        self._plan: tuple[int, int, Plan] | None = None

    @property
    def waiting(self) -> int:
        """How many are asked for, the one that is shown among them."""
        return len(self._waiting)

    @property
    def asks(self) -> bool:
        return bool(self._waiting)

    def ask(self, asked: Asked) -> None:
        """Show it, or let it wait for those before it."""
        self._waiting.append(asked)
        if len(self._waiting) == 1:
            self._answered = 0
            self._present()
        else:
            self._changed()

    def forget(self, call_id: str = "") -> None:
        """It is settled elsewhere, as by an interruption. Without an id: all are."""
        shown = self._waiting[:1]
        self._waiting = [asked for asked in self._waiting if call_id and asked.call.id != call_id]
        if self._waiting[:1] != shown:
            self._present()
        else:
            self._changed()

    def _present(self) -> None:
        """The first that waits, from its beginning, with "no" chosen."""
        self._chosen, self._top, self._pending = 0, 0, ""
        self._raw = False
        self._sheets.clear()
        self.set_class(self.asks and self._waiting[0].wants == "host", "-host")
        self._is_change = self.asks and is_change(self._waiting[0])
        super()._present()

    def _worked(self) -> bool:
        sheet = self._planned(*self.size).sheet
        sheet.for_a_while(_PATIENCE)
        return sheet.done

    def on_resize(self) -> None:
        self._watch()

    def on_key(self, event: events.Key) -> None:
        """Before the bindings see it. A letter is an answer only if it stays alone: one that begins a word is none."""
        text = event.character if event.is_printable and event.character else ""
        words = bool(text) and event.key not in self.screen.active_bindings
        begun, self._begun = self._begun, text
        if not self._waiting or (self.ready and not self._pending and not words):
            return
        if self._pending and event.key == "enter":
            event.stop()
            event.prevent_default()
            self._decide(self._pending)
            return
        said = begun + text if self._pending else text
        self._pending, self._chosen = "", 0
        self._not_meant(event, said)

    def _changed(self) -> None:
        self._plan = None
        super()._changed()

    def _height(self, width: int, most: int) -> int:
        return self._planned(width, most).height

    def _planned(self, width: int, most: int) -> Plan:
        """What fits into so many rows: the choices always, the call in a window, if need be a very small one."""
        if self._plan is None or self._plan[:2] != (width, most):
            self._plan = width, most, self._fitted(width, most)
        return self._plan[2]

    def _fitted(self, width: int, most: int) -> Plan:
        asked, offered = self._waiting[0], choices(self._waiting[0])
        heading = Line((*title(asked), *standing(self._answered, len(self._waiting), self.ready)))
        head = lay([heading], width)
        kept = rule(asked)
        apart = len(lay([kept], width)) > _RULE
        sheet = self._sheet(width, apart)
        beside = Line(()) if apart else kept
        foot, places = listed(offered, self._chosen, width, keys_of(self, "approval"), beside, self.ready, self.signs)
        rows = len(sheet.upto(most))
        free = most - len(head) - len(foot) - 1
        if free >= min(_READABLE, rows):
            return Plan(head, [], sheet, min(rows, free), True, foot, places)
        foot, places = flowing(offered, self._chosen, width, self.ready, self.signs)
        room = max(width - MARGIN, 1)
        sheet, lead = self._sheet(room, True), lay([heading], room)
        rows = len(lead) + len(sheet.upto(most))
        return Plan([], lead, sheet, min(rows, max(most - len(foot), 1)), False, foot, places)

    def _sheet(self, width: int, with_rule: bool) -> Growing:
        key = width, with_rule
        if key not in self._sheets:
            if len(self._sheets) > 2:  # of another size of the terminal
                self._sheets.clear()
            lines = told(self._waiting[0], raw=self._raw, with_rule=with_rule, signs=self.signs)
            self._sheets[key] = Growing(lines, width)
        return self._sheets[key]

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if not self._waiting or not width:
            return Strip.blank(width, self.rich_style)
        plan = self._planned(width, height)
        self._top = top = plan.within(self._top)
        at = y - len(plan.head)
        if at < 0:
            return self._painted(plan.head[y], width)
        if at < plan.window:
            row = plan.row(top + at)
            if plan.gap or at < plan.window - 1:
                return self._painted(row, width)
            room = max(width - MARGIN, 0)
            return Strip.join([self._painted(row, room), self._painted(plan.margin(top, self.signs), width - room)])
        if plan.gap and at == plan.window:
            more = "" if not self._is_change else "the change (r)" if self._raw else "as M2 wrote it (r)"
            return self._painted(plan.below(top, more, self.signs), width)
        at -= plan.window + plan.gap
        return self._painted(plan.foot[at] if at < len(plan.foot) else Row(()), width)

    def action_move(self, by: int) -> None:
        """The choice above or below; from the line of words back to the choices."""
        if words := self.query(Input):
            words.remove()
            self.focus()
        else:
            self._chosen = (self._chosen + by) % len(choices(self._waiting[0]))
        self._changed()

    def action_choose(self) -> None:
        self._decide(choices(self._waiting[0])[self._chosen].answer)

    def action_answer(self, how: str) -> None:
        """how: the answer of a Choice; one that is not offered is none. A yes counts in a moment, if no key follows."""
        offered = [choice.answer for choice in choices(self._waiting[0])]
        if how == "no" or not self._alone:
            self._decide(how)
        elif how in offered:
            self._pending, self._chosen = how, offered.index(how)
            self._changed()
            self.set_timer(self._alone, lambda: self._decide(how) if self._pending == how else None)

    def _decide(self, how: str) -> None:
        self._pending = ""
        offered = [choice.answer for choice in choices(self._waiting[0])] if self._waiting else []
        if how not in offered:
            return
        if how == "deny":
            self._answer(Answer(False))
        elif how != "no":
            self._answer(Answer(True, how))
        elif not self.query(Input):
            self._chosen = offered.index(how)
            self._changed()
            words = Input(placeholder="No. What M2 should do instead, or just Enter", compact=True)
            self.mount(words)
            words.focus()

    def on_paste(self, event: events.Paste) -> None:
        """A paste is never an answer."""
        event.stop()
        self.post_message(self.Typed(event.text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.display:  # else it goes, as the question is settled
            self._answer(Answer(False, say=event.value.strip()))

    def _answer(self, answer: Answer) -> None:
        asked = self._waiting.pop(0)
        self._answered += 1
        self._present()
        self.post_message(self.Answered(asked.call.id, answer))

    def action_raw(self) -> None:
        """A change of a file as a diff, or as M2 wrote it."""
        self._raw, self._top = not self._raw, 0
        self._sheets.clear()
        self._watch()
        self._changed()

    def _scroll(self, *, pages: int = 0, rows: int = 0) -> None:
        if self._waiting:
            plan = self._planned(*self.size)
            self._top = plan.within(self._top + rows + pages * max(plan.window - 1, 1))
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = event.get_content_offset(self)
        chosen = self._planned(*self.size).at(at.x, at.y) if at and self._waiting else None
        if chosen and self.ready:
            self._decide(chosen.answer)
