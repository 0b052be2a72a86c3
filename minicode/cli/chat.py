"""`minicode` in a terminal, line by line: send, watch, answer what is asked. A plain face, for any terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from contextlib import suppress

from minicode import paths, plain, trust
from minicode.cli.trust import trust as ask_for_trust
from minicode.errors import UsageError
from minicode.events import Answer, Asked, TurnEnded
from minicode.model import catalogue
from minicode.permission.values import MODES
from minicode.start import Plan, Started, start
from minicode.text import clean, reveal
from minicode.trust import one_line

HELP = "/mode [MODE] shows or sets how much is asked · /status · /quit (or Ctrl-D) · Ctrl-C stops what runs"


def talk(plan: Plan, prompt: str | None) -> int:
    """Returns the exit code. Needs a terminal."""
    if not os.isatty(0):
        raise UsageError('This needs a terminal. In scripts use: minicode run "…".')
    folder = paths.work_folder(plan.folder)
    judged = trust.stand(folder, paths.places(), plan.trust)
    if judged.present and not judged.trusted and not judged.offended:
        ask_for_trust(folder, False, False, False)
    with asyncio.Runner() as runner:
        started = start(plan)
        try:
            return _Talk(started, runner).go(prompt)
        finally:
            with suppress(OSError):
                runner.run(started.close())


class _Talk:
    def __init__(self, started: Started, runner: asyncio.Runner) -> None:
        self.started, self.runner = started, runner
        self.session = started.session
        self.progress = plain.Progress(_say, plain.stdout_colour())

    def go(self, prompt: str | None) -> int:
        for note in self.started.notes:
            _say(f"{clean(note)}\n")
        _say(f"minicode · {one_line(self.started.settings.model)} · {one_line(str(self.started.folder))}\n")
        _say(f"sandbox {self.started.contained.words()} · mode {self.session.gate.standing.mode} · /help\n")
        while True:
            if prompt is None:
                try:
                    prompt = input("> ").strip()
                except EOFError:
                    _say("\n")
                    return 0
                except KeyboardInterrupt:
                    _say("\n(Ctrl-D quits)\n")
                    continue
            if prompt in ("/quit", "/exit", "/q"):
                return 0
            if prompt.startswith("/"):
                self._command(prompt)
            elif prompt:
                ended = self.runner.run(self._turn(prompt))
                if ended.error:
                    _say(f"minicode: {clean(ended.error)}\n")
                kept = f"session {self.session.journal.id}"
                _say(plain.footer(ended, kept, catalogue.cost(ended.usage, self.started.settings.model)) + "\n")
            prompt = None

    def _command(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        gate = self.session.gate
        if word == "/mode" and rest in MODES:
            gate.standing = gate.standing._replace(mode=rest)
        if word == "/mode":
            _say(f"mode {gate.standing.mode}; there are {', '.join(MODES)}\n")
        elif word == "/status":
            back, issued = self.session.meter
            _say(f"session {self.session.journal.id} · thought {back}/{issued} · mode {gate.standing.mode}\n")
            _say(f"sandbox {self.started.contained.words()}\n")
        else:
            _say(f"{HELP}\n")

    async def _turn(self, prompt: str) -> TurnEnded:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.session.cancel)
        asking: asyncio.Task[None] | None = None
        try:
            async for event in self.session.send(prompt):
                self.progress.show(event)
                if isinstance(event, Asked):
                    asking = asyncio.create_task(self._ask(event))
                elif isinstance(event, TurnEnded):
                    return event
        finally:
            if asking is not None:
                asking.cancel()
            loop.remove_signal_handler(signal.SIGINT)
        raise AssertionError("a turn ends with TurnEnded")

    async def _ask(self, asked: Asked) -> None:
        """Show the whole call and wait for a choice; whatever is not clearly yes is no."""
        with suppress(termios.error):
            termios.tcflush(0, termios.TCIFLUSH)  # what was typed before the question is no answer to it
        _say(question(asked))
        line = (await _line()).strip()
        choice, _, words = line.partition(" ")
        kept = {"y": "once", "yes": "once", "s": "session", "p": "project"}.get(line.lower(), "")
        if kept and (kept == "once" or asked.always):
            self.session.answer(asked.call.id, Answer(True, kept))
        else:
            say = words if choice.lower() in ("n", "no") else line
            self.session.answer(asked.call.id, Answer(False, say=say))


def question(asked: Asked) -> str:
    """The whole call, everything odd in it made visible, then the choices; the default is no."""
    want = {"network": "with the network", "host": "OUTSIDE THE SANDBOX, with your rights"}.get(asked.wants, "")
    lines = [f"\n? {asked.call.name} wants to run {want}".rstrip(), f"  {reveal(asked.reason)}"]
    for name, value in asked.call.arguments.items():
        text = reveal(value if isinstance(value, str) else str(value))
        lines += [f"  {reveal(name)}:", *(f"  │ {line}" for line in text.split("\n"))]
    choices = "y = yes, once"
    if asked.always:
        choices += " · s = yes, always in this session · p = yes, always in this project\n"
        choices += f"  (the rule: {reveal(asked.always)})"
    return "\n".join([*lines, f"  {choices} · n WORDS = no, and what to do instead", "  [y/N] "])


async def _line() -> str:
    """A line from the terminal, or "" at its end; can be cancelled."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(0, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(0)
    return os.read(0, 1 << 16).decode("utf-8", "replace")


def _say(text: str) -> None:
    with suppress(OSError):
        os.write(1, text.encode("utf-8", "replace"))
