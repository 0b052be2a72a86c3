"""The plain face: every kind of event, in words for a person and as JSON for a script."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from typing import Any, get_args

import pytest

from minicode import jsonl, plain, show
from minicode.events import (
    Alarm,
    Asked,
    CallDone,
    CallForming,
    CallSaid,
    CallStarted,
    Denied,
    Event,
    Folded,
    Noted,
    Questioned,
    ReplyDone,
    Retrying,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    Verified,
    Withdrawn,
)
from minicode.messages import Call, Reply, Text, Thinking, ToolResult, Usage
from minicode.show import Diff, Line, Output, Show, Todos, show_to_json

CALL = Call("c1", "bash", {"command": "ls -l", "limit": 3})
USAGE = Usage(input=100, output=20, cache_read=300, cache_write=0)
SHOWN: list[Show] = [
    Line("a line"),
    Output("one\ntwo\n"),
    Diff("a.py", "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-old\n+new\n same"),
    show.Tests(3, 1, 2, (("t.py::test_x", "assert 1 == 2"),)),
    Todos((("first", "completed"), ("second", "in_progress"), ("third", "pending"))),
]


def done(text: str = "total 0\nmore", failed: bool = False, blocks: list[Show] | None = None) -> CallDone:
    return CallDone(CALL, ToolResult("c1", "bash", text, failed), tuple(blocks or ()), 1.25)


def ended(reason: str = "done", **more: Any) -> TurnEnded:
    return TurnEnded(reason, "All is well.", USAGE, 2, 3, 4, **more)


RECALLED = "Nothing is lost: recall finds it, unfold undoes it."
# One of each kind at least: the event, what a person reads, the (type, some fields) of the lines a script reads.
TABLE: list[tuple[Event, str, list[tuple[str, dict[str, Any]]]]] = [
    (TurnStarted("s", "do it"), "", []),
    (StepStarted(2, 3, 4, 999), "", [("notice", {"step": 2, "bytes": 999, "thinking": {"issued": 4, "returned": 3}})]),
    (ThinkingDelta("\nhm"), "\n∴ hm", []),
    (TextDelta("\nhello"), "hello", []),
    (CallForming(0, "bash", "{"), "", []),
    (CallSaid("c1", "half-way"), "", []),
    (
        Retrying(1, 3, 2.3456, "Overloaded."),
        "  try 1 of 3 failed: Overloaded. Waiting 2 s.\n",
        [("retry", {"attempt": 1, "tries": 3, "wait_seconds": 2.346, "reason": "Overloaded."})],
    ),
    (Withdrawn(), "", []),
    (
        ReplyDone(Reply((Thinking("t1"), Text("a"), Thinking("t2"), Text("b")), model="M")),
        "",
        [
            ("thinking", {"text": "t1"}),
            ("thinking", {"text": "t2"}),
            ("message", {"role": "assistant", "text": "ab", "model": "M"}),
        ],
    ),
    (ReplyDone(Reply((CALL,))), "", []),
    (
        CallStarted(CALL),
        "● bash ls -l limit=3\n",
        [("tool_use", {"id": "c1", "name": "bash", "input": {"command": "ls -l", "limit": 3}})],
    ),
    (
        done(),
        "  ✓ total 0  (1.2 s)\n",
        [
            (
                "tool_result",
                {
                    "id": "c1",
                    "name": "bash",
                    "text": "total 0\nmore",
                    "is_error": False,
                    "duration_ms": 1250,
                    "show": [],
                },
            )
        ],
    ),
    (done("", failed=True), "  ✗ (no output)  (1.2 s)\n", [("tool_result", {"is_error": True})]),
    (
        done(blocks=SHOWN),
        """\
  ✓ a line  (1.2 s)
    one
    two
    --- a.py
    +++ a.py
    @@ -1 +1 @@
    -old
    +new
     same
    t.py::test_x: assert 1 == 2
    ☑ first
    ▶ second
    ☐ third
