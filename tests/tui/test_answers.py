"""The terminal's background: asked for, understood however the answer comes, and never taken for keys."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

from minicode.lab.rehearsal import Say, steps
from minicode.tui.answers import Answers, Changed, Ground, can_be_asked
from minicode.tui.driver import _Heard
from minicode.tui.themes import DARK, LIGHT

LIGHT_GROUND = ["\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "\x1b]11;rgb:ff/ff/e0\x07", "\x1b]11;rgba:ffff/ffff/dddd/ffff\x07"]
DARK_GROUND = ["\x1b]11;rgb:0000/0000/0000\x1b\\", "\x1b]11;rgb:1/2/3\x07", "\x1b]11;rgb:0000/0000/ffff\x1b\\"]


def seen(messages: list[Any]) -> list[Any]:
    return [message.light if isinstance(message, Ground) else type(message) for message in messages]


@pytest.mark.parametrize(("answers", "light"), [(LIGHT_GROUND, True), (DARK_GROUND, False)])
def test_a_background_is_light_or_dark(answers: list[str], light: bool) -> None:
    for answer in answers:
        rest, messages = Answers().split(f"a{answer}b")
        assert (rest, seen(messages)) == ("ab", [light])


@pytest.mark.parametrize(
    "answer",
    ["\x1b]11;rgb:ffff/ffff\x1b\\", "\x1b]11;rgb:fffff/0/0\x1b\\", "\x1b]11;rgb:///\x07", "\x1b]11;rgb:1/2/3/4/5\x07"],
)
def test_what_is_no_colour_is_no_key_either(answer: str) -> None:
    assert Answers().split(f"a{answer}b") == ("ab", [])


@pytest.mark.parametrize(
    ("cut", "rest", "keys", "lights"),
    [("\x1b]11;rgb:ffff/ff", "ff/ffff\x1b\\", ["a", "b"], [True]), ("\x1b[", "A", ["a", "b", "up"], [])],
)
def test_what_was_typed_at_the_start_stays_before_an_answer_that_was_cut_in_two(
    cut: str, rest: str, keys: list[str], lights: list[bool]
) -> None:
    pressed: list[Message] = []
    answered: list[Message] = []
    heard = _Heard(XTermParser(False), pressed.append, answered.append)
    heard.hear_early(heard.typed("ab") + heard.typed(cut))
    heard.hear(rest)
    assert [event.key for event in pressed if isinstance(event, events.Key)] == keys and seen(answered) == lights


KEYS = st.sampled_from(
    ["a", "é", "\r", "\x1b[A", "\x1b[27u", "\x1b[<0;3;4M", "\x1b[200~", "\x1bx", "]11;", "\x1b[?2026;2$y"]
)
TOLD = st.sampled_from([LIGHT_GROUND[0], LIGHT_GROUND[1], DARK_GROUND[0], "\x1b[?997;1n", "\x1b[?997;2n"])


@given(st.lists(st.one_of(KEYS, TOLD), max_size=8), st.data())
def test_answers_and_keys_are_told_apart_wherever_the_line_cuts_them(parts: list[str], data: st.DataObject) -> None:
    """Not right behind an escape: how long that is waited with is the driver's."""
    whole = "".join(parts)
    cuts = [n for n in range(1, len(whole)) if whole[n - 1] != "\x1b" or whole[n] == "\\"]
    places = sorted(data.draw(st.sets(st.sampled_from(cuts)), label="cuts")) if cuts else []
    answers = Answers()
    typed, messages = "", []
    for begin, end in zip([0, *places], [*places, len(whole)], strict=True):
        rest, found = answers.split(whole[begin:end])
        typed += rest
        messages += found
    told = {"\x1b[?997;1n": Changed, "\x1b[?997;2n": Changed, DARK_GROUND[0]: False}
    wanted = [told.get(part, True) for part in parts if part in told or part in LIGHT_GROUND]
    assert typed + answers.give_up() == "".join(part for part in parts if part not in told and part not in LIGHT_GROUND)
    assert sorted(map(str, seen(messages))) == sorted(map(str, wanted))
    assert answers.held == ""


