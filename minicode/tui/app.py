"""The program on the screen: themes, keys, and which session is open. What is said and done in it is `conversation`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import Any

from textual import on, work
from textual.app import App, SystemCommand
from textual.screen import Screen

from minicode.tui import keymap, themes
from minicode.tui.answers import Ground
from minicode.tui.bell import Bell
from minicode.tui.conversation import Conversation
from minicode.tui.desk import Desk, NoKey, Opened, Wishes
from minicode.tui.keeping import Kept
from minicode.tui.keys import Keys

DEMO = -1  # what `run` returns if the demo is wanted


class MinicodeApp(App[int]):
    """`run` returns the exit code, or DEMO. first: what to say at once. trouble: why it could not go on, for whoever
    ran it to say when the screen is gone."""

    CSS = themes.CSS
    TITLE = "minicode"
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, desk: Desk, first: str | None = None, **options: Any) -> None:
        super().__init__(ansi_color=themes.native_colours(os.environ), **options)
        self.desk = desk
        self.trouble: Exception | None = None
        self.kept = Kept(desk.places.ui)
        for theme in themes.own():
            self.register_theme(theme)
        self._light: bool | None = None  # is the terminal's background? None: it has not said
        self._theme_wanted = self.kept.theme
        self._fitting = ""  # the theme that was put on because it fits the terminal
        self._put_on()
        self.ringer = Bell(self)
        self.conversation = Conversation(desk, self.ringer, first)
        self._keys = Keys(self.conversation)
        self._early: list[str] = []  # keys of the whole screen that were pressed before it was all there
        self._open = False

    def get_default_screen(self) -> Conversation:
        return self.conversation

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda _: self._dressed())
        self.call_after_refresh(self.open)

    @work
    async def open(self) -> None:
        """After the first frame: the user's files, then the session, while keys are answered already."""
        self.ringer.begin()
        await self.conversation.furnish()
        self._dress()
        for what in self._early:
            self.action_key(what)
        problems = self._load_files()
        try:
            opened = await self._opened()
            if opened is None:
                return
            problems += self._wish(opened.wishes)
            await self.conversation.show_session(opened)
        except Exception as error:  # why: whoever ran us says it, once the screen is gone
            self.trouble = error
            self.exit(1)
            return
        for problem in problems:
            self.conversation.tell(problem, "warning")
        self._open = True

    async def _opened(self) -> Opened | None:
        while True:
            try:
                return await self.desk.open()
            except NoKey:
                from minicode.tui.firstrun import FirstRun

                chosen = await self.push_screen_wait(FirstRun(self.desk.accounts))
                if chosen is None or chosen == "demo":
                    self.exit(DEMO if chosen else 0)
                    return None

    def on_resize(self) -> None:
        """All is drawn, also if it is as large as before: made small and large again at once, a terminal has lost what
        it showed, and Textual would hear only of the end."""
        self.call_later(self.refresh, layout=True)

    def action_key(self, what: str) -> None:
        """A key of the whole screen, which is not all there in the first moment: then it waits."""
        if self.conversation.furnished:
            getattr(self._keys, what)()
        else:
            self._early.append(what)

    @on(Conversation.Wanted)
    def _wanted(self, event: Conversation.Wanted) -> None:
        from minicode.tui import words

        words.begin(self.conversation, event.what, *event.arguments)

    def on_ground(self, event: Ground) -> None:
        """The terminal told of its background: at the start, and when it has changed."""
        self._light = event.light
        if self._theme_wanted in ("", themes.AUTO):
            self._put_on()

    def _put_on(self) -> str:
        """The theme that is wanted. Returns what is wrong with the wish."""
        name, wrong = themes.first_theme(self._theme_wanted, self.available_themes, os.environ, self._light)
        self._fitting = "" if name == self._theme_wanted else name
        self.theme = name
        return wrong

    @on(themes.Dress)
    def _chosen(self, event: themes.Dress) -> None:
        """It is kept from now on."""
        self._theme_wanted = event.theme
        self.kept.put("theme", event.theme)
        self._put_on()

    def _dressed(self) -> None:
        """In another theme. If it does not come from the terminal, somebody has chosen it."""
        self._dress()
        if self._open and self.theme not in (self._fitting, self._theme_wanted):
            self._chosen(themes.Dress(self.theme))

    def _dress(self) -> None:
        screen = self.conversation
        if not screen.furnished:
            return
        palette = themes.palette_of(self)
        screen.look(signs=not themes.plain_signs(self.current_theme))
        screen.transcript.repaint(palette)
        screen.pane.repaint(palette)
        for panel in (screen.approval, screen.questions):
            panel.palette, panel.signs = palette, screen.transcript.look.signs
            panel.refresh()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """In the palette, our own words come first; those that take something are written into the prompt."""
        conversation = self.conversation
        for word in self.desk.words():
            if word.takes and not word.takes.startswith("["):
                does = partial(conversation.prompt.give, f"{word.name} ")
            else:
                does = partial(conversation.work_on, "obey", word.name)
            yield SystemCommand(word.name, word.help, does)
        yield from super().get_system_commands(screen)

    def _load_files(self) -> list[str]:
        """What is wrong in them, in sentences."""
        found, problems = themes.load_themes(self.desk.places.themes)
        for theme in found:
            self.register_theme(theme)
        self.conversation.keymap, wrong = keymap.load(self.desk.places.keys)
        self.set_keymap(keymap.keymap(self.conversation.keymap))
        self._put_on()
        return [*problems, *wrong]

    def _wish(self, wishes: Wishes) -> list[str]:
        self.ringer.how = wishes.notify
        self.conversation.look(thinking=wishes.thinking, diff=wishes.diff)
        if not wishes.theme or self.kept.theme:
            return []
        self._theme_wanted = wishes.theme
        wrong = self._put_on()
        return [wrong] if wrong else []

    async def action_quit(self) -> None:
        self.exit(0)

    async def on_unmount(self) -> None:
        """However it ends: what runs is stopped, and its end is on disk."""
        await self.conversation.leave()
