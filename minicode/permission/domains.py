"""Rules about the web, `web_fetch(domain:example.org)`: which domain each is about."""

from __future__ import annotations

import re
from collections.abc import Iterable

from minicode.permission.rules import rules_about


def domain_rule(rules: Iterable[str], tool: str, domain: str, *, strict: bool) -> str:
    """The first of the rules about this tool and domain, "" for none.

    domain: as `web.address.Url.domain`. strict: for rules that forbid or ask: they are about all ports, and about what
    lies below the name as well.
    """
    names = {domain, re.sub(r":\d+$", "", domain)} if strict and not domain.endswith("]") else {domain}
    for rule in rules_about(rules, tool.casefold()):
        wanted = rule.pattern.casefold().removeprefix("domain:").removeprefix("www.")
        only_below = wanted.startswith("*.")
        stem = wanted.removeprefix("*.")
        here = not rule.pattern or (stem in names and not only_below)
        if here or ((strict or only_below) and any(name.endswith(f".{stem}") for name in names)):
            return rule.text
    return ""
