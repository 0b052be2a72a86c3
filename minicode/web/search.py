"""One question to the search service that is set: its answer as results, its errors as sentences."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterable
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from minicode import outward
from minicode.errors import ConfigError
from minicode.text import clean
from minicode.web.address import Url, read_url
from minicode.web.providers import PROVIDERS, RESULTS, Hit, Provider, hits_of, words_of
from minicode.web.wire import Question, exchange
from minicode.workspace.folder import Refused

SNIPPET = 350  # characters
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|igshid|ref_src")
_TAGS = r"</?(?:strong|b|em|i|u|mark|span|code|br|wbr|p|a)(?:\s+[\w-]{1,20}=[\"'][^\"'<>]{0,200}[\"']){0,5}\s?/?>"
_DDGS_HOST = "html.duckduckgo.com"
_DDGS_SECONDS = 20
_CHILD = Path(__file__).with_name("ddgs_child.py")


class Service(NamedTuple):
    """A provider as it is set up. root: its address, None for ddgs, which goes to DuckDuckGo."""

    name: str
    root: Url | None
    key: str = ""

    @property
    def domain(self) -> str:
        """Where the questions go, for whoever allows it."""
        return self.root.domain if self.root else "duckduckgo.com"


def service(wanted: str, root: str, keys: dict[str, str], minimax: str) -> Service | None:
    """The provider that is wanted; for "auto" the first that is set up: a root stands for SearXNG, then come the keys
    for Brave and Tavily, and last MiniMax, whose key says nothing of a plan. None if nothing is.

    root: in place of the provider's own, "" for that. keys: by variable. minimax: the root of its endpoint, "" if
    another one is used. Raises ConfigError for one that is wanted and cannot be had.
    """
    if wanted == "ddgs":
        return Service(wanted, None)
    usable = {
        name: root or one.root or (minimax if name == "minimax" else "")
        for name, one in PROVIDERS.items()
        if not one.variable or keys.get(one.variable)
    }
    if wanted == "auto":
        order = ["searxng"] if root else [name for name in PROVIDERS if usable.get(name)]
        wanted = next(iter(order), "")
    if not wanted:
        return None
    if not usable.get(wanted):
        lacking = f"${PROVIDERS[wanted].variable}" if wanted not in usable else "search.url, the address of it"
        raise ConfigError(f"search.provider is {wanted!r}, which needs {lacking}. Set it, or choose another provider.")
    key = keys.get(PROVIDERS[wanted].variable, "")
    try:
        url = read_url(usable[wanted])
    except Refused as error:
        raise ConfigError(f"search.url cannot be used: {error}") from None
    if key and url.scheme == "http" and url.host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(f"search.url {url} would send your key unencrypted. Use https://.")
    return Service(wanted, url, key)


async def search(service: Service, query: str) -> list[Hit]:
    """The results as they come. Raises Refused."""
    if service.root is None:
        return await _ddgs(query)
    provider, root = PROVIDERS[service.name], service.root
    ask = provider.ask(query, service.key)
    # The user's own settings chose where it is: a SearXNG on this machine is what they mean.
    question = Question(root._replace(path=root.path.rstrip("/") + ask.path), headers=ask.headers, free=True)
    if ask.body is not None:
        question = question._replace(
            method="POST",
            headers={**ask.headers, "Content-Type": "application/json"},
            body=json.dumps(ask.body).encode(),
        )
    answer = await exchange(question, ())
    data = await asyncio.to_thread(_read, answer.body)  # of a few MB it takes its time
    if trouble := _trouble(provider, answer.status, data):
        raise Refused(f"{provider.name} could not be searched: {trouble.rstrip('.')}.")
    hits = hits_of(provider, data)
    if hits is None:
        raise Refused(f"{provider.name} could not be searched: its answer has not the form that was expected.")
    return hits


def _read(body: bytes) -> object:
    """None for what is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _trouble(provider: Provider, status: int, data: object) -> str:
    """What went wrong, "" for nothing."""
    if status == 200:
        return provider.flaw(data) if isinstance(data, dict) else "its answer is not JSON"
    said = words_of(provider, data)
    if status == 429:
        return f"too many requests (429). Ask again later, or less{f': {said}' if said else ''}"
    cure = provider.cures.get(status, "")
    return ". ".join(filter(None, (f"it answers {status}", said.rstrip("."), cure)))


async def _ddgs(query: str) -> list[Hit]:
    """DuckDuckGo by the package ddgs, which reads its pages as a browser does: nobody promised that."""
    from importlib.util import find_spec

    spec = find_spec("ddgs")
    if spec is None or not spec.origin:
        raise Refused("search.provider is 'ddgs', which is not installed: pip install 'minicode[search]'.")
    job = {
        "library": str(Path(spec.origin).parents[1]),
        "query": query,
        "most": RESULTS,
        "seconds": _DDGS_SECONDS,
        "proxy": outward.proxy("https", _DDGS_HOST, _DDGS_HOST),
        "trust": os.environ.get("SSL_CERT_FILE", ""),
    }
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_CHILD), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        async with asyncio.timeout(2 * _DDGS_SECONDS):
            printed, errors = await child.communicate(json.dumps(job).encode())
    except TimeoutError:
        printed, errors = b'{"trouble": "it does not come to an end"}', b""
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        answer = json.loads(printed)
    except ValueError:
        said = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        answer = {"trouble": f"it broke off: {said}"}
    if trouble := answer.get("trouble"):
        raise Refused(f"ddgs could not be searched: {clean(str(trouble))[:200].rstrip('.')}.")
    return [Hit(*(str(one.get(name) or "") for name in ("title", "href", "body"))) for one in answer["hits"]]


def tidy(hits: Iterable[Hit]) -> list[Hit]:
    """Each page once, whatever led to it; plain words, short."""
    found: dict[str, Hit] = {}
    for hit in hits:
        url = hit.url.strip()
        if url.startswith(("http://", "https://")) and (name := canonical(url)) not in found:
            found[name] = Hit(
                _plain(hit.title, 150) or url, clean(url), _plain(hit.snippet, SNIPPET), clean(hit.date)[:25]
            )
    return list(found.values())


def canonical(url: str) -> str:
    """The same for two addresses that surely lead to the same page."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return url
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query, True) if not _TRACKING.fullmatch(key)])
    return f"{host}{port}{parts.path.rstrip('/')}?{query}"


def _plain(text: str, most: int) -> str:
    """Without the tags that some put around the words that were asked for."""
    line = " ".join(clean(unescape(re.sub(_TAGS, "", text[: 10 * most]))).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
