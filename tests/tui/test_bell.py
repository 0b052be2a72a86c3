"""The title and the calls, on a real terminal: a PTY on whose other side the test sits."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from textual.app import App

from minicode.tui.bell import Bell

ROOT = Path(__file__).resolve().parents[2]
# It calls its user in the way that is pasted, ends by `q` and fails by `x`.
PROGRAM = """
import os, sys
from textual.app import App
from minicode.tui.bell import Bell

class Called(App):
    def __init__(self):
        super().__init__()
        self.bell_ = Bell(self)

    def on_mount(self):
        self.bell_.begin()
        self.bell_.title("minicode \\x1b]2;evil\\x07 · a\\nb\\u202e")

    def on_paste(self, event):
        self.bell_.how = event.text
        self.bell_.notify("9;4;done \\x9d0;x\\x07" + "y" * 300)
        self.bell_.title(f"{event.text}, {'seen' if self.bell_.focused else 'unseen'}")

    def on_key(self, event):
        if event.key == "x":
            raise RuntimeError("as it was asked to")
        elif event.key == "q":
            self.exit()

app = Called()
try:
    app.run()
finally:
    app.bell_.end()
"""


class Terminal:
    def __init__(self, folder: Path, term: str) -> None:
        ours, theirs = pty.openpty()
        program = folder / "program.py"
        program.write_text(PROGRAM)
        environment = {**os.environ, "TERM": term, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, str(program)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self._descriptor = ours
        self._rest = b""

    def send(self, data: bytes) -> None:
        os.write(self._descriptor, data)

    def until(self, wanted: bytes) -> bytes:
        """What comes, up to these bytes and with them; b"" wanted is all until the end."""
        while not wanted or wanted not in self._rest:
            ready, _, _ = select.select([self._descriptor], [], [], 30)
            assert ready, f"{wanted!r} never came, but {self._rest[-300:]!r}"
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # Linux's way of saying that the other side is closed
                data = b""
            if not data:
                assert not wanted, f"{wanted!r} never came, but {self._rest[-300:]!r}"
                wanted = self._rest
                break
            self._rest += data
        got, found, self._rest = self._rest.partition(wanted)
        return got + found

    def close(self) -> None:
        os.close(self._descriptor)
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, getattr(request, "param", "xterm-256color"))
    yield terminal
    terminal.close()


def pasted(text: bytes) -> bytes:
    """Not typed: who types looks."""
    return b"\x1b[200~" + text + b"\x1b[201~"


def calls(data: bytes) -> tuple[int, list[bytes]]:
    """(rings of the bell, messages) in what a terminal was sent."""
    commands = re.findall(rb"\x1b\]([^\x07]*)\x07", data)
    rings = re.sub(rb"\x1b\][^\x07]*\x07", b"", data).count(b"\x07")
    return rings, [command for command in commands if command.startswith(b"9;")]


def test_title_and_calls(terminal: Terminal) -> None:
    begun = terminal.until(b"\x1b]2;")
    assert begun.count(b"\x1b[22;0t") == 1
    assert terminal.until(b"\x07").endswith("minicode  · a b<U+202E>\x07".encode())
    terminal.send(pasted(b"both"))
    assert calls(terminal.until(b"\x1b]2;both, seen\x07")) == (0, []), "it is looked at"
    terminal.send(b"\x1b[O")  # the window is left
    message = b"9;minicode: 9;4;done " + b"y" * 190 + "…".encode()
    for how, wanted in ((b"bell", (1, [])), (b"osc9", (0, [message])), (b"both", (1, [message])), (b"off", (0, []))):
        terminal.send(pasted(how))
        assert calls(terminal.until(b"\x1b]2;" + how + b", unseen\x07")) == wanted
    terminal.send(b"q")
    end = terminal.until(b"")
    assert end.count(b"\x1b[23;0t") == 1
    assert end.rindex(b"\x1b[23;0t") > end.rindex(b"\x1b[?1049l")


def test_a_crash_gives_the_title_back_too(terminal: Terminal) -> None:
    terminal.until(b"\x1b]2;")
    terminal.send(b"x")
    end = terminal.until(b"")
    assert b"as it was asked to" in end
    assert end.count(b"\x1b[23;0t") == 1


@pytest.mark.parametrize("terminal", ["linux"], indirect=True)
def test_a_terminal_without_titles_is_told_none(terminal: Terminal) -> None:
    terminal.send(pasted(b"off") + b"q")
    said = terminal.until(b"")
    assert b"\x1b]2;" not in said and b"23;0t" not in said


async def test_without_a_terminal_nothing_is_written() -> None:
    app: App[None] = App()
    bell = Bell(app)
    async with app.run_test():
        bell.begin()
        bell.title("words")
        app.app_focus = False
        assert bell.notify("words")
    written = StringIO()
    bell.end(written)
    assert written.getvalue() == ""
