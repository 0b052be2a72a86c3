"""Modes of the terminal, with a small app of our own in a real PTY: whatever ends it, the terminal is as before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

APP = """
import asyncio, contextlib, os, time
from textual.app import App
from textual.binding import Binding
from textual.widgets import Label, TextArea
from minicode.tui import driver
from minicode.tui.modes import Terminal

class Words(TextArea):
    def on_paste(self, event):
        event.prevent_default()
        self.insert(f"{len(event.text)} {ascii(event.text)[-10:]}")

class Small(App):
    ACTIONS = {"ctrl+z": "suspend_process", "ctrl+x": "crash", "ctrl+w": "hang", "ctrl+d": "leave", "escape": "escape"}
    BINDINGS = [Binding(key, action, priority=True) for key, action in ACTIONS.items()]
    def compose(self):
        yield Label("the label")
        yield Words("words")
    def on_mount(self):
        loop = asyncio.get_running_loop()
        terminal.heed(lambda code: loop.call_soon_threadsafe(lambda: self.exit(return_code=code)))
    def on_ready(self):
        self.query_one(Label).update("ready")
    def action_crash(self):
        raise SystemExit(70)
    def action_escape(self):
        self.query_one(Label).update("escaped")
    def action_leave(self):
        self.exit(return_code=7)
    def action_hang(self):
        print("", end="", file=open("hangs", "w"))
        while True:
            time.sleep(1)

with Terminal(grace=0.5) as terminal:
    app = Small(driver_class=driver.of(terminal))
    app.run()
with contextlib.suppress(OSError):
    print("after", flush=True)
os._exit(app.return_code)
"""


@pytest.fixture
def small(terminal: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """small(**options) → a Terminal with the app in it, ready."""
    (tmp_path / "app.py").write_text(APP)

    def start(*before: str, **options: Any) -> Any:
        shown = terminal(*before, sys.executable, str(tmp_path / "app.py"), cwd=tmp_path, **options)
        shown.waits_for("ready")
        return shown

    return start


TAKEN = {"1049", "1000", "1003", "1006", "1015", "2004", "1004", "25", "7", "kitty"}


@pytest.mark.parametrize("in_band", [False, True])
def test_a_key_ends_it(small: Callable[..., Any], in_band: bool) -> None:
    screen = small(in_band=in_band)
    taken = TAKEN | ({"2048", "1016"} if in_band else set())
    screen.waits_for(lambda _: taken <= screen.modes)
    screen.type("\x04")
    assert screen.exits() == 7
    screen.is_as_before()
    assert screen.text.strip() == "after"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)], ids=str
)
def test_a_signal_ends_it(small: Callable[..., Any], number: int, code: int) -> None:
    screen = small()
    screen.kill(number)
    assert screen.exits() == code
    screen.is_as_before()


def test_what_ends_in_no_order_gives_the_terminal_back(small: Callable[..., Any]) -> None:
    screen = small()
    screen.type("\x18")
    assert screen.exits() == 70
    screen.is_as_before()


def test_a_signal_ends_one_that_hangs(small: Callable[..., Any], tmp_path: Path) -> None:
    screen = small()
    screen.type("\x17")
    while not (tmp_path / "hangs").exists():
        os.sched_yield()
    screen.kill(signal.SIGTERM)
    assert screen.exits() == 143
    screen.is_as_before()


@pytest.mark.parametrize("own_session", [True, False])
def test_a_closed_window_ends_it(small: Callable[..., Any], own_session: bool) -> None:
    """Also one that is not of the terminal's session, whom the kernel tells nothing."""
    screen = small(controls=own_session)
    screen.hang_up()
    assert screen.exits() == 129


def test_suspended_and_back(terminal: Callable[..., Any], small: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    shell = terminal("bash", "--norc", "--noprofile", "-i", cwd=tmp_path, env={"PS1": "sh> "})
    shell.waits_for("sh>")
    before = shell.modes
    shell.type(f"{sys.executable} app.py\n")
    for _ in range(2):
        shell.waits_for("ready")
        shell.type("\x1a")
        shell.waits_for(lambda text: "Stopped" in text and shell.modes == before)
        shell.type("clear; echo in the sh''ell\n")
        shell.waits_for("in the shell")
        shell.type("fg\n")
    shell.waits_for("ready")
    assert shell.modes >= TAKEN
    shell.type("typed")
    shell.waits_for("typedwords")
    shell.type("\x04")
    shell.waits_for(lambda text: "after" in text and shell.modes == before)
    shell.type("echo left $?\n")
    shell.waits_for("left 7")


def test_stopped_from_elsewhere_and_back(small: Callable[..., Any]) -> None:
    """`kill -STOP` tells it nothing; when it goes on it must not read its keys twice."""
    screen = small()
    screen.kill(signal.SIGSTOP)
    os.waitid(os.P_PID, screen.process.pid, os.WSTOPPED | os.WNOWAIT)
    mark = len(screen.raw)
    screen.kill(signal.SIGCONT)
    screen.waits_for_bytes(b"\x1b[?1049h", mark)
    screen.type("typed")
    screen.waits_for("typedwords")
    screen.type("\x04")
    assert screen.exits() == 7
    screen.is_as_before()


def test_a_paste_that_is_no_text(small: Callable[..., Any]) -> None:
    screen = small()
    screen.paste(b"one\xff\xfe\xc3\xed\xa0\x80two")
    screen.waits_for(r"12 \ufffdtwo'words")
    odd = b"\x1b]0;x\x04\x1b\x04three \x1b[20~ four"  # ^D would be a key
    screen.paste(odd * 1000)
    screen.type("five")
    assert "ready" in screen.waits_for(f"{len(odd) * 1000} [20~ four'five")
    screen.type("\x04")
    assert screen.exits() == 7


def test_a_paste_without_an_end_does_not_swallow_the_keyboard(small: Callable[..., Any]) -> None:
    screen = small()
    screen.type("\x1b[200~half of it")
    screen.waits_for("10 alf of it'words")  # after a silence
    screen.type("and more of it\r")  # it had only paused: this is no Enter
    screen.waits_for(r"15 e of it\r'words")
    screen.type("k")  # and this is a key
    screen.waits_for("kwords")
    screen.type("\x1b[201~ey")
    screen.waits_for("keywords")
    screen.type("\x04")
    assert screen.exits() == 7


@pytest.mark.parametrize("escape", ["\x1b", "\x1b[27u"], ids=["legacy", "kitty"])
def test_escape_is_heard_soon(small: Callable[..., Any], escape: str) -> None:
    """Alone, and not when it begins another key."""
    screen = small()
    screen.type("\x1b")
    screen.type("[H")
    screen.type("xyz")
    assert "escaped" not in screen.waits_for("xyzwords")
    screen.type(escape)
    screen.waits_for("escaped")


def test_neither_keys_nor_frames_without_a_terminal() -> None:
    """In a pipe there is nothing to be taken or given back."""
    code = "from minicode.tui.modes import Terminal, has_screen\nwith Terminal(): pass\nprint(has_screen())"
    ran = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("False\n", "")
