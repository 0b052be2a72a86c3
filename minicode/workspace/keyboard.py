"""The keys of a terminal by their names, as the bytes that they send."""

from __future__ import annotations

import re
from collections.abc import Mapping

from minicode.text import clean
from minicode.workspace.folder import Refused

_PLAIN: Mapping[str, str] = {
    "enter": "\r", "return": "\r", "tab": "\t", "shift-tab": "\x1b[Z", "esc": "\x1b", "escape": "\x1b",
    "space": " ", "backspace": "\x7f", "delete": "\x1b[3~", "del": "\x1b[3~", "insert": "\x1b[2~",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "pgup": "\x1b[5~", "pgdn": "\x1b[6~",
    "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~",
    "f7": "\x1b[18~", "f8": "\x1b[19~", "f9": "\x1b[20~", "f10": "\x1b[21~", "f11": "\x1b[23~", "f12": "\x1b[24~",
}  # fmt: skip
_CURSOR: Mapping[str, str] = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_CONTROL = re.compile(r"(?:ctrl-|control-|c-|\^)([a-z@\[\\\]^_?])", re.IGNORECASE)
_ALT = re.compile(r"(?:alt-|meta-|m-|a-)(\S)", re.IGNORECASE)


def typed(keys: str, keypad: bool) -> str:
    """What is sent for keys, names or single characters with blanks between them. keypad: as in `Terminal`.

    Raises Refused for a name that is none.
    """
    return "".join(_key(word, keypad) for word in keys.split())


def _key(word: str, keypad: bool) -> str:
    bare = word[1:-1] if len(word) > 2 and word[0] == "<" and word[-1] == ">" else word
    name = bare.replace("+", "-").replace("_", "").casefold() if len(bare) > 2 else bare
    if len(word) == 1 or word[0] < " ":  # itself, or a code as it is
        return word
    if name in _CURSOR:
        return f"\x1b{'O' if keypad else '['}{_CURSOR[name]}"
    if name in _PLAIN:
        return _PLAIN[name]
    dashed = bare.replace("+", "-", 1)
    if found := _CONTROL.fullmatch(dashed):
        return chr(ord(found[1].upper()) ^ 0x40)
    if found := _ALT.fullmatch(dashed):
        return f"\x1b{found[1]}"
    raise Refused(
        f"There is no key `{clean(word)[:40]}`. Keys are single characters, ctrl-c, alt-x, {', '.join(_CURSOR)}, enter,"
        " tab, esc, space, backspace, delete, pageup, pagedown and f1 to f12, with blanks between them; words go into"
        " `text`."
    )
