"""Make foreign text safe to show and to send: no escape codes, no hidden characters, bounded length. Linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

# What a model is told at most by one tool, in bytes of UTF-8.
CAP = 30_000
PIECE = 2**16  # bytes that are cleaned at a time

# Every alternative consumes what it began with, terminated or not, so nothing is scanned twice. None holds a newline.
ESCAPES = re.compile(
    r"(?:\x1b[PX^_\]]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, PM, APC, SOS
    r"|(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]?"  # CSI
    r"|\x1b[ -/]{0,8}[0-~]?"
)
_OVERSTRIKE = re.compile(r"[^\n\x08]\x08")
_HIDDEN = "\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f"
_ODD = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_HIDDEN}]")
# What else can make a command look like another one: joiners, fillers, selectors, spaces that are none to a shell,
# and letters of full width.
_SEEMING = (
    "\xa0\xad\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800"
    "\u3000\u3164\ufe00-\ufe0f\uff01-\uff5e\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_DOUBTFUL = rf" {{3,}}| +(?=\n|\Z)|[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\ufeff{_SEEMING}]"
_INDENT = re.compile(r"[ \t]{0,80}(?=\S)")


def clean(text: str) -> str:
    """The text with escape codes removed and every other control, bidi or invisible character made visible.

    Newlines and tabs stay, and so do the joiners that emoji and some scripts need.
    """
    if not _ODD.search(text):
        return text
    return ESCAPES.sub("", text).translate(_table())


def clean_output(data: bytes) -> str:
    """What a program printed, as `clean`, and of a line that was written over only the last state.

    By pieces of whole lines, over which no code reaches: in a thread, others get their turn between them.
    """
    return "".join(map(_clean_piece, _pieces(data)))


def _pieces(data: bytes) -> Iterator[bytes]:
    begin = 0
    while len(data) - begin > PIECE:
        end = data.rfind(b"\n", begin, begin + PIECE) + 1
        if not end:  # a line without end is cut, but not within a letter
            end = begin + PIECE
            while end > begin + PIECE - 4 and data[end] & 0xC0 == 0x80:
                end -= 1
        yield data[begin:end]
        begin = end
    yield data[begin:]


def _clean_piece(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    if not _ODD.search(text):
        return text
    text = _OVERSTRIKE.sub("", ESCAPES.sub("", text)).replace("\x07", "")
    if "\r" in text:
        text = "\n".join(map(_last_state, text.replace("\r\n", "\n").split("\n")))
    return clean(text)


def reveal(text: str) -> str:
    """The text with all made visible that could hide what it does, for one who has to say yes or no to it.

    Nothing is left out, escape codes neither. Only newlines and single or double spaces inside a line stay: a longer
    run is shown as `<␣×12>`, a space at the end of a line as `␣`, a tab as `␉`, others by number, as `<U+00A0>`.
    """
    return re.sub(_DOUBTFUL, _revealed, text)


def reveal_row(row: str) -> str:
    """A row of a diff, as `reveal`, but behind its sign the blanks and tabs that set a line in stay: in code they are
    what one expects."""
    sign = row[:1] if row[:1] in ("+", "-", " ") else ""
    line = row[len(sign) :]
    indent = _INDENT.match(line)
    return sign + (indent[0] + reveal(line[indent.end() :]) if indent else reveal(line))


def _revealed(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] == " ":
        return f"<␣×{len(found)}>" if len(found) > 2 else "␣" * len(found)
    return _visible(match) if ord(found) < 0x80 else f"<U+{ord(found):04X}>"


def _last_state(line: str) -> str:
    if "\r" not in line:
        return line
    return next((part for part in reversed(line.split("\r")) if part), "")


@cache
def _table() -> dict[int, str]:
    """What every odd character is shown as. A megabyte of them must not take longer than one of words."""
    ranges = ((0, 9), (0xB, 0x20), (0x7F, 0xA0), (0xD800, 0xE000), (0xE0000, 0xE0080), (0x2000, 0x2070))
    found = [code for first, end in (*ranges, (0x61C, 0x61D), (0xFEFF, 0xFF00)) for code in range(first, end)]
    return {code: _shown(code) for code in found if _ODD.match(chr(code))}


def _visible(match: re.Match[str]) -> str:
    return _shown(ord(match[0]))


def _shown(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code < 0xA0 or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"<U+{code:04X}>"


def clip(text: str, limit: int = CAP, whole: str = "") -> str:
    """At most about `limit` bytes: the head, the tail, and between them what is missing and where the whole is.

    whole: a path or other name of the complete text; "" if it was not kept.
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    room = max(limit - 200 - len(whole.encode()), 0)
    head = _cut_after_line(data[: room * 2 // 3])
    tail = _cut_before_line(data[len(data) - room // 3 :])
    missing = data[len(head) : len(data) - len(tail)]
    kept = f"; the whole is in {whole}" if whole else ""
    note = f"[… {missing.count(10):,} lines, {len(missing):,} bytes left out{kept} …]"
    return f"{head.decode('utf-8', 'ignore')}\n{note}\n{tail.decode('utf-8', 'ignore')}"


def _cut_after_line(data: bytes) -> bytes:
    end = data.rfind(b"\n")
    return data[:end] if end > len(data) // 2 else data


def _cut_before_line(data: bytes) -> bytes:
    start = data.find(b"\n")
    return data[start + 1 :] if 0 <= start < len(data) // 2 else data


def count(number: int, one: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"
