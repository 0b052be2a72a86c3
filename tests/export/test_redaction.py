"""What must not leave does not, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.export.redaction import Redaction
from minicode.journal.reader import load

KEY = "sk-api-Zq8vN3xT7mK2wR5yB9cD4fG6"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/ada", "~"),
        ("/home/ada/x and /home/ada.", "~/x and ~."),
        ("file:///home/ada/x", "file://~/x"),
        ("-I/home/ada/include", "-I~/include"),
        ("/home/adam/x /home/ada-old/x /home/ada.bak/x", "/home/adam/x /home/ada-old/x /home/~.bak/x"),
        ("%2Fhome%2Fada%2Fx", "~%2Fx"),
        ("projects/-home-ada-planner", "projects/~-planner"),
        ("/mnt/backup/ada/x", "/mnt/backup/~/x"),
        ("ada@laptop:~$", "~@laptop:~$"),
        ("~ada/x", "~~/x"),
        ("uid=1000(ada) gid=1000(ada)", "uid=1000(~) gid=1000(~)"),
        ("-rw-r--r-- 1 ada ada 20 x", "-rw-r--r-- 1 ~ ~ 20 x"),
        ("USER=ada", "USER=~"),
        ("Ada wrote ada, the language; canada", "Ada wrote ada, the language; canada"),
    ],
)
def test_home_and_name(text: str, clean: str) -> None:
    assert Redaction((), ["/home/ada"], "ada").text(text) == clean


def test_names_of_everybody_stay() -> None:
    redaction = Redaction((), ["/root"], "root")
    assert redaction.text("/root/x is root@here, at the /root, /rooted") == "~/x is root@here, at the ~, /rooted"


@pytest.mark.parametrize("home", ["", "/", "relative"])
def test_a_home_that_is_none(home: str) -> None:
    assert Redaction((), [home]).text("a / b /etc relative") == "a / b /etc relative"


def test_secrets_are_counted() -> None:
    redaction = Redaction(["the-known-one"], ["/home/ada"])
    told = redaction.value({"a": [f"key {KEY}", {"/home/ada": "the-known-one twice the-known-one"}], "n": 1, "x": None})
    assert told == {
        "a": ["key ‹redacted:api-key›", {"~": "‹redacted:secret› twice ‹redacted:secret›"}],
        "n": 1,
        "x": None,
    }
    assert redaction.summary() == "2 secret, 1 home or user name, 1 api-key"


def test_nothing_found() -> None:
    redaction = Redaction(["the-known-one"], ["/home/ada"], "ada")
    assert redaction.value(["fine", 1.5, True]) == ["fine", 1.5, True]
    assert redaction.summary() == ""


def test_a_whole_session(rich: Any) -> None:
    rich.says(f"my key is {KEY}, in /home/ada/.env")
    loaded = Redaction((), ["/home/ada"], "ada").loaded(load(rich.path))
    assert loaded.header.data["folder"] == "~/planner"
    assert loaded.entries[-1].data["text"] == "my key is ‹redacted:api-key›, in ~/.env"
    assert [entry.id for entry in loaded.entries] == [entry.id for entry in load(rich.path).entries]
