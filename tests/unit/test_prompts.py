"""Named texts: the last place wins, holes are filled once, mistakes name file, line and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicode import prompts
from minicode.errors import ConfigError
from minicode.paths import shipped


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """Three folders with a text each: `a` is in all of them, `b` only in the first, `c` only in the last."""
    folders = [tmp_path / name for name in ("shipped", "user", "project")]
    for folder in folders:
        folder.mkdir()
        (folder / "a.md").write_text(f"{folder.name} a")
    (folders[0] / "b.md").write_text("shipped b")
    (folders[2] / "c.md").write_text("project c")
    return folders


@pytest.mark.parametrize(
    ("name", "count", "text"),
    [("a", 3, "project a"), ("a", 2, "user a"), ("a", 1, "shipped a"), ("b", 3, "shipped b"), ("c", 3, "project c")],
)
def test_the_last_place_wins(places: list[Path], name: str, count: int, text: str) -> None:
    assert prompts.load(name, places[:count]) == text


def test_a_place_that_is_not_there_is_passed_over(places: list[Path], tmp_path: Path) -> None:
    assert prompts.load("a", [places[0], tmp_path / "nowhere"]) == "shipped a"


def test_a_wrong_name_lists_the_right_ones_and_the_places(places: list[Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        prompts.load("sytsem", places)
    assert str(caught.value) == (
        f"There is no prompt `sytsem`. There are: a, b, c. Looked in: {places[0]}, {places[1]}, {places[2]}."
    )


def test_without_any_prompt(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There are: none"):
        prompts.load("a", [tmp_path])


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ who }} and {{who}}", "you and you"),
        ("\n  x {{ who }} \n\n", "x you"),
        ("{{ trick }}", "{{ who }}"),  # what is filled in is not looked at again
        ("{ who } {{ not a hole }} {{}}", "{ who } {{ not a hole }} {{}}"),
        ("no hole", "no hole"),
    ],
)
def test_holes(tmp_path: Path, text: str, filled: str) -> None:
    (tmp_path / "p.md").write_text(text)
    assert prompts.load("p", [tmp_path], who="you", trick="{{ who }}") == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\ntwo {{ whom }}", "{file}:2: unknown hole `whom`; this prompt may use: what, who."),
        (b"\xff\xfe", "{file}: cannot be read as UTF-8 text ("),
    ],
)
def test_a_mistake_in_a_text_names_the_file(tmp_path: Path, text: str | bytes, message: str) -> None:
    file = tmp_path / "p.md"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        prompts.load("p", [tmp_path], who="you", what="it")
    assert str(caught.value).startswith(message.format(file=file))


def test_the_shipped_system_prompt_holds_what_it_is_given() -> None:
    text = prompts.load("system", [shipped("prompts")], facts="Date: today", instructions="# Instructions from X\nBe.")
    assert "Date: today\n# Instructions from X\nBe." in text
    assert "{{" not in text
