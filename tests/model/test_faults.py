from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from minicode.errors import AuthError, ModelError, TemporaryError
from minicode.model.faults import KINDS, fault, from_answer, from_json


def body(message: str, type_: str = "api_error", **more: object) -> bytes:
    return json.dumps({"type": "error", "error": {"type": type_, "message": message}, **more}).encode()


TABLE = [
    (401, body("login fail (1004)", "authorized_error"), "auth", 1004, AuthError),
    (401, b"", "auth", 0, AuthError),
    (200, body("invalid api key (2049)"), "auth", 2049, AuthError),
    (500, body("insufficient balance (1008)"), "balance", 1008, ModelError),
    (429, body("insufficient balance (1008)", "insufficient_balance_error"), "balance", 1008, ModelError),
    (500, body("your current token plan not support model (2061)"), "model", 2061, ModelError),
    (429, body("usage limit exceeded, resets at 2026-10-02T05:00:00Z (2056)"), "quota", 2056, TemporaryError),
    (429, body("rate limit (1002)", "rate_limit_error"), "rate", 1002, TemporaryError),
    (429, b"slow down", "rate", 0, TemporaryError),
    (500, body("unknown error, 999 (1000)"), "server", 1000, TemporaryError),
    (500, body("unknown error, 520 (1033)"), "server", 1033, TemporaryError),
    (529, body("overloaded", "overloaded_error"), "overloaded", 0, TemporaryError),
    (500, body("High traffic detected. Please retry."), "overloaded", 0, TemporaryError),
    (200, body("the server cluster is currently under high load", "overloaded_error"), "overloaded", 0, TemporaryError),
    (502, b"<html><body>Bad Gateway</body></html>", "server", 0, TemporaryError),
    (504, b"<html>", "timeout", 0, TemporaryError),
    (404, b"404 page not found", "path", 0, ModelError),
    (404, body("The model `x` does not exist.", "not_found_error"), "model", 0, ModelError),
    (307, b"", "path", 0, ModelError),
    (
        400,
        body("invalid params, context window exceeds limit (2013)", "invalid_request_error"),
        "context",
        2013,
        ModelError,
    ),
    (400, body("tool result's tool id(x) not found (2013)"), "pairing", 2013, ModelError),
    (400, body("tool call result does not follow tool call (2013)"), "pairing", 2013, ModelError),
    (400, body("invalid params, chat content is empty (2013)"), "request", 2013, ModelError),
    (400, body("Invalid `signature` in `thinking` block"), "signature", 0, ModelError),
    (400, body("tools: Not yet implemented"), "server", 0, TemporaryError),
    (400, b'{"detail": "bad"}', "request", 0, ModelError),
    (422, b'{"error": "bad field"}', "request", 0, ModelError),
    (200, b'{"base_resp": {"status_code": 1004, "status_msg": "no"}}', "auth", 1004, AuthError),
    (200, body("input new_sensitive (1026)"), "sensitive", 1026, ModelError),
    (200, b'{"error": {"message": "x", "http_code": "429"}}', "rate", 0, TemporaryError),
    (418, b"teapot", "request", 0, ModelError),
    (413, b"", "context", 0, ModelError),
]


@pytest.mark.parametrize(("status", "answer", "kind", "code", "type_"), TABLE)
def test_the_table(status: int, answer: bytes, kind: str, code: int, type_: type[ModelError]) -> None:
    error = from_answer(status, {}, answer)
    assert (error.kind, error.code, type(error)) == (kind, code, type_)


def test_a_quota_names_its_reset_and_a_wrong_path_the_right_ones() -> None:
    quota = from_answer(429, {}, body("5h usage limit, resets at 2026-10-02T05:00:00Z (2056)"))
    assert "It resets at 2026-10-02T05:00:00Z" in str(quota)
    assert "MINIMAX_BASE_URL" in str(from_answer(404, {}, b"404 page not found"))


def test_the_request_id_is_told_wherever_it_is() -> None:
    assert "Request id: abc." in str(from_answer(500, {"trace-id": "abc"}, b""))
    error = from_answer(500, {"trace-id": "abc"}, body("x (1000)", request_id="def"))
    assert error.request_id == "def"


def test_a_servers_words_cannot_steer_the_terminal() -> None:
    text = str(from_json({"error": {"message": "a\x1b[2Jb\u202ec\nd"}}))
    assert "a [2Jb c d" in text


def test_retry_after_is_seconds_or_a_date() -> None:
    assert from_answer(429, {"retry-after": "7"}, b"").retry_after == 7
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    wait = from_answer(429, {"retry-after": later}, b"").retry_after
    assert wait is not None
    assert 90 < wait <= 100
    assert from_answer(429, {"retry-after": "soon"}, b"").retry_after is None


def test_our_own_words_are_not_put_into_the_servers_mouth() -> None:
    told = "The connection failed: nothing listens at x:1. Check the network and the base URL."
    assert str(fault("network", cause="nothing listens at x:1")) == told
    assert "[1000] (it said: unknown error). Try" in str(fault("server", "unknown error", code=1000))


def test_every_kind_makes_whole_sentences() -> None:
    for kind in KINDS:
        assert str(fault(kind)).endswith(".")
