"""python in a whole session: its variables last as long as the process does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minicode.lab.rehearsal import Call, Expect, Say, Step, Think, steps

ANSWER = (Think("That is all."), Say("Done."))


def python(code: str) -> tuple[Any, ...]:
    return Think(f"Compute {code[:20]}"), Call("python", {"code": code})


def test_it_lasts_for_the_session_and_not_longer(program: Any, rehearse: Any, grows: Any) -> None:
    server = rehearse(
        steps(
            python("import os\nx = 6\nopen('pid', 'w').write(os.environ['MINICODE_CALL'])"),
            Step(python("x * 7"), expect=Expect(results="a new interpreter: Python 3.")),
            Step(python("x = ("), expect=Expect(results="42\n[ok]")),
            Step(ANSWER, expect=Expect(results='File "<call 3>", line 1')),
        )
    )
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0, ran.err
    grows([e.raw for e in server.requests])
    token = (program.workspace / "pid").read_bytes()
    assert token and not any(token in environment(process) for process in Path("/proc").glob("[0-9]*"))
    assert [entry["name"] for entry in program.journal() if entry["kind"] == "intent"] == ["python"] * 3
    again = rehearse(
        steps(python("'x' in dir()"), Step(ANSWER, expect=Expect(results="False\n[ok; a new interpreter")))
    )
    ran = program("run", "-c", "go on", server=again)
    assert ran.code == 0, ran.err


def environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def test_what_it_changes_can_be_taken_back(program: Any, rehearse: Any) -> None:
    (program.workspace / "kept.txt").write_text("before")
    server = rehearse(steps(python("open('kept.txt', 'w').write('after')"), ANSWER))
    assert program("run", "go", server=server).code == 0
    assert (program.workspace / "kept.txt").read_text() == "after"
    assert program.kinds().index("snapshot") < program.kinds().index("result")
