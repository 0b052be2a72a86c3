"""Codex: what one real session does not show."""

from __future__ import annotations

from typing import Any


def item(type_: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": "2026-01-02T03:04:05.678Z", "type": "response_item", "payload": {"type": type_, **payload}}


def message(role: str, words: str, **more: Any) -> dict[str, Any]:
    return item("message", role=role, content=[{"type": "input_text", "text": words}], **more)


def meta(**payload: Any) -> dict[str, Any]:
    return {"type": "session_meta", "payload": {"id": "s", **payload}}


def test_calls_of_every_kind(lines: Any, told: Any) -> None:
    session = told(
        lines(
            [
                meta(cwd="/somewhere", cli_version="0.1"),
                message("user", "do"),
                item("reasoning", summary=[], content=None, encrypted_content="gAAA"),
                item("reasoning", summary=[{"type": "summary_text", "text": "short"}], content=[{"text": "the whole"}]),
                item("local_shell_call", call_id="a", action={"type": "exec", "command": ["ls"]}),
                item("custom_tool_call", call_id="b", name="apply_patch", input="*** Begin Patch"),
                item("function_call", call_id="c", name="view_image", arguments='{"path": "a.png"}'),
                item("web_search_call", action={}),
                item("function_call_output", call_id="a", output={"content": "a.txt", "success": False}),
                item("custom_tool_call_output", call_id="b", output="Done"),
                item("function_call_output", call_id="c", output=[{"type": "input_image", "image_url": "data:"}]),
                item("never_heard_of"),
            ]
        )
    )
    assert session.thoughts == ["the whole"]
    assert [dict(call.arguments) for call in session.calls] == [
        {"command": ["ls"]},
        {"input": "*** Begin Patch"},
        {"path": "a.png"},
    ]
    assert session.results[:2] == ["a.txt", "Done"]
    assert session.taken.entries[2].data["failed"]
    assert session.left == {
        "thoughts that cannot be read": 1,
        "calls that its server answered": 1,
        "images": 1,
        "records of unknown kinds": 1,
    }


def test_what_it_says_in_the_users_name(lines: Any, told: Any) -> None:
    def kinds(*names: str) -> Any:
        return {"content_item_kinds": list(names)}

    session = told(
        lines(
            [
                meta(),
                message("developer", "You may"),
                message("user", "<environment_context>here</environment_context>"),
                message("user", "# AGENTS.md instructions for x"),
                message("user", "new words", internal_chat_message_metadata_passthrough=kinds("some.instructions")),
                message("user", "<skill> is a word", internal_chat_message_metadata_passthrough=kinds("user.text")),
            ]
        )
    )
    assert session.said == ["<skill> is a word"]
    assert session.left == {"instructions of the program": 4}


def test_what_was_rolled_back(lines: Any, told: Any) -> None:
    session = told(
        lines(
            [
                meta(),
                message("user", "one"),
                message("assistant", "1"),
                message("user", "two"),
                message("assistant", "2"),
                {"type": "event_msg", "payload": {"type": "thread_rolled_back", "num_turns": 1}},
                {"type": "compacted", "payload": {"message": "We counted."}},
                message("user", "three"),
            ]
        )
    )
    assert session.said == ["one", "three"]
    assert session.left == {"messages that were taken back": 2, "summaries of what is here in full": 1}


def test_the_first_versions_had_no_payload(lines: Any, told: Any) -> None:
    records = [
        {"id": "s", "timestamp": "2025-05-01T00:00:00Z", "instructions": None},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "do"}]},
        {"type": "function_call", "call_id": "a", "name": "shell", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "ok"},
    ]
    session = told(lines(records, "rollout-x.jsonl"))
    assert (session.log.program, session.said, session.results) == ("codex", ["do"], ["ok"])
    assert session.taken.origin["session"] == "rollout-x"
