"""Runs as a process of its own, which a page may keep busy or break: from HTML to its main text as Markdown.

First line of stdin: JSON {library: a folder to import from, base: URL of the page, memory: bytes}. The rest is HTML in
UTF-8. stdout: JSON {title, text}.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

DEEPEST = 150  # what lies deeper keeps its words only: to turn it takes time that grows with the square of the depth
LITTLE = 200  # characters: a "main part" with less is none
_NEVER = "script style noscript template svg canvas iframe object embed button select input textarea dialog head"
_AROUND = "nav header footer aside"
_NOT_SHOWN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LANGUAGE = re.compile(r"(?:language|lang|highlight-source|highlight|brush:?)[-\s]+([A-Za-z0-9+#]{1,20})")


def main() -> None:
    job = json.loads(sys.stdin.buffer.readline())
    sys.path.append(job["library"])
    with suppress(ValueError, OSError):  # not everywhere can memory be bounded
        resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer = readable(sys.stdin.buffer.read().decode("utf-8", "replace"), job["base"])
    data = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")  # half as long, or less
    while data:
        data = data[os.write(1, data) :]


def readable(html: str, base: str) -> dict[str, Any]:
    from bs4 import BeautifulSoup, Tag
    from bs4.element import PreformattedString

    soup = BeautifulSoup(html, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    root = soup.find("base", href=True)
    if root is not None:
        base = _joined(base, str(root["href"]))
    never = frozenset(_NEVER.split())
    for node in list(soup.descendants):
        gone = node.name in never or _unseen(node) if isinstance(node, Tag) else isinstance(node, PreformattedString)
        if gone:  # remarks are preformatted strings, too
            node.extract()
    _flatten(soup)
    for tag in soup.find_all(["a", "img"]):
        _shorten(tag, base)
    text = _markdown(_main_part(soup))
    if len(text) < LITTLE:
        text = max(text, _markdown(soup), key=len)
    return {"title": " ".join(title.split()), "text": text}


def _unseen(tag: Any) -> bool:
    return (
        tag.has_attr("hidden")
        or tag.get("aria-hidden") == "true"
        or _NOT_SHOWN.search(str(tag.get("style", ""))) is not None
    )


def _flatten(soup: Any) -> None:
    """Tags that lie too deep are put in the place of their words, which are kept."""
    from bs4 import Tag

    waiting = [(soup, 0)]
    while waiting:
        tag, depth = waiting.pop()
        for child in list(tag.children):
            if not isinstance(child, Tag):
                continue
            if depth >= DEEPEST:
                child.replace_with(f" {child.get_text(' ', strip=True)} ")
            else:
                waiting.append((child, depth + 1))


def _main_part(soup: Any) -> Any:
    for found in (soup.find_all("main"), soup.find_all(attrs={"role": "main"}), soup.find_all("article")):
        if len(found) == 1 and len(found[0].get_text(strip=True)) >= LITTLE:
            return found[0]
    # A page of several articles is read whole, without what stands around them.
    for tag in soup.find_all(_AROUND.split()):
        if tag.find_parent(["article", "main"]) is None:
            tag.extract()
    return soup


def _shorten(tag: Any, base: str) -> None:
    """Links lead somewhere from anywhere; of pictures and of links that lead nowhere the words stay."""
    if tag.name == "img":
        tag.replace_with(f"[image: {tag['alt']}]" if str(tag.get("alt", "")).strip() else "")
        return
    goal = str(tag.get("href", ""))
    if goal.startswith(("#", "javascript:", "data:")) or not tag.get_text(strip=True):
        tag.unwrap()
    else:
        tag["href"] = _joined(base, goal)
        del tag["title"]


def _joined(base: str, goal: str) -> str:
    try:
        return urljoin(base, goal)
    except ValueError:
        return goal


def _markdown(soup: Any) -> str:
    from markdownify import MarkdownConverter

    converter = MarkdownConverter(
        heading_style="ATX",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        code_language_callback=_language,
        table_infer_header=True,
    )
    text = re.sub(r"[ \t]+\n", "\n", converter.convert_soup(soup))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _language(pre: Any) -> str:
    """The language of a code block, from the classes that highlighters give it or what is around it."""
    inside = pre.find("code")
    around = [pre.parent, pre.parent.parent if pre.parent else None]
    for tag in (pre, inside, *around):
        found = _LANGUAGE.search(" ".join(tag.get("class") or ())) if tag is not None else None
        if found and found[1] not in ("default", "none"):
            return str(found[1])
    return ""


if __name__ == "__main__":
    main()
