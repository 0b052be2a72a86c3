from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from minicode.journal.check import verify
from minicode.journal.entry import Entry
from minicode.journal.writer import Journal

PARAMS = {"model": "M2", "max_tokens": 1, "temperature": 1.0, "top_p": None, "top_k": None}
SENT = {"wire": "anthropic", "options": {}, "params": PARAMS}


def rebuild(branch: Sequence[Entry]) -> bytes:
    """A request as simple as can be: the words so far, in the model's name."""
    assert branch[-1].kind == "request"
    return f"{branch[-1].data['model']}: {[e.data for e in branch if e.kind in ('user', 'reply')]}".encode()


def ask(journal: Journal, thinking: int) -> Entry:
    probe = Entry("", None, "", "request", {"model": "M2"})
    body = rebuild([*journal.branch, probe])
    data = {**SENT, "model": "M2", "sha256": sha256(body).hexdigest(), "bytes": len(body), "thinking": thinking}
    return journal.append("request", data)


def answer(journal: Journal, *calls: str) -> Entry:
    blocks = [{"type": "tool_use", "id": id_, "name": "bash", "input": {}} for id_ in calls]
    return journal.append("reply", {"content": [{"type": "thinking", "thinking": "hm"}, *blocks]})


def test_a_whole_session_is_proven_whole(session: Journal) -> None:
    assert session.path
    ask(session, 0)
    reply = answer(session, "a", "b")
    for id_ in "ba":
        session.append("result", {"call_id": id_, "name": "bash", "text": ""})
    ask(session, 1)
    answer(session)
    session.append("leaf", {"to": reply.id})  # the same calls answered again, on another branch
    session.append("result", {"call_id": "a", "name": "bash", "text": ""})
    report = verify(session.path, lambda request: rebuild(session.path_to(request.id)))
    assert report.ok
    assert (report.calls, report.results, report.unanswered) == (2, 3, ())
    assert (report.requests, report.checked, report.issued, report.returned) == (2, 2, 1, 1)
    assert verify(session.path).checked == 0


def test_what_is_wrong_is_named(session: Journal) -> None:
    assert session.path
    good = ask(session, 0)
    answer(session, "a", "b")
    session.append("result", {"call_id": "a", "name": "bash", "text": ""})
    twice = session.append("result", {"call_id": "a", "name": "bash", "text": ""})
    stray = session.append("result", {"call_id": "z", "name": "bash", "text": ""})
    bad = session.append("request", {**SENT, "model": "M2", "sha256": "0" * 64, "thinking": 0})
    unmakable = session.append("request", {**SENT, "sha256": "0" * 64, "thinking": 0})
    report = verify(session.path, lambda request: rebuild(session.path_to(request.id)))
    assert not report.ok
    assert report.orphans == (twice.id, stray.id)
    assert report.unanswered == ("b",)
    assert report.mismatched == (bad.id, unmakable.id)
    assert good.id not in report.mismatched
    assert (report.issued, report.returned) == (1, 0)


def test_damage_is_not_ok(session: Journal) -> None:
    assert session.path
    with session.path.open("ab") as file:
        file.write(b"garbage\n{")
    report = verify(session.path)
    assert (report.damaged, report.cut, report.torn, report.ok, report.entries) == (1, 1, True, False, 2)


def test_a_record_that_a_crash_cut_is_no_harm(session: Journal) -> None:
    assert session.path
    with session.path.open("ab") as file:
        file.write(b'{"id":"e9","parent":"e8","at":"2026')
    report = verify(session.path)
    assert (report.damaged, report.cut, report.ok) == (0, 1, True)
