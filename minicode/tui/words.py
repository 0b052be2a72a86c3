"""What slash words, `!` and the pickers do on this screen. Words that need no screen are obeyed by the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import SuspendNotSupported

from minicode.events import CallSaid
from minicode.show import Line, Output
from minicode.text import clean, clip
from minicode.tui import commands
from minicode.tui.conversation import Conversation
from minicode.tui.doings import Doing
from minicode.tui.themes import AUTO, Dress

THINKING = ("folded", "live", "full")
_STOPPED = 130  # the exit code of what was interrupted, as shells have it
_COMMANDS = ("/verify", "/doctor", "/diff")


def begin(screen: Conversation, what: str, *arguments: Any) -> None:
    """what: a function of this module. It goes on by itself."""
    line = str(arguments[0]) if what == "obey" else ""
    own = what == "shell" or line.split(" ")[0].lower() in _COMMANDS
    screen.app.run_worker(_whole(screen, what, *arguments), name=commands.NAME if own else what, group="words")


async def _whole(screen: Conversation, what: str, *arguments: Any) -> None:
    try:
        await screen.is_furnished.wait()
        await globals()[what](screen, *arguments)
    except asyncio.CancelledError:
        if screen.app.is_running:
            screen.tell("Stopped.")
    except Exception as error:  # why: a word that breaks must not end the program
        screen.tell(f"internal error in {what}: {type(error).__name__}: {error}.", "bad")


async def obey(screen: Conversation, line: str) -> None:
    word, _, rest = line.strip().partition(" ")
    if own := _OWN.get(word.lower()):
        await own(screen, rest.strip())
        return
    if screen.turns is None:
        screen.hold("obey", line)
        return
    screen.talking.said.clear()
    screen.tell(line, "strong", gap=1)
    session = screen.turns.session
    leaf = session.journal.leaf
    if not await screen.desk.obey(line, screen.talking):
        await screen.app.action_quit()
        return
    if session is not screen.desk.opened().session:
        await screen.show_session(screen.desk.opened())
    elif word.lower() in _MOVES and leaf != session.journal.leaf:
        await screen.retell(session)
        screen.tell(line, "strong", gap=1)
        for said in list(screen.talking.said):
            screen.tell(said)
    screen.showing.settle()


async def show_help(screen: Conversation, rest: str = "") -> None:
    from minicode.tui.help import Help

    if word := await screen.app.push_screen_wait(Help(screen.desk.words(), screen.keymap)):
        screen.prompt.give(f"{word} ")


async def _resume(screen: Conversation, rest: str) -> None:
    from minicode.tui.picker import Picker

    if rest:
        await go_over(screen, rest)
        return
    current = screen.turns.session.journal.id if screen.turns else ""
    if picked := await screen.app.push_screen_wait(Picker(screen.desk.sessions, current)):
        await go_over(screen, picked.id, picked.fork)


async def go_over(screen: Conversation, key: str, fork: bool = False) -> None:
    """To another session; if that cannot be had, this one goes on."""
    if _busy(screen):
        return
    try:
        await screen.show_session(await screen.desk.go_over(key, fork))
    except ValueError as error:
        screen.tell(str(error), "bad")


async def rewind(screen: Conversation, rest: str = "") -> None:
    from minicode.tui.rewind import Rewind

    if _busy(screen):
        return
    back = await screen.app.push_screen_wait(Rewind(screen.desk.past, rest))
    if back is None:
        return
    try:
        said, lines = await screen.desk.rewind(back.message, back.conversation, back.files, back.force)
    except ValueError as error:
        screen.tell(str(error), "bad")
        return
    await screen.retell(screen.desk.opened().session)
    screen.showing.settle()
    for line in lines:
        screen.tell(line)
    if back.conversation:
        screen.prompt.give(said)


async def _tree(screen: Conversation, rest: str) -> None:
    from minicode.tui.tree import Branches

    if way := await screen.app.push_screen_wait(Branches(screen.desk.tree)):
        if way.how == "rewind":
            await rewind(screen, way.message)
        else:
            await obey(screen, f"/switch {way.message}")


async def _diff(screen: Conversation, rest: str) -> None:
    from minicode.tui.changed import blocks_of

    screen.tell(f"/diff {rest}".rstrip(), "strong", gap=1)
    try:
        words, shown = await screen.desk.changes(rest)
    except ValueError as error:
        screen.tell(str(error), "bad")
        return
    screen.tell(words)
    for block in blocks_of(shown):
        screen.story.put(block)
    if others := [block.text for block in shown if isinstance(block, Line)]:
        screen.tell("\n".join(others))


async def _theme(screen: Conversation, rest: str) -> None:
    themes = [AUTO, *sorted(screen.app.available_themes)]
    if rest in themes:
        screen.post_message(Dress(rest))
    elif rest:
        screen.tell(f"There is no theme {rest!r}; there are {', '.join(themes)}.", "warning")
    else:
        screen.app.search_themes()


async def _thinking(screen: Conversation, rest: str) -> None:
    if rest == "pane":
        screen.pane.toggle()
    elif rest in THINKING:
        screen.look(thinking=rest)
    elif rest:
        screen.tell(f"Write after /thinking one of {', '.join(THINKING)}, or pane.", "warning")
    else:
        now = THINKING.index(screen.transcript.look.thinking)
        screen.status.hint(f"thoughts: {screen.look(thinking=THINKING[(now + 1) % len(THINKING)]).thinking}")


def _busy(screen: Conversation) -> bool:
    if screen.turns is None:
        screen.tell("The session is still being opened; a moment.", "warning")
    elif screen.turns.running:
        screen.tell("A turn is running: stop it first (Esc).", "warning")
    return screen.turns is None or screen.turns.running


_OWN: dict[str, Callable[[Conversation, str], Awaitable[None]]] = {
    "/diff": _diff,
    "/help": show_help,
    "/resume": _resume,
    "/sessions": _resume,
    "/rewind": rewind,
    "/undo": rewind,
    "/tree": _tree,
    "/theme": _theme,
    "/thinking": _thinking,
}
_MOVES = ("/redo", "/switch")  # another branch is the live one after them


async def shell(screen: Conversation, command: str, private: bool) -> None:
    """The user's own command, with the user's rights. M2 hears of it with the next message, unless it is private."""
    if not command:
        return
    if screen.turns is None:
        screen.hold("shell", command, private)
        return
    before = screen.turns
    screen.tell("")
    doing = Doing(0, f"{'!!' if private else '!'} {clean(command)}")
    screen.story.put(doing)

    def live(said: CallSaid) -> None:
        doing.say(said.text, said.over, said.colours)
        screen.transcript.touch(doing)

    try:
        code, output = await screen.desk.shell(command, live)
        how = f"exit code {code}"
    except (ValueError, asyncio.CancelledError) as error:
        code, output = _STOPPED, Output(clip(doing.live.text))
        how = clean(f"stopped{f': {error}' if str(error) else ''}")
    doing.ended(how, output, failed=code != 0)
    screen.transcript.touch(doing)
    if screen.turns is not before:  # it is none of the business of the session that is open now
        screen.tell(f"`{command}`, begun in another session, ended: {how}.", gap=1)
        return
    before.session.overhear(command, code, None if private else output.text)


async def write_in_editor(screen: Conversation) -> None:
    """The terminal is the editor's meanwhile; what M2 does goes on."""
    from minicode.tui.editor import edit

    try:
        with screen.app.suspend():  # nothing may be raised in it, or the terminal is not taken back
            [text] = await asyncio.gather(asyncio.to_thread(edit, screen.prompt.value), return_exceptions=True)
    except SuspendNotSupported:
        screen.tell("There is no terminal here that an editor could have.", "warning")
        return
    if isinstance(text, str):
        screen.prompt.give(text)
    else:
        screen.tell(str(text), "warning")
        screen.prompt.focus()
