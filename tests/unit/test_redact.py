"""Redaction: what is a secret goes, what only looks a little like one stays, and no input makes it slow."""

from __future__ import annotations

import base64
import json
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicode.redact import MARKED, Overlap, Redactor, known_secrets

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-canary+of/ours=1"  # its letters change in a URL
LINES = "\n".join(
    "Qk1JSUV2UUlCQURBTkJna3Foa2lHOXcwQkFRRUZBQVND"[n:] + "QmN3Z2dTakFnRUFBb0lCQVFD"[: n + 1] for n in range(9)
)
BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
# In two parts, so that nobody's scanner takes this file for a leak.
SHAPES = [
    ("aws-key", "AKIA" + "Q3EGRIJ4ZKD7WXYZ"),
    ("aws-key", "ASIA" + "Q3EGRIJ4ZKD7WXYZ"),
    ("github-token", "ghp_" + "a1B2c3D4" * 4 + "e5F6"),
    ("github-token", "ghs_" + "a1B2c3D4" * 4 + "e5F6"),
    ("github-token", "github_pat_" + "11ABCDEFG0" + "a1B2c3D4_" * 6),
    ("gitlab-token", "glpat-" + "a1B2c3D4e5F6g7H8i9J0"),
    ("slack-token", "xoxb-" + "1234567890-abcdefABCDEF"),
    ("api-key", "sk-" + "a1B2c3D4e5F6g7H8i9J0k1L2"),
    ("api-key", "sk-ant-" + "api03-a1B2c3D4_e5F6-g7H8i9J0"),
    ("api-key", "sk-proj-" + "a1B2c3D4_e5F6-g7H8i9J0"),
    ("api-key", "sk-cp-" + "a1B2c3D4-e5F6g7H8i9J0"),
    ("stripe-key", "sk_live_" + "a1B2c3D4e5F6g7H8"),
    ("npm-token", "npm_" + "a1B2c3D4" * 4 + "e5F6"),
    ("pypi-token", "pypi-AgE" + "IcHlwaS5vcmcCJ" * 4),
    ("google-key", "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"),
    ("huggingface-token", "hf_" + "a1B2c3D4" * 4 + "e5"),
    ("age-key", "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0" * 3),
    ("jwt", "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0In0." + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r"),
]
AROUND = [  # what stays before it, the secret, what stays after it
    ("aws-secret", "aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzzzzzzzzKY", "\n"),
    ("aws-secret", '"SecretAccessKey": "', "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzzzzzzzzKY", '"'),
    ("credentials", "Authorization: Bearer ", "abcdef.ghijkl-mnopqr", "\n"),
    ("credentials", "-H 'authorization: Basic ", "dXNlcjpwYXNzd29yZA==", "'"),
    ("credentials", "sent Bearer ", "a1b2c3d4e5f6g7h8", " to"),
    ("credentials", "X-Api-Key: ", "abcdefgh1234", "\n"),
    ("password", "postgres://joe:", "hunter2:x!", "@db.example/x"),
    ("password", "https://:", "hunter2", "@[::1]/"),
    ("slack-webhook", "https://hooks.slack.com/services/", "T0A1B2C3D/B0A1B2C3D/" + "a1B2c3D4e5F6g7H8i9J0k1L2", '"'),
]
INNOCENT = [
    "task-1234567890123456789012345",
    "sk-folding-cube-with-a-long-class-name",
    "const disk-sk-1234567890123456789012",
    "f'Authorization: Bearer {key}'",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer YOUR_ACCESS_TOKEN",
    "the bearer of administrative-responsibilities",
    "postgres://user:${PASSWORD}@host",
    'f"https://{user}:{password}@{host}"',
    "https://example.com:8080/@scope/package",
    "see http://a.example/x: mail joe@example.com",
    "MAKIAVELLIANABCDEFGHIJ",
    "npm_config_registry",
    "xoxo-",
    "pypi-publish",
    "eyJ",
    f'if text.startswith("{BEGIN}") and\n    text.rstrip().endswith("{END}"):\n',
    f"{BEGIN} is how it begins, and not more",
    "a3f5c2d1e4b6a7988c0d1e2f3a4b5c6d7e8f9a0b",
    "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
]


@pytest.mark.parametrize(("kind", "secret"), SHAPES)
@pytest.mark.parametrize("frame", ["{}", "token='{}';", "a: {}\nb", "x={}&y"])
def test_secrets_with_a_form(kind: str, secret: str, frame: str) -> None:
    assert Redactor().text(frame.format(secret)) == frame.format(f"‹redacted:{kind}›")


@pytest.mark.parametrize(("kind", "before", "secret", "after"), AROUND)
def test_secrets_that_their_place_tells(kind: str, before: str, secret: str, after: str) -> None:
    assert Redactor().text(before + secret + after) == f"{before}‹redacted:{kind}›{after}"


@pytest.mark.parametrize("text", INNOCENT)
def test_ordinary_text_stays(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        "before\n{}\nafter",
        lambda block: json.dumps({"key": block}),
        lambda block: "\n".join(f"{n}\t{line}" for n, line in enumerate(block.split("\n"), 1)),
        lambda block: "\n".join(f"conf/id_rsa:{n}:{line}" for n, line in enumerate(block.split("\n"), 1)),
        lambda block: block.replace("\n", "\n+"),
        lambda block: block.replace("\n", "\r\n"),
        lambda block: block.replace("\n", " "),
        lambda block: block.rsplit("\n", 1)[0],
        lambda block: block.split("\n", 1)[1],
        lambda block: "\n".join(f"{n}\t{line}" for n, line in enumerate(block.split("\n")[3:], 4)),
        lambda block: block.replace(
            "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n", 1
        ),
        lambda block: block.replace("RSA ", "OPENSSH "),
        lambda block: block.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
    ],
)
def test_private_keys_go_whole(frame: object) -> None:
    block = f"{BEGIN}\n{LINES}\n{END}"
    text = Redactor().text(frame(block) if callable(frame) else str(frame).format(block))
    assert "‹redacted:private-key›" in text
    assert not any(line[5:30] in text for line in LINES.split("\n")), text


