"""A session file whose lines were made by somebody: checksums right, fields anything. No command breaks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from minicode import paths
from minicode.cli.sessions_app import sessions_app
from minicode.cli.trace import trace
from minicode.errors import MinicodeError
from minicode.events import TurnEnded
from minicode.journal.entry import VERSION, Entry, now, to_line
from minicode.journal.reader import load
from minicode.journal.writer import Journal
from minicode.lab.rehearsal import Say, Think, steps
from minicode.messages import Json
from minicode.plan import Plan
from minicode.start import start

ID = "20260101-000000-forged"
HEADER: Json = {"folder": "/", "minicode": "0", "name": None}
PARAMS = {"model": "M2", "max_tokens": 100, "temperature": 1.0, "top_p": None, "top_k": None}
USAGE = {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
TOOL = {"name": "bash", "description": "Runs.", "input_schema": {"type": "object", "properties": {}}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s", "keep": {"field": "reasoning_details", "raw": "hm"}}
DETAILS = {"type": "thinking", "thinking": "so", "keep": {"field": "reasoning_details", "details": [{"text": "so"}]}}
TEXT = {"type": "text", "text": "I look.", "keep": {"raw": "I look."}}
CALL = {"type": "tool_use", "id": "c", "name": "bash", "input": {"command": "ls"}, "broken": None, "repairs": ["x: y"]}
SHOW = [
    {"show": "line", "text": "repaired: x"},
    {"show": "output", "text": "out"},
    {"show": "diff", "path": "a", "diff": "@@ -1 +1 @@\n-a\n+b\n"},
    {"show": "tests", "passed": 1, "failed": 1, "skipped": 0, "failures": [["t", "why"]], "flaky": 0},
    {"show": "todos", "items": [["do", "pending"]]},
]
REPLY: Json = {
    "content": [THOUGHT, DETAILS, TEXT, CALL],
    "stop": "tool_use",
    "usage": USAGE,
    "wire": "openai",
    "model": "M2",
    "reply_id": "r",
    "flaw": "",
}
ROUND: list[tuple[str, Json]] = [
    ("system", {"prompt": "p", "tools": [TOOL], "facts": {"mark": "m", "mode": "plan", "instructions": {"A": "0"}}}),
    ("user", {"text": "go on", "typed": "go", "by": "user", "why": "", "added": "", "kept": "0"}),
    (
        "request",
        {"wire": "openai", "options": {"thoughts": "x"}, "sha256": "0", "bytes": 9, "thinking": 0, "issued": 0},
    ),
    ("reply", REPLY),
    ("intent", {"call_id": "c", "name": "bash", "effect": "runs", "arguments": {}}),
    (
        "permission",
        {"call_id": "c", "name": "bash", "verdict": "deny", "by": "user", "reason": "no", "mode": "default"},
    ),
    ("result", {"call_id": "c", "name": "bash", "text": "ok", "failed": True, "show": SHOW, "seconds": 0.5}),
]
MORE: list[tuple[str, Json]] = [
    ("told", {"mode": "plan", "instructions": {"A": "0"}}),
    ("partial", {"thinking": "h", "text": "t", "why": "cut"}),
    ("usage", USAGE),
    ("end", {"reason": "failed", "error": "e"}),
    ("note", {"level": "info", "text": "n"}),
    ("snapshot", {"tree": "0"}),
    ("fold", {"upto": "e3", "text": "f", "why": "auto", "guidance": "", "before": 9, "after": 1, "thoughts": 1}),
    ("fold", {"upto": None, "text": "", "clipped": ["e8"], "head": 1, "tail": 1, "mark": "{left}", "why": "auto"}),
    ("fold", {"upto": "e3", "text": "f", "entries": 2, "reply": REPLY}),
    ("unfold", {"fold": "e9"}),
    ("files", {"from": "0", "to": "1", "by": "rewind", "paths": ["a"], "both": False, "count": 1}),
    ("title", {"title": "t", "by": "model", "usage": USAGE}),
    ("name", {"name": "n"}),
    ("label", {"entry": "e2", "text": "l"}),
    ("aside", {"by": "user", "text": "a"}),
    ("task", {"call_id": "c", "task": f"{ID}-t1", "access": "read", "description": "d"}),
    ("task", {"task": f"{ID}-t1", "access": "read", "description": "d", "reason": "done", "steps": 1, "usage": USAGE}),
    ("listing", {"name": "n", "title": "t", "first": "f", "last": "l", "turns": 1, "ran": "ls"}),
    ("verify", {"command": "c", "outcome": "o", "evidence": "e", "verdict": "passed", "back": False}),
    ("refused", {"text": "t", "by": "hook", "reason": "r"}),
    ("alarm", {"call_id": "c", "text": "a"}),
    ("job", {"job": 1, "command": "c", "call_id": "c", "fate": "done", "seconds": 1.0}),
    ("shell", {"text": "[The user ran `ls`: exit code 0.\n\n]", "command": "ls", "code": 0}),
    ("mode", {"mode": "bypassPermissions"}),
    ("sandbox", {"mode": "auto", "level": "off"}),
    ("leaf", {"to": "e9", "from": "e8", "by": "rewind"}),
    ("imported", {"anything": 1}),
]
WRONG = (None, 7, 1e300, [7], "odd\x1b[31m", {"a": {"b": 7}})
GONE = object()


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    """Of every field, however deep."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (key,)
        yield from ((key, *rest) for rest in places(inner))


