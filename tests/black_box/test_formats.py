"""What comes out of `minicode run`: formats, the truthful last line, exit codes, limits, prompts, sessions."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Say, Script, Step, Think, steps

WORK = (Think("Look first."), Say("Looking."), Do("shell", {"command": "echo a b c"}))
ANSWER = (Think("That is all."), Say("Done — naïvely."))
TASK = steps(WORK, ANSWER)
RESULT = {
    *("type", "session_id", "seq", "timestamp", "subtype", "is_error", "result", "num_turns", "duration_ms", "usage"),
    *("total_cost_usd", "thinking", "permission_denials", "exit_code"),
}


def test_text_is_the_answer_and_nothing_else(program: Any, rehearse: Any, tmp_path: Path) -> None:
    last = tmp_path / "last.md"
    ran = program("run", "go", "-o", str(last), server=rehearse(TASK), env={"LANG": "C", "PYTHONIOENCODING": "ascii"})
    assert (ran.code, ran.out) == (0, "Done — naïvely.\n")
    assert last.read_text("utf-8") == "Done — naïvely.\n"
    for told in (
        "∴ Look first.",
        "● bash echo a b c",
        "✓ exit code 0",
        "    a b c",
        "thought 2/2",
        program.journals[0].stem,
    ):
        assert told in ran.err
    assert "\x1b" not in ran.err, "no colours where there is no terminal"


def test_a_system_prompt_may_be_given_in_words(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(ANSWER))
    assert program("run", "go", "--system-prompt", "You only add.", server=server).code == 0
    asked = next(r.body for r in server.requests if r.body)
    assert [block["text"] for block in asked["system"]] == ["You only add."]


def test_json_is_one_result(program: Any, rehearse: Any) -> None:
    ran = program("run", "--output-format", "json", "go", server=rehearse(TASK))
    [result] = ran.events
    assert set(result) == RESULT and result == ran.result
    assert (result["subtype"], result["result"], result["num_turns"]) == ("success", "Done — naïvely.", 2)
    assert result["thinking"] == {"issued": 2, "returned": 2}
    assert result["session_id"] == program.journals[0].stem
    usage = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert set(result["usage"]) == set(usage) and result["usage"]["cache_read_input_tokens"] > 0
    assert 0 < result["total_cost_usd"] < 0.1 and result["duration_ms"] > 0
    assert ran.err == ""


def test_stream_json_is_an_event_a_line(program: Any, rehearse: Any) -> None:
    ran = program("exec", "--json", "go", "-m", "some-model", server=rehearse(TASK))
    assert ran.code == 0
    init, *_ = events = ran.events
    assert [e["seq"] for e in events] == list(range(len(events)))
    assert {e["session_id"] for e in events} == {program.journals[0].stem}
    assert all(e["timestamp"].endswith("Z") for e in events)
    assert (init["type"], init["model"], init["protocol"]) == ("init", "some-model", "anthropic")
    assert init["cwd"] == str(program.workspace) and "bash" in init["tools"]
    assert isinstance(init["sandbox"]["enforced"], bool) and init["permission_mode"] == "auto"
    spoken = [e["type"] for e in events if e["type"] != "notice"]
    assert spoken == ["init", "thinking", "message", "tool_use", "tool_result", "thinking", "message", "result"]
    [use], [done] = ran.of("tool_use"), ran.of("tool_result")
    assert use["id"] == done["id"] and use["input"] == {"command": "echo a b c"} and done["text"].startswith("a b c\n")
    assert ran.result["total_cost_usd"] is None, "the price of an unknown model is unknown"


REFUSED = Fault(status=401, code=1004)
FAILURES = [
    pytest.param("text", REFUSED, 41, "key is refused", id="401 as text"),
    *(
        pytest.param("stream-json", fault, code, words, id=words)
        for fault, code, words in (
            (REFUSED, 41, "key is refused"),
            (Fault(status=500, code=1008), 1, "no balance left"),
            (Fault(status=429, code=2056, message="used up, resets at 2026-11-22 03:00"), 75, "at 2026-11-22 03:00"),
            (Fault(status=429, code=1002, headers={"Retry-After": "3600"}), 75, "60 min"),
            (Fault(status=404, body="404 page not found"), 1, "MINIMAX_BASE_URL"),
            (Fault(body="<html>Sign in</html>"), 1, "web page"),
            (Fault(status=422, code=1026, message="input new_sensitive \x1b[31m"), 1, "content filter"),
        )
    ),
]


@pytest.mark.parametrize(("form", "fault", "code", "words"), FAILURES)
def test_a_failure_is_told_and_the_session_kept(
    program: Any, rehearse: Any, form: str, fault: Fault, code: int, words: str
) -> None:
    server = rehearse(steps(WORK, Step(fault=fault)))
    ran = program("run", "--output-format", form, "go", server=server)
    assert ran.code == code
    if form == "text":
        assert ran.out == "" and words in ran.err
    else:
        result = ran.result
        assert words in result["error"] and "\x1b" not in result["error"]
        assert (result["subtype"], result["num_turns"]) == ("error_during_execution", 2)
        assert result["thinking"] == {"issued": 1, "returned": 1}
        assert result["session_id"] == program.journals[0].stem
    assert len(server.requests) == 2, "what trying again will not mend is not tried again"
    end = program.journal()[-1]
    assert (end["kind"], end["reason"]) == ("end", "failed") and words in end["error"]


@pytest.mark.parametrize("path", ["", "/anthropic"])
def test_no_server_is_listening(program: Any, path: str) -> None:
    """A refused connection meets the question which surface is spoken, or the request itself, which is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ran = program("run", "--json", "--timeout", "1", "go", env={"MINIMAX_BASE_URL": f"http://127.0.0.1:{port}{path}"})
    result = ran.result
    assert ran.events[0]["type"] == "init" and [e["seq"] for e in ran.events] == list(range(len(ran.events)))
    assert result["session_id"] == program.journals[0].stem, "what the user said is kept"
    assert ran.code in ((124, 75) if path else (75,)), "the last waits are random"
    told = ran.of("retry")[0]["reason"] if path else result["error"]
    assert f"nothing listens at 127.0.0.1:{port}" in told


