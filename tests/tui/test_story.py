"""Events become blocks: whatever order they come in, each thing said, thought or done is there once, as it ended."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicode import show as shown
from minicode import turn
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
    ReplyDone,
    Retrying,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
    TurnStarted,
    Withdrawn,
)
from minicode.journal import repair
from minicode.messages import Call, Reply, Text, Thinking, ToolResult, Usage
from minicode.show import Line, Output, Todos
from minicode.tui.blocks import Block, Look, Note, Said, Thought
from minicode.tui.doings import Answer, Doing
from minicode.tui.story import Story, summary

ENDED = TurnEnded("done", "", Usage(10, 5), 1, 1, 1)
STEP = StepStarted(1, 0, 0, 100)


class Page:
    """Keeps what is written, and that nothing is touched that was never added."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def add(self, *blocks: Block) -> None:
        assert not set(map(id, blocks)) & set(map(id, self.blocks))
        self.blocks += blocks

    def touch(self, block: Block) -> None:
        assert any(block is known for known in self.blocks)


def told(events: Iterable[Event]) -> list[Block]:
    page = Page()
    story = Story(page)
    for event in events:
        story.show(event)
    return page.blocks


def text(blocks: Iterable[Block], width: int = 100) -> str:
    """What is seen of them, wide open."""
    look = Look(thinking="full", opened=True)
    rows = [row for block in blocks for row in block.rows(width, look)]
    return "\n".join("".join(span.text for span in row.spans).rstrip() for row in rows)


def read(number: int, id_: str = "") -> Call:
    return Call(id_ or f"c{number}", "read", {"path": f"file{number}.py"})


def done(call: Call, said: str = "good", failed: bool = False) -> CallDone:
    return CallDone(call, ToolResult(call.id, call.name, said, failed), (Output(said),), 0.0)


def kinds(blocks: Iterable[Block]) -> str:
    return " ".join(block.kind for block in blocks)


def test_a_step_streamed_is_a_thought_an_answer_and_its_calls_each_once() -> None:
    call = read(1)
    reply = Reply((Thinking("let me see"), Text("I read"), call))
    events: list[Event] = [
        TurnStarted("s", "go"),
        STEP,
        ThinkingDelta("let "),
        ThinkingDelta(""),
        ThinkingDelta("me see"),
    ]
    events += [
        TextDelta(""),
        TextDelta("I "),
        TextDelta("read"),
        CallForming(0, "read", ""),
        CallForming(0, "read", '{"p'),
    ]
    events += [ReplyDone(reply), CallStarted(call), CallSaid("c1", "half"), done(call), ENDED]
    blocks = told(events)
    assert kinds(blocks) == "user thought answer call note"
    _, thought, answer, doing, _ = blocks
    assert isinstance(thought, Thought) and isinstance(answer, Answer) and isinstance(doing, Doing)
    assert thought.words() == "let me see"
    assert answer.words() == "I read"
    assert (thought.led, doing.state, doing.running, thought.running, answer.running) == (
        "read file1.py",
        "good",
        False,
        False,
        False,
    )
    assert thought.step == answer.step == doing.step > 0
    assert text(
        [*told([TurnStarted("s", "go"), STEP, ReplyDone(reply), CallStarted(call), done(call), ENDED])]
    ) == text(blocks)


def test_while_it_forms_a_call_is_there_already() -> None:
    blocks = told([STEP, CallForming(0, "write", ""), CallForming(0, "write", "x" * 50), CallForming(1, "read", "")])
    assert "◐ write  writing, 50 characters" in text(blocks)
    calls = (Call("a", "write", {"path": "x"}), read(2))
    page = told([STEP, CallForming(0, "write", ""), ReplyDone(Reply(calls))])
    assert [b.title() for b in page if isinstance(b, Doing)] == ["write x", "read file2.py"]


def test_a_call_that_forms_and_is_not_in_the_reply_does_not_run_for_ever() -> None:
    [doing] = told([STEP, CallForming(0, "write", "x"), ReplyDone(Reply((Text("no"),)))])[:1]
    assert isinstance(doing, Doing)
    assert (doing.running, doing.state) == (False, "bad")


def test_text_before_thought_and_a_thought_alone() -> None:
    blocks = told(
        [STEP, TextDelta("first"), ThinkingDelta("\n\nthen"), TextDelta("last"), ReplyDone(Reply((Text("firstlast"),)))]
    )
    assert [(b.kind, b.words()) for b in blocks] == [("answer", "first"), ("thought", "then"), ("answer", "last")]
    assert kinds(told([STEP, ThinkingDelta("only"), ReplyDone(Reply((Thinking("only"),))), ENDED])) == "thought note"
    assert kinds(told([STEP, ThinkingDelta(" \n"), TextDelta("\n"), ReplyDone(Reply(()))])) == ""


