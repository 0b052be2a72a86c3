"""The page and the Markdown, as a browser and a renderer read them: whole, self-contained, and not to be fooled."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from minicode.export.html import page
from minicode.export.markdown import fence, markdown, tame
from minicode.export.prose import prose
from minicode.export.story import Story
from minicode.export.telling import tell
from minicode.journal.reader import load

VOID = {"meta", "br", "input"}
ATTRIBUTES = {"class", "id", "href", "open", "dir", "lang", "aria-label", "type", "for", "charset", "name", "content"}
OURS = {"details", "summary", "sub"}  # the tags that the Markdown has of its own


class Read(HTMLParser):
    """A page as it is read: its tags, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        # The parser of the standard library does not know that these may be left open.
        assert [tag for tag in self._open if tag not in ("li", "p")] == []

    @property
    def text(self) -> str:
        return "".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open[-1] != tag:
            assert self._open.pop() in ("li", "p"), f"</{tag}> closes what it did not open"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def story(author: Any) -> Story:
    return tell(load(author.path, judged=False), sides=True)


@pytest.mark.parametrize("which", ["rich", "hostile"])
def test_the_page_runs_nothing_and_fetches_nothing(which: str, request: pytest.FixtureRequest) -> None:
    html = "".join(page(story(request.getfixturevalue(which))))
    read = Read(html)
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "svg", "video", "audio"}
    for tag, attributes in read.tags:
        assert set(attributes) <= ATTRIBUTES | ({"http-equiv"} if tag == "meta" else set()), (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in read.style
    assert "@import" not in read.style
    [policy] = [a["content"] or "" for tag, a in read.tags if a.get("http-equiv") == "Content-Security-Policy"]
    digest = b64encode(sha256(read.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")


def test_links_lead_somewhere(rich: Any) -> None:
    tags = Read("".join(page(story(rich)))).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [(attributes["href"] or "")[1:] for _, attributes in tags if "href" in attributes]
    assert links
    assert set(links) <= set(ids)


def test_harm_is_text(hostile: Any) -> None:
    html = "".join(page(story(hostile)))
    text = Read(html).text
    assert text.count("<script>alert(1)</script>") > 8
    assert "<U+202E>" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]", html)


def test_all_is_on_the_page(rich: Any) -> None:
    html = "".join(page(story(rich)))
    read = Read(html)
    text = read.text
    for words in (
        "A planner that forgets",
        "Look first; a guess is worth little.\n\nThe tests say what it promises.",
        "cd planner && python -m pytest -q --maxfail=3",
        "tests/test_planner.py::test_59 PASSED",
        "-    end = spans[-1]",
        "mind the leap days",
        "test_leap: AssertionError: 28 != 29",
        "allowed by user: It runs a command.",
        "▶ mend it",
        "Leap days are ev",
        "the beginning",
        "A branch that was left",
        "Mend the planner.",
    ):
        assert words in text, words
    thoughts = [a for tag, a in read.tags if tag == "details" and a.get("class") == "thought"]
    assert len(thoughts) == 5
    assert all("open" not in attributes for attributes in thoughts)
    assert html.count("<del>") == html.count("<ins>") == 1
    assert "$0.0007" in text
    assert "75 % cached" in text


@pytest.mark.parametrize("lines", [3, 40])
def test_what_a_program_coloured_is_coloured_on_the_page(author: Any, lines: int) -> None:
    author.says("Go.")
    author.reply(*({"type": "tool_use", "id": id_, "name": "bash", "input": {}} for id_ in ("c1", "c2", "c3")))
    words = "\n".join(["<b>ad</b> &", "good", *map(str, range(2, lines))])
    colours = [[0, 3, 5, "bold red"], [1, 0, 4, "underline #00cc00"], [2, 0, 1, "white"]]
    output = {"show": "output", "text": words, "colours": colours}
    author.result("c1", f"{words}\n[exit code 0]", False, 0.1, output)
    author.result("c2", "something else", False, 0.1, output)
    author.result("c3", f"{words}\n", False, 0.1, {**output, "colours": [[0, 0, 2, "red' onload='x"]]})
    author.put("end", reason="done")
    html = "".join(page(story(author)))
    times = 1 if lines < 20 else 2  # the head alone, and all of it
    assert html.count("<pre>&lt;b&gt;<span class='o-bold o-red'>ad</span>&lt;/b&gt; &amp;") == times
    assert html.count("<span class='o-underline o-green'>good</span>") == times
    assert len(re.findall("class='o-", html)) == 2 * times
    read = Read(html)
    assert read.text.count(words) == 2 and {".o-red", ".o-underline"} <= set(re.findall(r"\.o-[a-z]+", read.style))


def test_what_a_fold_stands_for_is_still_there(author: Any) -> None:
    author.says("one")
    old = author.reply({"type": "text", "text": "uno"})
    author.put("fold", upto=old, text="they counted", clipped=[])
    read = Read("".join(page(story(author))))
    classes = {attributes.get("id"): attributes.get("class") for _, attributes in read.tags}
    assert classes[old] == "step last answer past"
    assert "uno" in read.text
    assert "they counted" in read.text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** `<c>` *d*", "<p>a <b>b</b> <code>&lt;c&gt;</code> <i>d</i></p>"),
        ("2 * 3 * 4 and a_b", "<p>2 * 3 * 4 and a_b</p>"),
        ("# Head\nbody", "<p class=h>Head</p><p>body</p>"),
        ("```py\n<x>\n\n**y**\n```\nz", "<pre class=code>&lt;x&gt;\n\n**y**</pre><p>z</p>"),
        ("````\n```\n````", "<pre class=code>```</pre>"),
        ("```\nnever closed", "<pre class=code>never closed</pre>"),
        ("[x](javascript:y)", "<p>[x](javascript:y)</p>"),
        (
            "- a\n  b\n  - c",
            "<ul><li class=d0><span class=sign>•</span>a\nb</li><li class=d1><span class=sign>•</span>c</li></ul>",
        ),
        (
            "| a | b |\n|---|---|\n| 1 | <2> |",
            "<div class=wide><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>&lt;2&gt;</td></tr></table></div>",
        ),
    ],
)
def test_prose(text: str, html: str) -> None:
    assert prose(text) == html