LIMITS = [
    (("--max-turns", "1"), 53, "error_max_turns"),
    (("--max-tokens", "100"), 56, "error_max_tokens"),
    (("--max-budget-usd", "0.000001"), 56, "error_max_budget_usd"),
]


def test_limits(program: Any, rehearse: Any) -> None:
    for flags, code, subtype in LIMITS:
        server = rehearse(TASK)
        ran = program("run", "--json", "go", *flags, server=server)
        assert (ran.code, ran.result["subtype"], len(server.requests)) == (code, subtype, 1)
    again = program("run", "-c", "go on", server=server)
    assert (again.code, again.out) == (0, "Done — naïvely.\n"), "the limit is one of the run, not of the session"


def test_timeout_ends_a_tool_and_the_run(program: Any, rehearse: Any) -> None:
    server = rehearse(steps((Think("Wait."), Do("shell", {"command": "echo begun; sleep 60"})), ANSWER))
    ran = program("run", "--json", "--timeout", "1", "go", server=server)
    assert (ran.code, ran.result["subtype"]) == (124, "error_timeout")
    [result] = [e for e in program.journal() if e["kind"] == "result"]
    assert result["failed"] and "interrupted" in result["text"]
    assert program("run", "-c", "and now?", server=server).code == 0


SHAPE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def test_answers_in_a_given_shape(program: Any, rehearse: Any, tmp_path: Path) -> None:
    file = tmp_path / "shape.json"
    file.write_text(json.dumps(SHAPE))
    good, bad = (Think("One."), Say('```json\n{"n": 1}\n```')), (Think("Two."), Say("It is one."))
    server = rehearse(steps(good, bad, (Think("Right."), Say('{"n": 1}')), bad, (Think("No."), Say('{"n": "1"}'))))
    ran = program("run", "--json-schema", json.dumps(SHAPE), "count", server=server)
    assert (ran.code, json.loads(ran.out)) == (0, {"n": 1})
    ran = program("run", "--json", "--json-schema", f"@{file}", "count", server=server)
    assert ran.result["structured_output"] == {"n": 1} and ran.result["num_turns"] == 2
    ran = program("run", "--output-format", "json", "--json-schema", f"@{file}", "count", server=server)
    assert (ran.code, ran.result["subtype"]) == (1, "error_during_execution")
    assert "'1' is not of type 'integer'" in ran.result["error"] and "structured_output" not in ran.result


@pytest.mark.parametrize(
    ("argument", "piped", "asked"),
    [
        (None, "only stdin\n", "only stdin"),
        ("both", "piped — 管道\n", "both\n\npiped — 管道"),
        ("argument", "", "argument"),
    ],
)
def test_the_prompt_comes_from_argument_and_stdin(
    program: Any, rehearse: Any, argument: str | None, piped: str, asked: str
) -> None:
    server = rehearse(steps(ANSWER))
    ran = program("run", *([argument] if argument else []), stdin=piped.encode(), server=server)
    assert ran.code == 0
    [message] = server.requests[0].body["messages"]
    assert message["content"][0]["text"] == asked


