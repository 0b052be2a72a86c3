"""Scripts from files, and the server as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import UsageError
from minicode.lab.rehearsal import Call, Do, Expect, Fault, Say, Script, Shape, Step, Think
from minicode.lab.rehearsal.files import EXAMPLE, load
from minicode.messages import Usage

REPOSITORY = Path(__file__).parents[2]
JSON = """{
  "shape": {"piece": 4, "line_end": "\\r\\n"}, "after": "repeat", "window": 1000, "strict_signatures": false,
  "steps": [
    {"think": ["a", {"text": "b", "signature": null}], "say": "c",
     "calls": [{"do": "shell", "command": "ls"}, {"call": "x", "raw": "{", "id": "i"}],
     "expect": {"results": ["r", "s"], "thoughts": 2}, "otherwise": {"say": "no"}, "delay": 1, "usage": {"input": 3}},
    [{"say": ["d", "e"]}, "f"],
    {"fault": {"status": 429, "headers": {"Retry-After": "1"}, "body": {"a": 1}}, "model": "m", "stop": "end_turn"}
  ]
}"""
TOML = """
[[steps]]
think = "a"
calls = [{do = "read", path = "p"}]
[[steps]]
say = "b"
expect = {results = "r"}
"""


def test_json_says_all_that_python_can(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(JSON)
    assert load(tmp_path / "s.json") == Script(
        steps=(
            Step(
                (
                    Think("a"),
                    Think("b", None),
                    Say("c"),
                    Do("shell", {"command": "ls"}),
                    Call("x", {}, "{", "i"),
                ),
                expect=Expect(results=("r", "s"), thoughts=2),
                otherwise=Step((Say("no"),)),
                delay=1.0,
                usage=Usage(input=3),
            ),
            Step((Say(("d", "e")), Say("f"))),
            Step(fault=Fault(429, {"Retry-After": "1"}, {"a": 1}), model="m", stop="end_turn"),
        ),
        shape=Shape(piece=4, line_end="\r\n"),
        after="repeat",
        window=1000,
        strict_signatures=False,
    )


def test_toml(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(TOML)
    assert load(tmp_path / "s.toml").steps == (
        Step((Think("a"), Do("read", {"path": "p"}))),
        Step((Say("b"),), expect=Expect(results="r")),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1 column 2"),
        ("{}", "steps: a script needs a list of at least one step"),
        ("5", "an object was expected, not 5"),
        ('[{"sya": "x"}]', "steps[0]: unknown key 'sya'; there are think, say"),
        ('[{"say": 5}]', "steps[0].say: a text"),
        ('[["a", {"call": 5}]]', "steps[0].blocks[1].call: a text was expected, not 5"),
        ('[{"calls": [{"name": "x"}]}]', "steps[0].calls[0]: a block has one of the keys"),
        ('[{"fault": {"status": "many"}}]', "steps[0].fault.status: Input should be a valid integer"),
        ('[{"otherwise": {"shape": {"chunks": 1}}}]', "steps[0].otherwise.shape: unknown key 'chunks'"),
        ('[{"delay": "1"}]', "steps[0].delay: seconds were expected"),
        ('[{"stop": 1}]', "steps[0].stop: a text was expected"),
        ('{"steps": ["x", []], "after": "x"}', "steps[0]: an object was expected"),
        ('{"steps": [[]], "after": "x"}', """after: 'x' is not "over" or "repeat\""""),
    ],
)
def test_mistakes_name_file_and_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(path) in str(caught.value) and says in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load(tmp_path / "none.json")
    (tmp_path / "s.json").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        load(tmp_path / "s.json")


def start(script: Path, *options: str) -> subprocess.Popen[str]:
    code = "import typer; from minicode.cli.rehearse import rehearse; typer.run(rehearse)"
    command = [sys.executable, "-c", code, str(script), *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, client: Any, number: signal.Signals) -> None:
    (tmp_path / "s.json").write_text('[{"say": "hi"}]')
    with start(tmp_path / "s.json") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert client(url).ask()["content"][0]["text"] == "hi"
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0 and out == ""
    assert f"MINIMAX_BASE_URL={url}" in err and "POST /anthropic/v1/messages 200 step 1" in err


def test_the_command_once_ends_with_the_script_and_tells_of_failures(tmp_path: Path, client: Any) -> None:
    (tmp_path / "s.json").write_text(json.dumps([{"say": "hi"}]))
    with start(tmp_path / "s.json", "--once", "--key", "k") as process:
        assert process.stdout is not None
        one = client(process.stdout.readline().strip())
        key = {"x-api-key": "k"}
        assert one.send()[0] == 401
        assert one.send(messages=[], headers=key)[0] == 400
        assert one.send(headers=key)[0] == 200
        _, err = process.communicate(timeout=10)
    assert process.returncode == 1 and "Request 2: messages must not be empty." in err


def test_the_example_is_a_script() -> None:
    script = load(EXAMPLE)
    assert len(script.steps) == 5
    assert script.after == "repeat"
