"""What is on record is told as it was when it happened; and a record that somebody forged or broke cannot stop it."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicode.events import Denied, Event, Noted, TextDelta, ThinkingDelta, TurnEnded, TurnStarted
from minicode.journal.entry import Entry
from minicode.journal.reader import load
from minicode.lab.rehearsal import Do, Fault, Say, Step, Think, steps
from minicode.replay import replay
from minicode.show import show_from_json
from minicode.tui.blocks import Block, Look
from minicode.tui.story import Story

WIRE = Path(__file__).resolve().parents[1] / "wire/conftest.py"
_spec = importlib.util.spec_from_file_location("minicode_wire", WIRE)
assert _spec is not None and _spec.loader is not None
_wire = importlib.util.module_from_spec(_spec)
sys.modules["minicode_wire"] = _wire
_spec.loader.exec_module(_wire)
talk = _wire.talk

TOOK = re.compile(r" · \d+\.\d s|  \d+\.\d s")


class Page:
    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def add(self, *blocks: Block) -> None:
        self.blocks += blocks

    def touch(self, block: Block) -> None:
        pass


def seen(events: Iterable[Event], look: Look) -> list[str]:
    """What is on the screen of it, without how long it took."""
    page = Page()
    story = Story(page)
    for event in events:
        story.show(event)
    rows = [row for block in page.blocks for row in block.rows(100, look)]
    return [TOOK.sub("", "".join(span.text for span in row.spans)).rstrip() for row in rows]


LOOKS = [Look("full", opened=True), Look("folded")]


@pytest.mark.parametrize("look", LOOKS, ids=["open", "folded"])
async def test_a_session_on_record_looks_as_it_did_when_it_ran(talk: Callable[..., Awaitable[Any]], look: Look) -> None:
    def read(path: str) -> Do:
        return Do("read", {"path": path})

    script = steps(
        (Think("I look\nat both."), Say("Let me *see*."), read("a.py"), read("none.py")),
        (Think("Now I write."), Do("write", {"path": "b.py", "content": "x = 1\n"})),
        (Do("shell", {"command": "echo out; exit 3"}),),
        (Think("All done."), Say("# Done\n\n- one\n- two")),
        Step((Think("This is never to end. " * 200),), fault=Fault(stall=3_000)),
        (Say("Back."),),
    )
    t = await talk(script, "anthropic", files={"a.py": "1\n2\n"})
    live: list[Event] = []
    await t.say("do it")
    live += t.events
    await t.say("more", lambda event: t.session.cancel() if isinstance(event, ThinkingDelta) else None)
    live += t.events
    await t.say("again")
    live += t.events
    assert [event.reason for event in live if isinstance(event, TurnEnded)] == ["done", "cancelled", "done"]
    wanted = seen(live, look)
    assert any("does not count" in line for line in wanted)
    assert seen(t.session.past(), look) == wanted
    path = t.session.journal.path
    await t.close()
    assert seen(replay("s", load(path).entries), look) == wanted


async def test_what_was_refused_is_refused_on_record(talk: Callable[..., Awaitable[Any]]) -> None:
    write = Do("write", {"path": "b.py", "content": "x = 1\n"})
    script = steps((Think("I write."), write), (Say("Then not."),))
    t = await talk(script, "anthropic", flags={"permission_mode": "plan"})
    await t.say("do it")
    [denied] = t.of(Denied)
    assert [event for event in t.session.past() if isinstance(event, Denied)] == [denied]
    for look in LOOKS:
        assert seen(t.session.past(), look) == seen(t.events, look)
        assert any("⊘" in line for line in seen(t.events, look))


async def test_steers_are_told_where_they_were_heard_and_the_turn_stays_one(
    talk: Callable[..., Awaitable[Any]],
) -> None:
    script = steps((Think("I look."), Do("read", {"path": "a.py"})), Say("Almost."), Say("Done."))
    t = await talk(script, "anthropic", files={"a.py": "1\n"})
    words = iter(["to the tool", "to nobody"])

    def act(event: Event) -> None:
        if isinstance(event, ThinkingDelta if not used else TextDelta) and (word := next(words, "")):
            used.append(word)
            t.session.steer(word)

    used: list[str] = []
    ended = await t.say("go", act)
    past = list(t.session.past())
    assert [event.text for event in past if isinstance(event, TurnStarted)] == ["go", "to the tool", "to nobody"]
    assert [event for event in past if isinstance(event, TurnEnded)] == [ended]
    lines = seen(past, Look())
    assert [line for line in lines if line.startswith(("❯", "↳"))] == ["❯ go", "↳ to the tool", "↳ to nobody"]


def entry(number: int, kind: str, **data: Any) -> Entry:
    return Entry(f"e{number}", None, "2026-01-01T00:00:00.000Z", kind, data)


REPLY = {
    "content": [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "so"},
        {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}},
    ],
    "stop": "tool_use",
    "usage": {"input_tokens": 5, "output_tokens": 2},
}
WHOLE = [
    entry(1, "user", text="hello"),
    entry(2, "request", thinking=1, issued=2, bytes=100),
    entry(3, "reply", **REPLY),
    entry(4, "permission", call_id="c1", verdict="deny", by="user", reason="no"),
    entry(5, "result", call_id="c1", name="read", text="not run: no", failed=True, seconds=0.1,
          show=[{"show": "line", "text": "x"}, {"show": "tests", "passed": 1, "failed": 1, "failures": [["a", "b"]]},
                {"show": "todos", "items": [["a", "pending"]]}, {"show": "diff", "path": "a", "diff": "-a\n+b"}]),
    entry(6, "partial", thinking="half", text="half", why="cancelled"),
    entry(7, "aside", by="user", text="stop"),
    entry(8, "fold", why="auto", before=9, after=3, thoughts=1, clipped=[1]),
    entry(9, "alarm", call_id="c1", text="changed"),
    entry(10, "shell", text="[The user ran `ls\nfalse`: exit code 1.\nout\n]", command="ls\nfalse", code=1),
    entry(11, "note", level="warning", text="careful"),
    entry(12, "end", reason="done"),
    entry(13, "refused", text="evil", by="hook", reason="no"),
    entry(14, "verify", command="`true`", outcome="exit code 1", evidence="no", verdict="failed", back=True),
    entry(15, "end", reason="failed", error="refused"),
]  # fmt: skip


def test_every_kind_of_entry_is_told() -> None:
    lines = "\n".join(seen(replay("s", WHOLE), Look("full", opened=True)))
    for words in ("❯ hello", "hm", "so", "⊘ read a", "user: not run: no", "half", "does not count", "↳ stop",
                  "shortened", "changed", "! ls false", "exit code 1", "careful", "❯ evil", "refused"):  # fmt: skip
        assert words in lines
    assert "`: exit code" not in lines  # of a command with several lines, too
    assert "cannot be read" not in lines


def test_a_turn_without_an_end_is_ended() -> None:
    twice = [*WHOLE[:3], entry(20, "told"), entry(21, "user", text="next"), *WHOLE[1:3]]
    events = list(replay("s", twice))
    ends = [number for number, event in enumerate(events) if isinstance(event, TurnEnded)]
    assert len(ends) == 2
    assert ends[1] == len(events) - 1
    assert isinstance(events[ends[0] + 1], TurnStarted)
    assert [event.usage.input for event in events if isinstance(event, TurnEnded)] == [5, 5]
    assert "◐" not in "\n".join(seen(events, Look()))
    assert list(replay("s", [])) == []


def test_what_cannot_be_read_is_told() -> None:
    for kind in ("request", "reply", "result", "partial", "alarm", "note", "fold", "permission"):
        odd = {"verdict": "deny", "thinking": [1], "call_id": {}, "content": 5, "text": 7, "before": "x"}
        events = list(replay("s", [entry(1, "user", text="a"), entry(2, kind, **odd), entry(3, "end")]))
        assert Noted("warning", f"Entry e2 ({kind}) cannot be read, and is not shown.") in events
        assert isinstance(events[-1], TurnEnded)
    assert list(replay("s", [entry(1, "of a newer version", text="a")])) == []


def test_a_block_that_nobody_made_is_left_out() -> None:
    odd = [{"show": "tests", "passed": 1, "failed": 1, "failures": {"ab": 1}}, {"show": "todos", "items": {"ab": 1}},
           {"show": "tests", "passed": "1", "failed": 1}, {"show": "line", "text": 5}, {"show": "line"}, {"show": {}},
           {"show": "diff", "path": "a", "diff": []}, {"show": "todos", "items": [["a"]]}, None, 7, []]  # fmt: skip
    for block in odd:
        assert show_from_json(block) is None


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["c1", "read", "deny"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def damaged(value: Any, draw: Callable[..., Any]) -> Any:
    """The value with something in it replaced or missing."""
    if draw(st.integers(0, 9)) == 0:
        return draw(JUNK)
    if isinstance(value, dict):
        return {k: damaged(v, draw) for k, v in value.items() if draw(st.integers(0, 14))}
    if isinstance(value, list):
        return [damaged(v, draw) for v in value if draw(st.integers(0, 14))]
    return value


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.data())
def test_no_forged_entry_stops_it(data: st.DataObject) -> None:
    branch = [Entry(e.id, e.parent, e.at, e.kind, damaged(e.data, data.draw)) for e in WHOLE]
    branch = [e if isinstance(e.data, dict) else entry(0, e.kind) for e in branch]
    for look in LOOKS:
        seen(replay("s", branch), look)