def test_what_is_not_of_the_key_stays() -> None:
    text = f"a = 1\n{BEGIN}\n{LINES}\n{END}\nb = 2\n{BEGIN}\n{LINES}\nThe rest was cut off, it says.\n"
    assert Redactor().text(text) == (
        "a = 1\n‹redacted:private-key›\nb = 2\n‹redacted:private-key›\nThe rest was cut off, it says.\n"
    )


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        quote(KEY, safe=""),
        *(base64.b64encode(b"x" * n + KEY.encode() + b"\nmore").decode() for n in range(4)),
        *(base64.urlsafe_b64encode(b"x" * n + KEY.encode()).decode() for n in range(4)),
    ],
)
def test_a_known_secret_goes_however_it_is_written(written: str) -> None:
    shown = Redactor([KEY]).text(f"<{written}>")
    assert "‹redacted:secret›" in shown
    assert not any(written[n : n + 12] in shown for n in range(len(written) - 12))


def test_short_secrets_would_be_everywhere() -> None:
    assert Redactor(["1234567"]).text("1234567") == "1234567"
    assert Redactor(["12345678"]).text("12345678") == "‹redacted:secret›"


def test_of_several_lines_each_one_is_known() -> None:
    redactor = Redactor([LINES])
    assert LINES.split("\n")[4] not in redactor.text(f"5\t{LINES.split(chr(10))[4]}\n")


def test_bytes_keep_what_is_no_text() -> None:
    assert (
        Redactor([KEY]).data(b"\xff\0" + KEY.encode() + b"\xfe") == b"\xff\0" + "‹redacted:secret›".encode() + b"\xfe"
    )
    same = b"\xff\xfe nothing"
    assert Redactor([KEY]).data(same) is same


def test_what_our_environment_tells() -> None:
    environ = {
        "GITHUB_TOKEN": "t0ken-of-github",
        "DB_PASSWORD": "correct horse battery",
        "PGPASSWORD": "hunter2hunter2",
        "APP_SECRET_KEY": "development",  # a word of every second source file
        "SSH_KEY": "/home/joe/.ssh/id_rsa",
        "MAX_TOKENS": "1234567890",
        "EDITOR": "vim-with-options",
        "SHORT_KEY": "a1b2",
    }
    assert known_secrets(environ, "our-own-key") == (
        "our-own-key", "t0ken-of-github", "correct horse battery", "hunter2hunter2",
    )  # fmt: skip


