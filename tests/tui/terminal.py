"""A terminal to run the real program in: a PTY with an emulator behind it that answers queries and counts modes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyte

PATIENCE = 30.0
# What a terminal is asked, and what this one says: a VT220 with synchronised output.
ANSWERS = {b"\x1b[c": b"\x1b[?62;22c", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
IN_BAND = {b"\x1b[?2048$p": b"\x1b[?2048;2$y"}
_LONGEST = max(map(len, (*ANSWERS, *IN_BAND)))
_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_KITTY = re.compile(rb"\x1b\[([<>])([0-9]*)[0-9;]*u")
_TITLE = re.compile(rb"\x1b\[(22|23)(?:;[0-9]+)?t")
_UNKNOWN = re.compile(rb"\x1b\[(?:[<=>][0-9;]*[a-zA-Z]|\?[0-9;]*[^0-9;hl$])")  # pyte would print their ends
_OPEN = re.compile(rb"\x1b(?:\[[<=>]?[0-9;]*)?\Z")
NORMAL = {"7", "25"}  # modes that are on in a terminal that was just opened


class Emulator(pyte.Screen):  # type: ignore[misc]
    """pyte with an alternate screen."""

    _main: tuple[Any, Any] | None = None

    def set_mode(self, *modes: int, **more: Any) -> None:
        super().set_mode(*modes, **more)
        if 1049 in modes and more.get("private") and self._main is None:
            self._main = deepcopy(self.buffer), (self.cursor.x, self.cursor.y)
            self.erase_in_display(2)

    def reset_mode(self, *modes: int, **more: Any) -> None:
        super().reset_mode(*modes, **more)
        if 1049 in modes and more.get("private") and self._main is not None:
            buffer, (self.cursor.x, self.cursor.y) = self._main
            self._main = None
            self.buffer.clear()
            self.buffer.update(buffer)


class Terminal:
    """Runs a command in a session of its own whose controlling terminal this is.

    in_band: it can report its size in band, as kitty and Ghostty do. emulate: False for a bench: no screen is kept.
    controls: False: it is the terminal of the command's files, but not of its session.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        size: tuple[int, int] = (100, 30),
        in_band: bool = False,
        emulate: bool = True,
        controls: bool = True,
    ) -> None:
        self.raw = bytearray()
        self._answers = ANSWERS | (IN_BAND if in_band else {})
        self._grew = threading.Condition()
        self._screen = Emulator(*size) if emulate else None
        self._stream = pyte.ByteStream(self._screen) if emulate else None
        self._shown = 0
        self._shut = False
        self._master, slave = pty.openpty()
        self._wind(size)
        self.attributes = termios.tcgetattr(self._master)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["setsid", *(["-c"] if controls else []), *command],
            env=env,
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self._wake, self._waker = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        master, data = self._master, b"."
        while data:
            ready, _, _ = select.select([master, self._wake], [], [])
            try:
                data = b"" if self._wake in ready else os.read(master, 1 << 16)
            except OSError:  # the last process that had it open has ended
                data = b""
            with self._grew:
                begin = max(len(self.raw) - _LONGEST, 0)
                fresh = len(self.raw) - begin
                self.raw += data
                self._shut = not data
                self._grew.notify_all()
            for query, answer in self._answers.items():
                for found in re.finditer(re.escape(query), self.raw[begin:]):
                    if found.end() > fresh:
                        os.write(master, answer)

    def _wind(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        with self._grew:
            self._feed()
            if self._screen is not None:
                self._screen.resize(rows, columns)
            self._wind((columns, rows))

    def type(self, keys: bytes | str) -> None:
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            data = data[os.write(self._master, data) :]

    def paste(self, text: bytes) -> None:
        self.type(b"\x1b[200~" + text + b"\x1b[201~")

    def click(self, text: str) -> None:
        """Press and release the left button on the first place where the screen says this."""
        row, line = next((n, line) for n, line in enumerate(self.lines()) if text in line)
        place = f"{line.index(text) + 1};{row + 1}"
        self.type(f"\x1b[<0;{place}M\x1b[<0;{place}m")

    def _feed(self) -> None:
        if self._stream is None:
            return
        data = bytes(self.raw[self._shown :])
        if half := _OPEN.search(data):
            data = data[: half.start()]
        self._shown += len(data)
        self._stream.feed(_UNKNOWN.sub(b"", data))

    def lines(self) -> list[str]:
        assert self._screen is not None
        with self._grew:
            self._feed()
            return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines())

    def waits_for(self, wanted: str | Callable[[str], object], within: float = PATIENCE) -> str:
        """Until the screen says this, or this is true of it; the screen then."""
        seen = ""

        def there() -> bool:
            nonlocal seen
            self._feed()
            assert self._screen is not None
            seen = "\n".join(line.rstrip() for line in self._screen.display)
            return bool(wanted(seen) if callable(wanted) else wanted in seen)

        self._wait(there, within, lambda: f"{wanted!r} is not on the screen:\n{seen}")
        return seen

    def waits_for_bytes(self, wanted: bytes, since: int = 0, within: float = PATIENCE) -> float:
        """Until these bytes were written after place `since`; time.monotonic() then."""
        looked = since

        def there() -> bool:
            nonlocal looked
            begin, looked = looked, max(len(self.raw) - len(wanted) + 1, looked)  # what was looked through stays so
            return self.raw.find(wanted, begin) >= 0

        self._wait(there, within, lambda: f"no {wanted!r} in {bytes(self.raw[-500:])!r}")
        return time.monotonic()

    def _wait(self, there: Callable[[], bool], within: float, why: Callable[[], str]) -> None:
        end = time.monotonic() + within
        with self._grew:
            while not there():
                left = end - time.monotonic()
                assert left > 0 and not self._shut, f"{'it ended' if self._shut else 'too late'}: {why()}"
                self._grew.wait(left)

    @property
    def modes(self) -> set[str]:
        """What differs now from a terminal that was just opened: private modes by number, "kitty", "title"."""
        found: dict[str, bool] = {}
        counts: Counter[str] = Counter()
        raw = bytes(self.raw)
        for numbers, state in _MODE.findall(raw):
            found |= dict.fromkeys(numbers.decode().split(";"), state == b"h")
        for sign, number in _KITTY.findall(raw):
            counts["kitty"] = counts["kitty"] + 1 if sign == b">" else max(counts["kitty"] - int(number or 1), 0)
        for number in _TITLE.findall(raw):
            counts["title"] += 1 if number == b"22" else -1
        changed = {mode for mode, state in found.items() if state != (mode in NORMAL)}
        return changed | {name for name, count in counts.items() if count}

    def is_as_before(self) -> None:
        """All modes are taken back, those of the kernel's side too."""
        assert self.modes == set(), self.modes
        assert termios.tcgetattr(self._master) == self.attributes

    def kill(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def exits(self, within: float = PATIENCE) -> int:
        """Wait for its end; the exit code, as a shell says it."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there:\n{bytes(self.raw[-2000:])!r}") from None
        self._reader.join(within)
        return code if code >= 0 else 128 - code

    def hang_up(self) -> None:
        """Close the window. Nothing can be read after it."""
        os.write(self._waker, b".")
        self._reader.join()
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        if self._master >= 0:
            self.hang_up()
        os.close(self._wake)
        os.close(self._waker)
