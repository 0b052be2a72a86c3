"""From an address to the text of a page: redirects, status, encoding, kind, and HTML made readable."""

from __future__ import annotations

import asyncio
import codecs
import json
import re
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from minicode.sandbox.policy import LOOK
from minicode.text import clean, count
from minicode.web.address import Url, read_url
from minicode.web.wire import MOST, WHOLE, Answer, Question, exchange
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

REDIRECTS = 5
MOST_HTML = 2 * 2**20  # characters that are made readable: some ten seconds
PATIENCE = 30.0  # seconds for that
_MEMORY = 2**30
_CHILD = Path(__file__).with_name("child.py")
_ACCEPT = {"Accept": "text/markdown, text/html;q=0.9, application/xhtml+xml;q=0.9, text/*;q=0.8, */*;q=0.5"}
_TEXTS = re.compile(r"text/.*|application/(.*\+)?(json|xml|yaml|x-yaml|toml|javascript|ecmascript|x-sh|sql|x-ndjson)")
# Names that pages give; others of Python's are no encodings of text, or take for ever.
_CHARSETS = re.compile(
    r"utf-?(8|16|16le|16be|32)|utf-16(le|be)|(iso[-_]?8859|windows|cp)[-_]?\d{1,4}|latin-?1|(us-)?ascii|"
    r"shift[-_]?jis|sjis|euc[-_](jp|kr)|iso-2022-jp|gb(k|2312|18030)|big5(-hkscs)?|koi8-[ru]|macintosh|tis-620"
)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,3}=\s{0,3}[\"']?([\w-]{2,20})", re.IGNORECASE)
_SCRIPTS = re.compile(r"<(script|style|svg|noscript)\b", re.IGNORECASE)
_ENDS = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in ("script", "style", "svg", "noscript")}
_PIECES = re.compile(r".{1,65536}[^\n]{0,4096}\n?", re.DOTALL)  # to the end of a line, if one comes soon


class Page(NamedTuple):
    """url: where it was in the end. text: Markdown, or what it was as text. kind: its media type. notes: what the model
    should know of how it was read.
    """

    url: str
    title: str
    text: str
    kind: str
    notes: tuple[str, ...] = ()


async def fetch(
    workspace: Workspace, address: str, allow: Sequence[str], seconds: float = WHOLE, patience: float = PATIENCE
) -> Page:
    """Raises Refused. allow: as for `address.check_place`. seconds: for all that comes over the wire, and patience: for
    making HTML readable.
    """
    url, answer = await _follow(read_url(address), allow, seconds)
    if not 200 <= answer.status < 300:
        raise Refused(_status(url, answer))
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    notes = [f"only the first {MOST // 2**20} MB were read"] if answer.cut else []
    text = await asyncio.to_thread(_text, answer, kind, url)
    if kind in ("text/html", "application/xhtml+xml") or (not kind and re.match(r"\s*<(!doctype|html)", text, re.I)):
        return await _readable(workspace, url, text, notes, patience)
    return Page(str(url), "", (await asyncio.to_thread(_clean, text)).strip(), kind or "text/plain", tuple(notes))


async def _follow(url: Url, allow: Sequence[str], seconds: float) -> tuple[Url, Answer]:
    """Redirects within a domain; to another one the user has not said yes."""
    until = time.monotonic() + seconds
    first, seen = url, {url}
    for _ in range(REDIRECTS + 1):
        answer = await exchange(Question(url, headers=_ACCEPT), allow, max(until - time.monotonic(), 0.01))
        goal = answer.headers.get("location", "")
        if answer.status not in (301, 302, 303, 307, 308) or not goal:
            return url, answer
        there = read_url(goal.encode("latin-1", "replace").decode("utf-8", "replace"), url)
        if _moved(first, there):
            raise Refused(f"{url} redirects to another domain: {there} . Call web_fetch with that address to read it.")
        if there in seen:
            raise Refused(f"{first} redirects in a circle, back to {there}.")
        if url.scheme == "https" and there.scheme == "http":
            raise Refused(f"{url} redirects to {there}, which is not encrypted any more. Ask for it if it is meant.")
        seen.add(there)
        url = there
    raise Refused(f"{first} redirects more than {REDIRECTS} times, at last to {url}.")


def _moved(first: Url, there: Url) -> bool:
    """Is it another domain? From the usual port to the other usual one is none."""
    return there.domain != first.domain


def _status(url: Url, answer: Answer) -> str:
    names = {status.value: status.phrase for status in HTTPStatus}
    said = f"{url} answers {answer.status} {names.get(answer.status, '')}".rstrip()
    if answer.status in (429, 503) and re.fullmatch(r"[0-9]{1,9}", answer.headers.get("retry-after", "")):
        return f"{said}: try again in {int(answer.headers['retry-after']):,} s, or read something else."
    if answer.status in (401, 403, 407, 451):
        return f"{said}: it is not open to everyone. Trying again will not help."
    if answer.status in (404, 410):
        return f"{said}: there is no such page. Check the address, or search for it."
    return f"{said}."


