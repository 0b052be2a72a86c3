"""A command that takes too long where nobody watches: it goes on, the model is told, and nothing outlives the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minicode.lab.rehearsal import Call, Expect, Say, Step, Think, steps


def alive(mark: str) -> bool:
    found = (place.read_bytes() for place in Path("/proc").glob("[0-9]*/cmdline") if place.parent.name != "self")
    try:
        return any(mark.encode() in line for line in found)
    except OSError:
        return alive(mark)


def test_a_run_waits_for_what_it_needs(program: Any, rehearse: Any) -> None:
    command = "echo begun; until test -e go; do sleep 0.05; done; echo built"
    server = rehearse(
        steps(
            (Think("Build."), Call("bash", {"command": command, "timeout": 1})),
            Step(
                (Think("Let it."), Call("bash", {"command": "touch go"})),
                expect=Expect(results=("begun", "not ended after 1 s", "as job 1", "your answer ends it")),
            ),
            (Think("Wait."), Call("jobs", {"action": "wait", "id": 1, "seconds": 20})),
            Step((Think("Good."), Say("Built.")), expect=Expect(results=("built", "exit code 0"))),
        )
    )
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0, ran.err
    assert [e.get("fate") for e in program.journal() if e["kind"] == "job"] == [None, "exit code 0"]


def test_an_answer_ends_what_still_runs(program: Any, rehearse: Any) -> None:
    mark = "sleep 4561.25"
    server = rehearse(
        steps(
            (Think("Long."), Call("bash", {"command": f"trap '' TERM; {mark}; {mark}", "timeout": 1})),
            Step((Think("Enough."), Say("Done.")), expect=Expect(results="it goes on in the background as job 1")),
        )
    )
    ran = program("run", "go", server=server)
    assert (ran.code, ran.out) == (0, "Done.\n"), ran.err
    assert program.journal()[-1]["kind"] in ("end", "job") and not alive(mark)
    assert [e.get("fate") for e in program.journal() if e["kind"] == "job"] == [None, "ended with the session"]


def test_without_jobs_it_is_stopped(program: Any, rehearse: Any) -> None:
    server = rehearse(
        steps(
            (Think("Long."), Call("bash", {"command": "echo on; sleep 456", "timeout": 1})),
            Step((Think("So be it."), Say("Done.")), expect=Expect(results=("on", "stopped after 1 s (timeout)"))),
        )
    )
    assert program("run", "--disallowed-tools", "jobs", "go", server=server).code == 0


def test_a_terminal_in_the_sandbox(program: Any, rehearse: Any) -> None:
    script = "stty size; cd sub; printf '\\033[2;1Hdrawn'"
    (program.workspace / "sub").mkdir()
    server = rehearse(
        steps(
            (Think("See."), Call("bash", {"command": script, "tty": True})),
            Step((Think("Hm."), Say("Done.")), expect=Expect(results=("40 120\ndrawn", "it ended in sub"))),
        )
    )
    assert program("run", "--json", "go", server=server).code == 0