def test_half_an_answer_is_given_up_and_a_key_is_not() -> None:
    answers = Answers()
    assert answers.split("x\x1b]11;rgb:ffff/ff") == ("x", [])
    assert answers.begun
    assert answers.give_up() == ""
    assert answers.split("\x1b]") == ("", [])  # Alt+] as well
    assert not answers.begun
    assert answers.give_up() == "\x1b]"
    assert answers.split("\x1b]11;rgb:ff\x1b[A") == ("\x1b]11;rgb:ff\x1b[A", []), (
        "it is over: the terminal broke it off"
    )


def test_who_is_asked() -> None:
    assert can_be_asked({"TERM": "xterm-256color"})
    for env in ({}, {"TERM": "linux"}, {"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}):
        assert not can_be_asked(env)


ASKED = b"\x1b]11;?\x1b\\"


def drawn(theme: str) -> bytes:
    from minicode.tui.themes import own

    background = next(one.background for one in own() if one.name == theme)
    assert background
    return "48;2;{};{};{}".format(*bytes.fromhex(background[1:])).encode()


def asked(screen: Any, times: int = 1) -> None:
    screen._wait(lambda: bytes(screen.raw).count(ASKED) >= times, 30.0, lambda: "it is not asked")


@pytest.mark.parametrize("cut", [0, 1, 7, 26])
def test_a_light_terminal_gets_the_light_theme(rehearse: Any, tui: Any, program: Any, cut: int) -> None:
    """Answered at once or in two pieces; with keys before and behind it."""
    screen = tui(server=rehearse(steps(Say("Done."))))
    asked(screen)
    if cut:
        screen.waits_for("? keys")
    answer = f"ab{LIGHT_GROUND[0]}cd"
    screen.type(answer[: 2 + cut])
    if cut:
        screen.waits_for("ab")
    screen.type(answer[2 + cut :])
    screen.waits_for_bytes(drawn(LIGHT))
    assert "abcd" in screen.waits_for("abcd")
    screen.kill(signal.SIGTERM)
    assert screen.exits() == 143
    screen.is_as_before()
    assert not list(Path(program.environment["HOME"]).rglob("ui.json")), "nobody has chosen it"


def test_it_goes_along_with_the_evening(rehearse: Any, tui: Any) -> None:
    screen = tui(server=rehearse(steps(Say("Done."))), env={"COLORFGBG": "0;15"})
    screen.waits_for_bytes(drawn(LIGHT))
    asked(screen)
    mark = len(screen.raw)
    screen.type("\x1b[?997;1n")
    asked(screen, 2)
    screen.type(DARK_GROUND[0])
    screen.waits_for_bytes(drawn(DARK), mark)
    mark = len(screen.raw)
    screen.type("/theme minicode-light\r")
    screen.waits_for_bytes(drawn(LIGHT), mark)
    screen.type("\x1b[?997;1n")
    asked(screen, 3)
    mark = len(screen.raw)
    screen.type(f"{DARK_GROUND[0]}here")
    screen.waits_for("here")
    assert drawn(DARK) not in bytes(screen.raw[mark:]), "the user has chosen"
    screen.type("\x03")
    screen.waits_for(lambda text: "here" not in text)
    screen.type("/theme auto\r")
    screen.waits_for_bytes(drawn(DARK), mark)
    screen.kill(signal.SIGTERM)
    assert screen.exits() == 143


@pytest.mark.parametrize("term", ["linux", "vt100"])
def test_a_terminal_that_would_show_the_question_is_not_asked(rehearse: Any, tui: Any, term: str) -> None:
    screen = tui(server=rehearse(steps(Say("Done."))), env={"TERM": term, "COLORTERM": ""})
    screen.waits_for("minicode")
    screen.type("\x04")
    assert screen.exits() == 0
    assert ASKED not in bytes(screen.raw)
