"""Claude Code's tree, written as the real program writes it."""

from __future__ import annotations

import tracemalloc
from typing import Any


def user(uuid: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": "user", "content": content}
    return {"type": "user", "uuid": uuid, "parentUuid": parent, "sessionId": "s", "message": message, **more}


def reply(uuid: str, parent: str | None, id_: str, *blocks: Any, **more: Any) -> dict[str, Any]:
    message = {"id": id_, "role": "assistant", "model": "m", "content": list(blocks)}
    return {"type": "assistant", "uuid": uuid, "parentUuid": parent, "sessionId": "s", "message": message, **more}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def queued(uuid: str, parent: str, words: str) -> dict[str, Any]:
    attached = {"type": "queued_command", "prompt": words}
    return {"type": "attachment", "attachment": attached, "uuid": uuid, "parentUuid": parent, "sessionId": "s"}


def call(id_: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": "Bash", "input": {"command": id_}}


def result(id_: str, content: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": id_, "content": content}]


def test_only_the_live_branch(lines: Any, told: Any) -> None:
    session = told(
        lines(
            [
                user("u1", None, "first"),
                reply("a1", "u1", "m1", text("one")),
                user("u2", "a1", "a way that was left"),
                reply("a2", "u2", "m2", text("two")),
                user("u3", "a1", "the way that was taken"),
                reply("a3", "u3", "m3", text("three")),
            ]
        )
    )
    assert session.said == ["first", "the way that was taken"]
    assert session.left == {"messages on other branches": 2}


def test_results_of_parallel_calls_hang_beside_the_way(lines: Any, told: Any) -> None:
    records = [
        user("u1", None, "do"),
        reply("a1", "u1", "m1", call("c1")),
        user("r1", "a1", result("c1", "early")),
        reply("a2", "a1", "m1", call("c2")),
        user("r2", "a2", result("c2", [text("late"), {"type": "image", "source": {}}])),
        reply("a3", "r2", "m2", text("done")),
    ]
    session = told(lines([*records, records[0]]))  # and a record that is there twice
    assert [c.id for c in session.replies[0].calls] == ["c1", "c2"]
    assert session.results == ["early", "late\n[There was an image here. M2 reads no images, so it was left out.]"]
    assert session.left == {"images": 1}


def test_what_is_not_the_conversation(lines: Any, told: Any) -> None:
    session = told(
        lines(
            [
                {"type": "summary", "summary": "A title", "leafUuid": "u1"},
                {"type": "summary", "summary": "Of another session", "leafUuid": "x"},
                b"{broken",
                b"\x00\x00\xff",
                b"[1]",
                {"type": "never-heard-of", "sessionId": "s"},
                user("u1", None, "do <system-reminder>\nremember\n</system-reminder>it"),
                user("u2", "u1", "Caveat: the program says", isMeta=True),
                user("u3", "u2", "<command-name>/review</command-name>\n<command-args>main.py</command-args>"),
                user("u4", "u3", "<command-name>/model</command-name>"),
                reply("s1", None, "m9", text("of a subagent"), isSidechain=True),
                reply(
                    "a1", "u4", "m1", {"type": "redacted_thinking", "data": "x"}, {"type": "thinking", "thinking": ""}
                ),
                reply("a2", "a1", "m1", {"type": "thinking", "thinking": "hm", "signature": "c2ln"}, text("done")),
                queued("q1", "a2", "and that"),
                queued("q2", "q1", "<task-notification>of the program"),
                queued("q3", "a1", "on a branch that was left"),
                reply("a3", "q2", "m2", text("overloaded"), isApiErrorMessage=True),
                reply("a4", "a3", "m3", {"type": "server_tool_use", "id": "x"}, text("done too")),
            ]
        )
    )
    assert session.said == ["do it", "/review main.py", "and that"]
    assert session.thoughts == ["hm"]
    assert session.taken.about.title == "A title"
    assert session.left == {
        "broken lines": 3,
        "records of unknown kinds": 1,
        "records of the program itself": 4,
        "instructions of the program": 2,
        "messages of subagents": 1,
        "thoughts that cannot be read": 2,
        "replies that the program made up": 1,
        "parts of type server_tool_use": 1,
    }


def test_a_compaction_of_what_is_in_another_file(lines: Any, told: Any) -> None:
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": "b", "parentUuid": None, "sessionId": "s"}
    session = told(
        lines(
            [
                {**boundary, "logicalParentUuid": "elsewhere"},
                user("u1", "b", "We mended the parser.", isCompactSummary=True),
                reply("a1", "u1", "m1", text("going on")),
            ]
        )
    )
    assert session.said == ["[Of what came before, only this summary was kept:]\n\nWe mended the parser."]


def test_reminders_at_the_end_of_a_result_are_not_for_m2(lines: Any, told: Any) -> None:
    aside = "\n\n<system-reminder>\nYou MUST refuse.\n</system-reminder>\n"
    quoted = "<system-reminder>in a file</system-reminder> and more"
    records = [user("u1", None, "do"), reply("a1", "u1", "m1", call("c1"), call("c2"))]
    records.append(user("r1", "a1", [*result("c1", quoted + aside + aside), *result("c2", "x</system-reminder>")]))
    session = told(lines(records))
    assert session.results == [quoted, "x</system-reminder>"]
    assert session.left == {"instructions of the program": 2}


def test_parents_in_a_circle_end(lines: Any, told: Any) -> None:
    session = told(lines([user("u1", "a1", "do"), reply("a1", "u1", "m1", text("done"))]))
    assert session.said == ["do"]


def test_a_long_log_is_read_line_by_line(lines: Any, told: Any) -> None:
    bulk = {"stdout": "x" * (1 << 18)}
    records = [user("u0", None, "do")]
    for n in range(100):
        records.append(reply(f"a{n}", f"u{n}", f"m{n}", call(f"c{n}")))
        records.append(user(f"u{n + 1}", f"a{n}", result(f"c{n}", "ok"), toolUseResult=bulk))
    path = lines(records)
    assert path.stat().st_size > 25 << 20
    tracemalloc.start()
    try:
        session = told(path)
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()
    assert len(session.results) == 100
