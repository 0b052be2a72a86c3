"""What a terminal shows after all that a program wrote to it: its letters, not its colours. Linear time."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping

from minicode.workspace.grid import COLUMNS, ROWS, Grid
from minicode.workspace.output import torn

DRAWN = 2**17  # bytes between two looks that are drawn; of more only the end
_HELD = 4_096  # characters of a code that has no end yet
_MOST = 9_999
# Every alternative consumes what it began with, so nothing is scanned twice.
_TOKEN = re.compile(
    r"(?P<words>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<given>[0-?]*)(?P<between>[ -/]*)(?P<order>[@-~])"
    r"|\x1b[P\]X^_][^\x07\x1b]*(?:\x07|\x1b\\|(?=\x1b[^\\]))"  # a title, a clipboard: nothing that is shown
    r"|(?P<open>\x1b(?:\[[0-?]*[ -/]*|[P\]X^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z)"
    r"|\x1b\[[0-?]*[ -/]*"
    r"|\x1b(?P<set>[ -/]*)(?P<escape>[0-~])"
    r"|(?P<control>.)",
    re.DOTALL,
)
_FRESH = (b"\x1b[2J", b"\x1bc", b"\x1b[?1049h")  # what came before these is not seen any more
_DRAWINGS = str.maketrans("`afgjklmnopqrstuvwxyz{|}~", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")
_ALTERNATE = (47, 1047, 1049)


class Terminal:
    """ROWS times COLUMNS, of the xterm family. keypad: cursor keys are to be sent in their other form."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._left_out = 0  # bytes
        self._reset()

    def _reset(self) -> None:
        self._grid = Grid()
        self.keypad = False
        self._saved = 0, 0
        self._drawings, self._shifted = [False, False], 0  # is G0, G1 made of lines? which of them is in use
        self._last = " "

    def due(self, data: bytes) -> bytes:
        """What of this is to be drawn: of more than DRAWN bytes only the end, on a fresh screen."""
        if len(data) <= DRAWN:
            return data
        end = data[-DRAWN:]
        end = end[max(*map(end.rfind, _FRESH), torn(end) + 1) :]
        self._left_out += len(data) - len(end)
        self._decoder.reset()
        self._held = ""
        self._reset()
        return end

    def feed(self, data: bytes) -> None:
        """Draw what a program wrote. Never raises."""
        text = self._held + self._decoder.decode(data)
        self._held = ""
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            if kind == "words":
                self._write(token[0])
            elif kind == "control":
                self._control(token[0])
            elif kind == "order" and not token["between"]:
                self._obey(token["order"], token["given"])
            elif kind == "escape":
                self._escape(token["set"], token["escape"])
            elif kind == "open" and len(token[0]) <= _HELD:
                self._held = token[0]

    def lines(self) -> list[str]:
        """What is on the screen."""
        return self._grid.lines()

    def take(self) -> str:
        """What left the screen at its top since the last time, and what is on it now."""
        missing = {"bytes were not drawn": self._left_out, "rows were not kept": self._grid.lost}
        lines = [f"[... {number} {what} ...]" for what, number in missing.items() if number]
        lines += self._grid.lines(self._grid.scrolled)
        self._grid.scrolled.clear()
        self._grid.lost = self._left_out = 0
        return "\n".join(lines)

    def _write(self, text: str) -> None:
        self._last = text[-1]
        self._grid.write(text.translate(_DRAWINGS) if self._drawings[self._shifted] else text)

    def _control(self, char: str) -> None:
        if char in _CONTROLS:
            _CONTROLS[char](self._grid)
        elif char in "\x0e\x0f":
            self._shifted = int(char == "\x0e")

    def _escape(self, between: str, final: str) -> None:
        if between in ("(", ")"):
            self._drawings[between == ")"] = final == "0"
        elif between:
            return
        elif final == "c":
            scrolled = self._grid.scrolled
            self._reset()
            self._grid.scrolled = scrolled
        elif final == "7":
            self._saved = self._grid.y, self._grid.x
        elif final == "8":
            self._grid.go(*self._saved)
        elif final in _ESCAPES:
            _ESCAPES[final](self._grid)

    def _obey(self, order: str, given: str) -> None:
        private = given.startswith("?")
        words = given.removeprefix("?").split(";")[:16]
        numbers = [min(int(word[:9]), _MOST) if word[:9].isdecimal() else 0 for word in (*words, "")]
        if given[:1] in ("<", "=", ">"):
            return
        if order in "hl":
            for number in numbers:
                self._mode(number, order == "h", private)
        elif private:
            return
        elif order in _COUNTED:
            _COUNTED[order](self._grid, numbers[0] or 1)
        elif order in "JK":
            (self._grid.erase if order == "J" else self._grid.erase_in_row)(numbers[0])
        elif order in "Hf":
            self._grid.go(numbers[0] - 1, numbers[1] - 1)
        elif order == "r":
            self._grid.margins(max(numbers[0], 1) - 1, (min(numbers[1], ROWS) or ROWS) - 1)
        elif order in "su":
            self._escape("", "7" if order == "s" else "8")
        elif order == "b":
            self._write(self._last * min(numbers[0] or 1, COLUMNS))

    def _mode(self, number: int, on: bool, private: bool) -> None:
        if not private:
            self._grid.inserts = on if number == 4 else self._grid.inserts
        elif number == 1:
            self.keypad = on
        elif number == 7:
            self._grid.wraps = on
        elif number in _ALTERNATE:
            self._grid.alternate(on)


_CONTROLS: Mapping[str, Callable[[Grid], None]] = {
    **dict.fromkeys("\n\x0b\x0c", Grid.line_feed),
    "\r": Grid.carriage_return,
    "\b": Grid.backspace,
    "\t": Grid.tab,
}
_ESCAPES: Mapping[str, Callable[[Grid], None]] = {
    "D": Grid.line_feed,
    "E": Grid.next_line,
    "M": Grid.reverse_feed,
}
_COUNTED: Mapping[str, Callable[[Grid, int], None]] = {
    **dict.fromkeys("Be", lambda grid, n: grid.move(n, 0)),
    **dict.fromkeys("Ca", lambda grid, n: grid.move(0, n)),
    **dict.fromkeys("G`", lambda grid, n: grid.go(grid.y, n - 1)),
    "A": lambda grid, n: grid.move(-n, 0),
    "D": lambda grid, n: grid.move(0, -n),
    "E": lambda grid, n: grid.move(n, -COLUMNS),
    "F": lambda grid, n: grid.move(-n, -COLUMNS),
    "d": lambda grid, n: grid.go(n - 1, grid.x),
    "I": Grid.tab,
    "Z": Grid.back_tab,
    "S": Grid.scroll,
    "T": Grid.scroll_back,
    "L": Grid.insert_rows,
    "M": Grid.delete_rows,
    "@": Grid.insert_cells,
    "P": Grid.delete_cells,
    "X": Grid.erase_cells,
}
