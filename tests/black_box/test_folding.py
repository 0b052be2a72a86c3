"""When the window runs full: old entries are folded, nothing is lost, and what cannot be folded well is not folded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from minicode.lab.rehearsal import Asked, Call, Fault, Rehearsal, Say, Script, Step, Think

Rehearse = Callable[..., Rehearsal]
WINDOW = 12_000
SMALL = ("--set", f"context_window={WINDOW}", "--set", "output_tokens=2000")
SUMMARY = "## Goal\nRead all (e3). ## Open todos\nread the rest (e5)\n## State of files\nnone changed (e9)"


def folding(asked: Asked) -> bool:
    return asked.system.startswith("You write the memory")


def reader(files: int, summary: Callable[[int], Step] | None = None) -> Callable[[Asked], Step]:
    """A model that reads f0, f1, … one at a time, thinks about each, and says when all are read.

    summary: its answer when it is asked to fold for the n-th time, from 1."""
    state = {"read": 0, "folds": 0}

    def step(asked: Asked) -> Step:
        if folding(asked):
            state["folds"] += 1
            return summary(state["folds"]) if summary else Step((Think("what matters?"), Say(SUMMARY)))
        number = state["read"]
        if number == files:
            return Step((Think("that was all"), Say("all read")))
        state["read"] += 1
        thought = Think(f"thought {number}: the word in f{number} matters")
        return Step((thought, Call("read", {"file_path": f"f{number}"})))

    return step


@pytest.fixture
def long_files(program: Any) -> int:
    for number in range(14):
        (program.workspace / f"f{number}").write_text(f"word{number} " + f"line of file {number}\n" * 150)
    return 14


def forever(step: Callable[[Asked], Step], **more: Any) -> Script:
    return Script((step,), after="repeat", **more)


def folds(program: Any) -> list[dict[str, Any]]:
    return [entry for entry in program.journal() if entry["kind"] == "fold"]


def test_a_task_far_longer_than_the_window(program: Any, rehearse: Rehearse, long_files: int) -> None:
    server = rehearse(forever(reader(long_files), window=WINDOW))
    ran = program("run", "read them all", "--json", *SMALL, server=server)
    assert ran.result["result"] == "all read"
    assert ran.of("fold")
    assert any(entry["upto"] for entry in folds(program)), "shortened outputs alone cannot have been enough"
    assert program("sessions", "verify", ran.result["session_id"]).code == 0
    assert ran.result["thinking"]["issued"] == long_files + 1
    results = [e for e in program.journal() if e["kind"] == "result"]
    assert [f"word{n} " in e["text"] for n, e in enumerate(results)] == [True] * long_files  # all there, for recall


def test_while_a_turn_runs_its_own_thoughts_are_not_folded(program: Any, rehearse: Rehearse, long_files: int) -> None:
    """Three turns of four reads: the older turns are folded, the running one is whole in each of its requests."""
    state = {"turn": 0, "read": 0}

    def step(asked: Asked) -> Step:
        if folding(asked):
            return Step((Say(SUMMARY),))
        if state["read"] == 4 * state["turn"]:
            return Step((Say(f"turn {state['turn']} done"),))
        state["read"] += 1
        return Step((Think(f"t{state['turn']}.{state['read']}"), Call("read", {"file_path": f"f{state['read']}"})))

    server = rehearse(forever(step, window=WINDOW))
    for turn in (1, 2, 3):
        state["turn"] = turn
        more = ("-c",) if turn > 1 else ()
        ran = program("run", *more, f"do turn {turn}", "--json", *SMALL, server=server)
        assert ran.result["result"] == f"turn {turn} done"
    done = [entry for entry in folds(program) if entry["upto"]]
    assert done, "nothing was folded, so nothing is shown"
    seen: dict[str, set[str]] = {}
    for exchange in server.requests:
        body = exchange.body
        text = json.dumps(body["messages"])
        if "You write the memory" not in json.dumps(body["system"]):
            turn = max(n for n in "123" if f"do turn {n}" in text)
            before = seen.setdefault(turn, set())
            assert all(thought in text for thought in before), f"a thought of the running turn {turn} is gone"
            before |= {t for n in range(20) if (t := f"t{turn}.{n}") in text}
    last = server.requests[-1].body["messages"]
    assert "do turn 1" in last[0]["content"][0]["text"], "the user's words are kept verbatim"


BAD = {
    "nothing": lambda n: Step((Think("hm"), Say(" "))),
    "more than it got": lambda n: Step((Say("so much " * 9000),)),
    "a call": lambda n: Step((Call("read", {"file_path": "f0"}),)),
    "cut off": lambda n: Step((Say("## Goal\nhalf"),), stop="max_tokens"),
    "an error": lambda n: Step(fault=Fault(status=400, message="no")),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_a_summary_that_will_not_do_is_not_used(
    program: Any, rehearse: Rehearse, long_files: int, answer: Any, damaged: list[str]
) -> None:
    damaged.append("server")
    server = rehearse(forever(reader(long_files, answer)))
    ran = program("run", "read them all", "--json", *SMALL, server=server)
    assert ran.result["result"] == "all read"
    assert [entry for entry in folds(program) if entry["upto"]] == []
    assert "was not folded" in ran.out
    asked = [n for n, e in enumerate(server.requests) if b"You write the memory" in e.raw]
    tries = 1 if answer is BAD["an error"] else 2
    first = [n - asked[0] in range(tries) for n in range(asked[0], asked[0] + tries + 1)]
    assert [n in asked for n in range(asked[0], asked[0] + tries + 1)] == first, "one more try if its words will not do"
    for request in server.requests[-1:]:
        assert all(f"thought {n}:".encode() in request.raw for n in range(long_files))


def test_a_summary_must_name_what_is_open_and_what_was_changed(program: Any, rehearse: Rehearse) -> None:
    """The first summary forgets them and is sent back, with what is missing; the second is used."""
    (program.workspace / "notes.py").write_text("a = 1\n")
    (program.workspace / "big").write_text("line of text\n" * 1200)
    todos = [{"text": "write the migration guide", "state": "pending"}]
    tasks = [
        Call("todo", {"todos": todos}),
        Call("read", {"file_path": "notes.py"}),
        Call("edit", {"file_path": "notes.py", "old_string": "a = 1", "new_string": "a = 2"}),
    ]
    prompts: list[str] = []

    def step(asked: Asked) -> Step:
        if folding(asked):
            prompts.append(asked.said)
            good = "## Goal\n… (e1)\n## Open todos\nthe migration guide, to write\n## State of files\nnotes.py: a is 2"
            return Step((Say("## Goal\nto work" if len(prompts) == 1 else good),))
        return Step(
            (Think("next"), tasks.pop(0) if tasks else Call("read", {"file_path": "big", "offset": len(prompts)}))
        )

    server = rehearse(forever(step, window=WINDOW))
    program("run", "work", "--max-turns", "14", *SMALL, server=server)
    assert len(prompts) >= 2
    assert "notes.py" in prompts[0] and "write the migration guide" in prompts[0]
    assert "not used: it does not name" in prompts[1]
    [used] = [entry for entry in folds(program) if entry["upto"]][:1]
    assert "migration guide" in used["text"]


def test_a_file_that_a_command_made_must_be_named_too(program: Any, rehearse: Rehearse) -> None:
    (program.workspace / "big").write_text("line of text\n" * 1200)
    prompts: list[str] = []
    tasks = [Call("bash", {"command": "echo 1 > made-by-shell.txt"})]

    def step(asked: Asked) -> Step:
        if folding(asked):
            prompts.append(asked.said)
            return Step((Say("## Goal\nmade-by-shell.txt was made" if len(prompts) > 1 else "## Goal\nto work"),))
        return Step(
            (Think("next"), tasks.pop() if tasks else Call("read", {"file_path": "big", "offset": len(prompts)}))
        )

    server = rehearse(forever(step, window=WINDOW))
    program("run", "work", "--max-turns", "10", *SMALL, server=server)
    assert "made-by-shell.txt" in prompts[0].partition("each to be named")[2]
    assert "it does not name the changed files made-by-shell.txt" in prompts[1]


def test_a_summary_that_points_nowhere_is_asked_for_once_more(
    program: Any, rehearse: Rehearse, long_files: int
) -> None:
    prompts: list[str] = []

    def blind(n: int) -> Step:
        return Step((Say("## Goal\nto read them all"),))

    step = reader(10, blind)
    server = rehearse(forever(lambda asked: (prompts.append(asked.said) if folding(asked) else None) or step(asked)))
    session = program("run", "read them all", "--json", server=server).result["session_id"]
    assert program("sessions", "fold", session, server=server).code == 0
    assert len(prompts) == 2 and "ids they come from" in prompts[1]
    assert folds(program)[0]["upto"], "and then it is used"


def test_an_old_session_gets_the_tools_of_today(program: Any, rehearse: Rehearse, long_files: int) -> None:
    server = rehearse(forever(reader(4)))
    without = ("--disallowed-tools", "recall")
    session = program("run", "read", "--json", *without, server=server).result["session_id"]
    assert "recall" not in [tool["name"] for tool in server.requests[-1].body["tools"]]
    ran = program("run", "-r", session, "more", server=server)
    assert "This session goes on with recall: nothing of the next request is cached." in ran.err
    assert "0 % of them cached" in ran.err or "cached if" not in ran.err
    assert "recall" in [tool["name"] for tool in server.requests[-1].body["tools"]]
    ran = program("run", "-r", session, "more", server=server)
    assert "goes on with recall" not in ran.err
    assert program("sessions", "fold", session, server=server).code == 0
    program("run", "-r", session, "on", server=server)
    assert "recall" in [tool["name"] for tool in server.requests[-1].body["tools"]]
    assert program("sessions", "verify", session).code == 0


def test_the_server_knows_better_how_long_it_is(
    program: Any, rehearse: Rehearse, long_files: int, damaged: list[str]
) -> None:
    """The window is smaller than we believe: its refusal folds, and the turn goes on."""
    damaged.append("server")
    server = rehearse(forever(reader(13), window=9_000))
    wide = ("--set", "context_window=200000", "--set", "output_tokens=2000")
    ran = program("run", "read them all", "--json", *wide, server=server)
    assert ran.result["result"] == "all read"
    assert folds(program)[0]["why"] == "overflow"
    assert [failure for failure in server.failures if "window" not in failure] == []
    assert len(server.failures) == 1, "from then on it is known"


def test_a_hook_hears_of_it_and_can_forbid_it(program: Any, rehearse: Rehearse, long_files: int) -> None:
    (program.home / ".minicode" / "config.toml").write_text(
        '[[hooks]]\nevent = "PreCompact"\nsandbox = false\n'
        "command = \"cat >> pre.json; echo 'keep it all' >&2; exit 2\"\n"
    )
    server = rehearse(forever(reader(9)))
    ran = program("run", "read them all", "--json", *SMALL, server=server)
    assert "keep it all" in ran.out
    assert (
        json.loads((program.workspace / "pre.json").read_text().partition("}{")[0].rstrip("}") + "}")["trigger"]
        == "auto"
    )
    assert [entry for entry in folds(program) if entry["upto"]] == []


def test_fold_look_and_unfold_by_hand(program: Any, rehearse: Rehearse, long_files: int) -> None:
    server = rehearse(forever(reader(10)))
    first = program("run", "read them all", "--json", server=server).result["session_id"]
    before = program("sessions", "context", first).out
    assert "thought 11/11" in before and "folded               0" in before
    done = program("sessions", "fold", first, "mind the words", server=server)
    assert done.code == 0 and "folded, " in done.err
    assert "The user asks of this memory: mind the words" in server.requests[-1].raw.decode()
    after = program("sessions", "context", first).out
    assert re.search(r"thought \d+/11 \(\d+ folded\)", after)
    assert int(after.split()[1].replace(",", "")) < int(before.split()[1].replace(",", ""))
    undone = program("sessions", "unfold", first, server=server)
    assert undone.out.startswith("Unfolded: ") and "11/11" in program("sessions", "context", first).out
    again = program("sessions", "unfold", first, server=server)
    assert again.code == 2 and "Nothing is folded" in again.err
    going = program("run", "-r", first, "and now?", server=server)
    assert going.code == 0 and "thought 12/12" in going.err
    assert program("sessions", "verify", first).code == 0


def test_a_second_fold_stands_for_the_first_too(program: Any, rehearse: Rehearse, long_files: int) -> None:
    server = rehearse(forever(reader(10)))
    session = program("run", "remember the colour blue", "--json", server=server).result["session_id"]
    for turn in ("and red", "and green"):
        assert program("sessions", "fold", session, server=server).code == 0
        assert program("run", "-r", session, turn, server=server).code == 0
    assert program("sessions", "fold", session, server=server).code == 0
    texts = [entry["text"] for entry in folds(program)]
    assert len(texts) == 3
    assert all(word in texts[2] for word in ("the colour blue", "and red")), "what the user said stays, word for word"
    for _ in texts:
        assert program("sessions", "unfold", session, server=server).code == 0
    assert "thought 13/13\n" in program("sessions", "context", session).out


def test_there_is_nothing_to_fold(program: Any, rehearse: Rehearse) -> None:
    server = rehearse(forever(reader(0)))
    session = program("run", "hello", "--json", server=server).result["session_id"]
    ran = program("sessions", "fold", session, server=server)
    assert ran.code == 2 and "fold" in ran.err and folds(program) == []
