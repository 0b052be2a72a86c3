"""What the names of styles look like: the one place where meaning becomes colour, made from the theme of the day."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.style import Style
from textual.color import BLACK, WHITE, Color

from minicode.colours import ATTRIBUTES, basic

# name: (colour of the text or "", colour behind it or "", attributes). Colours are those of a Palette.
NAMES: dict[str, tuple[str, str, str]] = {
    "": ("", "", ""),
    "dim": ("muted", "", ""),
    "strong": ("", "", "bold"),
    "em": ("", "", "italic"),
    "strike": ("", "", "strike"),
    "heading": ("primary", "", "bold"),
    "link": ("accent", "", "underline"),
    "quote": ("muted", "", "italic"),
    "rule": ("faint", "", ""),
    "inline": ("accent", "", ""),  # code among words
    "code": ("", "panel", ""),  # a block of code
    # What a highlighter tells apart.
    "comment": ("muted", "", "italic"),
    "keyword": ("primary", "", ""),
    "string": ("success", "", ""),
    "number": ("warning", "", ""),
    "name": ("accent", "", ""),  # of a function or class where it is defined
    "builtin": ("secondary", "", ""),
    "operator": ("muted", "", ""),
    # Diffs.
    "added": ("", "added", ""),
    "removed": ("", "removed", ""),
    "added.word": ("", "added_word", "bold"),
    "removed.word": ("", "removed_word", "bold"),
    "hunk": ("accent", "", ""),
    "gutter": ("muted", "", ""),
    # The transcript's own.
    "user": ("", "panel", ""),
    "user.mark": ("primary", "panel", "bold"),
    "thought": ("muted", "", "italic"),
    "thought.mark": ("secondary", "", ""),
    "call": ("", "", "bold"),
    "good": ("success", "", ""),
    "bad": ("error", "", ""),
    "warning": ("warning", "", ""),
    "mark": ("primary", "", "bold"),  # the marked block, and what it is linked to
    "found": ("background", "warning", ""),  # a hit of the search
    "found.here": ("background", "accent", "bold"),
    "selected": ("", "selection", ""),
}
PRINTED = "out."  # begins the name of a style that a program chose; a word of `minicode.colours` follows
# What the names of a terminal's colours are in a theme; "" is the colour of any text.
_OF_A_PROGRAM = {
    "black": "muted",
    "red": "error",
    "green": "success",
    "yellow": "warning",
    "blue": "primary",
    "magenta": "secondary",
    "cyan": "accent",
    "white": "",
}
# Where there are no shades to put behind a text, a change is told by the text itself, whatever else the text is.
_SIXTEEN = {
    "added": "green",
    "removed": "bright_red",
    "added.word": "bold reverse green",
    "removed.word": "bold reverse bright_red",
    "found": "reverse yellow",
    "found.here": "bold reverse cyan",
    "selected": "reverse",
}
_MONO = {
    "added": "bold",
    "removed": "dim",
    "added.word": "bold reverse",
    "removed.word": "bold reverse",
    "bad": "bold",
    "warning": "bold",
    "found": "reverse",
    "found.here": "bold reverse underline",
    "selected": "reverse",
}
_OF_NO_WORDS = ("faint",)  # lines and dots: WCAG asks less of what is not read
_GRAPHIC = 3.0
_STEPS = 20
AA = 4.5  # WCAG's least contrast of text


class Palette:
    """Styles by name, for one theme.

    colours: by the names used in NAMES, and "foreground" and "surface"; "#rrggbb", or what rich calls a colour or an
    attribute ("cyan", "dim") where the terminal's own colours are used. mono: no colours at all, only bold, dim,
    underline and reverse. least: the contrast that every text has to what is behind it, where that is known: what has
    less is made lighter or darker, so that no theme and no two names together can make a text unreadable.
    """

    def __init__(self, colours: Mapping[str, str], mono: bool = False, least: float = AA) -> None:
        self.mono = mono
        self._least = least
        self._colours = {"muted": "dim", "faint": "dim"} if mono else colours
        self._shades = not mono and colours.get("background", "").startswith("#")
        self._late = _MONO if mono else {} if self._shades else _SIXTEEN
        grounds = (colours.get(name, "") for name in ("background", "surface"))
        self._grounds = tuple(Color.parse(ground) for ground in grounds if self._shades and ground)
        self.style = lru_cache(1024)(self._style)

    def _style(self, names: str) -> Style:
        """Of "added keyword": added, and over it keyword."""
        words = names.split(" ")
        style = Style()
        for name in words:
            style += self._one(name)
        for name in words:
            style += Style.parse(self._late.get(name, "none"))
        if not self._shades:
            return style
        front = "" if words[-1].startswith(PRINTED) else NAMES[words[-1]][0]
        return self._legible(style, _GRAPHIC if front in _OF_NO_WORDS else self._least)

    def _one(self, name: str) -> Style:
        if name.startswith(PRINTED):
            return Style.parse(self._printed(name.removeprefix(PRINTED)) or "none")
        front, behind, attributes = NAMES[name]
        words = [attributes, self._colours.get(front, "")]
        if self._shades and behind:
            words.append(f"on {self._colours[behind]}")
        return Style.parse(" ".join(filter(None, words)) or "none")

    def _printed(self, word: str) -> str:
        """What rich calls the way a program wants its text."""
        if self.mono:
            return word if word in ("bold", "underline", "reverse") else ""
        if not self._shades:
            return " ".join(basic(word))
        if word == "dim":
            return self._colours["muted"]
        if word in ATTRIBUTES or word.startswith("#"):
            return word
        return self._colours.get("muted" if word == "bright_black" else _OF_A_PROGRAM[word.removeprefix("bright_")], "")

    def _legible(self, style: Style, least: float) -> Style:
        grounds = (Color.from_rich_color(style.bgcolor),) if style.bgcolor else self._grounds
        front = Color.from_rich_color(style.color) if style.color else Color.parse(self._colours["foreground"])
        for ground in grounds:
            better = _apart(front, ground, least)
            if better != front:
                front = better
                style += Style(color=better.rich_color)
        return style


def contrast(one: Color, other: Color) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _apart(front: Color, behind: Color, least: float) -> Color:
    """The colour, or the nearest one towards black or white that stands out enough."""
    end = max(WHITE, BLACK, key=lambda one: contrast(one, behind))
    mixed = (front.blend(end, step / _STEPS) for step in range(_STEPS + 1))
    return next((one for one in mixed if contrast(one, behind) >= least), end)
