"""What people of other agents type."""

from __future__ import annotations

import pytest

from minicode.__main__ import in_our_words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ""),
        ("run x", "run x"),
        ("exec x", "run x"),
        ("session list", "sessions list"),
        ("-p x", "run x"),
        ("--print x --json", "run x --json"),
        ("-m M2 -p x", "run -m M2 x"),
        ("--help", "--help"),
        ("run -p", "run -p"),
    ],
)
def test_words(typed: str, meant: str) -> None:
    assert in_our_words(typed.split()) == meant.split()