def test_a_withdrawn_stream_stays_and_is_void_and_what_comes_after_it_counts() -> None:
    events: list[Event] = [
        STEP,
        ThinkingDelta("half a thought"),
        TextDelta("half an answer"),
        CallForming(0, "bash", "x"),
    ]
    events += [
        Withdrawn(),
        Retrying(1, 3, 2.0, "It broke."),
        ThinkingDelta("whole"),
        ReplyDone(Reply((Thinking("whole"),))),
    ]
    blocks = told(events)
    assert kinds(blocks) == "thought answer call note thought"
    seen = text(blocks)
    assert seen.count("does not count") == 3
    assert "try 1 of 3 failed: It broke. Waiting 2 s." in seen
    assert "does not count" not in text(blocks[-1:])
    assert not any(block.running for block in blocks)


@pytest.mark.parametrize("reason", ["cancelled", "failed"])
def test_what_was_streamed_when_a_turn_ends_without_a_reply_does_not_count(reason: str) -> None:
    ended = ENDED._replace(reason=reason, error="" if reason == "cancelled" else "No network.")
    blocks = told([STEP, ThinkingDelta("half"), CallForming(0, "bash", "x"), ended])
    assert text(blocks).count("does not count") == 2
    assert ("No network." in text(blocks)) == (reason == "failed")
    assert not any(block.running for block in blocks)


def test_two_calls_side_by_side_and_ids_that_come_again() -> None:
    one, two = read(1), read(2)
    events: list[Event] = [STEP, ReplyDone(Reply((one, two))), CallStarted(one), CallStarted(two)]
    events += [CallSaid("c2", "of two"), CallSaid("c1", "of one"), done(two, "two's"), done(one, "one's", failed=True)]
    first, second = told(events)
    assert isinstance(first, Doing) and isinstance(second, Doing)
    assert (first.state, second.state) == ("bad", "good")
    again = read(3, "c1")
    third = told([*events, STEP, ReplyDone(Reply((again,))), CallStarted(again), done(again, "three's")])[-1]
    assert isinstance(third, Doing) and third.result and third.result.text == "three's"
    assert first.result and first.result.text == "one's"


def test_what_is_written_over_is_replaced_and_has_its_colours() -> None:
    call = read(1)
    events: list[Event] = [STEP, ReplyDone(Reply((call,))), CallStarted(call), CallSaid("c1", "a\n10%\n")]
    for said in ("20%\n", "30%\nb\n", "tail"):
        events.append(CallSaid("c1", said, said != "tail", ((0, 0, 2, "red"),)))
    (doing,) = told(events)
    assert isinstance(doing, Doing)
    _, *live = [[(span.text, span.style) for span in line.spans] for line in doing.lines(80, Look())]
    assert live == [
        [("a", "dim")],
        [("30", "dim out.red"), ("%", "dim")],
        [("b", "dim")],
        [("ta", "dim out.red"), ("il", "dim")],
    ]  # fmt: skip


def test_an_id_twice_in_a_reply_is_two_calls() -> None:
    one, two = read(1, "same"), read(2, "same")
    first, second = told(
        [STEP, ReplyDone(Reply((one, two))), CallStarted(one), done(one, "1"), CallStarted(two), done(two, "2")]
    )
    assert isinstance(first, Doing) and isinstance(second, Doing)
    assert [d.result.text for d in (first, second) if d.result] == ["1", "2"]
    assert not first.running and not second.running


def test_asked_allowed_and_denied() -> None:
    one, two = read(1), read(2)
    start: list[Event] = [STEP, ReplyDone(Reply((one, two))), Asked(one, "why")]
    assert "○ read file1.py" in text(told(start))
    start += [CallStarted(one), done(one), Asked(two, "why"), Denied(two, "not run: the user said no\nnever", "user")]
    blocks = told([*start, done(two, "not run: the user said no\nnever", failed=True), ENDED])
    first, second, _ = blocks
    assert isinstance(first, Doing) and isinstance(second, Doing)
    assert (first.state, second.state) == ("good", "no")
    assert "⊘ read file2.py" in text(blocks)
    assert "    user: not run: the user said no\n    never" in text(blocks)


@pytest.mark.parametrize("words", [turn.INTERRUPTED, turn.NOT_STARTED, repair.INTERRUPTED, repair.NOT_RUN, repair.LOST])
def test_of_a_call_that_came_to_no_end_its_reader_is_told_in_few_words(words: str) -> None:
    call = read(1)
    blocks = told([STEP, ReplyDone(Reply((call,))), CallStarted(call), done(call, words, failed=True), ENDED])
    [summary] = [block.summary for block in blocks if isinstance(block, Doing)]
    assert "check" not in summary and "interrupted" not in summary
    assert any(short in summary for short in ("stopped", "did not run", "cut off", "damaged"))


