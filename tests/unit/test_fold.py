"""Folding as pure functions: where to cut, what stands for the past, and what a summary must hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicode.context import fold
from minicode.context.fold import Cut, Quest
from minicode.context.history import History, thoughts
from minicode.context.shortening import Folded, in_force
from minicode.messages import Call, Reply, Text, Thinking, User, reply_to_json
from minicode.show import Diff, show_to_json


@dataclass(frozen=True)
class Entry:
    id: str
    kind: str
    data: dict[str, Any] = field(default_factory=dict)


class Branch(list[Entry]):
    """Entries with ids e1, e2, …"""

    def put(self, kind: str, **data: Any) -> Entry:
        self.append(Entry(f"e{len(self) + 1}", kind, data))
        return self[-1]

    def user(self, text: str) -> None:
        self.put("user", text=text)

    def step(self, name: str, output: str = "ok", show: Any = None) -> None:
        """A reply with a thought and a call, its result, and the request that carries it."""
        call = Call(f"c{len(self)}", "read", {"file_path": name})
        self.put("reply", **reply_to_json(Reply((Thinking(f"about {name}"), call))))
        more = {"show": [show_to_json(show)]} if show else {}
        self.put("result", call_id=call.id, name="read", text=output, **more)
        self.put("request", bytes=100)

    def answer(self, text: str) -> None:
        self.put("reply", **reply_to_json(Reply((Thinking("done"), Text(text)))))


def turns(*lengths: int, output: str = "x" * 1000) -> Branch:
    """A turn of so many steps each."""
    branch = Branch()
    for number, steps in enumerate(lengths, 1):
        branch.user(f"task {number}")
        for step in range(steps):
            branch.step(f"f{number}.{step}", output)
        branch.answer(f"answer {number}")
    return branch


def ids(branch: Branch, kind: str) -> list[str]:
    return [entry.id for entry in branch if entry.kind == kind]


def cut_of(branch: Branch, **more: Any) -> Cut | None:
    return fold.choose(branch, Folded(), **({"running": True, "whole": 10_000, "newest": 2_500} | more))


def test_a_running_turn_is_not_cut() -> None:
    branch = turns(3, 3)[:-1]  # its answer has not come yet
    cut = cut_of(Branch(branch))
    assert cut is not None
    after = branch[[e.id for e in branch].index(cut.upto) + 1]
    assert after.data.get("text") == "task 2" and cut.more


def test_a_running_turn_longer_than_the_room_keeps_its_newest_calls() -> None:
    branch = turns(20)[:-1]
    cut = cut_of(Branch(branch), whole=5_000)
    assert cut is not None
    kept = branch[[e.id for e in branch].index(cut.upto) + 1 :]
    assert kept[0].kind == "reply" and sum(e.kind == "result" for e in kept) == 2


def test_one_huge_step_stays_whole() -> None:
    branch = turns(3)[:-1]
    assert (cut := cut_of(Branch(branch), whole=1000, newest=10)) is not None
    assert branch[[e.id for e in branch].index(cut.upto) + 1].id == ids(Branch(branch), "reply")[-1]


@pytest.mark.parametrize("branch", [Branch(), turns(0), Branch(turns(1)[:2])], ids=["nothing", "a word", "first call"])
def test_nothing_to_cut_while_it_runs(branch: Branch) -> None:
    assert cut_of(branch) is None


def test_between_turns_the_newest_that_fits_stays() -> None:
    branch = turns(3, 3, 1)
    cut = cut_of(branch, running=False)
    assert cut is not None and branch[[e.id for e in branch].index(cut.upto) + 1].data["text"] == "task 3"


def test_what_was_folded_is_not_taken_again() -> None:
    branch = turns(3, 3, 3)
    first = cut_of(branch, running=False, newest=8000)
    assert first is not None
    second = fold.choose(branch, Folded(first.upto, "…", "e99"), running=False, whole=9000, newest=4000)
    assert second is not None and not {e.id for e in first.taken} & {e.id for e in second.taken}


def test_old_outputs_are_shortened_and_newest_ones_not() -> None:
    branch = turns(6, output="y" * 5000)
    clipped = fold.to_clip(branch, Folded())
    assert clipped == tuple(ids(branch, "result")[:4])  # the answer without calls is the newest round
    branch.put("fold", upto=None, text="", clipped=clipped, head=fold.HEAD, tail=fold.TAIL, mark=fold.MARK)
    history = History(branch)
    texts = [r.text for m in history.messages() if hasattr(m, "results") for r in m.results]
    assert [len(t) < 1500 for t in texts] == [True] * 4 + [False] * 2
    assert f'["{clipped[0]}"]' in texts[0] and texts[0].startswith("y" * fold.HEAD)
    assert history.given == history.issued and fold.to_clip(branch, history.short) == ()


def test_the_record_names_ids_thoughts_and_files() -> None:
    branch = Branch()
    branch.user("make it blue")
    branch.step("a.css", "z" * 9000, Diff("web/a.css", "…"))
    branch.put("aside", by="user", text="darker, please")
    branch.answer("it is blue")
    quest = fold.quest(Cut("e5", tuple(branch), False), Folded("e0", "once upon a time"), ["tell the designer"], 20_000)
    assert quest.files == ("web/a.css",) and quest.todos == ("tell the designer",)
    for words in ("once upon a time", "[e1] the user: make it blue", "[e2] thought: about a.css", "[e2] called read",
                  "[e3] read answered: zzz", "the user, meanwhile: darker"):  # fmt: skip
        assert words in quest.record
    assert "5,000 characters" in quest.record


def test_a_record_fits_whatever_is_in_it() -> None:
    branch = turns(*[30] * 5, output="long " * 2000)
    for most in (50_000, 5_000, 500):
        assert (
            len(fold.quest(Cut("e1", tuple(branch), False), Folded(), (), most).record.encode()) <= most + 150
        )  # the words that say what is left out


def flaw(reply: Reply, **more: Any) -> str:
    return fold.flaw(reply, Quest("", more.get("files", ()), more.get("todos", ())), more.get("taken", 1000))


def say(text: str, stop: str = "end_turn") -> Reply:
    return Reply((Thinking("hm"), Text(text)), stop)


@pytest.mark.parametrize(
    ("reply", "more", "told"),
    [
        (say("good"), {}, ""),
        (say("  \n"), {}, "empty"),
        (Reply(()), {}, "empty"),
        (Reply((Call("c", "read", {}),)), {}, "calls a tool"),
        (Reply((Text("<minimax:tool_call>"),), flaw="leaked"), {}, "calls a tool"),
        (say("half", "max_tokens"), {}, "cut off"),
        (say("x" * 1000), {}, "not shorter"),
        (say("ü" * 600), {}, "not shorter"),
        (say("nothing"), {"files": ("a/b.py",)}, "a/b.py"),
        (say("b.py was changed"), {"files": ("a/b.py",)}, ""),
        (say("all below web/ is new"), {"files": ("web/x/1.css", "web/y/2.css")}, ""),
        (say("nothing"), {"todos": ("Write the guide",)}, "Write the guide"),
        (say("the guide is still to be written"), {"todos": ("Write the guide",)}, ""),
    ],
)
def test_what_a_summary_must_hold(reply: Reply, more: dict[str, Any], told: str) -> None:
    found = flaw(reply, **more)
    assert told in found if told else found == ""


def test_what_stands_in_keeps_the_words_of_the_user() -> None:
    branch = turns(2, 2)
    branch.insert(3, Entry("eA", "aside", {"by": "user", "text": "and mind the cat"}))
    branch.insert(4, Entry("eB", "user", {"text": "go on", "by": "minicode"}))
    text = fold.stand_in("THE SUMMARY", branch, Cut(branch[-1].id, tuple(branch), False), 10_000)
    for words in ("task 1", "task 2", "mind the cat", "THE SUMMARY", "`recall`"):
        assert words in text
    assert "go on" not in text and "# Now" not in text
    huge = Branch()
    huge.user("p" * 100_000)
    huge.answer("ok")
    text = fold.stand_in("S", huge, Cut("e2", tuple(huge), True), 20_000)
    assert len(text) < 20_500 and '["e1"]' in text and "# Now" in text


def test_many_words_of_the_user_take_no_more_than_their_share() -> None:
    branch = Branch()
    for number in range(200):
        branch.user(f"short {number}" if number % 2 else f"long {number} " + "ü" * 4000)
    branch.answer("ok")
    text = fold.stand_in("S", branch, Cut(branch[-1].id, tuple(branch), False), 100_000)
    assert fold.size(text) < 130_000  # what the marks take comes to it
    assert all(f"] short {number}\n" in text for number in range(1, 199, 2)) and "] long 0 üüü" in text


def test_outputs_weigh_what_is_left_of_them() -> None:
    """A running turn that fits once its old outputs are short is not cut."""
    branch = turns(2, 12, output="y" * 5000)[:-1]
    short = in_force([Entry("eF", "fold", {"clipped": ids(Branch(branch), "result")[:-3], "head": 300, "tail": 300})])
    cut = fold.choose(branch, short, running=True, whole=30_000, newest=9_000)
    assert cut is not None and branch[[e.id for e in branch].index(cut.upto) + 1].data["text"] == "task 2"


def test_a_fold_never_ends_at_what_has_no_id() -> None:
    """A result that was lost stands in without one."""
    branch = turns(3, 3)
    branch[2] = Entry("", "result", branch[2].data)
    cut = fold.choose([*branch[:3], *branch[4:]], Folded(), running=True, whole=10_000, newest=1)
    assert cut is not None and cut.upto
    first = fold.choose([*branch[:3], branch[5]], Folded(), running=False, whole=10, newest=0)
    assert first is not None and first.upto == "e6"
    tail = fold.choose(branch[:3], Folded(), running=False, whole=10, newest=0)
    assert tail is not None and tail.upto == "e2"


def test_the_last_word_on_folds_is_known() -> None:
    one, two = Entry("f1", "fold", {}), Entry("f2", "fold", {})
    undo = Entry("u", "unfold", {"fold": "f1"})
    assert [in_force(entries).undone for entries in ([], [one], [one, undo], [one, undo, two])] == [0, 0, 1, 0]


def test_a_long_history_with_many_folds_is_read_once() -> None:
    read = []

    class Counted(Entry):
        def __getattribute__(self, name: str) -> Any:
            if name == "data":
                read.append(1)
            return super().__getattribute__(name)

    branch = Branch()
    for number in range(60):
        branch.user(f"task {number}")
        branch.step("f", "y" * 3000)
        branch.put("fold", upto=None, text="", clipped=fold.to_clip(branch, in_force(branch)), head=9, tail=9, mark="")
    counted = [Counted(e.id, e.kind, e.data) for e in branch]
    assert History(counted).messages() == History(branch).messages()
    assert len(read) < 4 * len(branch)


def test_what_is_folded_of_the_instruction_files_is_told_again() -> None:
    branch = Branch()
    branch.put("system", prompt="p", tools=[], facts={"instructions": {"/x/AGENTS.md": "old"}, "mark": "m"})
    branch.user("begin")
    branch.put("told", instructions={"/x/AGENTS.md": "new"})
    branch.step("a")
    branch.answer("done")
    last = branch[-1].id
    live = History(branch)
    assert live.facts["instructions"] == {"/x/AGENTS.md": "new"}
    branch.put("fold", upto=last, text="memory")
    branch.user("more")
    for entry in branch[-2:]:
        live.add(entry)
    for history in (live, History(branch)):
        assert history.facts == {"instructions": {"/x/AGENTS.md": "old"}, "mark": "m"}
    branch.put("told", instructions={"/x/AGENTS.md": "newer"})
    assert History(branch).facts["instructions"] == {"/x/AGENTS.md": "newer"}


def test_a_request_that_no_server_takes_is_told() -> None:
    call = Reply((Call("c", "read", {}),))
    assert fold.broken([User("a"), Reply((Text("b"),))]) == ""
    assert fold.broken([]) and fold.broken([call]) and fold.broken([User("a"), call])
    assert fold.broken([User("a"), call, User("b")]) and not fold.broken(History(turns(3, 2)).messages())


STEPS = st.lists(st.sampled_from(["user", "step", "answer", "fold", "clip", "unfold", "aside"]), max_size=40)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(500, 9000), st.booleans())
def test_however_it_was_folded(steps: list[str], newest: int, running: bool) -> None:
    """Grown entry by entry or read at once, the same; always valid; no thought uncounted; unfolded, all is back."""
    branch, plain = Branch(), Branch()
    branch.user("begin")
    live = History(branch)
    for number, step in enumerate(steps):
        before = len(branch)
        short = in_force(branch)
        match step:
            case "user" | "answer":
                getattr(branch, step)(f"words {number}")
            case "step":
                branch.step(f"f{number}", "o" * (number * 300))
            case "aside":
                branch.put("aside", by="user", text=f"meanwhile {number}")
            case "unfold" if short.folds:
                branch.put("unfold", fold=short.folds[-1])
            case "clip" if clipped := fold.to_clip(branch, short):
                branch.put("fold", upto=None, text="", clipped=clipped, head=9, tail=9, mark=fold.MARK)
            case "fold" if cut := fold.choose(branch, short, running=running, whole=2 * newest, newest=newest):
                branch.put("fold", upto=cut.upto, text=fold.stand_in(f"S{number}", branch, cut, 5000))
        for entry in branch[before:]:
            live.add(entry)
        anew = History(branch)
        assert live.messages() == anew.messages()
        assert fold.broken(live.messages()) == ""
        assert live.given == len(thoughts(live.messages())) and live.given + live.folded == live.issued
    plain += [entry for entry in branch if entry.kind not in ("fold", "unfold")]
    for id_ in reversed(in_force(branch).folds):
        branch.put("unfold", fold=id_)
    assert History(branch).messages() == History(plain).messages()
