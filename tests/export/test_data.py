"""A session as data: one object, its own records, a trajectory that the schema of ATIF v1.8 accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from minicode.errors import SessionError
from minicode.export.atif import trajectory
from minicode.export.data import records, whole
from minicode.export.telling import tell
from minicode.journal.reader import branch_to, leaf_of, load

SCHEMA = json.loads(Path(__file__).with_name("atif.schema.json").read_text("utf-8"))


def valid(data: dict[str, Any]) -> dict[str, Any]:
    """A trajectory as it is read from a file, once the schema and, where it is installed, Harbor itself accept it."""
    read: dict[str, Any] = json.loads(json.dumps(data))
    jsonschema.Draft202012Validator(SCHEMA).validate(read)
    for step in read["steps"]:
        calls = {call["tool_call_id"] for call in step.get("tool_calls", ())}
        results = step.get("observation", {"results": []})["results"]
        assert {result["source_call_id"] for result in results if "source_call_id" in result} <= calls
    assert [step["step_id"] for step in read["steps"]] == list(range(1, len(read["steps"]) + 1))
    try:
        from harbor.models.trajectories import Trajectory  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return read
    Trajectory.model_validate(read)
    return read


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_trajectory(rich: Any) -> None:
    data = valid(trajectory(tell(load(rich.path, judged=False))))
    assert data["session_id"] == rich.journal.id
    assert data["agent"]["model_name"] == "MiniMax-M2.7"
    assert data["agent"]["tool_definitions"][0]["function"]["name"] == "bash"
    steps = data["steps"]
    assert [step["source"] for step in steps] == ["system", "user", "agent", "agent", "agent"]
    first = steps[2]
    assert first["reasoning_content"] == "Look first; a guess is worth little.\n\nThe tests say what it promises."
    assert first["message"] == "I'll look."
    assert first["tool_calls"][0] == {
        "tool_call_id": "c1",
        "function_name": "bash",
        "arguments": {"command": "cd planner && python -m pytest -q --maxfail=3"},
    }
    results = first["observation"]["results"]
    assert [result.get("source_call_id") for result in results] == ["c1", "c2", None]
    assert results[2]["content"] == "You said, while it worked: mind the leap days"
    assert first["metrics"] == {
        "prompt_tokens": 4000,
        "completion_tokens": 200,
        "cached_tokens": 3000,
        "cost_usd": 0.00072,
    }
    assert first["llm_call_count"] == 1
    assert steps[4]["model_name"] == "elsewhere-1"
    assert data["final_metrics"]["total_steps"] == 5
    assert data["final_metrics"]["total_prompt_tokens"] == 16000
    assert "1 step of a model whose price is not known" in data["notes"]


@pytest.mark.parametrize("spoil", ["source", "extra_key", "version", "user_thinks"])
def test_the_schema_refuses_what_is_no_trajectory(rich: Any, spoil: str) -> None:
    data = trajectory(tell(load(rich.path, judged=False)))
    match spoil:
        case "source":
            data["steps"][0]["source"] = "assistant"
        case "extra_key":
            data["steps"][2]["metrics"]["dollars"] = 1
        case "version":
            data["schema_version"] = "ATIF-v1.9"
        case "user_thinks":
            data["steps"][1]["reasoning_content"] = "hm"
    with pytest.raises(jsonschema.ValidationError):
        valid(data)


def test_a_trajectory_of_harm(hostile: Any) -> None:
    assert len(valid(trajectory(tell(load(hostile.path, judged=False))))["steps"]) == 7


def test_a_trajectory_keeps_what_was_folded(author: Any) -> None:
    author.says("one")
    old = author.reply({"type": "text", "text": "uno"})
    author.put("fold", upto=old, text="they counted", clipped=[])
    author.says("two")
    data = valid(trajectory(tell(load(author.path, judged=False))))
    assert [(step["source"], step["message"]) for step in data["steps"]] == [
        ("user", "one"),
        ("agent", "uno"),
        ("system", "they counted"),
        ("user", "two"),
    ]


def test_nothing_said_is_no_trajectory(author: Any) -> None:
    author.says("")
    author.journal.append("leaf", {"to": None})
    with pytest.raises(SessionError, match="nothing yet"):
        trajectory(tell(load(author.path, judged=False)))


def test_one_object(rich: Any) -> None:
    data = json.loads(json.dumps(whole(tell(load(rich.path, judged=False), sides=True))))
    assert data["session"]["title"] == "A planner that forgets"
    assert data["totals"]["cost_usd"] == pytest.approx(0.00306)
    roles = [entry["role"] for entry in data["entries"]]
    assert roles == ["user", "assistant", "note", "assistant", "assistant"]
    content = data["entries"][1]["content"]
    assert [next(iter(part)) for part in content] == ["thinking", "text", "call", "call"]
    assert content[2]["result"]["seconds"] == 2.34
    assert data["entries"][0]["label"] == "the beginning"
    [left] = data["left_branches"]
    assert [entry["role"] for entry in left["entries"]] == ["assistant", "fold", "user", "cut", "note"]


def test_records_are_a_session_again(rich: Any, tmp_path: Path) -> None:
    before = load(rich.path, judged=False)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(b"".join(records(before, everything=True, thinking=True)))
    assert load(copy, judged=False) == before
    assert any(entry.kind == "hologram" for entry in before.entries)
    copy.write_bytes(b"".join(records(before, everything=False, thinking=True)))
    after = load(copy, judged=False)
    assert after.entries == branch_to(before.entries, leaf_of(before.entries))
    assert after.damaged == 0


def test_records_without_thoughts(rich: Any) -> None:
    lines = b"".join(records(load(rich.path, judged=False), everything=True, thinking=False))
    assert b"a guess is worth little" not in lines
    assert b"Leap days are ev" not in lines
    assert b"I'll look." in lines