def test_marks_are_known_as_marks() -> None:
    for kind, secret in SHAPES:
        assert MARKED.fullmatch(Redactor().text(secret)), kind


def test_our_own_sources_stay_as_they_are() -> None:
    redactor = Redactor()
    paths = [p for folder in ("minicode", "tools", "prompts") for p in (ROOT / folder).rglob("*.*")]
    sources = [p for p in paths if p.suffix in (".py", ".md", ".toml", ".json")]
    assert len(sources) > 50
    for path in sources:
        assert redactor.spans(path.read_text("utf-8")) == [], path


ALL = [secret for _, secret in SHAPES] + [before + secret + after for _, before, secret, after in AROUND]


@given(
    st.lists(st.sampled_from([*ALL, KEY, BEGIN, END, LINES, "‹redacted:jwt›", "\n", " ", "://joe:", "a@b"]) | st.text())
)
def test_twice_is_once(parts: list[str]) -> None:
    redactor = Redactor([KEY])
    once = redactor.text(" ".join(parts))
    assert KEY not in once
    assert redactor.text(once) == once


BOMBS = [
    "AKIA", "ghp_", "glpat-", "xoxb-", "sk-", "sk-ant-", "sk-a", "eyJ", "eyJa", "eyJaaaaaaaa.", "bearer ", "Bearer a",
    "Authorization: ", "authorization:\t", "://", "://a:", "://a:b@", "a:@", "secret_access_key=", "session_token=a",
    "hooks.slack.com/", BEGIN, BEGIN + "\n", END, END + "\n", BEGIN + "\n" + "A" * 60 + "\n", "\n" + "A" * 60, "A",
    "-", "-\n", "a-", "1:", "github_pat_", "pypi-AgE", "sk-canary", "PRIVATE KEY-----", BEGIN + END, "‹redacted:",
]  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("tail", ["", "\n" + END], ids=["", "end"])
def test_linear_time(bomb: str, tail: str) -> None:
    redactor = Redactor([KEY])

    def seconds(size: int) -> float:
        text = bomb * (size // len(bomb)) + tail
        begun = time.process_time()
        redactor.text(text)
        return time.process_time() - begun

    small, big = min(seconds(20_000) for _ in range(2)), min(seconds(160_000) for _ in range(2))
    assert big < 24 * small + 0.05, (small, big)  # eight times the text; a quadratic one takes 64 times as long


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(places)]


@given(
    st.lists(st.sampled_from([*ALL, KEY, f"{BEGIN}\n{LINES}\n{END}", "word ", "\n", "\r", "10% "]), max_size=8),
    st.lists(st.integers(min_value=0, max_value=10_000), max_size=12),
)
def test_in_pieces_as_in_one(parts: list[str], cuts: list[int]) -> None:
    text = "\n".join(parts)
    overlap = Overlap(Redactor([KEY]))
    shown = "".join([*(overlap.feed(piece) for piece in pieces(text, cuts)), overlap.close()])
    assert shown == Redactor([KEY]).text(text)


def test_whole_lines_are_not_held_back() -> None:
    overlap = Overlap(Redactor([KEY]))
    assert overlap.feed("one\ntw") == "one\n"
    assert overlap.feed("o") == ""
    assert overlap.feed("\n") == "two\n"
    assert overlap.feed(f"{BEGIN}\n{LINES}") == ""
    assert overlap.feed(f"\n{END}\nthree\n") == "‹redacted:private-key›\nthree\n"
    assert overlap.feed("last") == "" and overlap.close() == "last" and overlap.close() == ""


def test_a_line_without_end_is_given_back_and_hides_its_secret() -> None:
    overlap = Overlap(Redactor([KEY]))
    text = ("word " * 1599 + KEY) * 9
    shown = [overlap.feed(text[at : at + 7]) for at in range(0, len(text), 7)]
    assert sum(map(len, shown)) > len(text) * 0.8
    assert "".join(shown) + overlap.close() == Redactor([KEY]).text(text)
