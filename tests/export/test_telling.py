"""What is told of a session: every thought, call and result, on the live branch and on those that were left."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.export.story import Cut, Fold, Remark, Said, Step
from minicode.export.telling import tell
from minicode.journal.reader import load
from minicode.messages import Text, Thinking


def test_the_live_branch_in_order(rich: Any) -> None:
    story = tell(load(rich.path, judged=False))
    assert story.heading == "A planner that forgets"
    assert [type(moment) for moment in story.moments] == [Said, Step, Remark, Step, Step]
    assert [m.number for m in story.moments if isinstance(m, Step)] == [1, 2, 3]
    assert story.sides == ()
    assert story.system == "You are minicode."
    assert [tool.name for tool in story.tools] == ["bash"]
    assert story.labels == {story.moments[0].id: "the beginning"}


def test_a_step_has_its_calls_with_their_results(rich: Any) -> None:
    first, second, _ = (m for m in tell(load(rich.path, judged=False)).moments if isinstance(m, Step))
    assert [type(part) for part in first.parts[:2]] == [Thinking, Text]
    bash, todo = first.actions
    assert (bash.name, bash.outcome and bash.outcome.seconds) == ("bash", 2.34)
    assert bash.remarks == ("allowed by user: It runs a command.",)
    assert todo.outcome and todo.outcome.show
    edit, tests = second.actions
    assert edit.outcome and not edit.outcome.failed
    assert tests.outcome and tests.outcome.failed
    assert (first.usage.context, first.usage.output) == (4000, 200)
    assert first.cost == pytest.approx((1000 * 0.3 + 200 * 1.2 + 3000 * 0.06) / 1e6)


def test_totals_say_what_has_no_price(rich: Any) -> None:
    totals = tell(load(rich.path, judged=False)).totals
    assert (totals.turns, totals.steps, totals.thoughts, totals.calls, totals.failed) == (1, 3, 3, 4, 1)
    assert totals.models == ("MiniMax-M2.7", "elsewhere-1")
    assert totals.unpriced == 1
    assert totals.usage.context == 4000 + 5000 + 7000
    assert totals.working == pytest.approx(2.34 + 0.05 + 0.2)


def test_a_branch_that_was_left(rich: Any) -> None:
    story = tell(load(rich.path, judged=False), sides=True)
    [side] = story.sides
    assert [type(m) for m in side.moments] == [Step, Fold, Said, Cut, Remark]
    steps = [m for m in story.moments if isinstance(m, Step)]
    assert side.base == steps[1].id
    fold = side.moments[1]
    assert isinstance(fold, Fold)
    assert (fold.guidance, fold.clipped, fold.undone) == ("keep names", 1, False)
    assert story.totals.steps == 4


def test_nothing_is_told_twice(rich: Any) -> None:
    ids = [moment.id for moment in tell(load(rich.path, judged=False), sides=True).everything]
    assert len(ids) == len(set(ids))


def test_without_thoughts(rich: Any) -> None:
    story = tell(load(rich.path, judged=False), sides=True, thinking=False)
    assert story.totals.thoughts == 0
    assert [m.thinking for m in story.everything if isinstance(m, Cut)] == [""]


def test_a_fold_keeps_what_it_stands_for_and_says_so(author: Any) -> None:
    first = author.says("one")
    old = author.reply({"type": "text", "text": "uno"})
    fold = author.put("fold", upto=old, text="they counted", clipped=[])
    author.says("two")
    story = tell(load(author.path, judged=False))
    assert [type(m) for m in story.moments] == [Said, Step, Fold, Said]
    assert story.past == {first, old}
    author.put("unfold", fold=fold)
    story = tell(load(author.path, judged=False))
    assert story.past == frozenset()
    assert [m.undone for m in story.moments if isinstance(m, Fold)] == [True]


def test_a_fold_by_the_model_costs(author: Any) -> None:
    author.says("one")
    old = author.reply({"type": "text", "text": "uno"})
    author.put("fold", upto=old, text="…", reply={"usage": {"input_tokens": 500_000, "output_tokens": 0}})
    totals = tell(load(author.path, judged=False)).totals
    assert totals.usage.input == 501_000
    assert totals.cost == pytest.approx(0.15 + (1000 * 0.3 + 200 * 1.2 + 3000 * 0.06) / 1e6)


def test_a_file_can_say_anything(hostile: Any) -> None:
    story = tell(load(hostile.path, judged=False), sides=True)
    assert story.totals.steps == 3
    [action] = next(m for m in story.moments if isinstance(m, Step)).actions
    assert action.outcome and len(action.outcome.show) == 2  # those that are what they should be


def test_damage_is_said(rich: Any) -> None:
    lines = rich.path.read_bytes().splitlines(keepends=True)
    rich.path.write_bytes(b"".join([*lines[:5], b"\0garbage\n", *lines[6:-1], lines[-1][:-9]]))
    story = tell(load(rich.path, judged=False))
    assert "1 unreadable line left out" in story.damage
    assert "1 record cut short while it was written" in story.damage


def test_a_result_whose_call_is_lost_is_told(rich: Any) -> None:
    lines = rich.path.read_bytes().splitlines(keepends=True)
    [reply, *_] = [n for n, line in enumerate(lines) if b'"kind":"reply"' in line]
    rich.path.write_bytes(b"".join([*lines[:reply], b"\0\n", *lines[reply + 1 :]]))
    lost = [m for m in tell(load(rich.path, judged=False)).moments if isinstance(m, Remark) and m.kind == "result"]
    assert len(lost) == 2
    assert "test_59 PASSED" in lost[0].text
