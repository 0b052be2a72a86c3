"""Take secrets out of text: those minicode knows, to the letter, and those that have the form of one. Linear time."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

MARKED = re.compile(r"‹redacted:[a-z-]+›")
Span = tuple[int, int, str]  # start, end, kind
SHORTEST = 8  # a known secret below this length would turn ordinary words into marks

# Patterns are texts here and are compiled where one is needed: all together would take 20 ms of every start.
_NAMES = r"(?i)(?:KEYS?|TOKENS?|PASS|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH)$|PASSWORD|SECRET|API_?KEY"
_WORD = r"(?s)[A-Za-z]{0,15}|[\d.]{0,11}|[/~.].*"  # a plain word, a number or a path is no secret


def known_secrets(environ: Mapping[str, str], key: str = "") -> tuple[str, ...]:
    """Our own key, and what the variables of our environment hold whose names say that it is secret."""
    values = (value.strip() for name, value in environ.items() if re.search(_NAMES, name))
    found = [key, *(value for value in values if not re.fullmatch(_WORD, value))]
    return tuple(dict.fromkeys(value for value in found if len(value) >= SHORTEST))


class _Form(NamedTuple):
    """How a kind of secret looks. cues: one of them is in every text that holds it; to look for them is quicker than
    for the form. The secret is the group "it", else the whole match. No form goes beyond a line."""

    kind: str
    cues: tuple[str, ...]
    look: str


def _form(kind: str, cues: str, look: str) -> _Form:
    return _Form(kind, tuple(cues.split()), look)


# Where a form begins with fixed letters they stand before the look behind: the search for them is then a fast one.
# Nothing here can begin inside its own repetition, so no letter is looked at more than a few times.
_FORMS = (
    _form("aws-key", "AKIA ASIA", r"A[KS]IA(?<![A-Za-z0-9]A.IA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _form(
        "aws-secret",
        "ecretAccessKey ecret_access_key ECRET_ACCESS_KEY",
        r"[Ss](?i:ecret_?access_?key)[\"']?[ \t]*[:=]>?[ \t]*[\"']?(?P<it>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _form(
        "aws-session",
        "essionToken ession_token ESSION_TOKEN",
        r"[Ss](?i:ession_?token)[\"']?[ \t]*[:=][ \t]*[\"']?(?P<it>[A-Za-z0-9/+=]{100,})",
    ),
    _form("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_(?<![A-Za-z0-9_]gh._)[A-Za-z0-9]{36,}"),
    _form("github-token", "github_pat_", r"github_pat_(?<![A-Za-z0-9_]github_pat_)[A-Za-z0-9_]{22,}"),
    _form("gitlab-token", "glpat- gldt- glrt- glptt-", r"gl(?<![A-Za-z0-9_-]gl)(?:pat|dt|rt|ptt)-[A-Za-z0-9_.-]{20,}"),
    _form("slack-token", "xox", r"xox(?<![A-Za-z0-9_-]xox)[abeoprs]-[A-Za-z0-9-]{10,}"),
    _form("slack-webhook", "hooks.slack.com/", r"hooks\.slack\.com/[a-z]{1,20}/(?P<it>[A-Za-z0-9/_-]{20,})"),
    _form(
        "api-key",  # OpenAI, Anthropic, MiniMax, OpenRouter and those who copied them; with a digit, as chance has it
        "sk-",
        r"sk-(?<![A-Za-z0-9_-]sk-)(?=[A-Za-z_-]{0,80}[0-9])"
        r"(?:[A-Za-z0-9]{20,}|(?:ant|api|proj|cp|or|svcacct|admin|lf)-[A-Za-z0-9_-]{16,})[A-Za-z0-9_-]*",
    ),
    _form("stripe-key", "k_live_ k_test_", r"[sr]k_(?<![A-Za-z0-9_].k_)(?:live|test)_[A-Za-z0-9]{16,}"),
    _form("npm-token", "npm_", r"npm_(?<![A-Za-z0-9_]npm_)[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    _form("pypi-token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{40,}"),
    _form("google-key", "AIza", r"AIza(?<![A-Za-z0-9_-]AIza)[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    _form("huggingface-token", "hf_", r"hf_(?<![A-Za-z0-9_]hf_)[A-Za-z0-9]{34,}"),
    _form("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{40,}"),
    _form(
        "jwt",
        "eyJ",
        r"eyJ(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}",
    ),
    _form(
        "credentials",  # words in capitals are a stand-in, as in "Bearer YOUR_TOKEN_HERE"
        "uthorization UTHORIZATION pi-key pi-Key PI-KEY",
        r"[AaXx](?i:uthorization|-api-key)[\"']?[ \t]*[:=][ \t]*[\"']?(?:(?i:bearer|basic|token)[ \t]+)?"
        r"(?![A-Z_]+\b)(?P<it>[A-Za-z0-9._~+/=-]{12,})",
    ),
    _form(
        "credentials",
        "earer EARER",
        r"[Bb](?<![A-Za-z0-9_].)(?i:earer)[ \t]{1,8}(?=[A-Za-z._~+/-]{0,80}[0-9])(?P<it>[A-Za-z0-9._~+/=-]{16,})",
    ),
    _form("password", "://", r"://[^\s/:@\"'<>‹]{0,200}:(?P<it>[^\s/@\"'`<>{}$*‹›]{3,200})@(?=[\w\[])"),
)
_EDGE = r"-----(BEGIN|END) (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_KEY_LETTERS = r"[A-Za-z0-9+/]{40}"
# A line of a key, perhaps behind a line number, a file name or the sign of a diff.
_KEY_LINE = (
    r"(?:(?:[^\s:]{1,200}[:-])?+(?:\d{1,7}[:\t-])?+[-+ >|\t]{0,40}+[A-Za-z0-9+/=]{0,100}+"
    r"|[^\n]{0,80}?(?:Proc-Type|DEK-Info|Version|Comment): [^\n]{0,200})\s{0,9}"
)
_KEY_IN_ONE_LINE = r"[A-Za-z0-9+/=\\ ]*+"
_LONGEST_KEY = 40_000  # characters of a private key, with what stands before its lines


class Redactor:
    """Puts `‹redacted:kind›` where a secret was. known: secrets to be found to the letter, also written as base64 or
    quoted for a URL; those shorter than SHORTEST are left out. Marks stay as they are."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        written = {form for secret in known if len(secret) >= SHORTEST for form in _writings(secret)}
        self._known = sorted(written, key=lambda form: (-len(form), form))

    def own(self, text: str) -> str:
        """Without the known secrets only: what the user says on purpose may well look like one."""
        for form in self._known:
            text = text.replace(form, "‹redacted:secret›")
        return text

    def text(self, text: str) -> str:
        spans = self.spans(text)
        if not spans:
            return text
        parts: list[str] = []
        done = 0
        for start, end, kind in spans:
            parts += (text[done:start], f"‹redacted:{kind}›")
            done = end
        return "".join((*parts, text[done:]))

    def data(self, data: bytes) -> bytes:
        """Bytes that are no UTF-8 stay as they are."""
        text = data.decode("utf-8", "surrogateescape")
        clean = self.text(text)
        return data if clean is text else clean.encode("utf-8", "surrogateescape")

    def spans(self, text: str) -> list[Span]:
        """(start, end, kind) of each secret, in order, apart from each other."""
        found = [*self._known_in(text), *_formed_in(text)]
        apart: list[Span] = []
        for start, end, kind in sorted(found, key=lambda span: (span[0], -span[1])):
            if apart and start < apart[-1][1]:
                before = apart[-1]
                apart[-1] = (before[0], max(before[1], end), before[2])
            else:
                apart.append((start, end, kind))
        return apart

    def _known_in(self, text: str) -> Iterator[Span]:
        for form in self._known:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form), "secret"
                at = text.find(form, at + len(form))