@pytest.mark.parametrize(
    ("arguments", "piped", "words"),
    [
        ([], None, "no prompt"),
        ([], b"", "no prompt"),
        (["  \n"], b" \n", "no prompt"),
        ([], b"\x7fELF\x00\x01", "NUL"),
        (["what is this?"], b"\xff\xfe\xfa", "UTF-8"),
        ([b"caf\xe9"], None, "UTF-8"),
    ],
)
def test_a_prompt_that_is_none(program: Any, arguments: list[Any], piped: bytes | None, words: str) -> None:
    ran = program("run", "--json", *arguments, stdin=piped)
    assert ran.code == 2 and words in ran.result["error"] and words in ran.err
    assert program.journals == []


def test_a_silent_stdin_does_not_hold_up_a_prompt(program: Any, rehearse: Any) -> None:
    reading, writing = os.pipe()
    try:
        ran = program.start("run", "go", stdin=reading, server=rehearse(steps(ANSWER))).end()
    finally:
        os.close(reading)
        os.close(writing)
    assert ran.code == 0 and "silent" in ran.err


def test_closed_standard_streams(program: Any, rehearse: Any) -> None:
    """A file or socket that took the number of a closed stream must not be written to."""
    server = rehearse(steps(WORK, ANSWER, ANSWER))
    shell = ("sh", "-c", 'exec "$@" <&- >&-', "sh")
    ran = program("run", "go", server=server, before=shell)
    assert ran.code == 0 and "thought 2/2" in ran.err
    assert program("sessions", "verify", program.journals[0].stem).code == 0


def test_sessions_are_found_by_id_prefix_and_name(program: Any, rehearse: Any, tmp_path: Path) -> None:
    server = rehearse(Script((Step(ANSWER),), after="repeat"))
    first = program("run", "--json", "-n", "First Steps", "one", server=server).result["session_id"]
    second = program("run", "--json", "two", server=server).result["session_id"]
    last = second.rpartition("-")[2]
    for key, wanted in (("first steps", first), (first, first), (last[:4], second)):
        assert program("run", "--json", "-r", key, "more", server=server).result["session_id"] == wanted
    ambiguous = program("run", "-r", first[:8], "more", server=server)
    assert ambiguous.code == 1 and first in ambiguous.err and second in ambiguous.err
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ran = program("run", "--json", "-C", str(program.workspace), "-c", "more", cwd=elsewhere, server=server)
    assert ran.result["session_id"] == second, "the latest"


def test_ephemeral_leaves_nothing(program: Any, rehearse: Any) -> None:
    server = rehearse(steps((Think("Much."), Do("shell", {"command": "seq 20000"})), ANSWER))
    ran = program("run", "--json", "--ephemeral", "go", server=server)
    assert ran.code == 0
    assert program.journals == []
    left = {p.name for p in program.home.rglob("*") if p.is_file()}
    assert left <= {".gitconfig", "enforcement.json"}
    assert list((program.home / ".minicode" / "tmp").iterdir()) == []


def test_tools_can_be_allowed_and_forbidden(program: Any, rehearse: Any) -> None:
    server = rehearse(Script((Step(ANSWER),), after="repeat"))
    few = program("run", "--json", "--allowed-tools", "read, grep", "go", server=server)
    assert few.events[0]["tools"] == ["grep", "read"]
    assert [tool["name"] for tool in server.requests[-1].body["tools"]] == ["grep", "read"]
    less = program("run", "--json", "--disallowed-tools", "bash,run_tests", "go", server=server)
    assert not {"bash", "run_tests"} & set(less.events[0]["tools"]) and "read" in less.events[0]["tools"]


def test_minus_p_is_run(program: Any, rehearse: Any) -> None:
    server = rehearse(Script((Step(ANSWER),), after="repeat"))
    assert program("-p", "go", server=server).out == "Done — naïvely.\n"


def test_instruction_files_that_are_cut_are_told(program: Any, rehearse: Any) -> None:
    (program.workspace / "AGENTS.md").write_text("Be kind.\n" + "x" * 40_000)
    server = rehearse(steps(ANSWER, ANSWER))
    told = [e["text"] for e in program("run", "--json", "go", server=server).of("notice")]
    assert any("AGENTS.md is cut" in text for text in told)
    assert "Be kind." in json.dumps(server.requests[0].body["system"])
