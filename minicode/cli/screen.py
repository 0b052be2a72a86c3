"""`minicode` in a terminal: the screen is given its desk, run, and whatever it ended with is said."""

from __future__ import annotations

import gc
import os
import sys

from minicode import paths, trust
from minicode.errors import UsageError
from minicode.plan import Plan
from minicode.tui.modes import Terminal, has_screen


def screen(plan: Plan, prompt: str | None) -> int:
    """Returns the exit code. Raises what opening the session raises, once the terminal is as it was."""
    if os.environ.get("TERM") == "dumb":
        from minicode.cli.chat import talk

        print("minicode: TERM=dumb: this terminal has no screen to draw on, so we talk line by line.", file=sys.stderr)
        return talk(plan, prompt)
    if not has_screen():
        raise UsageError(_lacking())
    folder = paths.work_folder(plan.folder)
    if not os.environ.get("TEXTUAL_DRIVER"):
        judged = trust.stand(folder, paths.places(), plan.trust)
        if judged.present and not judged.trusted and not judged.offended:
            from minicode.cli.trust import trust as ask_for_trust

            ask_for_trust(folder, False, False, False)
    gc.disable()  # there is nothing to collect in a start; the desk lets it begin when the session is open
    from minicode.tui import driver
    from minicode.tui.app import DEMO, MinicodeApp

    with Terminal() as terminal:
        from minicode.cli.screen_desk import ScreenDesk

        desk = ScreenDesk(plan, folder)
        app = MinicodeApp(desk, prompt, driver_class=driver.of(terminal))
        terminal.heed(lambda code: app.exit(code))
        try:
            code = app.run()
        finally:
            app.ringer.end()
    if code == DEMO:
        from minicode.cli.demo import demo

        return demo(None, None)
    if app.trouble is not None:
        raise app.trouble
    if farewell := desk.farewell():
        print(farewell)
    return code if code is not None else app.return_code or 0


def _lacking() -> str:
    """Why there can be no screen, in a sentence. Who sent only the errors elsewhere would not see it there."""
    names = ("input", "output", "error")
    elsewhere = [name for number, name in enumerate(names) if not os.isatty(number)]
    said = (
        f"This needs a terminal, and standard {' and '.join(elsewhere)} {'are' if elsewhere[1:] else 'is'} none. Leave "
        'out the redirection; in scripts use: minicode run "…".'
    )
    if os.isatty(1) and not os.isatty(2):
        print(f"minicode: {said}")
    return said
