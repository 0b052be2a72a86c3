"""The mode of a session that goes on: plan mode comes back, nothing looser does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minicode.events import TurnEnded
from minicode.lab.rehearsal import Rehearsal, Say, steps
from minicode.plan import Plan
from minicode.start import Started, start


def opened(server: Rehearsal, folder: Path, mode: str | None = None, over: str = "", **plan: Any) -> Started:
    flags = {"base_url": f"{server.url}/anthropic", "protocol": "anthropic", "permission_mode": mode}
    return start(Plan(folder=folder, flags=flags, **plan), mode=over)


async def says(started: Started, text: str = "go on") -> None:
    told = [event async for event in started.session.send(text)]
    assert isinstance(told[-1], TurnEnded) and told[-1].reason == "done", told[-1]


def mode_of(started: Started) -> str:
    return started.session.gate.standing.mode


@pytest.mark.parametrize(
    ("asks", "when"),
    [
        (True, "by a flag"),
        (True, "before the first words"),
        (True, "after the last words"),
        (False, "before the first words"),
        (False, "after the last words"),
    ],
)
async def test_plan_mode_comes_back_and_is_said(home: Path, tmp_path: Path, asks: bool, when: str) -> None:
    async with Rehearsal(steps(Say("One."), Say("Two."), Say("Three."))) as server:
        one = opened(server, tmp_path, "plan" if when == "by a flag" else None, asks=asks)
        if when.startswith("before"):
            one.session.set_mode("plan")
        await says(one)
        if when.startswith("after"):
            one.session.set_mode("plan")
        await one.close()
        two = opened(server, tmp_path, resume="", asks=asks)
        assert mode_of(two) == "plan"
        assert any("left in plan mode and goes on so" in note for note in two.notes)
        await says(two)
        await two.close()
        again = opened(server, tmp_path, resume="", asks=asks)
        assert mode_of(again) == "plan", "it was never ended"
        await again.close()
        usual = "default" if asks else "auto"
        three = opened(server, tmp_path, usual, resume="", asks=asks)  # a flag says otherwise
        assert mode_of(three) == usual and not any("plan mode" in note for note in three.notes)
        await says(three)
        await three.close()
        four = opened(server, tmp_path, resume="", asks=asks)
        assert mode_of(four) == usual and not any("mode" in note for note in four.notes)
        await four.close()


async def test_a_flag_of_a_script_is_for_one_run(home: Path, tmp_path: Path) -> None:
    async with Rehearsal(steps(Say("One."))) as server:
        one = opened(server, tmp_path, "plan")
        await says(one)
        await one.close()
        two = opened(server, tmp_path, resume="")
        assert mode_of(two) == "auto" and not any("plan mode" in note for note in two.notes)
        await two.close()
        three = opened(server, tmp_path, resume="", asks=True)  # but where somebody looks on, they look at a plan
        assert mode_of(three) == "plan"
        await three.close()


@pytest.mark.parametrize(
    ("mode", "way"), [("bypassPermissions", "-y"), ("acceptEdits", "--permission-mode acceptEdits")]
)
async def test_what_is_loose_does_not_come_back_and_is_named(home: Path, tmp_path: Path, mode: str, way: str) -> None:
    async with Rehearsal(steps(Say("One."))) as server:
        one = opened(server, tmp_path, asks=True)
        await says(one)
        one.session.set_mode(mode)
        await one.close()
        two = opened(server, tmp_path, resume="", asks=True)
        assert mode_of(two) == "default"
        [note] = [note for note in two.notes if mode in note]
        assert "never comes back by itself" in note and note.endswith(f"{way}.")
        await two.close()


async def test_what_is_usual_without_a_screen_is_no_news_on_one(home: Path, tmp_path: Path) -> None:
    async with Rehearsal(steps(Say("One."))) as server:
        one = opened(server, tmp_path)
        assert mode_of(one) == "auto"
        await says(one)
        await one.close()
        two = opened(server, tmp_path, resume="", asks=True)
        assert mode_of(two) == "default" and not any("auto" in note for note in two.notes)
        await two.close()


async def test_another_session_takes_the_mode_along_but_not_out_of_its_plan(home: Path, tmp_path: Path) -> None:
    async with Rehearsal(steps(*[Say("Well.")] * 4)) as server:
        one = opened(server, tmp_path, asks=True)
        await says(one)
        one.session.set_mode("acceptEdits")
        loose = one.session.journal.id
        await one.close()
        two = opened(server, tmp_path, over="acceptEdits", asks=True)
        assert mode_of(two) == "acceptEdits"
        await says(two)
        two.session.set_mode("plan")
        planned = two.session.journal.id
        entries = len(two.session.journal.entries)
        two.session.set_mode("plan")
        assert len(two.session.journal.entries) == entries, "nothing has changed"
        await two.close()
        for id_, over, mode in ((loose, "acceptEdits", "acceptEdits"), (planned, "acceptEdits", "plan")):
            three = opened(server, tmp_path, over=over, resume=id_, asks=True)
            assert mode_of(three) == mode
            assert not any("never comes back" in note for note in three.notes), "it is what it was"
            assert any("goes on so" in note for note in three.notes) == (mode == "plan")
            await three.close()
        four = opened(server, tmp_path, over="plan", asks=True)
        await says(four)
        await four.close()
        five = opened(server, tmp_path, resume="")
        assert mode_of(five) == "plan", "chosen there, though in another session"
        await five.close()


@pytest.mark.parametrize(("begun", "left"), [("default", "plan"), ("plan", "default")])
async def test_a_fork_is_in_the_mode_of_its_source(home: Path, tmp_path: Path, begun: str, left: str) -> None:
    async with Rehearsal(steps(Say("One."), Say("Two."))) as server:
        one = opened(server, tmp_path, over=begun, asks=True)
        await says(one)
        one.session.set_mode(left)
        await one.close()
        two = opened(server, tmp_path, resume="", fork=True, asks=True)
        assert mode_of(two) == left
        await says(two)
        fork = two.session.journal.id
        await two.close()
        three = opened(server, tmp_path, resume=fork, asks=True)
        assert mode_of(three) == left and three.session.journal.damaged == 0
        await three.close()


async def test_hooks_are_told_the_mode_of_now(home: Path, tmp_path: Path) -> None:
    async with Rehearsal(steps()) as server:
        one = opened(server, tmp_path, asks=True)
        one.session.set_mode("plan")
        assert one.session.gate.hooks.common["permission_mode"] == "plan"
        assert one.session.journal.path and not one.session.journal.path.exists(), "nothing was said"
        await one.close()
