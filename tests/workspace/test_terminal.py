"""The terminal: what it shows, beside an emulator of others; what floods, codes without end and bombs do to it."""

from __future__ import annotations

import random
import re
import time

import pyte
import pytest

from minicode.workspace.folder import Refused
from minicode.workspace.grid import COLUMNS, ROWS
from minicode.workspace.keyboard import typed
from minicode.workspace.terminal import DRAWN, Terminal


def shown(*pieces: str | bytes) -> list[str]:
    terminal = Terminal()
    for piece in pieces:
        terminal.feed(piece.encode() if isinstance(piece, str) else piece)
    return terminal.lines()


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("one\r\ntwo", ["one", "two"]),
        ("50%\r100%\r\n\a\0", ["100%"]),
        ("a\nb", ["a", " b"]),
        ("abc\b\bX", ["aXc"]),
        ("a\tb\x1b[Zc", ["a       c"]),
        ("\x1b[3;5Hx\x1b[Hy\x1b[2;1Hz", ["y", "z", "    x"]),
        ("abcdef\x1b[3D\x1b[K", ["abc"]),
        ("abcdef\x1b[3D\x1b[1K", ["    ef"]),
        ("abc\x1b[2D\x1b[@X", ["aXbc"]),
        ("abcdef\x1b[4G\x1b[2P", ["abcf"]),
        ("one\r\ntwo\r\nthree\x1b[2;1H\x1b[M", ["one", "three"]),
        ("one\r\ntwo\x1b[1;1H\x1b[L\x1b[Lx", ["x", "", "one", "two"]),
        ("\x1b7here\x1b8there", ["there"]),
        ("a\x1b[3bb", ["aaaab"]),
        ("\x1b[31;1mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", ["red link"]),
        ("\x1b(0lqk\x1b(B\x0e\x0f!", ["┌─┐!"]),
        ("\x1b[>4;2m\x1b[?2004h\x1b[>1u\x1b[?u\x1b[=c\x1bP+q\x1b\\on", ["on"]),
        ("main\x1b[?1049hother\x1b[?1049l!", ["main!"]),
        ("old\x1bcnew", ["new"]),
        ("e\u0301 漢字\x1b[3D\x1b[K.", ["e\u0301  ."]),
        ("漢\r.", ["."]),
        ("\x1b[99999999999999999999Cx\x1b[;H\x1b[1", [" " * (COLUMNS - 1) + "x"]),
        ("\x1b]never ended \x1b[Hon", ["on"]),
    ],
)
def test_what_is_shown(written: str, lines: list[str]) -> None:
    assert shown(written) == lines
    assert shown(*(bytes([byte]) for byte in written.encode())) == lines, "in pieces it is the same"


def test_rows_that_are_one_line_are_joined_also_over_the_top() -> None:
    word = "0123456789" * 30
    assert shown(f"{word}\r\nend") == [word, "end"]
    terminal = Terminal()
    terminal.feed(f"{word}\r\n{'x,' * (ROWS - 2)}end".replace(",", "\r\n").encode())
    assert terminal.take().splitlines() == [word, *"x" * (ROWS - 2), "end"]


def test_what_left_at_the_top_is_taken_once() -> None:
    terminal = Terminal()
    terminal.feed(b"".join(b"line %d\r\n" % n for n in range(100)))
    assert terminal.take().splitlines() == [f"line {n}" for n in range(100)]
    terminal.feed(b"more\x1b[?1049h" + b"\n" * 500 + b"\x1b[?1049l")
    assert terminal.take().splitlines() == [*(f"line {n}" for n in range(100 - ROWS + 1, 100)), "more"]


def test_margins_and_no_wrapping() -> None:
    assert shown("top\r\n\x1b[2;3r\x1b[2;1Ha\r\nb\r\nc\r\nd") == ["top", "c", "d"]
    assert shown(f"\x1b[?7l{'a' * COLUMNS}bcd") == ["a" * (COLUMNS - 1) + "d"]


def test_rows_that_nobody_takes_are_bounded() -> None:
    terminal = Terminal()
    for _ in range(3):
        terminal.feed(b"x\r\n" * 2000)
    note, *rows = terminal.take().splitlines()
    assert note == f"[... {6000 - len(rows)} rows were not kept ...]" and 5000 <= len(rows) <= 5000 + ROWS
    assert "..." not in terminal.take()


