"""The search services: how each is asked, where its answer has what, and what its errors mean. A table, no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from minicode.text import clean

RESULTS = 8  # of one query
_MOST = 100  # that are looked at, of a service which cannot be told how many


class Hit(NamedTuple):
    """One result. date: as the provider writes it, "" if it says none."""

    title: str
    url: str
    snippet: str
    date: str = ""


class Ask(NamedTuple):
    """path: with the query, below the provider's root. body: JSON, None for a GET."""

    path: str
    headers: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = None


class Provider(NamedTuple):
    """root: where it is, "" if only the user knows. variable: of the environment, that holds its key; "" for none.
    hits: where its answer has the results; fields: the names of title, URL, text and date in each. says: where it has
    its own words about an error. flaw: the trouble in an answer that looks well, "" for none. cures: what to do about a
    status.
    """

    name: str
    root: str
    variable: str
    ask: Callable[[str, str], Ask]
    hits: tuple[str, ...]
    fields: tuple[str, str, str, str]
    says: tuple[str, ...] = ()
    flaw: Callable[[Mapping[str, Any]], str] = lambda answer: ""
    cures: Mapping[int, str] = {}


def _minimax_flaw(answer: Mapping[str, Any]) -> str:
    base = answer.get("base_resp")
    code = base.get("status_code", 0) if isinstance(base, dict) else 0
    if not code or not isinstance(base, dict):
        return ""
    said = f"{clean(str(base.get('status_msg', '')))[:120]} ({code})"
    if code in (1004, 2049):
        return (
            f"{said}. Its search is for keys of a coding plan, and wants the plan's own region; a pay-as-you-go key is "
            "refused. Another provider can be set: search.provider, or BRAVE_API_KEY, TAVILY_API_KEY, search.url"
        )
    if code == 2038:
        return f"{said}. The account has to be verified first"
    if code in (1002, 1039, 2056):
        return f"{said}. It is a limit of the plan: try again later, or ask less"
    return said


PROVIDERS: Mapping[str, Provider] = {
    one.name: one
    for one in (
        Provider(
            "searxng",
            "",
            "",
            lambda query, key: Ask(f"/search?{urlencode({'q': query, 'format': 'json'})}"),
            ("results",),
            ("title", "url", "content", "publishedDate"),
            cures={
                403: "It does not give JSON: its settings.yml needs `json` in search.formats; most public ones have "
                "turned it off",
            },
        ),
        Provider(
            "brave",
            "https://api.search.brave.com",
            "BRAVE_API_KEY",
            lambda query, key: Ask(
                f"/res/v1/web/search?{urlencode({'q': query, 'count': RESULTS})}",
                {"X-Subscription-Token": key, "Accept": "application/json"},
            ),
            ("web", "results"),
            ("title", "url", "description", "age"),
            ("error", "detail"),
            cures={401: "BRAVE_API_KEY is not accepted", 422: "The query or BRAVE_API_KEY is not accepted"},
        ),
        Provider(
            "tavily",
            "https://api.tavily.com",
            "TAVILY_API_KEY",
            lambda query, key: Ask(
                "/search", {"Authorization": f"Bearer {key}"}, {"query": query, "max_results": RESULTS}
            ),
            ("results",),
            ("title", "url", "content", "published_date"),
            ("detail", "error"),
            cures={
                401: "TAVILY_API_KEY is not accepted",
                432: "The plan of TAVILY_API_KEY is used up",
                433: "The limit of pay-as-you-go of TAVILY_API_KEY is reached",
            },
        ),
        Provider(
            "minimax",
            "",
            "MINIMAX_API_KEY",
            lambda query, key: Ask(
                "/v1/coding_plan/search",
                {"Authorization": f"Bearer {key}", "MM-API-Source": "minicode"},
                {"q": query},
            ),
            ("organic",),
            ("title", "link", "snippet", "date"),
            ("base_resp", "status_msg"),
            _minimax_flaw,
            {401: "MINIMAX_API_KEY is not accepted", 404: "This endpoint of MiniMax has no search"},
        ),
    )
}
NAMES = (*PROVIDERS, "ddgs")


def hits_of(provider: Provider, answer: Any) -> list[Hit] | None:
    """None if the answer has not the form that was expected."""
    found = _at(answer, provider.hits)
    if found is None and isinstance(answer, dict):
        return []  # some leave out what is empty
    if not isinstance(found, list):
        return None
    results = (one for one in found[:_MOST] if isinstance(one, dict))
    return [Hit(*(str(one.get(field) or "") for field in provider.fields)) for one in results]


def words_of(provider: Provider, answer: Any) -> str:
    """What the provider itself says of an error."""
    said = _at(answer, provider.says) if provider.says else None
    return clean(said)[:200] if isinstance(said, str) else ""


def _at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
