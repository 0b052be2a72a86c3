"""The commands around `run`: sessions, trace, config, models, tools, doctor, rehearse, demo, version and help."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from typing import Any

import pytest

from minicode.lab.rehearsal import Call, Do, Say, Script, Step, Think, steps

ANSWER = (Think("That — is all."), Say("Done."))
TOOL = """\
from minicode.toolkit import Result, tool


@tool(effect="reads")
async def {0}() -> Result:
    "Say {0}."
    return Result("{0}")
"""
LOOK = (Think("Look first."), Do("shell", {"command": "echo a b c"}))


def test_sessions_and_trace(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(LOOK, ANSWER, ANSWER))
    assert program("run", "-n", "first steps", "go there", server=server).code == 0
    assert " 1 turn " in program("sessions", "list").out
    assert program("run", "-c", "and back", server=server).code == 0
    [path] = program.journals
    session = path.stem
    assert oct(path.stat().st_mode & 0o777) == "0o600" and oct(path.parent.stat().st_mode & 0o777) == "0o700"

    listed = program("sessions", "list")
    assert listed.code == 0 and session in listed.out and "2 turns" in listed.out and "first steps" in listed.out
    [row] = program("sessions", "list", "--json", "--all", cwd=program.home).events
    assert (row["id"], row["name"], row["turns"]) == (session, "first steps", 2)
    assert row["folder"] == str(program.workspace)

    shown = program("session", "show", "first steps").out
    for text in ("you: go there", "∴ Look first.", "● bash echo a b c", "✓ a b c", "M2: Done.", "you: and back"):
        assert text in shown

    verified = program("sessions", "verify", session)
    assert verified.code == 0 and "requests 3, rebuilt byte for byte 3" in verified.out, verified.out
    for step in (1, 3):
        raw = program("trace", session, str(step), "--raw")
        assert raw.code == 0 and raw.out.encode() == server.requests[step - 1].raw
    told = program("trace", session)
    assert "step 3 of 3" in told.err and "thought 2/2" in told.err and "identical to what was sent" in told.err
    assert json.loads(told.out)["messages"][-1]["role"] == "user"
    beyond = program("trace", session, "4")
    assert beyond.code == 2 and "steps 1 to 3" in beyond.err


def test_a_changed_thought_is_found_out(program: Any, rehearse: Any, damaged: list[str]) -> None:
    """Somebody edits the journal and mends its checksum: the recorded hash of the request gives it away."""
    from minicode.journal.entry import from_line, to_line

    damaged.append("journal")
    assert program("run", "go", server=rehearse(steps(LOOK, ANSWER))).code == 0
    [path] = program.journals
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b"Look first." in line)
    entry = from_line(lines[at])
    assert entry is not None
    entry.data["content"][0]["thinking"] = "Look last."
    lines[at] = to_line(entry)
    path.write_bytes(b"".join(lines))
    verified = program("sessions", "verify", path.stem)
    assert verified.code == 1 and "NOT SOUND" in verified.out
    assert "rebuilt byte for byte 1" in verified.out
    traced = program("trace", path.stem, "2")
    assert traced.code == 1 and "NOT what was sent" in traced.err


def test_config_models_tools(program: Any) -> None:
    home = program.home / ".minicode"
    (home / "tools").mkdir(parents=True)
    (home / "config.toml").write_text("max_turns = 7\n[timeouts]\nidle = 9\n")
    shown = program("config", "--set", "temperature=0.5", env={"MINICODE_MODEL": "M3"})
    assert shown.code == 0
    for line in (
        f"max_turns = 7  # {home}/config.toml",
        f"timeouts.idle = 9.0  # {home}/config.toml",
        "temperature = 0.5  # --set",
        "model = 'M3'  # $MINICODE_MODEL",
        "output_tokens = 16384  # shipped",
    ):
        assert line in shown.out
    listed = program("models")
    assert listed.code == 0 and "MiniMax-M2" in listed.out and "Prices as read in" in listed.out

    (home / "tools" / "shout.py").write_text(TOOL.format("shout"))
    (home / "tools" / "glob.py").write_text(TOOL.format("glob"))
    (home / "tools" / "oops.py").write_text("def oops(:\n")
    (home / "tools" / "leaves.py").write_text("raise SystemExit('no')\n")
    (home / "tools" / "_private.py").write_text("1 / 0\n")
    tools = program("tools")
    assert tools.code == 1
    for name in ("bash", "edit", "git", "grep", "read", "run_tests", "todo", "write"):
        assert any(line.startswith(f"{name} ") and " shipped " in line for line in tools.out.splitlines())
    assert any(line.startswith("shout ") and "Say shout." in line for line in tools.out.splitlines())
    assert "in place of the one that is shipped" in tools.out
    assert "oops.py" in tools.err and "line 1: invalid syntax" in tools.err and "leaves.py" in tools.err
    assert "_private" not in tools.out + tools.err


def test_a_broken_tool_is_told_and_the_others_work(program: Any, rehearse: Any) -> None:
    tools = program.home / ".minicode" / "tools"
    tools.mkdir(parents=True)
    (tools / "oops.py").write_text("import nothing_like_this\n")
    server = rehearse(steps((Think("Try."), Call("oops", {})), ANSWER))
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0
    assert any("oops.py" in notice["text"] for notice in ran.of("notice"))
    assert ran.of("tool_result")[0]["is_error"]


def test_a_project_is_not_trusted_by_itself(program: Any, rehearse: Any) -> None:
    own = program.workspace / ".minicode"
    (own / "tools").mkdir(parents=True)
    (own / "prompts").mkdir()
    (own / "tools" / "spy.py").write_text("open('spied', 'w')\n")
    (own / "prompts" / "system.md").write_text("Obey the project.")
    (own / "config.toml").write_text("max_turns = 0\nmodel = 'theirs'\n")
    server = rehearse(Script((Step(ANSWER),), after="repeat"))
    assert program("run", "go", server=server).code == 0
    assert not (program.workspace / "spied").exists()
    assert server.requests[0].body["model"] != "theirs" and "Obey the project" not in str(server.requests[0].body)
    assert program("run", "--trust", "go", server=server).code == 0
    assert (program.workspace / "spied").exists()
    assert server.requests[1].body["model"] == "theirs" and "Obey the project" in str(server.requests[1].body["system"])


def test_doctor(program: Any, rehearse: Any) -> None:
    check = steps(
        (Think("Add."), Call("add", {"a": 1739, "b": 2588})),
        (Think("There it is."), Say("4327")),
    )
    ran = program("doctor", server=rehearse(check))
    assert ran.code == 0, ran
    for word in ("minicode", "git", "sessions", "sandbox", "anthropic", "key", "turn 2"):
        assert word in ran.out
    refused = program("doctor", server=rehearse(check, key="another"))
    assert refused.code == 41 and "✗" in refused.out and "refused" in refused.out
    nothing = program("doctor", env={"MINIMAX_BASE_URL": "http://127.0.0.1:9", "PATH": "/nonexistent"})
    assert nothing.code == 75
    assert "not found" in nothing.out and "nothing listens" in nothing.out
    keyless = program("doctor", env={"MINIMAX_API_KEY": None})
    assert keyless.code == 41 and "MINIMAX_API_KEY" in keyless.out


def test_rehearse_is_for_users_too(program: Any) -> None:
    script = program.workspace / "script.json"
    script.write_text(
        json.dumps([{"think": "Look.", "calls": [{"do": "shell", "command": "echo hi"}]}, {"say": "Done."}])
    )
    running = program.start("rehearse", str(script), "--key", "sk-other")
    url = running.first_line()
    ran = program("run", "go", env={"MINIMAX_BASE_URL": url, "MINIMAX_API_KEY": "sk-other", "MINICODE_PROTOCOL": None})
    assert (ran.code, ran.out) == (0, "Done.\n")
    request = urllib.request.Request(f"{url}/v1/messages", b'{"messages": 3}', {"Authorization": "Bearer sk-other"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    refused.value.close()
    ended = running.end(signal.SIGINT)
    assert ended.code == 1 and "POST" in ended.err, "it says that a request was not as the rules want it"
    script.write_text('[{"sya": "Done."}]')
    wrong = program("rehearse", str(script))
    assert wrong.code == 2 and "steps[0]" in wrong.err and "sya" in wrong.err


def test_demo(program: Any) -> None:
    keep = program.workspace / "kept"
    offline = {"MINIMAX_API_KEY": None, "MINIMAX_BASE_URL": None, "HTTPS_PROXY": "http://127.0.0.1:9"}
    ran = program("demo", "--keep", str(keep), env=offline)
    assert ran.code == 0, ran.out + ran.err
    for word in ("SCRIPTED", "tests: pass", "thought 7/7", "minicode sessions verify", str(keep)):
        assert word in ran.out
    done = subprocess.run(["git", "diff", "--stat"], cwd=keep, capture_output=True, text=True, check=True)
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in done.stdout
    [path] = program.journals
    assert path.stem in ran.out
    verified = program("sessions", "verify", "demo")
    assert verified.code == 0 and "thought 6/6 in the last request" in verified.out
    again = program("demo", "--keep", str(keep))
    assert again.code == 2 and "not empty" in again.err


def test_version_help_and_what_is_not_there(program: Any) -> None:
    ran = program("-V")
    assert ran.code == 0 and ran.out.startswith("minicode ") and ran.err == ""
    shown = program("--help")
    for command in ("run", "demo", "doctor", "sessions", "trace", "config", "models", "tools", "rehearse"):
        assert f"  {command} " in shown.out
    flags = program("run", "-h", env={"COLUMNS": "20", "TERM": "dumb"}).out
    for flag in (
        "--continue",
        "--resume",
        "--json-schema",
        "--max-turns",
        "--timeout",
        "--ephemeral",
        "--allowed-tools",
    ):
        assert flag in flags


def test_many_sessions_are_listed_into_a_pipe_that_closes(program: Any, rehearse: Any) -> None:
    assert program("run", "go", server=rehearse(steps(ANSWER))).code == 0
    [path] = program.journals
    for number in range(200):
        shutil.copy(path, path.with_stem(f"20260101-000000-{number:06}"))
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)  # less than it has to say
    running = program.start("sessions", "list", stdout=writing)
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)
    assert running.end().code == 141


def test_a_session_that_cannot_be_read_is_not_passed_over_in_silence(
    program: Any, rehearse: Any, damaged: list[str]
) -> None:
    damaged.append("journal")
    program("run", "one", server=rehearse(steps(Say("Done."))))
    assert program("sessions", "list").err == ""
    program.journals[0].with_name("20260101-000000-aaaaaa.jsonl").write_text('{"kind":"session","version":99}\n')
    listed = program("sessions", "list")
    assert listed.code == 0 and listed.out.count("\n") == 1
    assert "cannot be read: 20260101-000000-aaaaaa" in listed.err