def test_of_much_only_the_end_is_drawn() -> None:
    terminal = Terminal()
    data = b"".join(b"line %d %s\r\n" % (n, b"." * 50) for n in range(DRAWN // 20))
    due = terminal.due(data)
    assert len(due) <= DRAWN and due.splitlines()[-1] == data.splitlines()[-1]
    terminal.feed(due)
    note, first, *_ = terminal.take().splitlines()
    assert note == f"[... {len(data) - len(due)} bytes were not drawn ...]" and first.encode() == due.split(b"\r")[0]
    assert terminal.due(data + b"\x1b[2J\x1b[Hnew") == b"\x1b[2J\x1b[Hnew"
    assert terminal.due(b"x" * DRAWN) == b"x" * DRAWN


@pytest.mark.parametrize(
    "line", [b"x" * DRAWN + b"the end", b"words " * DRAWN + b"the end", b'"0123456789",' * 2**15 + b"the end"]
)
@pytest.mark.parametrize("last", [b"", b"\r\n", b"\r\n$ "])
def test_of_one_long_line_the_end_is_drawn(line: bytes, last: bytes) -> None:
    terminal = Terminal()
    due = terminal.due(line + last)
    assert DRAWN // 2 - 1 <= len(due) <= DRAWN and (line + last).endswith(due)
    terminal.feed(due)
    note, shown, *prompt = terminal.take().split("\n")
    assert note == f"[... {len(line + last) - len(due)} bytes were not drawn ...]"
    assert shown.endswith("the end") and len(shown) > DRAWN // 3 and prompt == (["$ "] if b"$" in last else [])
    assert not re.match(r"ords|\d{1,9}\"", shown), "no half word, which could be half a secret"


@pytest.mark.parametrize(
    "bomb",
    [
        *(b"\x1b[9999b", b"\x1b[2J", b"\x1b[40S", b"\x1b[9999L", b"\x1b[9999@", b"\x1b[?1049h\x1b[?1049l", b"\x1bc"),
        *(b"\x1b]", b"\x1b[", b"\x1bP\x1b", b"\x1b[1;", b"e\xcc\x81", b"\xff", b"\x1b[4h\xe6\xbc\xa2", b"\0\x9b"),
    ],
)
def test_bombs_take_no_longer_than_words(bomb: bytes) -> None:
    def cost(data: bytes) -> float:
        terminal, begin = Terminal(), time.process_time()
        terminal.feed(data)
        terminal.take()
        return time.process_time() - begin

    assert (
        cost((bomb * (DRAWN // 8))[: DRAWN // 8]) < 30 * cost(b"words and more words\r\n" * (DRAWN // 8 // 22)) + 0.05
    )


def test_beside_another_emulator() -> None:
    """Random output of what both know; the other one is wrong on margins with counts, and reads no drawing sets."""
    dice = random.Random(7)

    def piece() -> str:
        kinds = [
            lambda: "".join(dice.choices("abcdef XY", k=dice.choice((1, 3, 10, 130)))),
            lambda: dice.choice(("\r\n", "\n", "\r", "\b", "\t", "\x1b[31mx\x1b[0m", "\x1b]0;title\x07")),
            lambda: f"\x1b[{dice.choice((0, 1, 2, 5, 50, 200))}{dice.choice('ABCDEFGdPX@aeL')}",
            lambda: f"\x1b[{dice.randrange(3)}{dice.choice('JK')}",
            lambda: f"\x1b[{dice.randrange(45)};{dice.randrange(COLUMNS)}H",
            lambda: dice.choice(("\x1b7", "\x1bM", "\x1bD", "\x1b[4h", "\x1b[4l")),
        ]
        return dice.choices(kinds, (6, 4, 5, 2, 3, 2))[0]()

    for _ in range(60):
        pieces = [piece() for _ in range(dice.randint(1, 60))]
        other = pyte.Screen(COLUMNS, ROWS)
        stream = pyte.Stream(other)
        terminal = Terminal()
        for text in pieces:
            if other.cursor.x == COLUMNS and text[0] == "\x1b":
                text = "\r" + text  # behind a full row they differ in what an order is about
            stream.feed(text)
            terminal.feed(text.encode())
        ours = ["".join(row.cells).rstrip() for row in terminal._grid.rows]
        assert ours == [line.rstrip() for line in other.display], pieces


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ("ctrl-c", "\x03"),
        ("Ctrl+D ^Z C-a <c-x> control-[", "\x04\x1a\x01\x18\x1b"),
        ("up down  left\tright home end", "\x1b[A\x1b[B\x1b[D\x1b[C\x1b[H\x1b[F"),
        ("d d : w q Enter", "dd:wq\r"),
        ("esc escape tab shift-tab space backspace delete", "\x1b\x1b\t\x1b[Z \x7f\x1b[3~"),
        ("pageup page_down pgdn f1 F12", "\x1b[5~\x1b[6~\x1b[6~\x1bOP\x1b[24~"),
        ("alt-f M-b \x03 \x1b[A é", "\x1bf\x1bb\x03\x1b[Aé"),
        ("< > ^ - +", "<>^-+"),
        ("", ""),
    ],
)
def test_keys(keys: str, sent: str) -> None:
    assert typed(keys, False) == sent


def test_cursor_keys_have_two_forms() -> None:
    terminal = Terminal()
    terminal.feed(b"\x1b[?1h\x1b=")
    assert terminal.keypad and typed("up f1 home", terminal.keypad) == "\x1bOA\x1bOP\x1bOH"
    terminal.feed(b"\x1b[?1l")
    assert not terminal.keypad


@pytest.mark.parametrize("keys", ["hello", "ctrl-", "a ctrl-up", "f13", "\u202eab"])
def test_no_keys(keys: str) -> None:
    with pytest.raises(Refused, match="There is no key `"):
        typed(keys, False)


def test_a_line_without_end_is_not_copied_for_each_of_its_rows() -> None:
    def took(end: str) -> float:
        times = []
        for _ in range(2):
            terminal = Terminal()
            for _ in range(5_000):
                terminal.feed(("\U0001f600" * (COLUMNS // 2) + end).encode())
            begin = time.perf_counter()
            terminal.take()
            times.append(time.perf_counter() - begin)
        return min(times)

    assert took("") < 3 * took("\r\n")
