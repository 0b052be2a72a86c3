"""What is known of a file's code: its symbols, how they lie in each other, and the names that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_TIES = (("::", "."), ("#", "."), ("/", "."), (":", "."))  # how a part of something is written elsewhere


class Symbol(NamedTuple):
    """Something that a file defines. first, last: its lines, from 1. row: the line of its name. text: of that line."""

    name: str
    kind: str
    first: int
    last: int
    row: int
    text: str


class Parsed(NamedTuple):
    """A file's code. digest: of its content. symbols: as they come in it. names: what it probably defines at a glance,
    with spaces between. uses: other names that it probably uses, each with how often, likewise.
    """

    digest: str
    symbols: tuple[Symbol, ...] = ()
    names: str = ""
    uses: str = ""


def counted(uses: str) -> dict[str, int]:
    """How often each name is used. The text is kept as it came: there can be very much of it."""
    words = uses.split(" ") if uses else []
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


class Nested(NamedTuple):
    """A symbol and those that it lies in, from the outermost."""

    symbol: Symbol
    outer: tuple[Symbol, ...]

    @property
    def path(self) -> str:
        return ".".join(symbol.name for symbol in (*self.outer, self.symbol))

    @property
    def local(self) -> bool:
        """Does it lie in a function, so that nothing outside can mean it?"""
        return any(symbol.kind in ("function", "method") for symbol in self.outer)


def nested(symbols: Iterable[Symbol]) -> Iterator[Nested]:
    """The symbols from the first line to the last."""
    around: list[Symbol] = []
    for symbol in sorted(symbols, key=lambda symbol: (symbol.first, -symbol.last)):
        while around and (around[-1].last < symbol.last or around[-1].last < symbol.first):
            around.pop()
        yield Nested(symbol, tuple(around))
        around.append(symbol)


def enclosing(symbols: Sequence[Symbol], line: int) -> str:
    """The path of the innermost symbol around a line, "" if there is none or the line itself is the one with its name.
    Variables are not around anything.
    """
    found = ""
    for one in nested(symbol for symbol in symbols if symbol.kind != "variable"):
        if one.symbol.first <= line <= one.symbol.last:
            found = "" if one.symbol.row == line else one.path
    return found


def find_symbols(symbols: Iterable[Symbol], asked: str) -> list[Nested]:
    """The symbols with this name, `f` or `A.f`; letter case counts only if it tells them apart."""
    wanted = _plain(asked)
    paths = [(f".{_plain(one.path)}", one) for one in nested(symbols)]
    found = [one for path, one in paths if path.endswith(f".{wanted}")]
    return found or [one for path, one in paths if path.casefold().endswith(f".{wanted.casefold()}")]


def _plain(path: str) -> str:
    for tie, dot in _TIES:
        path = path.replace(tie, dot)
    return path.strip(" .()")
