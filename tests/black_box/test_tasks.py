"""Tasks of the real program: killed with it, gone on with, told by every command, and deleted with their session."""

from __future__ import annotations

import json
import signal
from typing import Any

from minicode.lab.rehearsal import Asked, Call, Fault, Say, Script, Step, Think
from minicode.messages import Usage, usage_from_json


def play(asked: Asked) -> Step:
    """M2 as the user's own agent, and as a task that hangs when it is asked for the second time."""
    answered = sum(turn.role == "assistant" for turn in asked.turns)
    if "sub-agent" in asked.system:
        if answered == 0:
            return Step((Think("First I look."), Call("glob", {"pattern": "*"})))
        if asked.turns[-1].text:
            return Step((Think("Now I know."), Say("There is the file zanzibar.txt.")))
        return Step((Think("Then I wait."), Say("never heard")), fault=Fault(stall=200))
    if answered == 0:
        return Step((Think("Somebody else may look."), Call("task", {"prompt": "look", "description": "find files"})))
    if answered == 1:
        return Step((Think("It was cut off."), Call("task", {"prompt": "go on", "resume": _named(asked)})))
    return Step((Think("Done."), Say("All is found.")))


def _named(asked: Asked) -> str:
    """The task that the interrupted call tells of."""
    [(_, text)] = [result for turn in asked.turns for result in turn.results]
    return text.partition("resume='")[2].partition("'")[0]


def test_a_kill_loses_no_task(program: Any, rehearse: Any) -> None:
    (program.workspace / "zanzibar.txt").write_text("x")
    server = rehearse(Script((play,), after="repeat"))
    running = program.start("run", "find it", server=server)
    server.wait(3)  # the task has looked, and its second request is on its way
    running.end(signal.SIGKILL)
    main, task = sorted(path.stem for path in program.journals)
    assert task == f"{main}-t1"
    assert program("sessions", "verify", task).code == 0

    again = program("run", "-c", "--output-format", "json", "go on", server=server)
    assert (again.code, again.result["result"]) == (0, "All is found.")
    assert sorted(path.stem for path in program.journals) == [main, task]
    for session in (main, task):
        assert "sound" in program("sessions", "verify", session).out
    journal, theirs = _entries(program, main), _entries(program, task)
    results = [entry for entry in journal if entry["kind"] == "result"]
    assert results[0]["text"].startswith("interrupted: minicode stopped while this task ran.")
    assert results[1]["text"].startswith("There is the file zanzibar.txt.\n[task ")
    assert [entry["text"] for entry in theirs if entry["kind"] == "user"] == ["look", "go on"]
    # What this turn took is what its replies took, and those of the task since then.
    replies = [e for e in journal if e["kind"] == "reply"][1:] + [e for e in theirs if e["kind"] == "reply"][1:]
    used = sum((usage_from_json(entry["usage"]) for entry in replies), Usage())
    assert usage_from_json(again.result["usage"]) == used

    assert task not in program("sessions", "list").out
    assert task in program("sessions", "tree", main).out and "find files" in program("sessions", "tree", main).out
    assert f"task {task} (read) find files" in program("sessions", "show", main).out
    assert f"a task of session {main}" in program("sessions", "show", task).out
    assert task in program("sessions", "search", "zanzibar").out
    assert program("trace", task).code == 0
    exported = program("sessions", "export", main, "-o", "-").out
    assert f"The task {task} was done in a session of its own" in exported
    refused = program("run", "-r", task, "more", server=server)
    assert refused.code != 0 and f"{task} is a task of session {main}" in refused.err

    assert "1 task" in program("sessions", "delete", main[:-2], "--yes").out
    assert program.journals == []
    assert program("sessions", "trash", "--restore", main).code == 0
    assert sorted(path.stem for path in program.journals) == [main, task]
    program("sessions", "delete", main, "--yes")
    program("sessions", "trash", "--empty", "--yes")
    assert not list(program.home.glob("**/*.jsonl"))


def _entries(program: Any, session: str) -> list[dict[str, Any]]:
    [path] = [path for path in program.journals if path.stem == session]
    return [json.loads(line) for line in path.read_bytes().splitlines()]
