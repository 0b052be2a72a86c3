"""Kimi and Mistral Vibe: what their real sessions do not show, and stores that lie."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import SessionError
from minicode.foreign import kimi
from minicode.foreign.programs import logs_at
from minicode.foreign.take import take
from minicode.redact import Redactor


def appended(words: str, **origin: Any) -> dict[str, Any]:
    message = {"role": "user", "content": [{"type": "text", "text": words}], "origin": origin}
    return {"type": "context.append_message", "message": message, "time": 1795334033287}


def test_kimi_code_takes_back_and_sums_up(lines: Any, told: Any) -> None:
    path = lines(
        [
            {"type": "metadata", "protocol_version": "1.5"},
            appended("one", kind="user"),
            appended("<system-reminder>", kind="injection"),
            appended("two", kind="user"),
            {"type": "context.undo", "count": 1},
            {"type": "context.apply_compaction", "summary": "We began."},
            appended("three", kind="user"),
            {"type": "context.append_loop_event", "event": {"type": "never.heard.of"}},
            {"type": "never.heard.of"},
        ],
        "session_x/agents/main/wire.jsonl",
    )
    session = told(path)
    assert session.said == ["one", "three"]
    assert session.taken.entries[0].at == "2026-11-22T07:53:53.287Z"
    assert session.left == {
        "instructions of the program": 1,
        "messages that were taken back": 1,
        "summaries of what is here in full": 1,
        "records of unknown kinds": 2,
        "records of the program itself": 1,
    }


def test_kimi_cli_without_a_wire_log(real: Path, told: Any, tmp_path: Path) -> None:
    shutil.copytree(real / "kimi-1.44", tmp_path / "s", ignore=shutil.ignore_patterns("wire.jsonl"))
    session = told(tmp_path / "s")
    assert session.said == ["list the files", "and again"]
    assert len(session.thoughts) == 4
    assert "a.txt" in session.results[0]


def test_kimi_cli_after_a_compaction(lines: Any, told: Any) -> None:
    summary = "<system>Previous context has been compacted. Here is the compaction output:</system>"
    parts = [{"type": "text", "text": summary}, {"type": "text", "text": "We began."}]
    session = told(
        lines([{"role": "user", "content": parts}, {"role": "assistant", "content": "so"}], "s/context.jsonl")
    )
    [said] = session.said
    assert said.startswith("[Of what came before, only this summary")
    assert "We began." in said


def test_the_folder_of_kimi_cli_is_in_a_list_beside_the_sessions(real: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (share := tmp_path / "share").mkdir()
    (share / "kimi.json").write_text(json.dumps({"work_dirs": [{"path": "/other"}, {"path": str(work)}]}))
    [_, old] = kimi.roots({"KIMI_SHARE_DIR": str(share)}, tmp_path, work)
    shutil.copytree(real / "kimi-1.44", old / "a-session")
    assert kimi.about(old / "a-session").folder == str(work)


@pytest.mark.parametrize("path", ["/", "/k", "/k/s", "/k/s/a"])
def test_a_session_near_the_root_of_the_disk(path: str) -> None:
    assert kimi.about(Path(path)).folder == ""


def test_what_is_told_of_a_log_holds_no_secret(tmp_path: Path) -> None:
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    said = {"message": {"type": "TurnBegin", "payload": {"user_input": [{"text": "hi"}, {"type": secret}]}}}
    (tmp_path / "wire.jsonl").write_text(json.dumps(said) + "\n")
    [log] = logs_at(tmp_path)
    taken = take(log, Redactor(()).text)
    assert "parts of type ‹redacted:github-token›" in taken.note
    assert secret not in f"{taken}"


def test_a_store_of_vibe_leads_nowhere_else(real: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(real / "vibe-3.0", store)
    [outside] = [*(store / "chunks").iterdir()]
    outside.rename(tmp_path / "outside.json")
    [manifest] = store.glob("generations/*30/manifest.json")
    kept = json.loads(manifest.read_text())
    kept["checkpoint"]["chunks"] = ["../../outside"]
    manifest.write_text(json.dumps(kept))
    [log] = logs_at(store)
    with pytest.raises(SessionError, match=r"holds no conversation.*1 broken lines"):
        take(log, str)


@pytest.mark.parametrize("damage", ["CURRENT", "generations/0000000000000030/manifest.json"])
def test_a_damaged_store_of_vibe(real: Path, tmp_path: Path, damage: str) -> None:
    store = tmp_path / "store"
    shutil.copytree(real / "vibe-3.0", store)
    (store / damage).write_text('{"generation": {"a": 1}, "checkpoint": [], "recovery_journal_segment": 7}')
    [log] = logs_at(store)
    with pytest.raises(SessionError, match="holds no conversation"):
        take(log, str)
