"""What somebody is asked to allow is shown whole, with all that could hide in it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.text import reveal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ls -l | wc", "ls -l | wc"),
        ("a  b", "a  b"),
        ("ls" + " " * 500 + "; rm x", "ls<␣×500>; rm x"),
        ("a   1", "a<␣×3>1"),
        ("a \nb  \n", "a␣\nb␣␣\n"),
        ("a\tb", "a␉b"),
        ("good\rrm x", "good␍rm x"),
        ("\x1b[2Jls", "␛[2Jls"),
        ("\x9b2J", "<U+009B>2J"),
        ("rm\xa0x", "rm<U+00A0>x"),
        ("\u3000", "<U+3000>"),
        ("ｒｍ", "<U+FF52><U+FF4D>"),
        ("a\u202eb", "a<U+202E>b"),
        ("a\u200d\u200cb\u200b", "a<U+200D><U+200C>b<U+200B>"),
        ("\ud800", "<U+D800>"),
        ("\x00\x7f", "␀␡"),
        ("für 猫 🐈", "für 猫 🐈"),
        ("line\n" * 200, "line\n" * 200),
    ],
)
def test_shown(text: str, shown: str) -> None:
    assert reveal(text) == shown


HIDING = st.text(st.characters(exclude_categories=()) | st.sampled_from(" \t\r\n\x1b\x9b\xa0\u200d\u202e\u3000\uff52"))


@given(HIDING)
def test_nothing_that_hides_is_left(text: str) -> None:
    shown = reveal(text)
    assert not re.search(r" {3}| $| \n", shown)
    left = {c for c in shown if c not in " \n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")}
    assert not {c for c in left if unicodedata.category(c) != "Cf"}
    assert not {c for c in left if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "BN", "FSI")}
    assert not re.search("[\uff01-\uff5e\u200b-\u200f]", shown)
    assert reveal(shown) == shown


@given(HIDING)
def test_nothing_is_cut(text: str) -> None:
    back = re.sub(r"<␣×(\d+)>", lambda m: " " * int(m[1]), reveal(text))
    back = re.sub(r"<U\+([0-9A-F]{4,6})>", lambda m: chr(int(m[1], 16)), back).replace("␣", " ").replace("␡", "\x7f")
    back = re.sub("[\u2400-\u241f]", lambda m: chr(ord(m[0]) - 0x2400), back)
    if not re.search("[␣␡<\u2400-\u241f]", text):
        assert back == text
