"""Keys as they are written on a screen: one key's name, and a line of keys with what they do."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

_SIGNS = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "question_mark": "?", "slash": "/"}


def keys(pairs: Iterable[tuple[str, str]]) -> Content:
    """(key, what it does) on a line."""
    parts = [Content.assemble((key, "bold"), (f" {does}", "dim")) for key, does in pairs]
    return Content.styled("  ·  ", "dim").join(parts)


def named(keys_: str) -> str:
    """As they stand on a keyboard: `ctrl+j,pageup` are `Ctrl+J, PgUp`."""
    return ", ".join(_named(key.strip()) for key in keys_.split(","))


def _named(key: str) -> str:
    if len(key) == 1:
        return key  # g and G are two keys
    return "+".join(_SIGNS.get(part) or part.capitalize() for part in key.split("+"))
