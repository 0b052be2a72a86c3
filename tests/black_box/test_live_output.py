"""Without a screen: what a command prints is seen while it runs, once, and the answer stays alone on stdout."""

from __future__ import annotations

from typing import Any

from minicode.lab.rehearsal import Do, Say, Think, steps

WAIT = "until test -e {0}; do sleep 0.02; done"


def test_a_long_command_is_seen_while_it_runs_and_its_lines_are_not_repeated(program: Any, rehearse: Any) -> None:
    command = (
        rf"printf '\033[31mbegin\033[0m\n'; {WAIT.format('one')}; printf '\r10%%\r20%%\r30%%\n'; echo after; "
        rf"{WAIT.format('two')}; printf 'Name? '"
    )
    server = rehearse(steps((Think("Run it."), Do("shell", {"command": command})), Say("Done.")))
    running = program.start("run", "go", server=server)
    running.says("    │ begin\n")
    (program.workspace / "one").touch()
    running.says("    │ 30%\n    │ after\n")
    (program.workspace / "two").touch()
    ran = running.end()
    assert (ran.code, ran.out) == (0, "Done.\n")
    told = ran.err[ran.err.index("● bash") :].split("\n", 1)[1]
    lines = told.split("\n")
    assert lines[:3] == ["    │ begin", "    │ 30%", "    │ after"]
    assert lines[3].startswith("  ✓ exit code 0") and lines[4] == "    Name? "
    assert "begin" not in "".join(lines[4:])
    (result,) = (entry for entry in program.journal() if entry["kind"] == "result")
    assert result["text"] == "begin\n30%\nafter\nName? \n[exit code 0]"
    assert result["show"] == [{"show": "output", "text": "begin\n30%\nafter\nName? ", "colours": [[0, 0, 5, "red"]]}]


def test_a_quick_command_is_told_as_a_whole(program: Any, rehearse: Any) -> None:
    script = steps((Think("Run it."), Do("shell", {"command": r"printf 'a\n10%%\r20%%\nb\n'"})), Say("Done."))
    ran = program("run", "go", server=rehearse(script))
    assert "│" not in ran.err and "exit code 0" in ran.err
    assert "\n    a\n    20%\n    b\n" in ran.err
