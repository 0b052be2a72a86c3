"""Numbers as people read them: times, tokens, money."""

from __future__ import annotations

from datetime import datetime

from minicode.messages import Usage


def duration(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 0.05:
        return "<0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def tokens(number: int) -> str:
    """`812`, `4.1k`, `1.3M`."""
    if number < 1000:
        return str(number)
    if number < 999_500:
        return f"{number / 1000:.1f}k" if number < 99_950 else f"{number / 1000:.0f}k"
    return f"{number / 1_000_000:.1f}M"


def money(dollars: float | None) -> str:
    """`$1.20`, `$0.0042`; a dash where no price is known."""
    if dollars is None:
        return "–"
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}"


def cached(usage: Usage) -> str:
    """The share of the prompt that was read from the cache: `97 %`."""
    return f"{usage.cache_read * 100 // usage.context} %" if usage.context else "–"


def moment(stamp: str) -> str:
    """`2026-11-22 07:46 UTC`; an export tells the same time to everybody who reads it."""
    try:
        return datetime.fromisoformat(stamp).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return "unknown time"


def clock(stamp: str) -> str:
    try:
        return datetime.fromisoformat(stamp).strftime("%H:%M:%S")
    except ValueError:
        return ""
