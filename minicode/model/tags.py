"""What M2 writes as tags into its text: thoughts to be told from words, and tool-call markup never to be shown."""

from __future__ import annotations

import re
from collections.abc import Callable

from minicode.messages import Block, Text, Thinking
from minicode.model.base import TextPart, ThinkingPart

OPEN, CLOSE = "<think>", "</think>"
# M2's own, those of its older templates, and those of the scaffolds it learnt with.
MARKERS = (
    *("<minimax:tool_call>", "<tool_calls>", "<tool_call>", "<invoke name="),
    *("<function_calls>", "<function="),
)

_IN_TEXT = (OPEN, CLOSE, *MARKERS)
_TEXT_TAG = re.compile("|".join(re.escape(tag) for tag in _IN_TEXT))
_FENCE = re.compile(r"[ \t]*(?:(?:[>*+-]|\d{1,3}[.)])[ \t]+)*(`{3,}|~{3,})[ \t]*(.*)")
_A_CALL = re.compile(r'<invoke\s+name=|<function=|"name"\s*:|</(?:minimax:)?tool_calls?>')
_LINE_KEPT = 80  # of the current line: enough to see a fence or that the line is blank so far


class Splitter:
    """Splits one stream of content, cut anywhere, into thought, text and tool-call markup.

    watch: withhold tool-call markup (False when the user's own words contain some: then M2 may be quoting).
    quoted: is this markup a quotation of what M2 was told? Asked at the end; then it is text after all.
    thinks: tags may open a thought; set it to False once thoughts arrive by a channel of their own. A stray tag at the
    start of a line is dropped from what is shown then, and elsewhere is taken for text.

    A thought may lack its opening tag: at the first closing tag all text before becomes thought. Markup counts only
    outside code, and everything after it is withheld until the end.
    """

    def __init__(self, *, watch: bool = True, quoted: Callable[[str], bool] | None = None) -> None:
        self.thinks = True
        self._watch = watch
        self._quoted = quoted
        self._raw: list[str] = []
        self._thought: list[str] = []
        self._text: list[str] = []
        self._markup: list[str] = []
        self._pending = ""
        self._mode = self._text
        self._line = ""
        self._ticks = 0  # in the current line
        self._fence = ""  # what opened the code that the current line is in
        self._inline = False  # the markup began within a line of text

    def feed(self, piece: str) -> list[TextPart | ThinkingPart]:
        """What may be shown now; a possible beginning of a tag waits for the next piece."""
        self._raw.append(piece)
        if self._mode is self._markup:
            self._markup.append(piece)
            return []
        self._pending += piece
        parts: list[TextPart | ThinkingPart] = []
        while self._pending and self._mode is not self._markup:
            if not self._step(parts):
                break
        return parts

    def close(self) -> list[TextPart | ThinkingPart]:
        """What waited and was no tag after all, or no call."""
        parts: list[TextPart | ThinkingPart] = []
        self._emit(self._pending, parts)
        self._pending = ""
        markup = self.markup
        mentioned = self._inline and not _A_CALL.search(markup)
        if markup and (mentioned or (self._quoted is not None and self._quoted(markup))):
            self._markup.clear()
            self._mode = self._text
            self._emit(markup, parts)
        return parts

    @property
    def raw(self) -> str:
        return "".join(self._raw)

    @property
    def markup(self) -> str:
        """From the first tool-call tag to the end; always the tail of `raw`."""
        return "".join(self._markup)

    def blocks(self, *, instead: str | None = None) -> list[Block]:
        """The content as blocks that carry in `keep["raw"]` what must go back on the wire, if that differs.

        instead: text that takes the place of the markup, shown and sent back alike, after its calls were read from it.
        """
        markup = self.markup
        raw, text = self.raw, "".join(self._text)
        if instead is not None:
            raw = raw[: len(raw) - len(markup)] + instead
            text += instead
        thought = "".join(self._thought)
        if thought:
            told: list[Block] = [Thinking(thought.strip("\n"), keep={"field": "content", "raw": raw})]
            return [*told, Text(text, {"raw": ""})] if text else told
        if text != raw:
            return [Text(text, {"raw": raw})]
        return [Text(text)] if text else []

    def _step(self, parts: list[TextPart | ThinkingPart]) -> bool:
        """Handle the next tag; False if more input is needed to find one."""
        if self._mode is self._thought:
            at = self._pending.find(CLOSE)
            start, tag = at, CLOSE
        else:
            match = _TEXT_TAG.search(self._pending)
            start, tag = (match.start(), match.group()) if match else (-1, "")
        if start < 0:
            kept = self._held()
            self._emit(self._pending[: len(self._pending) - kept], parts)
            self._pending = self._pending[len(self._pending) - kept :]
            return False
        self._emit(self._pending[:start], parts)
        rest = self._pending[start + len(tag) :]
        self._pending = ""
        self._meet(tag, parts)
        if self._mode is self._markup:
            self._markup.append(rest)
        else:
            self._pending = rest
        return True

    def _meet(self, tag: str, parts: list[TextPart | ThinkingPart]) -> None:
        if self._mode is self._thought:
            self._mode = self._text
            self._line = ""
            return
        line_start = not self._line.strip() and not self._fence
        if tag == OPEN and line_start:
            if self.thinks:
                self._mode = self._thought
        elif tag == CLOSE and self.thinks and not self._thought and not self._fence and "`" not in self._line:
            self._thought.extend(self._text)
            self._text.clear()
            self._line = ""
        elif tag == CLOSE and line_start:
            pass
        elif tag in MARKERS and self._watch and not self._in_code():
            self._mode = self._markup
            self._inline = not line_start
            self._markup.append(tag)
        else:
            self._emit(tag, parts)

    def _emit(self, text: str, parts: list[TextPart | ThinkingPart]) -> None:
        if not text:
            return
        self._mode.append(text)
        if self._mode is self._thought:
            parts.append(ThinkingPart(text))
            return
        parts.append(TextPart(text))
        *lines, last = (self._line + text).split("\n")
        for line in lines:
            self._end_line(line)
        self._ticks = (0 if lines else self._ticks) + (last if lines else text).count("`")
        self._line = last if len(last) <= _LINE_KEPT else last[: _LINE_KEPT - 8] + last[-8:]

    def _end_line(self, line: str) -> None:
        """Code ends with a fence of the same sign that is at least as long and stands alone."""
        match = _FENCE.match(line)
        if match is None:
            return
        fence, rest = match.groups()
        if not self._fence:
            self._fence = "" if "`" in rest and fence[0] == "`" else fence
        elif fence[0] == self._fence[0] and len(fence) >= len(self._fence) and not rest.strip():
            self._fence = ""

    def _in_code(self) -> bool:
        """Or in a quotation."""
        quoted = self._line.lstrip().startswith(">")
        return bool(self._fence) or self._ticks % 2 == 1 or self._line.endswith("`") or quoted

    def _held(self) -> int:
        """How many characters at the end of what is pending may be the beginning of a tag."""
        at = self._pending.rfind("<")
        if at < 0:
            return 0
        tail = self._pending[at:]
        tags = (CLOSE,) if self._mode is self._thought else _IN_TEXT
        return len(tail) if any(tag.startswith(tail) for tag in tags) else 0


def has_markup(text: str) -> bool:
    return any(marker in text for marker in MARKERS)


def lost_call(thought: str, quoted: Callable[[str], bool]) -> bool:
    """Does a thought hold a call that was meant to be made, and not only words about one?"""
    if not has_markup(thought):
        return False
    splitter = Splitter(quoted=quoted)
    splitter.thinks = False
    splitter.feed(thought)
    splitter.close()
    return _A_CALL.search(splitter.markup) is not None
