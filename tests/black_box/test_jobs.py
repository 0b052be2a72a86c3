"""Jobs of a whole session: told, kept on record, gone with the process and not forgotten."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from minicode.events import Asked, CallSaid, CallStarted, Event, Noted, TurnEnded
from minicode.lab.rehearsal import Call, Expect, Say, Step, Think, steps
from minicode.plan import Plan
from minicode.start import Started, start

ANSWER = (Think("That is all."), Say("Done."))
SOON = 3.0


def begin(command: str) -> tuple[Any, ...]:
    return Think(f"In the background: {command[:20]}"), Call("bash", {"command": command, "run_in_background": True})


def jobs(**arguments: Any) -> tuple[Any, ...]:
    return Think(f"See: {arguments}"), Call("jobs", arguments)


def records(program: Any, session: str = "") -> list[tuple[int, str | None]]:
    return [(e["job"], e.get("fate")) for e in program.journal(session) if e["kind"] == "job"]


def test_a_server_is_started_used_and_stopped(program: Any, rehearse: Any, grows: Any) -> None:
    server = rehearse(
        steps(
            begin('while read word; do echo "heard $word"; done'),
            Step(jobs(action="send", id=1, text="hello"), expect=Expect(results="job 1 runs in the background")),
            Step(jobs(action="stop", id=1), expect=Expect(results="heard hello")),
            Step(ANSWER, expect=Expect(results="stopped]")),
        )
    )
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0, ran.err
    assert records(program) == [(1, None), (1, "stopped")]
    grows([e.raw for e in server.requests])


def test_the_end_of_a_job_is_told_to_both(program: Any, rehearse: Any) -> None:
    os.mkfifo(program.workspace / "go")
    server = rehearse(
        steps(
            begin("read x < go; exit 7"),
            (Think("Let it end."), Call("bash", {"command": "echo > go; sleep 0.5"})),
            Step(jobs(), expect=Expect(results=("minicode (", "job 1 (`read x < go; exit 7`) ended: exit code 7"))),
            Step(ANSWER, expect=Expect(results="exit code 7)", absent="minicode (")),
        )
    )
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0, ran.err
    assert [n["text"] for n in ran.of("notice") if "Job" in n["text"]] == [
        "Job 1 (`read x < go; exit 7`) ended: exit code 7."
    ]


def test_jobs_end_with_the_process_and_the_model_learns_it(program: Any, rehearse: Any) -> None:
    ran = program("run", "--json", "go", server=rehearse(steps(begin("sleep 456"), ANSWER)))
    assert ran.code == 0 and records(program) == [(1, None), (1, "ended with the session")]
    gone = "these background jobs have ended; start again what you need: 1 (`sleep 456`)"
    server = rehearse(
        steps(
            Step(begin("sleep 457"), expect=Expect(said=("go on", "[minicode: ", gone))),
            Step(ANSWER, expect=Expect(results="job 2 runs")),
            ANSWER,
        )
    )
    assert program("run", "-c", "go on", server=server).code == 0
    assert program("run", "-c", "and on", server=server).code == 0
    assert json.dumps(server.requests[-1].body).count("`sleep 456`") == 1, "it is told once"
    assert "`sleep 457`" in json.dumps(server.requests[-1].body)
    assert program("sessions", "verify", program.journals[0].stem).code == 0


@pytest.mark.parametrize("held", [True, False], ids=["held", "free"])
def test_a_kill_leaves_no_job_and_is_told(program: Any, rehearse: Any, bell: Any, left: Any, held: bool) -> None:
    server = rehearse(steps(begin(f"{bell.ring}; sleep 456"), (Think("Wait."), Call("jobs", {"action": "wait"}))))
    running = program.start("run", "--json", *([] if held else ["--sandbox", "off"]), "go", server=server)
    bell.wait()
    server.wait(2)
    running.end(signal.SIGKILL)
    assert left() == []
    server = rehearse(steps(Step(ANSWER, expect=Expect(said="have ended; start again what you need: 1 (`"))))
    ran = program("run", "-c", "go on", server=server)
    assert ran.code == 0 and "Left running" not in ran.err


def test_what_outlived_the_warden_is_ended_when_the_session_goes_on(
    program: Any, rehearse: Any, bell: Any, left: Any
) -> None:
    server = rehearse(
        steps(begin(f"{bell.ring}; sleep 456"), (Think("Wait."), Call("jobs", {"action": "wait"})), ANSWER)
    )
    running = program.start("run", "--json", "--sandbox", "off", "go", server=server)
    bell.wait()
    server.wait(2)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    [warden] = [int(pid) for pid in children if b"leftovers" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(warden, signal.SIGKILL)
    running.end(signal.SIGKILL)
    assert any("sleep 456" in line for line in left(within=0))
    fork = program("run", "-c", "--fork", "look", server=rehearse(steps(ANSWER)))
    assert fork.code == 0 and left(within=0), "the session itself does not go on"
    session = min(program.journals).stem
    ran = program("run", "-r", session, "go on", server=server)
    assert ran.code == 0 and "Left running when minicode was killed, and ended now: `" in ran.err
    assert "sleep 456`" in ran.err


@pytest.mark.parametrize(("number", "backend"), [(signal.SIGINT, None), (signal.SIGTERM, "landlock")])
def test_a_signal_ends_the_deaf_too(
    program: Any, rehearse: Any, bell: Any, number: signal.Signals, backend: str | None
) -> None:
    deaf = f"trap '' INT TERM HUP; {bell.ring}; while :; do sleep 1; done"
    call = Think("And wait."), Call("bash", {"command": deaf})
    server = rehearse(steps(begin(deaf), call, ANSWER))
    held = {"MINICODE_SANDBOX_BACKENDS": backend}
    running = program.start("run", "--json", "go", server=server, env=held)
    bell.wait()
    server.wait(2)
    bell.wait()
    assert running.end(number, within=SOON + 1).code in (130, 143)
    assert records(program)[-1] == (1, "ended with the session")


Open = Callable[..., Started]


@pytest.fixture
async def opened(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """opened(server, **flags) → a session with somebody who can be asked."""
    folder = tmp_path / "folder"
    folder.mkdir()
    every: list[Started] = []

    def make(server: Any, **flags: Any) -> Started:
        monkeypatch.setenv("MINIMAX_BASE_URL", f"{server.url}/anthropic")
        monkeypatch.setenv("MINIMAX_API_KEY", "sk-canary-4f1d8a2b6c")
        monkeypatch.setenv("MINICODE_PROTOCOL", "anthropic")
        every.append(start(Plan(folder=folder, asks=True, flags=flags)))
        return every[-1]

    yield make
    for started in every:
        await started.close()


async def turn(started: Started, text: str, react: Callable[[Event], None] = lambda event: None) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(60):
        async for event in started.session.send(text):
            events.append(event)
            react(event)
    assert isinstance(events[-1], TurnEnded) and events[-1].reason == "done", events[-1]
    return events


async def test_a_person_sends_a_command_to_the_background(opened: Open, rehearse: Any) -> None:
    server = rehearse(
        steps(
            (Think("Long."), Call("bash", {"command": "echo on; sleep 456"})),
            Step(ANSWER, expect=Expect(results="the user sent it to the background as job 1")),
            Step(ANSWER, expect=Expect(said="job 1 (`echo on; sleep 456`) ended: stopped")),
        )
    )
    started = opened(server, permission_mode="bypassPermissions")
    session = started.session
    changes: list[int] = []
    session.jobs.changed = lambda: changes.append(len(session.jobs.views()))
    sent: list[bool] = []

    def react(event: Event) -> None:
        if isinstance(event, CallStarted):
            assert not session.background("another call")
        elif isinstance(event, CallSaid) and not sent:
            sent.append(session.background(event.call_id))

    await turn(started, "go", react)
    [view] = session.jobs.views()
    assert sent == [True] and (view.id, view.command, view.fate) == (1, "echo on; sleep 456", "")
    assert not session.background(view.call_id)
    await session.jobs.stop(1)
    assert session.jobs.views()[0].fate == "stopped" and changes == [1, 1]
    await turn(started, "and?")


async def test_what_takes_too_long_goes_on(opened: Open, rehearse: Any) -> None:
    server = rehearse(
        steps(
            (Think("Long."), Call("bash", {"command": "sleep 456", "timeout": 1})),
            Step(ANSWER, expect=Expect(results="it goes on in the background as job 1")),
        )
    )
    started = opened(server, permission_mode="bypassPermissions")
    await turn(started, "go")
    assert [view.fate for view in started.session.jobs.views()] == [""]


async def test_patience_is_no_going_in_circles(opened: Open, rehearse: Any) -> None:
    """The same call again and again is heard of, as long as it brings something new."""
    wait = {"action": "wait", "id": 1, "pattern": "tick"}
    calls = [(Think("Again, it ticks on and on."), Call("jobs", wait)) for _ in range(7)]
    server = rehearse(steps(begin("while sleep 0.3; do echo tick; done"), *calls, ANSWER))
    await turn(opened(server, permission_mode="bypassPermissions"), "go")
    assert not any("very call" in json.dumps(request.body) for request in server.requests)


async def test_what_is_said_to_a_job_is_asked_for(opened: Open, rehearse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICODE_SANDBOX_BACKENDS", "none")
    server = rehearse(steps(begin("bash"), jobs(action="send", text="touch evil"), jobs(action="stop"), ANSWER))
    started = opened(server)
    asked: list[Asked] = []

    def react(event: Event) -> None:
        from minicode.events import Answer

        if isinstance(event, Asked):
            asked.append(event)
            started.session.answer(event.call.id, Answer(event.call.name == "bash"))

    events = await turn(started, "go", react)
    assert [event.call.name for event in asked] == ["bash", "jobs"]
    assert not (started.folder / "evil").exists()
    assert any(isinstance(event, Noted) and "Job 1 (`bash`) ended" in event.text for event in events)
