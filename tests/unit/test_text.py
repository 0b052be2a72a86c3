"""The sanitiser: nothing that a terminal obeys comes through, and no input makes it slow."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.text import CAP, clean, clean_output, clip

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]52;c;ZXZpbA==", ""),
        (b"\x1b]0;no end\nnext", "\nnext"),
        (b"\x1bP1$r\x1b\\x", "x"),
        ("\x9b2Jx".encode(), "x"),
        (b"10%\r50%\r100%\n", "100%\n"),
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"gone\r\r\n", "gone\n"),
        (b"N\x08NA\x08A", "NA"),
        (b"bell\x07", "bell"),
        (b"nul\0nul", "nul\u2400nul"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("safe\u202eevil".encode(), "safe<U+202E>evil"),
        ("zero\u200bwidth".encode(), "zero<U+200B>width"),
        ("\U0001f468\u200d\U0001f469".encode(), "\U0001f468\u200d\U0001f469"),
        (b"tab\tkept\n", "tab\tkept\n"),
    ],
)
def test_output(raw: bytes, shown: str) -> None:
    assert clean_output(raw) == shown


@given(st.binary())
def test_nothing_obeyed_comes_through(raw: bytes) -> None:
    assert not OBEYED.search(clean_output(raw))


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_is_sendable_and_stays_clean(text: str) -> None:
    once = clean(text)
    once.encode("utf-8")
    assert clean(once) == once


@pytest.mark.parametrize(
    "bomb", [b"a\r", b"\x1b]", b"\x1b[", b"\x1b[1;", b"\x08a", b"x", b"\x1bP;", b"\r\r\n", b"\x9b"]
)
def test_linear_time(bomb: bytes) -> None:
    begun = time.process_time()
    clean_output(bomb * (400_000 // len(bomb)))
    assert time.process_time() - begun < 5  # a quadratic one takes minutes


def test_clip_keeps_head_and_tail_and_says_what_is_missing() -> None:
    text = "\n".join(f"line {n}" for n in range(20_000))
    clipped = clip(text, whole="/kept/here")
    assert clipped.startswith("line 0\n") and clipped.endswith("\nline 19999")
    note = next(line for line in clipped.split("\n") if line.startswith("[…"))
    assert "/kept/here" in note
    missing = int(re.sub(r"\D", "", note.split(" lines")[0]))
    shown = clipped.count("\n") - 2 + 1  # without the note and its two newlines, counted as lines
    assert abs(missing + shown - 20_000) <= 2
    assert len(clipped.encode()) <= CAP


def test_clip_of_one_endless_line() -> None:
    clipped = clip("ü" * 1_000_000, 1000)
    assert len(clipped.encode()) <= 1000
    assert "\ufffd" not in clipped


def test_short_text_is_not_touched() -> None:
    assert clip("as it is") == "as it is"
