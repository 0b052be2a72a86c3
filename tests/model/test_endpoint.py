from __future__ import annotations

import pytest

from minicode.errors import ConfigError
from minicode.model.endpoint import CHINA, INTERNATIONAL, endpoint

M, A, C = "/v1/messages", "/anthropic/v1/messages", "/v1/chat/completions"


@pytest.mark.parametrize(
    ("given", "protocol", "paths"),
    [
        ("", "auto", [A]),
        (INTERNATIONAL, "auto", [A]),
        (f"{CHINA}/", "auto", [A]),
        (f"{INTERNATIONAL}/anthropic", "auto", [A]),
        (f"{INTERNATIONAL}/anthropic/", "auto", [A]),
        (f"{INTERNATIONAL}/v1", "auto", [A]),
        (f"{INTERNATIONAL}{A}", "auto", [A]),
        (f"{INTERNATIONAL}{C}", "auto", [C]),
        (INTERNATIONAL, "openai", [C]),
        (f"{INTERNATIONAL}/anthropic", "openai", [C]),
        (f"{INTERNATIONAL}/v1", "openai", [C]),
        ("api.minimax.io", "auto", [A]),
        ("http://127.0.0.1:8000", "auto", [M, A, C]),
        ("http://127.0.0.1:8000/v1", "auto", [M, A, C]),
        ("http://127.0.0.1:8000/v1", "openai", [C]),
        ("http://127.0.0.1:8000/anthropic", "auto", [A]),
        (f"http://127.0.0.1:8000{M}", "auto", [M]),
        (f"http://127.0.0.1:8000{C}", "auto", [C]),
        ("http://127.0.0.1:8000", "anthropic", [M, A]),
        ("localhost:8000/v1", "auto", [M, A, C]),
        ("http://[::1]:8000", "openai", [C]),
        ("https://example.com/m2/v1", "openai", [f"/m2{C}"]),
        ("https://example.com/api/chat/completions", "auto", ["/api/chat/completions"]),
    ],
)
def test_addresses(given: str, protocol: str, paths: list[str]) -> None:
    found = endpoint(given, protocol)
    origin = found.root.split("/m2")[0].split("/api/")[0].removesuffix("/api")
    assert [url.removeprefix(origin) for _, url in found.surfaces] == paths
    assert all(("openai" if "chat" in url else "anthropic") == wire for wire, url in found.surfaces)
    assert found.hosted == ("minimax" in found.root)
    assert found.loopback == found.root.startswith(("http://127", "http://localhost", "http://[::1]"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("http://example.com/v1", "unencrypted"),
        ("http://10.0.0.7:8000", "unencrypted"),
        ("http://127.0.0.1.example.com", "unencrypted"),
        ("ftp://example.com", "no web address"),
        ("https://", "no web address"),
        ("https://example.com:port", "no web address"),
        ("https://user:secret@example.com", "MINIMAX_API_KEY"),
    ],
)
def test_bad_addresses_are_told_why(given: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        endpoint(given)


def test_a_host_that_only_looks_like_minimax_is_not_hosted() -> None:
    assert not endpoint("https://minimax.io.example.com").hosted
    assert not endpoint("https://notminimax.io").hosted


def test_an_unknown_protocol() -> None:
    with pytest.raises(ConfigError, match="'grpc'"):
        endpoint("", "grpc")
