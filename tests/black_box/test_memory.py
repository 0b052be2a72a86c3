"""A session held in one process: what folds, rewinds, snapshots and limits do to each other."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minicode.checkpoints import Checkpoints
from minicode.cli.trace import steps as traced
from minicode.context.history import History
from minicode.errors import LimitReached, StorageError
from minicode.events import Event, Noted, TurnEnded
from minicode.journal.check import verify
from minicode.journal.reader import load
from minicode.journal.repair import sound
from minicode.journal.tree import said
from minicode.lab.rehearsal import Asked, Call, Do, Say, Script, Step, Think, steps
from minicode.messages import Usage, User
from minicode.plan import Plan
from minicode.session import Session
from minicode.start import Started, start

SUMMARY = "## Goal\nRead the files (e3).\n## Open todos\nnone\n## State of files\nnone was changed"
Open = Callable[..., Started]


@pytest.fixture
def opened(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """opened(server, resume=…, **flags) → a session of a folder with files f0 … f9 of 3 KB."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(10):
        (folder / f"f{number}").write_text(f"word{number}\n" + "a line of it\n" * 230)

    def make(server: Any, resume: str | None = None, **flags: Any) -> Started:
        monkeypatch.setenv("MINIMAX_BASE_URL", f"{server.url}/anthropic")
        return start(Plan(folder=folder, resume=resume, flags=flags))

    return make


async def turn(session: Session, text: str) -> TurnEnded:
    events = [event async for event in session.send(text)]
    assert isinstance(events[-1], TurnEnded)
    return events[-1]


def reads(*numbers: int) -> list[tuple[Any, ...]]:
    return [
        *((Think(f"On f{n}."), Call("read", {"file_path": f"f{n}"})) for n in numbers),
        (Think("So."), Say("Read.")),
    ]


def silent(event: Event) -> None:
    pass


def as_on_disk(session: Session) -> None:
    """What is known here is what another process would read; every request is what was sent."""
    assert session.history.messages() == History(sound(session.journal.branch)).messages()
    if path := session.journal.path:
        loaded = load(path)
        assert [step.number for step in traced(loaded) if not step.same] == []
        assert verify(path).ok


async def test_a_fold_may_end_at_what_no_request_holds(opened: Open, rehearse: Any) -> None:
    """A name or a label given between turns is an entry of the branch, and nothing that a request is made of."""
    server = rehearse(steps(*reads(0, 1, 2, 3), (Say("Hello."),), (Say(SUMMARY),), (Say("Good."),)))
    started = opened(server)
    session = started.session
    await turn(session, "read them")
    session.rename("reading")
    session.label(said(session.journal.branch)[0].id, "begin")
    await turn(session, "hello")
    await session.fold(silent)
    [fold] = [entry for entry in session.journal.entries if entry.kind == "fold"]
    memory, *rest = session.history.messages()
    assert memory == User(fold.data["text"]) and len(rest) == 2
    assert (await turn(session, "and now?")).reason == "done"
    as_on_disk(session)
    await started.close()


async def test_what_the_user_unfolded_stays_so_in_the_next_process(opened: Open, rehearse: Any) -> None:
    server = rehearse(steps(*reads(0, 1, 2, 3), (Say(SUMMARY),), (Say("Good."),)))
    small = {"context_window": 12_000, "output_tokens": 1000}
    started = opened(server)
    await turn(started.session, "read them")
    await started.session.fold(silent)
    started.session.unfold()
    await started.close()
    again = opened(server, "", **small, fold_at=0.5)
    assert (await turn(again.session, "more")).text == "Good."
    assert not again.session.history.short.folds
    tokens = again.session.history.gauge.tokens(len(server.requests[-1].raw))
    assert 0.5 * 11_000 < tokens < 11_000, "below the whole room, above what makes it fold"
    as_on_disk(again.session)
    await again.close()


async def test_requests_of_every_branch_are_made_again(opened: Open, rehearse: Any) -> None:
    plan = [*reads(0, 1), *reads(2), *reads(3), (Say(SUMMARY),), *reads(4), *reads(5, 6)]
    started = opened(rehearse(steps(*plan)))
    session = started.session
    await turn(session, "one")
    await turn(session, "two")
    await session.rewind(said(session.journal.branch)[1].id)
    await turn(session, "three")
    await session.fold(silent)
    await turn(session, "four")
    await session.rewind(said(session.journal.branch)[0].id)
    await turn(session, "five")
    as_on_disk(session)
    path = session.journal.path
    assert path
    assert [step.number for step in traced(load(path))] == list(range(1, 13))
    await started.close()