class Overlap:
    """Redacts what comes in pieces: a secret that is split between two of them is found too.

    Whole lines are given back at once, the beginning of a line when its end has come.
    """

    _LINE = 8_000  # a line longer than this is given back before its end
    _SECRET = 2_000  # save so much of it, which may be the beginning of a secret
    _MOST = 80_000

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be shown by now, which can be nothing."""
        self._held += piece
        if "\n" in piece or "\r" in piece:
            cut = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        elif len(self._held) > self._LINE:
            cut = len(self._held) - self._SECRET
        else:
            return ""
        if len(self._held) <= self._MOST:
            cut = self._apart(cut)
        now, self._held = self._held[:cut], self._held[cut:]
        return self._redactor.text(now)

    def close(self) -> str:
        """The rest."""
        now, self._held = self._held, ""
        return self._redactor.text(now)

    def _apart(self, cut: int) -> int:
        """A place not after `cut` where no secret is cut in two, nor one that has not come to its end yet."""
        edges = list(re.finditer(_EDGE, self._held)) if "PRIVATE KEY" in self._held else []
        if edges and edges[-1][1] == "BEGIN":
            last = edges[-1]
            if cut - _LONGEST_KEY < last.start() < cut == _lines_after(self._held, last.end(), cut):
                cut = last.start()
        for start, end, _ in self._redactor.spans(self._held):
            if start < cut < end:
                return start
        return cut


def _writings(secret: str) -> set[str]:
    """The ways a secret may stand in a text."""
    data = secret.encode("utf-8", "surrogateescape")
    ways = {secret, quote(data, safe=""), secret.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")}
    for before in range(3):  # inside a longer text it may begin at any of three places of a group of four letters
        letters = b2a_base64(b"\0" * before + data, newline=False).decode().rstrip("=")
        whole = letters[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]
        ways |= {whole, whole.replace("+", "-").replace("/", "_")}
    if "\n" in secret:  # a key of many lines is seldom shown without something before each line
        ways |= {line.strip() for line in secret.splitlines() if len(line.strip()) >= 20 and not line.startswith("--")}
    return {way for way in ways if len(way) >= SHORTEST}


def _formed_in(text: str) -> Iterator[Span]:
    for form in _FORMS:
        if any(cue in text for cue in form.cues):
            look = re.compile(form.look)
            group = "it" if "it" in look.groupindex else 0
            for match in look.finditer(text):
                yield *match.span(group), form.kind
    if "PRIVATE KEY-----" in text or "PRIVATE KEY BLOCK-----" in text:
        yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[Span]:
    """Whole blocks, and of those whose beginning or end is not there, the lines that are."""
    edges = list(re.finditer(_EDGE, text))
    done = 0
    for number, edge in enumerate(edges):
        after = edges[number + 1].start() if number + 1 < len(edges) else len(text)
        if edge.start() < done:
            continue
        if edge[1] == "END":
            start, done = _lines_before(text, done, edge.start()), edge.end()
            if start < edge.start():
                yield start, edge.end(), "private-key"
            continue
        done = edge.end()
        closed = number + 1 < len(edges) and edges[number + 1][1] == "END" and after - done < _LONGEST_KEY
        end = edges[number + 1].end() if closed else _lines_after(text, done, after)
        if _has_key_letters(text, done, end):
            done = end
            yield edge.start(), end, "private-key"


def _lines_after(text: str, start: int, end: int) -> int:
    """Where the lines that could belong to a key end which begins before `start`."""
    rest = re.compile(_KEY_IN_ONE_LINE).match(text, start, end)
    at = rest.end() if rest else start
    if not text.startswith(("\n", "\r\n"), at):
        return at
    at = text.find("\n", at)
    while at < end:
        line_end = text.find("\n", at + 1, end)
        line_end = end if line_end < 0 else line_end
        if not re.compile(_KEY_LINE).fullmatch(text, at + 1, line_end):
            return at
        at = line_end
    return end


def _lines_before(text: str, start: int, end: int) -> int:
    """Where the lines of key letters begin which end at `end`."""
    line = text.rfind("\n", start, end) + 1 or start
    while line > start:
        above = max(text.rfind("\n", start, line - 1) + 1, start)
        if not (re.compile(_KEY_LINE).fullmatch(text, above, line) and _has_key_letters(text, above, line)):
            break
        line = above
    return line if _has_key_letters(text, line, end) else end


def _has_key_letters(text: str, start: int, end: int) -> bool:
    return re.compile(_KEY_LETTERS).search(text, start, end) is not None
