"""What went wrong at the endpoint: MiniMax's numbers, HTTP's, and a sentence that says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from minicode.errors import AuthError, ModelError, TemporaryError

# kind: (worth trying again, what it is, what to do)
KINDS: dict[str, tuple[bool, str, str]] = {
    "auth": (
        False,
        "The key is refused",
        "Check MINIMAX_API_KEY, and that key and base URL belong to the same region (minimax.io or minimaxi.com) "
        "and the same kind (pay-as-you-go or plan). `minicode doctor` tries them.",
    ),
    "balance": (False, "The account has no balance left", "Top it up, or use another key."),
    "quota": (False, "The plan's quota is used up", "Wait for the reset, or use another key."),
    "model": (False, "This model is not available to the key", "Choose another with --model; see `minicode models`."),
    "verification": (False, "The account needs real-name verification", "Do it in the MiniMax console."),
    "rate": (True, "Too many requests", "Wait a little and try again."),
    "overloaded": (True, "The model is overloaded", "Try again in some minutes."),
    "server": (True, "The endpoint failed", "Try again; if it stays, report the request id to its operator."),
    "timeout": (True, "The endpoint gave no answer in time", "Try again."),
    "network": (True, "The connection failed", "Check the network and the base URL."),
    "cut": (True, "The reply was cut off", "Try again."),
    "garbled": (True, "The endpoint sent something unreadable", "Try again; check the base URL."),
    "empty": (True, "The model answered with nothing", "Try again, or say it in other words."),
    "tls": (False, "The endpoint's certificate is not trusted", "Set SSL_CERT_FILE if a proxy re-signs traffic."),
    "sensitive": (
        False,
        "MiniMax's content filter refused this turn",
        "Sending it again unchanged is useless: say it in other words or leave out what may have set it off.",
    ),
    "context": (
        False,
        "The conversation is longer than the model's context",
        "Fold it (/compact, or `minicode sessions fold`), or start anew.",
    ),
    "pairing": (False, "The endpoint sees a tool call without its result", "Report this with the request id."),
    "signature": (False, "The endpoint refuses the signature of a thought", "It is left out on the next try."),
    "request": (False, "The endpoint does not accept the request", "See its words; report it if they make no sense."),
    "path": (
        False,
        "There is no M2 endpoint at this address",
        "Set MINIMAX_BASE_URL to the root (https://api.minimax.io), or to the address ending in /anthropic or /v1.",
    ),
    "unknown": (False, "The endpoint gave an error that minicode does not know", "See its words."),
}

_CODES = {
    1000: "server",
    1001: "timeout",
    1002: "rate",
    1004: "auth",
    1008: "balance",
    1013: "server",
    1024: "server",
    1026: "sensitive",
    1027: "sensitive",
    1028: "quota",
    1030: "quota",
    1033: "server",
    1039: "rate",
    1041: "rate",
    1042: "request",
    2013: "request",
    2038: "verification",
    2045: "rate",
    2049: "auth",
    2056: "quota",
    2061: "model",
}
_STATUSES = {
    **dict.fromkeys((301, 302, 303, 307, 308), "path"),
    401: "auth",
    402: "balance",
    403: "auth",
    404: "path",
    405: "path",
    408: "timeout",
    409: "server",
    413: "context",
    425: "rate",
    429: "rate",
    501: "path",
    504: "timeout",
    529: "overloaded",
}
_TYPES = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate",
    "authentication_error": "auth",
    "authorized_error": "auth",
    "permission_error": "auth",
    "insufficient_balance_error": "balance",
    "timeout_error": "timeout",
    "api_error": "server",
    "not_found_error": "path",
}
_WORDS = (
    (re.compile(r"high traffic|under high load|overloaded", re.I), "overloaded"),
    (
        re.compile(r"context window exceeds|context length|exceeds? the (?:available )?context|too many tokens", re.I),
        "context",
    ),
    (re.compile(r"not yet implemented", re.I), "server"),
)
_REQUEST_WORDS = (
    (
        re.compile(r"context window|context length|exceeds? the (?:available )?context|prompt is too long", re.I),
        "context",
    ),
    (re.compile(r"tool result's tool id|tool call result does not follow|tool_use.*tool_result", re.I), "pairing"),
    (re.compile(r"not yet implemented", re.I), "server"),
    (re.compile(r"signature|thinking", re.I), "signature"),
    (re.compile(r"model.{0,40}(?:not (?:exist|found)|does not exist|unknown)", re.I), "model"),
)
_NUMBER = re.compile(r"\((\d{3,5})\)\s*$")
_RESET = re.compile(r"resets? at ([0-9T:.+\-Z ]{10,32})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


def clean(text: str, longest: int = 500) -> str:
    """A server's words as one line that cannot move a cursor."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