async def test_a_limit_holds_after_a_fold_too(opened: Open, rehearse: Any) -> None:
    """The summary is paid for as well."""

    def step(asked: Asked) -> Step:
        if asked.system.startswith("You write the memory"):
            return Step((Say(SUMMARY),), usage=Usage(input=90_000, output=100))
        return Step((Think("Next."), Call("read", {"file_path": "f0", "offset": len(asked.turns)})))

    server = rehearse(Script((step,), after="repeat"))
    flags = {"context_window": 9_000, "output_tokens": 1000, "max_tokens": 90_000}
    started = opened(server, **flags)
    ended = await turn(started.session, "read on")
    assert ended.reason == "tokens" and ended.exit_code == LimitReached("", limit="tokens").exit_code
    assert server.requests[-1].raw.count(b"You write the memory") == 1, "nothing was asked after it"
    await started.close()


async def test_the_sandbox_is_on_record_though_the_first_prompt_was_refused(
    opened: Open, home: Path, rehearse: Any
) -> None:
    (home / ".minicode").mkdir(exist_ok=True)
    (home / ".minicode" / "config.toml").write_text(
        '[[hooks]]\nevent = "UserPromptSubmit"\nsandbox = false\ncommand = "grep -q bad && exit 2 || true"\n'
        '[[hooks]]\nevent = "SessionStart"\nsandbox = false\ncommand = "echo from the start"\n'
    )
    started = opened(rehearse(steps((Say("Good."),))))
    assert (await turn(started.session, "bad words")).reason == "failed"
    assert (await turn(started.session, "good words")).reason == "done"
    entries = started.session.journal.entries
    assert [entry.kind for entry in entries if entry.kind in ("sandbox", "system", "user")] == [
        "sandbox",
        "system",
        "user",
    ]
    assert "from the start" in next(entry.data["text"] for entry in entries if entry.kind == "user")
    await started.close()


# --- snapshots --------------------------------------------------------------------------------------------------------


def command(text: str, **more: Any) -> tuple[Any, ...]:
    return Think("Do it."), Do("shell", {"command": text}, **more)


async def test_every_step_is_kept_though_the_server_uses_its_ids_again(opened: Open, rehearse: Any) -> None:
    calls = [
        (Think(w), Call("write", {"file_path": "new", "content": w}, id="call_0")) for w in ("one", "two", "three")
    ]
    started = opened(rehearse(steps(*calls, (Say("Done."),))))
    assert (await turn(started.session, "write")).reason == "done"
    trees = [entry.data["tree"] for entry in started.session.journal.branch if entry.kind == "snapshot"]
    assert len(trees) == 4 == len(set(trees))
    as_on_disk(started.session)
    await started.close()


@pytest.mark.parametrize("trouble", [StorageError("The store is gone."), RuntimeError("odd")], ids=["known", "unknown"])
async def test_a_turn_ends_though_its_files_cannot_be_kept(opened: Open, rehearse: Any, trouble: Exception) -> None:
    def fail() -> None:
        raise trouble

    started = opened(rehearse(steps(command("echo 1 > a"), (Say("Done."),))), permission_mode="bypassPermissions")
    session = started.session
    session.parts.checkpoints = Checkpoints(fail)
    async with asyncio.timeout(30):
        events = [event async for event in session.send("write")]
    assert isinstance(events[-1], TurnEnded) and (events[-1].reason, events[-1].error) == ("done", "")
    told = [event.text for event in events if isinstance(event, Noted) and "A rewind cannot" in event.text]
    assert len(told) == 1 and str(trouble) in told[0]
    assert (started.folder / "a").exists()
    await started.close()


async def test_a_disk_that_is_full_at_the_very_end_is_told(opened: Open, rehearse: Any) -> None:
    started = opened(rehearse(steps(command("echo 1 > a"), (Say("Done."),))), permission_mode="bypassPermissions")
    session = started.session
    path = session.journal.path
    assert path
    times: list[int] = []
    with contextlib.ExitStack() as after:

        def none_are_kept() -> None:
            times.append(1)
            if len(times) == 2:  # at the end of the turn
                after.enter_context(no_file_grows_over(path.stat().st_size))

        session.parts.checkpoints = Checkpoints(none_are_kept)
        async with asyncio.timeout(30):
            ended = await turn(session, "write")
    assert ended.reason == "failed" and ended.error and ended.exit_code and ended.text == "Done."
    await started.close()


@contextlib.contextmanager
def no_file_grows_over(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_rewind_that_was_stopped_is_done_before_the_next_turn(opened: Open, rehearse: Any) -> None:
    """Its files go on to where they were going, and that is on record before anything else is said."""
    server = rehearse(steps(command("seq 9 > a"), (Say("Done."),), (Say("Again."),)))
    started = opened(server, permission_mode="bypassPermissions")
    session = started.session
    await turn(session, "write")
    asked = asyncio.create_task(session.rewind(said(session.journal.branch)[0].id, files=True))
    await asyncio.sleep(0)
    assert session.running
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (await turn(session, "go on")).reason == "done"
    kinds = [entry.kind for entry in session.journal.entries]
    assert kinds.index("files") < kinds.index("leaf") < len(kinds) - 1 - kinds[::-1].index("user")
    assert not (started.folder / "a").exists() and b"seq 9" not in server.requests[-1].raw
    as_on_disk(session)
    await started.close()
