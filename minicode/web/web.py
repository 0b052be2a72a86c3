"""The web as one session may use it: what its settings allow, and what it has read already."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from minicode.web.address import read_url
from minicode.web.pages import Page, fetch
from minicode.web.providers import Hit
from minicode.web.search import Service, search, tidy
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

FRESH = 900.0  # seconds for which a page that was read is not fetched again, as its other pages are asked for
SEARCHED = 86_400.0  # and for which results hold
QUERIES = 5  # at a time
_KEPT = 16  # pages, of a few MB at most
_ASKED = 200  # queries


def worded(queries: Sequence[object]) -> list[str]:
    """The queries, each once, without blanks that say nothing. Raises Refused if there are none, or too many."""
    found = list(dict.fromkeys(filter(None, (" ".join(str(query).split()) for query in queries))))
    if not 1 <= len(found) <= QUERIES:
        raise Refused(f"From one to {QUERIES} queries are searched at a time, not {len(found)}. Nothing was searched.")
    return found


@dataclass(slots=True)
class Web:
    """Of a session whose network is open. allow: as for `address.check_place`. service: None if no search is set up.

    A page that is kept is given only to a call that was admitted for its domain, like any other.
    """

    allow: tuple[str, ...] = ()
    service: Service | None = None
    _pages: dict[str, tuple[float, Page]] = field(default_factory=dict)
    _hits: dict[str, tuple[float, list[Hit]]] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The tools that cannot work, and so are not offered."""
        return () if self.service else ("web_search",)

    def domain(self, tool: str, asked: object) -> str:
        """Where a call would go, as rules name it; "" for one that the tool will refuse. asked: address or queries."""
        try:
            if tool != "web_search":
                return read_url(str(asked)).domain
            if not isinstance(asked, list) or not worded(asked) or not self.service:
                return ""
        except Refused:
            return ""
        return self.service.domain

    async def read(self, workspace: Workspace, address: str) -> Page:
        """Raises Refused."""
        name, now = str(read_url(address)), time.monotonic()
        kept = self._pages.pop(name, None)
        if kept is None or now - kept[0] > FRESH:
            kept = now, await fetch(workspace, address, self.allow)
        self._pages[name] = kept  # the newest is the last
        while len(self._pages) > _KEPT:
            del self._pages[next(iter(self._pages))]
        return kept[1]

    async def search(self, queries: Sequence[str]) -> tuple[str, list[Hit]]:
        """Who found them, and the results of all queries, each page once: the first of each query, then the second.

        Raises Refused.
        """
        if self.service is None:
            raise Refused(
                "No search is set up. The user can set search.url to a SearXNG, or BRAVE_API_KEY or TAVILY_API_KEY."
            )
        rows = [await self._asked(self.service, query) for query in worded(queries)]
        mixed = (hit for place in zip_longest(*rows) for hit in place if hit is not None)
        return self.service.name, tidy(mixed)

    async def _asked(self, service: Service, query: str) -> list[Hit]:
        now = time.monotonic()
        kept = self._hits.get(query)
        if kept is None or now - kept[0] > SEARCHED:
            kept = self._hits[query] = now, await search(service, query)
            while len(self._hits) > _ASKED:
                del self._hits[next(iter(self._hits))]
        return kept[1]
