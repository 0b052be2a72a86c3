"""Source code as lines of named styles: highlighted by pygments, in bounded time, and never with an error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import PurePath
from time import thread_time
from typing import TYPE_CHECKING, NamedTuple

from minicode.text import clean
from minicode.tui.rows import Span

if TYPE_CHECKING:
    from pygments.lexer import Lexer  # type: ignore[import-untyped]

Spans = tuple[Span, ...]

WINDOW = 64  # lines that are looked at together; a comment or string longer than half of it may lose its colour
ALONE = 6  # lines that are shown as if they stood alone, before they are looked at together with those before them
LARGEST, MOST_LINES, WIDEST = 64_000, 2_000, 2_000  # characters, lines, characters of a line: from there on it is plain
PATIENCE = 0.1  # seconds of CPU for one source; what is not highlighted by then is plain
CACHED = 1_000_000  # characters of source whose highlighting is kept

# The first that is found counts: the farther down, the more it takes in.
STYLES = (
    ("Token.Comment.Preproc", "builtin"),
    ("Token.Comment", "comment"),
    ("Token.Keyword.Constant", "number"),
    ("Token.Keyword.Type", "builtin"),
    ("Token.Keyword", "keyword"),
    ("Token.Operator.Word", "keyword"),
    ("Token.Operator", "operator"),
    ("Token.Literal.String.Interpol", "operator"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Name.Function", "name"),
    ("Token.Name.Class", "name"),
    ("Token.Name.Tag", "keyword"),
    ("Token.Name.Attribute", "name"),
    ("Token.Name.Decorator", "builtin"),
    ("Token.Name.Builtin", "builtin"),
    ("Token.Name.Exception", "builtin"),
    ("Token.Generic.Heading", "heading"),
    ("Token.Generic.Subheading", "heading"),
    ("Token.Generic.Strong", "strong"),
    ("Token.Generic.Emph", "em"),
    ("Token.Generic.Prompt", "operator"),
    ("Token.Generic.Deleted", "bad"),
    ("Token.Generic.Inserted", "good"),
)
# Names that models write and pygments does not know.
ALSO = {"jsonc": "json", "plaintext": "text", "svelte": "html", "gradle": "groovy", "mjs": "js", "cjs": "js"}
# Endings that several languages claim, and which of them is meant.
CLAIMED = {
    ".h": "c",
    ".hh": "cpp",
    ".m": "objective-c",
    ".mm": "objective-c++",
    ".pl": "perl",
    ".pm": "perl",
    ".t": "perl",
    ".sql": "sql",
    ".v": "verilog",
    ".fs": "fsharp",
    ".s": "gas",
    ".inc": "php",
    ".lean": "lean4",
    ".bas": "vb.net",
    ".xsl": "xml",
    ".gd": "gdscript",
    ".feature": "gherkin",
    ".asm": "nasm",
}


def highlight(source: str, language: str) -> list[Spans]:
    """One entry a line. language: a name as in a Markdown fence, or a file's; unknown or "" is plain."""
    source = clean(source.replace("\r\n", "\n"))
    if len(source) > LARGEST or not _known(language):
        return _highlighted(source, language)
    return list(_kept().of(source, language))


def language_of(path: str) -> str:
    """The language of a file by its name, for `highlight`; "" if it is not known."""
    name = PurePath(path).name
    exact, endings = _patterns()
    if found := exact.get(name):
        return found
    suffixes = PurePath(name.lower()).suffixes
    for start in range(len(suffixes)):
        ending = "".join(suffixes[start:])
        if found := CLAIMED.get(ending) or endings.get(ending):
            return found
    return ""