""",
        [("tool_result", {"show": [json.loads(json.dumps(show_to_json(block))) for block in SHOWN]})],
    ),
    (
        Denied(CALL, "not now", "rule"),
        "● bash ls -l limit=3\n  refused: not now\n",
        [("permission", {"id": "c1", "name": "bash", "denied": "not now", "by": "rule"})],
    ),
    (
        Asked(CALL, "it wants the network", "network", "network(ls)"),
        "",
        [("permission", {"id": "c1", "asked": "it wants the network", "wants": "network", "always": "network(ls)"})],
    ),
    (Questioned("c1", "Which?", ("a", "b")), "", []),
    (Alarm("c1", "made .envrc"), "  ! made .envrc\n", [("notice", {"text": "made .envrc", "level": "warning"})]),
    (
        Folded("e9", "auto", 9000, 2000, 3, 0),
        f"  folded, 3 thoughts with it: about 9,000 tokens → 2,000. {RECALLED}\n",
        [("fold", {"entry_id": "e9", "why": "auto", "before": 9000, "after": 2000, "thoughts": 3, "clipped": 0})],
    ),
    (
        Folded("ea", "auto", 9000, 7000, 0, 1),
        f"  1 old output shortened: about 9,000 tokens → 7,000. {RECALLED}\n",
        [("fold", {"clipped": 1})],
    ),
    (
        Verified("All done.", "`make`", "exit code 2", "a\nb", "failed", back=True),
        "M2 said   │ All done.\nchecked   │ `make`\noutcome   │ failed: exit code 2; M2 is told\n"
        "evidence  │ a\n          │ b\n",
        [("notice", {"claim": "All done.", "verdict": "failed", "command": "`make`", "evidence": "a\nb"})],
    ),
    (Noted("info", "fyi"), "  fyi\n", [("notice", {"text": "fyi", "level": "info"})]),
    (Noted("warning", "hm"), "  hm\n", [("notice", {"text": "hm", "level": "warning"})]),
    (Noted("error", "no"), "  no\n", [("error", {"text": "no", "level": "error"})]),
    (ended(), "", []),
]


def ids(row: Any) -> str:
    return type(row).__name__ if isinstance(row, get_args(Event)) else ""


def told(*events: Event, colour: bool = False) -> str:
    pieces: list[str] = []
    progress = plain.Progress(pieces.append, colour)
    for event in events:
        progress.show(event)
    return "".join(pieces)


def streamed(*events: Event) -> list[dict[str, Any]]:
    pieces: list[str] = []
    stream = jsonl.Stream(pieces.append, "s1")
    for event in events:
        stream.show(event)
    assert all(piece.endswith("\n") for piece in pieces)
    return [json.loads(line) for line in "".join(pieces).splitlines()]


def test_the_table_has_every_kind_of_event() -> None:
    assert {type(event) for event, _, _ in TABLE} == set(get_args(Event))


@pytest.mark.parametrize(("event", "words", "lines"), TABLE, ids=ids)
def test_every_event(event: Event, words: str, lines: list[tuple[str, dict[str, Any]]]) -> None:
    assert told(event) == words
    found = streamed(event)
    assert [line["type"] for line in found] == [type_ for type_, _ in lines]
    for line, (_, fields) in zip(found, lines, strict=True):
        assert {key: line[key] for key in fields} == fields


# -- for a person


def test_a_withdrawn_answer_is_said_if_something_of_it_was_shown() -> None:
    assert told(TextDelta("half"), Withdrawn()) == "half\n  (that answer was cut off and does not count)\n"


def test_thoughts_and_words_stream_on_lines_of_their_own() -> None:
    assert told(
        ThinkingDelta("I "),
        ThinkingDelta("see.\nMore"),
        TextDelta("\n\nSo: "),
        TextDelta("done."),
        CallStarted(CALL),
        ThinkingDelta("again"),
        ended(),
        ended(),
    ) == ("\n∴ I see.\nMore\nSo: done.\n● bash ls -l limit=3\n\n∴ again\n")


def test_long_output_keeps_its_head_and_tail() -> None:
    words = told(done(blocks=[Output("\n".join(f"line {n}" for n in range(20)))]))
    shown = [line.strip() for line in words.splitlines()[1:]]
    assert shown == ["line 0", "line 1", "line 2", "… 13 lines …", "line 16", "line 17", "line 18", "line 19"]


def test_output_has_its_colours_if_any_are_wanted() -> None:
    marks = (*((line, 1, 2, "bold red") for line in range(20)), (19, 2, 3, "white"))
    output = Output("\n".join(f"a{n:02}" for n in range(20)), marks)
    plainly, coloured = told(done(blocks=[output])), told(done(blocks=[output]), colour=True)
    assert re.sub(r"\x1b\[[\d;]+m", "", coloured) == plainly
    rows = coloured.splitlines()[1:]
    assert rows[0] == "\x1b[2m    \x1b[0m\x1b[2ma\x1b[0m\x1b[1;31m0\x1b[0m\x1b[2m0\x1b[0m"
    assert rows[-1].endswith("\x1b[1;31m1\x1b[0m9") and len(rows) == 8


# -- while a command runs


def said(*pieces: str | CallSaid, output: str = "", patience: float = 0.0, call: Call = CALL) -> str:
    """What is told between the head of a call and its outcome, and the lines after it."""
    words: list[str] = []
    progress = plain.Progress(words.append, False, patience)
    progress.show(CallStarted(call))
    for piece in pieces:
        progress.show(CallSaid(call.id, piece) if isinstance(piece, str) else piece._replace(call_id=call.id))
    progress.show(CallDone(call, ToolResult(call.id, call.name, f"{output}\n[ok]"), (Output(output),), 0.0))
    head, *rest = "".join(words).split("\n")
    assert head.startswith("● bash") and rest.count("  ✓ ok") == 1
    return "\n".join(rest)


def over(text: str) -> CallSaid:
    return CallSaid("", text, over=True)


@pytest.mark.parametrize(
    ("pieces", "output", "words"),
    [
        (["a\n"], "a", "    │ a\n  ✓ ok\n"),
        (["a\n", "b\n\n"], "a\nb", "    │ a\n    │ b\n    │ \n  ✓ ok\n"),
        (["a\nb\n"], "a\nb\nc", "    │ a\n    │ b\n  ✓ ok\n    c\n"),
        (["a\n"], "a longer", "    │ a\n  ✓ ok\n    a longer\n"),
        (["…\nz\n"], "y\nz", "    │ …\n    │ z\n  ✓ ok\n    y\n    z\n"),
        (["a\n", "10%\n", over("20%\n"), over("30%\n"), "b\n"], "a\n30%\nb",
         "    │ a\n    │ 10%\n    │ 30%\n    │ b\n  ✓ ok\n"),
        (["10%\n", over("20%\n"), over("90%\nb\n")], "90%\nb\nc", "    │ 10%\n    │ 90%\n    │ b\n  ✓ ok\n    c\n"),
        (["a\n", "10%\n", over("20%\n")], "a\n100%", "    │ a\n    │ 10%\n  ✓ ok\n    100%\n"),
        (["a\x1b[2J\n"], "", "    │ a\n  ✓ ok\n"),
        (["\n"], "x", "    │ \n  ✓ ok\n    x\n"),
    ],
)  # fmt: skip
def test_what_was_seen_is_not_told_again(pieces: list[str | CallSaid], output: str, words: str) -> None:
    assert said(*pieces, output=output) == words


def test_a_quick_command_is_told_at_its_end() -> None:
    assert said("a\n", over("b\n"), output="a", patience=1000.0) == said(output="a") == "  ✓ ok\n    a\n"


def test_more_than_a_result_holds_is_not_remembered() -> None:
    lines = [f"{n:099}" for n in range(400)]
    words = said(*(f"{line}\n" for line in lines), output="\n".join(lines))
    assert words.count("│") == 400 and "… 393 lines …" in words


def test_of_several_calls_each_line_says_whose_it_is() -> None:
    two = Call("c2", "task", {"description": "look it up"})
    words = told(CallStarted(CALL), CallStarted(two), CallSaid("c1", "a\n"), CallSaid("c2", "b\n"))
    assert "│" not in words, "they began just now"
    pieces: list[str] = []
    progress = plain.Progress(pieces.append, False, 0.0)
    events: list[Event] = [
        CallStarted(CALL),
        CallStarted(two),
        CallSaid("c1", "a\n"),
        CallSaid("c2", "b\n"),
        done(),
        CallSaid("c2", "c\n"),
    ]
    for event in [*events, CallSaid("c1", "late\n"), ended(), CallSaid("c2", "later\n")]:
        progress.show(event)
    assert [line for line in "".join(pieces).split("\n") if "│" in line] == [
        "    bash ls -l limit=3 │ a", "    task look it up │ b", "    │ c"
    ]  # fmt: skip


async def test_what_was_printed_at_once_is_shown_when_it_takes_long() -> None:
    shown = asyncio.Event()
    pieces: list[str] = []

    def write(text: str) -> None:
        pieces.append(text)
        if "│" in text:
            shown.set()

    progress = plain.Progress(write, False, 0.05)
    progress.show(CallStarted(CALL))
    progress.show(CallSaid("c1", "a\n"))
    progress.show(CallSaid("c1", "b\n"))
    assert not shown.is_set()
    await asyncio.wait_for(shown.wait(), 30)
    assert "".join(pieces).endswith("    │ a\n    │ b\n")


def test_long_first_line_is_cut() -> None:
    assert told(done("\n \n" + "x" * 500)) == f"  ✓ {'x' * 119}…  (1.2 s)\n"


@pytest.mark.parametrize("colour", [False, True])
def test_nothing_of_the_model_or_a_tool_commands_the_terminal(colour: bool) -> None:
    evil = "a\x1b]0;title\x07\x1b[2J\x9b31m\rb\x08\x7f"
    events: list[Event] = [
        ThinkingDelta(evil),
        TextDelta(evil),
        TextDelta("\x1b"),
        TextDelta("[2J"),
        CallStarted(Call("c", evil, {"x": evil})),
        done(
            evil,
            blocks=[
                Line(evil),
                Output(evil),
                Diff(evil, evil),
                show.Tests(0, 1, 0, ((evil, evil),)),
                Todos(((evil, ""),)),
            ],
        ),
        Denied(CALL, evil),
        Noted("warning", evil),
        Retrying(1, 2, 0.1, evil),
    ]
    words = told(*events, colour=colour)
    ours = re.compile(r"\x1b\[(?:[1-3]?\d)m")
    assert bool(ours.search(words)) is colour
    assert not set(ours.sub("", words)) & {chr(n) for n in (*range(9), *range(11, 32), *range(127, 160))}
    assert "[2J" in words, "only what commands is taken away"


def test_colour_does_not_change_the_words() -> None:
    events = [event for event, _, _ in TABLE]
    assert re.sub(r"\x1b\[\d+m", "", told(*events, colour=True)) == told(*events)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, ""),
        ({"command": "ls  -l\n\tdir"}, "ls -l dir"),
        ({"path": "ä", "n": 1, "all": True, "list": ["é"], "none": None}, "ä n=1 all=true é none=null"),
        ({"file_path": "a.py", "old_string": "x", "new_string": "y"}, "a.py"),
        ({"x": "y" * 100}, "y" * 100),
        ({"x": "y" * 101}, "y" * 99 + "…"),
    ],
)
def test_brief(arguments: dict[str, Any], line: str) -> None:
    assert plain.brief(arguments) == line


@pytest.mark.parametrize(
    ("usage", "cost", "line"),
    [
        (USAGE, 0.01234, "2 steps, thought 3/4, 400 tokens in, 75 % cached, 20 out, $0.0123 · session s1"),
        (Usage(), None, "2 steps, thought 3/4, 0 tokens in, 0 out · session s1"),
    ],
)
def test_footer(usage: Usage, cost: float | None, line: str) -> None:
    assert plain.footer(TurnEnded("done", "", usage, 2, 3, 4), "session s1", cost) == line


# -- for a script


def test_lines_are_numbered_stamped_and_flat() -> None:
    lines = streamed(*(event for event, _, _ in TABLE))
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    assert {line["session_id"] for line in lines} == {"s1"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in lines)
    known = {"init", "message", "thinking", "tool_use", "tool_result", "permission", "fold", "retry", "notice", "error"}
    assert {line["type"] for line in lines} <= known


def test_odd_text_neither_breaks_a_line_nor_is_changed() -> None:
    odd = 'a\nb\r\x0b\x0c\x1c\x85\u2028\u2029"\\ ä 🐍 \x1b[31m \\u2028'
    (line,) = streamed(Noted("info", odd))  # str.splitlines knows more line ends than JSON does
    assert line["text"] == odd


@pytest.mark.parametrize(
    ("reason", "subtype"),
    [
        ("done", "success"),
        ("turns", "error_max_turns"),
        ("money", "error_max_budget_usd"),
        ("tokens", "error_max_tokens"),
        ("time", "error_timeout"),
        ("cancelled", "error_interrupted"),
        ("loop", "error_loop"),
        ("failed", "error_during_execution"),
        ("schema", "error_during_execution"),
    ],
)
def test_the_result_is_the_last_line(reason: str, subtype: str) -> None:
    pieces: list[str] = []
    stream = jsonl.Stream(pieces.append, "s1")
    last = ended(reason, error="" if reason == "done" else "Why.", exit_code=0 if reason == "done" else 9)
    stream.show(Noted("info", "x"))
    stream.show(last)
    stream.put("result", **jsonl.result(last, "s1", time.monotonic(), 0.5, structured_output={"a": 1}))
    line = json.loads(pieces[-1])
    assert line.pop("timestamp") and line.pop("permission_denials") == []
    assert 0 <= line.pop("duration_ms") < 60_000
    assert line == {
        "type": "result",
        "session_id": "s1",
        "seq": 1,
        "subtype": subtype,
        "is_error": reason != "done",
        "result": "All is well.",
        "num_turns": 2,
        "usage": {
            "input_tokens": 100,
            "output_tokens": 20,
            "cache_read_input_tokens": 300,
            "cache_creation_input_tokens": 0,
        },
        "total_cost_usd": 0.5,
        "thinking": {"issued": 4, "returned": 3},
        "exit_code": 0 if reason == "done" else 9,
        "structured_output": {"a": 1},
        **({} if reason == "done" else {"error": "Why."}),
    }


def test_a_run_that_could_not_begin_still_has_a_result() -> None:
    found = jsonl.result(jsonl.failed("No key.", 41), "", time.monotonic(), None)
    assert (found["subtype"], found["is_error"], found["exit_code"]) == ("error_during_execution", True, 41)
    assert (found["error"], found["result"], found["total_cost_usd"]) == ("No key.", "", None)


# -- the real stdout

WRITER = """
from minicode.plain import Stdout, warn
import sys
out = Stdout()
sys.stdin.readline()
out.write("é\\ud800" * 50_000)
out.write("\\n")
warn(f"broken={out.broken}")
"""


def writer(stdout: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def test_stdout_writes_all_of_it_even_what_is_no_unicode() -> None:
    out, err = writer(subprocess.PIPE).communicate("go\n", timeout=30)
    assert (out, err) == ("é?" * 50_000 + "\n", "broken=0\n")


def test_a_closed_pipe_is_noticed_and_said_by_its_code() -> None:
    reading, writing = os.pipe()
    process = writer(writing)
    os.close(writing)
    os.close(reading)
    _, err = process.communicate("go\n", timeout=30)
    assert (err, process.returncode) == ("broken=141\n", 0)


def test_a_full_disk_is_said() -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        process = writer(full.fileno())
        _, err = process.communicate("go\n", timeout=30)
    assert err == "minicode: stdout cannot be written: No space left on device.\nbroken=1\n"
