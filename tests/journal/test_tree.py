"""The tree of a session: targets of a rewind, what can be redone, labels, the drawing, and titles."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode import rewinding
from minicode.errors import SessionError
from minicode.journal import tree
from minicode.journal.reader import branch_to, leaf_of, load
from minicode.journal.title import LONGEST, title
from minicode.journal.tree import Back
from minicode.journal.writer import Journal
from minicode.messages import Json
from minicode.rewinding import FilesMoved


@pytest.fixture
def journal(folder: Path) -> Journal:
    return Journal.create(folder, {"folder": "/x", "minicode": "0", "name": None})


def say(journal: Journal, text: str, *kinds: str) -> str:
    """A message of the user's, a reply to it, and entries of these kinds in between; returns the message's id."""
    said = journal.append("user", {"text": text}).id
    for kind in kinds:
        journal.append(kind, {"tree": f"before {text}"} if kind == "snapshot" else {})
    journal.append("reply", {"content": []})
    journal.append("end", {"reason": "done"})
    return said


def back(journal: Journal, id_: str, files: FilesMoved | None = None) -> str:
    return rewinding.rewind(journal, tree.find(tree.said(journal.branch), id_, journal.entries), files, True).text


def words(journal: Journal) -> list[str]:
    return [message.text for message in tree.said(journal.branch)]


def picture(journal: Journal) -> list[str]:
    tree_ = tree.nodes(journal.entries, journal.leaf)
    return [f"{before}{'●' if n.here else '○' if n.live else '·'} {n.text}" for before, n in tree.drawn(tree_)]


def everything(journal: Journal) -> list[tree.Node]:
    return tree.nodes(journal.entries, journal.leaf)


def again(journal: Journal) -> None:
    rewinding.redo(journal, rewinding.redoable(journal.entries), None)


# --- what can be gone back to -----------------------------------------------------------------------------------------


def test_only_what_the_user_said_and_as_they_typed_it(journal: Journal) -> None:
    journal.append("system", {"prompt": "p", "tools": []})
    journal.append("user", {"text": "one\n\nfrom a hook", "typed": "one"})
    journal.append("user", {"text": "go on", "by": "minicode", "why": "todos"})
    journal.append("user", {"text": "a steer"})
    assert words(journal) == ["one", "a steer"]


def test_what_the_model_was_told_with_a_message_goes_with_it(journal: Journal) -> None:
    say(journal, "one")
    end = journal.leaf
    journal.append("told", {"instructions": {"AGENTS.md": "1"}})
    second = say(journal, "two")
    assert tree.find(tree.said(journal.branch), second, journal.entries).to == end


def test_the_first_message_leaves_the_system_prompt_in_place(journal: Journal) -> None:
    system = journal.append("system", {"prompt": "p", "tools": []}).id
    back(journal, say(journal, "one"))
    assert journal.leaf == system and words(journal) == []


def test_a_session_that_began_with_words_goes_back_to_nothing(journal: Journal) -> None:
    assert back(journal, say(journal, "one")) == "one"
    assert journal.leaf is None and journal.branch == []
    again(journal)
    assert words(journal) == ["one"]


def test_files_go_back_to_the_first_snapshot_after_the_message(journal: Journal) -> None:
    one, two, three = (
        say(journal, "one", "snapshot"),
        say(journal, "two"),
        say(journal, "three", "snapshot", "snapshot"),
    )
    four = say(journal, "four")
    trees = {message.id: message.tree for message in tree.said(journal.branch)}
    assert trees == {one: "before one", two: "before three", three: "before three", four: ""}


STEP = ("reply", "intent")
RAN = {"failed": True, "text": "interrupted: it may have taken effect"}
REFUSED = {"failed": True, "text": "not run: the user said no"}


@pytest.mark.parametrize(
    ("kinds", "result", "lost"),
    [
        ((*STEP, "result", "snapshot"), RAN, True),
        ((*STEP, "result", "end"), RAN, True),
        ((*STEP, "end"), {}, True),  # cut off, and never mended
        ((*STEP, "result", "reply", "snapshot"), RAN, True),
        ((*STEP, "snapshot", "result", *STEP, "result", "snapshot"), RAN, False),  # all of it lies between two
        ((*STEP, "snapshot", "result", "intent", "result"), RAN, False),  # kept once a step
        ((*STEP, "result", *STEP, "snapshot", "result"), REFUSED, False),
        (("reply", "result", "snapshot"), RAN, False),  # it only looked
    ],
)
def test_files_that_were_not_kept_are_not_offered(
    journal: Journal, kinds: tuple[str, ...], result: Json, lost: bool
) -> None:
    def turn(*kinds: str) -> None:
        for kind in kinds:
            data = {"tree": "t"} if kind == "snapshot" else result if kind == "result" else {}
            journal.append(kind, {"call_id": "c", **data} if kind in ("intent", "result") else data)

    say(journal, "kept", "snapshot")
    say(journal, "only words")
    journal.append("user", {"text": "changes"})
    turn(*kinds)
    say(journal, "after", "snapshot")
    messages = {message.text: message for message in tree.said(journal.branch)}
    assert [messages[text].lost for text in ("only words", "changes")] == [lost, lost]
    assert bool(messages["changes"].tree) != lost and bool(messages["only words"].tree) != lost
    assert messages["kept"].tree == "before kept" and messages["after"].tree == "before after"
    if lost:
        with pytest.raises(SessionError, match="files of that turn were not kept"):
            rewinding.files_before(messages["changes"])


def test_an_unknown_message_is_answered_with_those_there_are(journal: Journal) -> None:
    with pytest.raises(SessionError, match="nothing to go back to"):
        tree.find([], "e1", [])
    one = say(journal, "one\nof two lines")
    with pytest.raises(SessionError, match=f"'e99' is no message of yours.*\n  {one}  one of two lines"):
        tree.find(tree.said(journal.branch), "e99", journal.entries)
    left = say(journal, "two")
    back(journal, left)
    with pytest.raises(SessionError, match=f"It is on a left branch: `switch {left}` goes there first"):
        tree.find(tree.said(journal.branch), left, journal.entries)
    back(journal, one)
    with pytest.raises(SessionError, match=f"nothing to go back to. It is on a left branch: `switch {one}`"):
        tree.find(tree.said(journal.branch), one, journal.entries)


# --- back and forth ---------------------------------------------------------------------------------------------------


def test_redo_goes_several_deep_and_ends_with_new_words(journal: Journal) -> None:
    one, two, three = (say(journal, text) for text in ("one", "two", "three"))
    tip = journal.leaf
    assert [back(journal, id_) for id_ in (three, two, one)] == ["three", "two", "one"]
    again(journal)
    assert words(journal) == ["one"]
    again(journal)
    again(journal)
    assert words(journal) == ["one", "two", "three"] and journal.leaf == tip
    with pytest.raises(SessionError, match="nothing to redo"):
        again(journal)
    back(journal, three)
    journal.append("label", {"entry": one, "text": "still the same"})
    assert tree.undone(journal.entries) == [Back(tip, None)]
    say(journal, "something new")
    assert tree.undone(journal.entries) == []


def test_it_is_the_same_after_a_restart(journal: Journal) -> None:
    for text in ("one", "two", "three"):
        say(journal, text)
    second = tree.said(journal.branch)[1].id
    back(journal, second)
    journal.close()
    assert journal.path is not None
    opened = Journal.open(journal.path)
    assert words(opened) == ["one"]
    again(opened)
    assert words(opened) == ["one", "two", "three"]
    opened.close()


def files(before: str, after: str, by: str = "rewind") -> FilesMoved:
    return FilesMoved({"from": before, "to": after, "by": by, "paths": ["a"]}, ("a",), ())


def test_files_alone_together_and_apart(journal: Journal) -> None:
    one, two = say(journal, "one"), say(journal, "two")
    tip = journal.leaf
    moved = rewinding.rewind(
        journal, tree.find(tree.said(journal.branch), two, journal.entries), files("t2", "t1"), False
    )
    assert moved == ("", False, ("a",), ())
    assert words(journal) == ["one", "two"] and tree.undone(journal.entries) == [Back(None, ("t2", "t1"))]
    between = journal.leaf
    back(journal, one)
    assert tree.undone(journal.entries) == [Back(None, ("t2", "t1")), Back(between, None)]
    again(journal)
    rewinding.redo(journal, rewinding.redoable(journal.entries), files("t1", "t2", "redo"))
    assert tree.undone(journal.entries) == [] and tree.last_tree(journal.entries) == "t2"

    here = journal.leaf
    assert here != tip, "the files entries are on the branch"
    back(journal, two, files("t2", "t1"))
    assert tree.undone(journal.entries) == [Back(here, ("t2", "t1"))], "one rewind, though two entries"
    assert tree.last_tree(journal.entries) == "t1"
    rewinding.redo(journal, rewinding.redoable(journal.entries), files("t1", "t2", "redo"))
    assert journal.leaf == here and tree.undone(journal.entries) == []


def test_a_rewind_cut_between_its_two_entries_is_one_of_files(journal: Journal) -> None:
    two = say(journal, "two")
    back(journal, two, files("t2", "t1"))
    journal.close()
    assert journal.path is not None
    lines = journal.path.read_bytes().splitlines(keepends=True)
    assert b'"kind":"leaf"' in lines[-1]
    journal.path.write_bytes(b"".join(lines[:-1]))
    assert tree.undone(load(journal.path).entries) == [Back(None, ("t2", "t1"))]


@given(st.lists(st.tuples(st.sampled_from(["say", "back", "redo", "switch"]), st.integers(0, 5)), max_size=25))
def test_any_walk_can_be_redone_step_by_step(steps: list[tuple[str, int]]) -> None:
    journal = Journal.ephemeral({"folder": "/x", "minicode": "0", "name": None})
    journal.append("system", {"prompt": "p", "tools": []})
    leaves: list[str | None] = []  # where each rewind that can still be redone came from
    for number, (what, which) in enumerate(steps):
        messages = tree.said(journal.branch)
        if what == "say":
            say(journal, str(number))
            leaves.clear()
        elif what == "back" and messages:
            leaves.append(journal.leaf)
            back(journal, messages[which % len(messages)].id)
        elif what == "redo" and leaves:
            again(journal)
            assert journal.leaf == leaves.pop()
        elif what == "switch" and (left := [node.id for node in everything(journal) if not node.live]):
            leaves.append(journal.leaf)
            rewinding.switch(journal, left[which % len(left)])
            assert left[which % len(left)] in [message.id for message in tree.said(journal.branch)]
        assert [one.leaf for one in tree.undone(journal.entries)] == leaves
        assert journal.branch == branch_to(journal.entries, leaf_of(journal.entries))
        assert len(list(tree.drawn(tree.nodes(journal.entries, journal.leaf)))) == sum(
            entry.kind == "user" for entry in journal.entries
        )


# --- to a branch that was left ----------------------------------------------------------------------------------------


def test_a_left_branch_goes_on_at_its_end_and_back(journal: Journal) -> None:
    say(journal, "one")
    two = say(journal, "two")
    reply = journal.entries[-2].id
    say(journal, "three")
    end = journal.leaf
    back(journal, two)
    other = say(journal, "other")
    here = journal.leaf
    rewinding.label(journal, reply, "the answer")
    labelled = journal.leaf
    for key in (two, reply, "the answer"):
        moved = rewinding.switch(journal, key)
        assert moved.conversation and "files stay" in moved.notes[0]
        assert journal.leaf == end and words(journal) == ["one", "two", "three"]
        assert (journal.entries[-1].kind, journal.entries[-1].data["by"]) == ("leaf", "switch")
        again(journal)
        assert journal.leaf == labelled != here and words(journal) == ["one", "other"]
    rewinding.switch(journal, two)
    say(journal, "four")
    assert words(journal) == ["one", "two", "three", "four"] and tree.undone(journal.entries) == []
    rewinding.switch(journal, other)
    assert journal.leaf == labelled


def test_the_newest_branch_below_an_entry_is_meant(journal: Journal) -> None:
    one = say(journal, "one")
    two = say(journal, "two")
    back(journal, two)
    say(journal, "newer")
    end = journal.leaf
    back(journal, one)
    rewinding.switch(journal, one)
    assert journal.leaf == end


def test_calls_left_without_a_result_get_it_when_their_branch_goes_on(journal: Journal) -> None:
    one = journal.append("user", {"text": "one"}).id
    calls = [{"type": "tool_use", "id": id_, "name": "shell", "input": {}} for id_ in "ab"]
    journal.append("reply", {"content": calls})
    journal.append("intent", {"call_id": "a", "name": "shell"})
    back(journal, one)
    moved = rewinding.switch(journal, one)
    assert "2 tool calls" in moved.notes[1]
    results = [entry for entry in journal.branch if entry.kind == "result"]
    assert [entry.data["text"].split(":")[0] for entry in results] == ["interrupted", "did not run"]
    again(journal)
    assert journal.branch == []
    rewinding.switch(journal, one)
    assert [entry for entry in journal.branch if entry.kind == "result"] == results


def test_branches_that_cannot_be_switched_to(journal: Journal) -> None:
    one = say(journal, "one")
    with pytest.raises(SessionError, match=r"No entry has the id or label 'e99'\. No branch was left\."):
        rewinding.switch(journal, "e99")
    two = say(journal, "two")
    back(journal, two)
    for entry in (one, two):
        rewinding.label(journal, entry, "twice")
    leaf = next(entry.id for entry in journal.entries if entry.kind == "leaf")
    before = len(journal.entries)
    for key, wanted in (
        ("e99", f"No entry has.*\n  {two}  two"),
        (leaf, "No entry has"),
        (one, f"on the live branch already.*\n  {two}  two"),
        ("twice", f"2 entries are labelled 'twice': {one}, {two}"),
    ):
        with pytest.raises(SessionError, match=wanted):
            rewinding.switch(journal, key)
    assert len(journal.entries) == before


# --- labels and the drawing -------------------------------------------------------------------------------------------


def test_labels(journal: Journal) -> None:
    one = say(journal, "one")
    reply = journal.entries[1].id
    two = say(journal, "two")
    for entry, text in ((one, "first"), (one, "start"), (reply, "good answer"), (two, "no"), (two, "")):
        rewinding.label(journal, entry, text)
    assert tree.labels(journal.entries) == {one: "start", reply: "good answer"}
    assert [node.labels for node in tree.nodes(journal.entries, journal.leaf)] == [("start", "good answer"), ()]
    with pytest.raises(SessionError, match="no entry 'e77'"):
        rewinding.label(journal, "e77", "x")


def test_the_drawing(journal: Journal) -> None:
    say(journal, "one")
    two, three = say(journal, "two"), say(journal, "three")
    back(journal, two)
    new = say(journal, "two, otherwise")
    say(journal, "four")
    back(journal, new)
    assert picture(journal) == [
        "● one",
        "├─ · two",
        "│  · three",
        "· two, otherwise",
        "· four",
    ]
    again(journal)
    assert picture(journal) == ["○ one", "├─ · two", "│  · three", "○ two, otherwise", "● four"]
    assert three in [node.id for node in tree.nodes(journal.entries, journal.leaf)]


def test_a_tree_with_many_beginnings(journal: Journal) -> None:
    one = say(journal, "one")
    back(journal, one)
    two = say(journal, "two")
    back(journal, two)
    assert picture(journal) == ["├─ · one", "· two"]
    again(journal)
    assert picture(journal) == ["├─ · one", "● two"]


def test_steps_and_folds(journal: Journal) -> None:
    say(journal, "one", "reply", "fold")
    fold = journal.append("fold", {"text": "…"}).id
    journal.append("unfold", {"fold": fold})
    say(journal, "two")
    assert [(node.steps, node.folds) for node in tree.nodes(journal.entries, journal.leaf)] == [(2, 1), (1, 0)]


def test_a_thousand_messages_are_drawn_at_once() -> None:
    journal = Journal.ephemeral({"folder": "/x", "minicode": "0", "name": None})
    for number in range(1000):
        said = say(journal, str(number))
        if number % 3 == 0:
            back(journal, said)
            say(journal, f"{number} again")
    begin = time.process_time()
    lines = picture(journal)
    assert time.process_time() - begin < 1
    assert len(lines) == 1334 and max(map(len, lines)) < 20
    straight = Journal.ephemeral({"folder": "/x", "minicode": "0", "name": None})
    for number in range(3000):
        straight.append("user", {"text": str(number)})
    assert len(picture(straight)) == 3000, "no recursion"


# --- titles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Fix the parser", "Fix the parser"),
        ("hi, can you please fix the bug in the parser? It fails on empty lines and I cannot see why it does.",
         "Fix the bug in the parser?"),
        ("```py\nimport os\n```\nWhat does this do?", "What does this do?"),
        ("```\nan open fence\nWhat does this do", "an open fence"),
        ('Traceback (most recent call last):\n  File "x", line 3\nValueError: bad thing\n\nwhy does this happen?',
         "why does this happen?"),
        ("2026-11-22T01:00:00 INFO started\nERROR: bad\nThe server does not start", "The server does not start"),
        ("$ make test\n--- a/x\n+++ b/x\n@@ -1 +1 @@\nThe test fails since this", "The test fails since this"),
        ("https://example.invalid/a/b\nread that page first", "read that page first"),
        ("# Add a cache to the reader\n- it is slow", "Add a cache to the reader"),
        ("<context>the build is **broken** on [main](http://x)</context>", "the build is broken on main"),
        ("def f(x):\n    return x;\nexplain this to me", "explain this to me"),
        ("修复解析器的错误。然后运行测试", "修复解析器的错误。然后运行测试"),
        ("go", "go"),
        ("x = 3\ny = 4", "x = 3"),
        ("\x1b[31mred words\x1b[0m here", "red words here"),
        ("  \n\n ", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_titles(words: str, wanted: str) -> None:
    assert title(words) == wanted


@given(st.text(max_size=300))
def test_a_title_is_one_short_line_whatever_was_said(words: str) -> None:
    found = title(words)
    assert len(found) <= LONGEST and len(found.splitlines()) <= 1
    assert found or not words.isalnum()


@pytest.mark.parametrize("words", ["`" * 100_000, "<" * 100_000, "[" * 100_000, "please " * 30_000, "a" * 1_000_000,
                                   "import " * 20_000, "((" * 50_000 + "{", "```\n" * 30_000])  # fmt: skip
def test_no_words_keep_it_busy(words: str) -> None:
    begin = time.process_time()
    title(words)
    assert time.process_time() - begin < 0.5