def forged(data: Json, place: tuple[Any, ...], wrong: object) -> Json:
    data = deepcopy(data)
    inner: Any = data
    for key in place[:-1]:
        inner = inner[key]
    if wrong is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = wrong
    return data


def lines() -> Iterator[tuple[str, Json]]:
    whole = [*((kind, {**data, **({"params": PARAMS} if kind == "request" else {})}) for kind, data in ROUND), *MORE]
    for kind, data in whole:
        yield from ROUND[:2]
        yield kind, data
        for n, place in enumerate(places(data)):
            for wrong in (WRONG[n % 6], WRONG[(n + 2) % 6], GONE):
                yield kind, forged(data, place, wrong)
                if kind == "reply":
                    yield from ROUND[-1:]


def write(folder: Path, records: Iterator[tuple[str, Json]], header: Json) -> Path:
    """One after the other, each below the one before."""
    place = paths.private_dir(paths.places().sessions_of(folder))
    top = Entry(ID, None, now(), "session", {"version": VERSION, "folder": str(folder), **header})
    path = place / f"{ID}.jsonl"
    parent = None
    with path.open("wb") as file:
        file.write(to_line(top))
        for number, (kind, data) in enumerate(records, 1):
            file.write(to_line(Entry(f"e{number:x}", parent, now(), kind, data)))
            parent = parent if kind in ("leaf", "listing", "mode") else f"e{number:x}"
    return path


COMMANDS = [
    *(("list",), ("list", "--all", "--json"), ("show", ID), ("show", "--repairs", ID), ("tree", ID)),
    *(("tree", "--json", ID), ("context", ID), ("verify", ID), ("rewind", ID), ("recall", ID, "look")),
    *(("recall", ID, "--id", "e2-e9"), ("search", "--all", "look"), ("search", "--all", "--regex", "o.t")),
    ("export", "-f", "md", "-o", "told", "--force", "--raw", "--branch", "all", ID),
    *(("export", "-f", form, "-o", "told", "--force", "--raw", ID) for form in ("html", "json", "atif")),
]


def run(*command: str) -> None:
    """A sentence is as good an end as any; another exception is none."""
    with suppress(MinicodeError):
        sessions_app(args=list(command), standalone_mode=False)


@pytest.fixture
def session(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return write(folder, lines(), {})


def test_no_command_breaks(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load(session)
    assert loaded.damaged > 200 and len(loaded.entries) > 200
    for command in COMMANDS:
        run(*command)
        out = capsys.readouterr().out
        assert "\x1b" not in out and (out or command[0] in ("search", "verify", "export")), command
        if command[0] == "export":
            assert "\x1b" not in Path("told").read_text(), command
            Path("told").unlink()
    trace(ID, 1, 2, False)


def test_nor_at_what_is_nested_as_no_wire_lets_it_in(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deep: Any = "odd"
    for _ in range(500):
        deep = [deep]
    told = (*ROUND[:2], ("reply", {**REPLY, "content": [{**CALL, "input": {"command": deep}}]}))
    path = write(tmp_path, iter((*told, ("result", {**ROUND[-1][1], "show": [{"show": "todos", "items": deep}]}))), {})
    assert (load(path).damaged, load(path, judged=False).damaged) == (2, 2)
    for command in COMMANDS:
        run(*command)
    assert ID in capsys.readouterr().out


def test_nor_at_a_forged_header(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    fields = ("folder", "minicode", "name", "from", "spilled", "task", "imported")
    for field, wrong in ((field, wrong) for field in fields for wrong in (7, {"a": 7})):
        path = write(folder, iter(ROUND[:2]), {field: wrong})
        for command in (
            ("list", "--all"),
            ("show", ID),
            ("tree", ID),
            ("recall", ID, "go"),
            ("export", "-o", str(folder / "told"), "--force", ID),
        ):
            run(*command)
            assert ID in capsys.readouterr().out or command[0] in ("recall", "export"), (field, wrong, command)
        Journal.fork(path.parent, HEADER, path)
        Journal.open(path).close()


async def test_it_can_be_gone_on_with(session: Path, rehearse: Any) -> None:
    server = rehearse(steps((Think("Well."), Say("Done."))))
    flags = {"base_url": f"{server.url}/anthropic", "protocol": "anthropic"}
    started = start(Plan(folder=Path.cwd(), resume=ID, flags=flags))
    try:
        assert any("was damaged" in note for note in started.notes)
        told = [event async for event in started.session.send("go on")]
        list(started.session.past())
    finally:
        await started.close()
    assert isinstance(told[-1], TurnEnded) and told[-1].error == ""
    assert server.failures == []