def _text(answer: Answer, kind: str, url: Url) -> str:
    """Raises Refused for what is no text."""
    size = f"{count(len(answer.body), 'byte')}{' or more' * answer.cut}"
    if kind == "application/pdf" or answer.body.startswith(b"%PDF-"):
        raise Refused(
            f"{url} is a PDF ({size}), which is not read here. Download it by bash (curl -o) and use a program such as "
            "pdftotext, or look for the same as a web page."
        )
    if kind and not _TEXTS.fullmatch(kind) and kind != "application/xhtml+xml":
        raise Refused(f"{url} is {clean(kind)[:60]} ({size}), no text. To download it use bash.")
    charset = re.search(r"charset\s*=\s*[\"']?([\w-]+)", answer.headers.get("content-type", ""), re.IGNORECASE)
    text = _decoded(answer.body, charset[1] if charset else "")
    if "\0" in text[:4096]:
        raise Refused(f"{url} is no text ({size}). To download it use bash.")
    return text


def _decoded(body: bytes, charset: str) -> str:
    """By the mark at its beginning, what the server says, what the page says, UTF-8, and what is left."""
    meta = _META.search(body, 0, 4096)
    marked = next((name for mark, name in _BOMS if body.startswith(mark)), "")
    for name in (marked, charset.lower(), meta[1].decode().lower() if meta else "", "utf-8", "windows-1252"):
        if name and (name == marked or _CHARSETS.fullmatch(name)):
            try:
                # Cut in the middle of a letter it is still what it was.
                return codecs.getincrementaldecoder(name)().decode(body).removeprefix("\ufeff")
            except (LookupError, UnicodeError):  # the plain one where a mark is missing
                continue
    return body.decode("utf-8", "replace")


async def _readable(workspace: Workspace, url: Url, html: str, notes: list[str], patience: float) -> Page:
    short, scripts = await asyncio.to_thread(_without_scripts, html)
    if len(short) > MOST_HTML:
        notes = [f"only the first {MOST_HTML // 2**20} MB of its HTML were read"]
    from importlib.util import find_spec

    spec = find_spec("bs4")
    library = str(Path(spec.origin).parents[1]) if spec and spec.origin else ""
    job = json.dumps({"library": library, "base": str(url), "memory": _MEMORY}).encode()
    finished = await workspace.processes.run(
        [sys.executable, "-I", str(_CHILD)],
        workspace.root,
        seconds=patience,
        grant=LOOK._replace(unread=workspace.processes.grant.unread),
        stdin=job + b"\n" + short[:MOST_HTML].encode("utf-8", "replace"),
        errors_apart=True,
        keep=4 * MOST_HTML,
    )
    if finished.ended or finished.code:
        why = "it takes too long" if finished.ended == "time" else _last_line(finished.errors)
        raise Refused(f"{url} is a page that cannot be made readable: {why}. Get it by bash (curl) if you need it.")
    try:
        found = await asyncio.to_thread(_answer, finished.output)
    except ValueError:  # more than is kept of what a program prints, as of a page that names a long base for its links
        raise Refused(
            f"{url} is a page that becomes too long when it is made readable. Get it by bash (curl)."
        ) from None
    if len(found[1]) < 200 and scripts:
        notes.append("it has hardly any text: it is made by scripts, which are not run")
    return Page(str(url), found[0], found[1], "text/html", tuple(notes))


def _answer(output: bytes) -> tuple[str, str]:
    found = json.loads(output)
    return clean(found["title"])[:200], _clean(found["text"])


def _clean(text: str) -> str:
    """As `clean`, by pieces: others get their turn between them."""
    return "".join(clean(piece[0]) for piece in _PIECES.finditer(text.replace("\r\n", "\n")))


def _last_line(errors: bytes) -> str:
    said = clean(errors.decode("utf-8", "replace")).strip().rpartition("\n")[2]
    return said[:200].rstrip(".") or "its parser broke off"


def _without_scripts(html: str) -> tuple[str, int]:
    """The page without what is never read, which can be most of it; and how many scripts it had. Linear."""
    parts, at, scripts = [], 0, 0
    while found := _SCRIPTS.search(html, at):
        name = found[1].lower()
        end = _ENDS[name].search(html, found.end())
        if end is None:  # it may be open to the end; the parser will know
            break
        scripts += name == "script"
        parts.append(html[at : found.start()])
        at = end.end()
    return "".join((*parts, html[at:])), scripts
