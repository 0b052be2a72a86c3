"""The sanitisers, fuzzed: nothing that a terminal obeys is left, cleaning twice changes nothing, the time is linear."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minicode.text import clean, clean_output, reveal

BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
OBEYED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{BIDI}]")
CLEANERS: list[Callable[[str], str]] = [clean, reveal, lambda text: clean_output(text.encode("utf-8", "surrogatepass"))]
CODES = [
    "\x1b", "\x1b[", "\x1b]52;c;", "\x1b]8;;http://x\x1b\\", "\x1bP", "\x1b_", "\x9b", "\x9d", "\x90", "\x9c", "\x07",
    "\x08", "\r", "\r\n", "\n", "\t", "?25h", "2J", "6n", "0;", "\u202e", "\u2069", "\u061c", "\u200d", "\ud800", "x",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(CODES) | st.text(max_size=4)).map("".join) | st.text(
    st.characters(exclude_categories=())
)


@pytest.mark.parametrize("cleaner", CLEANERS, ids=["clean", "reveal", "output"])
@given(text=TEXT)
@example(text="\x1b\x1b[2J[2J")
@example(text="\x1b\x08\x1b]0;x\x07")
@example(text="\x08\x1b[\r\x1b")
def test_nothing_obeyed_is_left(cleaner: Callable[[str], str], text: str) -> None:
    once = cleaner(text)
    assert not OBEYED.search(once), ascii(once)
    assert cleaner(once) == once
    once.encode()


@given(st.binary() | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_of_a_program_get_through(data: bytes) -> None:
    assert not OBEYED.search(clean_output(data))


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.sampled_from("\n\täß猫🐈")))
def test_plain_text_is_not_touched(text: str) -> None:
    assert clean(text) == text == clean_output(text.encode())


@pytest.mark.parametrize("cleaner", CLEANERS, ids=["clean", "reveal", "output"])
@pytest.mark.parametrize(
    "bomb",
    ["\x1b", "\x1b[", "\x1b]", "\x1b[1;", "\x1bP;", "\x9b", "\x9d", "\x08a", "a\x08", "a\r", "\r\r\n", " ", "  \t",
     " \n", "   x", "\u202e", "\u3000", "\x1b]8;;\x1b", "\x1b   ", "\x00", "x"],
)  # fmt: skip
def test_linear_time(cleaner: Callable[[str], str], bomb: str) -> None:
    def seconds(size: int) -> float:
        text = bomb * (size // len(bomb))
        begun = time.process_time()
        cleaner(text)
        return time.process_time() - begun

    small, big = min(seconds(6_000) for _ in range(2)), min(seconds(48_000) for _ in range(2))
    assert big < 24 * small + 0.05, (small, big)  # eight times the text; a quadratic one takes 64 times as long
