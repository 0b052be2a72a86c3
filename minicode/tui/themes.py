"""The themes: our own, the user's from files, which one to begin with, and a palette of each."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from textual.app import App
from textual.color import Color, ColorParseError
from textual.message import Message
from textual.theme import Theme

from minicode.text import clean, count
from minicode.tui.palette import AA, Palette

DARK, LIGHT, CONTRAST, SIXTEEN, MONO = (
    *("minicode-dark", "minicode-light", "minicode-contrast"),
    *("minicode-16", "minicode-mono"),
)
AAA = 7.0
_DEFAULT = "ansi_default"
_COLOURS = (
    *("primary", "secondary", "accent", "foreground", "background", "surface", "panel"),
    *("success", "warning", "error"),
)
AUTO = "auto"  # in the place of a theme's name: by what the terminal says
_KEYS = ("name", "dark", *_COLOURS)
_NAME = re.compile(r"(?!auto\Z)[A-Za-z0-9_-]{1,40}")  # it becomes a class in CSS
_BYTES = 64 * 2**10  # of a theme's file
# Terminals that tell of no more than sixteen colours.
_FEW = ("linux", "xterm", "vt100", "vt220", "ansi", "screen", "tmux", "rxvt")
# For the app: what Textual shows in fixed colours, or in nothing but colours.
CSS = f"""
Input:ansi > .input--cursor {{ color: ansi_default; background: ansi_default; }}
App:nocolor Input > .input--selection, App:nocolor TextArea > .text-area--selection {{ text-style: reverse; }}
.-theme-{MONO} Input > .input--selection, .-theme-{MONO} TextArea > .text-area--selection {{ text-style: reverse; }}
.-theme-{MONO} .screen--selection {{ text-style: reverse; }}
TextArea .text-area--placeholder, Input > .input--placeholder {{ color: $text-muted; }}
TextArea:ansi .text-area--placeholder, Input:ansi > .input--placeholder {{ color: ansi_default; text-style: dim; }}
"""
_UNSAID = ("ansi-background", "ansi-foreground", "surface-active")  # Textual uses them and leaves them to the themes
# What Textual gives a colour in every ansi theme.
_MONO_TOO = (
    *("border", "border-blurred", "footer-key-foreground", "link-color", "link-color-hover", "link-background-hover"),
    *("scrollbar", "scrollbar-hover", "scrollbar-active", "scrollbar-background", "scrollbar-background-hover"),
    *("scrollbar-background-active", "screen-selection-background", "screen-selection-foreground"),
    *(f"markdown-h{level}-color" for level in range(1, 7)),
)


class Dress(Message):
    """The user wants this theme, or AUTO."""

    def __init__(self, theme: str) -> None:
        self.theme = theme
        super().__init__()


def own() -> tuple[Theme, ...]:
    return (*_shaded(), *_of_the_terminal())


def _shaded() -> tuple[Theme, ...]:
    return (
        Theme(
            DARK,
            primary="#7fabe8",
            secondary="#b79fe0",
            accent="#72c2bf",
            success="#8fc17e",
            warning="#dfb369",
            error="#ea8080",
            foreground="#d8dbe2",
            background="#16181d",
            surface="#1b1e24",
            panel="#22262e",
        ),
        Theme(
            LIGHT,
            primary="#1f5fb0",
            secondary="#7442a8",
            accent="#0f686b",
            success="#2f6a25",
            warning="#7d5200",
            error="#b3261e",
            foreground="#24272e",
            background="#fbfaf7",
            surface="#f5f4f0",
            panel="#eceae4",
            dark=False,
        ),
        Theme(
            CONTRAST,
            primary="#7cc4ff",
            secondary="#e0a8ff",
            accent="#4ff0e6",
            success="#6bff6b",
            warning="#ffe04d",
            error="#ff9a9a",
            foreground="#ffffff",
            background="#000000",
            surface="#000000",
            panel="#1c1c1c",
        ),
    )


def _of_the_terminal() -> tuple[Theme, ...]:
    return (
        Theme(
            SIXTEEN,
            ansi=True,
            primary="ansi_cyan",
            secondary="ansi_bright_magenta",
            accent="ansi_bright_cyan",
            success="ansi_green",
            warning="ansi_yellow",
            error="ansi_bright_red",
            **_grounds(),
            variables={
                **_reversed(),
                "border": "ansi_cyan",
                "border-blurred": "ansi_blue",
                "scrollbar": "ansi_bright_black",
                "footer-key-foreground": "ansi_cyan",
                "link-color": "ansi_cyan",
                "input-selection-background": "ansi_cyan",
                "input-selection-foreground": "ansi_black",
                "screen-selection-background": "ansi_cyan",
                "screen-selection-foreground": "ansi_black",
            },
        ),
        Theme(
            MONO,
            ansi=True,
            primary=_DEFAULT,
            secondary=_DEFAULT,
            accent=_DEFAULT,
            success=_DEFAULT,
            warning=_DEFAULT,
            error=_DEFAULT,
            **_grounds(),
            variables={
                **_reversed(),
                **{name: _DEFAULT for name in _MONO_TOO},
                "link-style": "underline",
                "link-style-hover": "reverse",
            },
        ),
    )


def _grounds() -> dict[str, Any]:
    return dict.fromkeys(("foreground", "background", "surface", "panel", "boost"), _DEFAULT)


def _reversed() -> dict[str, str]:
    """What is under a cursor or chosen, where no colour can be put behind it."""
    colours = ("block-cursor", "block-cursor-blurred", "input-selection", "input-cursor")
    grounds = {f"{name}-{part}": _DEFAULT for name in colours for part in ("foreground", "background")}
    styles = {
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-text-style": "underline",
        "input-cursor-text-style": "reverse",
        "button-focus-text-style": "reverse",
    }
    return {**grounds, **styles, **dict.fromkeys(_UNSAID, _DEFAULT)}


def plain_signs(theme: Theme) -> bool:
    """Whether words stand where signs and lines would: the theme is for those who listen to the screen."""
    return theme.name == MONO


def palette_of(app: App[Any]) -> Palette:
    """The palette for what the app wears now; its `theme_changed_signal` tells when to ask again."""
    return palette(app.current_theme, no_colour=app.no_color)


def palette(theme: Theme, no_colour: bool = False) -> Palette:
    """The palette of any theme, ours or not. no_colour: NO_COLOR is set."""
    if no_colour or theme.name == MONO:
        return Palette({}, mono=True)
    given = {name: getattr(theme, name) for name in _COLOURS}
    if not all(given.values()):  # what a theme leaves out, Textual makes up; dear, so only then
        given = theme.to_color_system().generate()
    if theme.ansi:
        fronts = ("primary", "secondary", "accent", "success", "warning", "error")
        named = {name: Color.parse(given[name]).rich_color.name for name in fronts}
        return Palette({**named, "muted": "dim", "faint": "dim"})
    background = Color.parse(given["background"])
    colours = {name: background + Color.parse(given[name]) for name in _COLOURS}

    def tint(name: str, share: float) -> Color:
        return background.blend(colours[name], share, alpha=1)

    strong = 0.30 if theme.dark else 0.26
    colours |= {
        "muted": tint("foreground", 0.62),
        "faint": tint("foreground", 0.38),
        "added": tint("success", 0.13),
        "removed": tint("error", 0.13),
        "added_word": tint("success", strong),
        "removed_word": tint("error", strong),
        "selection": tint("primary", 0.30),
    }
    least = AAA if theme.name == CONTRAST else AA
    return Palette({name: colour.hex6 for name, colour in colours.items()}, least=least)


def first_theme(
    wanted: str, known: Collection[str], env: Mapping[str, str], light: bool | None = None
) -> tuple[str, str]:
    """(name of the theme to begin with, what is wrong with the wish or ""). wanted: "" and AUTO are the terminal's
    choice. light: what it answered of its background, None if it did not."""
    if wanted in known:
        return wanted, ""
    name = _fitting(env, light)
    if wanted in ("", AUTO):
        return name, ""
    near = _near(wanted, known, 0.5)
    hint = f"Did you mean `{near[0]}`?" if near else "`/theme` shows them all."
    return name, f"There is no theme `{clean(wanted)}`; `{name}` is used. {hint}"


def native_colours(env: Mapping[str, str]) -> bool | None:
    """For `App(ansi_color=…)`. Without it Textual answers NO_COLOR by greys, the terminal's own colours by black."""
    return True if "NO_COLOR" in env else None


