"""bash: what the model and the human are told of a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from minicode.messages import Call
from minicode.sandbox.policy import Grant, Launch
from minicode.show import Output
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope, Workspace


async def test_output_and_exit_code(run, root: Path) -> None:
    assert (await run("bash", command="pwd")).text == f"{root}\n[exit code 0]"
    failed = await run("bash", command="echo no >&2; exit 3")
    assert failed.failed and failed.text == "no\n[exit code 3]"
    assert failed.show == (Output("no"),)
    assert (await run("bash", command="true")).text.strip() == "[exit code 0]"
    assert "signal 9" in (await run("bash", command="kill -9 $$")).text


async def test_long_output_is_cut_and_kept(run, spilled: Path) -> None:
    result = await run("bash", command="seq 100000")
    assert len(result.text.encode()) <= 30_500
    assert result.text.startswith("1\n2\n") and "\n100000\n[exit code 0]" in result.text
    (kept,) = spilled.iterdir()
    assert str(kept) in result.text
    assert kept.read_text() == "".join(f"{n}\n" for n in range(1, 100_001))
    assert (await run("read", file_path=str(kept), offset=50_000, limit=1)).text.startswith("50000\t50000")


async def test_garbage_is_sendable(run) -> None:
    result = await run(
        "bash", command=r"printf '\x1b[31m\xff\xed\xa0\x80\x00a\r50%%\rdone\n'; head -c 200000 /dev/zero"
    )
    result.text.encode("utf-8")
    assert result.text.startswith("done\n") and "\x1b" not in result.text and "\0" not in result.text


async def test_timeout_in_seconds_or_milliseconds(run) -> None:
    result = await run("bash", command="echo before; sleep 100", timeout=1)
    assert result.failed and result.text == "before\n[stopped after 1 s (timeout); the output so far is above]"
    quick = await run("bash", command="sleep 100", timeout_ms=1000)
    assert "stopped after 1 s" in quick.text
    patient = await run("bash", command="sleep 1.9; echo done", timeout=1801)
    assert patient.text == "done\n[exit code 0]"


async def test_what_was_left_behind_is_told(run) -> None:
    result = await run("bash", command="sleep 321 & echo hi")
    assert result.text == "hi\n[exit code 0; stopped in the background: sleep 321]"


async def test_progress_is_told_while_it_runs(toolbox: Toolbox, scope: Scope) -> None:
    said: list[str] = []
    prepared = toolbox.prepare(Call("c", "bash", {"command": "sleep 0.25; echo one; sleep 0.25; echo two"}))
    await toolbox.run(prepared, replace(scope, say=said.append))
    assert "one" in "".join(said)


class Passing:
    """A box that holds nothing, but is there."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        return Launch(tuple(argv) if grant.host else ("/usr/bin/env", *argv), environment)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("curl: (6) Could not resolve host: example.com", 'needs="network"'),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", 'needs="network"'),
        ("touch: cannot touch '/etc/x': Read-only file system", 'needs="host"'),
        ("fatal: Unable to create '/w/.git/index.lock': Read-only file system", "git tool"),
        ("mount: Operation not permitted", 'needs="network" or "host"'),
        ("AssertionError", ""),
    ],
)
async def test_the_sandbox_in_the_way_is_told_once(toolbox: Toolbox, root: Path, said: str, hint: str) -> None:
    boxed = Workspace.at(root, box=Passing())

    async def last_line(workspace: Workspace, code: int = 1) -> str:
        command = {"command": f'echo "{said}"; exit {code}'}
        result = await toolbox.run(toolbox.prepare(Call("c", "bash", command)), Scope(workspace))
        return result.text.rpartition("\n")[2]

    told = await last_line(boxed)
    assert (hint in told) if hint else told == "[exit code 1]"
    assert await last_line(boxed, 0) == "[exit code 0]"
    assert await last_line(boxed.granting(Grant(host=True))) == "[exit code 1]"
    assert await last_line(Workspace.at(root)) == "[exit code 1]"


async def test_needs_is_for_the_one_who_decides(toolbox: Toolbox, run) -> None:
    assert (await run("bash", command="echo hi", needs="network")).text == "hi\n[exit code 0]"
    spec = next(spec for spec in toolbox.specs if spec.name == "bash")
    assert "needs" not in spec.schema["required"]


async def test_a_change_to_what_only_the_user_may_change_raises_an_alarm(toolbox: Toolbox, root: Path) -> None:
    await Workspace.at(root).shell("git init -q")
    before = (root / ".git/config").read_bytes()
    alarms: list[str] = []

    async def run(workspace: Workspace, command: str) -> str:
        alarms.clear()
        scope = Scope(workspace, alarm=alarms.append)
        return (await toolbox.run(toolbox.prepare(Call("c", "bash", {"command": command})), scope)).text

    mending = Workspace.at(root, box=Passing(), mends=True)
    attack = "git config core.pager x; mkdir .minicode; echo x > .minicode/config.toml"
    text = await run(mending, attack)
    assert alarms == ["The command changed .git/config, .minicode, which was put back as it was."]
    assert alarms[0] in text
    assert (root / ".git/config").read_bytes() == before and not (root / ".minicode").exists()
    assert "look at it first" in await run(mending.granting(Grant(host=True)), attack)
    assert (root / ".minicode").exists() and (root / ".git/config").read_bytes() != before
    await run(mending, "echo x > a; git add a; git commit -qm x")
    assert alarms == []
