"""A question at the gate: who is told of it, and what becomes of the answer."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from minicode import safety
from minicode.events import Answer, Asked, Event, Noted
from minicode.gate import Gate
from minicode.hooks import Hooks
from minicode.messages import Call
from minicode.permission.values import Rules, Standing
from minicode.settings import Hook
from minicode.show import Diff, Line
from minicode.toolbox import Prepared, Toolbox
from minicode.workspace.folder import Folder
from minicode.workspace.processes import Processes
from minicode.workspace.workspace import Workspace

SHIPPED = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def push() -> Prepared:
    """A call that is asked for, and may be allowed for good."""
    return Toolbox.load([("shipped", SHIPPED)], ["bash"]).prepare(Call("c1", "bash", {"command": "make it"}))


def gate_at(root: Path, state: Path, *hooks: Hook) -> Gate:
    return Gate(
        Standing("default", Rules(), "none", asks=True),
        Hooks(hooks, Processes(), {"cwd": str(root)}),
        lambda prepared: safety.look(Folder.at(root), prepared),
        lambda rule: safety.save_rule(state, root, rule),
    )


async def asked_of(gate: Gate, prepared: Prepared, told: list[Event]) -> tuple[Asked, asyncio.Task[Any]]:
    """The question, once it is asked, and the call that waits for its answer."""
    asked: asyncio.Future[Asked] = asyncio.get_running_loop().create_future()

    def tell(event: Event) -> None:
        told.append(event)
        if isinstance(event, Asked):
            asked.set_result(event)

    waiting = asyncio.create_task(gate.admit(prepared, tell, lambda records: None))
    return await asked, waiting


async def test_what_is_shown_is_what_would_run(tmp_path: Path) -> None:
    sent = Call("c1", "shell", {"command": ["make", "it all"], "workdir": "sub"})
    gate = gate_at(tmp_path, tmp_path / "state")
    asked, waiting = await asked_of(gate, Toolbox.load([("shipped", SHIPPED)], ["bash"]).prepare(sent), [])
    assert asked.call == Call("c1", "bash", {"command": "make 'it all'", "cwd": "sub"})
    gate.answer("c1", Answer(False))
    await waiting


async def test_always_is_kept_and_a_broken_store_does_not_cost_the_turn(tmp_path: Path, push: Prepared) -> None:
    for state, notes in ((tmp_path / "state", 0), (tmp_path / "file" / "state", 1)):
        (tmp_path / "file").write_text("")
        gate, told = gate_at(tmp_path, state), list[Event]()
        asked, waiting = await asked_of(gate, push, told)
        gate.answer("c1", Answer(True, "project"))
        assert not (await waiting).refusal
        assert gate.standing.rules.allow == (asked.always,)
        noted = [event.text for event in told if isinstance(event, Noted)]
        assert len(noted) == notes and all(
            str(state) in text and text.endswith("holds for this session only.") for text in noted
        )
    assert safety.saved_rules(tmp_path / "state", tmp_path) == (asked.always,)


async def test_who_waits_for_notices_hears_of_the_question(tmp_path: Path, push: Prepared) -> None:
    (tmp_path / "hear").write_text("cat > heard.part && mv heard.part heard && echo > there")
    os.mkfifo(tmp_path / "there")
    hooks = [Hook("Notification", "sh hear", "permission_prompt"), Hook("Notification", "touch idle", "idle_prompt")]
    gate = gate_at(tmp_path, tmp_path / "state", *hooks)
    asked, waiting = await asked_of(gate, push, [])
    await asyncio.to_thread((tmp_path / "there").read_text)
    heard = json.loads((tmp_path / "heard").read_text())
    del heard["cwd"]
    assert heard == {
        "hook_event_name": "Notification",
        "message": asked.reason,
        "title": "minicode",
        "notification_type": "permission_prompt",
    }
    gate.answer("c1", Answer(False))
    assert (await waiting).by == "user" and not (tmp_path / "idle").exists()


async def test_what_it_would_change_is_asked_with_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\n")
    toolbox, workspace = Toolbox.load([("shipped", SHIPPED)]), Workspace.at(tmp_path)
    edit = toolbox.prepare(Call("c1", "edit", {"path": "f", "old_str": "a", "new_str": "b"}))
    gate = gate_at(tmp_path, tmp_path / "state")
    gate.preview = partial(toolbox.preview, workspace=workspace)
    asked, waiting = await asked_of(gate, edit, [])
    assert asked.show == (Diff("f", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b"),)
    gate.answer("c1", Answer(False))
    await waiting


async def test_a_yes_is_for_what_was_shown(tmp_path: Path) -> None:
    """The file changes while the user thinks: what was not seen is asked for anew."""
    file = tmp_path / "f"
    file.write_text("a\n")
    toolbox, workspace = Toolbox.load([("shipped", SHIPPED)]), Workspace.at(tmp_path)
    edit = toolbox.prepare(Call("c1", "edit", {"path": "f", "old_str": "a", "new_str": "b"}))
    gate = gate_at(tmp_path, tmp_path / "state")
    gate.preview = partial(toolbox.preview, workspace=workspace)
    asked: asyncio.Queue[Asked] = asyncio.Queue()

    def tell(event: Event) -> None:
        assert isinstance(event, Asked)
        asked.put_nowait(event)

    waiting = asyncio.create_task(gate.admit(edit, tell, lambda records: None))
    first = await asked.get()
    file.write_text("secret\na\n")
    gate.answer("c1", Answer(True))
    second = await asked.get()
    assert first.show != second.show and "secret" in str(second.show)
    assert second.reason.startswith("It would change something else now") and second.reason.endswith(first.reason)
    gate.answer("c1", Answer(True))
    assert (await waiting).refusal == ""


async def test_it_is_asked_though_nobody_can_say_what_would_change(tmp_path: Path) -> None:
    ended = threading.Event()
    gate = gate_at(tmp_path, tmp_path / "state")
    gate.patience = 0.01
    gate.preview = lambda prepared: (Line(str(ended.wait(60))),)
    edit = Toolbox.load([("shipped", SHIPPED)]).prepare(
        Call("c1", "edit", {"file_path": "f", "old_string": "a", "new_string": "b"})
    )
    try:
        asked, waiting = await asked_of(gate, edit, [])
        assert asked.show == (Line("What it would change could not be worked out in 0 s."),)
        gate.answer("c1", Answer(False))
        assert (await waiting).by == "user"
    finally:
        ended.set()


async def test_stopped_while_it_is_worked_out_what_would_change(tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()

    def preview(prepared: Prepared) -> tuple[Line, ...]:
        begun.set()
        ended.wait(60)
        return ()

    gate = gate_at(tmp_path, tmp_path / "state")
    gate.preview = preview
    edit = Toolbox.load([("shipped", SHIPPED)]).prepare(
        Call("c1", "edit", {"file_path": "f", "old_string": "a", "new_string": "b"})
    )
    told: list[Event] = []
    waiting = asyncio.create_task(gate.admit(edit, told.append, lambda records: None))
    try:
        assert await asyncio.to_thread(begun.wait, 60)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert told == []
    finally:
        ended.set()
