"""bash: what the model and the human are told of a command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from minicode.messages import Call
from minicode.show import Output
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope


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