class Highlighter:
    """Code that is still arriving. A line is looked at a few times at most, however long the code gets."""

    def __init__(self, language: str, patience: float = 0.0) -> None:
        """patience: seconds of CPU for all of it; 0 has only a bound for each window."""
        self.done: list[Spans] = []  # lines that do not change any more
        self._language = _known(language)
        self._open: list[str] = []  # the lines after them
        self._seen: list[Spans] = []  # as many of them as were highlighted, alone or together
        self._together = 0  # how many were open when they were last highlighted together
        self._size = 0
        self._patience = patience
        self._spent = 0.0

    def add(self, lines: Iterable[str]) -> None:
        """Whole lines, clean."""
        for line in lines:
            self._size += len(line) + 1
            too_much = self._size > LARGEST or len(line) > WIDEST
            if self._language and (too_much or len(self.done) + len(self._open) >= MOST_LINES):
                self.finish()
                self._language = ""
            if not self._language:
                if self._open:  # it was given up while they were looked at
                    self.finish()
                self.done.append(_plain(line))
                continue
            self._open.append(line)
            if len(self._open) == WINDOW:
                self._settle()

    def tail(self) -> list[Spans]:
        """The lines after `done`, as they look now."""
        fresh = len(self._open) - self._together
        if fresh >= max(self._together // 2, ALONE):
            self._seen, _ = self._look(self._open)
            self._together = len(self._open)
        for line in self._open[len(self._seen) :]:
            self._seen += self._look([line])[0]
        return self._seen

    def finish(self) -> None:
        """No more lines will come."""
        if self._together < len(self._open):
            self._seen, _ = self._look(self._open)
        self.done += self._seen
        self._open, self._seen, self._together = [], [], 0

    def _settle(self) -> None:
        """Everything up to a place where something new begins. It must depend on nothing but the lines: whoever sees
        them one by one and who sees them at once have to see the same colours."""
        _lexer(self._language)  # its import is dear, and no fault of the code
        begin = thread_time()
        found, quiet = self._look(self._open)
        self._spent += thread_time() - begin
        cut = _seam(self._open, quiet)
        self.done += found[:cut]
        self._open = self._open[cut:]
        self._seen, self._together = found[cut:], len(self._open)
        if self._patience and self._spent > self._patience:
            self.done += map(_plain, self._open)
            self._open, self._seen, self._language = [], [], ""

    def _look(self, lines: list[str]) -> tuple[list[Spans], set[int]]:
        """Highlighted, and the numbers of the lines before which no string or comment is open."""
        lexer = _lexer(self._language) if self._language else None
        if lexer is None:
            return [_plain(line) for line in lines], set()
        found: list[Spans] = []
        quiet: set[int] = set()
        spans: list[Span] = []
        end = thread_time() + PATIENCE
        try:
            for kind, text in lexer.get_tokens("\n".join(lines)):
                style = _style(kind)
                if "\n" not in text:
                    spans.append(Span(text, style))
                    continue
                first, *others = text.split("\n")
                spans.append(Span(first, style))
                for other in others:
                    found.append(tuple(span for span in spans if span.text))
                    if style not in ("string", "comment"):
                        quiet.add(len(found))
                    spans = [Span(other, style)]
                if thread_time() > end:
                    self._language = ""
                    break
        except Exception:  # why: a lexer is foreign code of six hundred kinds; colours are not worth an error
            self._language = ""
        found += map(_plain, lines[len(found) :])
        return [_true(got, line) for got, line in zip(found, lines, strict=False)], quiet


def _seam(lines: list[str], quiet: set[int]) -> int:
    """Where lines that were seen are cut: late, before a line at the margin that follows an empty one, if there is."""
    half = range(len(lines) - 1, len(lines) // 2, -1)
    calm = [number for number in half if number in quiet and not lines[number - 1].strip()]
    margin = (number for number in calm if lines[number][:1].strip(" \t})]"))
    return next(margin, calm[0] if calm else len(lines))


def _plain(line: str) -> Spans:
    return (Span(line),) if line else ()


def _true(spans: Spans, line: str) -> Spans:
    """Colours must not change a word: some lexers change what they read."""
    return spans if "".join(span.text for span in spans) == line else _plain(line)


def _highlighted(source: str, language: str) -> list[Spans]:
    lines = Highlighter(language, PATIENCE)
    lines.add(source.removesuffix("\n").split("\n"))
    lines.finish()
    return lines.done


class _Kept:
    """The last highlighted sources."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, str], list[Spans]] = OrderedDict()
        self._size = 0

    def of(self, source: str, language: str) -> list[Spans]:
        key = source, language
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        found = self._found[key] = _highlighted(source, language)
        self._size += len(source)
        while self._size > CACHED:
            (old, _), _ = self._found.popitem(last=False)
            self._size -= len(old)
        return found


@cache
def _kept() -> _Kept:
    return _Kept()


@lru_cache(1024)
def _style(kind: object) -> str:
    """Of a token's type, which writes itself as Token.Name.Function."""
    kind = str(kind)
    return next((style for name, style in STYLES if kind == name or kind.startswith(name + ".")), "")


class _Language(NamedTuple):
    aliases: tuple[str, ...]
    patterns: tuple[str, ...]


def _languages() -> Iterator[_Language]:
    """Without plugins: looking for them reads every installed package, and they would be foreign code."""
    from pygments.lexers import get_all_lexers  # type: ignore[import-untyped]

    for _, aliases, patterns, _ in get_all_lexers(plugins=False):
        yield _Language(tuple(aliases), tuple(patterns))


@cache
def _names() -> frozenset[str]:
    return frozenset(alias.lower() for language in _languages() for alias in language.aliases)


def _known(language: str) -> str:
    """The name pygments has for it, also if it is the name of a file; "" if it has none."""
    name = ALSO.get(language.lower(), language.lower())
    return name if name in _names() else language_of(language)


@cache
def _patterns() -> tuple[dict[str, str], dict[str, str]]:
    """(language by whole name, language by ending)."""
    exact: dict[str, str] = {}
    endings: dict[str, str] = {}
    for aliases, patterns in _languages():
        for pattern in patterns if aliases else ():
            if pattern.startswith("*.") and not any(sign in pattern[2:] for sign in "*?["):
                endings.setdefault(pattern[1:].lower(), aliases[0])
            elif not any(sign in pattern for sign in "*?["):
                exact.setdefault(pattern, aliases[0])
    return exact, endings


@lru_cache(32)
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name

    try:
        return get_lexer_by_name(language, stripnl=False)
    except Exception:  # why: as above; some lexers need what is not installed
        return None
