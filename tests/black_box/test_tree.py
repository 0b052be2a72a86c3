"""Forks, rewinds and redos of real sessions: what the model is asked with then, and what is said of mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import SessionError, UsageError
from minicode.events import StepStarted, TurnEnded
from minicode.journal.tree import said
from minicode.lab.rehearsal import Do, Expect, Fault, Say, Step, Think, steps
from minicode.plan import Plan
from minicode.start import start


def answer(said: str, thoughts: int) -> Step:
    """A step that wants `said` from the user and so many thoughts back, and thinks."""
    return Step((Think(f"Thinking of {said}."), Say("Done.")), expect=Expect(said=said, thoughts=thoughts))


def talk(program: Any, server: Any, *prompts: str) -> str:
    """One session of several runs; returns its id."""
    for number, prompt in enumerate(prompts):
        ran = program("run", prompt, *(["-c"] if number else []), server=server)
        assert ran.code == 0, ran.err
    id_: str = program.journals[-1].stem
    return id_


def bodies(server: Any) -> list[bytes]:
    return [exchange.raw for exchange in server.requests]


def messages(body: bytes) -> list[Any]:
    found: list[Any] = json.loads(re.sub(rb',"cache_control":\{[^}]*\}', b"", body))["messages"]
    return found


def spoken(program: Any, session: str) -> dict[str, str]:
    """Ids of what the user said, by text."""
    return {entry["text"]: entry["id"] for entry in program.journal(session) if entry["kind"] == "user"}


# --- fork -------------------------------------------------------------------------------------------------------------


def test_a_fork_goes_on_with_every_thought_and_leaves_the_other_alone(program: Any, rehearse: Any, grows: Any) -> None:
    server = rehearse(steps(answer("one", 0), answer("two", 1), answer("three", 2), answer("other", 2)))
    first = talk(program, server, "one", "two")
    before = program.journals[0].read_bytes()
    ran = program("run", "three", "-c", "--fork", "-n", "the fork", server=server)
    assert ran.code == 0 and f"A fork of session {first}" in ran.err
    assert program.journals[0].read_bytes() == before
    fork = program.journals[1].stem
    assert program.journal(fork)[0]["from"] == first
    grows(bodies(server)[:3])
    assert program("run", "other", "-r", first, server=server).code == 0
    grows([*bodies(server)[:2], bodies(server)[3]])
    for session in (first, fork):
        assert program("sessions", "verify", session).code == 0
    listed = program("sessions", "list").out
    assert "the fork" in listed and listed.count("\n") == 2


def test_a_session_in_use_can_be_forked(program: Any, rehearse: Any, bell: Any) -> None:
    waits = (Think("Run it."), Do("shell", {"command": f"{bell.ring}; sleep 60"}))
    server = rehearse(steps(waits))
    running = program.start("run", "wait", server=server)
    bell.wait()
    [path] = program.journals
    before = path.read_bytes()
    ran = program("run", "what do you do?", "-r", path.stem, server=rehearse(steps(answer("what", 1))))
    assert ran.code == 59
    again = rehearse(steps(Step((Think("I see."), Say("Yes.")), expect=Expect(said="what", thoughts=1))))
    ran = program("run", "what do you do?", "-r", path.stem, "--fork", server=again)
    assert ran.code == 0, ran.err
    assert path.read_bytes() == before
    assert "interrupted: minicode stopped while this ran" in json.dumps(messages(bodies(again)[0]))
    running.end(2)
    assert program("sessions", "verify", path.stem).code == 0


def test_long_outputs_of_the_other_are_there(program: Any, rehearse: Any) -> None:
    server = rehearse(steps((Think("Print."), Do("shell", {"command": "seq 30000"})), answer("", 1)))
    first = talk(program, server, "print")
    [named] = re.findall(r"the whole is in (\S+?)[;\s…\]]", json.dumps(messages(bodies(server)[1]), ensure_ascii=False))
    read = (Think("Look."), Do("shell", {"command": f"sed -n 20000p {named}"}), Do("read", {"path": named}))
    seen = Step((Think("So."), Say("Ok.")), expect=Expect(results=("20000\n[exit code 0]", "1999\t1999")))
    for which in (("-r", first), ("-c",)):
        ran = program("run", "look", *which, "--fork", server=rehearse(steps(read, seen)))
        assert ran.code == 0, ran.err
    kept = sorted(path.name for path in program.home.glob("**/sessions/*/*.blobs/*"))
    assert len(kept) == 3 and len(set(kept)) == 1, "shared with each fork"


def test_a_fork_that_is_not_kept(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("one", 0), answer("aside", 1), answer("aside", 1)))
    talk(program, server, "one")
    before = program.journals[0].read_bytes()
    for flags in (("--fork", "--ephemeral"), ("--ephemeral",)):
        assert program("run", "aside", "-c", *flags, server=server).code == 0
    assert len(program.journals) == 1 and program.journals[0].read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-c", "-r", "x"), "-c and -r both say which session"),
        (("--fork",), "--fork needs a session to go on from"),
        (("-r", ""), "-r needs the session's id"),
        (("-c", "--fork"), "There is no session of"),
        (("-r", "nobody", "--fork"), "No session is called 'nobody'"),
    ],
)
def test_flags_that_make_no_sense(program: Any, arguments: tuple[str, ...], words: str) -> None:
    ran = program("run", "go", *arguments)
    assert words in ran.err and ran.code == (1 if "o session" in words else 2)
    assert program.journals == []


def test_a_name_that_is_taken(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("one", 0), answer("two", 0), answer("three", 1)))
    program("run", "one", "-n", "tidy", server=server)
    first = program.journals[0].stem
    elsewhere = program.workspace.parent / "elsewhere"
    elsewhere.mkdir()
    ran = program("run", "two", "-n", "Tidy", server=server, cwd=elsewhere)
    assert ran.code == 0 and f"Session {first} is called 'Tidy' too" in ran.err
    assert program("run", "three", "-r", "tidy", server=server).code == 0, "this folder's comes first"


# --- rewind and redo --------------------------------------------------------------------------------------------------


def test_back_and_forth_between_runs(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("one", 0), answer("two", 1), answer("three", 2), answer("four", 3)))
    session = talk(program, server, "one", "two\nlines", "three")
    one, two, three = spoken(program, session).values()
    ran = program("sessions", "rewind", session)
    assert ran.code == 0 and [line.split()[0] for line in ran.out.splitlines()] == [one, two, three]
    assert program("sessions", "rewind", session, three).out == "three\n"
    ran = program("sessions", "rewind", session, two)
    assert ran.code == 0 and ran.out == "two\nlines\n" and f"goes on before {two}" in ran.err
    drawn = program("sessions", "tree", session).out
    assert re.findall(r"[●○·] e\w+", drawn) == [f"● {one}", f"· {two}", f"· {three}"]
    assert program("sessions", "redo", session).code == 0
    assert program("sessions", "redo", session).code == 0
    ran = program("sessions", "redo", session)
    assert ran.code == 1 and "nothing to redo" in ran.err
    assert program("run", "four", "-c", server=server).code == 0
    assert messages(bodies(server)[3])[:5] == messages(bodies(server)[2])
    assert program("sessions", "verify", session).code == 0


def test_what_was_rewound_is_not_in_the_next_request(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("one", 0), answer("two", 1), answer("other", 1), answer("more", 2)))
    session = talk(program, server, "one", "two")
    ids = spoken(program, session)
    program("sessions", "rewind", session, ids["two"])
    for prompt in ("other", "more"):
        assert program("run", prompt, "-c", server=server).code == 0
    [before, after] = [messages(bodies(server)[n]) for n in (1, 2)]
    assert before[:2] == after[:2] and "two" not in json.dumps(after)
    ids = spoken(program, session)
    drawn = program("sessions", "tree", session).out
    assert re.findall(r"[├─ ]*[●○·] e\w+", drawn) == [
        f"○ {ids['one']}",
        f"├─ · {ids['two']}",
        f"○ {ids['other']}",
        f"● {ids['more']}",
    ]
    rows = [json.loads(line) for line in program("sessions", "tree", session, "--json").out.splitlines()]
    assert [(row["id"], row["parent"], row["live"], row["here"]) for row in rows] == [
        (ids["one"], None, True, False),
        (ids["two"], ids["one"], False, False),
        (ids["other"], ids["one"], True, False),
        (ids["more"], ids["other"], True, True),
    ]
    assert {row["steps"] for row in rows} == {1}
    assert program("sessions", "verify", session).code == 0


def test_the_first_message_can_be_said_anew_with_the_same_prompt(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("one", 0), answer("anew", 0)))
    session = talk(program, server, "one")
    program("sessions", "rewind", session, spoken(program, session)["one"])
    assert program("run", "anew", "-c", server=server).code == 0
    [first, second] = [json.loads(body) for body in bodies(server)]
    assert first["system"] == second["system"] and first["tools"] == second["tools"]
    assert program.kinds().count("system") == 1


def test_what_instruction_files_said_is_told_again_after_a_rewind(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("one", 0), answer("tabs, always", 1), answer("tabs, always", 1)))
    session = talk(program, server, "one")
    (program.workspace / "AGENTS.md").write_text("tabs, always")
    program("run", "two", "-c", server=server)
    [two] = [entry for entry in program.journal() if entry["kind"] == "user" and entry.get("typed")]
    assert program("sessions", "rewind", session, two["id"]).out == "two\n"
    assert program("run", "two again", "-c", server=server).code == 0


def test_labels_and_ids_that_are_not_there(program: Any, rehearse: Any) -> None:
    session = talk(program, rehearse(steps(answer("one", 0))), "one")
    [one] = spoken(program, session).values()
    assert program("sessions", "label", session, one, "the \x1b[2Jstart").code == 0
    assert "[the start]" in program("sessions", "tree", session).out
    ran = program("sessions", "label", session, one, "x" * 101)
    assert ran.code == 2 and "at most 100 characters" in ran.err
    assert program("sessions", "label", session, one, "two\nlines").code == 0
    assert "[two lines]" in program("sessions", "tree", session).out
    ran = program("sessions", "label", session, "e99", "x")
    assert ran.code == 1 and "has no entry 'e99'" in ran.err
    ran = program("sessions", "rewind", session, "e99")
    assert ran.code == 1 and "'e99' is no message of yours" in ran.err and f"{one}  one" in ran.err
    assert program("sessions", "tree", "nobody").code == 1


def test_a_session_in_use_is_not_rewound(program: Any, rehearse: Any, bell: Any) -> None:
    server = rehearse(steps((Think("Run it."), Do("shell", {"command": f"{bell.ring}; sleep 60"}))))
    running = program.start("run", "wait", server=server)
    bell.wait()
    [path] = program.journals
    for command in (
        ("rewind", path.stem, "e3"),
        ("redo", path.stem),
        ("switch", path.stem, "e3"),
        ("label", path.stem, "e3", "x"),
    ):
        ran = program("sessions", *command)
        assert ran.code == 59, ran.err
    assert program("sessions", "rewind", path.stem).code == 0, "looking is free"
    assert program("sessions", "tree", path.stem).code == 0
    running.end(2)


async def test_not_while_a_turn_runs_and_what_it_knows_right_after(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rehearse: Any
) -> None:
    todos = Do("todo", {"todos": [{"content": "mend it", "status": "in_progress"}]})
    server = rehearse(steps((Think("Plan."), todos), (Think("Hm."), Say("Later.")), answer("two", 0)))
    monkeypatch.setenv("MINIMAX_BASE_URL", f"{server.url}/anthropic")
    folder = tmp_path / "folder"
    folder.mkdir()
    started = start(Plan(folder=folder, flags={"max_turns": 2}))
    session = started.session
    async for event in session.send("one"):
        if isinstance(event, StepStarted):
            for move in (session.rewind("e3"), session.redo(), session.switch("e3")):
                with pytest.raises(UsageError, match="A turn is running"):
                    await move
    [one] = [message.id for message in said(session.journal.branch)]
    assert session.history.todos == ("mend it",) and session.meter == (2, 2)
    system, tools = session.history.system, session.history.tools
    with pytest.raises(SessionError, match="no message of yours"):
        await session.rewind("e999")
    moved = await session.rewind(one)
    assert moved.text == "one" and moved.conversation
    assert session.history.todos == () and session.history.messages() == () and session.meter == (0, 0)
    assert (session.history.system, session.history.tools) == (system, tools)
    await session.redo()
    assert session.history.todos == ("mend it",) and session.meter == (2, 2)
    await session.rewind(one)
    assert (await session.switch(one)).conversation and session.meter == (2, 2)
    assert (await session.redo()).conversation and session.meter == (0, 0)
    assert [event.reason async for event in session.send("two") if isinstance(event, TurnEnded)] == ["done"]
    with pytest.raises(SessionError, match="nothing to redo"):
        await session.redo()
    await started.close()


# --- to a branch that was left ----------------------------------------------------------------------------------------


def test_a_left_branch_goes_on_with_every_thought(program: Any, rehearse: Any, grows: Any) -> None:
    server = rehearse(steps(answer("A", 0), answer("B", 1), answer("C", 1), answer("more of B", 2)))
    session = talk(program, server, "A", "B")
    left = spoken(program, session)["B"]
    program("sessions", "rewind", session, left)
    assert program("run", "C", "-c", server=server).code == 0
    ran = program("sessions", "rewind", session, left)
    assert ran.code == 1 and f"on a left branch: `switch {left}` goes there first" in ran.err
    ran = program("sessions", "switch", session, "e99")
    assert (
        ran.code == 1
        and f"No entry has the id or label 'e99'. The last messages of the branches that were left:\n  {left}  B"
        in ran.err
    )
    program("sessions", "label", session, left, "the other way")
    ran = program("sessions", "switch", session, "the other way")
    assert ran.code == 0 and "files stay as they are" in ran.err and f"{left}: B" in ran.err
    assert program("sessions", "redo", session).code == 0
    assert [row["here"] for row in rows(program, session)] == [False, False, True]
    assert program("sessions", "switch", session, left).code == 0
    assert program("run", "more of B", "-c", server=server).code == 0
    grows([bodies(server)[n] for n in (0, 1, 3)])
    assert program("sessions", "redo", session).code == 1
    assert program("sessions", "verify", session).code == 0


def test_a_branch_that_was_cut_in_a_call_goes_on(program: Any, rehearse: Any, bell: Any) -> None:
    running = program.start("run", "wait", server=rehearse(steps(makes(f"{bell.ring}; sleep 60"))))
    bell.wait()
    [path] = program.journals
    running.end(9)
    [wait] = spoken(program, path.stem).values()
    assert program("sessions", "rewind", path.stem, wait).code == 0
    ran = program("sessions", "switch", path.stem, wait)
    assert ran.code == 0 and "1 tool call had been cut short there" in ran.err
    again = rehearse(steps(Step((Think("I see."), Say("Yes.")), expect=Expect(said="go on", thoughts=1))))
    assert program("run", "go on", "-c", server=again).code == 0
    assert "interrupted: minicode stopped while this ran" in json.dumps(messages(bodies(again)[0]))
    assert program("sessions", "verify", path.stem).code == 0


# --- files go back too ------------------------------------------------------------------------------------------------


def makes(command: str) -> tuple[Any, ...]:
    return (Think("Do it."), Do("shell", {"command": command}))


DONE = (Think("That is it."), Say("Done."))


@pytest.fixture
def changed(program: Any, rehearse: Any) -> tuple[str, list[str]]:
    """A session of three messages: the first makes files, the second changes some, the third only talks."""
    (program.workspace / "kept").write_text("the user's")
    work = (
        makes("echo 1 >a; mkdir d; echo 1 >d/b"),
        DONE,
        makes("echo 2 >a; rm d/b; echo 2 >c; chmod +x a"),
        DONE,
        DONE,
    )
    session = talk(program, rehearse(steps(*work)), "make", "change", "talk")
    return session, [entry["id"] for entry in program.journal() if entry["kind"] == "user"]


def tree(folder: Any) -> dict[str, tuple[str, int]]:
    """Content and permissions by path."""
    return {
        str(path.relative_to(folder)): (path.read_text(), path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_go_back_and_forth_over_restarts(program: Any, changed: tuple[str, list[str]]) -> None:
    session, (make, change, _) = changed
    after = tree(program.workspace)
    assert after["a"] == ("2\n", 0o755) and sorted(after) == ["a", "c", "kept"]
    (program.workspace / "new").write_text("the user's own, made since")

    ran = program("sessions", "rewind", session, change, "--both", "--yes")
    assert ran.code == 0 and ran.out == "change\n"
    assert "-2\n+1" in ran.err and "d/b" in ran.err, "the difference is shown"
    back = tree(program.workspace)
    assert {name: text for name, (text, _) in back.items()} == {
        "a": "1\n",
        "d/b": "1\n",
        "kept": "the user's",
        "new": "the user's own, made since",
    }
    ran = program("sessions", "rewind", session, make, "--files", "--yes")
    assert ran.code == 0 and ran.out == "" and sorted(tree(program.workspace)) == ["kept", "new"]

    for expected in (back, {**after, "new": back["new"]}):
        assert program("sessions", "redo", session).code == 0
        assert tree(program.workspace) == expected
    assert program("sessions", "redo", session).code == 1
    assert [row["here"] for row in rows(program, session)] == [False, False, True]


def rows(program: Any, session: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program("sessions", "tree", session, "--json").out.splitlines()]


def test_what_the_user_changed_since_is_not_overwritten_unasked(program: Any, changed: tuple[str, list[str]]) -> None:
    session, (_, change, _) = changed
    (program.workspace / "a").write_text("the user's work")
    before, entries = tree(program.workspace), program.kinds()
    ran = program("sessions", "rewind", session, change, "--both", "--yes")
    assert ran.code == 1 and "nothing was put back: a." in ran.err and "--force" in ran.err
    assert tree(program.workspace) == before and program.kinds() == entries
    ran = program("sessions", "rewind", session, change, "--both", "--yes", "--force")
    assert ran.code == 0 and (program.workspace / "a").read_text() == "1\n"
    assert program("sessions", "redo", session).code == 0
    assert tree(program.workspace) == before


def test_what_the_user_changed_between_turns_is_theirs_too(program: Any, rehearse: Any) -> None:
    first = rehearse(steps(makes("echo 1 >a; echo 1 >b; echo 1 >c"), DONE, makes("echo 2 >a"), DONE))
    session = talk(program, first, "make")
    (program.workspace / "b").write_text("mended by hand")
    assert program("run", "-c", "change", server=first).code == 0
    before = tree(program.workspace)
    ids = spoken(program, session)
    ran = program("sessions", "rewind", session, ids["make"], "--files", "--yes")
    assert ran.code == 1 and "between turns, so nothing was put back: " in ran.err and "/b." in ran.err
    assert tree(program.workspace) == before
    assert program("sessions", "rewind", session, ids["change"], "--files", "--yes").code == 0
    assert tree(program.workspace)["b"][0] == "mended by hand" and tree(program.workspace)["a"][0] == "1\n"
    assert program("sessions", "rewind", session, ids["make"], "--files", "--yes", "--force").code == 0
    assert tree(program.workspace) == {}
    for _ in range(2):
        assert program("sessions", "redo", session).code == 0
    assert tree(program.workspace) == before


def test_files_are_not_changed_without_a_yes(program: Any, changed: tuple[str, list[str]]) -> None:
    session, (_, change, last) = changed
    before = tree(program.workspace)
    ran = program("sessions", "rewind", session, change, "--files")
    assert ran.code == 2 and "add --yes" in ran.err and "-2\n+1" in ran.err
    assert program("sessions", "rewind", session, change, "--files", "--both").code == 2
    assert program("sessions", "rewind", session, last, "--files", "--yes").code == 1
    assert "this session changed none" in program.ran[-1].err
    assert program("sessions", "rewind", session, change).out == "change\n", "without a word: the conversation"
    assert tree(program.workspace) == before


def test_a_folder_that_is_gone_is_said_to_be(program: Any, changed: tuple[str, list[str]]) -> None:
    session, (make, change, _) = changed
    assert program("sessions", "rewind", session, change, "--both", "--yes").code == 0
    files = tree(program.workspace)
    program.workspace.rename(program.workspace.with_name("elsewhere"))
    away = {"cwd": program.home}
    for what in (("rewind", session, make, "--files", "--yes"), ("redo", session)):
        ran = program("sessions", *what, **away)
        assert ran.code == 1 and f"The folder of this session, {program.workspace}, is gone" in ran.err
    program.workspace.mkdir()
    assert program("sessions", "redo", session, "--force", **away).code == 0
    assert program("sessions", "rewind", session, change, "--files", "--yes", "--force", **away).code == 0
    assert tree(program.workspace) == {name: files[name] for name in files if name != "kept"}, "what the session made"


def test_snapshots_can_be_off(program: Any, rehearse: Any) -> None:
    off = ("--set", "snapshots=off")
    assert program("run", "make", *off, server=rehearse(steps(makes("echo 1 >a"), DONE))).code == 0
    [session] = [path.stem for path in program.journals]
    ran = program("sessions", "rewind", session, spoken(program, session)["make"], "--both", "--yes")
    assert ran.code == 1 and "The files of that turn were not kept" in ran.err and (program.workspace / "a").exists()
    assert program("run", "more", "-c", server=rehearse(steps(makes("echo 2 >a"), DONE))).code == 0
    ids = spoken(program, session)
    ran = program("sessions", "rewind", session, ids["make"], "--files", "--yes")
    assert ran.code == 1 and "The files of that turn were not kept" in ran.err, "the snapshot of the next is not its"
    assert program("sessions", "rewind", session, ids["more"], "--files", "--yes").code == 0
    assert (program.workspace / "a").read_text() == "1\n"
    assert program("sessions", "rewind", session, ids["make"]).code == 0, "the conversation can"


def test_what_is_shown_is_the_disk_as_it_is(program: Any, changed: tuple[str, list[str]]) -> None:
    session, (_, change, _) = changed
    (program.workspace / "a").write_text("the user's work")
    (program.workspace / "own").write_text("the user's own")
    ran = program("sessions", "rewind", session, change, "--files", "--yes")
    assert ran.code == 1 and "-the user's work\n" in ran.err and "+1\n" in ran.err and "-2\n+1" not in ran.err
    assert re.search("left as it is: .*/own\n", ran.err)


def test_a_fork_can_take_files_back_too(program: Any, rehearse: Any, changed: tuple[str, list[str]]) -> None:
    session, (make, _, _) = changed
    assert program("run", "go on", "-c", "--fork", server=rehearse(steps(DONE))).code == 0
    [fork] = [path.stem for path in program.journals if path.stem != session]
    assert program("sessions", "rewind", fork, make, "--both", "--yes").code == 0
    assert sorted(tree(program.workspace)) == ["kept"]


# --- titles -----------------------------------------------------------------------------------------------------------


def test_a_title_from_the_first_words_and_a_name_that_beats_it(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("", 0), answer("", 1)))
    session = talk(program, server, "```\nx = 1;\n```\nplease could you mend the parser\nand more", "go on")
    titles = [entry for entry in program.journal() if entry["kind"] == "title"]
    assert [(entry["title"], entry["by"]) for entry in titles] == [("Mend the parser", "local")]
    assert "Mend the parser" in program("sessions", "list").out
    program("run", "-c", "-n", "by hand", "third", server=rehearse(steps(answer("third", 2))))
    listed = program("sessions", "list").out
    assert "by hand" in listed and "Mend" not in listed and session in listed


def test_a_title_by_the_model_is_a_request_apart(program: Any, rehearse: Any, grows: Any) -> None:
    asks = Step((Think("Hm."), Say('"Mending the parser"\n')), expect=Expect(said="<user>\nplease mend it", thoughts=0))
    server = rehearse(steps(answer("mend it", 0), asks, answer("more", 1)))
    model = ("--set", "titles=model")
    for arguments in (("please mend it",), ("more", "-c")):
        assert program("run", *arguments, *model, server=server).code == 0
    titles = [(entry["title"], entry["by"]) for entry in program.journal() if entry["kind"] == "title"]
    assert titles == [("Mend it", "local"), ("Mending the parser", "model")]
    first, title, second = bodies(server)
    grows([first, second])
    assert b'"tools"' not in title and program("sessions", "verify", program.journals[0].stem).code == 0
    assert "Mending the parser" in program("sessions", "list").out


def test_a_title_that_cannot_be_had_is_not_missed(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(answer("mend", 0), Step((), fault=Fault(status=400, body="no"))))
    ran = program("run", "mend the parser", "--set", "titles=model", "--output-format", "json", server=server)
    assert ran.code == 0 and "no" not in ran.err.split()
    assert [entry["title"] for entry in program.journal() if entry["kind"] == "title"] == ["mend the parser"]
