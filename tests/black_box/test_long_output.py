"""A long output is kept among our own state, which commands may not see; the output itself they may."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minicode.messages import Call
from minicode.plan import Plan
from minicode.sandbox.policy import Grant
from minicode.start import start


@pytest.mark.parametrize("backend", ["bwrap", "landlock"])
async def test_every_tool_can_look_at_a_long_output(
    tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINICODE_SANDBOX_BACKENDS", backend)
    monkeypatch.setenv("MINIMAX_API_KEY", "sk-canary-4f1d8a2b6c")
    started = start(Plan(folder=tmp_path))
    parts = started.session.parts

    async def told(name: str, **arguments: object) -> str:
        scope = parts.scope("c", Grant(), lambda text: None, lambda text: None)
        return (await parts.toolbox.run(parts.toolbox.prepare(Call("c", name, arguments)), scope)).text

    try:
        if started.contained.found.backend != backend:
            pytest.skip(f"{backend} is not to be had here")
        found = re.search(r"the whole is in (\S+)", await told("bash", command="seq 20000"))
        assert found
        assert "19999" in await told("grep", pattern="^19999$", path=found[1])
        assert (await told("bash", command=f"tail -1 {found[1]}")).startswith("20000\n")
        assert (await told("read", file_path=found[1], limit=1)).startswith("1\t1")
        beside = Path(found[1]).parents[1]
        assert "No such" in (text := await told("bash", command=f"cat {beside}/*.jsonl")) or "denied" in text
    finally:
        await started.close()
