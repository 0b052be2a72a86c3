"""What the user ran is on disk at once: whatever ends the program, M2 hears of it with the next message."""

from __future__ import annotations

import signal
from typing import Any

from minicode.lab.rehearsal import Say, steps


async def test_it_outlives_the_process_and_is_told_once(drive: Any) -> None:
    async with drive(steps()) as d:
        await d.say("! echo pub''lic")
        await d.shows("public")
        await d.until(lambda: d.kinds.count("shell") == 1, "it is not on disk")
        await d.say("!!echo pri''vate")
        await d.until(lambda: d.kinds.count("shell") == 2)
        assert "private" not in d.session.journal.path.read_text().replace("pri''vate", "")
        assert f"Session {d.session.journal.id}" in d.app.desk.farewell()
    async with drive(steps(Say("One."), Say("Two.")), resume="") as d:
        assert "! echo pub''lic" in d.told and "public" in d.told
        for _ in range(2):
            await d.say("go on")
            await d.still()
        assert d.body(1).count("public") == 1 and d.body(2).count("public") == 1 and "pri''vate" not in d.body(2)
    async with drive(steps(Say("Three.")), resume="") as d:
        await d.say("go on")
        await d.still()
        assert d.body().count("public") == 1


async def test_what_a_stopped_one_printed_is_kept_too(drive: Any) -> None:
    async with drive(steps(Say("One."))) as d:
        await d.say("! echo pub''lic; sleep 60")
        await d.shows("public")
        await d.press("escape")
        await d.until(lambda: d.kinds.count("shell") == 1, "it is not on disk")
        assert d.entries("shell")[0]["code"] == 130
        await d.say("go on")
        await d.still()
        assert "exit code 130" in d.body() and d.body().count("public") == 1


async def test_one_that_runs_at_the_end_is_kept(drive: Any) -> None:
    async with drive(steps()) as d:
        await d.say("! echo pub''lic; sleep 60")
        await d.shows("public")
    async with drive(steps(Say("One.")), resume="") as d:
        await d.say("go on")
        await d.still()
        assert d.body().count("public") == 1


async def test_a_rewind_gives_it_back(drive: Any) -> None:
    async with drive(steps(Say("One."), Say("Two."))) as d:
        await d.say("! echo pub''lic")
        await d.until(lambda: d.kinds.count("shell") == 1)
        await d.say("first words")
        await d.still()
        await d.session.rewind(next(entry.id for entry in d.session.journal.branch if entry.kind == "user"))
        await d.say("second")
        await d.still()
        assert d.body().count("public") == 1 and "first words" not in d.body()


async def test_who_only_looks_leaves_no_file(drive: Any) -> None:
    async with drive() as d:
        await d.say("!!echo pri''vate")
        await d.until(lambda: len(d.entries("shell")) == 1)
        assert not d.session.journal.path.exists() and d.app.desk.farewell() == ""


def test_after_a_kill_it_is_sent(rehearse: Any, tui: Any, program: Any) -> None:
    server = rehearse(steps(Say("Done.")))
    screen = tui(server=server)
    screen.waits_for("keys")
    screen.type("! echo pub''lic\r")
    screen.waits_for("exit code 0")
    [session] = program.home.rglob("sessions/*/*.jsonl")
    screen.waits_for(lambda _: '"shell"' in session.read_text())
    screen.kill(signal.SIGKILL)
    screen.exits()
    ran = program("run", "-c", "go on", server=server)
    assert ran.code == 0, ran.err
    assert "public" in str(server.requests[-1].body)
