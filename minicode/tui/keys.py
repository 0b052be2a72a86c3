"""What the keys of the whole screen do; which key does it is in `keymap`. Each method is an action of that table."""

from __future__ import annotations

import time

from minicode.tui.conversation import Conversation

TWICE = 1.5  # seconds between two presses of a key that belong together
MODES = ("default", "acceptEdits", "auto", "plan")


class Keys:
    def __init__(self, screen: Conversation) -> None:
        self._screen = screen
        self._pressed: dict[str, float] = {}

    def _twice(self, key: str) -> bool:
        now = time.monotonic()
        again = now - self._pressed.get(key, -TWICE) < TWICE
        self._pressed[key] = -TWICE if again else now
        return again

    def interrupt(self) -> None:
        """What is open closes; else what runs stops at once; else, twice, back in time."""
        screen = self._screen
        bar = screen.search
        if screen.prompt.close():
            return
        if bar.has_class("-shown"):
            bar.action_close()
        elif screen.ask.has_class("-shown"):
            screen.ask.action_nothing()
        elif screen.stop():
            return
        elif not screen.prompt.has_focus_within:
            screen.transcript.mark(None)
            screen.prompt.focus()
        elif not screen.prompt.value and self._twice("interrupt"):
            screen.work_on("rewind")

    def clear_or_quit(self) -> None:
        screen = self._screen
        if selected := screen.get_selected_text():
            screen.app.copy_to_clipboard(selected)
            screen.clear_selection()
        elif not screen.showing.panel and screen.prompt.clear():
            self._pressed.pop("clear_or_quit", None)
        elif self._twice("clear_or_quit"):
            screen.run_worker(screen.app.action_quit())
        elif not screen.stop():
            screen.status.hint("Once more to quit", TWICE)

    def quit_if_empty(self) -> None:
        if not self._screen.prompt.value:
            self._screen.run_worker(self._screen.app.action_quit())

    def next_mode(self) -> None:
        if turns := self._screen.turns:
            mode = turns.session.gate.standing.mode
            place = MODES.index(mode) + 1 if mode in MODES else 0
            turns.session.set_mode(MODES[place % len(MODES)])
            self._screen.showing.settle()

    def next_thinking(self) -> None:
        self._screen.work_on("obey", "/thinking")

    def expand(self) -> None:
        self._screen.look(opened=not self._screen.transcript.look.opened)

    def todos(self) -> None:
        panel = self._screen.todos
        panel.show(self._screen.story.todos)
        panel.toggle_class("-shown")

    def background(self) -> None:
        turns = self._screen.turns
        if not (turns and turns.background()):
            self._screen.status.hint("No command runs")

    def command_palette(self) -> None:
        self._screen.app.action_command_palette()

    def search(self) -> None:
        self._screen.search.open()

    def redraw(self) -> None:
        self._screen.transcript.repaint()
        self._screen.refresh(repaint=True, layout=True)

    def suspend_process(self) -> None:
        self._screen.app.action_suspend_process()

    def page_up(self) -> None:
        if panel := self._screen.showing.panel:
            panel.action_page_up()
        else:
            self._screen.transcript.scroll_page_up(animate=False)

    def page_down(self) -> None:
        if panel := self._screen.showing.panel:
            panel.action_page_down()
        else:
            self._screen.transcript.scroll_page_down(animate=False)

    def mark_up(self) -> None:
        self._screen.transcript.marked_next(-1)
        self._screen.transcript.focus()

    def mark_down(self) -> None:
        self._screen.transcript.marked_next(1)
        self._screen.transcript.focus()
