"""`minicode` in a terminal, line by line: send, watch, answer what is asked. A plain face, for any terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress

from minicode import paths, plain, trust
from minicode.cli.slash import is_word, obey
from minicode.cli.trust import trust as ask_for_trust
from minicode.errors import MinicodeError, UsageError
from minicode.events import Answer, Asked, Event, Picked, Questioned, TurnEnded
from minicode.journal import tree as trees
from minicode.journal.entry import Entry
from minicode.messages import reply_from_json
from minicode.model import catalogue
from minicode.plan import Plan
from minicode.session import Session
from minicode.show import Diff, Line
from minicode.start import start
from minicode.text import clean, reveal, reveal_row
from minicode.trust import one_line

_PLAIN = {"n": 0, "no": 0, "y": 1, "yes": 1}  # to a plan; the stricter of both yeses
_QUOTED, _LINES = 200, 8  # characters of a line, and lines, that are shown again of a session that goes on


def talk(plan: Plan, prompt: str | None) -> int:
    """Returns the exit code. Needs a terminal."""
    if not os.isatty(0):
        raise UsageError('This needs a terminal. In scripts use: minicode run "…".')
    folder = paths.work_folder(plan.folder)
    judged = trust.stand(folder, paths.places(), plan.trust)
    if judged.present and not judged.trusted and not judged.offended:
        ask_for_trust(folder, False, False, False)
    with asyncio.Runner() as runner:
        talk = _Talk(plan, runner)
        try:
            return talk.go(prompt)
        finally:
            with suppress(OSError):
                runner.run(talk.started.close())


class _Talk:
    """The one who reads lines; a slash.Talk."""

    def __init__(self, plan: Plan, runner: asyncio.Runner) -> None:
        self.plan, self._runner = plan, runner
        self.started = start(plan)
        self.given = ""
        self._said: str | None = None  # by a word, to M2
        self._one = asyncio.Lock()  # for what is asked
        self.progress = plain.Progress(self.say, plain.stdout_colour())

    @property
    def session(self) -> Session:
        return self.started.session

    def go(self, prompt: str | None) -> int:
        self._greet()
        self._finish()
        while True:
            if prompt is None:
                try:
                    prompt = self._read("> ").strip()
                except EOFError:
                    self.say("\n")
                    return 0
                except KeyboardInterrupt:
                    self.say("\n(Ctrl-D quits)\n")
                    continue
            if is_word(prompt):
                if not self._obeyed(prompt):
                    return 0
                prompt, self._said = self._said, None
                if prompt is None:
                    continue
            if prompt:
                ended = self._runner.run(self._turn(prompt))
                if ended.reason == "cancelled":
                    self.say("\n(stopped)\n")
                if ended.error:
                    self.say(f"minicode: {clean(ended.error)}\n")
                kept = f"session {self.session.journal.id}"
                self.say(
                    plain.footer(ended, kept, catalogue.cost(ended.usage, self.session.parts.request.model)) + "\n"
                )
            prompt = None

    def _greet(self) -> None:
        for note in self.started.notes:
            self.say(f"{clean(note)}\n")
        self.say(f"minicode · {one_line(self.session.parts.request.model)} · {one_line(str(self.started.folder))}\n")
        self.say(f"sandbox {self.started.contained.words()} · mode {self.session.gate.standing.mode} · /help\n")
        for line in left_off(self.session.journal.branch):
            self.say(f"{line}\n")

    def _finish(self) -> None:
        """A rewind of files that a crash cut in the middle is the first thing to settle."""
        if snapshots := self.session.parts.checkpoints.snapshots:
            from minicode.cli.rewind import Desk, finish

            try:
                finish(Desk(self.say, self._answer), snapshots, self.session.journal)
            except MinicodeError as error:
                self.say(f"minicode: {clean(str(error))}\n")

    def _obeyed(self, line: str) -> bool:
        try:
            return self._runner.run(obey(self, line))
        except KeyboardInterrupt:
            self.say("\n(stopped)\n")
            self._said = None
            return True

    def say(self, text: str) -> None:
        _say(text)

    def _answer(self, prompt: str) -> str:
        try:
            return input(prompt).strip()
        except EOFError:
            self.say("\n")
            return ""

    async def ask(self, prompt: str) -> str:
        """Not by `input`, which Ctrl-C could not end while the loop runs."""
        _say(clean(prompt))
        line = await _line()
        if not line.endswith("\n"):
            self.say("\n")
        return line.strip()

    def send(self, text: str) -> None:
        self._said = text

    def copy(self, text: str) -> None:
        if os.environ.get("TERM", "dumb") == "dumb":
            raise UsageError("This terminal is not known to have a clipboard (TERM). /export writes to a file.")
        _say(f"\x1b]52;c;{b64encode(text.encode('utf-8', 'replace')).decode()}\x07")

    def show(self, event: Event) -> None:
        self.progress.show(event)

    async def go_over(self, plan: Plan) -> None:
        """The new session is ready before the old one ends: if it cannot be had, the talk goes on."""
        before = self.started
        self.started = start(plan, before.key, self.session.gate.standing.mode)
        with suppress(OSError):
            await before.close()
        self._greet()

    def _read(self, prompt: str) -> str:
        """A line; what a rewind gave back stands in it already, where the terminal can do that."""
        given, self.given = clean(self.given), ""
        if not given:
            return input(prompt)
        try:
            import readline
        except ImportError:
            self.say(f"{given}\n")
            return input(prompt)
        readline.parse_and_bind("set enable-bracketed-paste off")
        readline.set_startup_hook(lambda: readline.insert_text(given))
        try:
            return input(prompt)
        finally:
            readline.set_startup_hook(None)

    async def _turn(self, prompt: str) -> TurnEnded:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.session.cancel)
        asking: list[asyncio.Task[None]] = []
        try:
            async for event in self.session.send(prompt):
                self.progress.show(event)
                if isinstance(event, Asked | Questioned):
                    asking.append(asyncio.create_task(self._ask(event)))
                elif isinstance(event, TurnEnded):
                    return event
        finally:
            for task in asking:
                task.cancel()
            loop.remove_signal_handler(signal.SIGINT)
        raise AssertionError("a turn ends with TurnEnded")

    async def _ask(self, asked: Asked | Questioned) -> None:
        """Show it, whole, and wait for a choice. One after the other: there is one line to answer in."""
        async with self._one:
            with suppress(termios.error):
                termios.tcflush(0, termios.TCIFLUSH)  # what was typed before the question is no answer to it
            _say(question(asked) if isinstance(asked, Asked) else posed(asked))
            line = (await _line()).strip()
        if isinstance(asked, Asked):
            self._decide(asked, line)
        else:
            self.session.reply(asked.call_id, picked(asked, line))

    def _decide(self, asked: Asked, line: str) -> None:
        """Whatever is not clearly yes is no."""
        choice, _, words = line.partition(" ")
        kept = {"y": "once", "yes": "once", "s": "session", "p": "project"}.get(line.lower(), "")
        if kept and (kept == "once" or asked.always):
            self.session.answer(asked.call.id, Answer(True, kept))
        else:
            say = words if choice.lower() in ("n", "no") else line
            self.session.answer(asked.call.id, Answer(False, say=say))


def left_off(branch: Sequence[Entry]) -> Iterator[str]:
    """How a conversation that goes on stood: the user's last words, and the end of what M2 said to them."""
    messages = trees.said(branch)
    if not messages:
        return
    yield f"you: {clean(trees.one_line(messages[-1].text, _QUOTED))}"
    said = ""
    for entry in branch:
        if entry.id == messages[-1].id:
            said = ""
        elif entry.kind == "reply":
            said = reply_from_json(dict(entry.data)).text.strip() or said
    if said:
        lines = clean(said).split("\n")
        more = ["…"] if lines[_LINES:] else []
        yield "M2: " + "\n    ".join(line[:_QUOTED].rstrip() for line in [*more, *lines[-_LINES:]])


