"""`--verify`: what M2 claims at its end is checked, sent back while it fails, and never called verified without."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Expect, Say, Step, Think, steps

CHECK = "echo looked; grep -q two note || { echo there is no two; exit 3; }"
DONE = (Think("That is all."), Say("All done, and tested."))


def writes(text: str) -> tuple[Any, ...]:
    return Think(f"I put {text} there."), Do("shell", {"command": f"echo {text} >>note"})


def told(*words: str, then: tuple[Any, ...] = DONE) -> Step:
    return Step(then, expect=Expect(said=words))


def test_a_failed_check_goes_back_until_it_passes(program: Any, rehearse: Any) -> None:
    server = rehearse(
        steps(writes("one"), DONE, told("it fails: exit code 3", "there is no two", then=writes("two")), DONE)
    )
    ran = program("run", "--json", "--verify", CHECK, "go", server=server)
    assert (ran.code, ran.result["verified"], len(server.requests)) == (0, "passed", 4)
    said = [event for event in ran.of("notice") if "verdict" in event]
    assert [(one["verdict"], one["back"]) for one in said] == [("failed", True), ("passed", False)]
    assert said[0]["claim"] == "All done, and tested." and said[0]["evidence"] == "looked\nthere is no two"
    kept = [entry for entry in program.journal() if entry["kind"] == "verify"]
    assert [entry["verdict"] for entry in kept] == ["failed", "passed"]
    session = program.journals[0].stem
    assert program("sessions", "verify", session).code == 0
    shown = program("sessions", "show", session).out
    assert "there is no two" in shown and "exit code 3" in shown


def test_evidence_is_bounded(program: Any, rehearse: Any) -> None:
    noisy = "head -c 9000000 /dev/zero | tr '\\0' '\\1'; echo; echo the last words"
    ran = program("run", "--json", "--verify", noisy, "go", server=rehearse(steps(DONE)))
    [said] = [event for event in ran.of("notice") if "verdict" in event]
    assert ran.code == 0 and said["evidence"].endswith("the last words")
    assert len(said["evidence"].encode()) <= 200_000 and "left out" in said["evidence"]


def test_what_stays_wrong_is_sent_back_so_often_and_no_more(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(DONE, told("it fails"), told("it fails")))
    ran = program("run", "--set", "verify_tries=2", "--verify", CHECK, "go", server=server)
    assert ran.code == 57 and len(server.requests) == 3
    assert f"Not verified by `{CHECK}`: exit code 3" in ran.err and "NOT VERIFIED" in ran.err
    assert "M2 said   │ All done, and tested." in ran.err and "evidence  │ looked" in ran.err


def test_the_tests_of_the_project(program: Any, rehearse: Any) -> None:
    (program.workspace / "test_it.py").write_text("def test_it():\n    assert open('note').read() == 'two\\n'\n")
    server = rehearse(steps(DONE, told("the tests of this project", "test_it", then=writes("two")), DONE))
    ran = program("run", "--output-format", "json", "--verify", "auto", "go", server=server)
    assert (ran.code, json.loads(ran.out)["verified"]) == (0, "passed")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--verify", "auto"), "No tests were found"),
        (("--verify", "true", "--disallowed-tools", "bash"), "The tool bash is not allowed"),
        (("--verify", "rm -rf x", "--set", "permissions.deny=bash(rm *)"), "It was not run: "),
    ],
)
def test_a_check_that_cannot_be_made_is_no_pass(program: Any, rehearse: Any, flags: Any, told: str) -> None:
    ran = program("run", "--set", "verify_tries=0", *flags, "go", server=rehearse(steps(DONE)))
    assert ran.code == 57 and told in ran.err and "NOT VERIFIED" in ran.err


def test_a_check_that_is_empty_or_not_there(program: Any, rehearse: Any) -> None:
    ran = program("run", "--verify", " ", "go")
    assert ran.code == 2 and "--verify is empty" in ran.err
    ran = program("run", "--verify", "no-such-check now", "go", server=rehearse(steps(DONE)))
    assert ran.code == 57 and "It cannot be run" in ran.err and "no-such-check" in ran.err


def test_a_run_that_does_not_come_to_its_end_is_not_verified(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(writes("one"), DONE))
    ran = program("run", "--json", "--verify", "true", "--max-turns", "1", "go", server=server)
    assert (ran.code, ran.result["verified"]) == (53, "not run")


def test_a_trusted_project_may_want_it_and_its_command_is_held_or_not_run(program: Any, rehearse: Any) -> None:
    file = program.workspace / ".minicode" / "config.toml"
    file.parent.mkdir()
    file.write_text('verify = "exit 4"\n')
    assert program("run", "go", server=rehearse(steps(DONE))).code in (0, 55)
    ran = program("run", "--trust", "--set", "verify_tries=0", "go", server=rehearse(steps(DONE)))
    assert ran.code == 57 or "is not used" in ran.err
    loose = program("run", "--trust", "--sandbox", "off", "go", server=rehearse(steps(DONE)))
    assert loose.code == 0 and "a project's commands run in a sandbox or not at all" in loose.err