def test_remarks_alarms_folds_and_todos() -> None:
    call = read(1)
    page = Page()
    story = Story(page, lambda usage: 0.5)
    todos = Todos((("a", "pending"),))
    for event in (
        STEP,
        ReplyDone(Reply((call,))),
        CallStarted(call),
        Alarm("c1", "It changed .git"),
        Alarm("??", "Elsewhere"),
    ):
        story.show(event)
    story.show(CallDone(call, ToolResult("c1", "read", "x"), (todos,), 3.0))
    for event in (Folded("e1", "auto", 90, 10, 2, 0), Noted("error", "no"), Noted("odd", "what"), ENDED, ENDED):
        story.show(event)
    seen = text(page.blocks)
    for words in ("It changed .git", "Elsewhere", "2 thoughts", "no", "what", "$0.5", "3.0 s"):
        assert words in seen
    assert story.todos == todos
    assert story.cost == 1.0


def test_what_was_said_at_once_is_not_said_twice_and_is_kept_as_on_record() -> None:
    page = Page()
    story = Story(page)
    story.said("my key is sk-1")
    story.show(TurnStarted("s", "my key is ***"))
    story.said("steer", "↳")
    story.show(ENDED)
    story.show(TurnStarted("s", "steer"))
    story.show(TurnStarted("s", "while it runs"))
    story.show(ENDED)
    story.said("refused by a hook")
    story.show(ENDED)
    story.show(TurnStarted("s", "next"))
    saids = [(b.text, b.mark) for b in page.blocks if isinstance(b, Said)]
    assert saids == [
        ("my key is ***", "❯"),
        ("steer", "↳"),
        ("steer", "❯"),
        ("while it runs", "↳"),
        ("refused by a hook", "❯"),
        ("next", "❯"),
    ]


def test_windows_line_ends_are_line_ends() -> None:
    assert told([STEP, TextDelta("a\r\nb")])[0].words() == "a\nb"


EVIL = "[@click=app.quit]x[/] \x1b[2J\x1b]0;t\x07 \u202e\x00\ud800\nnext\x9b"
BAD = Call("c", f"ba{EVIL}sh", {f"a{EVIL}": EVIL, "n": [EVIL]}, None, (EVIL,))
SHOWN = (Line(EVIL), shown.Tests(1, 1, 1, ((EVIL, EVIL),)), Todos(((EVIL, EVIL),)), shown.Diff(EVIL, "-a\n+b"))
HOSTILE: list[Event] = [
    TurnStarted("s", EVIL), STEP, ThinkingDelta(EVIL), TextDelta(EVIL), CallForming(0, EVIL, EVIL), Withdrawn(),
    Retrying(1, 2, 0.0, EVIL), ThinkingDelta(EVIL), TextDelta(EVIL), CallForming(0, EVIL, EVIL),
    ReplyDone(Reply((Thinking(EVIL), Text(EVIL), BAD))), Asked(BAD, EVIL), CallStarted(BAD), CallSaid("c", EVIL),
    Alarm("c", EVIL), Alarm("?", EVIL), Denied(BAD, EVIL, EVIL), done(BAD, EVIL, failed=True), done(BAD, EVIL),
    CallDone(BAD, ToolResult("c", EVIL, EVIL), SHOWN),
    Folded(EVIL, EVIL, 1, 1, 1, 1), Noted(EVIL, EVIL), TurnEnded(EVIL, EVIL, Usage(), 1, 1, 1, EVIL),
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE), max_size=25), st.integers(1, 120))
def test_events_in_any_order_neither_raise_nor_command_the_terminal(events: list[Event], width: int) -> None:
    blocks = told(events)
    for look, block in itertools.product((Look("full", True), Look("folded"), Look("live", signs=False)), blocks):
        for row in block.rows(width, look):
            line = "".join(span.text for span in row.spans)
            assert line.isprintable() or not {
                c for c in line if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\ud800"
            }
        block.guess(width, look)
    if any(isinstance(event, ReplyDone) for event in events):
        assert "[@click=app.quit]x[/]" in text(blocks, 300)


def test_every_event_is_told_live_as_it_would_be_in_the_end() -> None:
    """The blocks know at all times what they show: laid out after each event they are the same as laid out once."""
    page = Page()
    story = Story(page)
    for event in HOSTILE:
        story.show(event)
        text(page.blocks)
    assert text(page.blocks) == text(told(HOSTILE))


def test_the_summary_of_a_call() -> None:
    assert summary((shown.Tests(3, 1, 2),), "", False) == "1 failed, 3 passed, 2 skipped"
    assert summary((shown.Tests(3, 0, 0, (), 1),), "", True) == "1 flaky, 3 passed"
    assert summary((Output("a\nb"),), "a\nb\n[exit code 1]", True) == "exit code 1"
    assert summary((Output("a\nb"),), "a\nb", False) == "2 lines"
    assert summary((Line("\n read 3 lines"),), "x", False) == "read 3 lines"
    assert summary((), "\n  went wrong\nmore", True) == "went wrong"
    assert isinstance(Note("x"), Block)
