"""Every provider against a server of its shape; their results made one, their errors sentences."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import pytest

from minicode.errors import ConfigError
from minicode.web.providers import Hit
from minicode.web.search import Service, canonical, search, service, tidy
from minicode.web.web import Web
from minicode.workspace.folder import Refused

if TYPE_CHECKING:
    from tests.web.conftest import Site

KEYS = {"BRAVE_API_KEY": "brave-secret-1", "TAVILY_API_KEY": "tavily-secret-1", "MINIMAX_API_KEY": "minimax-secret-1"}
PATHS = {
    "searxng": "/search",
    "brave": "/res/v1/web/search",
    "tavily": "/search",
    "minimax": "/v1/coding_plan/search",
}
ANSWERS: dict[str, Any] = {
    "searxng": {
        "results": [{"title": "T", "url": "https://a.example/", "content": "C", "publishedDate": "2026-01-02"}]
    },
    "brave": {
        "web": {"results": [{"title": "T", "url": "https://a.example/", "description": "C", "age": "2026-01-02"}]}
    },
    "tavily": {
        "results": [{"title": "T", "url": "https://a.example/", "content": "C", "published_date": "2026-01-02"}]
    },
    "minimax": {
        "organic": [{"title": "T", "link": "https://a.example/", "snippet": "C", "date": "2026-01-02"}],
        "base_resp": {"status_code": 0, "status_msg": "success"},
    },
}


def at(site: Site, name: str) -> Service:
    found = service(name, f"{site.root}/", KEYS, "")
    assert found is not None
    return found


def answers(site: Site, name: str, answer: Any, status: int = 200) -> Service:
    site.routes[PATHS[name]] = status, {"Content-Type": "application/json"}, json.dumps(answer).encode()
    return at(site, name)


@pytest.mark.parametrize("name", PATHS)
async def test_each_provider(site: Site, name: str) -> None:
    assert await search(answers(site, name, ANSWERS[name]), "größe & x") == [
        Hit("T", "https://a.example/", "C", "2026-01-02")
    ]
    line, headers, body = site.asked[0]
    if name in ("searxng", "brave"):
        assert "q=gr%C3%B6%C3%9Fe+%26+x" in line and line.startswith(f"GET {PATHS[name]}?")
    else:
        assert line == f"POST {PATHS[name]} HTTP/1.1" and headers["content-type"] == "application/json"
        assert json.loads(body)["q" if name == "minimax" else "query"] == "größe & x"
    sent = json.dumps([line, headers, body.decode()])
    assert [key for key in KEYS.values() if key in sent] == [KEYS[v] for v in KEYS if v.lower().startswith(name)]


@pytest.mark.parametrize(
    ("name", "status", "answer", "said"),
    [
        ("searxng", 403, "<html>", r"search\.formats"),
        ("searxng", 200, "<html>", "not JSON"),
        ("searxng", 200, {"results": "none"}, "not the form"),
        ("brave", 401, {"error": {"detail": "Bad token"}}, "401. Bad token. BRAVE_API_KEY is not accepted"),
        ("brave", 429, {"error": {"detail": "Slow down"}}, "too many requests"),
        ("tavily", 432, {"detail": {"error": "Used up"}}, "Used up. The plan of TAVILY_API_KEY is used up"),
        (
            "minimax",
            200,
            {"base_resp": {"status_code": 1004, "status_msg": "login fail"}},
            "pay-as-you-go key is refused",
        ),
        ("minimax", 200, {"base_resp": {"status_code": 2038, "status_msg": "verify"}}, "verified first"),
        ("minimax", 500, None, "it answers 500"),
    ],
)
async def test_errors_are_sentences(site: Site, name: str, status: int, answer: Any, said: str) -> None:
    asked = answers(site, name, answer, status)
    if isinstance(answer, str):
        site.routes[PATHS[name]] = status, {}, answer.encode()
    with pytest.raises(Refused, match=said) as refused:
        await search(asked, "x")
    assert not any(key in str(refused.value) for key in KEYS.values())


async def test_nothing_found_is_no_error(site: Site) -> None:
    for name, answer in (("brave", {"type": "search"}), ("searxng", {"results": []})):
        assert await search(answers(site, name, answer), "x") == []


@pytest.mark.skipif(importlib.util.find_spec("ddgs") is not None, reason="it is installed, and would ask the world")
async def test_ddgs_that_is_not_installed() -> None:
    with pytest.raises(Refused, match=r"minicode\[search\]"):
        await search(Service("ddgs", None), "x")


def test_which_provider_it_is() -> None:
    def name(wanted: str = "auto", root: str = "", minimax: str = "", *variables: str) -> str:
        found = service(wanted, root, {variable: KEYS[variable] for variable in variables}, minimax)
        return f"{found.name} {found.root}" if found else ""

    brave, tavily, key = KEYS
    api = "https://api.minimax.io"
    assert name() == name("auto", "", "", key) == name("auto", "", api) == ""
    assert name("auto", "https://s.example/x", api, brave, key) == "searxng https://s.example/x"
    assert name("auto", "", api, brave, tavily, key) == "brave https://api.search.brave.com/"
    assert name("auto", "", api, tavily, key) == "tavily https://api.tavily.com/"
    assert name("auto", "", api, key) == f"minimax {api}/"
    assert name("ddgs") == "ddgs None"
    for wrong in (("brave",), ("searxng",), ("minimax", "", "", key), ("brave", "http://far.example", "", brave)):
        with pytest.raises(ConfigError):
            name(*wrong)


def test_results_are_tidied() -> None:
    hits = [
        Hit("<strong>One</strong> &amp; two", "https://www.a.example/p/?utm_source=x&b=1#top", "w " * 500, "2026"),
        Hit("again", "http://a.example/p?b=1", ""),
        Hit("", "https://b.example", "esc\x1b[31m if a<b and c>d"),
        Hit("script", "javascript:alert(1)", ""),
    ]
    one, two = tidy(hits)
    assert one.title == "One & two" and len(one.snippet) <= 350 and one.snippet.endswith("…")
    assert two.title == "https://b.example" and two.snippet == "esc if a<b and c>d"
    assert canonical("https://a.example:8443/x") != canonical("https://a.example/x")


async def test_a_session_remembers_and_mixes(site: Site) -> None:
    web = Web((), answers(site, "searxng", ANSWERS["searxng"]))
    assert (await web.search(["x", "y"])) == ("searxng", [Hit("T", "https://a.example/", "C", "2026-01-02")])
    await web.search(["y"])
    assert len(site.asked) == 2 and web.domain("web_search", ["z"]) == f"127.0.0.1:{site.port}"
    for refused in ([], [" "], list("abcdef"), None):
        assert web.domain("web_search", refused) == ""  # nobody is asked about what will not be done
    with pytest.raises(Refused, match="No search is set up"):
        await Web().search(["x"])
