"""Who may be spoken to in the web: asked once a domain, whatever the mode."""

from __future__ import annotations

import pytest

from minicode.permission.decide import decide
from minicode.permission.rules import check
from minicode.permission.values import MODES, Decision, Rules, Standing, Wish


def ask(domain: str, mode: str = "default", tool: str = "web_fetch", **rules: str) -> Decision:
    listed = Rules(**{kind: (rule,) for kind, rule in rules.items()})
    return decide(Wish(tool, "web", {}, domain=domain), Standing(mode, listed, "kernel", network=True))


@pytest.mark.parametrize("mode", MODES)
def test_it_is_asked_in_every_mode_but_the_one_that_asks_nothing(mode: str) -> None:
    decision = ask("docs.example", mode)
    assert decision.verdict == ("allow" if mode == "bypassPermissions" else "ask")
    if decision.verdict == "ask":
        assert decision.always == "web_fetch(domain:docs.example)" and "docs.example" in decision.reason
    kept = ask("docs.example", mode, allow="web_fetch(domain:docs.example)")
    assert kept.verdict == "allow" and (kept.rule or mode == "bypassPermissions")
    assert ask("docs.example", mode, deny="web_fetch").verdict == "deny"


@pytest.mark.parametrize(
    ("rule", "domain", "allows", "forbids"),
    [
        ("web_fetch", "a.example", True, True),
        ("Web_Fetch(domain:A.example)", "a.example", True, True),
        ("web_fetch(domain:www.a.example)", "a.example", True, True),
        ("web_fetch(domain:a.example)", "b.a.example", False, True),
        ("web_fetch(domain:a.example)", "a.example:8080", False, True),
        ("web_fetch(domain:a.example:8080)", "a.example:8080", True, True),
        ("web_fetch(domain:*.a.example)", "b.a.example", True, True),
        ("web_fetch(domain:*.a.example)", "a.example", False, False),
        ("web_fetch(domain:a.example)", "bada.example", False, False),
        ("web_fetch(domain:a.example)", "a.example.evil.example", False, False),
        ("web_fetch(domain:[::1]:80)", "[::1]:80", True, True),
        ("web_search(domain:a.example)", "a.example", False, False),
        ("read(a.example)", "a.example", False, False),
    ],
)
def test_what_a_rule_is_about(rule: str, domain: str, allows: bool, forbids: bool) -> None:
    assert check(rule) == ""
    assert (ask(domain, allow=rule).verdict == "allow") is allows
    for mode in MODES:
        assert (ask(domain, mode, deny=rule).verdict == "deny") is forbids
        assert (ask(domain, mode, ask=rule).rule == rule) is forbids


def test_rules_that_are_not_understood() -> None:
    for rule in (
        "web_fetch(a.example)",
        "web_fetch(https://a.example)",
        "web_search(domain:)",
        "web_fetch(domain:a b)",
    ):
        assert "domain:example.org" in check(rule), rule


def test_a_search_goes_to_its_provider() -> None:
    decision = ask("api.search.example", tool="web_search")
    assert decision.verdict == "ask" and decision.always == "web_search(domain:api.search.example)"
    assert "query" in decision.reason


def test_an_address_that_cannot_be_is_left_to_the_tool_and_a_guest_is_asked_for() -> None:
    assert ask("").verdict == "allow"
    assert ask("", tool="my_own").verdict == "ask" and ask("", tool="my_own").always == "my_own"
    assert ask("", tool="my_own", allow="my_own").verdict == "allow"
