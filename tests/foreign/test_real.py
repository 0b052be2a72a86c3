"""What the real programs wrote becomes a conversation that M2 can go on with."""

from __future__ import annotations

from typing import Any

import pytest

TWICE = ["list the files", "and again"]


@pytest.mark.parametrize(
    ("name", "program", "said", "calls"),
    [
        ("claude-2.1", "claude", [*TWICE, "after it"], ["Bash", "Read"] * 3),
        ("claude-1.0", "claude", TWICE, ["Bash", "Read"] * 2),
        ("codex-0.45", "codex", TWICE[:1], ["shell"]),
        ("codex-0.169", "codex", TWICE, ["exec_command"] * 2),
        ("kimi-1.44", "kimi", TWICE, ["Shell", "ReadFile"] * 2),
        ("kimi-2.1", "kimi", TWICE, ["Bash", "Read"] * 2),
        ("vibe-2.10", "vibe", TWICE, ["bash", "read_file"] * 2),
        ("vibe-3.0", "vibe", TWICE[:1], ["bash", "read_file"]),
    ],
)
def test_whole(real: Any, told: Any, name: str, program: str, said: list[str], calls: list[str]) -> None:
    session = told(real / name)
    assert session.log.program == program
    assert session.said == said
    assert [call.name for call in session.calls] == calls
    assert len(session.thoughts) == 2 * len(said)  # one before the calls of a turn, one before its answer
    assert all("Thought" in thought for thought in session.thoughts)
    assert len(session.results) == len(calls)
    assert "a.txt" in session.results[0]
    assert all("hello" in text or "Invalid args" in text for text in session.results[1 :: len(calls) // len(said)]) or (
        program == "codex"
    )
    assert not any(block.signature or block.keep for reply in session.replies for block in reply.thinking)
    assert all("All done" in reply.text for reply in session.replies if not reply.calls)
    assert session.taken.origin["session"] == session.taken.about.session != ""
    assert "unknown" not in str(session.left)


def test_the_times_are_kept(real: Any, told: Any) -> None:
    entries = told(real / "codex-0.169").taken.entries
    assert (entries[0].kind, entries[0].at) == ("user", "2026-11-22T07:46:54.387Z")
    assert entries[-2].at == "2026-11-22T07:46:55.037Z"
    assert entries[-1].kind == "note"
    assert entries[-1].at > entries[-2].at


def test_a_real_compaction_adds_nothing_to_what_it_sums_up(real: Any, told: Any) -> None:
    session = told(real / "claude-2.1")
    assert session.left["summaries of what is here in full"] == 1
    assert not any("continued from a previous" in text or "/compact" in text for text in session.said)


def test_the_last_turn_of_a_session_that_was_killed(real: Any, told: Any) -> None:
    session = told(real / "vibe-3.0-killed")
    assert session.said == TWICE[:1]
    [bash, read] = session.results
    assert bash.startswith("interrupted")
    assert "hello" in read
    assert session.left["calls without a result, which are marked so"] == 1


def test_the_file_in_the_folder_is_the_session(real: Any, told: Any) -> None:
    for name in (
        "kimi-2.1/agents/main/wire.jsonl",
        "kimi-1.44/context.jsonl",
        "vibe-3.0/CURRENT",
        "vibe-2.10/meta.json",
    ):
        assert told(real / name).log.path == real / name.split("/")[0]
