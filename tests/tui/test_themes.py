"""Themes: every text can be read in each of them, the user's files are checked, a first one is chosen."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.theme import BUILTIN_THEMES, Theme
from textual.widgets import Input, OptionList, TextArea

from minicode.colours import ATTRIBUTES
from minicode.colours import NAMES as NAMES_OF_COLOURS
from minicode.tui.palette import NAMES, PRINTED, Palette
from minicode.tui.themes import (
    AUTO,
    CONTRAST,
    CSS,
    DARK,
    LIGHT,
    MONO,
    SIXTEEN,
    first_theme,
    load_themes,
    native_colours,
    own,
    palette,
    palette_of,
    plain_signs,
)

OURS = {theme.name: theme for theme in own()}
SHADED = (DARK, LIGHT, CONTRAST)
# What xterm and the Linux console make of the colours that have a number only.
XTERM = {2: 0x00CD00, 3: 0xCDCD00, 13: 0xFF00FF, 6: 0x00CDCD, 9: 0xFF0000, 14: 0x00FFFF}
CONSOLE = {2: 0x00AA00, 3: 0xAA5500, 13: 0xFF55FF, 6: 0x00AAAA, 9: 0xFF5555, 14: 0x55FFFF}


def light(number: int) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [(number >> shift & 0xFF) / 255 for shift in (16, 8, 0)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: int, other: int) -> float:
    less, more = sorted((light(one), light(other)))
    return (more + 0.05) / (less + 0.05)


def number(hexes: str) -> int:
    return int(hexes.removeprefix("#"), 16)


def worst(style: Style, theme: Theme) -> float:
    """The contrast of a text in this style, wherever in the theme it may stand."""
    assert theme.foreground and theme.background and theme.surface
    front = number(style.color.triplet.hex if style.color and style.color.triplet else theme.foreground)
    if style.bgcolor and style.bgcolor.triplet:
        return ratio(front, number(style.bgcolor.triplet.hex))
    return min(ratio(front, number(ground)) for ground in (theme.background, theme.surface))


@pytest.mark.parametrize("name", SHADED)
def test_every_style_of_ours_can_be_read(name: str) -> None:
    theme = OURS[name]
    made = palette(theme)
    least = 7.0 if name == CONTRAST else 4.5
    for style in NAMES:
        needed = 3.0 if style == "rule" else least  # a line is not read
        assert worst(made.style(style), theme) >= needed, style


@pytest.mark.parametrize("name", SHADED)
def test_the_colours_of_ours_need_no_mending(name: str) -> None:
    """Or else what the theme says would not be what is seen."""
    theme = OURS[name]
    fronts = {"keyword": theme.primary, "builtin": theme.secondary, "name": theme.accent, "good": theme.success}
    for style, colour in {**fronts, "warning": theme.warning, "bad": theme.error}.items():
        seen = palette(theme).style(style).color
        assert colour and seen and seen.triplet and seen.triplet.hex == colour


@pytest.mark.parametrize("theme", [t for t in (*own(), *BUILTIN_THEMES.values()) if not t.ansi], ids=lambda t: t.name)
def test_no_two_styles_together_are_unreadable(theme: Theme) -> None:
    made = palette(theme)
    behind = [name for name, (_, ground, _) in NAMES.items() if ground and name not in ("user.mark",)]
    above = [name for name, (front, ground, _) in NAMES.items() if front not in ("", "faint") and not ground]
    for one, two in product(behind, above):
        style = made.style(f"{one} {two}")
        assert style.color and style.bgcolor and style.color.triplet and style.bgcolor.triplet
        assert ratio(number(style.color.triplet.hex), number(style.bgcolor.triplet.hex)) >= 4.5, (one, two)


@pytest.mark.parametrize("table", [XTERM, CONSOLE], ids=["xterm", "console"])
def test_sixteen_colours_are_the_terminals_own_and_are_seen_on_black(table: dict[int, int]) -> None:
    made = palette(OURS[SIXTEEN])
    for name in NAMES:
        style = made.style(name)
        assert style.bgcolor is None, name
        if style.color is not None:
            assert style.color.number is not None, name
            # the console's brown and magenta are dark; 3 is what WCAG asks of signs
            assert ratio(table[style.color.number], 0) >= (4.5 if table is XTERM else 3.0), name
    assert made.style("added keyword").color == made.style("added").color, "a change is told by the text's colour"


@pytest.mark.parametrize("made", [palette(OURS[MONO]), palette(OURS[DARK], no_colour=True)])
def test_without_colours_there_are_none_and_differences_stay(made: Palette) -> None:
    style = made.style
    assert all(style(name).color is None and style(name).bgcolor is None for name in NAMES)
    assert len({str(style(name)) for name in ("", "added", "removed", "found", "found.here")}) == 5


PROGRAMS = [*NAMES_OF_COLOURS, *ATTRIBUTES, "#000000", "#ffffff", "#16181d", "#fbfaf7", "#ff8700", "#0000ff"]


@pytest.mark.parametrize("name", SHADED)
def test_what_a_program_coloured_can_be_read(name: str) -> None:
    theme, made = OURS[name], palette(OURS[name])
    least = 7.0 if name == CONTRAST else 4.5
    for word in PROGRAMS:
        for style in (f"out.{word}", f"dim out.{word}", f"out.bold out.dim out.reverse out.{word}"):
            assert worst(made.style(style), theme) >= least, style
    hues = [made.style(f"out.{hue}").color for hue in ("red", "green", "yellow", "blue", "magenta", "cyan")]
    assert len(set(hues)) == 6 and all(hues)


def test_what_a_program_coloured_in_sixteen_colours_is_never_the_one_behind_it() -> None:
    made = palette(OURS[SIXTEEN])
    for word in PROGRAMS:
        style = made.style(f"out.{word}")
        assert style.bgcolor is None
        assert style.color is None or style.color.name.removeprefix("bright_") in (
            *("red", "green", "yellow", "blue", "magenta", "cyan"),
        ), word
    assert str(made.style("out.bold out.bright_red")) == "bold bright_red"


@pytest.mark.parametrize("made", [palette(OURS[MONO]), palette(OURS[DARK], no_colour=True)])
def test_what_a_program_coloured_has_no_colour_where_there_is_none(made: Palette) -> None:
    words = {word: str(made.style(f"out.{word}")) for word in PROGRAMS}
    assert {word: style for word, style in words.items() if style != "none"} == {
        word: word for word in ("bold", "underline", "reverse")
    }


def test_signs_become_words_in_the_plain_theme_alone() -> None:
    assert [name for name, theme in OURS.items() if plain_signs(theme)] == [MONO]


class Shown(App[None]):
    CSS = CSS

    def compose(self) -> ComposeResult:
        yield Input("words")
        yield TextArea("words", compact=True)
        yield OptionList("one", "two")

    def on_mount(self) -> None:
        for theme in own():
            self.register_theme(theme)


async def test_every_theme_is_one_for_textual_and_few_colours_stay_few() -> None:
    app = Shown()
    async with app.run_test(size=(40, 8)) as pilot:
        for name in OURS:
            app.theme = name
            await pilot.pause()
            assert app.current_theme.name == name
            assert palette_of(app).mono == (name == MONO)
            if name not in SHADED:
                strips = app.screen._compositor.render_strips()
                styles = [segment.style for strip in strips for segment in strip if segment.style]
                colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour]
                assert colours and all(colour.triplet is None for colour in colours)
                if name == MONO:
                    assert {colour.name for colour in colours} == {"default"}
                    assert sum(bool(style.reverse) for style in styles) >= 2, "the cursor and the chosen row are seen"


@pytest.mark.parametrize("name", [SIXTEEN, DARK])
async def test_no_color_is_obeyed_and_nothing_vanishes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Shown(ansi_color=native_colours(os.environ))
    async with app.run_test(size=(40, 8)) as pilot:
        app.theme = name
        await pilot.pause()
        assert palette_of(app).mono
        for strip in app.screen._compositor.render_strips():
            for layer in app._filters:
                strip = strip.apply_filter(layer, app.screen.background_colors[1]) if layer.enabled else strip
            for style in filter(None, (segment.style for segment in strip)):
                assert {colour.name for colour in (style.color, style.bgcolor) if colour} <= {"default"}


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"TERM": "xterm-256color"}, DARK),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, LIGHT),
        ({"TERM": "xterm-256color", "COLORFGBG": "15;default;0"}, DARK),
        ({"TERM": "linux"}, SIXTEEN),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, DARK),
        ({"TERM": "xterm", "COLORFGBG": "0;15"}, "ansi-light"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, SIXTEEN),
    ],
)
def test_the_first_theme_is_what_the_terminal_can(env: dict[str, str], name: str) -> None:
    assert first_theme("", [*OURS, "ansi-light"], env) == (name, "")


def test_a_wish_is_heard_and_a_wrong_one_is_named() -> None:
    assert first_theme("nord", ["nord", *OURS], {"TERM": "linux"}) == ("nord", "")
    name, problem = first_theme("minicode-drak", OURS, {})
    assert name == DARK
    assert problem == ("There is no theme `minicode-drak`; `minicode-dark` is used. Did you mean `minicode-dark`?")
    assert "\x1b" not in first_theme("\x1b]0;x\x07", OURS, {})[1]


def test_a_users_theme(tmp_path: Path) -> None:
    (tmp_path / "sea.toml").write_text('dark = false\nprimary = "#004466"\naccent = "teal"\n')
    themes, problems = load_themes(tmp_path)
    assert problems == []
    [sea] = themes
    assert (sea.name, sea.dark, sea.primary, sea.accent) == ("sea", False, "#004466", "#008080")
    assert sea.background == OURS[LIGHT].background, "what is not said is as in ours"
    assert palette(sea).style("keyword").color is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("primary = \n", "it is not TOML: Invalid value (at line 1, column 11)."),
        ('primry = "red"\n', "unknown key `primry`. Did you mean `primary`?"),
        ('primary = "reed"\n', "`primary` must be a colour such as #7fabe8 or teal, not 'reed'."),
        ('primary = "ansi_red"\n', "`primary` must be a colour such as #7fabe8 or teal, not 'ansi_red'."),
        ('primary = "#00000044"\n', "`primary` must be a colour such as #7fabe8 or teal, not '#00000044'."),
        ("error = 3\n", "`error` must be a colour such as #7fabe8 or teal, not 3."),
        ('dark = "yes"\n', "`dark` must be true or false, not 'yes'."),
        ('name = "a, b"\n', "`name` must be up to 40 letters, digits, `-` or `_`, not 'a, b'."),
        ("# " + "x" * 70_000, "a theme has no more than 65,536 bytes; this is something else."),
        ('name = "\\u009d0;x"\n', "`name` must be up to 40 letters, digits, `-` or `_`, not '\\x9d0;x'."),
    ],
)
def test_a_wrong_theme_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text)
    themes, problems = load_themes(tmp_path)
    assert problems == [f"{file}: {problem}"]
    if text.startswith(("primry", 'primary = "', "error", "dark")):
        assert [theme.name for theme in themes] == ["a"], "the rest of it is used"


def test_two_of_a_name_bytes_and_no_folder(tmp_path: Path) -> None:
    assert load_themes(tmp_path / "none") == ([], [])
    (tmp_path / "a.toml").write_text('name = "sea"\n')
    (tmp_path / "b.toml").write_text('name = "sea"\n')
    (tmp_path / "c.toml").write_bytes(b"name = '\xff'")
    (tmp_path / "d.toml").mkdir()
    themes, problems = load_themes(tmp_path)
    assert [theme.name for theme in themes] == ["sea"]
    assert [problem.partition(": ")[2] for problem in problems] == [
        "`name`: `sea` is already the name of another file's theme; choose a new one.",
        "it is not UTF-8; save it as UTF-8.",
        "it cannot be read: Is a directory.",
    ]


def test_auto_is_the_terminals_choice_and_no_name(tmp_path: Path) -> None:
    env = {"TERM": "xterm-256color"}
    assert first_theme(AUTO, OURS, env) == (DARK, "")
    assert first_theme("", OURS, env, light=True) == (LIGHT, "")
    assert first_theme("", OURS, env | {"COLORFGBG": "0;15"}, light=False) == (DARK, ""), "what it answers counts more"
    assert first_theme(CONTRAST, OURS, env, light=True) == (CONTRAST, "")
    (tmp_path / "auto.toml").write_text('primary = "teal"\n')
    assert load_themes(tmp_path)[0] == []


@pytest.mark.parametrize("dark", [True, False])
def test_a_theme_that_says_next_to_nothing_can_be_read(tmp_path: Path, dark: bool) -> None:
    """Also what programs print in the terminal's sixteen colours."""
    (tmp_path / "a.toml").write_text(f"dark = {str(dark).lower()}\nbackground = '{'#101010' if dark else '#f0f0f0'}'\n")
    [theme], problems = load_themes(tmp_path)
    assert problems == []
    made = palette(theme)
    printed = [
        f"{PRINTED}{tone}{name}" for tone in ("", "bright_") for name in ("red", "yellow", "blue", "black", "white")
    ]
    for style in (*NAMES, *printed):
        assert worst(made.style(style), theme) >= (3.0 if style == "rule" else 4.5), style