def rendered(text: str) -> Read:
    """As a renderer that lets HTML through reads it."""
    return Read(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def test_all_is_in_the_markdown(rich: Any) -> None:
    source = "".join(markdown(story(rich)))
    read = rendered(source)
    for words in (
        "Look first; a guess is worth little.",
        "cd planner && python -m pytest -q --maxfail=3",
        "tests/test_planner.py::test_59 PASSED",
        "-    end = spans[-1]",
        "mind the leap days",
        "Leap days are ev",
        "A branch that was left",
        "Mend the planner.",
        "$0.0007",
    ):
        assert words in read.text, words
    assert sum(tag == "details" for tag, _ in read.tags) == 7  # five thoughts, a long output, a summary
    assert [tag for tag, _ in read.tags if tag in ("h1", "h2", "h3")] == [
        *("h1", "h2", "h3", "h3", "h3"),
        *("h2", "h3", "h3", "h2", "h3"),
    ]


def test_no_words_pass_for_a_part_of_the_markdown(hostile: Any) -> None:
    source = "".join(markdown(story(hostile)))
    read = rendered(source)
    tags = [tag for tag, _ in read.tags]
    assert not {"script", "img", "b", "a", "pre/"} & set(tags)
    assert tags.count("h1") == 1
    assert tags.count("h2") == 2  # the two that the user said
    assert tags.count("summary") == tags.count("details")
    assert read.text.count("<script>alert(1)</script>") > 8
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]", source)


@pytest.mark.parametrize(
    "text",
    [
        "</details></script> ``` ~~~~ ![x](http://evil.invalid/x.png)\n# You\n\n```\n</pre>\n~~~\n````\n<script>",
        "- ```\n  ```\n<script>",
        "> ```\n<script>\n> ```",
        "1. ~~~\n\n   ~~~\n<script>",
        "x ` y\nz `<script>` w",
        "\\`<script>`",
        "`` ` <script> ``` `",
        "```\n<a>\n    ```\n<script>",
        "~~~ `\n```\n~~~\n<script>",
        "``` a`b\n<script>\n```",
        "<!--\n\n--><script>",
        "\t```\n<script>\n\t```",
        "&lt;script>&#60;script>",
        "text\n===\ntext\n---\n# a\n> ## b\n- # c",
        "1. ## You\n23) - # M2\n   10. # x",
        "[a]: <script> 'x'\n![a][a] !\\[a](b)",
        "```\n```\n```\n<script>",
    ],
)
@pytest.mark.parametrize("around", ["", "> "])
def test_tamed_text_stays_in_its_place(text: str, around: str) -> None:
    tamed = "\n".join(around + line for line in tame(text).split("\n"))
    read = rendered(f"# first\n\n{tamed}\n\n# last\n")
    tags = [tag for tag, _ in read.tags]
    assert "script" not in tags
    assert "img" not in tags
    assert [tag for tag in tags if tag in ("h1", "h2", "h3", "h4")] == ["h1", "h1"]
    assert read.words[-2] == "last"


def test_code_keeps_its_letters() -> None:
    assert rendered(tame("use `List<int>` & go\n\n```\na < b & c\n```")).text.split("\n") == [
        *("use List<int> & go", "a < b & c", "", ""),
    ]


def test_a_fence_is_longer_than_any_in_it() -> None:
    assert fence("a ````` b\n").splitlines()[0] == "``````text"