def fault(
    kind: str,
    words: str = "",
    *,
    cause: str = "",
    code: int = 0,
    status: int = 0,
    request_id: str = "",
    retry_after: float | None = None,
) -> ModelError:
    """The exception for one of KINDS. words: what the server said, already clean. cause: what we say ourselves."""
    again, what, advice = KINDS[kind]
    why = f": {cause}" if cause else ""
    said = f" (it said: {words})" if words else ""
    number = f" [{code or status}]" if code or status else ""
    reset = _RESET.search(words) if kind == "quota" else None
    if reset:
        advice = f"It resets at {reset.group(1).strip()}; wait until then, or use another key."
    trace = f" Request id: {request_id}." if request_id else ""
    error = AuthError if kind == "auth" else TemporaryError if again or kind == "quota" else ModelError
    return error(
        f"{what}{number}{why}{said}. {advice}{trace}",
        kind=kind,
        code=code,
        status=status,
        request_id=request_id,
        retry_after=retry_after,
    )


def unreachable(place: str, error: BaseException | None) -> ModelError:
    """No connection to `place` ("host:port"). error: what was raised; the reason may lie deep in its chain."""
    import socket
    import ssl

    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return fault("tls", cause=error.verify_message.rstrip("."))
        if isinstance(error, ssl.SSLError):
            reason = (error.reason or type(error).__name__).lower().replace("_", " ")
            return fault("network", cause=f"TLS with {place} failed, {reason}")
        if isinstance(error, socket.gaierror | UnicodeError):
            return fault("network", cause=f"no host of the name {place.rpartition(':')[0] or place} was found")
        if isinstance(error, ConnectionRefusedError):
            return fault("network", cause=f"nothing listens at {place}")
        if isinstance(error, OSError) and error.strerror:
            return fault("network", cause=f"{place}, {error.strerror.lower()}")
        inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = inner or error.__cause__ or error.__context__
    return fault("network", cause=f"{place} broke it off")


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
    """The fault in an HTTP answer that is none of ours. headers: names in lower case."""
    text = body[:65536].decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    request_id = headers.get("minimax-request-id") or headers.get("trace-id") or headers.get("request-id") or ""
    wait = _retry_after(headers.get("retry-after", ""))
    if isinstance(data, dict):
        return from_json(data, status=status, request_id=clean(request_id, 100), retry_after=wait)
    words = "" if "<html" in text[:2000].lower() else clean(text, 200)
    return fault(_kind(0, status, "", words), words, status=status, request_id=clean(request_id, 100), retry_after=wait)


def is_fault(data: Mapping[str, Any]) -> bool:
    """Whether a JSON value that came with status 200 is an error all the same."""
    base = data.get("base_resp")
    return bool(
        data.get("type") == "error"
        or data.get("error")
        or (isinstance(base, dict) and base.get("status_code") not in (0, None, "0"))
    )


def from_json(
    data: Mapping[str, Any], *, status: int = 0, request_id: str = "", retry_after: float | None = None
) -> ModelError:
    """The fault in an error body or in an error event, on any surface."""
    error = data.get("error")
    error = error if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}
    words = clean(_text(error.get("message")) or _text(data.get("message")) or _text(data.get("detail")))
    number = _NUMBER.search(words)
    code = int(number.group(1)) if number else 0
    base = data.get("base_resp")
    if not code and isinstance(base, dict):
        code = _number(base.get("status_code"))
        words = words or clean(_text(base.get("status_msg")))
    if status < 300:
        status = _number(error.get("http_code")) or _number(error.get("code")) or status
    request_id = clean(_text(data.get("request_id")), 100) or request_id
    kind = _kind(code, status, _text(error.get("type")), words)
    return fault(kind, words, code=code, status=status, request_id=request_id, retry_after=retry_after)


def _kind(code: int, status: int, type_: str, words: str) -> str:
    """By MiniMax's number first: it sends "no balance" with HTTP 500."""
    kind = _CODES.get(code, "")
    if not kind and status == 404 and "model" in words.lower():
        kind = "model"
    kind = kind or _STATUSES.get(status, "") or next((k for rule, k in _WORDS if rule.search(words)), "")
    if not kind and not (400 <= status < 500 and type_ == "api_error"):
        kind = _TYPES.get(type_, "")
    if not kind:
        kind = "server" if status >= 500 else "request" if 400 <= status < 500 or "invalid" in type_ else "unknown"
    if kind in ("request", "unknown"):
        kind = next((k for rule, k in _REQUEST_WORDS if rule.search(words)), kind)
    return kind


def _retry_after(value: str) -> float | None:
    """Seconds, from a number of seconds or an HTTP date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime
    from time import time

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdigit() else 0