def question(asked: Asked) -> str:
    """The whole call, or what it would change, all that is odd made visible, then the choices; the default is no."""
    want = {"network": "with the network", "host": "OUTSIDE THE SANDBOX, with your rights"}.get(asked.wants, "")
    lines = [f"\n? {asked.call.name} wants to run {want}".rstrip(), f"  {reveal(asked.reason)}"]
    diffs = [block for block in asked.show if isinstance(block, Diff)]
    lines += [f"  {reveal(block.text)}" for block in asked.show if isinstance(block, Line)]
    for path, diff in diffs:
        lines += [f"  {one_line(reveal(path))}:", *(f"  │ {reveal_row(row)}" for row in diff.split("\n"))]
    for name, value in () if diffs else asked.call.arguments.items():
        text = reveal(value if isinstance(value, str) else str(value))
        lines += [f"  {reveal(name)}:", *(f"  │ {line}" for line in text.split("\n"))]
    choices = "y = yes, once"
    if asked.always:
        choices += " · s = yes, always in this session · p = yes, always in this project\n"
        choices += f"  (the rule: {reveal(asked.always)})"
    return "\n".join([*lines, f"  {choices} · n WORDS = no, and what to do instead", "  [y/N] "])


def posed(asked: Questioned) -> str:
    """The question, or the plan, with what can be picked."""
    lines = ["\n? M2 has a plan" if asked.plan else "\n? M2 asks"]
    lines += [f"  │ {line}" for line in clean(asked.text).split("\n")]
    lines += [f"  {number}  {one_line(option)}" for number, option in enumerate(asked.options, 1)]
    if asked.plan:
        return "\n".join([*lines, "  a number · WORDS = no, and what to change", "  [1] "])
    ways = ["numbers pick, as 1 3"] if asked.several else ["a number picks"]
    ways = [*(ways if asked.options else []), "WORDS answer", "Enter alone: M2 decides"]
    return "\n".join([*lines, f"  {' · '.join(ways)}", "  [-] "])


def picked(asked: Questioned, line: str) -> Picked:
    """What a line says to it. A number that is not there is an answer in words."""
    said = line.lower()
    if asked.plan and said in _PLAIN:
        return Picked((_PLAIN[said],))
    numbers = line.replace(",", " ").split()
    known = {str(number): number - 1 for number in range(1, len(asked.options) + 1)}
    if numbers and all(number in known for number in numbers) and (asked.several or len(numbers) == 1):
        return Picked(tuple(dict.fromkeys(known[number] for number in numbers)))
    return Picked(words=line)


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
