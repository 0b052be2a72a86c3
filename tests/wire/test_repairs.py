"""What was mended is told to the model, written down, and counted by `minicode sessions show --repairs`."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.cli.sessions import show_repairs
from minicode.events import CallDone
from minicode.lab.rehearsal import Call, Say, Think, steps
from minicode.show import REPAIRED, Line

FILES = {"a.py": "1\n", "b.py": "2\n"}


async def test_repairs_are_told_kept_and_counted(talk: Any, surface: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = {"file_path": "a.py"}
    drifted = (
        Call("Read", {"path": "a.py", "limit": "1"}),
        Call("read", raw="{'file_path': 'b.py'}"),
        Call("read", path, id="same"),
        Call("read", path, id="same"),
        Call("finish", {}),
        Call("read", raw='{"file_path": "a.p'),
    )
    t = await talk(steps((Think("Try."), *drifted), Say("I see.")), surface, files=FILES)
    assert (await t.say("Go")).reason == "done"
    told = t.results(2)
    assert "[note: `Read` was read as the tool `read`; read `path` as `file_path`; `limit` was" in told[0]
    shown = [
        b.text for done in t.of(CallDone) for b in done.show if isinstance(b, Line) and b.text.startswith(REPAIRED)
    ]
    assert len(shown) == 5
    id_ = t.session.parts.journal.id
    await t.close()
    capsys.readouterr()
    assert show_repairs(id_) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == f"session {id_}: 6 calls, 5 repairs, 2 not run"
    assert sorted(rows[1:]) == [
        "1 broken JSON read",
        "1 id used twice read",
        "1 not run: broken JSON read",
        "1 not run: no such tool finish",
        "1 other parameter name Read",
        "1 other tool name Read",
        "1 other type Read",
    ]


async def test_a_session_without_repairs_says_so(talk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    t = await talk(steps((Call("read", {"file_path": "a.py"}),), Say("I see.")), "anthropic", files=FILES)
    await t.say("Go")
    id_ = t.session.parts.journal.id
    await t.close()
    capsys.readouterr()
    show_repairs(id_)
    assert capsys.readouterr().out == f"session {id_}: 1 call, 0 repairs, 0 not run\n"
