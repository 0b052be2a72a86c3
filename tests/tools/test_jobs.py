"""bash in the background and jobs: what the model and the human are told."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from minicode import safety
from minicode.events import CallSaid
from minicode.messages import Call
from minicode.permission.decide import decide
from minicode.permission.values import Rules, Standing
from minicode.sandbox.policy import LOOK, Grant, Held, Launch
from minicode.show import Output
from minicode.toolbox import Prepared, Toolbox
from minicode.toolkit import Result, Scope, Workspace


@pytest.fixture
async def scope(root: Path, spilled: Path) -> AsyncIterator[Scope]:
    def spill(data: bytes) -> str:
        file = spilled / f"output-{len(list(spilled.iterdir()))}"
        file.write_bytes(data)
        return str(file)

    workspace = Workspace.at(root, readable=[spilled], promotes=True)
    yield Scope(workspace, call_id="call-1", spill=spill)
    await workspace.jobs.close()


def timeless(result: Result) -> str:
    return re.sub(r"\d+ s\b", "N s", result.text)


async def test_a_job_from_beginning_to_end(run) -> None:
    begun = await run("bash", command="echo hi; read x; echo got $x; read y", run_in_background=True)
    assert not begun.failed and "[job 1 runs in the background; jobs reads it, waits for it and stops it]" in begun.text
    said = await run("jobs", action="send", id=1, text="a word")
    assert said.text.replace("hi\n", "").startswith("got a word\n[job 1 has run for ")
    waited = await run("jobs", action="wait", seconds=0)
    assert timeless(waited) == "[job 1 has run for N s; it did not end within N s]" and not waited.failed
    closed = await run("jobs", action="send")
    assert "[job 1 ended after" in closed.text and "exit code 1]" in closed.text
    listed = await run("jobs")
    assert timeless(listed) == "1: echo hi; read x; echo got $x; read y (ended after N s: exit code 1)"
    assert (await run("jobs", action="read", id=7)).text == "There is no job 7. There are: 1."


async def test_a_terminal_is_seen_and_typed_into(run) -> None:
    ask = "while read -p 'Say: ' x; do echo heard $x; done"
    begun = (await run("bash", command=ask, run_in_background=True, tty=True)).text
    asked = begun if "Say: " in begun else (await run("jobs", action="wait", pattern="Say: ")).text
    assert "Say: \n[job 1 " in asked
    assert (await run("jobs", action="send", text="one")).text.startswith("Say: one\nheard one\nSay: \n[job 1 has run")
    found = await run("jobs", action="send", text="two", keys="backspace o enter")
    assert found.text.startswith("Say: one\nheard one\nSay: two\nheard twoo"[:33]) and "heard two" in found.text
    wrong = await run("jobs", action="send", keys="hello")
    assert wrong.failed and wrong.text.startswith("There is no key `hello`")
    ended = await run("jobs", action="send", keys="ctrl-c")
    assert "ended by signal 2" in ended.text or "exit code 130" in ended.text
    plain = await run("bash", command="sleep 456", run_in_background=True)
    assert "job 2" in plain.text
    assert "has no terminal" in (await run("jobs", action="send", id=2, keys="ctrl-c")).text


async def test_where_jobs_pass_it_is_said(toolbox: Toolbox, root: Path) -> None:
    workspace = Workspace.at(root, promotes=True, passing=True)
    call = {"command": "sleep 456", "timeout": 1}
    result = await toolbox.run(toolbox.prepare(Call("c", "bash", call)), Scope(workspace))
    assert "stops it; your answer ends it, so wait if you need it]" in result.text
    await workspace.jobs.close()


async def test_none(run) -> None:
    assert (await run("jobs")).text == "There are no background jobs."
    nothing = await run("jobs", action="stop", id=1)
    assert nothing.failed and nothing.text == "There are no background jobs."


async def test_what_fails_at_once_is_told_at_once(run) -> None:
    result = await run("bash", command="no-such-program", run_in_background=True)
    assert result.failed and "not found\n[job 1 ended at once: exit code 127]" in result.text


async def test_what_is_done_at_once_has_not_failed(run) -> None:
    result = await run("bash", command="echo up", run_in_background=True)
    assert not result.failed and result.text == "up\n[job 1 ended at once: exit code 0]"


async def test_waiting_for_words(run, root: Path) -> None:
    os.mkfifo(root / "go")
    await run("bash", command="read x < go; printf 'Password: '; sleep 456", run_in_background=True)
    waiting = asyncio.create_task(run("jobs", action="wait", id=1, pattern="[Pp]assword", seconds=30))
    await asyncio.to_thread((root / "go").write_text, "\n")
    found = await waiting
    assert timeless(found) == "Password: \n[job 1 has run for N s]" and found.show[1:] == (Output("Password: "),)
    missed = await run("jobs", action="wait", id=1, pattern="ready", seconds=0)
    assert "the pattern did not come within 0 s" in missed.text
    assert (await run("jobs", action="wait", id=1, pattern="(a*)*")).failed
    stopped = await run("jobs", action="stop", id=1)
    assert stopped.text.endswith(": stopped]") and not stopped.failed


async def test_what_takes_too_long_goes_on(run) -> None:
    result = await run("bash", command="echo before; sleep 100", timeout=1)
    assert not result.failed
    note = "not ended after 1 s: it goes on in the background as job 1; jobs reads it, waits for it and stops it"
    assert result.text == f"before\n[{note}]"
    assert (
        await run("jobs", action="send", text="x")
    ).text == "Job 1 reads no input: its stdin is empty or was closed."


async def test_a_person_sends_it_to_the_background(toolbox: Toolbox, scope: Scope) -> None:
    told = asyncio.Event()
    prepared = toolbox.prepare(Call("call-1", "bash", {"command": "echo on; sleep 100"}))
    call = asyncio.create_task(toolbox.run(prepared, scope, lambda said: told.set()))
    await asyncio.wait_for(told.wait(), 10)
    assert scope.workspace.jobs.send_away("call-1")
    assert "the user sent it to the background as job 1" in (await call).text


async def test_progress_is_shown_while_the_model_waits_and_not_later(
    toolbox: Toolbox, scope: Scope, root: Path
) -> None:
    os.mkfifo(root / "go")
    said: list[CallSaid] = []
    start = {
        "command": "read x < go; echo one; sleep 0.3; echo two; read x < go; echo three",
        "run_in_background": True,
    }
    await toolbox.run(toolbox.prepare(Call("c", "bash", start)), scope)
    wait = toolbox.prepare(Call("d", "jobs", {"action": "wait", "pattern": "two"}))
    waiting = asyncio.create_task(toolbox.run(wait, scope, said.append))
    await asyncio.to_thread((root / "go").write_text, "\n")
    assert (await waiting).text.startswith("one\ntwo\n")
    await asyncio.to_thread((root / "go").write_text, "\n")
    await scope.workspace.jobs.get(1).wait("", 10)
    told = "".join(one.text for one in said)
    assert "one" in told and "three" not in told


async def test_long_output_is_cut_and_kept_and_clean(run, spilled: Path) -> None:
    await run("bash", command=r"sleep 0.5; printf '\x1b[31m\xff\x00'; seq 100000", run_in_background=True)
    result = await run("jobs", action="wait")
    assert len(result.text.encode()) <= 30_500 and "\n100000\n[job 1 ended" in result.text and "\x1b" not in result.text
    assert any(b"\n50000\n" in kept.read_bytes() for kept in spilled.iterdir())


@pytest.mark.parametrize(
    ("name", "arguments", "same"),
    [
        ("BashOutput", {"bash_id": "1"}, {"action": "read", "id": 1}),
        ("KillShell", {"shell_id": "1"}, {"action": "stop", "id": 1}),
        ("TaskOutput", {"task_id": 1, "timeout": 5000}, {"action": "wait", "id": 1, "seconds": 5}),
        ("TaskOutput", {"task_id": 1, "block": False}, {"action": "read", "id": 1}),
        ("TaskStop", {"task_id": "1"}, {"action": "stop", "id": 1}),
        ("write_stdin", {"session_id": 1, "chars": "y\n"}, {"action": "send", "id": 1, "text": "y\n"}),
        ("write_stdin", {"session_id": 1, "chars": ""}, {"action": "read", "id": 1}),
        ("jobs", {"action": "wait", "job_id": 1, "timeout": 9}, {"action": "wait", "id": 1, "seconds": 9}),
        ("list_jobs", {}, {"action": "list"}),
    ],
)
def test_how_others_call_it(toolbox: Toolbox, name: str, arguments: dict, same: dict) -> None:
    prepared = toolbox.prepare(Call("c", name, arguments))
    assert prepared.error is None and prepared.tool is not None and prepared.tool.name == "jobs"
    assert dict(prepared.arguments) == same


def test_others_words_for_the_background(toolbox: Toolbox) -> None:
    prepared = toolbox.prepare(Call("c", "Bash", {"command": "x", "background": True}))
    assert prepared.arguments["run_in_background"] is True


class TestPermission:
    """What is said to a job is judged as its command with that input."""

    @staticmethod
    def prepared(toolbox: Toolbox, **arguments: object) -> Prepared:
        return toolbox.prepare(Call("c", "jobs", arguments))

    @staticmethod
    def standing(contained: str, mode: str = "default", *deny: str) -> Standing:
        return Standing(mode, Rules(deny=deny), contained, asks=True)  # type: ignore[arg-type]

    async def test_only_what_is_said_runs_something(self, toolbox: Toolbox) -> None:
        effects = {
            action: self.prepared(toolbox, action=action).effect for action in ("list", "read", "wait", "stop", "send")
        }
        assert effects == dict.fromkeys(effects, "reads")
        assert self.prepared(toolbox, action="send", text="x").effect == "runs"
        assert self.prepared(toolbox, action="send", keys="ctrl-c").effect == "runs"

    async def test_keys_are_judged_as_what_they_say(self, toolbox: Toolbox, scope: Scope) -> None:
        workspace = scope.workspace
        await workspace.background("bash", tty=True)
        wish = safety.look(
            workspace.folder, self.prepared(toolbox, action="send", id=1, text="rm x", keys="enter"), workspace.jobs
        )
        assert wish.arguments["command"] == "bash <<'INPUT'\nrm xenter\nINPUT"
        assert decide(wish, self.standing("none")).verdict == "ask"
        assert decide(wish, self.standing("kernel", "default", "bash(git push *)")).verdict == "ask"
        assert decide(wish, self.standing("kernel")).verdict == "allow"

    async def test_it_is_asked_for_where_its_command_was(self, toolbox: Toolbox, scope: Scope) -> None:
        workspace = scope.workspace
        await workspace.background("bash")
        wish = safety.look(workspace.folder, self.prepared(toolbox, action="send", id=1, text="ls"), workspace.jobs)
        assert decide(wish, self.standing("none")).verdict == "ask"
        assert decide(wish, self.standing("none", "plan")).verdict == "deny"
        assert decide(wish, self.standing("kernel")).verdict == "allow"
        assert decide(wish, self.standing("kernel", "default", "bash(git push *)")).verdict == "ask"
        assert decide(wish, self.standing("kernel", "default", "bash")).verdict == "deny"

    async def test_a_job_that_may_do_more_is_told_nothing(self, toolbox: Toolbox, scope: Scope) -> None:
        await scope.workspace.granting(Grant(host=True)).background("cat")
        said = await toolbox.run(self.prepared(toolbox, action="send", id=1, text="x"), scope)
        assert said.failed and "may do more than this call" in said.text
        looking = replace(scope, workspace=scope.workspace.granting(LOOK))
        await scope.workspace.background("cat")
        assert (await toolbox.run(self.prepared(toolbox, action="send", id=2, text="x"), looking)).failed
        assert not (await toolbox.run(self.prepared(toolbox, action="send", id=2, text="x"), scope)).failed


class Passing:
    """A box that holds nothing, but is there."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        return Launch(("/usr/bin/env", *argv), environment, held=Held())


async def test_the_sandbox_in_the_way_is_told(toolbox: Toolbox, root: Path) -> None:
    scope = Scope(Workspace.at(root, box=Passing()))
    command = {"command": "sleep 0.5; echo getaddrinfo EAI_AGAIN; exit 1", "run_in_background": True}
    await toolbox.run(toolbox.prepare(Call("c", "bash", command)), scope)
    result = await toolbox.run(toolbox.prepare(Call("c", "jobs", {"action": "wait"})), scope)
    assert 'needs="network"' in result.text
