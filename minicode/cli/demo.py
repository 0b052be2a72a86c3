"""`minicode demo`: the ordinary agent, real tools and a real session, against a scripted M2 on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from minicode import plain
from minicode.cli.trace import steps
from minicode.errors import UsageError
from minicode.events import TurnEnded
from minicode.journal.reader import load
from minicode.lab.demo import PROMPT, demo_script, make_demo
from minicode.lab.rehearsal import Rehearsal
from minicode.plan import Plan
from minicode.start import Started, start

WHAT = (
    "minicode demo: a small repository with a real bug and a failing test, and the agent to mend it.\n"
    "The model is SCRIPTED: a rehearsal server on this machine plays M2's part, thoughts included.\n"
    "The agent, its tools, the tests, the edit and the session on disk are real.\n"
)

READABLE = 0.015  # seconds between the pieces of a reply, so that a person can read along


def demo(keep: Path | None, svg: Path | None) -> int:
    """Exit 0 only if the tests failed before, pass now, and every thought is in the last request."""
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise UsageError(f"--keep {keep}: the folder is not empty. Name a new one.")
    shown: list[str] = []

    def say(text: str) -> None:
        shown.append(text)
        with suppress(OSError):
            os.write(1, (text if colour else _plain(text)).encode("utf-8", "replace"))

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    with ExitStack() as cleanup:
        if keep is None:
            folder = Path(tempfile.mkdtemp(prefix="minicode-demo-"))
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        else:
            folder = keep.absolute()
            folder.mkdir(parents=True, exist_ok=True)
        say(WHAT + "\n")
        make_demo(folder)
        code = asyncio.run(_play(folder, say, keep is not None))
    if svg is not None:
        draw("".join(shown), svg)
    return code


async def _play(folder: Path, say: plain.Write, kept: bool) -> int:
    async with Rehearsal(demo_script(folder, pause=READABLE if sys.stdout.isatty() else 0.0)) as server:
        say(f"$ minicode run {PROMPT!r}\n")
        plan = Plan(folder=folder, name="demo", flags={"base_url": server.url, "protocol": "anthropic"})
        started = start(plan)
        try:
            ended = await _watch(started, say)
        finally:
            await started.close()
        failures = list(server.failures)
    return _report(started, folder, ended, failures, say, kept)


async def _watch(started: Started, say: plain.Write) -> TurnEnded:
    progress = plain.Progress(say, colour=True)
    async for event in started.session.send(PROMPT):
        progress.show(event)
        if isinstance(event, TurnEnded):
            return event
    raise AssertionError("a turn ends with TurnEnded")


def _report(started: Started, folder: Path, ended: TurnEnded, failures: list[str], say: plain.Write, kept: bool) -> int:
    journal = started.session.journal
    diff = _run(["git", "--no-pager", "diff"], folder)
    tests = _run([sys.executable, "-m", "unittest", "-q"], folder)
    assert journal.path is not None  # the demo keeps its session
    whole = all(step.same and step.whole for step in steps(load(journal.path)))
    good = ended.reason == "done" and not failures and bool(diff.stdout) and tests.returncode == 0 and whole
    say("\n" + "─" * 72 + "\n")
    for line in diff.stdout.splitlines():
        style = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}.get(line[:1], "\x1b[2m")
        say(f"{style}{line}\x1b[0m\n")
    say(f"\ntests: {'pass' if tests.returncode == 0 else 'FAIL'} (python -m unittest, run by the demo itself)\n")
    say(f"thought {ended.returned}/{ended.issued}: every thought M2 had goes back to it")
    say("; each request can be made again from the session, byte for byte\n" if whole else " — NOT PROVEN\n")
    say(f"look at the session:  minicode sessions show {journal.id}\n")
    say(f"check it:             minicode sessions verify {journal.id}\n")
    if kept:
        say(f"the repository:       {folder}\n")
    for failure in failures:
        say(f"\x1b[31mthe rehearsal failed: {failure}\x1b[0m\n")
    if not good and not failures:
        say(f"\x1b[31mthe demo failed: {ended.error or tests.stderr or 'the repository is not as expected'}\x1b[0m\n")
    return 0 if good else 1


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def draw(text: str, file: Path) -> None:
    """What was shown, as a picture of a terminal, made by the same library that draws the screens."""
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=100, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(text.replace("\x1b[0m\x1b[2m", "")))  # the pieces of a thought in one run
    picture = console.export_svg(title="minicode demo")
    file.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), "utf-8")  # fonts are not fetched


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