def _fitting(env: Mapping[str, str], light: bool | None) -> str:
    """By what the terminal says of itself. Those that do not tell their background are mostly dark."""
    if light is None:
        light = env.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")
    if "NO_COLOR" in env or (env.get("TERM", "") in _FEW and not env.get("COLORTERM")):
        return "ansi-light" if light else SIXTEEN
    return LIGHT if light else DARK


def load_themes(folder: Path) -> tuple[list[Theme], list[str]]:
    """The user's themes, and sentences about what is wrong in their files. What is right in a file is used."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == ".toml")
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        return [], [f"{clean(str(folder))}: the themes cannot be read: {error.strerror}."]
    for file in files:
        theme, wrong = _read(file)
        if theme and theme.name in themes:
            wrong.append(f"`name`: `{theme.name}` is already the name of another file's theme; choose a new one.")
        elif theme:
            themes[theme.name] = theme
        problems += [f"{clean(str(file))}: {sentence}" for sentence in wrong]
    return list(themes.values()), problems


def _near(wanted: str, known: Collection[str], cutoff: float = 0.6) -> list[str]:
    from difflib import get_close_matches  # for those who mistyped

    return get_close_matches(wanted, known, n=1, cutoff=cutoff)


def _read(file: Path) -> tuple[Theme | None, list[str]]:
    import tomllib  # for those who have a theme of their own

    try:
        with file.open("rb") as opened:
            data = opened.read(_BYTES + 1)
        if len(data) > _BYTES:
            return None, [f"a theme has no more than {count(_BYTES, 'byte')}; this is something else."]
        table = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        return None, [f"it cannot be read: {error.strerror}."]
    except UnicodeDecodeError:
        return None, ["it is not UTF-8; save it as UTF-8."]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return None, [f"it is not TOML: {clean(str(error)) or 'too deep'}."]
    problems: list[str] = []
    for key in table:
        if key not in _KEYS:
            near = _near(key, _KEYS)
            hint = f"Did you mean `{near[0]}`?" if near else f"A theme has {', '.join(_KEYS)}."
            problems.append(f"unknown key `{clean(key)}`. {hint}")
    dark = table.get("dark", True)
    if not isinstance(dark, bool):
        problems.append(f"`dark` must be true or false, not {_shown(dark)}.")
        dark = True
    name = table.get("name", file.stem)
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        problems.append(f"`name` must be up to 40 letters, digits, `-` or `_`, not {_shown(name)}.")
        return None, problems
    base = next(theme for theme in own() if theme.name == (DARK if dark else LIGHT))
    colours = {key: getattr(base, key) for key in _COLOURS}
    for key in _COLOURS:
        if key in table:
            if colour := _colour(table[key]):
                colours[key] = colour
            else:
                problems.append(f"`{key}` must be a colour such as {base.primary} or teal, not {_shown(table[key])}.")
    return Theme(name, dark=dark, **colours), problems


def _colour(value: Any) -> str:
    """As #rrggbb; "" if it is none, or one that can be seen through, or the terminal's own."""
    if not isinstance(value, str) or value == "auto":
        return ""
    try:
        colour = Color.parse(value)
    except ColorParseError:
        return ""
    return colour.hex6 if colour.a == 1 and colour.ansi is None else ""


def _shown(value: Any) -> str:
    text = clean(repr(value))
    return text if len(text) <= 60 else f"{text[:59]}…"
